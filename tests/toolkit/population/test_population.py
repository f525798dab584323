"""Populations; the oracle is one ordinary Keras model for each member, trained by itself (lone.py)."""

import contextlib
import random

import hypothesis
import hypothesis.strategies as st
import keras
import lone
import numpy as np
import pytest

import trainwise as tw

L = keras.layers
CLASSES = "sparse_categorical_crossentropy"
RNG = np.random.default_rng(0)
ROWS = 40
TABLE = RNG.normal(size=(ROWS, 6))
IMAGES = RNG.normal(size=(ROWS, 8, 8, 2))
SERIES = RNG.normal(size=(ROWS, 9, 4))
WORDS = RNG.integers(0, 10, (ROWS, 9))
LABELS = RNG.integers(0, 3, ROWS)


@contextlib.contextmanager
def in_double():
    """Weights, data and metrics in float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@pytest.fixture
def double():
    """Weights, data and metrics in float64."""
    with in_double():
        yield


def mlp():
    return keras.Sequential([keras.Input((6,)), L.Dense(8, "relu"), L.Dense(7, "tanh"), L.Dense(3, "softmax")])


def regularised():
    return keras.Sequential(
        [
            keras.Input((6,)),
            L.Dense(8, "relu", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02), bias_regularizer="l2"),
            L.Dense(7, "tanh", activity_regularizer="l1", kernel_constraint=keras.constraints.MaxNorm(0.8)),
            L.Dense(6, kernel_regularizer=lambda w: 0.1 * keras.ops.sum(keras.ops.abs(keras.ops.diff(w, axis=0)))),
            L.Dense(3, "softmax", kernel_constraint=keras.constraints.NonNeg()),
        ]
    )


def normalised():
    return keras.Sequential(
        [
            keras.Input((6,)), L.BatchNormalization(), L.Dense(8), L.BatchNormalization(momentum=0.9), L.ReLU(),
            L.LayerNormalization(), L.Dense(3, "softmax"),
        ]
    )  # fmt: skip


def cnn():
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)), L.Rescaling(0.5), L.Conv2D(4, 3, padding="same"), L.BatchNormalization(), L.ReLU(),
            L.MaxPooling2D(), L.DepthwiseConv2D(3, padding="same", depth_multiplier=2), L.Dropout(0.0),
            L.Conv2D(6, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(3, "softmax"),
        ]
    )  # fmt: skip


def cnn_in_groups():
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)), L.Conv2D(4, 3, strides=2, groups=2), L.Conv2D(4, 2, groups=2), L.Flatten(),
            L.Dense(3, "softmax"),
        ]
    )  # fmt: skip


def cnn1d():
    return keras.Sequential(
        [
            keras.Input((9, 4)), L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.Conv1D(5, 3, activation="relu"),
            L.MaxPooling1D(2), L.Flatten(), L.Dense(3, "softmax"),
        ]
    )  # fmt: skip


def recurrent(first, second):
    return lambda: keras.Sequential([keras.Input((9, 4)), first(), second(), L.Dense(3, "softmax")])


def embedding():
    return keras.Sequential(
        [keras.Input((9,), dtype="int32"), L.Embedding(10, 4), L.GlobalAveragePooling1D(), L.Dense(3, "softmax")]
    )


def masked():
    return keras.Sequential(
        [keras.Input((9,), dtype="int32"), L.Embedding(10, 4, mask_zero=True), L.LSTM(4), L.Dense(3, "softmax")]
    )


ARCHITECTURES = {
    "mlp": (mlp, TABLE),
    "regularisers and constraints": (regularised, TABLE),
    "normalisations": (normalised, TABLE),
    "cnn": (cnn, IMAGES),
    "cnn in groups": (cnn_in_groups, IMAGES),
    "cnn over time": (cnn1d, SERIES),
    "simple rnn": (recurrent(lambda: L.SimpleRNN(5, return_sequences=True), lambda: L.SimpleRNN(4)), SERIES),
    "lstm": (recurrent(lambda: L.LSTM(5, return_sequences=True), lambda: L.LSTM(4, go_backwards=True)), SERIES),
    "gru": (recurrent(lambda: L.GRU(5, return_sequences=True), lambda: L.GRU(4, reset_after=False)), SERIES),
    "bidirectional": (
        recurrent(
            lambda: L.Bidirectional(L.GRU(3, return_sequences=True)),
            lambda: L.Bidirectional(L.LSTM(3), merge_mode="ave"),
        ),
        SERIES,
    ),
    "embedding": (embedding, WORDS),
    "masked embedding, unrolled": (masked, WORDS),
}
RATES = [0.02, 0.1]


def compare(build, x, y=LABELS, optimizer="sgd", options=None, loss=CLASSES, metrics=("accuracy",), **settings):
    """Fits a population and each member alone; answers the result and the largest differences."""
    fit = {"batch_size": 16, "epochs": 2}
    fit |= {
        name: settings.pop(name) for name in list(settings) if name in ("epochs", "validation_data", "class_weight")
    }
    settings = {"learning_rate": RATES, **settings}
    metrics = list(metrics)
    result = tw.fit_population(
        build, x, y, optimizer=lone.OPTIMIZERS[optimizer](**(options or {})), seed=[3, 4], loss=loss,
        metrics=lone.fresh(metrics),         shuffle=False, verbose=0, **fit, **settings,
    )  # fmt: skip
    own = [{name: values[k] for name, values in settings.items()} for k in range(2)]
    models, histories = lone.train(build, x, y, [3, 4], own, optimizer, options, loss, metrics, **fit)
    weights = max(lone.largest_difference(result.models[k], models[k]) for k in range(2))
    curves = max(lone.history_difference(result.histories[k], histories[k]) for k in range(2))
    return result, models, weights, curves


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_members_of_every_architecture_end_where_they_would_alone(name, double):
    build, x = ARCHITECTURES[name]
    result, models, weights, curves = compare(build, x)
    assert weights < 1e-9 and curves < 1e-9
    assert bool(result.unrolled) == ("unrolled" in name)
    for k in range(2):
        np.testing.assert_allclose(
            result.populations[0].predict(x, verbose=0)[:, k], models[k].predict(x, verbose=0), atol=1e-9
        )


OPTIMIZER_CASES = [
    ("sgd", {}, {"momentum": [0.0, 0.9]}),
    ("sgd", {"nesterov": True}, {"momentum": [0.5, 0.9]}),
    ("sgd", {}, {"weight_decay": [0.0, 0.1]}),
    ("sgd", {"use_ema": True, "ema_overwrite_frequency": 2}, {}),
    ("sgd", {"gradient_accumulation_steps": 2}, {}),
    ("adam", {}, {}),
    ("adam", {"amsgrad": True}, {}),
    ("adamw", {}, {"weight_decay": [0.01, 0.1]}),
    ("rmsprop", {"centered": True, "momentum": 0.5}, {}),
    ("sgd", {"clipnorm": 0.05}, {}),
    ("sgd", {"global_clipnorm": 0.05}, {}),
    ("sgd", {"clipvalue": 0.01}, {}),
    ("adam", {"global_clipnorm": 0.05}, {"weight_decay": [0.0, 0.1]}),
]


@pytest.mark.parametrize(("optimizer", "options", "settings"), OPTIMIZER_CASES)
def test_every_optimizer_does_to_a_member_what_it_does_to_a_model(optimizer, options, settings, double):
    _, _, weights, curves = compare(mlp, TABLE, optimizer=optimizer, options=options, **settings)
    assert weights < 1e-9 and curves < 1e-9


@pytest.mark.parametrize("build", [embedding, masked], ids=["stacked", "unrolled"])
@pytest.mark.parametrize(("optimizer", "options"), [("adam", {}), ("rmsprop", {}), ("sgd", {"global_clipnorm": 0.01})])
def test_embeddings_get_the_updates_that_keras_gives_rows_that_repeat(build, optimizer, options, double):
    _, _, weights, curves = compare(build, WORDS, optimizer=optimizer, options=options)
    assert weights < 1e-9 and curves < 1e-9


def test_each_member_may_have_its_own_schedule(double):
    schedules = [
        keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5),
        keras.optimizers.schedules.CosineDecay(0.2, 6),
    ]
    _, _, weights, curves = compare(mlp, TABLE, learning_rate=schedules)
    assert weights < 1e-9 and curves < 1e-9


def two_by_two():
    a, b = keras.Input((6,), name="a"), keras.Input((3,), name="b")
    shared = L.Dense(6, "tanh")
    first = shared(a)
    second = shared(L.Concatenate()([first, L.Dense(3)(b)])[:, :6])
    joined = L.Add()([first, second, a]) * 2.0
    return keras.Model(
        {"a": a, "b": b}, [L.Dense(1, name="p")(L.PReLU()(joined)), L.Dense(3, "softmax", name="q")(joined)]
    )


def test_several_inputs_and_outputs_and_a_layer_used_twice(double):
    x = {"a": TABLE, "b": RNG.normal(size=(ROWS, 3))}
    y = [RNG.normal(size=ROWS), LABELS]
    result, _, weights, curves = compare(two_by_two, x, y, loss=["mse", CLASSES], metrics=[["mae"], ["accuracy"]])
    assert weights < 1e-9 and curves < 1e-9
    assert {"p_loss", "q_loss", "p_mae", "q_accuracy"} < set(result.histories[0])
    assert "p_re_lu" in " ".join(result.unrolled)


def twice_weightless():
    inputs = keras.Input((6,))
    relu, flatten, dense = L.ReLU(), L.Flatten(), L.Dense(6)
    hidden = relu(flatten(dense(relu(flatten(inputs)))))
    return keras.Model(inputs, L.Dense(3, "softmax")(L.Concatenate(axis=1)([hidden, flatten(inputs)])))


def test_weightless_layers_may_be_used_before_and_after_the_first_weights(double):
    result, _, weights, curves = compare(twice_weightless, TABLE)
    assert weights < 1e-9 and curves < 1e-9 and result.unrolled == ()


def test_outputs_may_be_named_in_dictionaries(double):
    x = {"a": TABLE, "b": RNG.normal(size=(ROWS, 3))}
    y = {"p": RNG.normal(size=ROWS), "q": LABELS}
    result = tw.fit_population(
        two_by_two, x, y, learning_rate=RATES, loss={"p": "mse", "q": CLASSES}, metrics={"q": "accuracy"},
        loss_weights={"p": 0.5, "q": 2.0}, shuffle=False, verbose=0,
    )  # fmt: skip
    history = result.histories[1]
    assert history["loss"][0] == pytest.approx(0.5 * history["p_loss"][0] + 2 * history["q_loss"][0], rel=0.2)
    assert "q_accuracy" in history


def nested():
    inner = keras.Sequential([keras.Input((6,)), L.Dense(5, "relu"), L.BatchNormalization()])
    inputs = keras.Input((6,))
    return keras.Model(inputs, L.Dense(3, "softmax")(inner(L.Dense(6)(inputs))))


def test_models_within_models_are_stacked_through(double):
    result, _, weights, curves = compare(nested, TABLE)
    assert weights < 1e-9 and curves < 1e-9 and result.unrolled == ()


def test_frozen_layers_stay_as_they_are_in_every_member(double):
    def build():
        model = normalised()
        model.layers[0].trainable = False
        model.layers[1].trainable = False
        return model

    result, models, weights, curves = compare(build, TABLE, optimizer="adam")
    assert weights < 1e-9 and curves < 1e-9
    assert [layer.trainable for layer in result.models[0].layers] == [layer.trainable for layer in models[0].layers]
    assert len(result.models[0].trainable_weights) == len(models[0].trainable_weights)


class Doubling(L.Layer):
    """A user's own layer."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.w * 2


