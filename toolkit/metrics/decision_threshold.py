"""The probability from which on a rare class is answered, so that its rows are found at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


def best_threshold(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The threshold whose answers have the best F1 of the class; 0.5 where no other one is better.

    It lies halfway between two probabilities that occur. A class of few rows is seldom more likely than not, so that
    0.5 answers it to hardly a row.

    Args:
        probabilities: Of the class, `(rows,)`, of rows that the model did not learn from.
        y: Whether a row is of the class, `(rows,)` of 0 and 1.

    Reference: Lipton, Elkan and Naryanaswamy 2014, arXiv:1402.1892.

    Example:

    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]))
    0.25
    """
    order = np.argsort(-probabilities, kind="stable")
    sorted_ones, hits = probabilities[order].astype("float64"), np.cumsum(y[order])
    total = int(hits[-1]) if len(hits) else 0
    # Equal probabilities are answered alike: a threshold lies between different ones, or below all.
    ends = np.flatnonzero(np.append(np.diff(sorted_ones) != 0, True)) if total else np.zeros(0, int)
    if not len(ends):
        return 0.5
    scores = 2 * hits[ends] / (ends + 1 + total)
    at = int(ends[scores.argmax()])
    found = 2 * float(np.sum(y[probabilities > 0.5])) / (np.sum(probabilities > 0.5) + total)
    if scores.max() <= found:
        return 0.5
    below = sorted_ones[at + 1] if at + 1 < len(sorted_ones) else 0.0
    return float((sorted_ones[at] + below) / 2)


def of_class(values: np.ndarray, place: int) -> np.ndarray:
    """The probability of one of two classes.

    Args:
        values: Of the second class, `(rows,)`.
        place: Which is asked for, 0 or 1.

    Example:

    >>> of_class(np.array([0.25]), 0).tolist()
    [0.75]
    """
    return values if place else 1 - values


@dataclass(frozen=True)
class Threshold:
    """From which probability on one of two classes is answered.

    Args:
        place: Which of the two, 0 or 1.
        value: In (0, 1).

    Example:

    >>> Threshold(0, 0.25).answered(np.array([0.7, 0.8])).tolist()
    [0, 1]
    """

    place: int
    value: float

    def answered(self, values: np.ndarray) -> np.ndarray:
        """The class of each row, 0 or 1.

        Args:
            values: Probabilities of the second class, `(rows,)`.
        """
        return np.where(of_class(values, self.place) > self.value, self.place, 1 - self.place)

    def at_a_half(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities of the class, in the same order, moved so that the threshold is 0.5: as scores take them.

        Args:
            probabilities: `(rows,)`.

        Example:

        >>> Threshold(1, 0.2).at_a_half(np.array([0.1, 0.2, 0.6, 1.0])).tolist()
        [0.25, 0.5, 0.75, 1.0]
        """
        above = 0.5 + 0.5 * (probabilities - self.value) / (1 - self.value)
        return np.where(probabilities <= self.value, 0.5 * probabilities / self.value, above)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of_dict(cls, values: Any) -> Threshold | None:
        """What `as_dict` gave; `None` for anything else.

        Args:
            values: Out of a file that anybody may have written.

        Example:

        >>> Threshold.of_dict({"place": 2, "value": 0.5}) is None
        True
        """
        if not isinstance(values, Mapping) or set(values) != {"place", "value"}:
            return None
        right = values["place"] in (0, 1) and isinstance(values["value"], float) and 0 < values["value"] < 1
        return cls(**values) if right else None
