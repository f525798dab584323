"""What a watch has found outlives its fit, whole."""

import json

import keras
import numpy as np
import pytest

from trainwise.callbacks import CurveWatch

RNG = np.random.default_rng(0)


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


def test_a_monitor_of_unknown_direction_is_refused_with_the_cure():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanMetricWrapper(lambda y, p: p, name="wealth")])
    watch = CurveWatch("repair", monitor="wealth", report=lambda finding: None)
    with pytest.raises(ValueError, match="'wealth' is better high or low cannot be told"):
        model.fit(np.ones((4, 1)), np.ones(4), verbose=0, callbacks=[watch])
