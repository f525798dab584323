"""Answers without a pipeline; the oracle is Keras' `predict`."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.models.batch_answers import batch_answers

L = keras.layers
ROWS = np.random.default_rng(0).normal(size=(11, 3))


@pytest.fixture(scope="module")
def two_ways():
    first, second = keras.Input((3,), name="first"), keras.Input((1,), name="second", dtype="int32")
    outputs = {"sum": L.Dense(1)(L.Concatenate()([first, L.Rescaling(2.0)(second)])), "plain": L.Dropout(0.5)(first)}
    return keras.Model({"first": first, "second": second}, outputs)


@pytest.mark.parametrize("size", [1, 4, 11, 256])
def test_the_answers_are_those_of_predict(two_ways, size):
    x = {"first": ROWS, "second": np.arange(11)[:, None]}
    ours, theirs = batch_answers(two_ways, x, size), two_ways.predict(x, batch_size=size, verbose=0)
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_numbers_of_every_type_are_answered_as_by_predict(dtype):
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    x = np.abs(ROWS * 3).astype(dtype)
    np.testing.assert_array_equal(batch_answers(model, x, 4), model.predict(x, batch_size=4, verbose=0))


def test_what_is_no_array_goes_to_predict():
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    stream = tf.data.Dataset.from_tensor_slices(ROWS.astype("float32")).batch(5)
    np.testing.assert_array_equal(batch_answers(model, stream), model.predict(stream, verbose=0))


def test_a_model_for_batches_of_one_size_gets_these():
    model = keras.Sequential([keras.Input(batch_shape=(4, 2, 3)), L.LSTM(3, stateful=True), L.Dense(1)])
    x = np.random.default_rng(1).normal(size=(8, 2, 3)).astype("float32")
    ours = batch_answers(model, x)
    model.layers[0].reset_state()
    np.testing.assert_array_equal(ours, model.predict(x, batch_size=4, verbose=0))


def test_columns_of_unlike_length_are_refused_as_keras_does():
    inputs = [keras.Input((3,)), keras.Input((1,))]
    model = keras.Model(inputs, L.Concatenate()(inputs))
    with pytest.raises(ValueError, match="cardinality"):
        batch_answers(model, [ROWS, np.ones((2, 1))])
