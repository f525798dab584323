"""Statistics of each feature in one pass over batches, gaps left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..runtime.fit_arguments import brings_batches


class Moments:
    """Count, mean, variance and range of each feature, taken in batch by batch.

    NaN counts as a gap and is left out. Means and sums of squares of batches are joined, and not the sums of all rows,
    which would lose the digits of values far from 0.

    Attributes:
        count: Values of each feature, shape `(features,)`.
        mean: Their means.
        low: The smallest of each.
        high: The largest of each.

    Reference: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".

    Example:

    >>> seen = Moments(1)
    >>> seen.add(np.array([[1.0], [np.nan]]))
    >>> seen.add(np.array([[3.0]]))
    >>> seen.mean.tolist(), seen.deviation.tolist(), seen.count.tolist()
    ([2.0], [1.0], [2])
    """

    def __init__(self, features: int) -> None:
        self.count = np.zeros(features, dtype="int64")
        self.mean = np.zeros(features)
        self.low = np.full(features, np.inf)
        self.high = np.full(features, -np.inf)
        self._squares = np.zeros(features)

    def add(self, rows: np.ndarray) -> None:
        """Takes in rows, shape `(rows, features)` of float64."""
        there = ~np.isnan(rows)
        count = there.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count, np.where(there, rows, 0.0).sum(axis=0) / count, 0.0)
        squares = np.square(np.where(there, rows - mean, 0.0)).sum(axis=0)
        total = np.maximum(self.count + count, 1)
        step = mean - self.mean
        self._squares += squares + np.square(step) * self.count * count / total
        self.mean += step * count / total
        self.count += count
        self.low = np.minimum(self.low, np.where(there, rows, np.inf).min(axis=0, initial=np.inf))
        self.high = np.maximum(self.high, np.where(there, rows, -np.inf).max(axis=0, initial=-np.inf))

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of each feature, of the values that are there."""
        return np.sqrt(self._squares / np.maximum(self.count, 1))


def batches_of(x: Any, mask: Any = None) -> Iterator[np.ndarray]:
    """The rows of an array or of a stream of batches, each batch as `(rows, features)` of float64.

    Args:
        x: Array of shape `(rows, ..., features)` or `(rows,)`; or a `tf.data` set, `PyDataset` or generator of such
            batches, or of tuples that begin with one.
        mask: Which places of an array count, of its shape without the last axis; `None` for all.

    Raises:
        TypeError: A batch does not hold numbers, or a mask is given for a stream.
        ValueError: The mask has another shape.
    """
    if not brings_batches(x):
        yield _flat(np.asarray(x), mask)
        return
    if mask is not None:
        raise TypeError(
            "`mask` goes with an array; leave out of a stream the steps that do not count, or set them NaN."
        )
    for batch in _read(x):
        yield _flat(np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch), None)


def _read(x: Any) -> Iterator[Any]:
    if hasattr(x, "__len__") and hasattr(x, "__getitem__") and not hasattr(x, "element_spec"):
        return (x[place] for place in range(len(x)))
    return iter(x)


def _flat(values: np.ndarray, mask: Any) -> np.ndarray:
    if values.dtype == bool or not np.issubdtype(values.dtype, np.number):
        raise TypeError(f"`adapt` needs numbers, got dtype {values.dtype}.")
    if values.size == 0:
        raise ValueError(f"`adapt` needs at least one row, got shape {values.shape}.")
    values = values if values.ndim > 1 else values[:, None]
    if mask is not None:
        counts = np.asarray(mask, dtype=bool)
        if counts.shape != values.shape[:-1]:
            raise ValueError(
                f"`mask` must have the shape {values.shape[:-1]}, as `x` without features, got {counts.shape}."
            )
        values = values[counts]
    # Sums over many rows lose digits in float32.
    return values.reshape(-1, values.shape[-1]).astype("float64")
