"""R2 and the margin of a mean; the oracles are scikit-learn and scipy."""

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import r2_score

from trainwise.toolkit.metrics.intervals import mean_margin
from trainwise.toolkit.metrics.scores import r2, r2_losses

RNG = np.random.default_rng(0)


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


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_margin_of_a_mean_is_half_of_students_interval(confidence):
    values = RNG.normal(size=7)
    low, high = scipy.stats.t.interval(confidence, 6, values.mean(), scipy.stats.sem(values))
    assert mean_margin(values, confidence) == pytest.approx((high - low) / 2)
    assert mean_margin([3.0]) is None and mean_margin([]) is None
    with pytest.raises(ValueError, match=r"`confidence` must be in \(0, 1\), got 1"):
        mean_margin(values, 1)
