"""What a constant, a linear and a nearest-neighbour prediction reach: the marks a network must beat."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..data.rows import is_array, is_number, spread_rows
from .curves import SimpleBaseline
from .thresholds import limit

# Of the standardised features: little enough to leave a clear line alone, enough to solve singular ones.
_RIDGE = 1e-2
_CROSS_ENTROPY = "crossentropy"


def constant_loss(y: Any, loss: str, weights: np.ndarray | None = None) -> float | None:
    """Loss of the best constant prediction, as Keras would log it.

    Args:
        y: Targets as given to `fit`.
        loss: Keras name of the loss.
        weights: Weight of each row in the loss, `(rows,)`, or `None` where all are 1.

    Returns:
        The entropy of the class shares for a cross-entropy, the variance for the squared error, the
        mean distance from the median for the absolute error, each times the mean weight, since Keras divides by
        the rows and not by their weights; `None` for other losses and for targets that are no numbers.

    Example:

    >>> round(constant_loss([0, 1, 0, 1], "binary_crossentropy"), 4)
    0.6931
    >>> round(constant_loss([0, 1], "mean_squared_error", np.array([1.0, 3.0])), 4)
    0.375
    """
    targets = np.asarray(y)
    if targets.size == 0 or not np.issubdtype(targets.dtype, np.number) or not np.all(np.isfinite(targets)):
        return None
    if weights is None:
        return _constant_loss(targets, loss, None)
    given = np.asarray(weights, dtype="float64")
    if given.shape != (len(targets),) or not np.all(np.isfinite(given)) or given.sum() <= 0:
        return None
    found = _constant_loss(targets, loss, given / given.sum())
    return None if found is None else float(given.mean()) * found


def _constant_loss(targets: np.ndarray, loss: str, shares: np.ndarray | None) -> float | None:
    """The same for rows whose weights sum to 1; without weights nothing of the size of the targets is made for them."""
    if loss == "sparse_categorical_crossentropy":
        return _entropy(_label_shares(targets, shares))
    if loss == "categorical_crossentropy":
        # A sequence or an image has a constant of its own at each place, and its loss is their mean.
        at_places = np.average(targets, axis=0, weights=shares).reshape(-1, targets.shape[-1])
        return float(np.mean([_entropy(place) for place in at_places]))
    flat = targets.reshape(len(targets), -1)
    if loss == "binary_crossentropy":
        ones = np.clip(np.average(flat, axis=0, weights=shares), 0, 1)
        return float(np.mean([_entropy(np.array([share, 1 - share])) for share in ones]))
    if loss in ("mean_squared_error", "mse"):
        flat = flat.astype("float64")
        squares = np.square(flat - np.average(flat, axis=0, weights=shares))
        return float(np.mean(np.average(squares, axis=0, weights=shares)))
    if loss in ("mean_absolute_error", "mae"):
        middle = np.median(flat, axis=0) if shares is None else _medians(flat, shares)
        return float(np.mean(np.average(np.abs(flat - middle), axis=0, weights=shares)))
    return None


def _label_shares(labels: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
    """Share of each label; a row of a sequence or an image holds many, each with the row's weight."""
    if shares is None:
        return np.unique(labels, return_counts=True)[1] / labels.size
    each = np.repeat(shares, labels.size // len(labels)) * len(labels) / labels.size
    _, places = np.unique(labels, return_inverse=True)
    return np.bincount(places.reshape(-1), weights=each)


def _medians(columns: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Weighted median of each column: any value of the middle gives the same mean distance."""
    order = np.argsort(columns, axis=0)
    passed = np.cumsum(shares[order], axis=0) >= 0.5
    middle = np.argmax(passed, axis=0)
    ranked = np.take_along_axis(columns, order, axis=0)
    return np.asarray(np.take_along_axis(ranked, middle[None], axis=0)[0])


def constant_metric(y: Any, loss: str) -> float | None:
    """Largest accuracy on these rows of a prediction that is always the same.

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
        # Binary cross-entropy also takes one-hot rows, where only one class can be right.
        exclusive = loss != "binary_crossentropy" or np.all(flat.sum(axis=1) == 1)
        shares = flat.mean(axis=0)
        return float(shares.max() if exclusive else np.maximum(shares, 1 - shares).mean())
    return float(np.unique(targets, return_counts=True)[1].max() / targets.size)


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
    return SimpleBaseline(comparable.get(loss), absolute, linear=-errors[0], nearest=-errors[1], **about)


def known_of(
    x: Any, y: Any, validation_data: Any, loss: str, class_weight: Any = None, sample_weight: Any = None
) -> dict[str, Any]:
    """What the rows say about a run before it begins, as fields of `Curves`; what cannot be told is left out.

    Args:
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)` or triple with weights, or `None`.
        loss: Keras name of the loss.
        class_weight: As given to `fit`.
        sample_weight: As given to `fit`.

    Example:

    >>> known = known_of(None, [0.0, 1.0], None, "mean_squared_error")
    >>> known
    {'constant_loss': 0.25}
    """
    known: dict[str, Any] = {}
    weighted = class_weight is not None or sample_weight is not None
    weights = row_weights(y, class_weight, sample_weight) if weighted else None
    if y is not None and is_array(y) and (weights is not None or not weighted):
        known["constant_loss"] = constant_loss(y, loss, weights)
    if isinstance(validation_data, tuple | list) and len(validation_data) > 1 and is_array(validation_data[1]):
        held_x, held_y, held_weight = (*validation_data, None)[:3]
        known["validation_rows"] = len(held_y)
        of_rows = None if held_weight is None else row_weights(held_y, None, held_weight)
        # Rows that count unequally ask for another model than the one with the least loss, or most rows right, on
        # validation rows that all count alike.
        alike = not weighted or (weights is not None and np.ptp(weights) == 0)
        if alike and (held_weight is None) == (of_rows is None):
            known["constant_val_loss"] = constant_loss(held_y, loss, of_rows)
        if alike:
            known["constant_metric"] = constant_metric(held_y, loss)
            if x is not None and y is not None and is_array(y):
                # Made when a rule asks for it, and once: a healthy run never pays for it.
                known["simple"] = cache(lambda: simple_baseline(x, y, held_x, held_y, loss))
    return known


def row_weights(y: Any, class_weight: Any, sample_weight: Any) -> np.ndarray | None:
    """What each row counts in the loss of a fit, `(rows,)`; `None` where it cannot be told.

    Args:
        y: Targets; with `class_weight`, class numbers `(rows,)` or `(rows, 1)`, or one-hot.
        class_weight: Weight by class number, 1 for classes that are not named; or `None`.
        sample_weight: One weight a row, or `None`.

    Example:

    >>> row_weights([0, 1, 1], {1: 3.0}, None).tolist()
    [1.0, 3.0, 3.0]
    """
    targets = np.asarray(y)
    if not targets.ndim or (
        sample_weight is not None and np.shape(sample_weight) not in ((len(targets),), (len(targets), 1))
    ):
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


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return float(-np.sum(positive * np.log(positive)))


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
