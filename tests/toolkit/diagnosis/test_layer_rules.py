"""Health of layers: rules on looks written by hand, and looks at real fits beside numpy."""

import json
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw
from trainwise.callbacks import GradientWatch
from trainwise.toolkit.diagnosis.layer_rules import read_health
from trainwise.toolkit.diagnosis.probes import LayerHealth, Probe
from trainwise.toolkit.diagnosis.probing import Prober
from trainwise.toolkit.models.reviving import revive

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] - X[:, 1:2] ** 2).astype("float32")


def _silent(finding):
    pass


def _model(activation="relu", units=8, optimizer="sgd", loss="mse", **rest):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(units, activation, name=name, **rest) for name in ("one", "two")]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, name="end")])
    model.compile(optimizer, loss)
    return model


def _watched(model, epochs=3, x=X, y=Y, every=5, batch_size=8, **rest):
    watch = GradientWatch(x, y, every=every, report=_silent, **rest)
    model.fit(x, y, epochs=epochs, batch_size=batch_size, callbacks=[watch], verbose=0)
    return watch


def _layers(**changes):
    """Three healthy layers, with changes by name of the field: one value a layer."""
    fields = {"gradient": (0.1, 0.1, 0.1), "weight": (1.0, 1.0, 1.0), "moved": (1e-3, 1e-3, 1e-3)} | changes
    return tuple(
        LayerHealth(f"layer{place}", **{name: values[place] for name, values in fields.items()}) for place in range(3)
    )


def _looks(count=6, losses=None, spread=0.3, penalty=0.0, **changes):
    losses = losses or [1.0] * count
    return [Probe(step * 10, 0, losses[step] + penalty, penalty, spread, _layers(**changes)) for step in range(count)]


def _said(probes, constant=1.0):
    return [(finding.symptom, finding.level) for finding in read_health(probes, constant)]


def test_healthy_looks_say_nothing():
    assert _said(_looks(losses=[1.0, 0.8, 0.6, 0.4, 0.3, 0.2])) == []
    assert read_health([]) == []


@pytest.mark.parametrize(
    ("changes", "symptom"),
    [
        ({"gradient": (math.nan, 0.1, 0.1)}, "non_finite"),
        ({"weight": (1.0, math.inf, 1.0)}, "non_finite"),
        ({"finite": (True, False, True)}, "non_finite"),
        ({"spread": 0.0}, "constant_output"),
        ({"alike": (0.0, 1.0, 1.0)}, "symmetric_weights"),
        ({"dead": (0.95, 0.2, None)}, "dead_relu"),
        ({"saturated": (None, 0.95, None)}, "saturated_activation"),
        ({"moved": (1e-3, 0.0, 1e-3)}, "unchanged_weights"),
        ({"moved": (1e-7, 1e-6, 1e-6)}, "learning_rate_too_low"),
        ({"gradient": (1e-6, 1e-3, 0.1)}, "vanishing_gradient"),
        ({"penalty": 3.0}, "regularizer_dominates"),
    ],
)
def test_each_illness_is_named_where_the_loss_stands_still(changes, symptom):
    found = read_health(_looks(**changes), 1.0)
    assert symptom in [finding.symptom for finding in found if finding.level != "info"]
    (one,) = [finding for finding in found if finding.symptom == symptom]
    assert one.causes
    assert one.advice


@pytest.mark.parametrize("changes", [{"gradient": (1e-6, 1e-3, 0.1)}, {"penalty": 3.0}, {"dead": (0.6, 0.0, None)}])
def test_what_does_not_keep_a_model_from_learning_is_no_warning(changes):
    found = _said(_looks(losses=[1.0, 0.6, 0.4, 0.3, 0.2, 0.1], **changes))
    assert [level for _, level in found if level != "info"] == []


def test_one_look_is_no_proof_and_units_dead_before_training_name_the_start():
    assert _said(_looks(count=1, dead=(1.0, 0.0, None), spread=0.0)) == []
    (found,) = [f for f in read_health(_looks(dead=(1.0, 0.0, None)), 1.0) if f.symptom == "dead_relu"]
    assert "before training" in found.message


def test_a_gradient_that_explodes_with_the_loss_is_said():
    calm = _looks(count=5, losses=[1.0, 1.0, 1.0, 1.0, 1.0])
    burst = Probe(99, 1, 50.0, 0.0, 0.3, _layers(gradient=(5.0, 5.0, 5.0)))
    assert ("exploding_gradient", "warning") in _said([*calm, burst])


def test_layers_at_unlike_paces_are_worth_knowing():
    assert ("unequal_update_ratio", "info") in _said(
        _looks(losses=[1, 0.8, 0.6, 0.4, 0.3, 0.2], moved=(1e-5, 1e-3, 5e-3))
    )


