"""The probability from which on a rare class is answered, so that its rows are found at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Fewer rows of a class let one of them move its threshold.
FEWEST_OF_A_CLASS = 20
_FOLDS = 10
_DRAWS = 2_000
# Of the differences that are drawn so many lie below 0 where nothing is gained: a one-sided test at 5 %.
_BY_CHANCE = 5.0


def dependable_threshold(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> float:
    """The threshold of best F1, where it is shown to be better than 0.5 and than answering the class always; else 0.5.

    Of a model without skill "always" has the best F1, and of few rows some threshold is the best by chance alone. So
    thresholds are chosen on nine tenths of the rows and tried on the others, ten times; what is answered so must have
    the higher F1 than both in 95 % of bootstrap draws.

    Args:
        probabilities: Of the class, `(rows,)`, of rows that the model did not learn from.
        y: Whether a row is of the class, `(rows,)` of 0 and 1; 0.5 is kept where fewer than 20 are.
        seed: Decides the tenths and the draws.

    Returns:
        In (0, 1).

    Reference: Lipton, Elkan and Naryanaswamy 2014, arXiv:1402.1892; Efron and Tibshirani 1993, "An introduction to the
    bootstrap", chapter 13.

    Example:

    >>> y = np.repeat([0, 1], [270, 30])
    >>> round(dependable_threshold(0.1 + 0.2 * y, y), 3), dependable_threshold(np.full(300, 0.1), y)
    (0.2, 0.5)
    """
    is_of = np.asarray(y).astype(bool)
    if is_of.sum() < FEWEST_OF_A_CLASS:
        return 0.5
    best = best_threshold(probabilities, y)
    if best == 0.5:
        return 0.5
    generator = np.random.default_rng(seed)
    moved = _answered_by_others(probabilities, is_of, generator)
    half = probabilities > 0.5
    # Rows of a draw are alike by truth and both answers: eight counts stand for them all.
    counts = np.bincount(4 * is_of + 2 * moved + half, minlength=8)
    draws = generator.multinomial(len(is_of), counts / len(is_of), size=_DRAWS)
    of_class, by_moved, by_half = (np.arange(8) // place % 2 == 1 for place in (4, 2, 1))
    gains = _f1(draws, of_class, by_moved) - np.maximum(
        _f1(draws, of_class, by_half), _f1(draws, of_class, np.ones(8, bool))
    )
    return best if np.percentile(gains, _BY_CHANCE) > 0 else 0.5


def _answered_by_others(probabilities: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Whether each row is answered with the class by the threshold that rows of the other folds choose."""
    fold = np.empty(len(y), int)
    for one in (False, True):
        # Each fold has its share of the class.
        at = np.flatnonzero(y == one)
        fold[at] = generator.permutation(len(at)) % _FOLDS
    answered = np.empty(len(y), bool)
    for place in range(_FOLDS):
        inside = fold == place
        answered[inside] = probabilities[inside] > best_threshold(probabilities[~inside], y[~inside])
    return answered


def _f1(draws: np.ndarray, of_class: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """F1 of each draw, 0 where nothing is there to be found."""
    hits = draws[:, of_class & answered].sum(axis=1)
    both = draws[:, of_class].sum(axis=1) + draws[:, answered].sum(axis=1)
    return 2 * hits / np.maximum(both, 1)


def best_threshold(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The threshold whose answers have the best F1 of the class; 0.5 where no other one is better.

    It lies halfway between two probabilities that occur. A class of few rows is seldom more likely than not, so that
    0.5 answers it to hardly a row.

    Args:
        probabilities: Of the class, `(rows,)`, of rows that the model did not learn from.
        y: Whether a row is of the class, `(rows,)` of 0 and 1.

    Returns:
        In (0, 1): a row whose probability is 0 is never answered with the class.

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
    ends = ends[sorted_ones[ends] > 0]
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