UNROLLED = [
    lambda: L.PReLU(),
    lambda: L.GroupNormalization(2),
    lambda: L.BatchNormalization(renorm=True),
    lambda: L.UnitNormalization(),
    lambda: L.Dense(4, activation=lambda x: x * 2, kernel_regularizer="l2", activity_regularizer="l2"),
    lambda: L.Lambda(lambda x: x * 2),
    lambda: L.ActivityRegularization(l2=0.1),
    lambda: Doubling(),
]
UNROLLED_SERIES = [
    lambda: L.MultiHeadAttention(2, 3),
    lambda: L.SeparableConv1D(3, 2),
    lambda: L.Conv1DTranspose(3, 2),
    lambda: L.RNN(L.LSTMCell(3)),
    lambda: L.TimeDistributed(L.Dense(3)),
    lambda: L.SpatialDropout1D(0.0),
]


@pytest.mark.parametrize("make", UNROLLED + UNROLLED_SERIES)
def test_layers_without_a_stacked_form_are_unrolled_and_equal(make, double):
    shape = (6,) if make in UNROLLED else (9, 4)

    def build():
        inputs = keras.Input(shape)
        layer = make()
        hidden = layer(inputs, inputs) if isinstance(layer, L.MultiHeadAttention) else layer(inputs)
        return keras.Model(inputs, L.Dense(3, "softmax")(L.Flatten()(hidden)))

    result, _, weights, curves = compare(build, TABLE if make in UNROLLED else SERIES)
    assert weights < 1e-9 and curves < 1e-9
    assert len(result.unrolled) == 1


