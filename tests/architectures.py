"""Small architectures of every kind, and rows for them."""

import keras
import numpy as np

L = keras.layers
CLASSES = "sparse_categorical_crossentropy"
_GENERATOR = np.random.default_rng(0)
ROWS = 40
TABLE = _GENERATOR.normal(size=(ROWS, 6))
IMAGES = _GENERATOR.normal(size=(ROWS, 8, 8, 2))
SERIES = _GENERATOR.normal(size=(ROWS, 9, 4))
WORDS = _GENERATOR.integers(0, 10, (ROWS, 9))
LABELS = _GENERATOR.integers(0, 3, ROWS)


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


def two_by_two():
    a, b = keras.Input((6,), name="a"), keras.Input((3,), name="b")
    shared = L.Dense(6, "tanh")
    first = shared(a)
    second = shared(L.Concatenate()([first, L.Dense(3)(b)])[:, :6])
    joined = L.Add()([first, second, a]) * 2.0
    return keras.Model(
        {"a": a, "b": b}, [L.Dense(1, name="p")(L.PReLU()(joined)), L.Dense(3, "softmax", name="q")(joined)]
    )


def nested():
    inner = keras.Sequential([keras.Input((6,)), L.Dense(5, "relu"), L.BatchNormalization()])
    inputs = keras.Input((6,))
    return keras.Model(inputs, L.Dense(3, "softmax")(inner(L.Dense(6)(inputs))))
