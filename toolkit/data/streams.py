"""Rows out of streams as `fit` takes them: `tf.data` sets and `PyDataset`s, batched or not."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..runtime.keras_internals import before_shuffling


def rows_of(stream: Any, most: int | None = None) -> tuple[Any, Any, Any]:
    """The first rows of a stream.

    Args:
        stream: A `tf.data.Dataset` or a `keras.utils.PyDataset`, of `x`, `(x, y)` or `(x, y, weights)`.
        most: Rows at most, `None` for all of a stream that ends.

    Returns:
        `x`, `y` and the weights as arrays or structures of them; `None` for what the stream does not hold.

    Raises:
        TypeError: It is a generator, which can be read once only and is needed for the fit.
        ValueError: It has no rows, or never ends and `most` is `None`.

    Example:

    >>> import tensorflow as tf
    >>> x, y, weights = rows_of(tf.data.Dataset.from_tensor_slices((np.eye(2), [0, 1])).batch(1))
    >>> x.shape, y.tolist(), weights
    ((2, 2), [0, 1], None)
    """
    if not hasattr(stream, "element_spec") and not isinstance(stream, keras.utils.PyDataset):
        raise TypeError(
            f"`x` must be arrays, a tf.data.Dataset or a PyDataset, got {type(stream).__name__}: what can be read once "
            "only is needed for the fit."
        )
    if most is None and _never_ends(stream):
        raise ValueError("The dataset never ends; bound it with `.take(batches)`.")
    parts, count = [], 0
    for batch in _batches(stream):
        parts.append(batch)
        count += len(keras.tree.flatten(batch)[0])
        if most is not None and count >= most:
            break
    if not count:
        raise ValueError("The dataset is empty.")
    whole = keras.tree.map_structure(lambda *pieces: np.concatenate(pieces)[:most], *parts)
    return (*whole, None, None)[:3] if isinstance(whole, tuple) else (whole, None, None)


def calm_rows(stream: Any, most: int) -> tuple[Any, Any] | None:
    """Rows of a stream that is about to be fitted, read so that the fit gets the same batches as without.

    A shuffled dataset draws a new order each time it is read, so the rows are taken from before its shuffling; a
    `PyDataset`, which may draw as it likes, is read as a copy.

    Args:
        stream: As given to `fit`.
        most: Rows at most.

    Returns:
        `x` and `y`, or `None` for a stream that cannot be read so.

    Example:

    >>> import tensorflow as tf
    >>> dataset = tf.data.Dataset.from_tensor_slices(([[0.0], [1.0]], [0, 1])).shuffle(2).batch(2)
    >>> calm_rows(dataset, 10)[1].tolist()
    [0, 1]
    """
    try:
        if isinstance(stream, keras.utils.PyDataset):
            x, y, _ = rows_of(copy.deepcopy(stream), most)
        elif hasattr(stream, "element_spec"):
            source = before_shuffling(stream)
            if source is None:
                return None
            x, y, _ = rows_of(source, most)
        else:
            return None
    # Streams of users hold files, locks and connections, which no copy can take along.
    except Exception:
        return None
    return None if y is None else (x, y)


def count_rows(dataset: Any) -> float:
    """The number of rows of a `tf.data` set of batches, which is read once; infinite where it never ends.

    Example:

    >>> import tensorflow as tf
    >>> count_rows(tf.data.Dataset.range(10).batch(4)), count_rows(tf.data.Dataset.range(2).batch(1).repeat())
    (10, inf)
    """
    if _never_ends(dataset):
        return math.inf
    return sum(len(keras.tree.flatten(batch)[0]) for batch in dataset)


def _never_ends(stream: Any) -> bool:
    if hasattr(stream, "cardinality"):
        # -1 is `tf.data.INFINITE_CARDINALITY`.
        return int(stream.cardinality()) == -1
    return stream.num_batches is None


def _batches(stream: Any) -> Iterator[Any]:
    if isinstance(stream, keras.utils.PyDataset):
        for place in range(stream.num_batches if stream.num_batches is not None else 2**62):
            yield _array_structure(stream[place])
        return
    one_row = _is_of_rows(stream.element_spec)
    for element in stream:
        found = _array_structure(element)
        yield keras.tree.map_structure(lambda values: values[None], found) if one_row else found


def _is_of_rows(elements: Any) -> bool:
    """Whether the elements of a dataset are single rows: a part of them is a number, or their first axes differ."""
    shapes = [spec.shape for spec in keras.tree.flatten(elements)]
    if any(shape.rank == 0 for shape in shapes):
        return True
    first = {shape[0] for shape in shapes if shape.rank}
    return None not in first and len(first) > 1


def _array_structure(element: Any) -> Any:
    def array(values: Any) -> np.ndarray:
        # Ragged rows are filled up with zeros, as in the layers that take them.
        dense = values.to_tensor() if hasattr(values, "to_tensor") else values
        return np.asarray(keras.ops.convert_to_numpy(dense) if not isinstance(dense, np.ndarray) else dense)

    return keras.tree.map_structure(array, element)
