"""Which hyperparameters counted: how much of the scores' spread each one alone explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def coded(values: Sequence[Any]) -> list[float]:
    """Numbers as they are, others by their place in a sorted list; what is absent lies below all."""
    if all(isinstance(value, (int, float)) or value is None for value in values):
        known = [float(value) for value in values if value is not None]
        return [min(known) - 1 if value is None else float(value) for value in values]
    places = {name: place for place, name in enumerate(sorted({str(value) for value in values}))}
    return [float(places[str(value)]) for value in values]


def marginal(forest: Any, table: np.ndarray, column: int) -> float:
    """Variance of the forest's mean answer over the values of one column.

    Args:
        forest: Has learnt the scores from the table.
        table: One row a trial, one column a hyperparameter.
        column: Which one.
    """
    means, counts = [], []
    for value in np.unique(table[:, column]):
        changed = table.copy()
        changed[:, column] = value
        means.append(float(np.mean(forest.predict(changed))))
        counts.append(int(np.sum(table[:, column] == value)))
    middle = np.average(means, weights=counts)
    return float(np.average((np.array(means) - middle) ** 2, weights=counts))