def _random_layers(draw, rank):
    """A random small architecture over (features,) or (time, features)."""
    activation = st.sampled_from(["relu", "tanh", "sigmoid", "linear", "elu", "softplus"])
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["dense", "norm", "layernorm", "activation", "prelu"]
        kinds += ["rnn", "lstm", "gru", "conv", "pool", "bidirectional"] if rank == 2 else ["residual"]
        kind, units = draw(st.sampled_from(kinds)), draw(st.integers(2, 5))
        sequences = draw(st.booleans())
        if rank == 2 and kind in ("rnn", "lstm", "gru", "bidirectional") and not sequences:
            rank = 1
        layers.append((kind, units, draw(activation), draw(st.booleans()), sequences))
    return layers


def _build_random(layers, shape):
    inputs = x = keras.Input(shape)
    for kind, units, activation, bias, sequences in layers:
        recurrent_layer = {"rnn": L.SimpleRNN, "lstm": L.LSTM, "gru": L.GRU, "bidirectional": L.GRU}.get(kind)
        if kind == "dense":
            x = L.Dense(units, activation, use_bias=bias)(x)
        elif kind == "norm":
            x = L.BatchNormalization(center=bias, momentum=0.8)(x)
        elif kind == "layernorm":
            x = L.LayerNormalization(scale=bias)(x)
        elif kind == "activation":
            x = L.Activation(activation)(x)
        elif kind == "prelu":
            x = L.PReLU()(x)
        elif kind == "residual":
            x = L.Add()([x, L.Dense(x.shape[-1], activation)(x)])
        elif kind == "conv":
            x = L.Conv1D(units, 2, padding="same", activation=activation, use_bias=bias)(x)
        elif kind == "pool":
            x = L.AveragePooling1D(2, padding="same")(x)
        else:
            layer = recurrent_layer(units, return_sequences=sequences, use_bias=bias)
            x = (L.Bidirectional(layer) if kind == "bidirectional" else layer)(x)
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))


@pytest.mark.slow
@hypothesis.settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)
@hypothesis.given(data=st.data())
def test_random_architectures_train_as_they_would_alone(data):
    rank = data.draw(st.sampled_from([1, 2]))
    layers = _random_layers(data.draw, rank)
    shape = (4,) if rank == 1 else (3, 4)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(12, *shape)), generator.normal(size=(12, 2))
    fit = {"batch_size": 6, "epochs": 1, "shuffle": False, "verbose": 0}
    with in_double():
        result = tw.fit_population(
            lambda: _build_random(layers, shape), x, y, learning_rate=RATES, seed=[1, 2], loss="mse",
            run_eagerly=True, **fit,
        )  # fmt: skip
        for k in range(2):
            keras.utils.set_random_seed(k + 1)
            model = _build_random(layers, shape)
            model.compile(keras.optimizers.SGD(RATES[k]), "mse", run_eagerly=True)
            history = model.fit(x, y, **fit).history
            assert lone.largest_difference(result.models[k], model) < 1e-9
            assert lone.history_difference(result.histories[k], history) < 1e-9


