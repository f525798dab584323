"""The threshold of a rare class against all thresholds tried one by one with scikit-learn's F1."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from trainwise.toolkit.metrics.decision_threshold import Threshold, best_threshold, dependable_threshold


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_has_a_better_f1(seed):
    generator = np.random.default_rng(seed)
    y = (generator.random(300) < 0.08).astype(int)
    # Rounded, so that many are equal.
    probabilities = np.clip(generator.normal(0.1 + 0.15 * y, 0.1), 0.01, 0.99).round(2)
    found = best_threshold(probabilities, y)
    best = max(f1_score(y, probabilities > one, zero_division=0) for one in np.linspace(0, 0.995, 200))
    assert f1_score(y, probabilities > found) == pytest.approx(best)
    moved = Threshold(1, found).at_a_half(probabilities)
    assert ((moved > 0.5) == (probabilities > found)).all()
    assert roc_auc_score(y, moved) == pytest.approx(roc_auc_score(y, probabilities))
    assert moved.min() >= 0 and moved.max() <= 1


def test_a_half_stays_where_nothing_is_better_or_known():
    assert best_threshold(np.array([0.1, 0.9]), np.array([0, 1])) == 0.5
    assert best_threshold(np.array([0.1, 0.2]), np.array([0, 0])) == 0.5
    assert best_threshold(np.zeros(0), np.zeros(0, int)) == 0.5


def test_the_first_class_may_be_the_rare_one_and_damage_is_none():
    threshold = Threshold(0, 0.3)
    assert threshold.answered(np.array([0.6, 0.75])).tolist() == [0, 1]
    assert Threshold.of_dict(threshold.as_dict()) == threshold
    for damage in ({"place": "0"}, {"value": 1.0}, {"value": None}, {"more": 1}):
        assert Threshold.of_dict({**threshold.as_dict(), **damage}) is None


def test_a_threshold_moves_for_a_model_with_skill_and_hardly_ever_for_one_without():
    moved = {"skill": 0, "none": 0}
    for seed in range(40):
        generator = np.random.default_rng(seed)
        y = (generator.random(400) < 0.15).astype(int)
        for name, size in (("skill", 2.0), ("none", 0.0)):
            # Log odds of two normal distributions as far apart.
            odds = size * (generator.normal(size * y, 1) - size / 2) + np.log(0.15 / 0.85)
            odds += generator.normal(0, 0.1, 400)
            found = dependable_threshold(1 / (1 + np.exp(-odds - 0.1)) * 0.6, y, seed)
            moved[name] += found != 0.5
    assert moved["skill"] >= 36 and moved["none"] <= 3


def test_few_rows_of_a_class_move_nothing():
    y = np.repeat([0, 1], [200, 19])
    assert dependable_threshold(0.1 + 0.2 * y, y) == 0.5
    y = np.repeat([0, 1], [200, 20])
    assert dependable_threshold(0.1 + 0.2 * y, y) == pytest.approx(0.2)


def test_a_probability_of_nothing_gives_a_threshold_that_can_be_written_and_read():
    y = np.repeat([0, 1], [180, 30])
    # All that is not 0 is of the class, and some of the class are 0 too.
    probabilities = np.where(np.arange(210) < 190, 0.0, 0.01)
    found = dependable_threshold(probabilities, y)
    assert 0 < found < 0.01 and Threshold.of_dict(Threshold(1, found).as_dict()) is not None
    assert np.isfinite(Threshold(1, found).at_a_half(probabilities)).all()
    assert best_threshold(np.zeros(4), np.array([0, 1, 1, 1])) == 0.5
