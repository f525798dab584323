"""How much worse a model answers where one column is shuffled, for as many columns as an outlay allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_REPEATS = 3
_MOST_ROWS = 500
# What one answer to all rows is taken to cost. A clock would let two equal runs look at different columns.
_SECONDS_A_CALL = 0.05
_SECONDS_A_VALUE = 1e-6


def permutation_importance(
    score: Callable[[Any, np.ndarray], float],
    x: Any,
    y: np.ndarray,
    names: Sequence[str],
    *,
    seconds: float = 10.0,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The score that is lost where a column's values change places among the rows, the most important column first.

    What hangs together is shuffled apart: of two columns that say the same, neither may seem important.

    Args:
        score: Takes inputs and targets, returns a score of which higher is better.
        x: Columns by name, `(rows,)` each, or an array `(rows, columns)` or `(rows, time, columns)`.
        y: Targets, `(rows, ...)`.
        names: Of the columns, in their order; of at most 500 rows each is shuffled three times.
        seconds: About what it may take, > 0; counted by the values that are answered and never by a clock, so that the
            same columns are looked at wherever it runs. At least one column is.
        seed: Decides rows, the order in which columns are looked at, and their shuffles.

    Returns:
        A dictionary for each column that was looked at: `name`, `loss` (mean over the repeats), `spread` (their
        standard deviation).

    Reference: Breiman 2001, "Random forests", section 10; Fisher et al. 2019, arXiv:1801.01489.

    Example:

    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> found = permutation_importance(lambda x, y: -np.mean((x[:, 0] - y) ** 2), x, x[:, 0], ["size", "constant"])
    >>> [one["name"] for one in found], found[1]["loss"]
    (['size', 'constant'], 0.0)
    """
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(len(y))[:_MOST_ROWS])
    some, targets = _taken(x, rows), y[rows]
    whole, found = score(some, targets), []
    # Drawn: those that stand first in the file are no better than others.
    for place in generator.permutation(len(names))[: _affordable(len(rows) * len(names), seconds)]:
        name = names[place]
        lost = [
            whole - score(_shuffled(some, name, place, generator.permutation(len(rows))), targets)
            for _ in range(_REPEATS)
        ]
        found.append({"name": name, "loss": float(np.mean(lost)), "spread": float(np.std(lost))})
    return sorted(found, key=lambda one: -one["loss"])


def _affordable(values: int, seconds: float) -> int:
    """How many columns can be looked at where each answer takes so many values."""
    return max(1, int(seconds / (_REPEATS * (_SECONDS_A_CALL + _SECONDS_A_VALUE * values))))


def _taken(x: Any, rows: np.ndarray) -> Any:
    return {name: column[rows] for name, column in x.items()} if isinstance(x, Mapping) else np.asarray(x)[rows]


def _shuffled(x: Any, name: str, place: int, order: np.ndarray) -> Any:
    if isinstance(x, Mapping):
        return {**x, name: x[name][order]}
    changed = x.copy()
    # The last axis holds the columns; of series whole courses change their rows.
    changed[..., place] = x[order][..., place]
    return changed
