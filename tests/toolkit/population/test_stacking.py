"""Which layers are stacked and which unrolled; the oracle is each member trained alone (lone.py)."""

import hypothesis
import hypothesis.strategies as st
import keras
import lone
import numpy as np
import pytest
from architectures import RATES, SERIES, TABLE, L, nested
from lone import compare, in_double

import trainwise as tw


def twice_weightless():
    inputs = keras.Input((6,))
    relu, flatten, dense = L.ReLU(), L.Flatten(), L.Dense(6)
    hidden = relu(flatten(dense(relu(flatten(inputs)))))
    return keras.Model(inputs, L.Dense(3, "softmax")(L.Concatenate(axis=1)([hidden, flatten(inputs)])))


def test_weightless_layers_may_be_used_before_and_after_the_first_weights(double):
    result, _, weights, curves = compare(twice_weightless, TABLE)
    assert weights < 1e-9 and curves < 1e-9 and result.unrolled == ()


def test_models_within_models_are_stacked_through(double):
    result, _, weights, curves = compare(nested, TABLE)
    assert weights < 1e-9 and curves < 1e-9 and result.unrolled == ()


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
            # The batches of an epoch one by one: a data set for two of them takes longer than the training.
            losses = [model.train_on_batch(x[rows], y[rows]) for rows in (slice(0, 6), slice(6, 12))]
            history = {"loss": [np.mean(losses)]}
            assert lone.largest_difference(result.models[k], model) < 1e-9
            assert lone.history_difference(result.histories[k], history) < 1e-9
