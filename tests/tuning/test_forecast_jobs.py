"""Forecasts from a table to a model that answers the times that follow."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from commands import in_this_process
from sklearn.metrics import r2_score

import trainwise as tw
from trainwise.toolkit.data.columns import Column
from trainwise.toolkit.data.forecasts import Forecast
from trainwise.toolkit.data.time_steps import TimeStep
from trainwise.tuning.forecast_references import fit_forecast_references


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    """Monthly sales of a trend, a season and noise."""
    folder = tmp_path_factory.mktemp("sales")
    place, noise = np.arange(180), np.random.default_rng(0).normal(0, 1, 180)
    months = pd.date_range("2005-01-01", periods=180, freq="MS").strftime("%Y-%m")
    sold = 100 + place / 2 + 10 * np.sin(place / 12 * 2 * np.pi) + noise
    pd.DataFrame({"month": months, "sold": sold.round(2)}).to_csv(folder / "sales.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def done(sales):
    options = ["--target", "sold", "--forecast", 3, "--window", 12, "--time", "month", "--out", "out"]
    return in_this_process("run", "--data", "sales.csv", *options, "--epochs", 3, "--members", 2, cwd=sales)


def test_a_run_forecasts_and_names_the_simple_forecasts_beside_it(done, sales):
    assert done.returncode == 0, done.stderr
    assert "windows of 12 values of 1 column, 3 ahead" in done.stdout and "check: nothing wrong" in done.stdout
    report = json.loads((sales / "out/report.json").read_text())
    beside = {result["name"]: result["value"] for result in report["beside"]["results"]}
    assert list(beside) == ["last value", "value 12 steps before", "linear forecast"]
    # On the very rows of the test, by the definition of each.
    table = pd.read_csv(sales / "sales.csv")
    test = tw.data.load(table, target="sold", forecast=3, window=12, time="month").test.open("the oracle")
    assert report["evaluation"]["rows"] == len(test)
    assert beside["last value"] == pytest.approx(r2_score(test.y, np.repeat(test.x[:, -1:, 0], 3, axis=1)), abs=1e-5)
    assert beside["value 12 steps before"] == pytest.approx(r2_score(test.y, test.x[:, :3, 0]), abs=1e-5)
    network = next(result for result in report["evaluation"]["results"] if result["winner"])["value"]
    assert network > beside["linear forecast"] - 0.02
    assert report["beside"]["sentence"] in done.stdout and report["export"]["max_difference"] <= 1e-5


def test_predict_answers_the_months_that_follow(done, sales):
    answered = in_this_process("predict", "out/models/sales", "sales.csv", cwd=sales)
    assert answered.returncode == 0, answered.stderr
    rows = list(csv.DictReader(answered.stdout.splitlines()))
    assert [row["month"] for row in rows] == ["2020-01", "2020-02", "2020-03"]
    truth = 100 + np.arange(180, 183) / 2 + 10 * np.sin(np.arange(180, 183) / 12 * 2 * np.pi)
    assert np.abs(np.array([float(row["sold"]) for row in rows]) - truth).max() < 6
    assert all(float(row["sold_low"]) < float(row["sold"]) < float(row["sold_high"]) for row in rows)


def test_predict_refuses_an_id_and_too_few_rows(done, sales):
    (sales / "short.csv").write_text("month,sold\n2020-01,3\n")
    for arguments, message in ((["short.csv"], "looks back at 12"), (["sales.csv", "--id", "month"], "leave out")):
        answered = in_this_process("predict", "out/models/sales", *arguments, cwd=sales)
        assert answered.returncode == 2 and message in answered.stderr


def _visits(days):
    """Visits that hang on the weekday and on the weather of the day before, and little on chance."""
    random = np.random.default_rng(1)
    weather = random.choice(["dry", "wet", "snow"], days + 1)
    of_weather = np.array([{"dry": 30.0, "wet": -30.0, "snow": 0.0}[word] for word in weather[:-1]])
    dates = pd.date_range("2022-01-01", periods=days)
    of_weekday = np.array([5.0, -40, 20, 0, 60, -10, -35])[dates.day_of_week]
    visits = 200 + of_weekday + of_weather + random.normal(0, 2, days)
    return pd.DataFrame({"day": dates.strftime("%Y-%m-%d"), "weather": weather[1:], "visits": visits.round(2)})


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    """A run of visits, of which the last day is kept for `predict`."""
    folder, table = tmp_path_factory.mktemp("visits"), _visits(400)
    table[:-1].to_csv(folder / "visits.csv", index=False)
    short = ["--forecast", 1, "--window", 3, "--time", "day", "--epochs", 2, "--members", 1]
    return folder, in_this_process("run", "--data", "visits.csv", *short, "--out", "out", cwd=folder), table


def test_weekday_and_category_of_a_series_make_its_error_much_smaller(visits):
    folder, run, table = visits
    assert run.returncode == 0 and "The calendar is looked at too: weekday." in run.stdout, run.stderr
    report = json.loads((folder / "out/report.json").read_text())
    assert [one["name"] for one in report["beside"]["results"]][:2] == ["last value", "linear forecast"]
    score = next(one["value"] for one in report["evaluation"]["results"] if one["winner"])
    # By the generator chance has a share of about 2 ** 2 / 40 ** 2 of the variance.
    assert score > 0.97
    # Without dates and weather neither a linear forecast nor trees come near it.
    plain = table[:-1].drop(columns="weather").assign(day=range(399))
    splits = tw.data.load(plain, target="visits", forecast=1, window=3, time="day")
    test = splits.test.open("the oracle")
    for one in fit_forecast_references(splits.train, splits.forecast):
        assert 1 - r2_score(test.y, one.predict(test.x, test.x.reshape(len(test), -1))) > 5 * (1 - score)


def test_predict_knows_the_weekday_that_is_to_come(visits):
    folder, _, table = visits
    answered = in_this_process("predict", "out/models/visits", "visits.csv", cwd=folder)
    assert answered.returncode == 0, answered.stderr
    row = next(csv.DictReader(answered.stdout.splitlines()))
    assert row["day"] == "2023-02-04" and abs(float(row["visits"]) - table["visits"].iloc[-1]) < 15


def test_check_and_search_take_a_forecast(sales):
    data = ["--data", "sales.csv", "--target", "sold", "--forecast", 1, "--window", 12, "--time", "month"]
    checked = in_this_process("check", *data, cwd=sales)
    assert checked.returncode == 0 and "Nothing stands in the way of a fit." in checked.stdout
    found = in_this_process("search", *data, "--trials", 1, "--epochs", 1, "--out", "found", "--quiet", cwd=sales)
    assert found.returncode == 0, found.stderr
    answered = in_this_process("predict", "found/model", "sales.csv", cwd=sales)
    assert answered.stdout.splitlines()[1].startswith("2020-01,")


def _named(season, window=8, steps=1):
    series = np.random.default_rng(0).normal(size=60).astype("float32")
    pieces = np.lib.stride_tricks.sliding_window_view(series, window + steps)
    y = pieces[:, window] if steps == 1 else pieces[:, window:]
    wanted = Forecast(steps, window, (Column("sold", "number"),), TimeStep("number"), season)
    found = fit_forecast_references(tw.data.Split(pieces[:, :window, None], y), wanted)
    return {one.name: one.predict(pieces[:, :window, None], pieces) for one in found}, pieces


def test_the_seasonal_forecast_repeats_the_last_season():
    found, pieces = _named(season=3, steps=5)
    assert np.array_equal(found["value 3 steps before"], pieces[:, [5, 6, 7, 5, 6]])
    assert "gradient boosting" not in found


def test_a_season_longer_than_the_window_has_no_forecast():
    assert list(_named(season=9)[0]) == ["last value", "linear forecast", "gradient boosting"]
