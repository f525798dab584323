"""How a first model reads series: by convolutions where all are as long, by a recurrent layer where they are not."""

from __future__ import annotations

import keras
import numpy as np

from ..data.sequences import PADDING, is_padded, there
from ..data.sources import Inputs
from ..layers.normalization import Standardize
from ..layers.padding import PaddingMask
from .units import statistics

_FILTERS = 64
_KERNEL = 5
# What is flattened has so many steps at most.
_MOST_STEPS = 16
# Below, there is nothing to look for along the time.
_FEWEST_STEPS = 5
_UNITS = 64
# Grey images without an axis of channels: sides at least so long, and so like one another.
_SMALLEST_SIDE, _MOST_UNLIKE = 8, 2.0
_BRIGHTEST = 255


def is_series(x: Inputs) -> bool:
    """Whether rows are series of at least 5 steps, `(rows, steps, channels)`, and no grey images.

    Example:

    >>> is_series(np.random.default_rng(0).normal(size=(9, 20, 2))), is_series(np.zeros((9, 20)))
    (True, False)
    """
    return isinstance(x, np.ndarray) and x.ndim == 3 and x.shape[1] >= _FEWEST_STEPS and not is_grey(x)


def is_grey(x: Inputs) -> bool:
    """Whether rows are grey images without an axis of channels: whole numbers from 0 to 255, sides alike.

    Example:

    >>> is_grey(np.full((2, 28, 28), 200.0)), is_grey(np.full((2, 28, 28), 0.5))
    (True, False)
    """
    if isinstance(x, dict) or x.ndim != 3 or min(x.shape[1:]) < _SMALLEST_SIDE:
        return False
    alike = max(x.shape[1:]) <= _MOST_UNLIKE * min(x.shape[1:])
    return alike and bool(x.min() >= 0 and 1 < x.max() <= _BRIGHTEST and np.all(x == np.round(x)))


def described(x: np.ndarray) -> tuple[str, str]:
    """Names the series and the architecture that fits them.

    Example:

    >>> described(np.zeros((10, 24, 2)))
    ('series of 24 steps of 2', 'small CNN over time')
    """
    steps, channels = x.shape[1:]
    if is_padded(x):
        return f"series of at most {steps} steps of {channels}", f"GRU {_UNITS}"
    return f"series of {steps} steps of {channels}", "small CNN over time"


def series_features(inputs: keras.KerasTensor, x: np.ndarray) -> keras.KerasTensor:
    """Series as features `(batch, features)`, standardised by the training rows.

    Args:
        inputs: Keras tensor `(batch, steps, channels)`.
        x: Training rows, which tell whether some end before the others.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(9, 20, 2)).astype("float32")
    >>> series_features(keras.Input((20, 2)), x).shape
    (None, 640)
    """
    if is_padded(x):
        scaling = statistics(x[there(x)])
        features = PaddingMask(PADDING, scaling["center"], name="padding_mask")(inputs)
        features = Standardize(**scaling, name="standardize")(features)
        return keras.layers.GRU(_UNITS, name="gru")(features)
    features = Standardize(**statistics(x), name="standardize")(inputs)
    place = 0
    while place == 0 or features.shape[1] > _MOST_STEPS:
        layer = keras.layers.Conv1D(_FILTERS, _KERNEL, padding="same", activation="relu", name=f"convolution_{place}")
        features = layer(features)
        if features.shape[1] >= 2 * _FEWEST_STEPS:
            features = keras.layers.MaxPooling1D(name=f"pool_{place}")(features)
        place += 1
    features = keras.layers.Flatten(name="flatten")(features)
    return keras.layers.Dropout(0.25, name="dropout")(features)
