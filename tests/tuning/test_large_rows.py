"""A table larger than what is held: all its rows are learnt from, as the held ones are read."""

import numpy as np
import pandas as pd
import pytest
from commands import in_this_process

import trainwise as tw
from trainwise.toolkit.models.table_encoder import TableEncoder
from trainwise.tuning.large_rows import other_rows, rows_on_disk


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    generator = np.random.default_rng(0)
    size = generator.normal(100, 20, 3000)
    frame = pd.DataFrame({
        "size": [f"{one:.1f}" for one in size],
        "town": generator.choice(["Seoul", "Busan", "NA", ""], 3000),
        "day": pd.date_range("2020-01-01", periods=3000).strftime("%d.%m.%Y"),
        "ill": np.where(size + generator.normal(0, 5, 3000) > 100, "yes", "no"),
    })  # fmt: skip
    frame.loc[7, "size"] = ""
    frame.loc[[5, 900], "ill"] = ""
    folder = tmp_path_factory.mktemp("large")
    frame.to_csv(folder / "ill.csv", index=False)
    return folder, frame


def test_other_rows_are_read_as_the_whole_table_is(table):
    folder, frame = table
    splits = tw.data.load(folder / "ill.csv", in_memory=500)
    parts = list(other_rows(splits))
    whole = tw.data.load(folder / "ill.csv", columns={"day": "date"})
    assert sum(len(part) + lost for part, lost in parts) == 2500
    # By pandas, row by row: days tell which row of the file it is.
    by_day = frame.set_index("day")
    for part, _ in parts:
        rows = by_day.loc[list(part.x["day"])]
        np.testing.assert_allclose(part.x["size"], pd.to_numeric(rows["size"]), rtol=1e-6)
        assert [splits.classes[int(y)] for y in part.y] == rows["ill"].tolist()
    assert {type(word) for word in parts[0][0].x["town"]} == {str}
    assert set(parts[0][0].x["town"]) == set(whole.train.x["town"])


def test_all_training_rows_stand_on_disk_encoded_as_the_held_ones_are(table):
    folder, _ = table
    splits = tw.data.load(folder / "ill.csv", in_memory=500)
    encoder = TableEncoder(splits.columns, splits.train.x)
    held = tw.data.Split(encoder.encode(splits.train.x), splits.train.y)
    rows, lost = rows_on_disk(splits, encoder, held)
    x, y = rows.block(0)
    np.testing.assert_array_equal(x[: len(held)], held.x)
    part = next(other_rows(splits))[0]
    np.testing.assert_array_equal(x[len(held) : len(held) + len(part)], encoder.encode(part.x))
    assert rows.rows + lost == len(splits.train) + 2500 and rows.rows == len(y) and lost <= 2


def test_a_cell_that_is_not_what_its_column_is_names_row_and_value(table, tmp_path):
    _, frame = table
    bad = frame.copy()
    bad.loc[2999, "size"] = "heavy"
    bad.to_csv(tmp_path / "bad.csv", index=False)
    splits = tw.data.load(tmp_path / "bad.csv", in_memory=500, columns={"size": "number"})
    with pytest.raises(ValueError, match="column 'size', got 'heavy' in row 3001"):
        list(other_rows(splits))


def test_classes_that_were_not_drawn_count_to_the_merged_ones_and_are_skipped_otherwise(tmp_path):
    kinds = np.random.default_rng(0).permutation([1.0] * 400 + [2.0] * 400 + [float(one) for one in range(10, 110)] * 2)
    pd.DataFrame({"size": np.arange(1000) + 0.5, "kind": kinds}).to_csv(tmp_path / "kinds.csv", index=False)
    for rare, classes, skipped in (("merge", ("1", "2", "other"), 0), ("drop", ("1", "2"), 160)):
        splits = tw.data.load(tmp_path / "kinds.csv", in_memory=200, rare=rare, task="multiclass")
        parts = list(other_rows(splits))
        assert splits.classes == classes and abs(sum(lost for _, lost in parts) - skipped) < (1 if not skipped else 20)
        for part, _ in parts:
            kind = kinds[np.asarray(part.x)[:, 0].astype(int)]
            np.testing.assert_array_equal(part.y, np.select([kind == 1, kind == 2], [0, 1], 2))


@pytest.mark.slow
def test_a_run_learns_from_all_rows_and_says_so(table):
    folder, _ = table
    done = in_this_process(
        "run", "--data", "ill.csv", "--in-memory", 500, "--epochs", 2, "--members", 2, "--refit", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "500 rows drawn of 3,000 are held in memory" in done.stdout
    assert "training rows on disk" in done.stdout and "fitted to" in done.stdout
    answered = in_this_process("predict", "runs/ill/models/ill", "ill.csv", cwd=folder)
    truth = pd.read_csv(folder / "ill.csv", keep_default_na=False)["ill"]
    answers = [line.split(",")[0] for line in answered.stdout.splitlines()[1:]]
    assert np.mean(truth == answers) > 0.85
