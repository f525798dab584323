"""Rows and targets as given to fit: whether they are numbers, of one output, and a few of them spread over all."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def is_number(array: np.ndarray) -> bool:
    """Whether an array holds numbers.

    Example:

    >>> is_number(np.array(["a"]))
    False
    """
    return bool(np.issubdtype(array.dtype, np.number))


def is_array(values: Any) -> bool:
    """Whether targets are those of one output: an array, or a list of numbers or words."""
    if isinstance(values, list | tuple):
        return not any(hasattr(value, "shape") and len(value.shape) for value in values)
    return not isinstance(values, dict) and not hasattr(values, "element_spec")


def spread_rows(x: Any, y: Any, rows: int) -> tuple[Any, Any]:
    """Rows spread evenly over the data, which may be sorted, as float32 where they are fractions.

    Example:

    >>> x, y = spread_rows(np.arange(10), np.arange(10), 3)
    >>> x.tolist()
    [0, 4, 9]
    """
    count = len(keras.tree.flatten(y)[0])
    places = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(int))

    def taken(column: Any) -> np.ndarray:
        values = np.asarray(column)[places]
        return values.astype("float32") if values.dtype == "float64" else values

    return keras.tree.map_structure(taken, x), keras.tree.map_structure(taken, y)
