"""Stacked layers and short training runs, on whatever backend Keras has; the oracle is Keras' own layers."""

import os

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers
MEMBERS = 3
FRONT = [
    ("dense", lambda: L.Dense(5, "tanh"), (4, 6)),
    ("dense without bias on a sequence", lambda: L.Dense(5, use_bias=False), (4, 3, 6)),
    ("batch normalization", lambda: L.BatchNormalization(), (4, 6)),
    ("layer normalization", lambda: L.LayerNormalization(), (4, 3, 6)),
    ("layer normalization without scale", lambda: L.LayerNormalization(scale=False, center=False), (4, 6)),
    ("simple rnn", lambda: L.SimpleRNN(4), (4, 5, 6)),
    ("simple rnn without bias", lambda: L.SimpleRNN(4, use_bias=False), (4, 5, 6)),
    ("lstm", lambda: L.LSTM(4, return_sequences=True), (4, 5, 6)),
    ("lstm backwards with states", lambda: L.LSTM(4, return_state=True, go_backwards=True), (4, 5, 6)),
    ("lstm over a long sequence", lambda: L.LSTM(3), (2, 40, 3)),
    ("gru", lambda: L.GRU(4, return_sequences=True), (4, 5, 6)),
    ("gru reset before", lambda: L.GRU(4, reset_after=False), (4, 5, 6)),
    ("gru without bias", lambda: L.GRU(4, use_bias=False), (4, 5, 6)),
    ("gru over a long sequence", lambda: L.GRU(3, return_sequences=True), (2, 40, 3)),
    ("bidirectional lstm", lambda: L.Bidirectional(L.LSTM(3)), (4, 5, 6)),
    ("bidirectional gru, summed", lambda: L.Bidirectional(L.GRU(3, return_sequences=True), "sum"), (4, 5, 6)),
    ("bidirectional rnn, product", lambda: L.Bidirectional(L.SimpleRNN(3), "mul"), (4, 5, 6)),
    ("bidirectional rnn, mean", lambda: L.Bidirectional(L.SimpleRNN(3), "ave"), (4, 5, 6)),
    ("flatten", lambda: L.Flatten(), (4, 2, 3)),
    ("reshape", lambda: L.Reshape((3, 2)), (4, 6)),
    ("permute", lambda: L.Permute((2, 1)), (4, 2, 3)),
]
CHANNELS = [
    ("conv1d", lambda: L.Conv1D(4, 3, padding="same", activation="relu"), (4, 7, 3)),
    ("conv1d causal and dilated", lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), (4, 7, 3)),
    ("conv2d", lambda: L.Conv2D(4, 3), (4, 6, 6, 3)),
    ("conv2d with strides", lambda: L.Conv2D(4, 3, strides=2, padding="same"), (4, 6, 6, 3)),
    ("conv2d dilated", lambda: L.Conv2D(4, 2, dilation_rate=2), (4, 6, 6, 3)),
    ("conv2d in groups", lambda: L.Conv2D(4, 3, groups=2), (4, 6, 6, 2)),
    ("depthwise conv2d", lambda: L.DepthwiseConv2D(3, depth_multiplier=2), (4, 6, 6, 3)),
    ("batch normalization of channels", lambda: L.BatchNormalization(), (4, 3, 3, 2)),
    ("max pooling", lambda: L.MaxPooling2D(2), (4, 6, 6, 3)),
    ("global average pooling", lambda: L.GlobalAveragePooling2D(), (4, 6, 6, 3)),
    ("zero padding", lambda: L.ZeroPadding1D(2), (4, 5, 3)),
]


def _population_of(make, shape, dtype="float32"):
    """A template of one layer, K of it as a population, and each as an ordinary layer."""
    inputs = keras.Input(shape[1:], dtype=dtype)
    lone = [keras.Model(inputs, make()(inputs)) for _ in range(MEMBERS)]
    generator = np.random.default_rng(0)
    for model in lone:
        model.set_weights([np.abs(generator.normal(size=w.shape)) * 0.5 + 0.1 for w in model.weights])
    population = tw.Population(lone[0], MEMBERS)
    population.set_members([model.get_weights() for model in lone])
    return population, lone


def test_the_backend_is_the_one_that_was_asked_for():
    assert keras.backend.backend() == os.environ.get("KERAS_BACKEND", "tensorflow")


