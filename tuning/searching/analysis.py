"""What the trials of a search teach together: what stopping saved, and which hyperparameters counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from ...toolkit.stopping import FirstEpochs, Replay, replay
from .plan import Record, score_of

FEWEST_FOR_IMPORTANCE = 10
_FEWEST_FOR_CORRELATION = 3
# The plain rule that every cleverer one has to beat.
BASELINE = FirstEpochs(epochs=1, keep=3)


def epochs_saved(record: Record) -> float:
    """Share of the planned epochs that stopping spared, in [0, 1)."""
    # What the time cut off is not saved: it is to be trained yet.
    ended = [outcome for outcome in record.outcomes.values() if outcome.status != "unfinished"]
    planned = sum(outcome.planned for outcome in ended)
    return 1 - sum(outcome.epochs for outcome in ended) / planned if planned else 0.0


def rank_correlation(record: Record, epoch: int) -> float | None:
    """Spearman's correlation of the best value up to an epoch with the final best, over the trials that ran on.

    Args:
        record: The trials.
        epoch: From 1.
    """
    longer = [curve for curve in record.curves() if len(curve) > epoch]
    if len(longer) < _FEWEST_FOR_CORRELATION:
        return None
    found = stats.spearmanr([min(curve[:epoch]) for curve in longer], [min(curve) for curve in longer])
    return None if math.isnan(found.statistic) else float(found.statistic)


def baseline(record: Record) -> Replay:
    """What "one epoch for all, then the best three" would have saved and cost on these curves."""
    return replay([curve for curve in record.curves() if curve], BASELINE)


def importance(record: Record) -> dict[str, float] | None:
    """How much of the score's spread each hyperparameter alone explains, largest first.

    Args:
        record: The trials.

    Returns:
        Shares in [0, 1] by name, or `None` where fewer than ten trials were completed.

    Reference: Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance", ICML.
    """
    columns = {
        hp.name: [record.outcomes[number].values.get(hp.name) for number in record.order] for hp in record.space.space
    }
    # What never changed can have explained nothing.
    columns = {name: values for name, values in columns.items() if len(set(map(str, values))) > 1}
    if len(record.order) < FEWEST_FOR_IMPORTANCE or not columns:
        return None
    from sklearn.ensemble import RandomForestRegressor

    table = np.array([coded(values) for values in columns.values()], dtype="float64").T
    # Ranks, since one loss that blew up would else be all that there is to explain.
    scores = stats.rankdata([record.plan.sign * score_of(record.outcomes[number]) for number in record.order])
    forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=0).fit(table, scores)
    total = float(np.var(forest.predict(table)))
    shares = {name: marginal(forest, table, place) / total if total else 0.0 for place, name in enumerate(columns)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def coded(values: Sequence[Any]) -> list[float]:
    """Numbers as they are, others by their place in a sorted list; what is absent lies below all.

    Example:

    >>> coded([8, None, 2]), coded(["relu", "gelu"])
    ([8.0, 1.0, 2.0], [1.0, 0.0])
    """
    if all(isinstance(value, (int, float)) or value is None for value in values):
        known = [float(value) for value in values if value is not None]
        return [min(known) - 1 if value is None else float(value) for value in values]
    places = {name: place for place, name in enumerate(sorted({str(value) for value in values}))}
    return [float(places[str(value)]) for value in values]


def marginal(forest: Any, table: np.ndarray, column: int) -> float:
    """Variance of the forest's mean prediction over the values of one column.

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
