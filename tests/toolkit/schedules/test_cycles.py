"""Rates that rise and fall again, against closed forms at every update."""

import math

import numpy as np
import pytest

import trainwise as tw

S = tw.schedules


def test_one_cycle_is_torchs_at_every_update():
    # torch.optim.lr_scheduler.OneCycleLR: two phases that end at share x steps - 1 and steps - 1.
    steps, share, top = 50, 0.3, 0.8
    low, last = top / 25, top / 25 / 1e4
    turn, end = share * steps - 1, steps - 1

    def anneal(start, stop, part):
        return stop + (start - stop) / 2 * (math.cos(math.pi * part) + 1)

    rates = [
        anneal(low, top, t / turn) if t <= turn else anneal(top, last, (t - turn) / (end - turn)) for t in range(50)
    ]
    moms = [
        anneal(0.95, 0.85, t / turn) if t <= turn else anneal(0.85, 0.95, (t - turn) / (end - turn)) for t in range(50)
    ]
    cycle = S.OneCycle(top, steps)
    np.testing.assert_allclose(cycle.preview(50), rates, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(cycle.momentum.preview(50), moms, rtol=1e-6)
    assert cycle.preview(60)[-1] == pytest.approx(last, rel=1e-4)


def test_one_cycle_in_straight_lines():
    rates = S.OneCycle(1.0, 21, warmup_share=10 / 21, initial_divisor=10, final_divisor=1, anneal="linear").preview(21)
    np.testing.assert_allclose(rates[[0, 9, 20]], [0.1, 1.0, 0.1], rtol=1e-5)
    np.testing.assert_allclose(np.diff(rates[:10]), 0.1, rtol=1e-4)
    np.testing.assert_allclose(np.diff(rates[9:]), -0.9 / 11, rtol=1e-4)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cyclical_rates_follow_smiths_formula(mode):
    steps = np.arange(40)
    cycle = np.floor(1 + steps / 10)
    height = np.maximum(0, 1 - np.abs(steps / 5 - 2 * cycle + 1))
    height = height * {"triangular": 1.0, "triangular2": 0.5 ** (cycle - 1), "exp_range": 0.9**steps}[mode]
    schedule = S.CyclicalLearningRate(0.1, 0.5, 5, mode=mode, gamma=0.9)
    np.testing.assert_allclose(schedule.preview(40), 0.1 + 0.4 * height, rtol=1e-5)