def test_one_step_in_float32_differs_by_rounding_only():
    x = TABLE[:16].astype("float32")
    result, models, _, _ = compare(mlp, x, LABELS[:16], epochs=1)
    for k in range(2):
        for own, expected in zip(result.models[k].get_weights(), models[k].get_weights(), strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_a_member_taken_out_predicts_as_within_and_trains_on(double):
    options = {"learning_rate": 0.01}
    result = tw.fit_population(
        mlp, TABLE, LABELS, optimizer=keras.optimizers.Adam(**options), seed=[1, 2], loss=CLASSES, metrics=["accuracy"],
        batch_size=16, epochs=2, shuffle=False, verbose=0,
    )  # fmt: skip
    member = result.models[1]
    assert result.models[1] is member and isinstance(member, keras.Sequential) and len(result.models) == 2
    inside = result.populations[0].predict(TABLE, verbose=0)
    np.testing.assert_allclose(member.predict(TABLE, verbose=0), inside[:, 1], atol=1e-12)
    member.fit(TABLE, LABELS, batch_size=16, epochs=1, shuffle=False, verbose=0)
    keras.utils.set_random_seed(2)
    whole = mlp()
    whole.compile(keras.optimizers.Adam(**options), CLASSES, metrics=["accuracy"])
    whole.fit(TABLE, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert lone.largest_difference(member, whole) < 1e-9
    with pytest.raises(IndexError, match="members 0 to 1, got 2"):
        result.models[2]
    assert [type(one) for one in result.models[:2]] == [keras.Sequential] * 2


def test_one_members_nan_touches_no_other(double):
    result = tw.fit_population(
        mlp, TABLE, 1e10 * TABLE[:, :3], learning_rate=[1e-13, 1e300], seed=5, loss="mse", batch_size=16, epochs=3,
        shuffle=False, verbose=0,
    )  # fmt: skip
    models, histories = lone.train(
        mlp, TABLE, 1e10 * TABLE[:, :3], [5], [{"learning_rate": 1e-13}], loss="mse", batch_size=16, epochs=3
    )
    assert not np.isfinite(result.histories[1]["loss"][-1])
    assert lone.largest_difference(result.models[0], models[0]) < 1e-9
    np.testing.assert_allclose(result.histories[0]["loss"], histories[0]["loss"], rtol=1e-12)
    assert "non_finite" in [finding.symptom for finding in result.findings[1]]
    assert "non_finite" not in [finding.symptom for finding in result.findings[0]]


def test_under_loss_scaling_one_members_overflow_skips_its_step_alone():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        x, y = TABLE.astype("float32"), TABLE[:, :1].astype("float32")

        def build():
            inputs = keras.Input((6,))
            return keras.Model(inputs, L.Dense(1, dtype="float32")(L.Dense(4)(inputs)))

        fit = {"loss": "mse", "batch_size": 20, "epochs": 3, "shuffle": False, "verbose": 0}
        alone = tw.fit_population(build, x, y, learning_rate=[0.05], **fit)
        both = tw.fit_population(build, x, y, learning_rate=[0.05, 1e30], **fit)
        scale = np.asarray(both.populations[0].optimizer.scale)
    finally:
        keras.config.set_dtype_policy("float32")
    assert both.histories[0]["loss"] == pytest.approx(alone.histories[0]["loss"], rel=1e-3)
    assert alone.histories[0]["loss"][-1] < alone.histories[0]["loss"][0]
    assert not both.histories[1]["loss"][-1] < 1e3
    assert scale[1] < scale[0]


def test_each_member_stops_by_itself_as_with_early_stopping_alone(double):
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(60, 6)), generator.integers(0, 3, 60)
    fit = {"batch_size": 20, "epochs": 12, "validation_data": (x[40:], y[40:])}
    make = lambda: keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)  # noqa: E731
    rates = [0.01, 1.5]
    result = tw.fit_population(
        normalised, x[:40], y[:40], learning_rate=rates, seed=3, loss=CLASSES, callbacks=[make()],
        shuffle=False, verbose=0, **fit,
    )  # fmt: skip
    lengths = [len(history["loss"]) for history in result.histories]
    assert lengths[0] != lengths[1]
    for k, rate in enumerate(rates):
        keras.utils.set_random_seed(3)
        model = normalised()
        model.compile(keras.optimizers.SGD(rate), CLASSES)
        history = model.fit(x[:40], y[:40], shuffle=False, verbose=0, callbacks=[make()], **fit).history
        assert lone.history_difference(result.histories[k], history) < 1e-9
        # Batch-norm statistics are among the weights: those of a stopped member stand still.
        assert lone.largest_difference(result.models[k], model) < 1e-9


