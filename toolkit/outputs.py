"""Reads off a model what it takes and what its output ends in."""

from __future__ import annotations

from typing import Any

import keras

_PASSING = (keras.layers.Flatten, keras.layers.Identity, keras.layers.Reshape, keras.layers.Dropout)


def input_structure(model: Any) -> Any:
    """The symbolic inputs of a built model as `predict` takes rows: one tensor, a list or a dict.

    Example:

    >>> import keras
    >>> input_structure(keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1)])).name
    'point'
    """
    # A Sequential model has no `input` before its first call.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def output_activation(model: Any) -> str | None:
    """Name of the activation that a model's single output ends in.

    Layers that only pass values on (Flatten, Reshape, Identity, Dropout), normalisation layers
    that scale back, and nested models are looked through.

    Args:
        model: A built functional or Sequential model.

    Returns:
        `"linear"`, `"softmax"`, `"sigmoid"`, ..., or `None` where it cannot be told.

    Example:

    >>> import keras
    >>> output_activation(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")]))
    'sigmoid'
    """
    outputs = getattr(model, "outputs", None)
    if not outputs or len(outputs) != 1:
        return None
    tensor = outputs[0]
    while True:
        operation = tensor._keras_history.operation
        if isinstance(operation, keras.Model):
            return output_activation(operation)
        if not isinstance(operation, _PASSING) and not getattr(operation, "inverse", False):
            return _activation_of(operation)
        tensor = keras.tree.flatten(operation._inbound_nodes[tensor._keras_history.node_index].input_tensors)[0]


def _activation_of(operation: Any) -> str | None:
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if isinstance(operation, keras.layers.ReLU):
        return "relu"
    if not isinstance(operation, keras.layers.Layer):
        return None
    if not hasattr(operation, "activation"):
        return None
    return getattr(operation.activation, "__name__", None)
