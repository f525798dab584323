"""A check looks at what will be fitted: the shapes of the rows, models that are not built, several outputs, streams."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from fits import Batches, Subclassed
from tiny import one_layer, symptoms_of

import trainwise as tw

L = keras.layers
X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
CLASSES = np.arange(40) % 3


def _errors(findings):
    return {finding.symptom for finding in findings if finding.level == "error"}


def _named():
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model({"left": left, "right": right}, L.Dense(1)(L.Concatenate()([left, right])))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (one_layer, X[:, :2]),
        (one_layer, np.ones((40, 8, 8, 1), "float32")),
        (_named, {"left": X[:, :2], "wrong": X[:, 2:]}),
        (_named, [X[:, :2]]),
        (_named, {"left": X[:, :2], "right": X}),
    ],
)
def test_rows_that_fit_would_refuse_are_an_error(model, x):
    with pytest.raises((ValueError, KeyError)), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model().fit(x, CLASSES, verbose=0)
    assert "input_shape" in _errors(tw.check(model(), x, CLASSES))


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (_named, {"left": X[:, :2], "right": X[:, 2:]}),
        (lambda: one_layer(features=1), X[:, 0]),
    ],
)
def test_rows_that_fit_takes_are_no_error(model, x):
    model().fit(x, CLASSES, verbose=0)
    assert "input_shape" not in symptoms_of(tw.check(model(), x, CLASSES))


@pytest.mark.parametrize(
    "made",
    [
        lambda: keras.Sequential([L.Dense(4, "relu"), L.Dense(3, "relu")]),
        lambda: keras.Sequential([keras.Input((4,)), L.Dense(4, "relu"), L.Dense(3, "relu")]),
        lambda: Subclassed(3, "relu"),
    ],
)
@pytest.mark.parametrize("called", [False, True])
def test_a_model_without_inputs_is_judged_as_the_same_layers_with_them(made, called):
    model = made()
    if called or isinstance(model, Subclassed):
        # Keras keeps no arguments of a model's class, so that only a built one can be looked into.
        model(X[:1])
    model.compile("sgd", "sparse_categorical_crossentropy")
    large = X * 1000
    found = symptoms_of(tw.check(model, large, CLASSES))
    assert {("unscaled_inputs", "warning"), ("wrong_output_activation", "error")} <= found
    assert called or isinstance(model, Subclassed) or model.built == bool(getattr(model, "inputs", None))


def test_what_cannot_be_built_is_said_not_to_be_seen():
    class Stubborn(keras.Model):
        def call(self, x):
            raise RuntimeError("only in a fit")

    model = Stubborn()
    model.compile("sgd", "mse")
    found = tw.check(model, X, CLASSES)
    assert [(one.symptom, one.level) for one in found] == [("not_judged", "info")]
    assert "Stubborn" in found[0].message and "could not be built on a copy" in found[0].message
    unbuilt = Subclassed(3, "relu")
    unbuilt.compile("sgd", "sparse_categorical_crossentropy")
    assert "call it on a batch" in tw.check(unbuilt, X, CLASSES)[0].message and not unbuilt.built


def _two_heads():
    inputs = keras.Input((4,))
    hidden = L.Dense(8, "relu")(inputs)
    model = keras.Model(inputs, {"amount": L.Dense(1)(hidden), "kind": L.Dense(3, "softmax")(hidden)})
    model.compile("sgd", {"amount": "mse", "kind": "sparse_categorical_crossentropy"})
    return model


def test_each_output_is_judged_with_its_own_loss_and_targets():
    good = {"amount": X[:, :1], "kind": CLASSES}
    assert _errors(tw.check(_two_heads(), X, good)) == set()
    found = tw.check(_two_heads(), X, {**good, "kind": CLASSES + 1})
    assert [one.symptom for one in found if one.level == "error"] == ["label_range"]
    assert found[0].message.startswith("Output 'kind': ")


def test_streams_are_checked_as_arrays_are():
    bad = CLASSES + 5
    for stream in (tf.data.Dataset.from_tensor_slices((X, bad)).shuffle(9).batch(8), Batches(X, bad)):
        assert "label_range" in _errors(tw.check(one_layer(3, "softmax", "sparse_categorical_crossentropy"), stream))


def test_scaling_inside_the_graph_counts_whatever_does_it():
    pixels = np.random.default_rng(1).integers(0, 256, (40, 4)).astype("float32")
    inputs = keras.Input((4,))
    scaled = {
        "operation": inputs / 127.5 - 1, "lambda": L.Lambda(lambda x: x / 255.0)(inputs),
        "layer": L.Rescaling(1 / 255)(inputs),
        "model": keras.Sequential([keras.Input((4,)), L.Rescaling(1 / 255)])(inputs),
        "model that trains": keras.Sequential([keras.Input((4,)), L.Rescaling(1 / 255), L.Dense(4)])(inputs),
        "nothing": inputs, "too little": L.Rescaling(0.9)(inputs),
    }  # fmt: skip
    for name, values in scaled.items():
        model = keras.Model(inputs, L.Dense(3, "softmax")(L.Dense(4, "relu")(values)))
        model.compile("sgd", "sparse_categorical_crossentropy")
        said = ("unscaled_inputs", "warning") in symptoms_of(tw.check(model, pixels, CLASSES))
        assert said == (name in ("nothing", "too little")), name


def test_a_loss_of_the_users_decides_by_itself_how_many_outputs_it_wants():
    def mean_squared_error(y, answers):
        return keras.ops.mean(keras.ops.square(y - answers[:, :1]), axis=-1)

    model = one_layer(8, None, mean_squared_error)
    assert "output_units" not in _errors(tw.check(model, X, X[:, :1]))
    assert "output_units" in _errors(tw.check(one_layer(8, None, "mean_squared_error"), X, X[:, :3]))


def test_labels_that_the_loss_leaves_out_are_no_labels_out_of_range():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    y = np.where(np.arange(40) % 4 == 0, -1, CLASSES)
    assert _errors(tw.check(one_layer(3, "softmax", loss), X, y)) == set()
    assert _errors(tw.check(one_layer(3, "softmax", loss), X, y - 1)) == {"label_range"}
