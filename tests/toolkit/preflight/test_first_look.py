"""What a model shows before its first update."""

import keras
import numpy as np
import pytest

import trainwise as tw


def _symptoms(findings):
    return {(finding.symptom, finding.level) for finding in findings}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, 4))


REAL = np.random.default_rng(0).normal(size=60) * 10


keras.utils.set_random_seed(0)  # Layers draw the seeds of their weights where they are made, here.


def _deep(*layers, loss="mse", optimizer="adam", features=4):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((features,)), *layers])
    model.compile(optimizer, loss)
    return model


def _dense(units, activation="relu", **rest):
    return keras.layers.Dense(units, activation, **rest)


def _frozen():
    layer = _dense(4)
    layer.trainable = False
    return layer


STARTS = [
    ([_dense(8), _dense(8, kernel_initializer="zeros"), _dense(1, None)], "symmetric_weights", "constant_init"),
    ([_dense(8, "softmax"), _dense(1, None)], "vanishing_gradient", "wrong_hidden_activation"),
    ([_dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-4)), _dense(1, None)],
     "poor_initialization", "tiny_init"),
    ([_dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=200.0)), _dense(1, None)],
     "poor_initialization", "large_init"),
    ([_dense(8, bias_initializer=keras.initializers.Constant(-100.0)), _dense(1, None)], "dead_relu", "dying_relu"),
    ([*(_dense(8, "sigmoid") for _ in range(10)), _dense(1, None)], "vanishing_gradient", "vanishing_gradient"),
    ([_dense(64, kernel_regularizer=keras.regularizers.L2(500.0)), _dense(1, None)], "regularizer_dominates",
     "over_regularized"),
    ([_dense(8), keras.layers.Dropout(0.95), _dense(1, None)], "regularizer_dominates", "over_regularized"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "symptom", "cause"), STARTS)
def test_a_bad_start_is_said_with_its_cause(layers, symptom, cause, x):
    found = [f for f in tw.check(_deep(*layers), x, REAL) if f.level != "info"]
    assert (found[0].symptom, found[0].causes[0]) == (symptom, cause)


def test_a_model_that_cannot_train_is_an_error(x):
    model = _deep(_frozen())
    found = tw.check(model, x, REAL)
    assert ("unchanged_weights", "error") in _symptoms(found)


def test_hidden_layers_without_activation_are_a_remark(x):
    found = tw.check(_deep(_dense(4, None), _dense(1, None)), x, REAL / 10)
    assert [(f.level, f.causes) for f in found] == [("info", ("missing_hidden_activation",))]


@pytest.mark.parametrize(("rate", "symptom"), [(5.0, "learning_rate_too_high"), (1e-7, "learning_rate_too_low")])
def test_a_rate_far_from_the_usual_is_a_remark(rate, symptom, x):
    found = tw.check(_deep(_dense(1, None), optimizer=keras.optimizers.Adam(rate)), x, REAL / 10)
    assert _symptoms(found) == {(symptom, "info")}


@pytest.mark.parametrize(
    "layers",
    [
        [_dense(8, kernel_initializer="he_normal"), _dense(8, kernel_initializer="he_normal"), _dense(1, None)],
        [_dense(8, "tanh"), _dense(8, "tanh"), _dense(1, None)],
        [_dense(8, kernel_regularizer=keras.regularizers.L2(1e-4)), keras.layers.Dropout(0.5), _dense(1, None)],
        [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Activation("relu"), _dense(1, None)],
        [_dense(1, None, kernel_initializer="zeros")],
    ],
)
def test_a_usual_start_is_silent(layers, x):
    assert [f for f in tw.check(_deep(*layers), x, REAL / 10, thorough=True) if f.level != "info"] == []


def test_a_rate_at_which_eight_rows_cannot_be_learnt_is_found_and_mended_by_adam(x):
    model = _deep(_dense(16), _dense(1, None), optimizer=keras.optimizers.SGD(1e-7))
    before = model.get_weights()
    state = np.random.get_state()[1].copy()
    found = tw.check(model, x, REAL / 10, thorough=True)
    (learnt,) = [f for f in found if f.symptom == "not_learning"]
    assert learnt.advice[0].value == "Adam"
    assert learnt.causes[0] in ("lr_too_high", "lr_too_low")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(state, np.random.get_state()[1])


def test_an_architecture_that_cannot_learn_eight_rows_is_found(x):
    model = _deep(_dense(8, bias_initializer=keras.initializers.Constant(-100.0)), _dense(1, None))
    assert "not_learning" in {f.symptom for f in tw.check(model, x, REAL / 10, thorough=True)}
