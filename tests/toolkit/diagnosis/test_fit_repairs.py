"""Repairs inside a fit."""

import json
import os
import warnings

import keras
import numpy as np
import pytest
from tiny import silent

import trainwise as tw
from trainwise.callbacks import CurveWatch
from trainwise.toolkit.diagnosis.findings import Advice, Finding
from trainwise.toolkit.diagnosis.fit_repairs import FitRepairs, measured
from trainwise.toolkit.optimizers import AccumulatedGradients

RANDOM = np.random.default_rng(0)


X = RANDOM.normal(size=(128, 4)).astype("float32")


Y = (X @ np.array([[1.0], [-2.0], [0.5], [3.0]]) + 0.1 * RANDOM.normal(size=(128, 1))).astype("float32")


HELD = (X[96:], Y[96:])


def _model(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu", name="hidden"), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def _repaired(model, epochs=20, **rest):
    watch = CurveWatch("repair", X[:96], Y[:96], HELD, report=silent, **rest)
    history = model.fit(X[:96], Y[:96], epochs=epochs, validation_data=HELD, verbose=0, callbacks=[watch])
    return watch, history.history


def test_a_rate_that_breaks_the_fit_is_lowered_until_it_holds():
    model = _model(keras.optimizers.SGD(30.0))
    watch, history = _repaired(model)
    assert any(attempt.kept and attempt.advice.parameter == "learning_rate" for attempt in watch.repairs)
    assert float(model.optimizer.learning_rate) < 1.0
    assert model.evaluate(*HELD, verbose=0) < 0.2 * np.var(Y)
    # The loss of the first epoch is large or no number.
    assert not history["loss"][0] <= 10


def test_a_rate_that_is_far_too_low_is_raised():
    model = _model(keras.optimizers.SGD(1e-6))
    watch, history = _repaired(model, epochs=30)
    assert float(model.optimizer.learning_rate) > 1e-5
    assert history["val_loss"][-1] < 0.9 * history["val_loss"][0]
    # It was tried out on copies, so that it is a rate and no factor.
    assert watch.repairs[0].advice.change == "set" and watch.repairs[0].kept


def _best_possible(optimizer):
    """The least validation loss of plain fits over a ladder of rates."""
    ends = []
    for rate in (0.01, 0.03, 0.1):
        model = _model(optimizer(rate))
        ends.append(min(model.fit(X[:96], Y[:96], epochs=20, validation_data=HELD, verbose=0).history["val_loss"]))
    return min(ends)


def test_rates_that_are_far_too_high_end_as_well_as_the_right_one():
    best = _best_possible(keras.optimizers.SGD)
    for rate in (10.0, 1e5):
        model = _model(keras.optimizers.SGD(rate))
        _repaired(model)
        # In units of what there is to learn: the best fits end near the noise of the targets.
        assert model.evaluate(*HELD, verbose=0) - best < 0.1 * np.var(Y), rate


def _fault(number):
    """A fit with a drawn fault: optimizer, rate, start, clipping, batch, rows that are no numbers."""
    draw = np.random.default_rng(number)
    kind = draw.choice(["SGD", "Adam", "RMSprop", "Adagrad", "Nadam", "Lion"])
    optimizer = getattr(keras.optimizers, kind)(
        float(10 ** draw.uniform(-6, 6)), clipnorm=None if draw.random() < 0.7 else float(10 ** draw.uniform(-3, 3))
    )
    start = keras.initializers.RandomNormal(stddev=float(10 ** draw.uniform(-3, 1.5)), seed=number)
    bias = keras.initializers.Constant(float(draw.choice([0.0, -5.0])))  # units that are dead from the start
    model = keras.Sequential(
        [
            keras.Input((4,)), keras.layers.Dense(8, "relu", kernel_initializer=start, bias_initializer=bias),
            keras.layers.Dense(1),
        ]
    )  # fmt: skip
    model.compile(optimizer, "mse")
    x = X[:96].copy()
    if draw.random() < 0.15:
        x[draw.integers(96)] = np.nan
    given = {"x": x, "y": Y[:96], "validation_data": HELD} if draw.random() < 0.7 else {}
    return model, x, given, int(draw.choice([4, 16, 96]))


@pytest.mark.parametrize("number", range(int(os.environ.get("REPAIRS", "6"))))
def test_a_repaired_fit_ends_no_worse_than_its_start_whatever_the_fault(number):
    model, x, given, size = _fault(number)
    start = model.evaluate(*HELD, verbose=0)
    watch = CurveWatch("repair", report=silent, **given)
    model.fit(x, Y[:96], epochs=6, batch_size=size, validation_data=HELD, verbose=0, callbacks=[watch])
    end = model.evaluate(*HELD, verbose=0)
    assert end <= start * (1 + 1e-5), (model.optimizer.name, watch.repairs)


def test_what_the_starting_weights_reach_is_measured_under_the_names_of_the_logs():
    model = _model("sgd")
    found = measured(model, X, Y, HELD)
    answers = [np.mean((model.predict(x, verbose=0) - y) ** 2) for x, y in ((X, Y), HELD)]
    np.testing.assert_allclose([found["loss"], found["val_loss"]], answers, rtol=1e-5)
    # Of rows that the model cannot take nothing is known.
    assert measured(model, X[:, :2], Y, None) == {}


def test_a_healthy_fit_is_left_bit_identical():
    plain, watched = _model(keras.optimizers.Adam(0.05)), _model(keras.optimizers.Adam(0.05))
    keras.utils.set_random_seed(1)
    plain.fit(X[:96], Y[:96], epochs=6, validation_data=HELD, verbose=0)
    keras.utils.set_random_seed(1)
    watch, _ = _repaired(watched, epochs=6)
    assert watch.repairs == []
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rate", [0.3, 3.0])
def test_the_fit_never_ends_worse_than_the_best_it_has_seen(rate):
    model = _model(keras.optimizers.SGD(rate))
    _, history = _repaired(model, epochs=8)
    finite = [loss for loss in history["val_loss"] if np.isfinite(loss)]
    assert model.evaluate(*HELD, verbose=0) <= min(finite, default=np.inf) * 1.0001


def _mending(model, **rest):
    said = []
    return FitRepairs(model, said.append, **rest), said


def _finding(*advice, symptom="learning_rate_too_high"):
    return Finding(symptom, "warning", "It shows.", advice=advice)


def test_a_change_that_does_not_help_is_taken_back_and_the_next_is_tried():
    model = _model(keras.optimizers.SGD(0.5))
    mending, said = _mending(model, trial=1)
    start = model.get_weights()
    both = _finding(Advice("learning_rate", "lower", 10.0), Advice("clipnorm", "set", 1.0))
    assert mending.end_epoch(0, 1.0, [both])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    model.get_layer("hidden").kernel.assign(np.ones((4, 8)))
    assert mending.end_epoch(1, 2.0, [])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5)
    assert model.optimizer.clipnorm == 1.0
    for a, b in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    mending.end_epoch(2, 3.0, [])
    assert model.optimizer.clipnorm is None
    assert [attempt.kept for attempt in mending.attempts] == [False, False]
    assert "none of 2 changes helped" in said[-1]


