"""Weights under which unequal classes count alike."""

from __future__ import annotations

import numpy as np

# A class has few rows below this share of what it would have if all had as many.
FEW = 0.2


def balanced_weights(y: np.ndarray) -> np.ndarray:
    """The weight of each class: rows over classes times its own rows, so that the mean over rows is 1.

    Args:
        y: Class numbers `(rows,)`; a class without rows weighs 1.

    Reference: King and Zeng 2001, "Logistic regression in rare events data", section 4.2.

    Example:

    >>> balanced_weights(np.array([0, 0, 0, 1])).round(2).tolist()
    [0.67, 2.0]
    """
    counts = np.bincount(y.astype(int))
    there = counts > 0
    return np.where(there, len(y) / (there.sum() * np.where(there, counts, 1)), 1.0)


def balanced_rows(y: np.ndarray) -> np.ndarray:
    """Row numbers in which classes stand about equally often: each row so many times as the commonest class is larger.

    Args:
        y: Class numbers `(rows,)`.

    Example:

    >>> balanced_rows(np.array([0, 0, 0, 1])).tolist()
    [0, 1, 2, 3, 3, 3]
    """
    weights = balanced_weights(y)[y.astype(int)]
    return np.repeat(np.arange(len(y)), np.round(weights / weights.min()).astype(int))


def rare_class(y: np.ndarray, classes: int) -> int | None:
    """The class with fewest rows, where it has less than a fifth of an equal share; else `None`.

    Args:
        y: Class numbers `(rows,)`.
        classes: How many there are.

    Example:

    >>> rare_class(np.array([0] * 20 + [1]), 2), rare_class(np.array([0, 0, 1]), 2)
    (1, None)
    """
    counts = np.bincount(y.astype(int), minlength=classes)
    rare = int(counts.argmin())
    return rare if counts[rare] < FEW * len(y) / classes else None
