"""Learning rates for each layer; the oracle is one independent Keras optimizer for each layer."""

import functools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers
O = keras.optimizers  # noqa: E741
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(48, 5)).astype("float32")
Y = GENERATOR.normal(size=(48, 2)).astype("float32")
FACTORS = {"first": 0.1, "second": 1.0, "third": 2.5}
EVERY = {
    "sgd": lambda: O.SGD(0.05, momentum=0.9, nesterov=True), "sgd with decay": lambda: O.SGD(0.05, weight_decay=0.1),
    "rmsprop": lambda: O.RMSprop(0.01), "adam": lambda: O.Adam(0.01), "adamw": lambda: O.AdamW(0.01, weight_decay=0.1),
    "adagrad": lambda: O.Adagrad(0.05), "adadelta": lambda: O.Adadelta(1.0), "adamax": lambda: O.Adamax(0.01),
    "adafactor": lambda: O.Adafactor(0.01), "nadam": lambda: O.Nadam(0.01), "ftrl": lambda: O.Ftrl(0.05),
    "lion": lambda: O.Lion(0.005), "lamb": lambda: O.Lamb(0.01), "muon": lambda: O.Muon(0.01),
    "clipped by norm": lambda: O.SGD(0.05, clipnorm=0.1),
    "ema": lambda: O.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: O.SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
    "schedule": lambda: O.Adam(O.schedules.ExponentialDecay(0.02, 2, 0.5)),
}  # fmt: skip


def _model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((5,)),
            L.Dense(6, "tanh", name="first"),
            L.Dense(4, "tanh", name="second"),
            L.Dense(2, name="third"),
        ]
    )


def _scaled(optimizer, factor):
    config = optimizer.get_config()
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        rate["config"]["initial_learning_rate"] *= factor
    else:
        config["learning_rate"] = rate * factor
    return type(optimizer).from_config(config)


def _independent(make, batches):
    """Trains with one optimizer for each layer, step by step."""
    import tensorflow as tf

    model = _model()
    optimizers = {name: _scaled(make(), factor) for name, factor in FACTORS.items()}
    for name, optimizer in optimizers.items():
        optimizer.build(model.get_layer(name).trainable_variables)
    for x, y in batches:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, {name: model.get_layer(name).trainable_weights for name in FACTORS})
        for name, optimizer in optimizers.items():
            optimizer.apply(gradients[name], model.get_layer(name).trainable_weights)
    return model


def _batches():
    return [(X[k : k + 16], Y[k : k + 16]) for k in range(0, 48, 16)]


@functools.cache
def _expected(name):
    """The weights that an optimizer of its own for each layer ends at; the same for each way to run ours."""
    return _independent(EVERY[name], _batches()).get_weights()


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", EVERY)
def test_every_optimizer_does_to_each_layer_what_one_of_its_own_would(name, jit):
    model = _model()
    optimizer = tw.optimizers.LayerwiseLearningRate(EVERY[name](), FACTORS)
    if jit:
        # Built first here and by its first batch there: both happen, and what is made in a graph has it traced twice.
        optimizer.build(model.trainable_variables)
    model.compile(optimizer, "mse", jit_compile=jit)
    # `finalize_variable_values` puts averages into the weights at the end of `fit`; batches alone do not.
    for x, y in _batches():
        model.train_on_batch(x, y)
    for own, other in zip(model.get_weights(), _expected(name), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)


def test_the_schedule_free_optimizer_works_where_it_is_built_first():
    # Built inside a graph it sets its averages anew at every step, with or without us.
    make = lambda: O.ScheduleFreeAdamW(0.01)  # noqa: E731
    expected = _independent(make, _batches())
    model = _model()
    optimizer = tw.optimizers.LayerwiseLearningRate(make(), FACTORS)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, "mse")
    for x, y in _batches():
        model.train_on_batch(x, y)
    for own, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)


def test_a_global_clip_norm_is_taken_over_all_layers():
    model = _model()
    model.compile(tw.optimizers.LayerwiseLearningRate(O.SGD(1.0, global_clipnorm=0.05), FACTORS), "mse")
    before = [weight.copy() for weight in model.get_weights()]
    model.train_on_batch(X, Y)
    moved = [b - a for a, b in zip(before, model.get_weights(), strict=True)]
    factors = np.repeat(list(FACTORS.values()), 2)
    norm = np.sqrt(sum(((change / factor) ** 2).sum() for change, factor in zip(moved, factors, strict=True)))
    assert norm == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("make", [EVERY["adamw"], EVERY["schedule"], EVERY["muon"]])
def test_saved_loaded_and_continued_it_ends_at_the_same_weights(make, tmp_path):
    model = _model()
    model.compile(tw.optimizers.LayerwiseLearningRate(make(), {"first": 0.1, "th*": 2.5}), "mse")
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    model.fit(X, Y, **fit)
    model.save(tmp_path / "model.keras")
    again = tw.load_model(tmp_path / "model.keras")
    model.fit(X, Y, **fit)
    again.fit(X, Y, **fit)
    for own, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    config = json.loads(json.dumps(again.optimizer.get_config()))
    assert type(again.optimizer).from_config(config).multipliers == {"first": 0.1, "th*": 2.5}