def test_a_stopped_members_weights_stand_still_while_the_others_go_on():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.weights_by_member())

    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=1e-3)
    result = tw.fit_population(
        normalised,
        TABLE,
        LABELS,
        learning_rate=[1e-9, 0.1],
        loss=CLASSES,
        epochs=5,
        callbacks=[stop, Watch()],
        verbose=0,
    )
    assert [len(history["loss"]) for history in result.histories] == [2, 5]
    for early, late in zip(seen[1], seen[4], strict=True):
        np.testing.assert_array_equal(early[0], late[0])
    assert any(not np.array_equal(early[1], late[1]) for early, late in zip(seen[1], seen[4], strict=True))


def test_the_fit_ends_when_all_members_have_stopped():
    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=10.0)
    result = tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, epochs=50, callbacks=[stop], verbose=0)
    assert [len(history["loss"]) for history in result.histories] == [2, 2]


def test_weights_of_rows_for_each_member_make_bootstrap_samples(double):
    weights = RNG.integers(0, 3, (ROWS, 2)).astype("float64")
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, seed=[3, 4], loss=CLASSES, sample_weight=weights, epochs=2,
        batch_size=16,
        weighted_metrics=["accuracy"], shuffle=False, verbose=0,
    )  # fmt: skip
    for k in range(2):
        keras.utils.set_random_seed(3 + k)
        model = mlp()
        model.compile(keras.optimizers.SGD(RATES[k]), CLASSES, weighted_metrics=["accuracy"])
        fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
        history = model.fit(TABLE, LABELS, sample_weight=weights[:, k], **fit).history
        assert lone.largest_difference(result.models[k], model) < 1e-9
        assert lone.history_difference(result.histories[k], history) < 1e-9


def test_class_weights_and_validation_data_work_as_in_fit(double):
    _, _, weights, curves = compare(
        mlp, TABLE, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, validation_data=(TABLE[:10], LABELS[:10])
    )
    assert weights < 1e-9 and curves < 1e-9


LOSSES = [
    ("mae", "regression"), ("huber", "regression"), (lambda y, p: keras.ops.mean((y - p) ** 4, axis=-1), "regression"),
    (lambda y, p: keras.ops.mean((y - p) ** 2) + keras.ops.std(p), "regression"),
    ((keras.losses.MeanSquaredError, {"reduction": "sum"}), "regression"),
    ((keras.losses.MeanSquaredError, {"reduction": "mean_with_sample_weight"}), "regression"),
    ((keras.losses.CategoricalCrossentropy, {"label_smoothing": 0.1}), "one hot"),
    ("categorical_crossentropy", "one hot"), ((keras.losses.Dice, {}), "one hot"), ("crossentropy", "labels"),
    ((keras.losses.SparseCategoricalCrossentropy, {"from_logits": True}), "logits"),
]  # fmt: skip


def highest(y, p):
    return keras.ops.max(p)


METRICS = ["mae", keras.metrics.RootMeanSquaredError, keras.metrics.CosineSimilarity, highest]


@pytest.mark.parametrize(("loss", "kind"), LOSSES)
def test_every_loss_gives_each_member_its_own_value(loss, kind, double):
    targets = {"regression": TABLE[:, :3], "one hot": np.eye(3)[LABELS], "labels": LABELS, "logits": LABELS}[kind]

    def build():
        last = L.Dense(3, "softmax" if kind in ("one hot", "labels") else None)
        return keras.Sequential([keras.Input((6,)), L.Dense(4, "tanh"), last])

    # Objects are made here, for they keep the precision of their making.
    loss = loss[0](**loss[1]) if isinstance(loss, tuple) else loss
    metrics = METRICS if kind == "regression" else ["accuracy"]
    _, _, weights, curves = compare(build, TABLE, targets, loss=loss, metrics=metrics)
    assert weights < 1e-9 and curves < 1e-9


@pytest.mark.parametrize("metric", [keras.metrics.AUC, keras.metrics.Precision, "accuracy", "binary_crossentropy"])
def test_metrics_of_a_binary_task_are_those_of_each_member(metric, double):
    build = lambda: keras.Sequential([keras.Input((6,)), L.Dense(1, "sigmoid")])  # noqa: E731
    y = (LABELS > 0)[:, None] * 1.0
    _, _, weights, curves = compare(build, TABLE, y, loss="binary_crossentropy", metrics=[metric])
    assert weights < 1e-9 and curves < 1e-9


def test_sequences_as_targets_with_weights_of_time_steps(double):
    build = lambda: keras.Sequential([keras.Input((9, 4)), L.GRU(3, return_sequences=True), L.Dense(2, "softmax")])  # noqa: E731
    y, weights = RNG.integers(0, 2, (ROWS, 9)), RNG.uniform(size=(ROWS, 9))
    fit = {"sample_weight": weights, "epochs": 1, "batch_size": 16, "shuffle": False, "verbose": 0}
    result = tw.fit_population(build, SERIES, y, learning_rate=RATES, seed=1, loss=CLASSES, **fit)
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(keras.optimizers.SGD(RATES[1]), CLASSES)
    assert lone.history_difference(result.histories[1], model.fit(SERIES, y, **fit).history) < 1e-9
    assert lone.largest_difference(result.models[1], model) < 1e-9


