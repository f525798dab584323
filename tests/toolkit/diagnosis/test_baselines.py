"""What a constant and simple models reach; closed forms."""

import numpy as np
import pytest

from trainwise.toolkit.diagnosis import baselines, constants
from trainwise.toolkit.diagnosis.baselines import known_of
from trainwise.toolkit.diagnosis.constants import constant_metric
from trainwise.toolkit.diagnosis.curves import SimpleBaseline


def test_constant_losses_are_the_closed_forms():
    y = np.array([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert constants.constant_loss(y, "sparse_categorical_crossentropy") == pytest.approx(entropy)
    assert constants.constant_loss(y, "binary_crossentropy") == pytest.approx(entropy)
    assert constants.constant_loss(np.eye(2)[y], "categorical_crossentropy") == pytest.approx(entropy)
    assert constants.constant_loss(y, "mean_squared_error") == pytest.approx(np.var(y))
    assert constants.constant_loss(y, "mean_absolute_error") == pytest.approx(0.25)
    # Keras reads 0 as -1: the best constant is -1, and each of the ones costs 2.
    assert constants.constant_loss(y, "hinge") == pytest.approx(0.5)
    assert constants.constant_loss(np.array(["a"]), "mse") is None


def test_the_simple_baseline_is_the_better_of_ridge_and_nearest_neighbour(rng):
    x = rng.normal(size=(200, 5))
    y = x @ np.arange(5.0)
    line = baselines.simple_baseline(x[:150], y[:150], x[150:], y[150:], "mean_squared_error")
    assert line.loss < 0.05 * np.var(y)
    ring = (np.sum(x[:, :2] ** 2, axis=1) > 1.4).astype(int)
    near = baselines.simple_baseline(x[:150, :2], ring[:150], x[150:, :2], ring[150:], "binary_crossentropy")
    assert near.metric > 0.85
    assert baselines.simple_baseline({"a": x}, y, {"a": x}, y, "mse").metric is None


def test_sequences_and_images_of_classes_have_no_simple_model():
    x, y = np.ones((6, 4)), np.zeros((6, 5), int)
    for targets, loss in ((y, "sparse_categorical_crossentropy"), (np.zeros((6, 2, 2, 3)), "categorical_crossentropy")):
        known = known_of(x, targets, (x, targets), loss)
        assert known["simple"]() == SimpleBaseline(None, None)


def test_validation_data_that_cannot_be_read_twice_are_left_out():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((np.ones((4, 1)), np.ones(4))).batch(2)
    assert known_of(None, np.ones(4), dataset, "mean_squared_error")["constant_loss"] == 0.0


def test_the_commonest_class_is_the_best_constant():
    assert constant_metric(np.array([0, 0, 1]), "sparse_categorical_crossentropy") == pytest.approx(2 / 3)
    assert constant_metric(np.eye(3)[[0, 0, 1]], "categorical_crossentropy") == pytest.approx(2 / 3)
    assert constant_metric(np.array([[0, 1], [0, 1], [0, 0]]), "binary_crossentropy") == pytest.approx(5 / 6)
    assert constant_metric(np.array([0.5, 2.0]), "mean_squared_error") is None


def test_what_the_rows_say_is_left_out_where_it_cannot_be_told():
    assert known_of(None, None, None, "mse") == {}
    assert known_of(None, [np.ones(3), np.ones(3)], None, "mse") == {}
    assert known_of(None, np.array(["a", "b"]), None, "mse") == {"constant_loss": None}
