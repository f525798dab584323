"""Models rebuilt with another make."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.models.rebuilding import (
    rebuilt,
    widened,
    with_dropout,
    with_end,
    with_hidden,
    with_more_layers,
    with_standardized_inputs,
    without_penalties,
)

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax")


RANDOM = np.random.default_rng(0)


X = RANDOM.normal(size=(240, 3)).astype("float32")


def _functional():
    inputs = keras.Input((3,), name="rows")
    left = keras.layers.Dense(4, "tanh", name="left", kernel_regularizer="l2")(inputs)
    right = keras.layers.Dense(4, "tanh", name="right")(inputs)
    both = keras.layers.Dropout(0.3, name="drop")(keras.layers.Add(name="both")([left, right]))
    return keras.Model(inputs, keras.layers.Dense(2, name="end")(both))


CHANGES = [
    (lambda model: with_hidden(model, activation="relu"), {"left": "relu", "right": "relu", "end": "linear"}),
    (lambda model: widened(model, 3), {"left": "tanh", "right": "tanh", "end": "linear"}),
    (lambda model: without_penalties(model, 0.0), {"left": "tanh", "end": "linear"}),
    (lambda model: with_end(model, 5, "softmax"), {"left": "tanh", "end": "softmax"}),
    (lambda model: with_more_layers(model, 7), {"left": "tanh"}),
    (lambda model: with_dropout(model, 0.5), {"end": "linear"}),
    (lambda model: with_standardized_inputs(model, X), {}),
]


@pytest.mark.parametrize(("change", "activations"), CHANGES)
def test_a_branched_model_is_rebuilt_with_fresh_weights(change, activations):
    model = _functional()
    before = model.get_weights()
    made = change(model)
    assert made(X).shape == (240, made.outputs[0].shape[-1])
    for name, activation in activations.items():
        assert made.get_layer(name).activation.__name__ == activation
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_widths_penalties_and_dropout_change_as_asked():
    model = _functional()
    assert widened(model, 3).get_layer("left").units == 12
    assert widened(model, 0.1, least=2).get_layer("left").units == 4
    assert without_penalties(model, 0.0).get_layer("left").kernel_regularizer is None
    assert without_penalties(model, 0.0).get_layer("drop").rate == 0.0
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(9), keras.layers.Dense(1)])
    assert [type(layer).__name__ for layer in with_dropout(dense, 0.5).layers] == ["Dense", "Dropout", "Dense"]


def test_an_activation_after_the_last_layer_gives_way_to_the_new_one():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1), keras.layers.Activation("tanh")])
    made = with_end(model, 2, "softmax")
    np.testing.assert_allclose(np.sum(made(X), axis=1), 1, rtol=1e-5)
    assert len(made.layers) == 1


def test_standardised_inputs_have_mean_zero_and_spread_one():
    made = with_standardized_inputs(keras.Sequential([keras.Input((3,)), keras.layers.Identity()]), X * 50 + 9)
    answers = np.asarray(made(X * 50 + 9))
    np.testing.assert_allclose(answers.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(answers.std(axis=0), 1, rtol=1e-3)


def test_models_that_cannot_be_seen_through_are_refused():
    class Opaque(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="Functional or Sequential, got Opaque"):
        rebuilt(Opaque(), lambda layer: [layer])
    with pytest.raises(ValueError, match="no Dense or convolutional layer"):
        with_end(keras.Sequential([keras.Input((3,)), keras.layers.ReLU()]), 1, "linear")
