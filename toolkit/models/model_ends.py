"""What a model ends in: the activation of its output, and whether its loss takes logits."""

from __future__ import annotations

from typing import Any

import keras

from ..runtime.keras_internals import source_inputs, source_operation

_PASSING = (keras.layers.Flatten, keras.layers.Identity, keras.layers.Reshape, keras.layers.Dropout)


def output_activation(model: keras.Model) -> str | None:
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
    return activation_of(outputs[0]) if outputs and len(outputs) == 1 else None


def activation_of(tensor: keras.KerasTensor) -> str | None:
    """Name of the activation that a symbolic tensor comes from, as `output_activation` tells it.

    Example:

    >>> activation_of(keras.layers.Dense(1, "tanh")(keras.Input((2,))))
    'tanh'
    """
    while True:
        operation = source_operation(tensor)
        if isinstance(operation, keras.Model):
            return output_activation(operation)
        if not isinstance(operation, _PASSING) and not getattr(operation, "inverse", False):
            return operation_activation(operation)
        tensor = source_inputs(tensor)[0]


def operation_activation(operation: keras.Operation) -> str | None:
    """Name of the activation that one operation ends with, or `None`."""
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if isinstance(operation, keras.layers.ReLU):
        return "relu"
    if not isinstance(operation, keras.layers.Layer):
        # `keras.ops.softmax` in a functional graph leaves an operation of that name.
        name = type(operation).__name__.lower()
        return name if name in ("softmax", "sigmoid") else None
    if not hasattr(operation, "activation"):
        return None
    return getattr(operation.activation, "__name__", None)


def is_from_logits(model: keras.Model) -> bool:
    """Whether a model's loss takes logits.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> is_from_logits(model)
    True
    """
    return bool(getattr(only_loss(getattr(model, "loss", None)), "from_logits", False))


def only_loss(loss: Any) -> Any:
    """The loss itself where it was given as a list of one."""
    return loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
