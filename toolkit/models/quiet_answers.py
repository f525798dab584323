"""Answers of a model that is being fitted, without a trace of the asking."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..runtime.randomness import preserved
from .reading import fixed_batch


def quiet_answers(model: keras.Model, x: Any, batch_size: int = 256) -> np.ndarray:
    """Answers to rows in inference mode; states of recurrent layers, seeds and statistics stay as they are.

    Args:
        model: A built model with one output.
        x: Rows, an array or a structure of arrays.
        batch_size: Rows at once; a model that is made for batches of one size gets these, and whole ones only.

    Returns:
        Array `(rows, ...)`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> quiet_answers(model, np.ones((3, 2), "float32")).tolist()
    [[2.0], [2.0], [2.0]]
    """
    size, count = fixed_batch(model), len(keras.tree.flatten(x)[0])
    starts = range(0, count, batch_size) if size is None else range(0, count - size + 1, size)
    parts = []
    with preserved():
        for start in starts:
            rows = slice(start, start + (size or batch_size))
            part = keras.tree.map_structure(lambda column, rows=rows: ops.convert_to_tensor(column[rows]), x)
            # What the call changes stays in this scope.
            with keras.StatelessScope():
                parts.append(ops.convert_to_numpy(model(part, training=False)))
    return np.concatenate(parts) if parts else np.zeros((0, 1))
