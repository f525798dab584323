"""Fully connected networks as a space."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner

from ...toolkit.checks import whole_number
from .choices import choice, several
from .space import Space


class MLP(Space):
    """Fully connected networks; inputs of more than one axis are flattened.

    Args:
        depth: Numbers of hidden layers, at least 1.
        units: Units of each hidden layer, at least 1.
        **kwargs: As for every space: `activation`, `normalization`, `dropout`, `l2`, `augmentation`,
            `most_parameters`, `task`, `standardize`.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = MLP(depth=2, units=(16, 32), normalization="none")
    >>> space.adapt(np.zeros((20, 4)), np.arange(20) % 3)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 3)
    """

    def __init__(self, *, depth: Any = (1, 2, 3), units: Any = (16, 32, 64, 128, 256), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = [whole_number("depth", depth, low=1) for depth in several("depth", depth)]
        self.units = [whole_number("units", units, low=1) for units in several("units", units)]

    def _body(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor) -> keras.KerasTensor:
        if len(features.shape) > 2:
            features = keras.layers.Flatten(name="flatten")(features)
        # One width for all layers: of widths layer by layer most would be asked in vain, as `depth` decides how many.
        units = choice(hp, "units", self.units)
        for place in range(choice(hp, "depth", self.depth)):
            name = f"hidden_{place}"
            features = keras.layers.Dense(units, kernel_regularizer=self._penalty(hp), name=name)(features)
            features = self._dropped(hp, self._finished(hp, features, name), name)
        return features
