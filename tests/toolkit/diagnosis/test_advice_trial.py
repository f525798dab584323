"""Advice that is tried out beside a fit; the oracle is plain fits from the same weights."""

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.advice_trial import AdviceTrial
from trainwise.toolkit.diagnosis.findings import Advice, Finding

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(256, 6)).astype("float32")
Y = (X @ GENERATOR.normal(size=(6, 1)) + 0.1 * GENERATOR.normal(size=(256, 1))).astype("float32")
SLOW = Finding("learning_rate_too_low", "warning", "Slow.", advice=(Advice("learning_rate", "raise", 3.0),))
FAST = Finding("learning_rate_too_high", "warning", "Fast.", advice=(Advice("learning_rate", "lower", 10.0),))


def _model(optimizer, dropout=0.0):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, "tanh"), keras.layers.BatchNormalization(), keras.layers.Dropout(dropout)]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def _state(model):
    return [
        keras.ops.convert_to_numpy(one).copy()
        for one in (*model.variables, *model.optimizer.variables, *model.metrics_variables)
    ]


@pytest.fixture(scope="module")
def slow():
    model = _model(keras.optimizers.SGD(1e-3, momentum=0.5), dropout=0.2)
    model.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    return model


def test_a_rate_that_wins_makes_a_warning_with_the_rate_and_puts_all_back(slow):
    before = _state(slow)
    found = AdviceTrial(slow, X, Y, batch_size=16, total=100_000).judged(SLOW)
    assert found.level == "warning" and found.advice[0].parameter == "learning_rate"
    rate = found.advice[0].value
    assert found.advice[0].change == "set" and rate in (0.003, 0.01, 0.1)
    assert f"at learning rate {rate:g} the loss came to" in found.message and "(learning rate 0.001)" in found.message
    assert found.evidence["tried_loss"] < found.evidence["present_loss"] and found.evidence["tried_updates"] == 40
    for old, new in zip(before, _state(slow), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_was_measured_is_the_loss_of_plain_updates_at_that_rate():
    # Without noise of its own, the trial is a fit on the same rows from the same weights.
    model = _model(keras.optimizers.SGD(1e-3))
    model.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    found = AdviceTrial(model, X, Y, batch_size=16, total=100_000).judged(SLOW)
    take = np.random.default_rng(0).integers(0, 256, 40 * 16)
    twin = _model(keras.optimizers.SGD(1e-3))
    twin.set_weights(model.get_weights())
    losses = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    twin.fit(X[take], Y[take], batch_size=16, shuffle=False, callbacks=[note], verbose=0)
    # Keras logs running means.
    sums = np.array(losses) * np.arange(1, 41)
    assert found.evidence["present_loss"] == pytest.approx((sums[-1] - sums[19]) / 20, rel=1e-4)


def test_a_warning_that_no_change_bears_out_becomes_information():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    # At the least squares no rate brings anything.
    solution = np.linalg.lstsq(np.column_stack([X, np.ones(256)]), Y, rcond=None)[0]
    model.set_weights([solution[:6], solution[6]])
    told = AdviceTrial(model, X, Y, batch_size=16, total=10**6).judged(FAST)
    assert told.level == "info" and told.advice == FAST.advice
    assert told.message == (
        "Fast. Tried out for 40 updates: learning rate 3.3e-05 and learning rate 1e-05 and 4 times the batch brought "
        "nothing."
    )
    # A rate that is too low may take longer to show than the trial lasts.
    assert AdviceTrial(model, X, Y, batch_size=16, total=10**6).judged(SLOW) == SLOW
    model.optimizer.learning_rate = 0.2
    worse = AdviceTrial(model, X, Y, batch_size=16, total=10**6).judged(SLOW)
    assert worse.level == "info" and "learning rate 20 brought nothing" in worse.message


def test_each_symptom_is_tried_once_and_said_alike():
    model = _model(keras.optimizers.SGD(1e-3))
    model.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    trial = AdviceTrial(model, X, Y, batch_size=16, total=100_000)
    first = trial.judged(SLOW)
    model.optimizer.learning_rate = 0.5
    assert trial.judged(SLOW) == first


@pytest.mark.parametrize("total", [10, 1_900])
def test_a_short_fit_tries_nothing(slow, total):
    assert AdviceTrial(slow, X, Y, batch_size=16, total=total).judged(SLOW) == SLOW


def _own_step():
    class Own(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    inputs = keras.Input((6,))
    model = Own(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    return model


def _eager():
    model = _model("sgd")
    model.compile("sgd", "mse", run_eagerly=True)
    return model


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
UNTRIED = {
    "own train_step": _own_step,
    "eager": _eager,
    "schedule": lambda: _model(keras.optimizers.SGD(SCHEDULE)),
    "accumulating": lambda: _model(tw.optimizers.AccumulatedGradients("sgd", 2)),
}


@pytest.mark.parametrize("name", UNTRIED)
def test_fits_of_other_kinds_are_left_alone(name):
    model = UNTRIED[name]()
    model.fit(X, Y, batch_size=64, epochs=1, verbose=0)
    assert AdviceTrial(model, X, Y, batch_size=16, total=100_000).judged(SLOW) == SLOW


def test_errors_and_other_symptoms_come_back_as_they_are(slow):
    trial = AdviceTrial(slow, X, Y, batch_size=16, total=100_000)
    broken = Finding("learning_rate_too_high", "error", "Broken.")
    other = Finding("overfitting", "warning", "Overfits.")
    assert trial.judged(broken) == broken and trial.judged(other) == other


def test_a_fit_with_a_watch_that_tries_is_bit_for_bit_the_fit_without():
    x, y = np.tile(X, (2, 1)), np.tile(Y, (2, 1))
    ends, said = [], []
    for confirm in (False, True):
        model = _model(keras.optimizers.SGD(1e-4), dropout=0.2)
        watch = tw.callbacks.CurveWatch(x=x, y=y, report=said.append)
        model.fit(x, y, batch_size=8, epochs=40, verbose=0, callbacks=[watch] if confirm else [])
        ends.append([*model.get_weights(), *(keras.ops.convert_to_numpy(one) for one in model.optimizer.variables)])
    for plain, watched in zip(*ends, strict=True):
        np.testing.assert_array_equal(plain, watched)
    tried = [finding for finding in said if "Tried out for" in finding.message]
    assert tried[0].level == "warning"
    assert tried[0].advice[0].value > 1e-4