def test_chunks_change_no_result(double):
    def build():
        return keras.Sequential([keras.Input((6,)), L.Dense(5, "relu"), L.Dropout(0.5), L.Dense(3, "softmax")])

    arguments = {
        "learning_rate": list(np.geomspace(0.01, 0.5, 8)), "seed": list(range(8)), "loss": CLASSES, "epochs": 2,
        "verbose": 0, "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "metrics": ["accuracy"],
        "sample_weight": RNG.uniform(size=(ROWS, 8)),
    }  # fmt: skip
    whole = tw.fit_population(build, TABLE, LABELS, **arguments)
    parts = tw.fit_population(build, TABLE, LABELS, memory_limit=int(3.5 * whole.memory_per_member), **arguments)
    assert whole.chunks == (8,) and parts.chunks == (3, 3, 2)
    for k in range(8):
        assert lone.largest_difference(whole.models[k], parts.models[k]) < 1e-9
        assert lone.history_difference(whole.histories[k], parts.histories[k]) < 1e-9
    assert whole.leaderboard()["member"] == parts.leaderboard()["member"]


def test_a_memory_limit_below_one_members_need_is_refused():
    with pytest.raises(ValueError, match=r"`memory_limit` must be at least \d+ bytes, the need of one member, got 10"):
        tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, memory_limit=10)


def test_a_generator_cannot_be_read_twice_for_chunks():
    need = tw.fit_population(mlp, TABLE, LABELS, loss=CLASSES, verbose=0).memory_per_member

    def batches():
        while True:
            yield TABLE[:16], LABELS[:16]

    with pytest.raises(ValueError, match="need 2 passes, but a generator can be read only once"):
        tw.fit_population(mlp, batches(), seed=[0, 1], loss=CLASSES, memory_limit=need, steps_per_epoch=2)
    fitted = tw.fit_population(mlp, batches(), seed=[0, 1], loss=CLASSES, steps_per_epoch=2, verbose=0)
    assert len(fitted.histories) == 2


def test_a_dataset_of_tensorflow_is_taken_as_by_fit(double):
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((TABLE, LABELS)).batch(16)
    fit = {"epochs": 2, "verbose": 0}
    result = tw.fit_population(mlp, batches, learning_rate=RATES, seed=1, loss=CLASSES, validation_data=batches, **fit)
    keras.utils.set_random_seed(1)
    model = mlp()
    model.compile(keras.optimizers.SGD(RATES[0]), CLASSES)
    history = model.fit(batches, validation_data=batches, shuffle=False, **fit).history
    assert lone.history_difference(result.histories[0], history) < 1e-9


def test_shuffled_batches_come_in_the_order_of_a_lone_fit_after_the_first_seed(double):
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, seed=7, loss=CLASSES, epochs=2, batch_size=8, verbose=0
    )
    keras.utils.set_random_seed(7)
    model = mlp()
    model.compile(keras.optimizers.SGD(RATES[1]), CLASSES)
    history = model.fit(TABLE, LABELS, epochs=2, batch_size=8, verbose=0).history
    assert lone.history_difference(result.histories[1], history) < 1e-9


def test_the_settings_of_the_compiled_model_are_used():
    def build():
        model = mlp()
        model.compile(keras.optimizers.RMSprop(0.003), CLASSES, metrics=["accuracy"])
        return model

    result = tw.fit_population(build, TABLE, LABELS, seed=[0, 1], verbose=0)
    assert set(result.histories[0]) == {"loss", "accuracy"}
    member = result.models[0]
    assert isinstance(member.optimizer, keras.optimizers.RMSprop)
    assert float(member.optimizer.learning_rate) == pytest.approx(0.003)
    assert member.evaluate(TABLE, LABELS, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}


def test_a_model_compiled_with_a_lambda_gives_members_compiled_with_it():
    for base in (mlp, nested):

        def build(base=base):
            model = base()
            model.compile("sgd", lambda y, p: keras.ops.mean((y - p) ** 2), metrics=["mae"])
            return model

        result = tw.fit_population(build, TABLE, TABLE[:, :3], seed=[0, 1], verbose=0)
        assert np.isfinite(result.models[1].evaluate(TABLE, TABLE[:, :3], verbose=0)[0])


def test_dropout_rates_of_members_reach_the_models_taken_out():
    build = lambda: keras.Sequential([keras.Input((6,)), L.Dense(4), L.Dropout(0.9), L.Dense(3, "softmax")])  # noqa: E731
    result = tw.fit_population(build, TABLE, LABELS, dropout=[0.0, 0.5], loss=CLASSES, verbose=0)
    assert [model.layers[1].rate for model in result.models] == [0.0, 0.5]


def test_statistics_of_a_normalisation_made_outside_are_shared_and_copied(double):
    normalise, keras_own = tw.layers.Standardize(), L.Normalization()
    normalise.adapt(TABLE * 3 + 1)
    keras_own.adapt(TABLE)

    def build():
        return keras.Sequential([keras.Input((6,)), normalise, keras_own, L.Dense(3, "softmax")])

    result, models, weights, _ = compare(build, TABLE)
    assert weights < 1e-9 and result.unrolled == ()
    member = result.models[0]
    assert member.layers[0] is not normalise and member.layers[1] is not keras_own
    np.testing.assert_allclose(member.predict(TABLE, verbose=0), models[0].predict(TABLE, verbose=0), atol=1e-9)


