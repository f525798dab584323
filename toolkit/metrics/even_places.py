"""Evenly spread places, for whoever shows some of many."""

from __future__ import annotations

import numpy as np


def even_places(count: int, most: int) -> np.ndarray:
    """At most `most` of the places from 0 to `count` - 1, evenly spread, the first and the last among them.

    Args:
        count: Of all places, >= 0.
        most: Of those that are taken, >= 1; of one the first is.

    Returns:
        The places, ascending, as whole numbers `(places,)`.

    Example:

    >>> even_places(5, 3).tolist(), even_places(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
