"""Series of tables as windows, parted by time; what is odd in them is said or refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import trainwise as tw
from trainwise.toolkit.data.calendar_parts import calendar_values, find_parts
from trainwise.toolkit.data.columns import Column
from trainwise.toolkit.data.forecasts import Forecast, last_windows
from trainwise.toolkit.data.table_files import from_frame
from trainwise.toolkit.data.time_steps import TimeStep
from trainwise.toolkit.data.window_words import WindowWords

DAYS = pd.date_range("2021-01-01", periods=120, freq="D").strftime("%Y-%m-%d")


def _sales(**columns):
    return pd.DataFrame({"day": DAYS, **columns, "sold": np.arange(120) * 10})


def _loaded(frame, **options):
    return tw.data.load(frame, **{"target": "sold", "forecast": 2, "window": 5, "time": "day", **options})


def _said(splits, words):
    return [note for note in splits.notes if words in note]


def test_windows_hold_the_values_before_and_targets_those_that_follow():
    splits = _loaded(_sales())
    test = splits.test.open("a look")
    for part in (splits.train, splits.validation, test):
        # Beside the values a channel for each weekday.
        assert part.x.shape[1:] == (5, 8) and part.y.shape[1:] == (2,)
        first = part.x[:, :1, 0]
        assert np.array_equal(part.x[:, :, 0], first + 10 * np.arange(5))
        assert np.array_equal(part.y, first + 10 * np.arange(5, 7))


@pytest.mark.parametrize(("window", "steps"), [(5, 2), (1, 1), (12, 6), (30, 1)])
def test_no_split_answers_or_looks_at_what_another_learns(window, steps):
    splits = _loaded(_sales(), window=window, forecast=steps)
    test = splits.test.open("a look")
    answers = [set(np.ravel(part.y)) for part in (splits.train, splits.validation, test)]
    assert max(answers[0]) < min(answers[1]) and max(answers[1]) < min(answers[2])
    assert not set(np.ravel(test.x[:, :, 0])) & answers[0]
    # The borders stand at the shares of the time.
    assert max(answers[0]) == 830 and min(answers[1]) == 840 and max(answers[2]) == 1190


def test_test_windows_that_look_at_training_answers_are_left_out_and_said():
    splits = _loaded(_sales(), window=30, forecast=1)
    assert _said(splits, "12 test windows that look at what training windows answer are left out")
    assert splits.test.open("a look").x[:, :, 0].min() == 840


def test_one_step_ahead_has_plain_targets():
    assert _loaded(_sales(), forecast=1).train.y.ndim == 1


def test_rows_out_of_order_are_put_in_order_and_said():
    mixed = _sales().sample(frac=1, random_state=0)
    splits, sorted_ones = _loaded(mixed), _loaded(_sales())
    assert _said(splits, "Rows were not in the order of 'day', and are put in it.")
    assert not _said(sorted_ones, "order of 'day'")
    assert splits.fingerprint == sorted_ones.fingerprint


def test_a_time_that_stands_twice_is_refused_with_value_rows_and_cure():
    double = pd.concat([_sales(), _sales().iloc[[7]]])
    with pytest.raises(ValueError, match="'2021-01-08' twice, in rows 8 and 121 .*sum or average .*`sequence`"):
        _loaded(double)
    with pytest.raises(ValueError, match="'2021-01-08' of shop 'a' twice"):
        _loaded(double.assign(shop="a"), sequence="shop")


def test_windows_over_missing_times_are_left_out_and_said():
    splits = _loaded(_sales().drop(index=[20, 21]))
    assert _said(splits, "2 times are missing in 'day': 6 windows over missing times are left out.")
    learnt = np.concatenate([splits.train.x[:, :, 0], splits.train.y], axis=1)
    assert np.all(np.diff(learnt, axis=1) == 10)


def test_with_very_many_missing_times_each_row_is_a_step_and_it_is_said():
    splits = _loaded(_sales().drop(index=range(3, 120, 4)))
    assert _said(splits, "each row counts as one step")


def test_times_at_odd_distances_count_rows_and_it_is_said():
    odd = pd.DataFrame({"at": np.cumsum(np.random.default_rng(0).uniform(1, 3, 60)), "sold": np.arange(60.0)})
    splits = _loaded(odd, time="at")
    assert _said(splits, "Times are 1.0") and splits.forecast.step.unit == "rows"


def test_weekdays_are_a_step_apart():
    weekdays = pd.bdate_range("2021-01-04", periods=120).strftime("%Y-%m-%d")
    splits = _loaded(_sales().assign(day=weekdays), window=None)
    assert _said(splits, "Weekends have no rows") and splits.forecast.season == 5


def test_gaps_in_the_target_count_as_missing_times_and_others_are_filled_by_the_value_before():
    frame = _sales(price=np.arange(120.0)).astype({"sold": "float64"})
    frame.loc[50, "sold"], frame.loc[10, "price"] = np.nan, np.nan
    splits = _loaded(frame)
    assert _said(splits, "1 row has no value in the target 'sold': the time counts as missing.")
    assert _said(splits, "1 gap of other columns filled with the value before.")
    assert _said(splits, "Past values of 'price' are looked back at too.")
    window = next(row for row in splits.train.x if row[0, 0] == 80)
    assert window[:, 1].tolist() == [8, 9, 9, 11, 12]
    assert not np.isin(500, splits.train.x[:, :, 0])


def test_columns_of_words_have_a_channel_for_each_common_word():
    weather = ["dry", "wet", "dry", "hail"] * 29 + ["fog", "", "wet", "dry"]
    splits = _loaded(_sales(weather=weather))
    assert _said(splits, "Past values of 'weather' are looked back at too.")
    assert splits.forecast.words == (WindowWords("weather", ("dry", "hail", "wet")),)
    # The gap is filled by the word before, and what stands once shares a channel with all that is unknown.
    written = dict(zip(range(0, 1200, 10), [*weather[:117], "fog", *weather[118:]], strict=True))
    for row in np.concatenate([splits.train.x, splits.test.open("a look").x]):
        expected = [[written[int(value)] == word for word in ("dry", "hail", "wet", "fog")] for value in row[:, 0]]
        assert np.array_equal(row[:, 1:5], expected)


def test_a_series_without_any_word_has_none_of_the_channels():
    frame = pd.concat([_sales(weather="").assign(shop="a"), _sales(weather=["dry", "wet"] * 60).assign(shop="b")])
    splits = _loaded(frame, sequence="shop")
    sums = np.unique(splits.train.x[:, :, 1:4].sum(axis=(1, 2)))
    assert sums.tolist() == [0, 5] and np.all(np.isfinite(splits.train.x))


def test_columns_that_are_neither_numbers_nor_categories_are_left_out_and_said():
    splits = _loaded(_sales(told=[f"a long story of {place} and many words" for place in range(120)]))
    assert _said(splits, "Left out, since a forecast looks back at numbers and categories: 'told'.")


def test_the_calendar_runs_ahead_so_that_a_window_ends_with_the_times_it_answers():
    splits = _loaded(_sales())
    assert splits.forecast.calendar == ("weekday",) and _said(splits, "The calendar is looked at too: weekday.")
    for row in splits.train.x:
        # The value of a day is ten times its place from 2021-01-01 on.
        days = pd.Timestamp("2021-01-01") + pd.to_timedelta(row[:, 0] / 10 + 2, "D")
        assert row[:, 1:].argmax(axis=1).tolist() == days.day_of_week.tolist()
        assert np.all(row[:, 1:].sum(axis=1) == 1)


def _nanoseconds(dates):
    return dates.to_numpy("datetime64[ns]").astype("int64").astype("float64")


def test_hours_and_months_are_points_on_a_circle():
    hours = pd.date_range("2020-02-27", periods=24 * 800, freq="h")
    at = calendar_values(_nanoseconds(hours), ["hour", "month"])
    turn = 2 * np.pi * np.stack([hours.hour / 24, (hours.month - 1) / 12], axis=1)
    np.testing.assert_allclose(at, np.stack([np.sin(turn), np.cos(turn)], axis=2).reshape(-1, 4), atol=1e-6)
    assert find_parts(_nanoseconds(hours)) == ("hour", "weekday", "month")


@pytest.mark.parametrize(
    ("periods", "every", "parts"),
    [
        (10, "D", ()),
        (15, "D", ("weekday",)),
        (120, "W", ("month",)),
        (40, "MS", ("month",)),
        (60, "YS", ()),
        (1, "D", ()),
    ],
)
def test_parts_of_the_calendar_are_those_that_a_series_goes_through_twice(periods, every, parts):
    assert find_parts(_nanoseconds(pd.date_range("1950-01-01", periods=periods, freq=every))) == parts


def test_times_that_are_numbers_have_no_calendar():
    splits = _loaded(_sales().assign(day=np.arange(120)))
    assert splits.forecast.calendar == () and splits.train.x.shape[2] == 1


def test_at_odd_distances_the_calendar_is_that_of_the_values():
    days = np.cumsum(np.random.default_rng(0).uniform(0.1, 1.5, 120))
    odd = pd.DataFrame({"at": pd.Timestamp("2021-01-01") + pd.to_timedelta(days, "D"), "sold": np.arange(120.0)})
    odd["at"] = odd["at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    splits = _loaded(odd, time="at")
    assert splits.forecast.lead == 0 and splits.forecast.calendar == ("hour", "weekday")
    row = splits.train.x[0]
    dates = pd.to_datetime(odd["at"].iloc[row[:, 0].astype(int)])
    assert row[:, 3:].argmax(axis=1).tolist() == dates.dt.day_of_week.tolist()
    x, ahead = last_windows(from_frame(odd), splits.forecast)
    assert x.shape == (1, 5, 10) and ahead == [("", "+1"), ("", "+2")]


def test_no_window_crosses_two_series():
    frame = pd.concat([_sales().assign(shop="a"), _sales().assign(shop="b", sold=np.arange(120) * 10 + 5)])
    splits = _loaded(frame, sequence="shop")
    assert splits.forecast.sequence == "shop"
    ends = splits.train.x[:, :, 0] % 10
    assert set(np.ravel(ends)) == {0, 5} and np.all(ends == ends[:, :1])


def test_the_window_is_found_and_said():
    monthly = pd.DataFrame({"month": pd.date_range("2000-01-01", periods=240, freq="MS"), "sold": np.arange(240.0)})
    splits = tw.data.load(monthly, target="sold", forecast=1, time="month")
    assert splits.forecast.window == 24 and _said(splits, "The window is 24 steps, by a season of 12.")
    alone = tw.data.load(pd.DataFrame({"sold": np.arange(100.0)}), target="sold", forecast=1)
    assert alone.forecast.window == 12 and _said(alone, "in the order of time")


def test_the_one_column_of_dates_is_taken_for_the_time():
    assert _said(_loaded(_sales(), time=None), "'day' is taken for the time")
    with pytest.raises(ValueError, match="2 columns hold dates .*name one with `time` .*--time day"):
        _loaded(_sales(paid=DAYS), time=None)


def test_days_without_separators_are_dates():
    packed = _sales().assign(day=pd.to_datetime(DAYS).strftime("%Y%m%d").astype(int))
    assert _loaded(packed).forecast.step == TimeStep("nanoseconds", 86_400e9, "%Y%m%d")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forecast": 0}, "`forecast` must be at least 1, got 0"),
        ({"forecast": 1.5}, "`forecast` must be a whole number"),
        ({"window": 0}, "`window` must be at least 1, got 0"),
        ({"window": 130}, "has 120 steps, and a window of 130 with 2 to forecast takes 132.*shorter `window`"),
        ({"window": 100}, "no window is left for test"),
        ({"task": "binary"}, "A forecast answers numbers, .* got task='binary'"),
        ({"group": "day", "time": None}, "name what tells series apart with `sequence`, not `group`"),
        ({"time": "dat"}, "no column 'dat'.* Did you mean 'day'"),
        ({"target": "day", "time": None}, "'day' holds dates"),
        ({"target": "day"}, "'day' cannot be the target and the time"),
        ({"sequence": "day"}, "'day' cannot be the time and the sequence"),
        ({"drop": ["sold"]}, "'sold' cannot be the target and be dropped"),
        ({"target": "word"}, "'word' holds words, such as 'a', and a forecast is of numbers"),
        ({"target": "none"}, "'none' has no value in any row"),
        ({"forecast": None}, "`window` is for a forecast"),
        ({"target": None, "drop": ["word", "none", "sold"]}, "No column is left to forecast"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_words(options, message):
    frame = _sales(word=["a", "b"] * 60, none=[None] * 120)
    with pytest.raises((ValueError, TypeError), match=message):
        _loaded(frame, **options)


def test_a_forecast_of_arrays_is_refused():
    with pytest.raises(ValueError, match="`forecast`, `window` and `sequence` are for tables, got 'arrays'"):
        tw.data.load((np.zeros((9, 2)), np.zeros(9)), forecast=1)


def test_too_many_values_for_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr("trainwise.toolkit.data.forecasts.free_memory", lambda: 1000)
    with pytest.raises(ValueError, match="120 windows of 5 x 8 values need .* take a shorter `window`"):
        _loaded(_sales())


# What a model is asked for

SOLD = Forecast(2, 3, (Column("sold", "number"),), TimeStep("nanoseconds", 86_400e9, "%Y-%m-%d"), time="day")


def test_the_latest_rows_are_asked_in_the_order_of_time():
    x, ahead = last_windows(from_frame(_sales().iloc[::-1]), SOLD)
    assert x[0, :, 0].tolist() == [1170, 1180, 1190] and ahead == [("", "2021-05-01"), ("", "2021-05-02")]


def test_the_latest_window_is_that_of_training_where_both_know_it():
    frame = _sales(weather=["dry", "wet"] * 60)
    splits = _loaded(frame)
    test = splits.test.open("a look")
    # The last test window is followed by two days more.
    x, ahead = last_windows(from_frame(frame.iloc[:118]), splits.forecast)
    assert np.array_equal(x[0], test.x[-1]) and [day for _, day in ahead] == list(DAYS[118:])


def test_words_that_training_had_not_share_a_channel():
    wanted = replace(SOLD, words=(WindowWords("weather", ("dry", "wet")),))
    x, _ = last_windows(from_frame(_sales(weather=["dry", "wet", "hail"] * 40)), wanted)
    assert x[0, :, 1:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_sales(), "column 'weather' is missing"),
        (_sales(weather="dry").assign(day=range(120)), "takes dates in column 'day', such as %Y-%m-%d, got '0'"),
    ],
)
def test_rows_without_the_words_or_dates_of_a_forecast_are_refused(frame, message):
    wanted = replace(SOLD, words=(WindowWords("weather", ("dry", "wet")),), calendar=("weekday",))
    with pytest.raises(ValueError, match=message):
        last_windows(from_frame(frame), wanted)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_sales().iloc[:2], "holds 2 rows, and the model looks back at 3: give the latest 3"),
        (_sales().drop(columns="day"), "column 'day' is missing"),
        (_sales().assign(sold="many"), "takes numbers in column 'sold', got 'many'"),
        (_sales().assign(sold=[np.nan] * 119 + [1.0]), "column 'sold' begins with a gap"),
    ],
)
def test_rows_that_do_not_fit_a_forecast_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        last_windows(from_frame(frame), SOLD)


def test_a_forecast_survives_its_schema_and_a_damaged_one_is_none():
    kept = SOLD.as_dict()
    assert Forecast.of_dict(kept) == SOLD
    for name, wrong in (("steps", 0), ("window", "3"), ("channels", []), ("time", 3), ("step", {"unit": "eons"})):
        assert Forecast.of_dict({**kept, name: wrong}) is None
    assert Forecast.of_dict({**kept, "step": {**kept["step"], "size": -1}}) is None
    assert Forecast.of_dict(None) is None


def test_words_and_calendar_survive_the_schema_and_damaged_ones_are_none():
    whole = replace(SOLD, words=(WindowWords("weather", ("dry", "wet")),), calendar=("weekday",))
    assert Forecast.of_dict(whole.as_dict()) == whole and whole.width == 11
    for name, wrong in (("words", ["weather"]), ("words", {"weather": [1]}), ("calendar", ["eon"]), ("calendar", 3)):
        assert Forecast.of_dict({**whole.as_dict(), name: wrong}) is None
    of_before = {name: value for name, value in SOLD.as_dict().items() if name not in ("words", "calendar")}
    assert Forecast.of_dict(of_before) == SOLD
