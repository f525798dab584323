"""Small searches for many tests: rows that a line separates, and spaces that train in moments."""

import keras
import numpy as np

from trainwise.tuning import MLP

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(160, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")
_HELD = _RNG.normal(size=(40, 4)).astype("float32")
HELD = (_HELD, (_HELD[:, 0] + _HELD[:, 1] > 0).astype("int32"))
HELD_NOISE = np.random.default_rng(5).integers(0, 2, 160)
QUICK = {"epochs": 2, "trials": 2, "population": 2, "verbose": 0}


def bare_build(hp):
    """A model that the search compiles."""
    units = hp.Choice("units", [2, 4, 8])
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])


def compiled_build(hp):
    """A model as a user of KerasTuner writes it, its rate a hyperparameter."""
    model = bare_build(hp)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    # An object: what Keras makes of the name it makes inside the graph, which TensorFlow then traces twice.
    accuracy = keras.metrics.BinaryAccuracy("accuracy")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=[accuracy])
    return model


def small_space(**kwargs):
    """A space of three architectures."""
    plain = {"depth": 1, "activation": "relu", "normalization": "none", "dropout": 0, "l2": 0, "units": (2, 4, 8)}
    return MLP(**{**plain, **kwargs})
