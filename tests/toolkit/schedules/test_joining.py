"""Schedules one after another, against closed forms at every update."""

import keras
import numpy as np

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
