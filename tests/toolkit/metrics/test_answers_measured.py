"""Thresholds, reliability, intervals and importance, by independent libraries and closed forms."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from trainwise.toolkit.metrics.permutation_importance import permutation_importance
from trainwise.toolkit.metrics.prediction_intervals import covered_by_level
from trainwise.toolkit.metrics.reliability import reliability
from trainwise.toolkit.metrics.scores import score_of
from trainwise.toolkit.metrics.threshold_curves import threshold_curves


def test_curves_of_thresholds_enclose_the_areas_of_scikit_learn(rng):
    y = rng.integers(0, 2, 2000)
    values = np.clip(0.3 * y + rng.random(2000) * 0.7, 0, 1)
    found = threshold_curves(values, y)
    roc, both = found["roc"], found["precision_recall"]
    area = metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    # Thinned to 200 corners.
    assert len(roc["false_positive_rate"]) <= 200
    assert area == pytest.approx(metrics.roc_auc_score(y, values), abs=2e-3)
    assert metrics.auc(both["recall"], both["precision"]) == pytest.approx(
        metrics.average_precision_score(y, values), abs=1e-2
    )
    assert threshold_curves(values, np.zeros(2000, int)) == {}


def test_reliability_is_that_of_scikit_learns_calibration_curve(rng):
    from sklearn.calibration import calibration_curve

    values = rng.random(500)
    y = (rng.random(500) < values).astype(int)
    answers = np.stack([1 - values, values], axis=1)
    found = reliability(answers, np.eye(2)[y], exclusive=True)
    sure, right = np.maximum(values, 1 - values), (values > 0.5) == (y == 1)
    shares, means = calibration_curve(right, sure, n_bins=10)
    assert [one["right"] for one in found] == pytest.approx(shares)
    assert [one["confidence"] for one in found] == pytest.approx(means)


def test_an_interval_covers_what_it_promises(rng):
    held, new = ((np.zeros(rows), rng.normal(size=rows)) for rows in (400, 20_000))
    for one in covered_by_level(held, new):
        assert one["covered"] == pytest.approx(one["level"], abs=0.05)
        assert one["width"] == pytest.approx(2 * norm.ppf((1 + one["level"]) / 2), rel=0.15)
    few = (np.zeros(4), rng.normal(size=4))
    assert [one["level"] for one in covered_by_level(few, few)] == [0.5]


def test_importance_is_that_of_scikit_learn_on_a_linear_model(rng):
    from sklearn.inspection import permutation_importance as of_scikit_learn
    from sklearn.linear_model import LinearRegression

    x = rng.normal(size=(500, 3))
    y = 3 * x[:, 0] + x[:, 1] + rng.normal(0, 0.1, 500)
    model = LinearRegression().fit(x, y)
    found = permutation_importance(lambda x, y: score_of(model.predict(x), y, "regression"), x, y, ["a", "b", "c"])
    expected = of_scikit_learn(model, x, y, n_repeats=20, random_state=0).importances_mean
    assert [one["name"] for one in found] == ["a", "b", "c"]
    assert [one["loss"] for one in found] == pytest.approx(expected, abs=0.1)
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}
    by_name = permutation_importance(
        lambda x, y: score_of(model.predict(np.stack(list(x.values()), 1)), y, "regression"), columns, y, list(columns)
    )
    assert by_name == found


def test_importance_of_many_columns_is_that_of_some_drawn_by_the_seed_and_never_by_a_clock(rng):
    x, y, names = rng.normal(size=(40, 300)), rng.normal(size=40), [f"column {k}" for k in range(300)]

    def looked_at(seed, seconds=10.0):
        return [one["name"] for one in permutation_importance(_first, x, y, names, seed=seed, seconds=seconds)]

    some = looked_at(0)
    # Three answers of 0.05 s a column, and 12,000 values of a microsecond in each.
    assert len(some) == int(10 / (3 * (0.05 + 0.012))) and some == looked_at(0)
    assert len(set(some)) == len(some) and set(some) != set(looked_at(1)) and set(some) != set(names[: len(some)])
    assert len(looked_at(0, seconds=1e-9)) == 1 and len(looked_at(0, seconds=1e9)) == 300


def _first(x, y):
    return -float(np.mean((x[:, 0] - y) ** 2))
