"""Stopping rules on learning curves: oracles are numpy written out and the rules of the papers."""

import numpy as np
import pytest

from trainwise.toolkit.stopping import (
    AnyOf,
    Extrapolation,
    FirstEpochs,
    Median,
    Percentile,
    SuccessiveHalving,
    replay,
    stopper_of,
)


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


def test_extrapolation_takes_no_notice_of_trials_that_failed_before_their_first_epoch():
    flat = [0.9, 0.8, 0.79, 0.79, 0.79, 0.79, 0.79, 0.79]
    assert Extrapolation(startup=1).reason(flat, [[], [0.5, 0.2, 0.1]], 30) is not None
    assert Extrapolation(startup=1).reason(flat, [[]], 30) is None


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
