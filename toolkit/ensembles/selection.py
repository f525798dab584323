"""Members chosen by greedy selection, with the test rows kept out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..checks import one_of, seed_of, whole_number
from ..data.sealing import refuse_sealed

# One row is a whole percent of accuracy there.
_FEW_ROWS = 100
_LEAST_PROBABILITY = 1e-7
# Sums in another order differ in the last digits, and must not decide between equal candidates.
_DECIMALS = 12


@dataclass(frozen=True)
class Selection:
    """Members chosen greedily.

    Args:
        weights: One weight a candidate, summing to 1; 0 for those left out.
        members: Numbers of the chosen candidates, heaviest first.
        trajectory: Score of the vote after each step, up to the best.
        metric: What the score is.
        note: What could not be seen, or is doubtful; empty where there is nothing to say.
    """

    weights: np.ndarray
    members: tuple[int, ...]
    trajectory: tuple[float, ...]
    metric: str = "nll"
    note: str = ""

    def __str__(self) -> str:
        chosen = ", ".join(f"{k} x {self.weights[k]:.2f}" for k in self.members)
        return f"members {chosen}; {self.metric} {self.trajectory[-1]:.4f}. {self.note}".strip()


def select_members(
    predictions: Any,
    y: Any,
    size: int = 25,
    metric: Literal["nll", "accuracy", "mse"] = "nll",
    seed: int = 0,
    rows: Any = None,
    *,
    sample_weight: Any = None,
) -> Selection:
    """Chooses members of a soft vote greedily, with replacement, cut at the best step.

    Each step adds the candidate with which the mean of all that were added scores best; of equals one that is
    in already. Never worse on the given rows than the best single candidate. Give it validation rows.

    Args:
        predictions: Array `(candidates, rows, classes)`, or `(candidates, rows, 1)` and
            `(candidates, rows)` for binary or regression, `(candidates, rows, labels)` for multilabel.
            NaN is refused, and the candidate named.
        y: Targets: class numbers `(rows,)` or one-hot rows, 0 and 1, a matrix of labels, or quantities.
        size: Number of greedy steps, >= 1; above 25 little is gained.
        metric: `"nll"`, mean negative log likelihood; `"accuracy"`; `"mse"` for regression. NLL gives as good an
            accuracy, and probabilities that can be believed.
        seed: Orders equal candidates that are not yet members.
        rows: The input rows behind `predictions`: arrays or a `Split`. Copies of a sealed test split,
            shuffled or rescaled too, are refused; without `rows` that cannot be seen, and the note says so.
        sample_weight: One weight a row, >= 0, not all 0.

    Returns:
        The `Selection`.

    Raises:
        TypeError: `rows` is a sealed test split, or `size` is no whole number.
        ValueError: Shapes do not fit, a prediction is not finite, `size` is below 1, or more than 5 % of
            `rows` stand in a sealed test split.

    Reference: Caruana et al. 2004, "Ensemble selection from libraries of models", ICML.

    Example:

    >>> good, bad = [[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.6, 0.4]]
    >>> select_members([bad, good], [0, 1]).members
    (1,)
    """
    one_of("metric", metric, ("nll", "accuracy", "mse"))
    size = whole_number("size", size, 1, 100_000)
    seed_of("seed", seed)
    refuse_sealed("Members are chosen", rows, "rows")
    candidates, targets = _checked(predictions, y)
    weight = _row_weights(sample_weight, len(targets))
    if metric == "nll":
        # The mean of probabilities needs that of the truth alone, so classes drop out of every step.
        candidates = likelihoods(candidates, targets)
    # Equal candidates come in an order that is no accident of how they were listed.
    order = np.random.default_rng(seed).permutation(len(candidates))
    counts = np.zeros(len(candidates), dtype=int)
    total = np.zeros(candidates.shape[1:])
    picks: list[int] = []
    scores: list[float] = []
    for step in range(1, size + 1):
        losses = [_loss((total + candidate) / step, targets, metric, weight) for candidate in candidates]
        # Of equals one that is in already: the vote stays small.
        best = min(order, key=lambda k: (round(losses[k], _DECIMALS), counts[k] == 0))
        picks.append(int(best))
        scores.append(losses[best])
        counts[best] += 1
        total = total + candidates[best]
    # The first of equal steps: more members would cost and bring nothing.
    end = int(np.argmin(np.round(scores, _DECIMALS))) + 1
    weights = np.bincount(picks[:end], minlength=len(candidates)) / end
    members = sorted(np.flatnonzero(weights), key=lambda k: (-weights[k], k))
    sign = -1.0 if metric == "accuracy" else 1.0
    trajectory = tuple(sign * score for score in scores[:end])
    return Selection(weights, tuple(map(int, members)), trajectory, metric, _note(len(targets), rows))


def likelihoods(candidates: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Probability that each candidate gives to the truth; the mean of candidates keeps that meaning.

    Example:

    >>> likelihoods(np.array([[[0.75, 0.25]]]), np.array([1.0])).tolist()
    [[0.25]]
    """
    if candidates.ndim == targets.ndim + 2:
        numbers = targets.astype(int)
        if numbers.min() < 0 or numbers.max() >= candidates.shape[-1]:
            raise ValueError(
                f"`y` must hold classes 0 to {candidates.shape[-1] - 1}, got {int(targets.min())} to "
                f"{int(targets.max())}."
            )
        return np.take_along_axis(candidates, numbers[None, ..., None], axis=-1)[..., 0]
    return np.where(targets == 1, candidates, 1 - candidates)