def test_a_population_saves_and_loads_with_its_optimizer(tmp_path, double):
    result = tw.fit_population(
        masked, WORDS, LABELS, learning_rate=RATES, momentum=[0.5, 0.9], seed=1, loss=CLASSES,
        metrics=["accuracy"], verbose=0,
    )  # fmt: skip
    population = result.populations[0]
    population.save(tmp_path / "population.keras")
    again = tw.load_model(tmp_path / "population.keras")
    np.testing.assert_array_equal(again.predict(WORDS, verbose=0), population.predict(WORDS, verbose=0))
    one = population.fit(WORDS, LABELS, shuffle=False, verbose=0).history
    two = again.fit(WORDS, LABELS, shuffle=False, verbose=0).history
    assert lone.history_difference(one, two) < 1e-9
    np.testing.assert_allclose(again.member_weights(1)[0], population.member_weights(1)[0], atol=1e-9)


def test_callbacks_see_means_and_those_that_read_logs_work(tmp_path):
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"), keras.callbacks.TensorBoard(tmp_path / "board"),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss"), keras.callbacks.TerminateOnNaN(),
    ]  # fmt: skip
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, epochs=2, callbacks=callbacks, verbose=0
    )
    header, first, _ = (tmp_path / "log.csv").read_text().splitlines()
    assert header.startswith("epoch,loss")
    means = np.mean([history["loss"] for history in result.histories], axis=0)
    assert float(first.split(",")[1]) == pytest.approx(means[0], rel=1e-6)
    assert (tmp_path / "best.keras").is_file()


@pytest.mark.parametrize(
    "callback", [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1), keras.callbacks.ReduceLROnPlateau()]
)
def test_callbacks_that_set_one_learning_rate_are_refused(callback):
    with pytest.raises(ValueError, match=f"{type(callback).__name__} sets one learning rate"):
        tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, callbacks=[callback], verbose=0)


def test_setting_one_learning_rate_by_hand_is_refused():
    result = tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, verbose=0)
    with pytest.raises((TypeError, ValueError), match="learning rate"):
        result.populations[0].optimizer.learning_rate = 0.5


def test_a_population_by_itself_compiles_fits_evaluates_and_predicts():
    population = tw.Population(mlp(), members=3)
    population.compile("adam", CLASSES, metrics=["accuracy"])
    history = population.fit(TABLE, LABELS, validation_split=0.25, epochs=2, verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert population.predict(TABLE, verbose=0).shape == (ROWS, 3, 3)
    loss, accuracy = population.evaluate(TABLE, LABELS, verbose=0)
    assert loss == pytest.approx(population.by_member()["loss"].mean(), rel=1e-6) and 0 <= accuracy <= 1
    # All began alike and saw the same: they are alike.
    np.testing.assert_allclose(population.predict(TABLE, verbose=0)[:, 0], population.predict(TABLE, verbose=0)[:, 2])


@pytest.mark.parametrize("settings", [{"run_eagerly": True}, {"steps_per_execution": 2}, {"jit_compile": True}])
def test_ways_to_run_change_no_result(settings, double):
    plain = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, batch_size=8, verbose=0)
    other = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, batch_size=8, verbose=0, **settings
    )
    assert lone.largest_difference(plain.models[1], other.models[1]) < 1e-9
    assert lone.history_difference(plain.histories[1], other.histories[1]) < 1e-9


def test_the_callers_random_state_is_left_as_it_was():
    import tensorflow as tf

    def draws():
        return random.random(), np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))

    keras.utils.set_random_seed(11)
    expected = [draws(), draws()]
    keras.utils.set_random_seed(11)
    found = [draws()]
    tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, verbose=0)
    assert [*found, draws()] == expected


def test_members_start_as_the_model_built_after_their_seed_would():
    def with_numpy():
        model = mlp()
        model.layers[0].bias.assign(np.random.normal(size=8))
        return model

    for build in (mlp, masked, with_numpy, cnn, recurrent(lambda: L.LSTM(3, return_sequences=True), lambda: L.GRU(2))):
        x = {mlp: TABLE, masked: WORDS, with_numpy: TABLE, cnn: IMAGES}.get(build, SERIES)
        result = tw.fit_population(
            build, x, LABELS, learning_rate=1e-30, seed=[5, 9, 5, 2], loss=CLASSES, epochs=1, verbose=0
        )
        for k, seed in enumerate([5, 9, 5, 2]):
            keras.utils.set_random_seed(seed)
            model = build()
            trained = [w for w in model.weights if w.trainable]
            for own, expected in zip(result.models[k].trainable_weights, trained, strict=True):
                np.testing.assert_allclose(np.asarray(own), np.asarray(expected), rtol=0, atol=1e-25)


def test_size_alone_gives_members_of_different_seeds_and_a_comparison_one_start():
    several = tw.fit_population(mlp, TABLE, LABELS, size=3, loss=CLASSES, verbose=0)
    assert several.settings.seeds == (0, 1, 2)
    compared = tw.fit_population(mlp, TABLE, LABELS, learning_rate=[0.1, 0.2], loss=CLASSES, verbose=0)
    assert compared.settings.seeds == (0, 0)


