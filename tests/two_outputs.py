"""Rows with two outputs, and fits of one network to them by any optimizer."""

import keras
import numpy as np

_GENERATOR = np.random.default_rng(0)
X = _GENERATOR.normal(size=(96, 5)).astype("float32")
Y = _GENERATOR.normal(size=(96, 2)).astype("float32")


def network():
    """The network before its first update, the same at each call."""
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(6, "tanh")
    return keras.Sequential([keras.Input((5,)), hidden, keras.layers.Dense(2)])


def difference(one, other):
    """Largest absolute difference of the weights of two networks."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def fitted(optimizer, **fit):
    """The network after a fit."""
    model = network()
    model.compile(optimizer, "mse", jit_compile=fit.pop("jit", False))
    model.fit(X, Y, **{"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **fit})
    return model
