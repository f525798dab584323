"""The watch on gradients, weights and activations of one fit."""

import math
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import CURVE, ROWS, silent, three_layers

from trainwise.callbacks import GradientWatch


def _watched(model, epochs=3, x=ROWS, y=CURVE, every=5, batch_size=8, **rest):
    watch = GradientWatch(x, y, every=every, report=silent, **rest)
    model.fit(x, y, epochs=epochs, batch_size=batch_size, callbacks=[watch], verbose=0)
    return watch


def test_the_watch_changes_nothing_and_builds_one_graph():
    def made():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("adam", "mse")
        return model

    plain, model = made(), made()
    keras.utils.set_random_seed(1)
    history = plain.fit(ROWS, CURVE, epochs=3, batch_size=10, verbose=0).history
    keras.utils.set_random_seed(1)
    watch = GradientWatch(ROWS, CURVE, every=3, report=silent)
    assert model.fit(ROWS, CURVE, epochs=3, batch_size=10, verbose=0, callbacks=[watch]).history == history
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert watch._reader.prober.traces == 1
    assert [probe.step for probe in watch.probes] == [0, 1, 3, 6, 9, 10, 12, 15, 18, 21]


@pytest.mark.parametrize("settings", [{"steps_per_execution": 4}, {"jit_compile": True}, {"run_eagerly": True}])
def test_the_watch_sees_illness_under_every_way_to_run(settings):
    model = three_layers(kernel_initializer="ones")
    model.compile("sgd", "mse", **settings)
    watch = _watched(model)
    assert watch.findings[0].symptom == "symmetric_weights"
    # Who runs his model step by step has the looks run so too.
    assert watch._reader.prober.traces == (len(watch.probes) if "run_eagerly" in settings else 1)
    assert watch.probes[-1].step == 24


def test_mixed_precision_is_measured_in_float32():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, "relu", dtype="mixed_float16"), keras.layers.Dense(1, dtype="mixed_float16")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "mse")
    watch = _watched(model)
    gradients = [layer.gradient for probe in watch.probes for layer in probe.layers]
    assert len(gradients) >= 2 and all(map(math.isfinite, gradients))
    assert [f for f in watch.findings if f.level != "info"] == []


@pytest.mark.slow
def test_two_devices_are_watched_as_one(tmp_path):
    code = (
        "import numpy as np, tensorflow as tf, keras;"
        "cpu = tf.config.list_physical_devices('CPU')[0];"
        "tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2);"
        "from trainwise.callbacks import GradientWatch;"
        "strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1']);"
        "x = np.random.default_rng(0).normal(size=(64, 4)).astype('float32');"
        "scope = strategy.scope(); scope.__enter__();"
        "hidden = [keras.layers.Dense(4, 'relu', kernel_initializer='ones') for _ in range(2)];"
        "model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(1)]); model.compile('sgd', 'mse');"
        "scope.__exit__(None, None, None);"
        "watch = GradientWatch(x, x[:, :1], every=5, report=lambda f: None, keep='nowhere');"
        "model.fit(x, x[:, :1], epochs=3, batch_size=8, verbose=0, callbacks=[watch]);"
        "print(watch.findings[0].symptom, watch._reader.prober.traces, watch.probes[-1].step)"
    )
    # The folder to keep a batch in is made where the process runs.
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["symmetric_weights", "1", "24"], done.stderr[-2000:]


def test_without_data_only_the_weights_are_read():
    model = three_layers(kernel_initializer="zeros")
    watch = GradientWatch(every=5, report=silent)
    model.fit(ROWS, CURVE, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert {finding.symptom for finding in watch.findings} <= {"symmetric_weights", "unchanged_weights"}
    assert watch.findings[0].symptom == "symmetric_weights"
    healthy = three_layers()
    watch = GradientWatch(every=5, report=silent)
    healthy.fit(ROWS, CURVE, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert [finding for finding in watch.findings if finding.level != "info"] == []


def test_columns_of_words_leave_the_weights_to_be_read():
    inputs = {"word": keras.Input((1,), name="word", dtype="string"), "size": keras.Input((4,), name="size")}
    word = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(inputs["word"])
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()([word, inputs["size"]])))
    model.compile("sgd", "mse")
    x = {"word": keras.ops.convert_to_tensor([["a"], ["b"]] * 32, "string"), "size": ROWS}
    watch = GradientWatch({**x, "word": np.array([["a"], ["b"]] * 32, object)}, CURVE, every=2, report=silent)
    model.fit(x, CURVE, batch_size=16, callbacks=[watch], verbose=0)
    assert watch.healthy
    assert [layer.name for layer in watch.probes[-1].layers] == [model.layers[-1].name]


def test_several_outputs_and_inputs_by_name_are_looked_at_without_a_trace_in_the_metrics():
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Dense(6, "tanh")(keras.layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right}, [keras.layers.Dense(1)(joined), keras.layers.Dense(2)(joined)])
    model.compile("sgd", ["mse", "mae"])
    x, y = {"left": ROWS, "right": ROWS}, [CURVE, np.hstack([CURVE, CURVE])]
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.compile("sgd", ["mse", "mae"])
    watch = GradientWatch(x, y, every=2, report=silent)
    seen = model.fit(x, y, epochs=2, batch_size=16, shuffle=False, callbacks=[watch], verbose=0).history
    assert seen == plain.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0).history
    assert len(watch.probes) > 3


def test_a_generator_without_length_and_an_own_train_step_are_watched():
    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"error": loss}

    def batches():
        while True:
            yield ROWS[:8], CURVE[:8]

    inputs = keras.Input((4,))
    model = Own(inputs, keras.layers.Dense(1)(keras.layers.Dense(3, "relu")(inputs)))
    model.compile("sgd", "mse")
    watch = GradientWatch(ROWS, CURVE, every=2, report=silent)
    model.fit(batches(), steps_per_epoch=4, epochs=2, shuffle=False, callbacks=[watch], verbose=0)
    assert watch.probes[-1].step == 8


def test_a_long_fit_keeps_its_first_and_last_looks_only():
    watch = _watched(three_layers(), epochs=20, every=1)
    assert len(watch.probes) == 120
    assert [probe.step for probe in watch.probes[:3]] == [0, 1, 2]
    assert watch.probes[-1].step == 160


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": ROWS}, "given together, got only x"),
        ({"every": 0}, "`every` must be at least 1, got 0"),
        ({"rows": 1}, "`rows` must be at least 2, got 1"),
        ({"language": "fr"}, "`language` must be 'en' or 'ko', got 'fr'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradientWatch(**arguments)


def test_weights_that_became_infinite_are_found_without_a_warning_of_numpys():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(1e30), "mse", run_eagerly=True)
    watch = GradientWatch(report=silent)
    x = np.random.default_rng(0).normal(size=(8, 3))
    model.fit(x, 1e9 * x[:, :2], batch_size=4, epochs=2, verbose=0, callbacks=[watch])
    assert not np.all(np.isfinite(model.get_weights()[0]))
    assert "non_finite" in {finding.symptom for finding in watch.findings}
