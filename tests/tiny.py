"""Small rows and small models that many tests fit."""

import keras
import numpy as np
from keras import ops


def silent(finding):
    """A report that says nothing."""


# A question with two answers

SUMS = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
POSITIVE = (SUMS.sum(axis=1) > 0).astype("float32")


def two_answers():
    """A compiled network with dropout for SUMS and POSITIVE."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


# A line

ROWS = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
LINE = (ROWS[:, :1] * 2).astype("float32")
CURVE = (ROWS[:, :1] - ROWS[:, 1:2] ** 2).astype("float32")


def two_layers(optimizer="sgd"):
    """A compiled linear network of the layers `a` and `b` for ROWS and LINE."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")])
    model.compile(optimizer, "mse")
    return model


def three_layers(activation="relu", units=8, optimizer="sgd", loss="mse", **rest):
    """A compiled network of the layers `one`, `two` and `end` for ROWS and CURVE."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(units, activation, name=name, **rest) for name in ("one", "two")]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, name="end")])
    model.compile(optimizer, loss)
    return model


def slope(value):
    """A model of one input that answers `value` times it."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[value]])])
    return model


# Three classes


def three_classes(rows=96, seed=0):
    """Rows of four columns, and the class that a random linear map gives each."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 4)).astype("float32")
    return x, (x @ generator.normal(size=(4, 3))).argmax(axis=1)


def classifier(seed=0, norm=False, dropout=0.0, rate=0.1):
    """A compiled network for three classes."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((4,)), keras.layers.Dense(6, "tanh")]
    layers += [keras.layers.BatchNormalization()] if norm else []
    layers += [keras.layers.Dropout(dropout)] if dropout else []
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def one_layer(units=3, activation="softmax", loss="sparse_categorical_crossentropy", features=4):
    """A compiled network of one layer, to be checked before any fit."""
    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(units, activation=activation)])
    model.compile(loss=loss)
    return model


def symptoms_of(findings):
    """Symptom and level of each finding."""
    return {(finding.symptom, finding.level) for finding in findings}


def voter(units=3, end="softmax", seed=0, name="member", inputs=4, hidden=5):
    """A network that is not compiled, to vote with."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((inputs,)), keras.layers.Dense(hidden, "tanh", name="h"), keras.layers.Dense(units, end)]
    return keras.Sequential(layers, name=name)


def wide_rows(count=200, width=4, seed=5):
    """Rows with a spread of two, so that members disagree."""
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32") * 2


class WeightDiary(keras.callbacks.Callback):
    """Writes down trainable weights and rates as the fit goes."""

    def __init__(self):
        super().__init__()
        self.epochs, self.steps, self.rates = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([ops.convert_to_numpy(v).copy() for v in self.model.trainable_variables])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([ops.convert_to_numpy(v).copy() for v in self.model.trainable_variables])