def test_a_look_measures_what_numpy_measures():
    model = _model(units=3)
    probe = Prober(model, X, Y).look(step=0, epoch=0)
    k1, b1, k2, b2, k3, b3 = (np.array(w, "float64") for w in model.get_weights())
    h1 = np.maximum(X @ k1 + b1, 0)
    h2 = np.maximum(h1 @ k2 + b2, 0)
    answer = h2 @ k3 + b3
    g = 2 * (answer - Y) / len(X)
    g2 = (g @ k3.T) * (h2 > 0)
    g1 = (g2 @ k2.T) * (h1 > 0)
    norms = [np.linalg.norm(v) for v in (X.T @ g1, h1.T @ g2, h2.T @ g)]
    np.testing.assert_allclose([layer.gradient for layer in probe.layers], norms, rtol=1e-4)
    np.testing.assert_allclose(
        [layer.weight for layer in probe.layers], [np.linalg.norm(k) for k in (k1, k2, k3)], 1e-5
    )
    assert [layer.dead for layer in probe.layers[:2]] == pytest.approx([np.mean(h.max(axis=0) <= 0) for h in (h1, h2)])
    assert probe.loss == pytest.approx(np.mean((answer - Y) ** 2), rel=1e-5)
    assert probe.spread == pytest.approx(answer.std() / max(1, np.abs(answer).max()), rel=1e-4)


def test_the_watch_changes_nothing_and_builds_one_graph():
    def made():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("adam", "mse")
        return model

    plain, model = made(), made()
    keras.utils.set_random_seed(1)
    history = plain.fit(X, Y, epochs=3, batch_size=10, verbose=0).history
    keras.utils.set_random_seed(1)
    watch = GradientWatch(X, Y, every=3, report=_silent)
    assert model.fit(X, Y, epochs=3, batch_size=10, verbose=0, callbacks=[watch]).history == history
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert watch._prober.traces == 1
    assert [probe.step for probe in watch.probes] == [0, 1, 3, 6, 9, 10, 12, 15, 18, 21]


def test_batch_normalisation_keeps_its_statistics():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(),
                              keras.layers.Activation("relu"), keras.layers.Dense(1)])  # fmt: skip
    model.compile("sgd", "mse")
    before = model.get_weights()
    probe = Prober(model, X, Y).look(step=0, epoch=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [layer.activation for layer in probe.layers].count("relu") == 1


@pytest.mark.parametrize("settings", [{"steps_per_execution": 4}, {"jit_compile": True}, {"run_eagerly": True}])
def test_the_watch_sees_illness_under_every_way_to_run(settings):
    model = _model(kernel_initializer="ones")
    model.compile("sgd", "mse", **settings)
    watch = _watched(model)
    assert watch.findings[0].symptom == "symmetric_weights"
    assert watch._prober.traces == 1
    assert watch.probes[-1].step == 24


def test_mixed_precision_is_measured_in_float32():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, "relu", dtype="mixed_float16"), keras.layers.Dense(1, dtype="mixed_float16")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "mse")
    watch = _watched(model)
    assert all(math.isfinite(layer.gradient) for probe in watch.probes for layer in probe.layers)
    assert [f for f in watch.findings if f.level != "info"] == []


@pytest.mark.slow
def test_two_devices_are_watched_as_one():
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
        "print(watch.findings[0].symptom, watch._prober.traces, watch.probes[-1].step)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["symmetric_weights", "1", "24"], done.stderr[-2000:]


def test_without_data_only_the_weights_are_read():
    model = _model(kernel_initializer="zeros")
    watch = GradientWatch(every=5, report=_silent)
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert {finding.symptom for finding in watch.findings} <= {"symmetric_weights", "unchanged_weights"}
    assert watch.findings[0].symptom == "symmetric_weights"
    healthy = _model()
    watch = GradientWatch(every=5, report=_silent)
    healthy.fit(X, Y, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert [finding for finding in watch.findings if finding.level != "info"] == []


def test_columns_of_words_leave_the_weights_to_be_read():
    inputs = {"word": keras.Input((1,), name="word", dtype="string"), "size": keras.Input((4,), name="size")}
    word = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(inputs["word"])
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()([word, inputs["size"]])))
    model.compile("sgd", "mse")
    x = {"word": keras.ops.convert_to_tensor([["a"], ["b"]] * 32, "string"), "size": X}
    watch = GradientWatch({**x, "word": np.array([["a"], ["b"]] * 32, object)}, Y, every=2, report=_silent)
    model.fit(x, Y, batch_size=16, callbacks=[watch], verbose=0)
    assert watch.healthy
    assert [layer.name for layer in watch.probes[-1].layers] == [model.layers[-1].name]


