"""Inputs and targets in their own units outside a model, in units of their spread inside it."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from ..layers.normalization import Standardize
from ..tasks import Head


def statistics(values: np.ndarray) -> dict[str, Any]:
    """Centre and scale of rows, as `Standardize` takes them.

    Args:
        values: Array `(rows,)` or `(rows, ...)`.

    Example:

    >>> {name: np.ravel(value).tolist() for name, value in statistics(np.array([1.0, 3.0])).items()}
    {'center': [2.0], 'scale': [1.0]}
    """
    layer = Standardize()
    with warnings.catch_warnings():
        # A constant column is harmless inside a model, and `check` and the main job say it in their own words.
        warnings.simplefilter("ignore", UserWarning)
        layer.adapt(values if values.ndim > 1 else values[:, None])
    config = layer.get_config()
    return {"center": config["center"], "scale": config["scale"]}


def in_target_units(features: keras.KerasTensor, head: Head, targets: dict[str, Any] | None) -> keras.KerasTensor:
    """The end of a model on these features, which gives its outputs in the targets' own units.

    It is float32 under every precision policy: half precision would round the outputs that are measured.

    Args:
        features: Keras tensor `(batch, features)`.
        head: The end of the model, from `tasks.head`.
        targets: `statistics` of the targets, or `None` where the model learns them as they are.

    Example:

    >>> from trainwise.toolkit.tasks import head
    >>> y = np.array([100.0, 300.0, 250.5])
    >>> outputs = in_target_units(keras.Input((2,)), head("regression", y), statistics(y))
    >>> outputs.shape
    (None, 1)
    """
    name = "values" if head.task == "regression" else "probabilities"
    outputs = keras.layers.Dense(
        head.units, activation=head.activation, dtype="float32", name="standardized_values" if targets else name
    )(features)
    if targets is None:
        return outputs
    return Standardize(**targets, invert=True, dtype="float32", name=name)(outputs)
