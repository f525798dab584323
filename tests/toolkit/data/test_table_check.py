"""What is wrong with a table before any model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from trainwise.toolkit import data
from trainwise.toolkit.data.table_check import leaks, table_lines, table_warnings


@pytest.fixture
def frame(rng):
    size = rng.normal(size=600)
    return pd.DataFrame(
        {
            "size": size,
            "town": rng.choice(["a", "b", "c"], 600),
            "day": pd.date_range("2020-01-01", periods=600).strftime("%Y-%m-%d"),
            "kind": np.where(size + rng.normal(size=600) > 0, "x", "y"),
        }
    )


def test_a_sound_table_has_no_warning(frame):
    assert table_warnings(data.load(frame)) == []
    lines = table_lines(data.load(frame))
    assert lines[-1] == "Nothing stands in the way of a fit." and "  'town': category, 3 different" in lines


@pytest.mark.parametrize("words", [False, True])
def test_a_copy_of_the_target_is_a_leak(frame, words):
    copy = (frame["kind"] == "x").map({True: "ja", False: "nein"} if words else {True: 7, False: 3})
    told = leaks(data.load(frame.assign(other=copy)[["size", "other", "kind"]]))
    assert len(told) == 1 and told[0].startswith("'other' is a copy of the target 'kind': alone it explains 100.0%")


def test_a_column_that_tells_a_quantity_is_a_leak_with_the_share_it_explains(rng):
    size = rng.uniform(size=2000)
    frame = pd.DataFrame({"size": size, "near": size + rng.normal(size=2000) * 0.005, "price": np.sin(3 * size)})
    told = leaks(data.load(frame))
    assert [line.split(" ")[0] for line in told] == ["'size'", "'near'"]
    honest = pd.DataFrame({"size": size, "price": size + rng.normal(size=2000) * 0.15})
    # As much as a line explains, which is no leak.
    assert (
        0.7 < LinearRegression().fit(honest[["size"]], honest["price"]).score(honest[["size"]], honest["price"]) < 0.9
    )
    assert leaks(data.load(honest)) == []


def test_rows_that_repeat_are_counted_as_pandas_counts_them(frame):
    doubled = pd.concat([frame, frame.iloc[:200]])
    splits = data.load(doubled)
    train, held = (pd.DataFrame(part.x) for part in (splits.train, splits.validation))
    shared = held.merge(train.drop_duplicates(), how="inner")
    told = table_warnings(splits)
    assert f"{int(train.duplicated().sum())} of {len(train)} training rows repeat another in all columns." in told
    assert any(line.startswith(f"{len(shared)} of {len(held)} validation rows stand among") for line in told)


def test_a_rare_class_and_the_accuracy_of_the_constant_are_told(frame, rng):
    frame["kind"] = np.where(np.arange(600) % 40 == 0, "fraud", "sound")
    told = table_warnings(data.load(frame))
    assert any("Class 'fraud' has" in line and "'sound' always is right in 97" in line for line in told)


def test_gaps_in_most_rows_are_told(frame):
    frame.loc[frame.index % 3 > 0, "size"] = np.nan
    assert "'size' has gaps in 67% of the rows." in table_warnings(data.load(frame))


def test_drift_between_splits_by_time_is_told(frame):
    frame["size"] += np.arange(600) / 100
    told = table_warnings(data.load(frame, time="day"))
    assert any(line.startswith("'size' differs between training and validation rows") for line in told)
    assert not any("differs" in line for line in table_warnings(data.load(frame)))
