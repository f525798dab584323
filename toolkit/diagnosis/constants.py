"""What a constant prediction reaches, and what none gets below: the two marks between which a loss is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from ..models.reading import is_of_keras, named_loss
from ..runtime.keras_internals import function_arguments
from .thresholds import limit

_CROSS_ENTROPY = "crossentropy"
# No closed form, least 0, and each column by itself: their best constant is searched for between least and largest
# target.
_BY_COLUMN = (
    "huber", "log_cosh", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "hinge", "squared_hinge",
)  # fmt: skip
_FEWEST, _MOST_COLUMNS, _ROWS_AT_ONCE = 1e-12, 64, 4096


@dataclass(frozen=True)
class Marks:
    """Two losses between which a model is judged.

    Args:
        constant: Loss of the best prediction that is the same for all rows.
        least: Loss that no prediction gets below; above 0 where targets are soft.

    Example:

    >>> Marks(0.69, 0.5).times(2.0)
    Marks(constant=1.38, least=1.0)
    """

    constant: float
    least: float = 0.0

    def times(self, factor: float) -> Marks:
        """The marks of a loss that is so many times as large."""
        return Marks(self.constant * factor, self.least * factor)


@dataclass(frozen=True)
class _Loss:
    """A loss, as far as a constant must know it."""

    name: str
    smoothing: float = 0.0
    ignored: int | None = None
    # Whether weighted losses are divided by their weights, and not by their number as usual.
    by_weight: bool = False
    function: Callable[[Any, Any], Any] | None = None


def constant_marks(y: Any, loss: Any, weights: np.ndarray | None = None) -> Marks | None:
    """Loss of the best constant prediction and the least loss, as Keras would log them.

    Labels that `ignore_class` leaves out count nowhere, smoothed labels as what they are smoothed to. Sequences and
    images in one-hot form or as numbers have a constant of their own at each place, class numbers one for all.

    Args:
        y: Targets as given to `fit`.
        loss: Loss as given to `compile`: a name, a function or an object of Keras.
        weights: What each row counts, `(rows,)`, or each step, `(rows, steps)`; `None` where all count 1.

    Returns:
        `None` for losses that are not Keras' own or have no such marks, for targets that are no finite numbers, and
        for weights that do not fit them.

    Example:

    >>> constant_marks([0.0, 1.0], "mean_squared_error")
    Marks(constant=0.25, least=0.0)
    >>> smoothed = keras.losses.BinaryCrossentropy(label_smoothing=0.2)
    >>> round(constant_marks([0, 1], smoothed).least, 4)  # the entropy of 0.1 and 0.9
    0.3251
    """
    terms = _terms(loss)
    targets = np.asarray(y)
    if terms is None or targets.size == 0 or targets.ndim == 0:
        return None
    if not np.issubdtype(targets.dtype, np.number) or not np.all(np.isfinite(targets)):
        return None
    places = _places(targets, terms)
    counted = None if weights is None else _weights_of(places, weights)
    if weights is not None and counted is None:
        return None
    found = _labels(places, terms, counted) if _is_sparse(terms) else _columns(places, terms, counted)
    # What cannot be predicted at all has no constant either, such as a hinge of targets beyond -1 and 1.
    return found if found is not None and np.isfinite(found.constant) and np.isfinite(found.least) else None


def constant_loss(y: Any, loss: Any, weights: np.ndarray | None = None) -> float | None:
    """Loss of the best constant prediction, as Keras would log it; see `constant_marks`.

    Example:

    >>> round(constant_loss([0, 1, 0, 1], "binary_crossentropy"), 4)
    0.6931
    >>> round(constant_loss([0, 1], "mean_squared_error", np.array([1.0, 3.0])), 4)
    0.375
    """
    found = constant_marks(y, loss, weights)
    return None if found is None else found.constant


def ignored_class(loss: Any) -> int | None:
    """The class number that a loss leaves out, or `None`.

    Example:

    >>> ignored_class(keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)), ignored_class("mse")
    (-1, None)
    """
    return function_arguments(loss).get("ignore_class") if isinstance(loss, keras.losses.Loss) else None


def constant_metric(y: Any, loss: Any) -> float | None:
    """Largest accuracy on these rows of a prediction that is always the same.

    Args:
        y: Validation targets as given to `fit`.
        loss: Loss as given to `compile`; only a cross-entropy has classes.

    Returns:
        The share of the commonest class over all rows and places, over several labels its mean; `None` where
        there are no classes, or only soft ones.

    Example:

    >>> constant_metric([1, 1, 1, 0], "binary_crossentropy")
    0.75
    """
    terms = _terms(loss)
    targets = np.asarray(y)
    if terms is None or _CROSS_ENTROPY not in terms.name or targets.size == 0:
        return None
    if not np.issubdtype(targets.dtype, np.number) or not np.all(np.isfinite(targets)):
        return None
    if not _is_sparse(terms) and np.any((targets != 0) & (targets != 1)):
        return None
    if _is_sparse(terms) or targets.ndim == 1 or targets.shape[-1] == 1:
        # Keras counts ignored labels as answered wrong, and a constant may not be helped by them.
        labels = targets[targets != terms.ignored] if terms.ignored is not None else targets
        return float(np.unique(labels, return_counts=True)[1].max(initial=0) / targets.size)
    flat = targets.reshape(-1, targets.shape[-1])
    # Binary cross-entropy also takes one-hot rows, where only one class can be right.
    exclusive = terms.name.startswith("categorical") or np.all(flat.sum(axis=1) == 1)
    shares = flat.mean(axis=0)
    return float(shares.max() if exclusive else np.maximum(shares, 1 - shares).mean())


def _terms(loss: Any) -> _Loss | None:
    """What is known of a loss; `None` for one that is not Keras' own, whatever its name."""
    name = named_loss(loss)
    if not name or not is_of_keras(loss):
        return None
    if isinstance(loss, str) or not isinstance(loss, keras.losses.Loss):
        return _Loss(name, function=keras.losses.get(loss) if isinstance(loss, str) else loss)
    if loss.reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        # The sum over a batch depends on its size.
        return None
    given = function_arguments(loss)
    return _Loss(
        name,
        smoothing=float(given.get("label_smoothing") or 0.0),
        ignored=given.get("ignore_class"),
        by_weight=loss.reduction == "mean_with_sample_weight",
        function=loss.call,
    )


