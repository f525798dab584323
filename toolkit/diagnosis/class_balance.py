"""Classes of very unequal size: their shares, how each is predicted, and the rules on both."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..data.rows import is_array, is_number, spread_rows
from ..models.model_ends import is_from_logits
from ..models.quiet_answers import quiet_answers
from ..models.reading import loss_name
from .catalogue import Level
from .findings import Advice, Finding
from .thresholds import limit

_CLASSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy")


def class_shares(y: np.ndarray, loss: str, classes: int = 0) -> np.ndarray | None:
    """Share of each class, or `None` where the loss has no classes that exclude each other.

    Example:

    >>> class_shares(np.array([0, 1, 1, 1]), "binary_crossentropy").tolist()
    [0.25, 0.75]
    """
    if loss not in _CLASSES or not is_number(y) or not np.all(np.isfinite(y)) or not len(y):
        return None
    if y.ndim > 1 and y.shape[-1] > 1:
        # Labels that can be true together have no shares that sum to 1.
        one_hot = y.ndim == 2 and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1)
        return y.mean(axis=0) if one_hot else None
    flat = y.reshape(-1)
    # `bincount` would need memory for the largest label.
    if np.any(flat < 0) or np.any(flat != np.round(flat)) or flat.max() > limit("most_classes"):
        return None
    return np.bincount(flat.astype(int), minlength=classes) / len(flat)


def recalls(answers: np.ndarray, y: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Share of each class's rows, steps or pixels that are predicted right; classes without any are left out.

    Args:
        answers: Predictions `(rows, ..., classes)`, or `(rows, ...)` or `(rows, ..., 1)` with a probability.
        y: Class numbers `(rows, ...)` or `(rows, ..., 1)`, or one-hot `(rows, ..., classes)`.
        threshold: Above which a single answer means class 1.

    Example:

    >>> recalls(np.array([0.1, 0.2, 0.9]), np.array([0, 1, 1])).tolist()
    [1.0, 0.5]
    """
    classes = answers.shape[-1] if answers.ndim > 1 else 1
    one_hot = classes > 1 and y.shape == answers.shape
    if one_hot or (classes > 1 and y.size * classes == answers.size):
        chosen = answers.reshape(-1, classes).argmax(axis=1)
    else:
        chosen = (answers.reshape(-1) > threshold).astype(int)
    truths = y.reshape(-1, classes).argmax(axis=1) if one_hot else y.reshape(-1).astype(int)
    return np.array([np.mean(chosen[truths == label] == label) for label in np.unique(truths)])


def uneven_classes(shares: np.ndarray, validation_shares: np.ndarray | None = None) -> Finding | None:
    """Classes of very unequal size before a fit; a warning where the validation rows say the data are not like that.

    Args:
        shares: Share of each class among the training rows, `(classes,)`.
        validation_shares: The same among the validation rows, or `None`.

    Example:

    >>> uneven_classes(np.array([0.95, 0.05])).level
    'info'
    """
    ratio = _ratio(shares)
    if len(shares) < 2 or ratio < limit("class_ratio"):
        return None
    theirs = validation_shares
    # Where validation is as uneven, that is how the data are, and no fault.
    even = theirs is not None and theirs.min() > 0 and theirs.max() / theirs.min() < ratio / limit("class_ratio_apart")
    return _imbalance(
        "warning" if even else "info",
        f"The largest class has {ratio:.3g} times the rows of the smallest"
        + (", and the validation rows are far more even." if even else ": look at the recall of each class."),
        {"ratio": ratio, "classes": float(len(shares))},
    )


def missed_classes(shares: np.ndarray, recall: np.ndarray) -> Finding | None:
    """Small classes of unequal ones that are predicted wrong after a fit, which the accuracy does not show.

    Args:
        shares: Share of each class among the training rows, `(classes,)`.
        recall: Share of the validation rows of each class that are predicted right, as `recalls` gives it.

    Example:

    >>> missed_classes(np.array([0.95, 0.05]), np.array([1.0, 0.1])).level
    'warning'
    """
    # A low recall of all classes is a weak model, not an imbalance.
    uneven = float(np.max(recall) - np.min(recall)) >= limit("recall_gap")
    if _ratio(shares) < limit("class_ratio") or not uneven or float(np.mean(recall)) > 1 - limit("recall_gap"):
        return None
    return _imbalance(
        "warning",
        f"The largest class has {_ratio(shares):.3g} times the rows of the smallest, and of some class only "
        f"{np.min(recall):.0%} of the rows are answered right.",
        {"least_recall": float(np.min(recall)), "mean_recall": float(np.mean(recall))},
    )


def classes_missed_by(model: keras.Model, y: Any, validation_data: Any) -> list[Finding]:
    """Whether a trained model predicts small classes of unequal ones wrong; asked of some validation rows.

    Args:
        model: A trained classifier with one output.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)` of arrays, or `None`.

    Returns:
        One finding or none; none where it cannot be told.
    """
    plain = isinstance(validation_data, tuple | list) and hasattr(validation_data[0], "shape")
    if y is None or not plain or not is_array(y):
        return []
    shares = class_shares(np.asarray(y), loss_name(model))
    # Predictions are asked for only where the classes are uneven at all.
    if shares is None or _ratio(shares) < limit("class_ratio"):
        return []
    x, truths = spread_rows(validation_data[0], validation_data[1], int(limit("rows_judged")))
    answers = quiet_answers(model, x)
    # Logits are answers around 0.
    threshold = 0.0 if is_from_logits(model) else 0.5
    finding = missed_classes(shares, recalls(answers, np.asarray(truths)[: len(answers)], threshold))
    return [] if finding is None else [finding]


def _ratio(shares: np.ndarray) -> float:
    return float(shares.max() / shares[shares > 0].min())


def _imbalance(level: Level, message: str, evidence: dict[str, float]) -> Finding:
    return Finding(
        "class_imbalance",
        level,
        message,
        evidence=evidence,
        causes=("class_imbalance",),
        advice=(Advice("class_weight", "set", "balanced"), Advice("rows", "add to the small classes")),
    )
