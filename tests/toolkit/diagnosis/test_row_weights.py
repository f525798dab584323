"""Constants and simple models where rows count unequally, are sorted, are many or hold many classes."""

import math
import time
import tracemalloc

import keras
import numpy as np
import pytest
from scipy import optimize

import trainwise as tw
from trainwise.toolkit.diagnosis.baselines import known_of, row_weights, simple_baseline
from trainwise.toolkit.diagnosis.constants import constant_loss

RNG = np.random.default_rng(0)


def _keras_loss_of_best_constant(loss, y, weights, inside):
    """The lowest weighted loss of one answer for all rows, found by search over what Keras computes."""

    def at(value):
        answers = np.full((len(y), 1), value, "float64")
        each = np.asarray(keras.ops.convert_to_numpy(loss(y[:, None], answers)), "float64")
        return float(np.mean(each * weights))

    return float(optimize.minimize_scalar(at, bounds=inside, method="bounded", options={"xatol": 1e-6}).fun)


@pytest.mark.parametrize(
    ("name", "targets", "inside"),
    [("binary_crossentropy", RNG.integers(0, 2, 40).astype("float64"), (0.01, 0.99)),
     ("mean_squared_error", RNG.normal(size=40), (-3, 3)), ("mean_absolute_error", RNG.normal(size=40), (-3, 3))],
)  # fmt: skip
def test_a_weighted_constant_is_the_best_that_keras_can_log(name, targets, inside):
    weights = RNG.uniform(0.1, 4, 40)
    found = constant_loss(targets, name, weights)
    loss = getattr(keras.losses, name)
    assert found == pytest.approx(_keras_loss_of_best_constant(loss, targets, weights, inside), rel=1e-4)


def test_equal_weights_scale_the_constant_and_classes_by_number_or_one_hot_weigh_alike():
    y = np.array([0, 1, 2, 1, 1])
    plain = constant_loss(y, "sparse_categorical_crossentropy")
    assert constant_loss(y, "sparse_categorical_crossentropy", np.full(5, 5.0)) == pytest.approx(5 * plain)
    weights = row_weights(y, {0: 2.0, 2: 0.5}, None)
    np.testing.assert_array_equal(weights, [2.0, 1.0, 0.5, 1.0, 1.0])
    np.testing.assert_array_equal(row_weights(np.eye(3)[y], {0: 2.0, 2: 0.5}, None), weights)
    assert constant_loss(np.eye(3)[y], "categorical_crossentropy", weights) == pytest.approx(
        constant_loss(y, "sparse_categorical_crossentropy", weights)
    )


@pytest.mark.parametrize("weight", ["unknown", np.ones((3, 2)), np.ones(4)])
def test_weights_that_cannot_be_told_leave_the_constant_out(weight):
    assert "constant_loss" not in known_of(None, np.array([0, 1, 1]), None, "mean_squared_error", None, weight)
    assert constant_loss([0, 1, 1], "mean_squared_error", np.array([1.0, np.nan, 1.0])) is None


def _classifier():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    "weighting",
    [{}, {"class_weight": {0: 5.0, 1: 5.0}}, {"class_weight": {0: 0.1, 1: 0.1}}, {"sample_weight": np.full(800, 5.0)}],
)
def test_a_fit_that_learns_is_not_called_one_that_does_not_whatever_its_rows_weigh(weighting):
    y = (RNG.random(800) < 0.5).astype(int)
    x = RNG.normal(size=(800, 4)).astype("float32")
    x[:, 0] += 2.0 * y
    watch = tw.callbacks.CurveWatch(x=x, y=y, report=lambda finding: None)
    history = _classifier().fit(x, y, epochs=8, verbose=0, callbacks=[watch], **weighting).history
    assert history["accuracy"][-1] > 0.75
    assert watch.healthy, watch.findings


