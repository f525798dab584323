"""Looks into a model beside numpy."""

import keras
import numpy as np
import pytest
from tiny import CURVE, ROWS, three_layers

from trainwise.toolkit.diagnosis.probing import Prober


def test_a_look_measures_what_numpy_measures():
    model = three_layers(units=3)
    probe = Prober(model, ROWS, CURVE).look(step=0, epoch=0)
    k1, b1, k2, b2, k3, b3 = (np.array(w, "float64") for w in model.get_weights())
    h1 = np.maximum(ROWS @ k1 + b1, 0)
    h2 = np.maximum(h1 @ k2 + b2, 0)
    answer = h2 @ k3 + b3
    g = 2 * (answer - CURVE) / len(ROWS)
    g2 = (g @ k3.T) * (h2 > 0)
    g1 = (g2 @ k2.T) * (h1 > 0)
    norms = [np.linalg.norm(v) for v in (ROWS.T @ g1, h1.T @ g2, h2.T @ g)]
    np.testing.assert_allclose([layer.gradient for layer in probe.layers], norms, rtol=1e-4)
    np.testing.assert_allclose(
        [layer.weight for layer in probe.layers], [np.linalg.norm(k) for k in (k1, k2, k3)], 1e-5
    )
    assert [layer.dead for layer in probe.layers[:2]] == pytest.approx([np.mean(h.max(axis=0) <= 0) for h in (h1, h2)])
    assert probe.loss == pytest.approx(np.mean((answer - CURVE) ** 2), rel=1e-5)
    assert probe.spread == pytest.approx(answer.std() / max(1, np.abs(answer).max()), rel=1e-4)


def test_batch_normalisation_keeps_its_statistics():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(),
                              keras.layers.Activation("relu"), keras.layers.Dense(1)])  # fmt: skip
    model.compile("sgd", "mse")
    before = model.get_weights()
    probe = Prober(model, ROWS, CURVE).look(step=0, epoch=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [layer.activation for layer in probe.layers].count("relu") == 1
