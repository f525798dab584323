"""Looks into a model beside numpy."""

import keras
import numpy as np
import pytest
from tiny import CURVE, ROWS, three_layers

from trainwise.toolkit.diagnosis.flat_parts import ENDS, OFF
from trainwise.toolkit.diagnosis.layer_measurements import Prober


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


def _slopes(name):
    """Inputs from -12 to 12 with the outputs and slopes of an activation, by differences."""
    x = np.linspace(-12, 12, 24_001)
    y = np.asarray(keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x, "float64"))))
    return x, y, np.gradient(y, x)


@pytest.mark.parametrize("name", sorted(ENDS))
def test_beyond_its_ends_an_activation_is_flat_and_within_them_it_is_not(name):
    _, y, slope = _slopes(name)
    low, high = ENDS[name]
    # Hard activations are straight up to their very ends.
    within = 0.01 - 1e-9 if name.startswith("hard") else 0.0
    beyond = (y < low - within) | (y > high + within)
    # At a corner the difference is half of the slope before it.
    flat = np.sort(np.abs(slope[beyond]))[:-2]
    assert len(flat) and flat.max() <= 0.04 * slope.max()
    assert (slope[~beyond] > 0.0095).all()


@pytest.mark.parametrize("name", sorted(OFF))
def test_a_unit_that_is_off_passes_next_to_no_gradient(name):
    x, y, slope = _slopes(name)
    off = (y <= 0) & (y >= -OFF[name]) & (x < -1)
    # At a corner the difference is half of the slope after it.
    assert np.sort(np.abs(slope[off]))[:-1].max() <= 0.025


@pytest.mark.parametrize("name", sorted([*ENDS, *OFF]))
def test_units_pushed_far_below_zero_are_seen_as_flat(name):
    layers = [keras.layers.Dense(4, name), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "mse")
    prober = Prober(model, ROWS, CURVE, compiled=False)
    what = "dead" if name in OFF else "saturated"
    model.layers[0].bias.assign(np.full(4, -40.0))
    assert getattr(prober.look(step=0, epoch=0).layers[0], what) == 1.0
    model.layers[0].bias.assign(np.full(4, 0.3))
    assert getattr(prober.look(step=0, epoch=0).layers[0], what) < 0.5


def test_a_layer_that_is_an_activation_is_watched_too():
    layers = [keras.layers.Dense(4, bias_initializer=keras.initializers.Constant(-40.0)), keras.layers.ELU()]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    (layer,) = [one for one in Prober(model, ROWS, CURVE, compiled=False).look(0, 0).layers if one.activation]
    assert (layer.activation, layer.saturated) == ("elu", 1.0)
