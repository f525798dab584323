"""How the rows of a running fit count is read off the fit itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainwise.toolkit.runtime.fit_arguments import UNKNOWN_WEIGHTS, row_weighting

X, Y = np.ones((4, 1), "float32"), np.array([0, 1, 1, 0])


class Told(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.told = None

    def on_train_begin(self, logs=None):
        self.told = row_weighting(self.model)


class Batch(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 1

    def __getitem__(self, place):
        return self.arrays


def _model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def _told(*data, **arguments):
    callback = Told()
    _model().fit(*data, callbacks=[callback], verbose=0, **arguments)
    return callback.told["class_weight"], callback.told["sample_weight"]


def test_weights_are_those_that_fit_was_given():
    assert _told(X, Y) == (None, None)
    assert _told(X, Y, class_weight={1: 3.0}) == ({1: 3.0}, None)
    weights = np.arange(4.0)
    assert _told(X, Y, sample_weight=weights)[1] is weights


def test_a_split_of_validation_rows_leaves_the_weights_of_the_training_rows():
    assert len(_told(X, Y, sample_weight=np.arange(4.0), validation_split=0.5)[1]) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [(tf.data.Dataset.from_tensors((X, Y)), None), (tf.data.Dataset.from_tensors((X, Y, Y)), UNKNOWN_WEIGHTS),
     (Batch(X, Y), None), (Batch(X, Y, Y), UNKNOWN_WEIGHTS),
     ((pair for pair in [(X, Y)] * 3), None), ((triple for triple in [(X, Y, Y)] * 3), UNKNOWN_WEIGHTS)],
)  # fmt: skip
def test_streams_that_weigh_their_rows_are_known_to_by_what_their_batches_hold(data, expected):
    assert _told(data, shuffle=False, steps_per_epoch=1) == (None, expected)


def test_of_two_fits_within_one_another_each_is_told_its_own():
    inner = Told()

    class Inside(Told):
        def on_epoch_end(self, epoch, logs=None):
            _model().fit(X, Y, class_weight={0: 9.0}, callbacks=[inner], verbose=0)
            self.told = row_weighting(self.model)

    outer = Inside()
    _model().fit(X, Y, class_weight={0: 2.0}, callbacks=[outer], verbose=0)
    assert outer.told["class_weight"] == {0: 2.0} and inner.told["class_weight"] == {0: 9.0}


def test_outside_a_fit_nothing_is_known():
    assert row_weighting(_model()) == {"class_weight": None, "sample_weight": None}