@pytest.mark.parametrize(
    ("make", "shape"), [case[1:] for case in FRONT + CHANNELS], ids=[c[0] for c in FRONT + CHANNELS]
)
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_a_stacked_layer_answers_as_its_members_alone_and_is_not_unrolled(make, shape, training):
    population, lone = _population_of(make, shape)
    assert population.unrolled == ()
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    answers = keras.tree.flatten(population(x, training=training))
    for k, model in enumerate(lone):
        for answer, expected in zip(answers, keras.tree.flatten(model(x, training=training)), strict=True):
            np.testing.assert_allclose(np.asarray(answer)[:, k], np.asarray(expected), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("make", "shape"), [case[1:] for case in FRONT + CHANNELS], ids=[c[0] for c in FRONT + CHANNELS]
)
def test_a_stacked_layer_within_a_model_sees_what_each_member_made(make, shape):
    # A first layer gives every member other inputs, so that none are shared.
    def build():
        inputs = keras.Input(shape[1:])
        return keras.Model(inputs, make()(L.Dense(shape[-1])(inputs)))

    lone = [build() for _ in range(MEMBERS)]
    population = tw.Population(lone[0], MEMBERS)
    population.set_members([model.get_weights() for model in lone])
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    answers = keras.tree.flatten(population(x))
    for k, model in enumerate(lone):
        for answer, expected in zip(answers, keras.tree.flatten(model(x)), strict=True):
            np.testing.assert_allclose(np.asarray(answer)[:, k], np.asarray(expected), rtol=2e-5, atol=2e-6)


CONVOLUTIONS = [
    case for case in CHANNELS if case[0].startswith("conv") and "groups" not in case[0] and "causal" not in case[0]
]


@pytest.mark.parametrize(("make", "shape"), [case[1:] for case in CONVOLUTIONS], ids=[case[0] for case in CONVOLUTIONS])
def test_convolutions_as_matrix_products_give_the_same(make, shape):
    population, lone = _population_of(make, shape)
    (layer,) = population.stacked_layers
    generator = np.random.default_rng(1)
    own = generator.normal(size=(*shape[:-1], MEMBERS, shape[-1])).astype("float32")
    layer.for_xla = True
    answer = np.asarray(layer(own))
    shared = np.asarray(layer(own[..., :1, :]))
    for k, model in enumerate(lone):
        np.testing.assert_allclose(answer[..., k, :], np.asarray(model(own[..., k, :])), rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(shared[..., k, :], np.asarray(model(own[..., 0, :])), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("window", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2))])
def test_max_pooling_by_slices_gives_the_same(window, strides):
    x = np.random.default_rng(0).normal(size=(4, 7, 7, MEMBERS, 2)).astype("float32")
    x[0, 0, 0, 0, 0] = np.nan
    pooling = L.MaxPooling2D(window, strides)
    answer = tw.layers.Merged(pooling, MEMBERS)
    answer.for_xla = True
    expected = np.stack([np.asarray(pooling(x[..., k, :])) for k in range(MEMBERS)], axis=-2)
    expected[0, 0, 0, 0, 0] = np.nan
    np.testing.assert_array_equal(np.asarray(answer(x)), expected)


def test_stacked_embedding_looks_up_each_members_own_table():
    population, lone = _population_of(lambda: L.Embedding(10, 4), (5, 6), dtype="int32")
    x = np.random.default_rng(0).integers(0, 10, (5, 6))
    for k, model in enumerate(lone):
        np.testing.assert_array_equal(np.asarray(population(x))[:, k], np.asarray(model(x)))


def test_stacked_batch_normalization_keeps_statistics_for_each_member():
    population, lone = _population_of(lambda: L.BatchNormalization(momentum=0.5), (6, 3))
    x = np.random.default_rng(0).normal(2, 3, (6, 3)).astype("float32")
    population(x, training=True)
    for k, model in enumerate(lone):
        model(x, training=True)
        for own, expected in zip(population.member_weights(k), model.get_weights(), strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-5)


