"""Tables larger than memory: which rows are drawn, and that none is lost or seen twice."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import trainwise as tw
from trainwise.toolkit.data.large_tables import drawn_table
from trainwise.toolkit.data.table_files import table_parts


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "rows.csv"
    generator = np.random.default_rng(0)
    size = generator.normal(0, 1, 5000)
    frame = pd.DataFrame({"row": range(5000), "size": size, "kind": generator.choice(list("abc"), 5000)})
    frame.assign(y=np.where(size + generator.normal(0, 0.3, 5000) > 0, "yes", "no")).to_csv(path, index=False)
    return path


def rows_of(tables):
    return [int(row) for table, at in tables for row in table.frame["row"].iloc[at]]


def test_each_row_is_drawn_or_left_and_the_drawn_ones_come_from_everywhere(file):
    table, others = drawn_table(file, 700, seed=1, part=600)
    held, left = rows_of([(table, slice(None))]), rows_of(others.parts())
    assert (len(held), len(left), others.count) == (700, 4300, 4300)
    assert sorted(held + left) == list(range(5000))
    # The Kolmogorov-Smirnov test of scipy against rows that are all as likely.
    assert kstest(np.array(held) / 5000, "uniform").pvalue > 0.01
    assert rows_of(others.parts()) == left
    assert held == rows_of([(drawn_table(file, 700, seed=1, part=600)[0], slice(None))])
    assert held != rows_of([(drawn_table(file, 700, seed=2, part=600)[0], slice(None))])


def test_a_table_that_fits_has_no_other_rows(file):
    table, others = drawn_table(file, 5000, seed=0)
    assert table.rows == 5000 and others is None


def test_a_file_that_changes_while_it_is_read_is_refused(file, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.read_bytes())
    _, others = drawn_table(copy, 100, seed=0, part=500)
    with copy.open("a") as end:
        end.write("1,2,a,yes\n")
    with pytest.raises(ValueError, match="copy.csv has changed while it was read"):
        next(others.parts())
    _, others = drawn_table(copy, 100, seed=0, part=500)
    parts = others.parts()
    next(parts)
    copy.write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match="has changed while it was read"):
        list(parts)


def test_load_splits_the_drawn_rows_and_says_so(file):
    splits = tw.data.load(file, in_memory=1000, drop=["row"])
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (700, 150, 150)
    assert splits.others.count == 4000
    assert "1,000 rows drawn of 5,000 are held in memory" in splits.notes[0]


def test_wide_tables_are_held_and_read_by_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("trainwise.toolkit.data.table_files._CELLS_AT_ONCE", 200)
    monkeypatch.setattr("trainwise.toolkit.data.large_tables._CELLS_HELD", 600)
    monkeypatch.setattr("trainwise.toolkit.data.large_tables._FEWEST_HELD", 5)
    frame = pd.DataFrame(np.arange(4000).reshape(200, 20)).add_prefix("c")
    frame.to_csv(tmp_path / "wide.csv", index=False)
    frame.to_parquet(tmp_path / "wide.parquet")
    frame[["c0", "c1"]].to_csv(tmp_path / "narrow.csv", index=False)
    for name, at_once, held in (("wide.csv", 10, 30), ("wide.parquet", 10, 30), ("narrow.csv", 100, 200)):
        assert max(part.rows for part in table_parts(tmp_path / name)) == at_once
        assert drawn_table(tmp_path / name, None, seed=0)[0].rows == held


def test_messages_count_the_rows_of_the_file_and_not_those_that_were_drawn(tmp_path):
    frame = pd.DataFrame({"size": np.arange(2000) + 0.5, "y": ["", "a", "b", "a"] * 500}).astype(object)
    frame.loc[3::37, "size"] = "heavy"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(ValueError, match="mixes numbers and words") as error:
        tw.data.load(tmp_path / "rows.csv", in_memory=300)
    row = int(re.search(r"'heavy' in row (\d+)", str(error.value))[1])
    line = (tmp_path / "rows.csv").read_text().splitlines()[row - 1]
    assert line.startswith("heavy,") and line[-1] in "ab"


def test_what_was_decided_by_the_free_memory_can_be_decided_so_again(file, monkeypatch):
    monkeypatch.setattr("trainwise.toolkit.data.sources.is_too_large", lambda path: True)
    monkeypatch.setattr("trainwise.toolkit.data.large_tables._ROWS_HELD", 1000)
    small = tw.data.load(file, drop=["row"])
    assert small.in_memory == 1000 and tw.data.load(file, drop=["row"], in_memory=0).in_memory == 0
    monkeypatch.setattr("trainwise.toolkit.data.sources.is_too_large", lambda path: False)
    whole = tw.data.load(file, drop=["row"])
    assert whole.in_memory == 0 and whole.others is None and len(whole.train) == 3500
    again = tw.data.load(file, drop=["row"], in_memory=small.in_memory)
    assert again.fingerprint == small.fingerprint != whole.fingerprint


def test_a_change_of_a_row_that_was_not_drawn_shows_in_the_fingerprint(file, tmp_path):
    text = file.read_text()
    undrawn = next(iter(drawn_table(file, 1000, seed=0)[1].parts()))
    row = undrawn[0].frame["row"].iloc[undrawn[1][0]]
    edited = tmp_path / "rows.csv"
    edited.write_text(text.replace(f"\n{row},", f"\n{row},1"))
    before, after = (tw.data.load(one, in_memory=1000, drop=["row"]) for one in (file, edited))
    np.testing.assert_array_equal(before.train.y, after.train.y)
    assert before.fingerprint != after.fingerprint
    edited.write_text(text)
    assert before.fingerprint == tw.data.load(edited, in_memory=1000, drop=["row"]).fingerprint


@pytest.mark.parametrize("options", [{"group": "kind"}, {"time": "row"}, {"forecast": 1}, {"sequence": "kind"}])
def test_what_asks_for_all_rows_at_once_is_refused(file, options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` asks for all rows at once"):
        tw.data.load(file, in_memory=1000, **options)
    with pytest.raises(ValueError, match="`in_memory` must be .*99"):
        tw.data.load(file, in_memory=99)
    with pytest.raises(ValueError, match="`in_memory` is for a table in a file"):
        tw.data.load("iris", in_memory=1000)
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        tw.data.load("nowhere.csv", in_memory=1000)