def test_balanced_classes_may_be_less_often_right_than_the_larger_class_is_large():
    y = (RNG.random(1500) < 0.06).astype("float32")
    x = (RNG.normal(size=(1500, 4)) + 1.2 * y[:, None]).astype("float32")
    share = float(y[:1000].mean())
    held = (x[1000:], y[1000:])
    watch = tw.callbacks.CurveWatch(x=x[:1000], y=y[:1000], validation_data=held, report=lambda finding: None)
    balance = {0: 0.5 / (1 - share), 1: 0.5 / share}
    fit = {"epochs": 10, "verbose": 0, "validation_data": held, "callbacks": [watch]}
    _classifier().fit(x[:1000], y[:1000], class_weight=balance, **fit)
    assert not [finding for finding in watch.findings if finding.symptom in ("not_learning", "underfitting")]


def test_a_data_set_with_weights_leaves_out_what_cannot_be_told_and_one_without_does_not():
    import tensorflow as tf

    y = np.zeros(64)
    x = RNG.normal(size=(64, 4)).astype("float32")
    plain = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    weighted = tf.data.Dataset.from_tensor_slices((x, y, np.full(64, 9.0))).batch(8)
    for data, known in ((plain, 0.0), (weighted, None)):
        watch = tw.callbacks.CurveWatch(x=x, y=y, report=lambda finding: None)
        _classifier().fit(data, epochs=1, shuffle=False, verbose=0, callbacks=[watch])
        assert watch._reader.constant_loss == known


def test_a_population_is_judged_by_its_weights_too():
    y = (RNG.random(400) < 0.5).astype(int)
    x = RNG.normal(size=(400, 4)).astype("float32")
    x[:, 0] += 2.0 * y
    result = tw.fit_population(
        _classifier, x, y, learning_rate=[0.01, 0.02], epochs=8, class_weight={0: 5.0, 1: 5.0}, verbose=0
    )
    assert [[f for f in found if f.level != "info"] for found in result.findings] == [[], []]


def _by_class(rows):
    y = np.repeat([0, 1], rows)
    x = RNG.normal(size=(2 * rows, 8))
    x[:, 0] += 2.0 * y
    return x, y


def test_the_simple_model_of_rows_sorted_by_class_is_that_of_shuffled_rows():
    (x, y), (held_x, held_y) = _by_class(3000), _by_class(2500)
    order, other = RNG.permutation(len(y)), RNG.permutation(len(held_y))
    in_order = simple_baseline(x, y, held_x, held_y, "binary_crossentropy")
    shuffled = simple_baseline(x[order], y[order], held_x[other], held_y[other], "binary_crossentropy")
    # Bayes' accuracy of two unit normals two apart.
    bayes = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    for found in (in_order, shuffled):
        assert found.metric == pytest.approx(bayes, abs=0.03)


def test_thirty_thousand_classes_take_little_time_and_memory_and_what_was_left_out_is_said():
    x, y = RNG.normal(size=(2000, 4)), RNG.integers(0, 30000, 2000)
    tracemalloc.start()
    start = time.process_time()
    found = simple_baseline(x, y, x, y, "sparse_categorical_crossentropy")
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300 * 2**20 and seconds < 10
    assert f"of {len(np.unique(y))} classes in 2000 rows it tells 1000 apart" in found.note
    # A row of a class without a column counts as wrong.
    assert found.nearest == pytest.approx(np.isin(y, np.unique(y)).mean() * 0.5, abs=0.2) and found.nearest < 1


def test_wide_rows_are_fewer():
    x = np.ones((50, 500_000), "float32")
    x[:, 0] = np.arange(50)
    assert simple_baseline(x, x[:, 0], x, x[:, 0], "mean_squared_error").rows == 40


def test_soft_labels_have_no_simple_classifier():
    x = RNG.normal(size=(20, 2))
    found = simple_baseline(x, np.full(20, 0.3), x, np.full(20, 0.3), "binary_crossentropy")
    assert found.metric is None and found.loss is None