def _is_sparse(terms: _Loss) -> bool:
    return terms.name == "sparse_categorical_crossentropy"


def _places(targets: np.ndarray, terms: _Loss) -> np.ndarray:
    """Targets as `(rows, places)` class numbers, or as `(rows, places, outputs)`."""
    if _is_sparse(terms):
        return targets.reshape(len(targets), -1)
    wide = targets[:, None] if targets.ndim == 1 else targets
    return wide.reshape(len(wide), -1, wide.shape[-1])


def _weights_of(places: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """What each place of each row counts, `(rows, places)`; `None` where the weights do not fit or count nothing."""
    given = np.asarray(weights, dtype="float64").reshape(len(weights), -1)
    if len(given) != len(places) or given.shape[1] not in (1, places.shape[1]):
        return None
    if not np.all(np.isfinite(given)) or np.any(given < 0) or not given.sum() > 0:
        return None
    return np.broadcast_to(given, places.shape[:2])


def _labels(labels: np.ndarray, terms: _Loss, weights: np.ndarray | None) -> Marks | None:
    """The marks of class numbers: one constant for all places, since a row of them holds words, steps or pixels."""
    flat = labels.reshape(-1)
    counted = None if weights is None else weights.reshape(-1)
    if terms.ignored is not None:
        kept = flat != terms.ignored
        flat, counted = flat[kept], None if counted is None else counted[kept]
    if not len(flat):
        return None
    if counted is None:
        return Marks(_entropy(np.unique(flat, return_counts=True)[1] / len(flat)))
    if not counted.sum() > 0:
        return None
    _, places = np.unique(flat, return_inverse=True)
    shares = np.bincount(places.reshape(-1), weights=counted) / counted.sum()
    return Marks(_entropy(shares)).times(1.0 if terms.by_weight else float(counted.mean()))


def _columns(targets: np.ndarray, terms: _Loss, weights: np.ndarray | None) -> Marks | None:
    """The marks of targets with a constant for each place and output."""
    made = _FORMS.get(terms.name)
    if made is None:
        made = _by_search if terms.name in _BY_COLUMN else None
    if made is None:
        return None
    if weights is None:
        return made(targets, terms, None)
    # A place that counts in no row, such as a step that is padding everywhere, has shares of 0.
    shares = weights / np.maximum(weights.sum(axis=0), _FEWEST)
    at_places = [
        made(targets[:, place : place + 1], terms, shares[:, place : place + 1]) for place in range(targets.shape[1])
    ]
    total = weights.sum(axis=0)
    # Each place counts as its rows do.
    scale = total / total.sum() if terms.by_weight else weights.mean(axis=0) / targets.shape[1]
    found = [(marks, float(part)) for marks, part in zip(at_places, scale, strict=True) if marks is not None]
    if len(found) < len(at_places):
        return None
    return Marks(sum(marks.constant * part for marks, part in found), sum(marks.least * part for marks, part in found))


def _mean(values: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
    """Mean over the rows, `(places, outputs)`."""
    # Without weights nothing of the size of the targets is made for them.
    return values.mean(axis=0) if shares is None else np.einsum("np,npd->pd", shares, values)


def _mean_by_part(
    function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, shares: np.ndarray | None
) -> np.ndarray:
    """Mean over the rows of a function of them, some rows at a time: all at once would take many times their room."""
    found = np.zeros(values.shape[1:])
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        worth = function(values[part])
        found += worth.sum(axis=0) / len(values) if shares is None else np.einsum("np,npd->pd", shares[part], worth)
    return found


def _categorical(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks:
    smoothed = _smoothed(targets, terms.smoothing, targets.shape[-1])
    soft = _mean_by_part(lambda part: -_times_log(part, part.sum(axis=-1, keepdims=True)), smoothed, shares)
    mean = _mean(smoothed, shares)
    constant = -_times_log(mean, mean.sum(axis=-1, keepdims=True))
    return Marks(float(constant.sum(axis=-1).mean()), float(soft.sum(axis=-1).mean()))


def _binary(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks:
    smoothed = np.clip(_smoothed(targets, terms.smoothing, 2), 0, 1)
    soft = _mean_by_part(lambda part: -_times_log(part) - _times_log(1 - part), smoothed, shares)
    ones = _mean(smoothed, shares)
    return Marks(float(np.mean(-_times_log(ones) - _times_log(1 - ones))), float(soft.mean()))


def _divergence(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks:
    # A divergence is a cross-entropy without the entropy of the targets.
    found = _categorical(targets, replace(terms, smoothing=0.0), shares)
    return Marks(found.constant - found.least)


def _poisson(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks | None:
    if targets.min() < 0:
        return None
    mean = _mean(targets, shares)
    least = _mean_by_part(lambda part: part - _times_log(part), targets, shares)
    return Marks(float(np.mean(mean - _times_log(mean))), float(least.mean()))


def _squared(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks:
    middle = targets.astype("float64").mean(axis=0) if shares is None else _mean(targets, shares)
    return Marks(float(_mean_by_part(lambda part: np.square(part - middle), targets, shares).mean()))


def _absolute(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks:
    flat = targets.reshape(len(targets), -1)
    middle = np.median(flat, axis=0) if shares is None else _medians(flat, shares[:, 0])
    middle = middle.reshape(targets.shape[1:])
    return Marks(float(_mean_by_part(lambda part: np.abs(part - middle), targets, shares).mean()))


def _by_search(targets: np.ndarray, terms: _Loss, shares: np.ndarray | None) -> Marks | None:
    """The best constant of each column, searched for with the loss itself."""
    columns = targets.reshape(len(targets), -1).astype("float64")
    if columns.shape[1] > _MOST_COLUMNS or terms.function is None:
        return None
    counted = np.full(len(columns), 1 / len(columns)) if shares is None else shares[:, 0]
    rows = np.unique(np.linspace(0, len(columns) - 1, int(limit("rows_judged"))).astype(int))
    found = []
    for column in columns.T:
        chosen, weights = column[rows, None], counted[rows] / counted[rows].sum()

        low = -1.0 if "hinge" in terms.name else float(chosen.min())
        found.append(_least(terms.function, chosen, weights, low))
    return Marks(float(np.mean(found)))


def _least(function: Callable[[Any, Any], Any], targets: np.ndarray, weights: np.ndarray, low: float) -> float:
    """Least mean loss of a prediction between `low` and the largest target."""

    def mean_loss(constant: float) -> float:
        losses = keras.ops.convert_to_numpy(function(targets, np.full_like(targets, constant)))
        return float(np.dot(weights, losses.reshape(-1)))

    high = max(low, float(targets.max()))
    ends = min(mean_loss(low), mean_loss(high))
    # A search between the ends never looks at them.
    return (
        ends
        if low == high
        else min(ends, float(minimize_scalar(mean_loss, (low, high), (low, high), method="bounded").fun))
    )


_FORMS: dict[str, Callable[[np.ndarray, _Loss, np.ndarray | None], Marks | None]] = {
    "categorical_crossentropy": _categorical,
    "binary_crossentropy": _binary,
    # By the name of the function, and of the class.
    "kl_divergence": _divergence,
    "k_l_divergence": _divergence,
    "poisson": _poisson,
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
}


def _smoothed(targets: np.ndarray, smoothing: float, classes: int) -> np.ndarray:
    """Labels as Keras smooths them, which takes some of each from the true class and gives it to all."""
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _times_log(values: np.ndarray, total: np.ndarray | float = 1.0) -> np.ndarray:
    """`values * log(values / total)`, 0 where a value is 0."""
    wide = values.astype("float64")
    return wide * np.log(np.maximum(wide, _FEWEST) / np.maximum(total, _FEWEST))


def _entropy(shares: np.ndarray) -> float:
    return float(-np.sum(_times_log(shares)))


def _medians(columns: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Weighted median of each column: any value of the middle gives the same mean distance."""
    order = np.argsort(columns, axis=0)
    passed = np.cumsum(shares[order], axis=0) >= 0.5
    middle = np.argmax(passed, axis=0)
    ranked = np.take_along_axis(columns, order, axis=0)
    return np.asarray(np.take_along_axis(ranked, middle[None], axis=0)[0])
