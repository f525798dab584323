"""What a constant, a linear and a nearest-neighbour prediction reach: the marks a network must beat."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..data.rows import is_array, is_number
from .curve_rules import SimpleBaseline
from .thresholds import limit

_MOST_ROWS = 2000
_RIDGE = 1e-2
_CROSS_ENTROPY = "crossentropy"
_CLASSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy")


def constant_loss(y: Any, loss: str) -> float | None:
    """Loss of the best constant prediction.

    Args:
        y: Targets as given to `fit`.
        loss: Keras name of the loss.

    Returns:
        The entropy of the class shares for a cross-entropy, the variance for the squared error, the
        mean distance from the median for the absolute error; `None` for other losses and for targets
        that are no numbers.

    Example:

    >>> round(constant_loss([0, 1, 0, 1], "binary_crossentropy"), 4)
    0.6931
    """
    targets = np.asarray(y)
    if targets.size == 0 or not np.issubdtype(targets.dtype, np.number) or not np.all(np.isfinite(targets)):
        return None
    if loss == "sparse_categorical_crossentropy":
        return _entropy(np.unique(targets, return_counts=True)[1] / targets.size)
    if loss == "categorical_crossentropy":
        return _entropy(targets.mean(axis=0))
    if loss == "binary_crossentropy":
        shares = np.clip(targets.reshape(len(targets), -1).mean(axis=0), 0, 1)
        return float(np.mean([_entropy(np.array([share, 1 - share])) for share in shares]))
    if loss in ("mean_squared_error", "mse"):
        return float(np.mean(np.var(targets, axis=0)))
    if loss in ("mean_absolute_error", "mae"):
        return float(np.mean(np.abs(targets - np.median(targets, axis=0))))
    return None


def constant_metric(y: Any, loss: str) -> float | None:
    """Largest accuracy on these rows of an answer that is always the same.

    Args:
        y: Validation targets as given to `fit`.
        loss: Keras name of the loss; only a cross-entropy has classes.

    Returns:
        The share of the commonest class, over several labels its mean; `None` where there are no classes.

    Example:

    >>> constant_metric([1, 1, 1, 0], "binary_crossentropy")
    0.75
    """
    if _CROSS_ENTROPY not in loss or constant_loss(y, loss) is None:
        return None
    targets = np.asarray(y)
    if targets.ndim > 1 and targets.shape[-1] > 1:
        flat = targets.reshape(-1, targets.shape[-1])
        exclusive = loss != "binary_crossentropy" or np.all(flat.sum(axis=1) == 1)
        shares = flat.mean(axis=0)
        return float(shares.max() if exclusive else np.maximum(shares, 1 - shares).mean())
    return float(np.unique(targets, return_counts=True)[1].max() / targets.size)


def simple_baseline(x: Any, y: Any, validation_x: Any, validation_y: Any, loss: str) -> SimpleBaseline:
    """Validation result of the better of a ridge regression and one nearest neighbour.

    At most 2000 rows of each split are used, so that it takes well below a second.

    Args:
        x: Training inputs `(rows, ...)`; inputs that are no numbers give an empty baseline.
        y: Training targets as given to `fit`.
        validation_x: Validation inputs.
        validation_y: Validation targets.
        loss: Keras name of the loss; a cross-entropy makes it a classification.

    Returns:
        The accuracy as `metric` for a classification; the mean absolute error as `metric` and, for the
        squared or absolute error, the `loss` for a regression.

    Reference: Hoerl and Kennard 1970, "Ridge regression"; Cover and Hart 1967, "Nearest neighbor
    pattern classification".

    Example:

    >>> x = np.arange(10.0)[:, None]
    >>> simple_baseline(x, 2 * x[:, 0], x, 2 * x[:, 0], "mean_squared_error").metric < 0.1
    True
    """
    inputs, others = _matrix(x), _matrix(validation_x)
    classification = _CROSS_ENTROPY in loss
    if inputs is None or others is None or (classification and not _one_answer_a_row(y, loss)):
        return SimpleBaseline(loss=None, metric=None)
    center, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale[scale == 0] = 1
    inputs, others = (inputs - center) / scale, (others - center) / scale
    targets, truths = _targets(y, classification), _targets(validation_y, classification, like=y)
    answers = [_ridge(inputs, targets, others), targets[_nearest(inputs, others)]]
    sizes = {"rows": len(inputs), "features": int(np.sum(np.ptp(inputs, axis=0) > 0))}
    if classification:
        linear, nearest = (_accuracy(answer, truths) for answer in answers)
        return SimpleBaseline(None, max(linear, nearest), linear=linear, nearest=nearest, **sizes)
    errors = [float(np.mean((answer - truths) ** 2)) for answer in answers]
    best = min(answers, key=lambda answer: float(np.mean((answer - truths) ** 2)))
    absolute = float(np.mean(np.abs(best - truths)))
    squared = float(np.mean((best - truths) ** 2))
    comparable = {"mean_squared_error": squared, "mse": squared, "mean_absolute_error": absolute, "mae": absolute}
    return SimpleBaseline(comparable.get(loss), absolute, linear=-errors[0], nearest=-errors[1], **sizes)


def class_shares(y: np.ndarray, loss: str, classes: int = 0) -> np.ndarray | None:
    """Share of each class, or `None` where the loss has no classes that exclude each other.

    Example:

    >>> class_shares(np.array([0, 1, 1, 1]), "binary_crossentropy").tolist()
    [0.25, 0.75]
    """
    if loss not in _CLASSES or not is_number(y) or not np.all(np.isfinite(y)) or not len(y):
        return None
    if y.ndim > 1 and y.shape[-1] > 1:
        one_hot = y.ndim == 2 and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1)
        return y.mean(axis=0) if one_hot else None
    flat = y.reshape(-1)
    if np.any(flat < 0) or np.any(flat != np.round(flat)) or flat.max() > limit("most_classes"):
        return None
    return np.bincount(flat.astype(int), minlength=classes) / len(flat)


def recalls(answers: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Share of each class's rows that are answered right; classes without rows are left out.

    Args:
        answers: Predictions `(rows, classes)`, or `(rows,)` or `(rows, 1)` with a probability.
        y: Class numbers `(rows,)` or one-hot `(rows, classes)`.

    Example:

    >>> recalls(np.array([0.1, 0.2, 0.9]), np.array([0, 1, 1])).tolist()
    [1.0, 0.5]
    """
    flat = answers.reshape(len(answers), -1)
    chosen = flat.argmax(axis=1) if flat.shape[1] > 1 else (flat[:, 0] > 0.5).astype(int)
    truths = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1).astype(int)
    return np.array([np.mean(chosen[truths == label] == label) for label in np.unique(truths)])