def test_a_change_must_beat_the_pace_that_the_fit_had_before():
    model = _model(keras.optimizers.SGD(0.01))
    mending, _ = _mending(model, trial=2)
    for epoch, loss in enumerate([5.0, 4.0, 3.0]):
        mending.end_epoch(epoch, loss, [])
    mending.end_epoch(3, 2.0, [_finding(Advice("learning_rate", "raise", 3.0), symptom="learning_rate_too_low")])
    mending.end_epoch(4, 1.5, [])
    mending.end_epoch(5, 1.0, [])
    assert not mending.attempts[0].kept
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


def test_a_change_that_helps_stays_with_its_optimizer_state():
    model = _model(keras.optimizers.Adam(0.1))
    model.fit(X, Y, verbose=0)
    mending, _ = _mending(model, trial=1)
    mending.end_epoch(0, 1.0, [_finding(Advice("learning_rate", "lower", 10.0))])
    made = int(model.optimizer.iterations)
    mending.end_epoch(1, 0.5, [])
    assert mending.attempts[0].kept
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert made == 4


def test_a_rate_that_follows_a_schedule_is_left_alone():
    model = _model(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)))
    mending, _ = _mending(model)
    assert not mending.end_epoch(0, 1.0, [_finding(Advice("learning_rate", "lower", 10.0))])
    assert mending.attempts == []


def test_a_bigger_batch_is_accumulated_where_the_optimizer_can():
    model = _model(AccumulatedGradients(keras.optimizers.SGD(0.1), steps=2))
    mending, _ = _mending(model)
    mending.end_epoch(0, 1.0, [_finding(Advice("batch_size", "raise", 4.0), symptom="oscillating")])
    assert model.optimizer.steps == 8
    plain, _ = _mending(_model("sgd"))
    assert not plain.end_epoch(0, 1.0, [_finding(Advice("batch_size", "raise", 4.0), symptom="oscillating")])


def test_dead_units_start_again():
    model = _model("sgd")
    model.get_layer("hidden").set_weights([np.zeros((4, 8)), np.full(8, -1.0)])
    mending, _ = _mending(model, x=X)
    mending.end_epoch(0, 1.0, [_finding(Advice("dead_units", "start again", "hidden"), symptom="dead_relu")])
    kernel, bias = model.get_layer("hidden").get_weights()
    assert np.all(np.abs(kernel).max(axis=0) > 0)
    np.testing.assert_array_equal(bias, np.zeros(8))


def test_repairs_work_with_several_batches_a_call():
    model = _model(keras.optimizers.SGD(30.0))
    model.compile(keras.optimizers.SGD(30.0), "mse", steps_per_execution=2)
    watch, _ = _repaired(model)
    assert watch.repairs
    assert model.evaluate(*HELD, verbose=0) < np.var(Y)


def test_a_monitor_that_the_logs_lack_repairs_nothing_and_says_so():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _repaired(_model("sgd"), epochs=1, monitor="val_f1")
    assert any("Nothing is repaired: `monitor` must be in the logs" in str(one.message) for one in said)


@pytest.mark.parametrize(("arguments", "message"), [({"trial": 0}, "got 0"), ({"language": "de"}, "got 'de'")])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CurveWatch("repair", **arguments)


def test_a_warning_is_printed_once_in_the_language_and_logged_with_the_repair(tmp_path, capsys):
    model = _model(keras.optimizers.SGD(30.0))
    watch = CurveWatch("repair", X[:96], Y[:96], HELD, language="ko", log=tmp_path / "log.jsonl")
    model.fit(X[:96], Y[:96], epochs=10, validation_data=HELD, verbose=0, callbacks=[watch])
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert "학습률" in printed
    assert any("symptom" in line for line in lines)
    assert any("repair:" in line.get("message", "") for line in lines)
    assert tw.rank(watch.findings) == watch.findings
