"""Cures as code: each is a program, and what it names is there."""

import ast

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.cure_code import _CODE, cure_code
from trainwise.toolkit.diagnosis.findings import Advice


@pytest.mark.parametrize("value", [None, 4.0, "relu", "one that fits the loss", 'a "quoted" \\ name'])
@pytest.mark.parametrize(("parameter", "change"), _CODE)
def test_every_cure_is_python_whatever_the_value(parameter, change, value):
    ast.parse(cure_code(Advice(parameter, change, value)))


def test_the_rate_is_changed_as_advised():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    exec(cure_code(Advice("learning_rate", "lower", 10.0)), {"model": model})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    exec(cure_code(Advice("learning_rate", "raise", 3.0, to=0.25)), {"model": model})
    assert float(model.optimizer.learning_rate) == 0.25
    exec(cure_code(Advice("clipnorm", "set", 1.0)), {"model": model, "keras": keras})
    assert model.optimizer.clipnorm == 1.0


def test_classes_of_unequal_size_are_weighed_as_scikit_learn_does():
    from sklearn.utils.class_weight import compute_class_weight

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    y = np.array([0] * 6 + [1] * 2)
    names = {"np": np, "model": model, "x_train": np.zeros((8, 1)), "y_train": y}
    exec(cure_code(Advice("class_weight", "set", "balanced")), names)
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    assert list(names["class_weight"].values()) == pytest.approx(list(expected))


def test_inputs_are_scaled_by_the_layer_that_is_named():
    names = {"tw": tw, "x_train": np.array([[0.0], [2.0]], dtype="float32")}
    exec(cure_code(Advice("normalization", "set", "Standardize")), names)
    assert np.allclose(names["scale"](names["x_train"]), [[-1.0], [1.0]])


def test_what_no_line_of_code_does_has_none():
    assert cure_code(Advice("targets", "look at")) == ""
