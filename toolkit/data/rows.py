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
    places = spread_places(len(keras.tree.flatten(y)[0]), rows)

    def taken(column: Any) -> np.ndarray:
        values = np.asarray(column)[places]
        return values.astype("float32") if values.dtype == "float64" else values

    return keras.tree.map_structure(taken, x), keras.tree.map_structure(taken, y)


def spread_places(count: int, rows: int) -> np.ndarray:
    """The places of at most `rows` of `count` rows, evenly spread from the first to the last.

    Example:

    >>> spread_places(10, 3).tolist(), spread_places(2, 9).tolist()
    ([0, 4, 9], [0, 1])
    """
    return np.unique(np.linspace(0, count - 1, min(rows, count)).astype(int))


def finite_rows(x: Any, y: Any) -> tuple[Any, Any] | None:
    """The rows in which no number is NaN or infinite, `None` where there are none.

    Example:

    >>> x, y = finite_rows(np.array([[1.0], [np.nan]]), np.array([0, 1]))
    >>> x.tolist(), y.tolist()
    ([[1.0]], [0])
    """
    columns = [np.asarray(column) for column in keras.tree.flatten((x, y))]
    numbers = [column.reshape(len(column), -1) for column in columns if np.issubdtype(column.dtype, np.floating)]
    good = np.all([np.isfinite(column).all(axis=1) for column in numbers], axis=0) if numbers else True
    if not np.any(good):
        return None
    return (x, y) if np.all(good) else keras.tree.map_structure(lambda column: column[good], (x, y))
