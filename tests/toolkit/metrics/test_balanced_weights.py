"""Weights under which unequal classes count alike."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from trainwise.toolkit.ensembles.evaluation import Answers, evaluate
from trainwise.toolkit.metrics.balanced_weights import balanced_rows, balanced_weights, rare_class

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.5, 0.3, 0.2), (0.97, 0.02, 0.01)])
def test_weights_are_those_of_scikit_learn(shares):
    y = GENERATOR.choice(len(shares), 400, p=shares)
    expected = compute_class_weight("balanced", classes=np.arange(len(shares)), y=y)
    np.testing.assert_allclose(balanced_weights(y), expected)
    assert balanced_weights(y)[y].mean() == pytest.approx(1)


def test_rows_are_repeated_until_classes_are_equally_common():
    y = np.repeat([0, 1, 2], [60, 20, 6])
    assert np.bincount(y[balanced_rows(y)]).tolist() == [60, 60, 60]
    assert balanced_weights(np.array([0, 0, 2])).tolist() == [0.75, 1.0, 1.5]


def test_a_class_is_rare_below_a_fifth_of_an_equal_share():
    assert rare_class(np.repeat([0, 1], [91, 9]), 2) == 1
    assert rare_class(np.repeat([0, 1], [90, 10]), 2) is None
    assert rare_class(np.repeat([1, 0, 2], [96, 4, 100]), 3) == 0


def test_classes_that_count_alike_are_measured_by_balanced_accuracy():
    y = np.repeat([0, 1], [80, 20])
    first, second = (np.clip(y * 0.3 + GENERATOR.uniform(0, 0.8, 100), 0, 1) for _ in range(2))
    report = evaluate([Answers("a", first), Answers("b", second)], y, "binary", "b", balanced=True)
    assert report["metric"] == "balanced accuracy" and report["interval"] == "95 % bootstrap interval"
    for result, values in zip(report["results"], (first, second), strict=True):
        assert result["value"] == pytest.approx(balanced_accuracy_score(y, values > 0.5))
        assert result["low"] <= result["value"] <= result["high"]
        assert result["classes"].startswith(f"accuracy {np.mean((values > 0.5) == y):.4f}, F1")
    gain = report["results"][1]["value"] - report["results"][0]["value"]
    assert f"{gain:+.4f} balanced accuracy" in report["sentence"]