def test_several_outputs_and_inputs_by_name_are_looked_at_without_a_trace_in_the_metrics():
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Dense(6, "tanh")(keras.layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right}, [keras.layers.Dense(1)(joined), keras.layers.Dense(2)(joined)])
    model.compile("sgd", ["mse", "mae"])
    x, y = {"left": X, "right": X}, [Y, np.hstack([Y, Y])]
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.compile("sgd", ["mse", "mae"])
    watch = GradientWatch(x, y, every=2, report=_silent)
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
            yield X[:8], Y[:8]

    inputs = keras.Input((4,))
    model = Own(inputs, keras.layers.Dense(1)(keras.layers.Dense(3, "relu")(inputs)))
    model.compile("sgd", "mse")
    watch = GradientWatch(X, Y, every=2, report=_silent)
    model.fit(batches(), steps_per_epoch=4, epochs=2, shuffle=False, callbacks=[watch], verbose=0)
    assert watch.probes[-1].step == 8


def test_a_nan_is_traced_to_its_batch_its_layer_and_its_column(tmp_path):
    x = X.copy()
    x[37, 2] = np.nan
    model = _model()
    watch = GradientWatch(x, Y, every=100, report=_silent, keep=tmp_path)
    model.fit(x, Y, epochs=1, batch_size=8, shuffle=False, callbacks=[watch], verbose=0)
    found = watch.findings[0]
    assert (found.symptom, found.level, found.step, found.layer) == ("non_finite", "error", 4, "one")
    assert found.causes[0] == "nan_in_inputs"
    assert found.evidence["column"] == 2
    assert "column 2" in found.message
    with np.load(tmp_path / "update-4.npz") as kept:
        np.testing.assert_array_equal(kept["x0"], x[32:40])
        np.testing.assert_array_equal(kept["y0"], Y[32:40])
    assert "train_step" not in model.__dict__
    assert [path.name for path in tmp_path.iterdir()] == ["update-4.npz"]


def test_a_nan_that_the_loss_does_not_show_is_found_in_the_weights(tmp_path):
    x = X.copy()
    x[5, 1] = np.nan
    model = _model()
    watch = GradientWatch(X, Y, every=2, report=_silent, keep=tmp_path)
    model.fit(x, Y, epochs=1, batch_size=8, shuffle=False, callbacks=[watch], verbose=0)
    assert watch.findings[0].symptom == "non_finite"
    assert "update-0.npz" in watch.findings[0].message


def test_a_long_fit_keeps_its_first_and_last_looks_only():
    watch = _watched(_model(), epochs=20, every=1)
    assert len(watch.probes) == 120
    assert [probe.step for probe in watch.probes[:3]] == [0, 1, 2]
    assert watch.probes[-1].step == 160


def test_a_fit_without_nan_keeps_no_batch(tmp_path):
    _watched(_model(), keep=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    x = X.copy()
    x[0, 0] = np.nan
    with pytest.raises(OSError, match="file"):
        _watched(_model(), x=x, keep=blocked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X}, "given together, got only x"),
        ({"every": 0}, "`every` must be at least 1, got 0"),
        ({"rows": 1}, "`rows` must be at least 2, got 1"),
        ({"language": "fr"}, "`language` must be 'en' or 'ko', got 'fr'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradientWatch(**arguments)


def test_findings_go_to_the_log_and_to_tensorboard_once(tmp_path):
    model = _model(kernel_initializer="ones")
    watch = GradientWatch(X, Y, every=5, report=_silent, log=tmp_path / "log.jsonl", tensorboard=tmp_path / "board")
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [tw.Finding.from_dict(line).symptom for line in lines].count("symmetric_weights") == 1
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert "findings/symmetric_weights" in events.Tags()["tensors"]


def test_only_dead_units_start_again():
    model = _model(units=4)
    kernel, bias = model.get_layer("one").get_weights()
    bias[1] = -50.0
    model.get_layer("one").set_weights([kernel, bias])
    model.compile(keras.optimizers.Adam(0.0), "mse")
    model.fit(X, Y, verbose=0)
    velocity = next(v for v in model.optimizer.variables if "velocity" in v.path and v.shape == (4, 4))
    velocity.assign(np.ones((4, 4)))
    assert revive(model, "one", X) == 1
    new_kernel, new_bias = model.get_layer("one").get_weights()
    np.testing.assert_array_equal(np.delete(new_kernel, 1, 1), np.delete(kernel, 1, 1))
    assert not np.array_equal(new_kernel[:, 1], kernel[:, 1])
    np.testing.assert_array_equal(new_bias, np.where(np.arange(4) == 1, 0, bias))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(velocity), np.tile(np.array([1.0, 0, 1, 1]), (4, 1)))


def test_reviving_refuses_layers_that_are_not_there():
    with pytest.raises(ValueError, match="got 'three'"):
        revive(_model(), "three", X)
    model = keras.Sequential([keras.Input((4,)), keras.layers.ReLU(name="bare"), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="'bare' has no kernel"):
        revive(model, "bare", X)
