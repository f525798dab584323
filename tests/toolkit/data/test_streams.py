"""Rows out of streams, read so that a fit is not disturbed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainwise.toolkit.data.streams import calm_rows, rows_of

X, Y = np.arange(20.0)[:, None], np.arange(20)
ROWS = tf.data.Dataset.from_tensor_slices((X, Y))


class Shuffling(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(0)

    def __len__(self):
        return 5

    def __getitem__(self, place):
        chosen = self.random.permutation(20)[:4]
        return X[chosen], Y[chosen]


@pytest.mark.parametrize("dataset", [ROWS, ROWS.batch(3), ROWS.batch(4).repeat()])
def test_rows_come_as_fit_would_take_them(dataset):
    x, y, weights = rows_of(dataset, most=7)
    assert np.array_equal(x, X[:7]) and np.array_equal(y, Y[:7]) and weights is None


def test_weights_and_structures_come_along():
    x, y, weights = rows_of(tf.data.Dataset.from_tensor_slices(({"a": X}, {"b": Y}, Y + 1)).batch(4))
    assert np.array_equal(x["a"], X) and np.array_equal(y["b"], Y) and np.array_equal(weights, Y + 1)


def test_streams_that_cannot_be_read_are_refused():
    with pytest.raises(TypeError, match="got generator"):
        rows_of(one for one in [])
    with pytest.raises(ValueError, match="never ends"):
        rows_of(ROWS.batch(4).repeat())
    with pytest.raises(ValueError, match="empty"):
        rows_of(ROWS.take(0))


@pytest.mark.parametrize(
    "made",
    [
        lambda: ROWS.shuffle(20, seed=1).batch(4).prefetch(1),
        lambda: ROWS.map(lambda x, y: (x, y)).shuffle(20, seed=1).batch(4),
        lambda: ROWS.cache().shuffle(20, seed=1).repeat().batch(4).take(9),
        Shuffling,
    ],
)
def test_a_calm_look_leaves_the_order_of_the_fit_as_it_would_be(made):
    looked, untouched = made(), made()
    x, y = calm_rows(looked, 10)
    assert len(x) == len(y) == 10

    def order(stream):
        batches = stream if hasattr(stream, "element_spec") else (stream[place] for place in range(5))
        return np.concatenate([np.asarray(batch[1]) for batch in batches]).tolist()

    assert order(looked) == order(untouched)


def test_streams_that_cannot_be_looked_at_calmly_are_left_alone():
    drawn = []

    def rows():
        drawn.append(1)
        yield 1.0, 2

    spec = (tf.TensorSpec((), "float32"), tf.TensorSpec((), "int32"))
    assert calm_rows(tf.data.Dataset.from_generator(rows, output_signature=spec).batch(1), 5) is None
    assert calm_rows(ROWS.shuffle(5).map(lambda x, y: (x, y)).batch(4), 5) is None
    assert calm_rows(iter([(X, Y)]), 5) is None
    assert not drawn
