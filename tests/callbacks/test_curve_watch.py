"""The watch on the curves of one fit."""

import copy
import json
import warnings

import keras
import numpy as np
import pytest
from tiny import POSITIVE, SUMS, two_answers

from trainwise.callbacks import CurveWatch

RNG = np.random.default_rng(0)


def test_the_watch_says_a_run_that_breaks_down_and_resets_for_the_next():
    said = []
    watch = CurveWatch(report=said.append)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e15), "mse")
    model.fit(SUMS, POSITIVE, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert said[0].symptom == "non_finite"
    assert watch.findings[0].level == "error"
    two_answers().fit(SUMS, POSITIVE, epochs=1, callbacks=[watch], verbose=0)
    assert watch.findings == []


@pytest.mark.parametrize("weights", [None, {0: 1.0, 1: 30.0}])
def test_a_rare_class_that_is_never_answered_is_said_at_the_end(weights):
    random = np.random.default_rng(0)
    y = (np.arange(600) % 30 == 0).astype(int)
    x = random.normal(size=(600, 2)) + 1.5 * y[:, None]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    watch = CurveWatch(x=x, y=y, validation_data=(x, y), report=lambda finding: None)
    model.fit(x, y, epochs=10, validation_data=(x, y), callbacks=[watch], class_weight=weights, verbose=0)
    assert ("class_imbalance" in [finding.symptom for finding in watch.findings]) == (weights is None)


def test_a_spike_in_a_long_first_epoch_is_said_before_the_epoch_ends():
    x = np.random.default_rng(0).normal(size=(4000, 3))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.8), "mse")
    said = []
    watch = CurveWatch(report=lambda finding: said.append((finding.symptom, int(model.optimizer.iterations))))
    model.fit(x, 5 * x[:, :1], epochs=1, batch_size=4, callbacks=[watch], verbose=0)
    assert ("learning_rate_too_high", 60) in said


def test_the_watch_unaverages_what_keras_logs():
    watch = CurveWatch()
    watch.set_params({"epochs": 1})
    watch.set_model(two_answers())
    watch.on_train_begin()
    watch.on_epoch_begin(0)
    losses = [0.0, 100.0, 0.0, 100.0]
    for batch in range(4):
        watch.on_train_batch_end(batch, {"loss": np.mean(losses[: batch + 1])})
    watch.on_epoch_end(0, {"loss": 50.0})
    np.testing.assert_allclose(watch.get_state()["first"], losses, atol=1e-9)
    np.testing.assert_allclose(watch.get_state()["groups"][0], losses, atol=1e-9)


def test_a_long_epoch_is_kept_as_the_means_of_64_groups():
    watch = CurveWatch()
    watch.set_params({"epochs": 1})
    watch.set_model(two_answers())
    watch.on_train_begin()
    watch.on_epoch_begin(0)
    losses = np.random.default_rng(0).random(64 * 10)
    for batch in range(len(losses)):
        watch.on_train_batch_end(batch, {"loss": losses[: batch + 1].mean()})
    watch.on_epoch_end(0, {"loss": losses.mean()})
    np.testing.assert_allclose(watch.get_state()["groups"][0], losses.reshape(64, 10).mean(axis=1))
    np.testing.assert_allclose(watch.get_state()["first"], losses[:100])


def test_the_watch_copies_and_carries_its_state_as_json():
    watch = CurveWatch(x=SUMS, y=POSITIVE, validation_data=(SUMS, POSITIVE))
    two_answers().fit(SUMS, POSITIVE, epochs=2, validation_data=(SUMS, POSITIVE), callbacks=[watch], verbose=0)
    state = json.loads(json.dumps(watch.get_state()))
    other = CurveWatch()
    other.set_state(state)
    assert other.get_state() == watch.get_state()
    assert copy.deepcopy(CurveWatch()).findings == []


def test_an_action_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="must be 'warn' or 'repair', got 'pray'"):
        CurveWatch(action="pray")


def test_a_resumed_watch_still_knows_of_classes_that_were_answered_wrong():
    y = (np.arange(600) % 20 == 0).astype(int)
    x = RNG.normal(size=(600, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    watch = CurveWatch(x=x, y=y, validation_data=(x, y), report=lambda finding: None)
    model.fit(x, y, validation_data=(x, y), epochs=3, verbose=0, callbacks=[watch])
    assert "class_imbalance" in [finding.symptom for finding in watch.findings]
    again = CurveWatch(report=lambda finding: None)
    again.set_state(json.loads(json.dumps(watch.get_state())))
    assert again.findings == watch.findings


def test_a_resumed_watch_still_knows_what_showed_before_a_repair():
    keras.utils.set_random_seed(0)
    x = RNG.normal(size=(64, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(100.0), "mse")
    watch = CurveWatch("repair", report=lambda finding: None)
    model.fit(x, x.sum(axis=1), epochs=6, verbose=0, callbacks=[watch])
    assert watch.repairs and watch.findings
    again = CurveWatch(report=lambda finding: None)
    again.set_state(json.loads(json.dumps(watch.get_state())))
    assert again.findings == watch.findings


def test_a_repair_that_monitors_an_accuracy_keeps_the_highest():
    keras.utils.set_random_seed(1)
    x = RNG.normal(size=(128, 4)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(300.0), "binary_crossentropy", metrics=["accuracy"])
    watch = CurveWatch("repair", monitor="val_accuracy", report=lambda finding: None)
    history = model.fit(x, y, validation_data=(x, y), epochs=8, verbose=0, callbacks=[watch]).history
    assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(max(history["val_accuracy"]), abs=1e-6)


def test_a_monitor_of_unknown_direction_repairs_nothing_and_says_so():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanMetricWrapper(lambda y, p: p, name="wealth")])
    watch = CurveWatch("repair", monitor="wealth", report=lambda finding: None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(np.ones((4, 1)), np.ones(4), epochs=2, verbose=0, callbacks=[watch])
    assert [str(one.message)[:57] for one in said if one.category is RuntimeWarning] == [
        "Nothing is repaired: whether 'wealth' is better high or l"
    ]


@pytest.mark.parametrize("monitor", [None, "val_loss"])
def test_a_repair_goes_by_one_quantity_where_only_some_epochs_are_validated(monitor):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(100.0), "mse")
    watch = CurveWatch("repair", monitor=monitor, report=lambda finding: None)
    fit = {"validation_data": (x, x.sum(axis=1)), "validation_freq": 2, "epochs": 6, "verbose": 0}
    model.fit(x, x.sum(axis=1), callbacks=[watch], **fit)
    assert watch._monitored == (monitor or "loss")


def test_a_monitor_that_a_validated_fit_lacks_repairs_nothing_and_says_so():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    watch = CurveWatch("repair", monitor="val_auc", report=lambda finding: None)
    x = np.ones((4, 1))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(x, x, validation_data=(x, x), callbacks=[watch], verbose=0)
    assert any(
        "`monitor` must be in the logs of the fit (['loss', 'val_loss']), got 'val_auc'" in str(one) for one in said
    )


def test_a_metric_of_its_own_name_is_judged_by_what_it_says_of_itself():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[keras.metrics.R2Score(name="fit")])
    watch = CurveWatch(report=lambda finding: None)
    y = POSITIVE[:, None]
    model.fit(SUMS, y, validation_data=(SUMS, y), epochs=2, callbacks=[watch], verbose=0)
    assert watch._reader._metric() == "fit" and watch._reader.directions == {"fit": "max"}