def test_the_leaderboard_puts_the_best_epoch_of_the_best_member_first_and_prints():
    from rich.console import Console

    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=[1e-6, 0.3, 1e9], momentum=0.5, seed=1, loss=CLASSES, metrics=["accuracy"],
        epochs=4, verbose=0,
    )  # fmt: skip
    board = result.leaderboard()
    best = [np.nanmin(history["loss"]) for history in result.histories]
    assert board["member"][0] == 1 and board["loss"][0] == pytest.approx(min(best))
    assert board["learning_rate"][0] == 0.3 and "momentum" not in board
    by_accuracy = result.leaderboard("accuracy")
    assert by_accuracy["accuracy"][0] == max(by_accuracy["accuracy"])
    assert "learning_rate" in str(board)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(board)
    assert "learning_rate" in console.export_text()
    with pytest.raises(ValueError, match="`metric` must be one of .*got 'f1'"):
        result.leaderboard("f1")


def test_the_plot_has_a_labelled_line_for_each_member():
    result = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, epochs=2, verbose=0)
    axes = result.plot().axes[0]
    assert [line.get_label() for line in axes.lines] == ["learning_rate 0.02", "learning_rate 0.1"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), result.histories[1]["loss"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_findings_of_a_member_are_those_of_a_watch_on_it_alone():
    x = np.linspace(-1, 1, 64)[:, None]
    build = lambda: keras.Sequential([keras.Input((1,)), L.Dense(1)])  # noqa: E731
    result = tw.fit_population(
        build, x, 2 * x, learning_rate=[0.1, 1e12], seed=0, loss="mse", batch_size=1, epochs=2, shuffle=False, verbose=0
    )
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.SGD(1e12), "mse")
    watch = tw.callbacks.CurveWatch(report=lambda finding: None)
    model.fit(x, 2 * x, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[watch])
    assert [finding.symptom for finding in result.findings[1]] == [finding.symptom for finding in watch.findings]
    assert result.findings[1] and not result.findings[0]


class Subclassed(keras.Model):
    """A model whose layers cannot be seen."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x):
        return self.dense(x)


def _shared_layer():
    layer = L.Dense(6)
    return lambda: keras.Sequential([keras.Input((6,)), layer, L.Dense(3, "softmax")])


def _growing():
    sizes = iter(range(4, 100))
    return lambda: keras.Sequential([keras.Input((6,)), L.Dense(next(sizes)), L.Dense(3, "softmax")])


BAD = [
    (mlp, {"learning_rate": [0.1, 0.2], "momentum": [0.1, 0.2, 0.3]}, ValueError, "`learning_rate` 2, `momentum` 3"),
    (mlp, {"learning_rate": [0.1, 0.2], "size": 3}, ValueError, "`size` 3"),
    (mlp, {"learning_rate": []}, ValueError, "`learning_rate` must hold at least one value"),
    (mlp, {"size": 0}, ValueError, "`size` must be at least 1, got 0"),
    (mlp, {"learning_rate": [0.1, -1.0]}, ValueError, "`learning_rate` must be in .*got -1"),
    (mlp, {"learning_rate": [0.1, float("nan")]}, ValueError, "`learning_rate` must be in .*got nan"),
    (mlp, {"learning_rate": "fast"}, TypeError, "`learning_rate` must be a number, got 'fast'"),
    (mlp, {"momentum": [0.5, 1.2]}, ValueError, "`momentum` must be in .*got 1.2"),
    (mlp, {"weight_decay": -0.1}, ValueError, "`weight_decay` must be in .*got -0.1"),
    (mlp, {"dropout": [0.1]}, ValueError, "no Dropout layer"),
    (mlp, {"dropout": 1.0}, ValueError, "`dropout` must be in .*got 1.0"),
    (mlp, {"seed": [0, -1]}, ValueError, "`seed` must be at least 0, got -1"),
    (mlp, {"seed": ["a"]}, TypeError, "`seed` must be a whole number, got 'a'"),
    (mlp, {"momentum": [0.5], "optimizer": "adam"}, ValueError, "`momentum` is a setting of SGD, got optimizer Adam"),
    (mlp, {"optimizer": "nadam"}, ValueError, "must be SGD, Adam, AdamW or RMSprop for a population, got Nadam"),
    (mlp, {"loss": None}, ValueError, "`loss` must be given"),
    (mlp, {"loss": keras.losses.MeanSquaredError(reduction="none")}, ValueError, "got reduction 'none'"),
    (mlp, {"metrics": {"z": "mae"}}, ValueError, r"`metrics` names \['z'\]; the model's outputs are"),
    (
        lambda: keras.Sequential([keras.Input((6,)), L.SpectralNormalization(L.Dense(3))]),
        {},
        ValueError,
        "SpectralNormalization. sets its weights while it is called",
    ),
    (Subclassed, {}, TypeError, "subclassed model Subclassed"),
    (lambda: 3, {}, TypeError, "`build_model` must answer a Keras model, got int"),
    (lambda: keras.Sequential([L.Dense(3)]), {}, ValueError, "begin the Sequential with `keras.Input"),
    (_shared_layer(), {"seed": [0, 1]}, ValueError, "is made outside `build_model`.*make it inside"),
    (_growing(), {"seed": [0, 1]}, ValueError, "A setting that changes shapes, such as units"),
]


@pytest.mark.parametrize(("build", "arguments", "error", "message"), BAD)
def test_bad_input_is_refused_with_the_value_and_the_cure(build, arguments, error, message):
    with pytest.raises(error, match=message):
        tw.fit_population(build, TABLE, LABELS, **{"loss": CLASSES, "verbose": 0, **arguments})
