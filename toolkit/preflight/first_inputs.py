"""What reaches the first layers that train, whatever stands before them in the graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..runtime.keras_internals import is_functional, walked
from ..runtime.randomness import preserved

# These train, and take inputs of any size.
_TAKE_ANY = (
    keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)  # fmt: skip


def first_inputs(model: keras.Model, columns: list[np.ndarray]) -> list[np.ndarray] | None:
    """Values that the first trainable layers of a model are given, so that scaling inside the graph counts.

    Args:
        model: A built model.
        columns: Some rows of each input, in the order of `model.inputs`.

    Returns:
        The inputs of each such layer but those that normalise; `None` where the model has no graph to follow, or the
        rows do not go through it.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(0.5), keras.layers.Dense(1)])
    >>> first_inputs(model, [np.array([[2.0, 4.0]])])[0].tolist()
    [[1.0, 2.0]]
    """
    if not getattr(model, "inputs", None) or not is_functional(_graph(model)) or len(columns) != len(model.inputs):
        return None
    met: list[np.ndarray] = []

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        weights = getattr(operation, "trainable_variables", [])
        if not weights:
            return operation(*arguments, **keywords)
        if is_functional(_graph(operation)):
            _walk(_graph(operation), arguments[0], call)
        elif not isinstance(operation, _TAKE_ANY):
            met.extend(ops.convert_to_numpy(one) for one in keras.tree.flatten(arguments) if hasattr(one, "shape"))
        # What lies behind it is not asked for: without its output Keras leaves out what needs it.
        return []

    try:
        with preserved(), keras.StatelessScope():
            _walk(_graph(model), [ops.convert_to_tensor(column) for column in columns], call)
    # Lambdas and layers of users may refuse what they are given outside a fit.
    except Exception:
        return None
    return met


def _graph(operation: Any) -> Any:
    # A Sequential model has no graph of its own to walk, but one over its layers has.
    return keras.Model(operation.inputs, operation.outputs) if isinstance(operation, keras.Sequential) else operation


def _walk(model: Any, inputs: Any, call: Any) -> None:
    try:
        walked(model, inputs, call)
    except ValueError as error:
        # The outputs of the model were not computed, which is as it should be.
        if "not connected" not in str(error):
            raise
