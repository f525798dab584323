"""How good answers are: accuracy, NLL, Brier score, calibration error, R2, row by row; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tasks import Task
from .class_scores import answered

# What Keras clips probabilities to, so that one sure and wrong answer does not make the mean infinite.
_LEAST = 1e-7
_BINS = 15


def truth(answers: np.ndarray, y: Any) -> np.ndarray:
    """Targets as probabilities in the shape of the answers: one-hot for class numbers.

    Args:
        answers: `(rows, classes)`, `(rows, 1)`, `(rows, labels)`, or with more axes between.
        y: Class numbers `(rows, ...)`, one-hot rows, or 0 and 1.

    Raises:
        ValueError: The shapes do not fit, or a class number is out of range.

    Example:

    >>> truth(np.zeros((2, 3)), [0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    targets = np.asarray(y)
    if targets.shape == answers.shape:
        return targets.astype("float64")
    # Before class numbers: a single output column is a probability, not the one class.
    if answers.shape[-1] == 1 and targets.shape == answers.shape[:-1]:
        return targets[..., None].astype("float64")
    if targets.shape == (*answers.shape[:-1], 1):
        targets = targets[..., 0]
    if targets.shape != answers.shape[:-1]:
        raise ValueError(f"`y` of shape {np.shape(y)} does not fit answers of shape {answers.shape}.")
    # `np.eye` would take -1 for the last class.
    numbers = targets.astype(int)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= answers.shape[-1] or np.any(numbers != targets)):
        raise ValueError(
            f"`y` must hold class numbers from 0 to {answers.shape[-1] - 1}, got {targets.min()} to {targets.max()}."
        )
    return np.eye(answers.shape[-1])[numbers]


def squashed(logits: np.ndarray, exclusive: bool) -> np.ndarray:
    """Probabilities of logits: of classes that exclude each other along the last axis, else of each by itself.

    Args:
        logits: `(rows, ..., classes)`.
        exclusive: Whether the classes exclude each other.

    Example:

    >>> squashed(np.zeros((1, 2)), exclusive=True).tolist(), squashed(np.zeros((1, 1)), exclusive=False).tolist()
    ([[0.5, 0.5]], [[0.5]])
    """
    if not exclusive:
        # Clipped, since `exp` of more overflows with a warning and changes nothing.
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))))
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def row_scores(answers: np.ndarray, targets: np.ndarray, exclusive: bool) -> dict[str, np.ndarray]:
    """Accuracy, NLL (nats) and Brier score of each row, `(rows,)` each.

    Args:
        answers: Probabilities `(rows, ..., classes)`.
        targets: As `truth` gives them.
        exclusive: Whether the classes of the last axis exclude each other; else each is a label of its own,
            and scores are means over labels.

    Reference: Brier 1950, "Verification of forecasts expressed in terms of probability"; over all classes, so 0 to 2.

    Example:

    >>> found = row_scores(np.array([[0.75, 0.25]]), np.array([[0.0, 1.0]]), exclusive=True)
    >>> {name: round(float(values[0]), 3) for name, values in found.items()}
    {'accuracy': 0.0, 'nll': 1.386, 'brier': 1.125}
    """
    clipped = np.clip(answers.astype("float64"), _LEAST, 1 - _LEAST)
    if exclusive:
        right = (answers.argmax(axis=-1) == targets.argmax(axis=-1)).astype("float64")
        nll = -np.log(np.clip(np.sum(answers * targets, axis=-1), _LEAST, 1))
        brier = np.sum((answers - targets) ** 2, axis=-1)
    else:
        right = ((answers > 0.5) == (targets > 0.5)).astype("float64")
        nll = -(targets * np.log(clipped) + (1 - targets) * np.log(1 - clipped))
        brier = (answers - targets) ** 2
    return {
        name: np.asarray(values, dtype="float64").reshape(len(answers), -1).mean(axis=1)
        for name, values in (("accuracy", right), ("nll", nll), ("brier", brier))
    }


