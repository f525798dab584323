"""Mixup of rows of any shape, and of their answers alike."""

import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw


def _batches(rows=4_000, size=2_000):
    # Each row is its own number, in both parts: what was mixed can be read off.
    numbers = np.arange(rows, dtype="float32")
    return tf.data.Dataset.from_tensor_slices((np.tile(numbers[:, None, None], (1, 3, 2)), numbers[:, None])).batch(
        size
    )


def test_rows_and_answers_are_mixed_by_the_same_share_with_a_row_of_the_same_batch():
    (first_x, first_y), (second_x, _) = tw.data.mixup(_batches(), alpha=1.0, seed=0)
    assert first_x.shape == (2_000, 3, 2) and first_y.shape == (2_000, 1)
    np.testing.assert_allclose(first_x[:, 0, 0], first_y[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(first_x, np.tile(first_x[:, :1, :1], (1, 3, 2)))
    assert np.max(first_x) < 2_000 and np.min(second_x) >= 2_000 - 1e-3
    # An order is gone through once: sums stay, up to what the shares differ.
    assert np.mean(first_y) == pytest.approx(999.5, rel=0.05)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_variance_of_their_beta_distribution(alpha):
    # Of two rows 0 and 1 those mixed with the other show the share itself.
    x = np.array([[0.0], [1.0]], "float32")
    data = tf.data.Dataset.from_tensors((x, x)).repeat(3_000)
    found = np.concatenate([np.asarray(mixed) for mixed, _ in tw.data.mixup(data, alpha, seed=1)])[:, 0]
    pairs = found.reshape(-1, 2)
    # Where the order keeps both rows in place, nothing shows.
    shares = pairs[~((pairs[:, 0] == 0) & (pairs[:, 1] == 1))].ravel()
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_each_epoch_is_mixed_anew_and_the_same_seed_alike():
    one, other = (tw.data.mixup(_batches(8, 8), seed=5) for _ in range(2))
    epochs = [[np.asarray(next(iter(data))[0]) for _ in range(2)] for data in (one, other)]
    np.testing.assert_array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0][0], epochs[0][1])


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (np.ones((3, 2)), {}, "must be a tf.data.Dataset of batches, got ndarray"),
        (tf.data.Dataset.from_tensors(np.ones((3, 2), "float32")), {}, r"must hold batches `\(x, y\)`"),
        (tf.data.Dataset.from_tensors((np.ones((3, 2)), np.arange(3))), {}, "floats as y .*to_categorical.*got int64"),
        (tf.data.Dataset.from_tensors((np.arange(3), np.ones((3, 2)))), {}, "floats as x, got int64"),
        (tf.data.Dataset.from_tensors((1.0, 2.0)), {}, r"floats as x, got float32 of shape \(\)"),
        (_batches(4, 2), {"alpha": 0.0}, "`alpha` must be .*got 0"),
        (_batches(4, 2), {"seed": -1}, "`seed` .*got -1"),
    ],
)
def test_what_cannot_be_mixed_is_refused(data, options, match):
    with pytest.raises((TypeError, ValueError), match=match):
        tw.data.mixup(data, **options)
