"""Scores of rows against their formulas, R2 against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from trainwise.toolkit.metrics import scores
from trainwise.toolkit.metrics.scores import r2, r2_losses

RNG = np.random.default_rng(0)


def test_the_scores_are_those_of_their_formulas():
    generator = np.random.default_rng(0)
    p, y = generator.dirichlet(np.ones(4), 400), generator.integers(0, 4, 400)
    targets = scores.truth(p, y)
    found = scores.row_scores(p, targets, True)
    np.testing.assert_allclose(found["nll"], -np.log(p[np.arange(400), y]))
    np.testing.assert_allclose(found["brier"], ((p - np.eye(4)[y]) ** 2).sum(axis=1))
    confidence, hit, expected = p.max(axis=1), p.argmax(axis=1) == y, 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert scores.calibration_error(p, targets, True) == pytest.approx(expected)
    low, high = scores.with_intervals({"a": np.arange(100.0)}, None, 0.95, 2000, 0)["a"][1:]
    spread = 1.96 * np.arange(100.0).std() / 10
    assert low == pytest.approx(49.5 - spread, abs=0.6) and high == pytest.approx(49.5 + spread, abs=0.6)


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_r2_is_that_of_scikit_learn_for_one_output_and_for_several(shape):
    y = RNG.normal(size=shape) * 5 + np.linspace(0, 1000, shape[-1])
    answers = y + RNG.normal(size=shape)
    assert r2(answers, y) == pytest.approx(r2_score(y, answers))
    assert r2(np.broadcast_to(y.mean(axis=0), shape), y) == pytest.approx(0.0)


def test_noise_at_unlike_means_is_not_explained():
    y = np.stack([RNG.normal(size=200), 1000 + RNG.normal(size=200)], axis=1)
    assert r2(np.broadcast_to([0.0, 1000.0], y.shape), y) < 0.02


def test_an_output_that_never_changes_counts_as_met_or_missed():
    y = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert r2(y, y) == 1.0
    missed = np.array([[1.0, 3.0], [3.0, 3.0]])
    assert r2(missed, y) == pytest.approx(r2_score(y, missed)) == 0.5


def test_the_losses_of_rows_average_to_what_r2_lacks_of_one():
    y, answers = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2))
    assert r2_losses(answers, y).shape == (30,)
    assert 1 - r2_losses(answers, y).mean() == pytest.approx(r2_score(y, answers))