def test_callbacks_of_keras_drive_the_one_rate():
    model = _model()
    model.compile(tw.optimizers.LayerwiseLearningRate("sgd", {"first": 0.0}), "mse")
    before = model.get_layer("first").get_weights()[0].copy()
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 if epoch == 0 else 0.0)]
    model.fit(X, Y, epochs=1, callbacks=callbacks, verbose=0)
    assert float(model.optimizer.learning_rate) == 0.5
    after = model.get_layer("second").get_weights()[0].copy()
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)]
    model.fit(X, Y, epochs=1, callbacks=callbacks, verbose=0)
    np.testing.assert_array_equal(model.get_layer("second").get_weights()[0], after)
    np.testing.assert_array_equal(model.get_layer("first").get_weights()[0], before)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=1e9)
    model.optimizer.learning_rate = 0.4
    model.fit(X, Y, epochs=2, callbacks=[plateau], verbose=0)
    assert float(model.optimizer.learning_rate) < 0.4


def test_half_precision_scales_the_loss_around_it():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = _model()
        model.compile(tw.optimizers.LayerwiseLearningRate(O.SGD(0.01), FACTORS), "mse")
        history = model.fit(X, Y, epochs=3, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, O.LossScaleOptimizer) and history["loss"][-1] < history["loss"][0]


MIRRORED = """
import numpy as np, tensorflow as tf, keras, trainwise as tw
devices = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
y = x[:, :2]
def run(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(2, name="b")])
        model.compile(tw.optimizers.LayerwiseLearningRate(keras.optimizers.AdamW(0.01), {"a": 0.1}), "mse")
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()
both = run(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])), run(tf.distribute.get_strategy())
print(max(float(np.abs(a - b).max()) for a, b in zip(*both)))
"""


@pytest.mark.slow
def test_mirrored_devices_end_where_one_device_does():
    done = subprocess.run([sys.executable, "-c", MIRRORED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split()[-1]) < 1e-6


def test_decay_and_discriminative_give_the_published_spacings():
    model = _model()
    assert tw.optimizers.layerwise.decay(model, 0.5) == {"first": 0.25, "second": 0.5, "third": 1.0}
    spaced = tw.optimizers.layerwise.discriminative(model, 1 / 2.6**2, 1.0)
    np.testing.assert_allclose(list(spaced.values()), [2.6**-2, 2.6**-1, 1.0])


def _cnn():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)), L.Conv2D(8, 3, activation="relu", name="conv"), L.Flatten(),
            L.Dense(16, "relu", name="hidden"), L.Dense(2, name="out"),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("build", "x"), [(_model, X), (_cnn, GENERATOR.normal(size=(48, 6, 6, 1)))], ids=["mlp", "cnn"]
)
def test_update_ratios_become_alike_and_the_model_stays_as_it_was(build, x):
    model = build()
    model.compile(O.SGD(0.01, momentum=0.9), "mse")
    before = [np.array(weight) for weight in model.get_weights()]
    layerwise = tw.optimizers.layerwise
    factors = layerwise.equal_update_ratio(model, x, Y)
    plain = layerwise.update_ratios(model, x, Y, dict.fromkeys(factors, 1.0))
    evened = layerwise.update_ratios(model, x, Y, factors)
    assert max(plain.values()) / min(plain.values()) > 1.5
    assert max(evened.values()) / min(evened.values()) < 1.1
    assert np.prod(list(factors.values())) == pytest.approx(1.0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def _built(**arguments):
    model = _model()
    optimizer = tw.optimizers.LayerwiseLearningRate("sgd", **arguments)
    optimizer.build(model.trainable_variables)


BAD = [
    (lambda: _built(multipliers={"fisrt": 0.1}), ValueError, "`multipliers` has 'fisrt'.*there are .*'first'"),
    (lambda: _built(multipliers={"conv*": 0.1}), ValueError, r"`multipliers` has 'conv\*'"),
    (lambda: _built(multipliers={"first": -0.1}), ValueError, "must be in .*got -0.1"),
    (lambda: _built(multipliers={"first": float("nan")}), ValueError, "must be in .*got nan"),
    (lambda: _built(default="x"), TypeError, "`default` must be a number, got 'x'"),
    (lambda: tw.optimizers.LayerwiseLearningRate(3), TypeError, "`inner_optimizer` must be .*got 3"),
    (
        lambda: tw.optimizers.LayerwiseLearningRate(O.SGD(global_clipnorm=1.0, gradient_accumulation_steps=2)),
        ValueError, "cannot both be set",
    ),
    (lambda: tw.optimizers.layerwise.decay(_model(), 0.0), ValueError, "`rate` must be in .*got 0"),
    (lambda: tw.optimizers.layerwise.discriminative(_model(), 1.0, 0.1), ValueError, "`highest` must be in .*got 0.1"),
    (lambda: tw.optimizers.layerwise.decay(keras.Sequential([keras.Input((2,)), L.ReLU()])), ValueError, "no weights"),
    (lambda: tw.optimizers.layerwise.equal_update_ratio(_model(), X, Y), ValueError, "`model` must be compiled"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_arguments_are_refused_with_their_value(make, error, message):
    with pytest.raises(error, match=message):
        make()