def known_of(x: Any, y: Any, validation_data: Any, loss: str) -> dict[str, Any]:
    """What the rows say about a run before it begins, as fields of `Curves`; what cannot be told is left out.

    Args:
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)`, or `None`.
        loss: Keras name of the loss.

    Example:

    >>> known = known_of(None, [0.0, 1.0], None, "mean_squared_error")
    >>> known
    {'constant_loss': 0.25}
    """
    known: dict[str, Any] = {}
    if y is not None and is_array(y):
        known["constant_loss"] = constant_loss(y, loss)
    if isinstance(validation_data, tuple | list) and len(validation_data) > 1 and is_array(validation_data[1]):
        held_x, held_y = validation_data[:2]
        known["validation_rows"] = len(held_y)
        known["constant_val_loss"] = constant_loss(held_y, loss)
        known["constant_metric"] = constant_metric(held_y, loss)
        if x is not None and y is not None and is_array(y):
            known["simple"] = cache(lambda: simple_baseline(x, y, held_x, held_y, loss))
    return known


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return float(-np.sum(positive * np.log(positive)))


def _matrix(x: Any) -> np.ndarray | None:
    if isinstance(x, dict | list | tuple):
        return None
    array = np.asarray(x)
    if not np.issubdtype(array.dtype, np.number) or array.size == 0 or not np.all(np.isfinite(array[:_MOST_ROWS])):
        return None
    return array[:_MOST_ROWS].reshape(min(len(array), _MOST_ROWS), -1).astype("float64")


def _one_answer_a_row(y: Any, loss: str) -> bool:
    """Whether targets are classes or labels of whole rows, not of the steps of a sequence or the pixels of an image."""
    shape = np.shape(y)
    return len(shape) == 1 or (len(shape) == 2 and (shape[1] == 1 or not loss.startswith("sparse")))


def _targets(y: Any, classification: bool, like: Any = None) -> np.ndarray:
    targets = np.asarray(y)[:_MOST_ROWS]
    flat = targets.reshape(len(targets), -1).astype("float64")
    if not classification or flat.shape[1] > 1:
        return flat
    classes = int(np.max(np.asarray(y if like is None else like))) + 1
    return (flat == np.arange(max(classes, 2))).astype("float64")


def _ridge(inputs: np.ndarray, targets: np.ndarray, others: np.ndarray) -> np.ndarray:
    mean = targets.mean(axis=0)
    if inputs.shape[1] <= len(inputs):
        gram = inputs.T @ inputs + _RIDGE * len(inputs) * np.eye(inputs.shape[1])
        return np.asarray(others @ np.linalg.solve(gram, inputs.T @ (targets - mean)) + mean)
    gram = inputs @ inputs.T + _RIDGE * len(inputs) * np.eye(len(inputs))
    return np.asarray((others @ inputs.T) @ np.linalg.solve(gram, targets - mean) + mean)


def _nearest(inputs: np.ndarray, others: np.ndarray) -> np.ndarray:
    distances = np.sum(inputs**2, axis=1) - 2 * others @ inputs.T
    return np.asarray(distances.argmin(axis=1))


def _accuracy(answers: np.ndarray, truths: np.ndarray) -> float:
    if np.all(truths.sum(axis=1) == 1):
        return float(np.mean(answers.argmax(axis=1) == truths.argmax(axis=1)))
    return float(np.mean((answers > 0.5) == (truths > 0.5)))
