"""Stopping rules on learning curves: oracles are numpy written out and the rules of the papers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit.stopping import (
    AnyOf,
    Extrapolation,
    FirstEpochs,
    Median,
    Percentile,
    SuccessiveHalving,
    chance_to_beat,
    replay,
    stopper_of,
)


def _curves(count=40, epochs=30, seed=0):
    """Exponential decays to different ends, with noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(1, epochs + 1)
    ends, speeds = rng.uniform(0.05, 0.8, count), rng.uniform(0.1, 0.8, count)
    curves = ends[:, None] + (1 - ends[:, None]) * np.exp(-speeds[:, None] * t)
    return (curves + rng.normal(0, 0.005, curves.shape)).tolist()


def test_the_median_rule_compares_the_best_value_with_the_median_of_running_means():
    others = [[0.5, 0.3], [0.6, 0.4], [0.9, 0.7], [0.2, 0.2], [1.0, 1.0]]
    middle = np.median([np.mean(other) for other in others])
    rule = Median(startup=5, warmup=1)
    assert rule.reason([1.0, middle + 1e-6], others, 10) is not None
    assert rule.reason([1.0, middle - 1e-6], others, 10) is None


def test_the_median_rule_lets_every_trial_warm_up_and_waits_for_others():
    others = [[0.1, 0.1]] * 5
    assert Median(startup=5, warmup=2).reason([1.0, 1.0], others, 10) is None
    assert Median(startup=6, warmup=1).reason([1.0, 1.0], others, 10) is None


def test_the_percentile_rule_keeps_those_at_or_below_numpys_percentile():
    others = [[value] for value in (0.1, 0.2, 0.3, 0.4, 0.5)]
    cut = np.percentile([0.1, 0.2, 0.3, 0.4, 0.5], 40)
    rule = Percentile(keep=40, startup=5, warmup=0)
    assert rule.reason([cut], others, 10) is None
    assert "best 40 %" in rule.reason([cut + 1e-9], others, 10)


def test_successive_halving_looks_at_its_rungs_alone():
    rule = SuccessiveHalving(factor=3, first=2)
    others = [[0.1] * 30] * 5
    stopped = [epochs for epochs in range(1, 30) if rule.reason([0.9] * epochs, others, 30)]
    assert stopped == [2, 6, 18]


def test_successive_halving_passes_the_best_third():
    rule = SuccessiveHalving(factor=3, first=1)
    others = [[value] for value in np.linspace(0.1, 0.8, 8)]
    passed = [value for value in (0.05, 0.15, 0.25, 0.35, 0.9) if rule.reason([value], others, 9) is None]
    assert passed == [0.05, 0.15, 0.25]


def test_the_first_trials_of_halving_pass_since_there_is_nothing_to_compare():
    assert SuccessiveHalving(factor=3, first=1, startup=1).reason([9.0], [[0.1]], 9) is None
    assert SuccessiveHalving(factor=3, first=1, startup=5).reason([9.0], [[0.1]] * 4, 9) is None
    assert SuccessiveHalving(factor=3, first=1, startup=5).reason([9.0], [[0.1]] * 5, 9) is not None


def test_halving_says_the_place_and_how_many_go_on():
    rule = SuccessiveHalving(factor=3, first=1, startup=2)
    assert rule.reason([0.4], [[0.1], [0.2], [0.5]], 9) == "place 3 of 4 after 1 epoch, and 1 goes on"
    assert rule.reason([0.9], [[0.1]] * 8, 9) == "place 9 of 9 after 1 epoch, and the best 3 go on"


def test_extrapolation_knows_a_power_law_and_an_exponential():
    for shape in (lambda t: 0.2 + t**-0.5, lambda t: 0.2 + np.exp(-0.2 * t)):
        begun = [float(shape(t)) for t in range(1, 13)]
        end = float(shape(100))
        assert chance_to_beat(begun, end + 0.1, 100) > 0.8
        assert chance_to_beat(begun, end - 0.15, 100) < 0.2


def test_extrapolation_says_one_where_it_cannot_tell_and_zero_at_the_end():
    assert chance_to_beat([0.5, 0.4], 0.1, 30) == 1.0
    assert chance_to_beat([0.5, float("nan"), 0.4, 0.3, 0.2], 0.1, 30) == 1.0
    assert chance_to_beat([0.5, 0.05], 0.1, 30) == 1.0
    assert chance_to_beat([0.5] * 10, 0.1, 10) == 0.0


@given(st.lists(st.floats(0, 10), min_size=4, max_size=20), st.floats(-1, 11), st.integers(21, 100))
@settings(max_examples=60, deadline=None)
def test_a_chance_is_always_a_probability(curve, incumbent, epochs):
    assert 0.0 <= chance_to_beat(curve, incumbent, epochs) <= 1.0


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


def test_extrapolation_takes_no_notice_of_trials_that_failed_before_their_first_epoch():
    flat = [0.9, 0.8, 0.79, 0.79, 0.79, 0.79, 0.79, 0.79]
    assert Extrapolation(startup=1).reason(flat, [[], [0.5, 0.2, 0.1]], 30) is not None
    assert Extrapolation(startup=1).reason(flat, [[]], 30) is None


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


def test_rules_by_name_are_the_rules():
    assert stopper_of("halving") == SuccessiveHalving()
    assert stopper_of(None) is None
    assert stopper_of(["median", "extrapolation"]) == AnyOf((Median(), Extrapolation()))


def test_bad_rules_are_refused():
    with pytest.raises(ValueError, match="'asha'"):
        stopper_of("asha")
    with pytest.raises(TypeError, match="int"):
        stopper_of(3)
    with pytest.raises(ValueError, match="`factor` must be at least 2, got 1"):
        SuccessiveHalving(factor=1)
    with pytest.raises(ValueError, match="got 100"):
        Percentile(keep=100)
    with pytest.raises(TypeError, match="1.5"):
        FirstEpochs(epochs=1.5)
    with pytest.raises(ValueError, match="at least one epoch"):
        replay([[]], Median())
    with pytest.raises(ValueError, match="There must be curves"):
        replay([], Median())
