"""Rules replayed on whole curves."""

import json
from pathlib import Path

import numpy as np
import pytest

from trainwise.toolkit.stopping import AnyOf, Extrapolation, FirstEpochs, Median, Percentile, SuccessiveHalving, replay


def _curves(count=40, epochs=30, seed=0):
    """Exponential decays to different ends, with noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(1, epochs + 1)
    ends, speeds = rng.uniform(0.05, 0.8, count), rng.uniform(0.1, 0.8, count)
    curves = ends[:, None] + (1 - ends[:, None]) * np.exp(-speeds[:, None] * t)
    return (curves + rng.normal(0, 0.005, curves.shape)).tolist()


@pytest.mark.parametrize(
    "rule",
    [Median(), Percentile(), SuccessiveHalving(), Extrapolation(), FirstEpochs(), AnyOf((Median(), Extrapolation()))],
)
def test_every_rule_saves_epochs_at_little_regret_on_well_behaved_curves(rule):
    curves = _curves()
    found = replay(curves, rule)
    assert found.saved > 0.3
    assert found.regret <= 0.02


def test_a_replay_counts_the_epochs_it_was_spared():
    curves = [[0.5, 0.1, 0.1], [0.9, 0.8, 0.7], [0.95, 0.9, 0.85]]
    found = replay(curves, SuccessiveHalving(factor=2, first=1, startup=1))
    assert found.saved == pytest.approx(1 - (3 + 1 + 1) / 9)
    assert (found.regret, found.stopped) == (0.0, 2)


def test_a_replay_of_the_baseline_trains_the_best_few_to_the_end():
    curves = [[0.5, 0.4], [0.4, 0.39], [0.9, 0.0]]
    found = replay(curves, FirstEpochs(epochs=1, keep=2))
    assert found.saved == pytest.approx(1 - (2 + 2 + 1) / 6)
    assert found.regret == pytest.approx(0.39)


def test_the_default_rule_keeps_its_promise_on_the_curves_that_were_trained_whole():
    kept = json.loads((Path(__file__).parents[2] / "bench" / "curves.json").read_text())
    assert sum(map(len, kept.values())) >= 100
    for curves in kept.values():
        losses = [[-value for value in curve] for curve in curves]
        orders = [np.random.default_rng(seed).permutation(len(losses)) for seed in range(40)]
        found = [replay(losses, SuccessiveHalving(), order) for order in orders]
        assert np.mean([one.saved for one in found]) >= 0.6
        assert max(one.regret for one in found) <= 0.005


def test_a_replay_takes_nan_for_the_worst():
    assert replay([[float("nan"), float("nan")], [0.5, 0.4]], Median()).regret == 0.0
