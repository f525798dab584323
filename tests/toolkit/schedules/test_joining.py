"""Schedules one after another, against closed forms and optax at every update."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import trainwise as tw

S = tw.schedules


K = keras.optimizers.schedules


def test_warmup_wastes_no_update_and_then_follows_its_target():
    target = K.InverseTimeDecay(1.0, 1, 0.5)
    expected = [0.2, 0.4, 0.6, 0.8, 1.0, *(1 / (1 + 0.5 * t) for t in range(5))]
    np.testing.assert_allclose(S.LinearWarmup(target, 5).preview(10), expected, rtol=1e-6)
    np.testing.assert_allclose(S.LinearWarmup(2, 2, start=1).preview(4), [1.5, 2.0, 2.0, 2.0], rtol=1e-6)


def test_joined_schedules_count_from_their_own_beginning():
    joined = S.JoinedSchedule([1, K.ExponentialDecay(8.0, 1, 0.5), 0.125], [2, 5])
    np.testing.assert_allclose(joined.preview(7), [1, 1, 8, 4, 2, 0.125, 0.125], rtol=1e-6)


OPTAX = """
import json, optax
parts = [optax.polynomial_schedule(0.5, 0.1, 1, 10), optax.cosine_decay_schedule(0.3, 15), lambda step: 0.01]
made = {
    "joined": optax.join_schedules(parts, [7, 20]),
    "warmup": optax.warmup_cosine_decay_schedule(0.0, 0.4, 5, 17, end_value=0.04),
}
print(json.dumps({name: [float(schedule(step)) for step in range(30)] for name, schedule in made.items()}))
"""


@pytest.fixture(scope="module")
def optax():
    """The rates of optax's schedules, out of a process of their own: JAX warns of every fork of the one it is in."""
    done = subprocess.run([sys.executable, "-c", OPTAX], capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


def test_joined_schedules_are_those_of_optax_at_every_update(optax):
    ours = S.JoinedSchedule([K.PolynomialDecay(0.5, 10, 0.1), K.CosineDecay(0.3, 15), 0.01], [7, 20])
    np.testing.assert_allclose(ours.preview(30), optax["joined"], atol=1e-6)


def test_warmup_and_cosine_are_optax_with_no_update_spent_on_rate_zero(optax):
    # optax begins its warmup at rate 0 and reaches the peak one update after the last of it; here update t of the
    # warmup has what optax gives to t + 1, so that the last one has the peak, and the cosine begins at its own first.
    ours = S.LinearWarmup(K.CosineDecay(0.4, 12, alpha=0.1), 5).preview(20)
    np.testing.assert_allclose(ours[:5], optax["warmup"][1:6], atol=1e-6)
    np.testing.assert_allclose(ours[5:], optax["warmup"][5:20], atol=1e-6)
    assert ours[0] > 0 and ours[4] == ours[5] == np.float32(0.4)
    np.testing.assert_allclose(ours[17:], 0.04, atol=1e-6)
