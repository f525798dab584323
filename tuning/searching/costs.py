"""What a trial's model costs, for searches that look for small, fast or quickly trained ones."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
from keras import ops

from ...toolkit.checks import number
from ...toolkit.metrics.directions import direction

# Cheap ones first; all are better low.
COSTS = ("parameters", "seconds", "latency")
# Single calls vary with what else the machine does; the first ones trace and warm up.
_CALLS, _WARM = 30, 3


class WeightedObjective(keras_tuner.Objective):
    """Several objectives as one sum, each times its weight.

    Args:
        weights: What each value is multiplied with, > 0, by name; one that is better high counts negative.

    Raises:
        TypeError: A weight that is no number.
        ValueError: No name, a weight that is not positive, or a name whose better direction cannot be told.

    Example:

    >>> WeightedObjective({"val_loss": 2.0, "parameters": 1e-6}).get_value({"val_loss": 0.25, "parameters": 1e6})
    1.5
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__("weighted sum", "min")
        if not weights:
            raise ValueError("`objective` must name at least one value, got an empty dictionary.")
        self.weights = {
            name: number(f"objective[{name!r}]", weight, 0, math.inf, open_low=True, open_high=True)
            for name, weight in weights.items()
        }
        self.name_to_direction = {name: _direction(name) for name in weights}

    def has_value(self, logs: Mapping[str, float]) -> bool:
        """Whether all of them were measured."""
        return all(name in logs for name in self.weights)

    def get_value(self, logs: Mapping[str, float]) -> float:
        """The sum; low is good."""
        signs = {name: -1.0 if way == "max" else 1.0 for name, way in self.name_to_direction.items()}
        return sum(signs[name] * weight * logs[name] for name, weight in self.weights.items())

    def __str__(self) -> str:
        return f"{super().__str__()} of {self.weights}"


def _direction(name: str) -> str:
    found = "min" if name in COSTS else direction(name)
    if found is None:
        raise ValueError(
            f"Whether {name!r} is better high or low cannot be told; in a weighted `objective` name losses, metrics of "
            f"Keras and {', '.join(COSTS)}."
        )
    return found


def costs_asked(objective: keras_tuner.Objective) -> tuple[str, ...]:
    """The costs that an objective names, alone or among others.

    Example:

    >>> costs_asked(keras_tuner.Objective("val_loss", "min"))
    ()
    """
    named = getattr(objective, "name_to_direction", {objective.name: objective.direction})
    return tuple(name for name in COSTS if name in named)


def latency(model: keras.Model, row: Any) -> float:
    """Seconds that a model takes to answer one row: the median of 30 calls of its compiled graph.

    Args:
        model: Built.
        row: Inputs of one row.

    Returns:
        Seconds, > 0.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> 0 < latency(model, np.ones((1, 2), "float32")) < 1
    True
    """
    import tensorflow as tf

    inputs = keras.tree.map_structure(ops.convert_to_tensor, row)
    answer = tf.function(lambda values: model(values, training=False))
    taken = []
    for _ in range(_CALLS + _WARM):
        began = time.perf_counter()
        keras.tree.map_structure(ops.convert_to_numpy, answer(inputs))
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[_WARM:])
