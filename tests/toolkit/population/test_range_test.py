"""The learning-rate range test: its rules on curves with known answers, and that it leaves everything as it was."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw
import trainwise.toolkit.population.range_test as ranges

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None].astype("float32")


def _linear(optimizer="sgd"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), L.Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def test_the_limit_of_a_quadratic_is_two_over_its_curvature():
    # The mean squared error has the Hessian 2 X'X / n; gradient descent is stable below 2 / its largest eigenvalue.
    bound = 2 / np.linalg.eigvalsh(2 * np.c_[X, np.ones(len(X))].T @ np.c_[X, np.ones(len(X))] / len(X)).max()
    result = tw.tuning.range_test(_linear(), X, Y, lowest=1e-3, highest=10, rates=40, updates=100, batch_size=120)
    step = (10 / 1e-3) ** (1 / 39)
    assert bound / step < result.limit < bound * step**2
    assert bound / 8 < result.suggestion <= result.limit / 2
    assert result.reason is None


@pytest.mark.parametrize("how", ["population", "ramp"])
def test_the_model_its_optimizer_its_metrics_and_the_random_state_stay_as_they_were(how):
    model = keras.Sequential([keras.Input((4,)), L.BatchNormalization(), L.Dropout(0.5), L.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())

    def state():
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]

    random.seed(5)
    before, logs, expected = state(), model.get_metrics_result(), random.Random(5).random()
    outputs = [layer.output for layer in model.layers]
    tw.tuning.range_test(model, X, Y, rates=4, updates=12, how=how)
    for old, new in zip(before, state(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert random.random() == expected
    assert {name: float(v) for name, v in logs.items()} == {
        name: float(v) for name, v in model.get_metrics_result().items()
    }
    assert [layer.output for layer in model.layers] == outputs


def test_each_rate_learns_as_a_lone_model_with_that_rate_would():
    result = tw.tuning.range_test(_linear(), X, Y, lowest=0.01, highest=0.1, rates=2, updates=10, batch_size=120)
    for rate, loss in zip(result.rates, result.losses, strict=True):
        model = _linear(keras.optimizers.SGD(rate))
        losses = [model.train_on_batch(X, Y)[0] if model.reset_metrics() is None else 0 for _ in range(10)]
        assert loss == pytest.approx(np.mean(losses[-2:]), rel=1e-4)
    assert result.start == pytest.approx(losses[0], rel=1e-4)


def test_a_ramp_finds_a_rate_that_learns():
    result = tw.tuning.range_test(_linear(), X, Y, how="ramp", updates=100)
    assert 1e-3 < result.suggestion < result.limit / 2
    # Beyond 2 / curvature every step grows the error; a ramp is there before its loss shows it.
    assert result.limit < 10


def test_where_the_loss_never_falls_there_is_no_suggestion_but_a_reason():
    noise = np.full((120, 1), 7.0, "float32")
    model = _linear()
    model.layers[0].trainable = False
    model.add(L.Dense(1, use_bias=False, kernel_initializer="zeros", trainable=True))
    model.compile("sgd", "mse")
    result = tw.tuning.range_test(model, np.zeros((120, 4), "float32"), noise, rates=4, updates=10)
    assert result.suggestion is None and "the loss never fell" in result.reason
    broken = tw.tuning.range_test(_linear(), X, np.full((120, 1), np.nan), rates=4, updates=10)
    assert broken.suggestion is None and "no finite number" in broken.reason and broken.limit is None


RATES = np.geomspace(1e-4, 1, 9)


def test_the_rules_read_a_curve_as_written_in_their_sources():
    losses = [1.0, 0.98, 0.9, 0.7, 0.3, 0.2, 0.25, 0.9, 4.0]
    assert ranges.minimum(RATES, losses) == pytest.approx(RATES[5] / 10)
    assert ranges.steep(RATES, losses) == pytest.approx(RATES[3])
    # The longest fall is places 0 to 5, counted from -1: a third, 2, and half a third, 1, on is place 2.
    assert ranges.valley(RATES, losses) == pytest.approx(RATES[2])
    # Slopes of the losses; from the right, the first window of three whose ends differ by at most 0.3 is places 5 to 7.
    slopes = np.gradient(losses)
    level = [left for left in range(6, -1, -1) if abs(slopes[left + 2] - slopes[left]) <= 0.3]
    assert ranges.slide(RATES, losses, width=2, flat=0.3) == pytest.approx(RATES[level[0]])


def test_smoothing_corrects_the_bias_of_its_start():
    values = [1.0, 3.0, 2.0]
    expected = [1.0, (0.9 * 0.1 * 1 + 0.1 * 3) / (1 - 0.9**2), (0.81 * 0.1 + 0.9 * 0.1 * 3 + 0.1 * 2) / (1 - 0.9**3)]
    np.testing.assert_allclose(ranges.smoothed(values, 0.9), expected)


def test_the_plot_marks_suggestion_and_limit():
    result = tw.tuning.range_test(_linear(), X, Y, rates=8, updates=20)
    labels = [line.get_label() for line in result.plot().axes[0].lines]
    assert any("suggestion" in label for label in labels)
    assert set(result.as_dict()["suggestions"]) == {"valley", "steep", "minimum", "slide"}


BAD = [
    ({"lowest": 0.0}, ValueError, "`lowest` must be in .*got 0"),
    ({"highest": 1e-6}, ValueError, "`highest` must be in .*got 1e-06"),
    ({"rates": 1}, ValueError, "`rates` must be at least 2, got 1"),
    ({"updates": 3}, ValueError, "`updates` must be at least 10, got 3"),
    ({"how": "sweep"}, ValueError, "`how` must be .*got 'sweep'"),
    ({"method": "best"}, ValueError, "`method` must be .*got 'best'"),
    ({"seed": -1}, ValueError, "`seed` must be at least 0, got -1"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments_are_refused_with_their_value(arguments, error, message):
    with pytest.raises(error, match=message):
        tw.tuning.range_test(_linear(), X, Y, **arguments)


def test_with_validation_rows_each_rate_is_judged_by_its_validation_loss():
    held = (X[:40], Y[:40])
    result = tw.tuning.range_test(
        _linear(), X, Y, lowest=0.01, highest=0.1, rates=2, updates=10, batch_size=120, validation_data=held
    )
    for rate, loss in zip(result.rates, result.losses, strict=True):
        model = _linear(keras.optimizers.SGD(rate))
        assert result.start == pytest.approx(model.evaluate(*held, verbose=0)[0], rel=1e-5)
        for _ in range(10):
            model.train_on_batch(X, Y)
        assert loss == pytest.approx(model.evaluate(*held, verbose=0)[0], rel=1e-4)
    with pytest.raises(ValueError, match='`validation_data` needs a model for each rate; use `how="population"`'):
        tw.tuning.range_test(_linear(), X, Y, how="ramp", validation_data=held)


def test_an_optimizer_without_a_form_for_members_is_tested_on_a_ramp():
    with pytest.raises(ValueError, match='The optimizer Muon has no form for many rates.*use `how="ramp"`'):
        tw.tuning.range_test(_linear("muon"), X, Y)
    assert tw.tuning.range_test(_linear("muon"), X, Y, how="ramp").suggestion > 0


def test_a_model_that_is_not_compiled_and_data_without_rows_are_refused():
    with pytest.raises(ValueError, match="`model` must be compiled"):
        tw.tuning.range_test(keras.Sequential([keras.Input((4,)), L.Dense(1)]), X, Y)
    with pytest.raises(ValueError, match="`x` must hold at least one row"):
        tw.tuning.range_test(_linear(), X[:0], Y[:0])


@pytest.mark.parametrize("how", ["population", "ramp"])
def test_an_optimizer_that_accumulates_is_tested_as_the_one_within_it(how):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(tw.optimizers.AccumulatedGradients(keras.optimizers.SGD(0.1), 2), "mse")
    found = tw.tuning.range_test(model, x, x.sum(axis=1), rates=6, updates=30, how=how)
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.compile(keras.optimizers.SGD(0.1), "mse")
    alone = tw.tuning.range_test(plain, x, x.sum(axis=1), rates=6, updates=30, how=how)
    np.testing.assert_allclose(found.losses, alone.losses, rtol=1e-5)


def test_lists_and_batches_give_what_arrays_give(rng):
    left, right = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    y = left[:, :1] + right[:, :1]

    def build():
        keras.utils.set_random_seed(0)
        inputs = [keras.Input((3,)), keras.Input((2,))]
        model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(inputs)))
        model.compile("sgd", "mse")
        return model

    settings = {"rates": 2, "updates": 10, "how": "ramp"}
    found = tw.tuning.range_test(build(), (left, right), y, **settings)
    assert tw.tuning.range_test(build(), [left, right], y, **settings).losses == found.losses
    batches = tf.data.Dataset.from_tensor_slices(((left, right), y)).batch(32)
    expected = build().evaluate((left[:32], right[:32]), y[:32], verbose=0)
    assert tw.tuning.range_test(build(), batches, **settings).start == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (iter([]), None, "`x` must hold at least one batch"),
        (iter([np.ones((2, 3))]), None, "`x` must hold batches of inputs and targets"),
        (np.ones((4, 3)), np.ones(3), r"`x` and `y` must have as many rows, got \[3, 4\]"),
    ],
)
def test_rows_that_no_rate_can_be_tried_on_are_refused(x, y, words):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=words):
        tw.tuning.range_test(model, x, y)