def _note(rows_seen: int, rows: Any) -> str:
    told = []
    if rows_seen < _FEW_ROWS:
        told.append(f"Chosen on {rows_seen} rows only: another draw of rows may choose otherwise.")
    if rows is None:
        told.append("Without `rows=` it cannot be seen whether test rows were chosen by.")
    return " ".join(told)


def _checked(predictions: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    candidates, targets = _as_numbers("predictions", predictions), _as_numbers("y", y)
    if candidates.ndim < 2 or candidates.size == 0:
        raise ValueError(f"`predictions` must have shape (candidates, rows, ...), got {candidates.shape}.")
    if candidates.ndim == 3 and candidates.shape[2] == 1:
        candidates = candidates[..., 0]
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim == 0 or len(targets) != candidates.shape[1]:
        raise ValueError(f"`y` has {targets.size} rows, `predictions` have {candidates.shape[1]}.")
    if not np.isfinite(candidates).all():
        broken = np.flatnonzero(~np.isfinite(candidates).reshape(len(candidates), -1).all(axis=1))
        raise ValueError(f"The predictions of candidate {broken[0]} hold NaN or infinite values.")
    if not np.isfinite(targets).all():
        raise ValueError("`y` holds NaN or infinite values.")
    if _is_one_hot(candidates, targets):
        targets = targets.argmax(axis=-1).astype("float64")
    if targets.ndim not in (candidates.ndim - 1, candidates.ndim - 2):
        raise ValueError(f"`y` of shape {targets.shape} does not fit `predictions` of shape {candidates.shape}.")
    return candidates, targets


def _as_numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype="float64")
    except (TypeError, ValueError) as reason:
        raise ValueError(f"`{name}` must be one array of numbers: {reason}.") from reason


def _is_one_hot(candidates: np.ndarray, targets: np.ndarray) -> bool:
    """Labels that exclude each other, answered by probabilities that do; independent labels sum to 1 only by chance."""
    if candidates.ndim < 3 or targets.shape != candidates.shape[1:]:
        return False
    alone = np.all((targets == 0) | (targets == 1)) and np.all(targets.sum(axis=-1) == 1)
    return bool(alone and np.allclose(candidates.sum(axis=-1), 1, atol=1e-3))


def _row_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype="float64")
    if weight.shape != (rows,) or not np.all(np.isfinite(weight)) or np.any(weight < 0) or weight.sum() == 0:
        raise ValueError(f"`sample_weight` must hold {rows} finite weights, at least 0 and not all 0.")
    return weight / weight.sum()


def _loss(answer: np.ndarray, targets: np.ndarray, metric: str, weight: np.ndarray | None) -> float:
    if metric == "nll":
        losses = -np.log(np.clip(answer, _LEAST_PROBABILITY, 1))
    elif metric == "mse":
        losses = (answer - targets) ** 2
    elif answer.ndim > targets.ndim:
        losses = -(answer.argmax(axis=-1) == targets).astype("float64")
    else:
        losses = -((answer > 0.5) == targets).astype("float64")
    if weight is None:
        return float(losses.mean())
    return float(np.average(losses.reshape(len(losses), -1).mean(axis=1), weights=weight))