def test_dropout_drops_the_share_of_each_member_and_other_units_in_each():
    rates = (0.0, 0.25, 0.5)
    stacked = tw.layers.StackedDropout(L.Dropout(0.9, seed=1), MEMBERS, rates=rates)
    answer = np.asarray(stacked(np.ones((1, 200, 50), "float32"), training=True))
    assert answer.shape == (3, 200, 50)
    for rate, own in zip(rates, answer, strict=True):
        assert (own == 0).mean() == pytest.approx(rate, abs=0.02)
        np.testing.assert_allclose(own[own != 0], 1 / (1 - rate), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(stacked(np.ones((1, 4, 4), "float32"))), np.ones((1, 4, 4)))
    both = stacked(np.ones((1, 200, 50), "float32"), training=True)
    half = tw.layers.StackedDropout(L.Dropout(0.5, seed=1), 2)(np.ones((1, 200, 50), "float32"), training=True)
    assert np.mean(np.asarray(half)[0] == np.asarray(half)[1]) < 0.6
    assert not np.array_equal(np.asarray(both), answer)


def test_a_part_of_a_population_drops_what_it_would_drop_within_the_whole():
    whole = tw.layers.StackedDropout(L.Dropout(0.5, seed=3), 5)
    part = tw.layers.StackedDropout(L.Dropout(0.5, seed=3), 2, population=5, offset=3)
    x = np.ones((1, 8, 4), "float32")
    np.testing.assert_array_equal(np.asarray(whole(x, training=True))[3:], np.asarray(part(x, training=True)))


@pytest.mark.parametrize("rates", [(0.1,), (0.1, 1.0, 0.2), (0.1, -0.5, 0.2)])
def test_dropout_rates_that_do_not_fit_are_refused(rates):
    with pytest.raises(ValueError, match="`rates` must"):
        tw.layers.StackedDropout(L.Dropout(0.5), MEMBERS, rates=rates)


@pytest.mark.parametrize(("members", "error"), [(0, ValueError), (1.5, TypeError)])
def test_a_number_of_members_that_cannot_be_is_refused(members, error):
    with pytest.raises(error, match="`members` must be"):
        tw.layers.StackedDense(L.Dense(2), members)


def test_a_stacked_layer_by_itself_draws_other_weights_for_each_member():
    stacked = tw.layers.StackedDense(L.Dense(4), members=2)
    answer = np.asarray(stacked(np.ones((1, 3, 5), "float32")))
    assert not np.allclose(answer[0], answer[1])


def _mlp():
    return keras.Sequential([keras.Input((6,)), L.BatchNormalization(), L.Dense(8, "relu"), L.Dense(3, "softmax")])


def _cnn():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dense(3, "softmax"),
        ]
    )


def _lstm():
    return keras.Sequential([keras.Input((5, 3)), L.Bidirectional(L.LSTM(4)), L.Dense(3, "softmax")])


@pytest.mark.parametrize(("build", "shape"), [(_mlp, (6,)), (_cnn, (6, 6, 2)), (_lstm, (5, 3))])
def test_twenty_steps_leave_each_member_where_it_would_be_alone(build, shape):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(80, *shape)).astype("float32"), generator.integers(0, 3, 80)
    rates = [0.05, 0.2]
    result = tw.fit_population(
        build, x, y, learning_rate=rates, seed=[1, 2], loss="sparse_categorical_crossentropy", batch_size=8, epochs=2,
        shuffle=False, verbose=0, metrics=["accuracy"],
    )  # fmt: skip
    for k, rate in enumerate(rates):
        keras.utils.set_random_seed(k + 1)
        model = build()
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        for own, expected in zip(result.models[k].get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(own, expected, rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(result.histories[k]["loss"], history["loss"], rtol=1e-3)
        np.testing.assert_allclose(result.histories[k]["accuracy"], history["accuracy"], atol=0.03)


def test_where_grouped_convolution_fails_groups_are_convolved_one_by_one(monkeypatch):
    from trainwise.toolkit.layers import stacked_convolution

    generator = np.random.default_rng(0)
    x, kernel = generator.normal(size=(2, 6, 6, 6)), generator.normal(size=(3, 3, 2, 12))
    expected = np.concatenate(
        [
            np.asarray(keras.ops.conv(x[..., 2 * g : 2 * g + 2], kernel[..., 4 * g : 4 * g + 4], 1, "same"))
            for g in range(3)
        ],
        axis=-1,
    )
    settings = {"strides": (1, 1), "padding": "same", "dilation": (1, 1), "groups": 3}
    monkeypatch.setattr(stacked_convolution, "grouped_convolution_works", lambda dtype, dilation: False)
    np.testing.assert_allclose(
        np.asarray(stacked_convolution.convolve(x, kernel, **settings)), expected, rtol=1e-4, atol=1e-5
    )
