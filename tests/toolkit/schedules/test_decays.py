"""Rates that fall, against closed forms at every update."""

import keras
import numpy as np
import pytest

import trainwise as tw

S = tw.schedules


K = keras.optimizers.schedules


def test_the_decay_changes_after_given_updates_without_a_jump():
    initial, boundaries, decays = 0.5, [3, 8], [0.1, 1.0, 0.0]
    expected, rate, begin = [], initial, 0
    for t in range(12):
        if t in boundaries:
            rate, begin = rate / (1 + decays[boundaries.index(t)] * (t - begin)), t
        segment = sum(t >= boundary for boundary in boundaries)
        expected.append(rate / (1 + decays[segment] * (t - begin)))
    np.testing.assert_allclose(S.PiecewiseDecay(initial, boundaries, decays).preview(12), expected, rtol=1e-6)
    plain = K.InverseTimeDecay(0.5, 1, 0.3)
    np.testing.assert_allclose(S.PiecewiseDecay(0.5, [], [0.3]).preview(20), S.preview(plain, 20), rtol=1e-6)


@pytest.mark.parametrize(
    ("decay", "shape"),
    [
        ("linear", lambda s: 1 - s),
        ("cosine", lambda s: (1 + np.cos(np.pi * s)) / 2),
        ("1-sqrt", lambda s: 1 - np.sqrt(s)),
    ],
)
def test_warmup_stable_decay_has_its_three_parts(decay, shape):
    rates = S.WarmupStableDecay(2.0, 4, 3, 5, minimum=0.2, decay=decay).preview(15)
    np.testing.assert_allclose(rates[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(rates[4:7], 2.0, rtol=1e-6)
    share = np.clip((np.arange(7, 15) - 7) / 5, 0, 1)
    np.testing.assert_allclose(rates[7:], 0.2 + 1.8 * shape(share), rtol=1e-5, atol=1e-6)
    assert S.WarmupStableDecay(1.0, 0, 0, 2).preview(3).tolist() == [1.0, 0.5, 0.0]


def test_inverse_square_root_peaks_at_the_end_of_the_warmup():
    t = np.arange(1, 101)
    expected = 0.3 * np.minimum(t / 25, np.sqrt(25 / t))
    np.testing.assert_allclose(S.InverseSqrtDecay(0.3, 25).preview(100), expected, rtol=1e-6)
