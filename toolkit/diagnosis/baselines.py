"""What a constant, a linear and a nearest-neighbour prediction reach: the marks a network must beat."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..data.rows import is_array, is_number, spread_rows
from ..models.reading import named_loss
from .constants import constant_marks, constant_metric, ignored_class
from .curves import SimpleBaseline
from .thresholds import limit

# Of the standardised features: little enough to leave a clear line alone, enough to solve singular ones.
_RIDGE = 1e-2
_CROSS_ENTROPY = "crossentropy"


def simple_baseline(x: Any, y: Any, validation_x: Any, validation_y: Any, loss: str) -> SimpleBaseline:
    """Validation result of the better of a ridge regression and one nearest neighbour.

    At most 2,000 rows of each split are used, spread over all, and fewer where they are wide, so that it takes
    well below a second. Of many classes the thousand commonest are told apart.

    Args:
        x: Training inputs `(rows, ...)`; inputs that are no numbers give an empty baseline.
        y: Training targets as given to `fit`.
        validation_x: Validation inputs.
        validation_y: Validation targets.
        loss: Keras name of the loss; a cross-entropy makes it a classification.

    Returns:
        The accuracy as `metric` for a classification; the mean absolute error as `metric` and, for the
        squared or absolute error, the `loss` for a regression. `note` says what was left out.

    Reference: Hoerl and Kennard 1970, "Ridge regression"; Cover and Hart 1967, "Nearest neighbor
    pattern classification".

    Example:

    >>> x = np.arange(10.0)[:, None]
    >>> simple_baseline(x, 2 * x[:, 0], x, 2 * x[:, 0], "mean_squared_error").metric < 0.1
    True
    """
    classification = _CROSS_ENTROPY in loss
    train, held = _numbers(x, y), _numbers(validation_x, validation_y)
    if train is None or held is None or (classification and not _one_answer_a_row(y, loss)):
        return SimpleBaseline(loss=None, metric=None)
    (inputs, targets), (others, truths) = train, held
    center, scale = inputs.mean(axis=0), inputs.std(axis=0)
    # A constant column stays 0 rather than NaN.
    scale[scale == 0] = 1
    inputs, others = (inputs - center) / scale, (others - center) / scale
    about: dict[str, Any] = {"rows": len(inputs), "features": int(np.sum(np.ptp(inputs, axis=0) > 0))}
    if classification:
        note, numbered = "", targets.shape[1] == 1
        # Soft labels in one column are no classes.
        if numbered and np.any(targets != np.round(targets)):
            return SimpleBaseline(loss=None, metric=None)
        if numbered:
            targets, truths, note = _told_apart(targets[:, 0], truths[:, 0])
        exclusive = numbered or bool(np.all(targets.sum(axis=1) == 1))
        linear = _accuracy(_ridge(inputs, targets, others), truths, exclusive)
        nearest = _accuracy(targets[_nearest(inputs, others)], truths, exclusive)
        return SimpleBaseline(None, max(linear, nearest), linear=linear, nearest=nearest, note=note, **about)
    answers = [_ridge(inputs, targets, others), targets[_nearest(inputs, others)]]
    # One model for all measures: the better by squared error, which is what ridge minimises.
    errors = [float(np.mean((answer - truths) ** 2)) for answer in answers]
    best = answers[int(np.argmin(errors))]
    absolute, squared = float(np.mean(np.abs(best - truths))), min(errors)
    comparable = {"mean_squared_error": squared, "mse": squared, "mean_absolute_error": absolute, "mae": absolute}
    return SimpleBaseline(
        comparable.get(loss), absolute, linear=-errors[0], nearest=-errors[1], kind="absolute_error", **about
    )


def known_of(
    x: Any, y: Any, validation_data: Any, loss: Any, class_weight: Any = None, sample_weight: Any = None
) -> dict[str, Any]:
    """What the rows say about a run before it begins, as fields of `Curves`; what cannot be told is left out.

    Args:
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)` or triple with weights, or `None`.
        loss: Loss as given to `compile`.
        class_weight: As given to `fit`.
        sample_weight: As given to `fit`.

    Example:

    >>> known = known_of(None, [0.0, 1.0], None, "mean_squared_error")
    >>> known
    {'constant_loss': 0.25, 'least_loss': 0.0}
    """
    known: dict[str, Any] = {}
    weighted = class_weight is not None or sample_weight is not None
    weights = row_weights(y, class_weight, sample_weight) if weighted else None
    if y is not None and is_array(y) and (weights is not None or not weighted):
        marks = constant_marks(y, loss, weights)
        known["constant_loss"] = None if marks is None else marks.constant
        known |= {} if marks is None else {"least_loss": marks.least}
    if isinstance(validation_data, tuple | list) and len(validation_data) > 1 and is_array(validation_data[1]):
        held_x, held_y, held_weight = (*validation_data, None)[:3]
        known["validation_rows"] = len(held_y)
        of_rows = None if held_weight is None else row_weights(held_y, None, held_weight)
        # Rows that count unequally ask for another model than the one with the least loss, or most rows right, on
        # validation rows that all count alike.
        alike = not weighted or (weights is not None and np.ptp(weights) == 0)
        if alike and (held_weight is None) == (of_rows is None):
            marks = constant_marks(held_y, loss, of_rows)
            known["constant_val_loss"] = None if marks is None else marks.constant
            known |= {} if marks is None else {"least_val_loss": marks.least}
        if alike:
            known["constant_metric"] = constant_metric(held_y, loss)
            # A simple model would take the class that is left out for one more to tell apart.
            if x is not None and y is not None and is_array(y) and ignored_class(loss) is None:
                # Made when a rule asks for it, and once: a healthy run never pays for it.
                known["simple"] = cache(lambda: simple_baseline(x, y, held_x, held_y, named_loss(loss)))
    return known


def row_weights(y: Any, class_weight: Any, sample_weight: Any) -> np.ndarray | None:
    """What each row counts in the loss of a fit, `(rows,)`, or each step, `(rows, steps)`; `None` where nobody knows.

    Args:
        y: Targets; with `class_weight`, class numbers `(rows,)` or `(rows, 1)`, or one-hot.
        class_weight: Weight by class number, 1 for classes that are not named; or `None`.
        sample_weight: One weight a row, or one a step of a sequence; or `None`.

    Example:

    >>> row_weights([0, 1, 1], {1: 3.0}, None).tolist()
    [1.0, 3.0, 3.0]
    """
    targets = np.asarray(y)
    shape = np.shape(sample_weight) if sample_weight is not None else None
    if shape is not None and class_weight is None and targets.ndim > 1 and len(shape) == 2 and shape[1] > 1:
        return np.asarray(sample_weight, "float64") if shape == targets.shape[:2] else None
    if not targets.ndim or (shape is not None and shape not in ((len(targets),), (len(targets), 1))):
        return None
    found = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, "float64").reshape(-1)
    if class_weight is None:
        return found
    if targets.ndim > 2 or not np.issubdtype(targets.dtype, np.number):
        return None
    labels = targets.argmax(axis=1) if targets.ndim == 2 and targets.shape[1] > 1 else targets.reshape(-1)
    known, places = np.unique(labels, return_inverse=True)
    try:
        of_class = np.array([float(class_weight.get(int(label), 1.0)) for label in known])
    except (AttributeError, TypeError, ValueError):
        return None
    return np.asarray(found * of_class[places.reshape(-1)])


def _numbers(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Some rows as matrices `(rows, features)` and `(rows, outputs)`, spread over all, for rows may be sorted."""
    if isinstance(x, dict | list | tuple) or not len(np.asarray(y)):
        return None
    array = np.asarray(x)
    if not is_number(array) or array.size == 0 or not is_number(np.asarray(y)):
        return None
    # Wide rows are fewer: distances and Gram matrices grow with rows times features.
    rows = int(np.clip(limit("values_judged") // (array.size // len(array)), 1, limit("rows_judged")))
    inputs, targets = (
        part.reshape(len(part), -1).astype("float64") for part in spread_rows(array, np.asarray(y), rows)
    )
    return (inputs, targets) if np.all(np.isfinite(inputs)) and np.all(np.isfinite(targets)) else None


def _one_answer_a_row(y: Any, loss: str) -> bool:
    """Whether targets are classes or labels of whole rows, not of the steps of a sequence or the pixels of an image."""
    shape = np.shape(y)
    return len(shape) == 1 or (len(shape) == 2 and (shape[1] == 1 or not loss.startswith("sparse")))


def _told_apart(labels: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """One-hot rows of the classes that these rows hold, the commonest where they are many, and what was left out."""
    known, counts = np.unique(labels, return_counts=True)
    most = int(limit("most_classes"))
    note = "" if len(known) <= most else f"of {len(known)} classes in {len(labels)} rows it tells {most} apart"
    # A column for the class 1 even where all rows are of class 0, as the answers of two classes have.
    columns = np.union1d(np.sort(known[np.argsort(-counts, kind="stable")][:most]), [0, 1])
    return _one_hot(labels, columns), _one_hot(others, columns), note


def _one_hot(labels: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return (labels[:, None] == columns).astype("float64")


def _ridge(inputs: np.ndarray, targets: np.ndarray, others: np.ndarray) -> np.ndarray:
    mean = targets.mean(axis=0)
    # Two forms of the same solution: the smaller of the two matrices is inverted.
    if inputs.shape[1] <= len(inputs):
        gram = inputs.T @ inputs + _RIDGE * len(inputs) * np.eye(inputs.shape[1])
        return np.asarray(others @ np.linalg.solve(gram, inputs.T @ (targets - mean)) + mean)
    gram = inputs @ inputs.T + _RIDGE * len(inputs) * np.eye(len(inputs))
    return np.asarray((others @ inputs.T) @ np.linalg.solve(gram, targets - mean) + mean)


def _nearest(inputs: np.ndarray, others: np.ndarray) -> np.ndarray:
    # The square of the row asked for is the same for all neighbours, so it is left out.
    distances = np.sum(inputs**2, axis=1) - 2 * others @ inputs.T
    return np.asarray(distances.argmin(axis=1))


def _accuracy(answers: np.ndarray, truths: np.ndarray, exclusive: bool) -> float:
    """Share of rows, or of labels, answered right; a row of a class that has no column counts as wrong."""
    if exclusive:
        return float(np.mean((answers.argmax(axis=1) == truths.argmax(axis=1)) & (truths.sum(axis=1) == 1)))
    return float(np.mean((answers > 0.5) == (truths > 0.5)))
