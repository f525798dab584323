"""How far apart times are, what comes next, and after how many steps a series repeats itself."""

import numpy as np
import pandas as pd
import pytest

from trainwise.toolkit.data.time_steps import TimeStep, find_season, find_step


def _times(stamps):
    return pd.DatetimeIndex(stamps).astype("datetime64[ns]").astype("int64").to_numpy("float64")


@pytest.mark.parametrize(
    ("frequency", "unit", "season"),
    [("MS", "months", 12), ("ME", "months", 12), ("QS", "months", 4), ("YS", "months", 0), ("D", "nanoseconds", 7),
     ("h", "nanoseconds", 24), ("15min", "nanoseconds", 96), ("7D", "nanoseconds", 52), ("B", "weekdays", 5),
     ("36h", "nanoseconds", 0)],
)  # fmt: skip
def test_the_step_of_each_frequency_goes_on_as_pandas_does(frequency, unit, season):
    stamps = pd.date_range("2019-01-31 00:00", periods=40, freq=frequency)
    step = find_step(_times(stamps[:30]), "%Y-%m-%d %H:%M")
    assert (step.unit, step.season) == (unit, season)
    assert step.places(_times(stamps[:30])).tolist() == list(range(30))
    assert step.after(_times(stamps)[29], 10) == stamps[30:].strftime("%Y-%m-%d %H:%M").tolist()


def test_missing_times_leave_places_out():
    days = pd.date_range("2020-01-01", periods=10, freq="D").delete([5, 6])
    step = find_step(_times(days), "%Y-%m-%d")
    assert step.places(_times(days)).tolist() == [0, 1, 2, 3, 4, 7, 8, 9]
    months = pd.date_range("2020-01-01", periods=10, freq="MS").delete([5])
    assert find_step(_times(months), "%Y-%m-%d").places(_times(months)).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_numbers_go_on_as_they_are_written():
    assert find_step(np.array([1990.0, 1992, 1994, 1998])) == TimeStep("number", 2.0)
    assert TimeStep("number", 2.0).after(1998.0, 2) == ["2000", "2002"]
    assert TimeStep("number", 0.5).after(1.0, 2) == ["1.5", "2"]


def test_distances_that_differ_count_rows():
    step = find_step(np.array([0.0, 1.0, 1.7, 4.0, 5.0]))
    assert step.unit == "rows" and step.after(5.0, 2) == ["+1", "+2"]
    assert step.places(np.array([0.0, 1.0, 1.7])).tolist() == [0, 1, 2]
    assert find_step(np.array([3.0])).unit == "rows"


@pytest.mark.parametrize("period", [4, 7, 12, 24])
def test_a_season_is_found_in_noise_on_a_trend(period):
    place = np.arange(30 * period)
    noise = np.random.default_rng(period).normal(0, 0.3, len(place))
    assert find_season(np.sin(place / period * 2 * np.pi) + place / 100 + noise, 40) == period


@pytest.mark.parametrize(
    "values", [np.zeros(60), np.arange(60.0), np.random.default_rng(1).normal(size=200), np.arange(5.0)]
)
def test_what_does_not_repeat_has_no_season(values):
    assert find_season(values, 30) == 0
