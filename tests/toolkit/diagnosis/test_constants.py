"""The best constant and the least loss; the oracle is Keras' own loss, asked for many constants or for the targets."""

import keras
import numpy as np
import pytest
from keras import ops

from trainwise.toolkit.diagnosis.constants import constant_loss, constant_marks, constant_metric

RNG = np.random.default_rng(0)
ROWS = 60
WEIGHTS = RNG.random(ROWS) + 0.2
NORMAL = RNG.normal(size=(ROWS, 1)).astype("float32")
losses = keras.losses


def _least_of_many(loss, y, candidates, weights=None):
    return min(
        float(ops.convert_to_numpy(loss(y, np.broadcast_to(np.float32(c), (len(y), len(c))), sample_weight=weights)))
        for c in candidates
    )


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("loss", "y", "low", "high"),
    [
        (losses.MeanSquaredError(), NORMAL, -2, 2),
        (losses.MeanAbsoluteError(), NORMAL, -2, 2),
        (losses.Huber(0.3), NORMAL, -2, 2),
        (losses.LogCosh(), NORMAL, -2, 2),
        (losses.MeanAbsolutePercentageError(), NORMAL + 5, 2, 8),
        (losses.MeanSquaredLogarithmicError(), NORMAL + 5, 2, 8),
        (losses.Poisson(), np.float32(RNG.poisson(3, (ROWS, 1))), 1, 6),
        (losses.Hinge(), np.float32(RNG.random((ROWS, 1)) < 0.3), -1, 1),
        (losses.SquaredHinge(), np.float32(RNG.random((ROWS, 1)) < 0.3), -1, 1),
        (losses.BinaryCrossentropy(), np.float32(RNG.random((ROWS, 1)) < 0.3), 0.01, 0.99),
        (losses.BinaryCrossentropy(label_smoothing=0.2), np.float32(RNG.random((ROWS, 1)) < 0.3), 0.01, 0.99),
        (losses.BinaryCrossentropy(), RNG.random((ROWS, 1)).astype("float32"), 0.01, 0.99),
    ],
)
def test_no_constant_gets_below_the_mark_and_one_comes_near(loss, y, low, high, weights):
    brute = _least_of_many(loss, y, np.linspace(low, high, 81)[:, None], weights)
    assert -0.01 * abs(brute) - 1e-4 <= constant_loss(y, loss, weights) - brute <= 1e-4


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.CategoricalCrossentropy(label_smoothing=0.3), np.eye(2, dtype="float32")[RNG.integers(0, 2, ROWS)]),
        (losses.CategoricalCrossentropy(), RNG.dirichlet([1, 2], ROWS).astype("float32")),
        (losses.KLDivergence(), RNG.dirichlet([1, 2], ROWS).astype("float32")),
        (losses.SparseCategoricalCrossentropy(), RNG.integers(0, 2, ROWS)),
        (losses.SparseCategoricalCrossentropy(ignore_class=-1), RNG.integers(-1, 2, ROWS)),
    ],
)
def test_of_two_classes_no_shares_get_below_the_mark(loss, y):
    shares = np.linspace(0.01, 0.99, 99)
    brute = _least_of_many(loss, y, np.stack([shares, 1 - shares], axis=1), WEIGHTS)
    assert constant_loss(y, loss, WEIGHTS) == pytest.approx(brute, rel=5e-3)


def test_the_least_loss_of_soft_targets_is_that_of_answering_them():
    for loss, y in (
        (losses.BinaryCrossentropy(), RNG.random((ROWS, 3))),
        (losses.CategoricalCrossentropy(), RNG.dirichlet(np.ones(3), ROWS)),
        (losses.Poisson(), RNG.random((ROWS, 2)) + 0.5),
    ):
        own = float(ops.convert_to_numpy(loss(y, y, sample_weight=WEIGHTS)))
        assert constant_marks(y, loss, WEIGHTS).least == pytest.approx(own, rel=1e-4)
    assert constant_marks(np.eye(3)[[0, 1, 2]], "categorical_crossentropy").least == 0


def test_steps_count_as_their_weights_say_and_padding_not_at_all():
    y = RNG.integers(0, 2, (ROWS, 4))
    weights = RNG.random((ROWS, 4))
    weights[:, 3] = 0
    shares = np.array([weights[y == one].sum() for one in (0, 1)]) / weights.sum()
    expected = weights.mean() * -(shares * np.log(shares)).sum()
    assert constant_loss(y, "sparse_categorical_crossentropy", weights) == pytest.approx(expected)
    at_steps = [weights[:, s].mean() * np.average((y[:, s] - np.average(y[:, s], weights=weights[:, s])) ** 2,
                                                  weights=weights[:, s]) for s in range(3)]  # fmt: skip
    assert constant_loss(y[..., None], "mse", weights) == pytest.approx(sum(at_steps) / 4)


def test_a_loss_divided_by_its_weights_is_not_multiplied_by_them():
    y, given = NORMAL, 10 * WEIGHTS
    by_weight = constant_loss(y, losses.MeanSquaredError(reduction="mean_with_sample_weight"), given)
    assert by_weight == pytest.approx(np.average((y[:, 0] - np.average(y[:, 0], weights=given)) ** 2, weights=given))


def mean_squared_error(y, answers):
    return ops.mean(answers - y)


@pytest.mark.parametrize(
    "loss",
    [
        mean_squared_error,
        losses.MeanSquaredError(reduction="sum"),
        losses.CTC(),
        losses.CosineSimilarity(),
        ["mse"] * 2,
    ],
)
def test_losses_without_a_known_constant_have_none(loss):
    assert constant_marks(NORMAL, loss) is None


@pytest.mark.parametrize("y", [np.array(["a"]), np.array([np.nan]), np.zeros(0), np.float32(3.0)])
def test_targets_that_are_no_finite_numbers_have_no_constant(y):
    assert constant_marks(y, "mse") is None


def test_the_commonest_class_over_all_steps_is_the_best_constant_accuracy():
    tags = RNG.integers(0, 3, (ROWS, 5))
    most = np.bincount(tags.ravel()).max() / tags.size
    assert constant_metric(tags, "sparse_categorical_crossentropy") == most
    assert constant_metric(np.eye(3)[tags], "categorical_crossentropy") == pytest.approx(most)
    pixels = (RNG.random((ROWS, 4, 4, 1)) < 0.1).astype("float32")
    assert constant_metric(pixels, "binary_crossentropy") == pytest.approx(1 - pixels.mean())
    assert constant_metric(RNG.random((ROWS, 2)), "binary_crossentropy") is None
