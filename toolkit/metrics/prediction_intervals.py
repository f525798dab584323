"""Intervals around answers in which the truth lies so often, by what a model missed on rows it did not learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..checks import number

LEVELS = (0.5, 0.8, 0.9, 0.95)
# Answers of one size are judged together: so many rows tell how far one is off, and more sizes tell no more.
_ROWS_OF_A_SIZE, _MOST_SIZES = 100, 10


@dataclass(frozen=True)
class PredictionIntervals:
    """How far below and above its answers the truth lies, by the size of the answer.

    Args:
        coverage: Share of new rows whose truth lies inside, in (0, 1).
        edges: Answers at which one size ends and the next begins, ascending; none where all are judged together.
        below: How far the interval begins from the answer, for each size and output; mostly negative.
        above: How far it ends from the answer.
        floor: What no truth is below, or `None`.

    Example:

    >>> known = PredictionIntervals(0.9, [], [[-2.0]], [[3.0]], 0.0)
    >>> [side.tolist() for side in known.around(np.array([[1.0], [10.0]]))]
    [[[0.0], [8.0]], [[4.0], [13.0]]]
    """

    coverage: float
    edges: list[float]
    below: list[list[float]]
    above: list[list[float]]
    floor: float | None = None

    def around(self, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends for answers `(rows, outputs)`, of the same shape."""
        places = _sizes(answers, self.edges)
        low, high = answers + np.asarray(self.below)[places], answers + np.asarray(self.above)[places]
        return (low if self.floor is None else np.maximum(low, self.floor)), high

    def hold(self, answers: np.ndarray, y: np.ndarray) -> float:
        """The share of the truths that lie inside.

        Args:
            answers: `(rows, outputs)`.
            y: The truth, of the same shape.
        """
        low, high = self.around(answers)
        return float(np.mean((low <= y) & (y <= high)))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of_dict(cls, values: Any) -> PredictionIntervals | None:
        """What `as_dict` gave; `None` for anything else.

        Args:
            values: Out of a file that anybody may have written.

        Example:

        >>> PredictionIntervals.of_dict({"coverage": 0.9}) is None
        True
        """
        return cls(**values) if isinstance(values, Mapping) and _is_right(values) else None


def prediction_intervals(answers: np.ndarray, y: np.ndarray, coverage: float = 0.9) -> PredictionIntervals | None:
    """Intervals by split conformal prediction: new rows of the same kind lie inside about so often.

    At least so often on average, where the rows decided nothing about the model; where it was chosen by them, a little
    less often, and test rows tell. Each side leaves out half of what may lie outside. Where rows are many, answers of a
    like size have an interval of their own, since most models miss large values by more.

    Args:
        answers: Of a model to rows it did not learn from, `(rows,)` or `(rows, outputs)`.
        y: The truth of these rows, of the same shape.
        coverage: In (0, 1).

    Returns:
        The `PredictionIntervals`; `None` where rows are too few to tell, below 19 for a coverage of 0.9.

    Raises:
        ValueError: `coverage` is out of range.

    Reference: Lei et al. 2018, "Distribution-free predictive inference for regression", algorithm 2; by size of answer
        Boström and Johansson 2020, "Mondrian conformal regressors".

    Example:

    >>> truth = np.linspace(-1, 1, 41)
    >>> known = prediction_intervals(np.zeros(41), truth)
    >>> [round(float(side[0, 0]), 2) for side in known.around(np.zeros((1, 1)))]
    [-0.95, 0.95]
    """
    number("coverage", coverage, 0, 1, open_low=True, open_high=True)
    answers, y = (np.asarray(values, "float64").reshape(len(values), -1) for values in (answers, y))
    outside = (1 - coverage) / 2
    if _rank(len(y), outside) < 1:
        return None
    sizes = int(np.clip(len(y) // _ROWS_OF_A_SIZE, 1, _MOST_SIZES)) if y.shape[1] == 1 else 1
    # Equal answers, as of a tree or a constant, are of one size.
    edges = np.unique(np.quantile(answers[:, 0], np.linspace(0, 1, sizes + 1)[1:-1])).tolist() if sizes > 1 else []
    places, missed = _sizes(answers, edges), np.sort(y - answers, axis=0)
    below, above = [], []
    for place in range(len(edges) + 1):
        of_size = np.sort((y - answers)[places == place], axis=0)
        # A size that equal answers left with few rows is judged by all.
        enough = of_size if _rank(len(of_size), outside) >= 1 else missed
        rank = _rank(len(enough), outside)
        below.append(enough[rank - 1].tolist())
        above.append(enough[-rank].tolist())
    return PredictionIntervals(coverage, edges, below, above, 0.0 if y.min() >= 0 else None)


def covered_by_level(
    held_out: tuple[np.ndarray, np.ndarray], rows: tuple[np.ndarray, np.ndarray]
) -> list[dict[str, float]]:
    """For several levels how wide the intervals are that held-out rows ask for, and the share of rows inside.

    Args:
        held_out: Answers and truths of the rows that set the width.
        rows: Answers and truths of the rows that are counted, of the same outputs.

    Returns:
        A dictionary a level with `level`, `width` (the median) and `covered`; of few held-out rows the high levels are
        left out.

    Example:

    >>> held_out, rows = (np.zeros(4), np.array([-2.0, -1.0, 1.0, 2.0])), (np.zeros(2), np.array([0.5, 9.0]))
    >>> covered_by_level(held_out, rows)
    [{'level': 0.5, 'width': 4.0, 'covered': 0.5}]
    """
    answers, y = (np.asarray(values, "float64").reshape(len(values), -1) for values in rows)
    found = []
    for level in LEVELS:
        known = prediction_intervals(*held_out, coverage=level)
        if known is not None:
            low, high = known.around(answers)
            found.append({"level": level, "width": float(np.median(high - low)), "covered": known.hold(answers, y)})
    return found


def _rank(rows: int, outside: float) -> int:
    """Which of the sorted misses ends an interval; 0 where none does."""
    return math.floor((rows + 1) * outside + 1e-9)


def _sizes(answers: np.ndarray, edges: list[float]) -> np.ndarray:
    return np.searchsorted(edges, answers[:, 0], side="right") if edges else np.zeros(len(answers), int)


def _is_right(values: Mapping[str, Any]) -> bool:
    def numbers(ones: Any) -> bool:
        return isinstance(ones, list) and all(isinstance(one, int | float) and math.isfinite(one) for one in ones)

    if set(values) != {"coverage", "edges", "below", "above", "floor"}:
        return False
    edges, tables, floor = values["edges"], (values["below"], values["above"]), values["floor"]
    if not numbers(edges) or edges != sorted(edges) or not numbers([values["coverage"]]):
        return False
    sized = all(isinstance(one, list) and len(one) == len(edges) + 1 and all(map(numbers, one)) for one in tables)
    widths = {len(row) for one in tables for row in one} if sized else set()
    return sized and len(widths) == 1 and 0 < values["coverage"] < 1 and (floor is None or numbers([floor]))