def r2_losses(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Squared error of each row in units of the targets' variance, output by output; `1 - mean` is R2.

    Args:
        answers: Predictions `(rows, ...)`.
        targets: In the same shape.

    Returns:
        `(rows,)`, the mean over the outputs. An output whose targets are all equal counts 0 where it is met and 1
        where it is not, as in scikit-learn.

    Example:

    >>> r2_losses(np.array([0.0, 2.0]), np.array([1.0, 3.0])).tolist()
    [1.0, 1.0]
    """
    given = np.asarray(answers, "float64").reshape(len(answers), -1)
    truths = np.asarray(targets, "float64").reshape(len(targets), -1)
    squares, spread = np.square(given - truths), np.var(truths, axis=0)
    # A variance of 0 must not divide; met exactly counts as explained.
    missed = np.broadcast_to(squares.mean(axis=0) > 0, squares.shape)
    scaled = np.where(spread > 0, squares / np.where(spread > 0, spread, 1.0), missed)
    return np.asarray(scaled.mean(axis=1))


def r2(answers: np.ndarray, targets: np.ndarray) -> float:
    """Coefficient of determination: 1 for perfect answers, 0 for those of the best constant; mean over the outputs.

    Each output counts alike whatever its scale, as in scikit-learn's `r2_score` and Keras' `R2Score`.

    Args:
        answers: Predictions `(rows, ...)`.
        targets: In the same shape.

    Example:

    >>> r2(np.array([[1.0, 1000.0], [2.0, 1000.0]]), np.array([[1.0, 999.0], [2.0, 1001.0]]))
    0.5
    """
    return 1.0 - float(r2_losses(answers, targets).mean())


def score_of(values: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Accuracy, label accuracy or R2 of answers, whichever the task is measured by.

    Args:
        values: Probabilities `(rows,)` of class 1, `(rows, classes)` or `(rows, labels)`, or quantities.
        y: Targets.
        task: The task.

    Example:

    >>> score_of(np.array([0.9, 0.2]), np.array([1, 1]), "binary")
    0.5
    """
    if task == "regression":
        return r2(values, y)
    if task == "multilabel":
        return float(np.mean((values > 0.5) == (y > 0.5)))
    return float(np.mean(answered(values) == y))


def calibration_gaps(answers: np.ndarray, targets: np.ndarray, exclusive: bool) -> np.ndarray:
    """For each row and bin of confidence the sum of hit minus confidence, `(rows, 15)`.

    The expected calibration error of any draw of rows is the sum over bins of `abs(sum over rows)`, divided
    by the number of answers.

    Reference: Guo et al. 2017, arXiv:1706.04599, equation 3, with 15 bins of equal width.
    """
    rows = len(answers)
    if exclusive:
        confidence, hit = answers.max(axis=-1), answers.argmax(axis=-1) == targets.argmax(axis=-1)
    else:
        # A label answered "no" at 0.1 is 0.9 sure.
        confidence, hit = np.maximum(answers, 1 - answers), (answers > 0.5) == (targets > 0.5)
    confidence, hit = confidence.reshape(rows, -1).astype("float64"), hit.reshape(rows, -1)
    # Bins are open below and closed above.
    bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    gaps = np.zeros((rows, _BINS))
    # A row of many answers may fall into one bin several times, which plain indexing would add once.
    np.add.at(gaps, (np.arange(rows)[:, None], bins), hit - confidence)
    return gaps / confidence.shape[1]


def calibration_error(answers: np.ndarray, targets: np.ndarray, exclusive: bool) -> float:
    """Expected calibration error, in [0, 1].

    Example:

    >>> sure = np.tile([0.9, 0.1], (10, 1))
    >>> half_right = truth(sure, [0, 1] * 5)
    >>> round(calibration_error(sure, half_right, exclusive=True), 3)
    0.4
    """
    return float(np.abs(calibration_gaps(answers, targets, exclusive).mean(axis=0)).sum())


def with_intervals(
    rows: Mapping[str, np.ndarray], gaps: np.ndarray | None, confidence: float, resamples: int, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Mean of each score with the bounds of its percentile bootstrap over rows.

    Args:
        rows: Scores of each row, `(rows,)` each.
        gaps: As `calibration_gaps` gives them; adds `ece`.
        confidence: In (0, 1).
        resamples: Draws, >= 1.
        seed: Decides the draws.

    Returns:
        Name -> (value, low, high).
    """
    count = len(next(iter(rows.values())))
    generator = np.random.default_rng(seed)
    # One draw of rows is a vector of counts, so that all scores are one product of matrices.
    shares = generator.multinomial(count, np.full(count, 1 / count), size=resamples) / count
    tails = [0.5 - confidence / 2, 0.5 + confidence / 2]
    found = {}
    for name, values in rows.items():
        low, high = np.quantile(shares @ values, tails)
        found[name] = (float(values.mean()), float(low), float(high))
    if gaps is not None:
        low, high = np.quantile(np.abs(shares @ gaps).sum(axis=1), tails)
        # The error is of sums over rows, so each draw sums its gaps before it takes their size.
        found["ece"] = (float(np.abs(gaps.mean(axis=0)).sum()), float(low), float(high))
    return found
