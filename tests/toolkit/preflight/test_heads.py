"""Ends of models that do or do not fit loss and targets."""

import keras
import numpy as np
import pytest
from tiny import one_layer, symptoms_of

import trainwise as tw

INTS = np.arange(60) % 3


ONE_HOT = np.eye(3)[INTS]


BITS = np.arange(60) % 2


MANY = np.random.default_rng(0).integers(0, 2, (60, 3))


REAL = np.random.default_rng(0).normal(size=60) * 10


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (3, "softmax", "sparse_categorical_crossentropy", INTS),
        (3, "softmax", "categorical_crossentropy", ONE_HOT),
        (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), INTS),
        (1, "sigmoid", "binary_crossentropy", BITS),
        (3, "sigmoid", "binary_crossentropy", MANY),
        (1, None, "mse", REAL),
        (1, "relu", "mae", np.abs(REAL)),
        (3, None, "hinge", ONE_HOT),
    ],
)
def test_a_fitting_end_is_silent(units, activation, loss, y, x):
    assert tw.check(one_layer(units, activation, loss), x, y) == []


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y", "expected"),
    [
        (1, "softmax", "binary_crossentropy", BITS, ("wrong_output_activation", "error")),
        (1, "softmax", "mse", BITS, ("wrong_output_activation", "error")),
        (3, None, "sparse_categorical_crossentropy", INTS, ("wrong_output_activation", "error")),
        (1, None, "binary_crossentropy", BITS, ("wrong_output_activation", "warning")),
        (3, "relu", "categorical_crossentropy", ONE_HOT, ("wrong_output_activation", "error")),
        (3, "sigmoid", "categorical_crossentropy", ONE_HOT, ("wrong_output_activation", "info")),
        (3, "softmax", "binary_crossentropy", MANY, ("wrong_output_activation", "error")),
        (3, "softmax", "binary_crossentropy", ONE_HOT, ("wrong_loss", "warning")),
        (3, "softmax", keras.losses.SparseCategoricalCrossentropy(from_logits=True), INTS,
         ("wrong_output_activation", "warning")),
        (1, "sigmoid", "mse", REAL, ("wrong_output_activation", "error")),
        (1, "relu", "mse", REAL, ("wrong_output_activation", "error")),
        (1, "sigmoid", "mse", BITS, ("wrong_loss", "info")),
        (1, "sigmoid", "binary_crossentropy", INTS, ("label_range", "error")),
        (2, "softmax", "sparse_categorical_crossentropy", INTS, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", INTS / 255, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", INTS - 1, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", ONE_HOT, ("label_shape", "error")),
        (3, "softmax", "categorical_crossentropy", INTS, ("label_shape", "error")),
        (2, None, "mse", REAL, ("output_units", "error")),
        (4, "softmax", "categorical_crossentropy", ONE_HOT, ("output_units", "error")),
    ],
)  # fmt: skip
def test_an_end_that_does_not_fit_is_said_with_a_cure(units, activation, loss, y, expected, x):
    findings = tw.check(one_layer(units, activation, loss), x, y)
    assert expected in symptoms_of(findings)
    assert all(finding.advice and finding.causes for finding in findings)


def test_a_softmax_layer_of_its_own_is_seen(x):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), keras.layers.Softmax()])
    model.compile(loss="binary_crossentropy")
    assert tw.check(model, x, BITS)[0].causes[0] == "single_unit_softmax"


def test_targets_scaled_inside_the_model_may_have_any_range(x):
    back = tw.layers.MinMax(invert=True)
    back.adapt(REAL)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid"), back])
    model.compile(loss="mse")
    assert tw.check(model, x, REAL) == []


def test_softmax_for_labels_that_can_all_be_true_is_said_for_the_squared_error_too(x):
    found = tw.check(one_layer(3, "softmax", "mse"), x, MANY)
    assert found[0].causes[0] == "softmax_for_multilabel"
