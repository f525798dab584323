"""A vote measured against its best member."""

import numpy as np
import pytest

from trainwise.toolkit.ensembles.evaluation import Answers, evaluate


def _probabilities(labels, classes=3):
    return np.eye(classes)[labels] * 0.8 + 0.1


def test_the_report_counts_what_the_vote_fixes_and_breaks():
    y = np.array([0, 1, 2, 0, 1, 2])
    best, soft = np.array([0, 1, 2, 1, 1, 0]), np.array([0, 1, 2, 0, 0, 0])
    report = evaluate(
        [Answers("best", _probabilities(best)), Answers("soft", _probabilities(soft))], y, "multiclass", "soft"
    )
    assert (report["mends"], report["breaks"]) == (1, 1)
    assert "is not better than the best member" in report["sentence"]
    assert [result["winner"] for result in report["results"]] == [False, True]
    assert report["results"][0]["value"] == pytest.approx(4 / 6)
    # Four answers at 0.9 and two at 0.1.
    nll = -(4 * np.log(0.9) + 2 * np.log(0.1)) / 6
    assert report["results"][0]["nll"] == pytest.approx(nll)
    assert report["results"][0]["classes"].endswith(f", NLL {nll:.4f}")
    (shares,) = evaluate([Answers("hard", np.eye(3)[best])], y, "multiclass", "hard")["results"]
    assert "nll" not in shares and "NLL" not in shares["classes"]


def test_a_vote_that_is_surely_better_is_said_to_be():
    y = np.arange(60) % 3
    wrong = y.copy()
    wrong[:20] = (wrong[:20] + 1) % 3
    report = evaluate(
        [Answers("best", _probabilities(wrong)), Answers("soft", _probabilities(y))], y, "multiclass", "x"
    )
    assert report["sentence"].startswith("The soft is better than the best member: it fixes 20 and breaks 0")


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
    assert report["of_labels"]["micro_f1"] == 1 and [one["rows"] for one in report["of_labels"]["labels"]] == [2, 2]
