import numpy as np
import pytest
import scipy.stats

from trainwise.toolkit.diagnosis import baselines
from trainwise.toolkit.ensembles.evaluation import Answers, evaluate
from trainwise.toolkit.metrics import intervals


@pytest.mark.parametrize(("right", "rows"), [(0, 5), (5, 5), (9, 10), (260, 270)])
def test_the_wilson_interval_agrees_with_scipy(right, rows):
    expected = scipy.stats.binomtest(right, rows).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(intervals.wilson(right, rows), (expected.low, expected.high), atol=1e-12)


def test_the_bootstrap_of_a_mean_agrees_with_its_normal_law():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = intervals.bootstrap(lambda rows: float(values[rows].mean()), 400)
    error = 1.96 * values.std() / 20
    np.testing.assert_allclose([low, high], [values.mean() - error, values.mean() + error], atol=0.05)
    assert (low, high) == intervals.bootstrap(lambda rows: float(values[rows].mean()), 400)


def test_mcnemar_is_the_two_sided_binomial_tail():
    assert intervals.mcnemar(0, 0) == 1
    assert intervals.mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert intervals.mcnemar(3, 3) == 1


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="at most `rows` \\(5\\), got 6"):
        intervals.wilson(6, 5)
    with pytest.raises(ValueError, match="got 0"):
        intervals.wilson(0, 0)
    with pytest.raises(ValueError, match="got 1"):
        intervals.bootstrap(lambda rows: 0.0, 3, confidence=1)
    with pytest.raises(ValueError, match="got -1"):
        intervals.mcnemar(-1, 0)


def _probabilities(labels, classes=3):
    return np.eye(classes)[labels] * 0.8 + 0.1


def test_the_report_counts_what_the_vote_mends_and_breaks():
    y = np.array([0, 1, 2, 0, 1, 2])
    best, soft = np.array([0, 1, 2, 1, 1, 0]), np.array([0, 1, 2, 0, 0, 0])
    report = evaluate(
        [Answers("best", _probabilities(best)), Answers("soft", _probabilities(soft))], y, "multiclass", "soft"
    )
    assert (report["mends"], report["breaks"]) == (1, 1)
    assert "is not better than the best member" in report["sentence"]
    assert [result["winner"] for result in report["results"]] == [False, True]
    assert report["results"][0]["value"] == pytest.approx(4 / 6)


def test_a_vote_that_is_surely_better_is_said_to_be():
    y = np.arange(60) % 3
    wrong = y.copy()
    wrong[:20] = (wrong[:20] + 1) % 3
    report = evaluate(
        [Answers("best", _probabilities(wrong)), Answers("soft", _probabilities(y))], y, "multiclass", "x"
    )
    assert report["sentence"].startswith("The soft is better than the best member: it mends 20 and breaks 0")


def test_regression_is_measured_by_r2(rng):
    y = rng.normal(size=80)
    close, far = y + rng.normal(size=80) * 0.1, y + rng.normal(size=80)
    report = evaluate([Answers("far", far), Answers("close", close)], y, "regression", "close")
    expected = 1 - np.sum((close - y) ** 2) / np.sum((y - y.mean()) ** 2)
    assert report["results"][1]["value"] == pytest.approx(expected)
    assert "is better" in report["sentence"]


def test_multilabel_is_measured_per_label():
    y = np.array([[1, 0], [0, 1], [1, 1]], dtype="float32")
    report = evaluate([Answers("a", 1 - y), Answers("b", y)], y, "multilabel", "b")
    assert [result["value"] for result in report["results"]] == [0, 1]


def test_constant_losses_are_the_closed_forms():
    y = np.array([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert baselines.constant_loss(y, "sparse_categorical_crossentropy") == pytest.approx(entropy)
    assert baselines.constant_loss(y, "binary_crossentropy") == pytest.approx(entropy)
    assert baselines.constant_loss(np.eye(2)[y], "categorical_crossentropy") == pytest.approx(entropy)
    assert baselines.constant_loss(y, "mean_squared_error") == pytest.approx(np.var(y))
    assert baselines.constant_loss(y, "mean_absolute_error") == pytest.approx(0.25)
    assert baselines.constant_loss(y, "hinge") is None
    assert baselines.constant_loss(np.array(["a"]), "mse") is None


def test_the_simple_baseline_is_the_better_of_ridge_and_nearest_neighbour(rng):
    x = rng.normal(size=(200, 5))
    y = x @ np.arange(5.0)
    line = baselines.simple_baseline(x[:150], y[:150], x[150:], y[150:], "mean_squared_error")
    assert line.loss < 0.05 * np.var(y)
    ring = (np.sum(x[:, :2] ** 2, axis=1) > 1.4).astype(int)
    near = baselines.simple_baseline(x[:150, :2], ring[:150], x[150:, :2], ring[150:], "binary_crossentropy")
    assert near.metric > 0.85
    assert baselines.simple_baseline({"a": x}, y, {"a": x}, y, "mse").metric is None
