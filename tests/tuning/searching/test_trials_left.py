"""The time that is left of a search, on curves that were trained whole, by a clock of the test's."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from trainwise.toolkit.stopping import Median, SuccessiveHalving
from trainwise.toolkit.stopping.expected_epochs import expected_epochs
from trainwise.toolkit.stopping.rules import replay_lengths
from trainwise.tuning.searching import trials_left
from trainwise.tuning.searching.trials_left import TrialsLeft

CURVES = json.loads((Path(__file__).parents[2] / "bench" / "curves.json").read_text())
TRIALS = 40


def _ratios(name, rule, seed):
    """Time said to be left over the time that was, after each trial from a tenth to nine tenths of them."""
    rng = np.random.default_rng(seed)
    curves = [[-value for value in CURVES[name][place]] for place in rng.permutation(len(CURVES[name]))[:TRIALS]]
    lengths = replay_lengths(curves, rule) if rule else [len(curve) for curve in curves]
    # A trial takes its epochs and the making of its graph, each architecture at its own pace.
    ends = np.cumsum([(length + 1) * rng.uniform(0.6, 1.4) for length in lengths])
    now = [0.0]
    left = TrialsLeft(TRIALS, rule, len(curves[0]), clock=lambda: now[0])
    found = []
    for length, now[0] in zip(lengths[:-1], ends[:-1], strict=True):
        left.end_trial(length)
        found.append(left.seconds() / (ends[-1] - now[0]))
    return found[TRIALS // 10 - 1 : TRIALS * 9 // 10]


@pytest.mark.parametrize("name", CURVES)
def test_without_a_rule_the_time_left_is_always_right_within_a_factor_of_one_and_a_half(name):
    found = np.array([_ratios(name, None, seed) for seed in range(5)])
    assert np.all((found <= 1.5) & (found >= 1 / 1.5))


@pytest.mark.parametrize("rule", [SuccessiveHalving(), Median(startup=5)])
@pytest.mark.parametrize("name", CURVES)
def test_of_a_search_with_stopping_the_time_left_is_mostly_right_within_a_factor_of_one_and_a_half(
    name, rule, monkeypatch
):
    # Mostly: whether a trial to come runs 2 epochs or 30, nobody knows before it has begun. To know the mean length of
    # each trial beforehand brings four fifths within the factor.
    monkeypatch.setattr(trials_left, "expected_epochs", functools.cache(expected_epochs))
    found = np.array([_ratios(name, rule, seed) for seed in range(12)])
    assert 0.75 <= np.median(found) <= 1.35
    assert np.mean((found <= 1.5) & (found >= 1 / 1.5)) >= 0.6


def test_a_rule_is_expected_to_let_the_first_run_and_to_stop_most_of_the_later():
    found = expected_epochs(SuccessiveHalving(startup=5), 50, 30)
    assert len(found) == 50 and found[:5] == [30.0] * 5 and max(found[10:]) < 15
    assert expected_epochs(None, 3, 7) == [7.0] * 3


def test_nothing_is_guessed_before_a_trial_has_ended():
    assert TrialsLeft(4, None, 10).seconds() is None
