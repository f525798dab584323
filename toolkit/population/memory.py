"""How much memory the members of a population need, and how many fit at once."""

from __future__ import annotations

import math

import keras
import numpy as np

from ..runtime.keras_internals import flat_layers, symbolic_calls
from ..runtime.machine import free_memory

# Of the memory that is free, the part that a population may take without being told.
_SHARE = 0.5
# A value of the forward pass is kept for the backward pass, with its gradient.
_COPIES_OF_ACTIVATIONS = 3


def per_member(template: keras.Model, slots: int, batch_size: int, length: int = 1) -> int:
    """Bytes that one more member needs while training: an estimate.

    Args:
        template: The built model.
        slots: How many values the optimizer remembers for each weight.
        batch_size: Rows of a batch, at least 1.
        length: What to take for an axis of unknown length.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(5, use_bias=False)])
    >>> per_member(model, slots=1, batch_size=2)  # 50 weights x 5 + 2 rows x 5 x 3, of 4 bytes
    1120
    """
    weights = sum(math.prod(weight.shape) * _size(weight.dtype) for weight in template.weights)
    rows = 0
    for layer in flat_layers(template):
        for output in _outputs(layer):
            rows += math.prod(length if axis is None else axis for axis in output.shape[1:]) * _size(output.dtype)
    # The weights, their gradients, the values to set and two passing copies beside what the optimizer keeps.
    return weights * (4 + slots) + _COPIES_OF_ACTIVATIONS * batch_size * rows


def chunks(members: int, each: int, limit: int | None) -> list[int]:
    """How many members to train at once, one after the other.

    Args:
        members: How many there are, at least 1.
        each: Bytes that one needs.
        limit: Bytes that may be used, or `None` for half of what is free.

    Raises:
        ValueError: `limit` is given and not enough for one member.

    Example:

    >>> chunks(8, each=100, limit=350)
    [3, 3, 2]
    """
    if limit is not None and limit < each:
        raise ValueError(f"`memory_limit` must be at least {each} bytes, the need of one member, got {limit}.")
    # `None` where the system does not say what is free; then all members are trained at once.
    free = free_memory() if limit is None else None
    most = limit if limit is not None else free and int(free * _SHARE)
    at_once = members if most is None else max(1, min(members, most // each))
    return [min(at_once, members - start) for start in range(0, members, at_once)]


def _outputs(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    # All members read the same rows, so inputs are held once, not once a member.
    if isinstance(layer, keras.layers.InputLayer):
        return []
    # A layer that is called several times counts once: this is an estimate.
    return [x for node in symbolic_calls(layer)[:1] for x in node.output_tensors]


def _size(dtype: str) -> int:
    name = keras.backend.standardize_dtype(dtype)
    return {"bfloat16": 2, "string": 8, "bool": 1}.get(name) or np.dtype(name).itemsize
