"""Losses and metrics of each member by itself, computed for all members at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ..layers.stacked import with_logits
from ..runtime.keras_internals import mask_of, metric_function, note_mask

_LOSSES = keras.losses
# Losses whose value for one row depends on that row alone, so that members can stand as rows.
_BY_ROW = (
    _LOSSES.MeanSquaredError, _LOSSES.MeanAbsoluteError, _LOSSES.MeanAbsolutePercentageError,
    _LOSSES.MeanSquaredLogarithmicError, _LOSSES.Huber, _LOSSES.LogCosh, _LOSSES.Hinge, _LOSSES.SquaredHinge,
    _LOSSES.CategoricalHinge, _LOSSES.Poisson, _LOSSES.KLDivergence, _LOSSES.CosineSimilarity,
    _LOSSES.BinaryCrossentropy, _LOSSES.BinaryFocalCrossentropy, _LOSSES.CategoricalCrossentropy,
    _LOSSES.CategoricalFocalCrossentropy, _LOSSES.SparseCategoricalCrossentropy,
)  # fmt: skip
# Metrics that are means of such values; any other gets a copy for each member.
_METRICS_BY_ROW = (
    keras.metrics.Accuracy, keras.metrics.BinaryAccuracy, keras.metrics.CategoricalAccuracy,
    keras.metrics.SparseCategoricalAccuracy, keras.metrics.TopKCategoricalAccuracy,
    keras.metrics.SparseTopKCategoricalAccuracy, keras.metrics.BinaryCrossentropy,
    keras.metrics.CategoricalCrossentropy, keras.metrics.SparseCategoricalCrossentropy,
    keras.metrics.MeanSquaredError, keras.metrics.MeanAbsoluteError, keras.metrics.MeanAbsolutePercentageError,
    keras.metrics.MeanSquaredLogarithmicError, keras.metrics.Hinge, keras.metrics.SquaredHinge,
    keras.metrics.CategoricalHinge, keras.metrics.KLDivergence, keras.metrics.Poisson, keras.metrics.LogCoshError,
)  # fmt: skip


class MemberMean(keras.metrics.Metric):
    """Weighted mean of each member's values; `result()` is the mean over the members that are finite.

    Args:
        members: Number of members, at least 1.
        name: Name in the logs.

    Example:

    >>> mean = MemberMean(2, name="loss")
    >>> mean.update_state([1.0, 3.0], weight=2.0)
    >>> mean.update_state([4.0, 0.0], weight=1.0)
    >>> mean.by_member().tolist()
    [2.0, 2.0]
    """

    def __init__(self, members: int, name: str) -> None:
        super().__init__(name=name)
        self.total = self.add_variable((members,), initializer="zeros", name="total")
        self.count = self.add_variable((members,), initializer="zeros", name="count")

    def update_state(self, values: Any, weight: Any = 1.0) -> None:
        weight = ops.cast(weight, self.dtype)
        self.add(ops.cast(values, self.dtype) * weight, weight)

    def add(self, total: Any, count: Any) -> None:
        """Takes in sums of values, shape `(members,)`, over `count` values."""
        self.total.assign_add(ops.cast(total, self.dtype))
        self.count.assign_add(ops.broadcast_to(ops.cast(count, self.dtype), self.count.shape))

    def values(self) -> Any:
        """The mean of each member, shape `(members,)`."""
        return ops.divide_no_nan(self.total, self.count)

    def result(self) -> Any:
        return finite_mean(self.values())

    def by_member(self) -> np.ndarray:
        """The mean of each member as numpy array of shape `(members,)`."""
        total, count = (np.asarray(ops.convert_to_numpy(v), "float64") for v in (self.total, self.count))
        return np.divide(total, count, out=np.zeros_like(total), where=count != 0)


class MemberCopies(keras.metrics.Metric):
    """One copy of a metric for each member, for metrics that are no mean over rows."""

    def __init__(self, metric: keras.metrics.Metric, members: int, name: str) -> None:
        super().__init__(name=name)
        self.copies = [type(metric).from_config(metric.get_config()) for _ in range(members)]

    def update_state(self, y_true: Any, predictions: Sequence[Any], weights: Sequence[Any]) -> None:
        for one, prediction, weight in zip(self.copies, predictions, weights, strict=True):
            one.update_state(y_true, prediction, sample_weight=weight)

    def reset_state(self) -> None:
        for one in self.copies:
            one.reset_state()

    @property
    def variables(self) -> list[keras.Variable]:
        return [variable for one in self.copies for variable in one.variables]

    def values(self) -> Any:
        """The metric of each member, shape `(members,)`."""
        return ops.stack([ops.cast(one.result(), self.dtype) for one in self.copies])

    def result(self) -> Any:
        return finite_mean(self.values())

    def by_member(self) -> np.ndarray:
        """The metric of each member as numpy array of shape `(members,)`."""
        return np.asarray(ops.convert_to_numpy(self.values()), "float64")


def finite_mean(values: Any) -> Any:
    """Mean over the finite entries, so that one member's NaN does not hide the others; NaN where none is."""
    finite = ops.isfinite(values)
    total = ops.sum(ops.where(finite, values, ops.zeros_like(values)))
    return total / ops.sum(ops.cast(finite, values.dtype))


class MemberLoss:
    """A loss of one output: targets and predictions `(batch, members, ...)` to `(members,)`.

    Args:
        loss: Anything `keras.losses.get` takes, or a function of targets and predictions.
        members: Number of members, at least 1.

    Raises:
        ValueError: The loss reduces to one value a row (`reduction="none"`).

    Example:

    >>> import numpy as np
    >>> loss = MemberLoss("mse", members=2)
    >>> y, predictions = np.array([[1.0], [1.0]]), np.array([[[1.0], [3.0]], [[1.0], [1.0]]])
    >>> np.asarray(loss(y, predictions)).tolist()
    [0.0, 2.0]
    """

    def __init__(self, loss: Any, members: int) -> None:
        self.given = loss
        self.members = members
        self.loss: Any = None
        if getattr(loss, "reduction", "sum") in ("none", None):
            raise ValueError("`loss` must reduce to one number, got reduction 'none'; use 'sum_over_batch_size'.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # Which loss "crossentropy" is depends on the shapes, which the first batch shows.
        self.loss = self.loss or _loss_object(self.given, y_true, y_pred)
        # Keras' own call weighs what a mask leaves, so with one each member is asked by itself.
        if isinstance(self.loss, _BY_ROW) and mask_of(y_pred) is None:
            return self._together(y_true, y_pred, sample_weight)
        predictions = members_of(y_pred, self.members)
        weights = weights_of(sample_weight, self.members)
        pairs = zip(predictions, weights, strict=True)
        return ops.stack([ops.sum(self.loss(y_true, prediction, weight)) for prediction, weight in pairs])

    def _together(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        dtype = self.loss.dtype
        y_true = ops.convert_to_tensor(y_true, dtype)
        y_pred = with_logits(lambda x: ops.convert_to_tensor(x, dtype), y_pred)
        values = by_row(self.loss.call, y_true, y_pred, self.members)
        axes = tuple(axis for axis in range(len(values.shape)) if axis != 1)
        # As `keras.losses.Loss` reduces, but over every axis except that of the members.
        reduction, weights = self.loss.reduction, None
        if sample_weight is not None:
            weights = ops.broadcast_to(ops.cast(spread(sample_weight, values), dtype), ops.shape(values))
            values = values * weights
        if reduction == "sum":
            return ops.sum(values, axis=axes)
        if reduction == "mean_with_sample_weight" and weights is not None:
            return ops.divide_no_nan(ops.sum(values, axis=axes), ops.sum(weights, axis=axes))
        return ops.mean(values, axis=axes)


class MemberMetric:
    """A metric of one output, as Keras names and weighs it, of each member by itself.

    Args:
        metric: A metric's name, function or object.
        members: Number of members, at least 1.
        weighted: Whether sample weights count.
        output: Which of several outputs it belongs to.
        prefix: Put before the name in the logs.

    Attributes:
        tracker: The Keras metric that holds the state.
    """

    def __init__(
        self,
        metric: str | Callable[..., Any] | keras.metrics.Metric,
        members: int,
        weighted: bool,
        output: int,
        prefix: str = "",
    ) -> None:
        self.given = metric
        self.members = members
        self.weighted = weighted
        self.output = output
        self.function = _rowwise_function(metric)
        name = prefix + _metric_name(metric)
        if self.function is not None or _is_function(metric):
            self.tracker: Any = MemberMean(members, name)
        else:
            self.tracker = MemberCopies(keras.metrics.get(metric), members, name)

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in one batch: targets, predictions `(batch, members, ...)`, weights of the rows."""
        sample_weight = sample_weight if self.weighted else None
        if isinstance(self.tracker, MemberCopies):
            weights = weights_of(sample_weight, self.members)
            self.tracker.update_state(y_true, members_of(y_pred, self.members), weights)
            return
        function = self.function or _one_by_one(keras.metrics.get(self.given))
        values = by_row(function, y_true, y_pred, self.members) if self.function else function(y_true, y_pred)
        values = ops.cast(values, self.tracker.dtype)
        axes = tuple(axis for axis in range(len(values.shape)) if axis != 1)
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = ops.broadcast_to(ops.cast(spread(sample_weight, values), values.dtype), ops.shape(values))
        self.tracker.add(ops.sum(values * weights, axis=axes), ops.sum(weights, axis=axes))


def by_row(function: Callable[..., Any], y_true: Any, y_pred: Any, members: int) -> Any:
    """`function` of every row and member: predictions `(batch, members, ...)` to values `(batch, members, ...)`."""
    y_true, y_pred = ops.convert_to_tensor(y_true), with_logits(ops.convert_to_tensor, y_pred)
    # Each row stands once a member in a run, the order that the reshape of the predictions has.
    targets = ops.repeat(y_true, members, axis=0)
    rows = with_logits(lambda x: ops.reshape(x, (-1, *ops.shape(x)[2:])), y_pred)
    values = function(*_same_rank(targets, rows))
    return ops.reshape(values, (-1, members, *ops.shape(values)[1:]))


def members_of(y_pred: Any, members: int) -> list[Any]:
    """Predictions `(batch, members, ...)` as one tensor `(batch, ...)` a member."""
    mask = mask_of(y_pred)
    parts = [with_logits(partial(_column, k), y_pred) for k in range(members)]
    if mask is not None:
        for k, part in enumerate(parts):
            note_mask(part, mask[:, k])
    return parts


def _column(k: int, x: Any) -> Any:
    return x[:, k]


def weights_of(sample_weight: Any, members: int) -> list[Any]:
    """Sample weights of each member: weights of shape `(batch, members)` have a column for each."""
    if sample_weight is None or len(sample_weight.shape) < 2 or sample_weight.shape[1] != members:
        return [sample_weight] * members
    return [sample_weight[:, k] for k in range(members)]


def spread(sample_weight: Any, values: Any) -> Any:
    """Weights `(batch,)`, `(batch, members, ...)` or `(batch, ...)` in a shape that fits `(batch, members, ...)`."""
    weight = ops.convert_to_tensor(sample_weight)
    members, rank = values.shape[1], len(values.shape)
    if len(weight.shape) > 1 and weight.shape[1] != members:
        # `(batch, 1)` is one weight a row, as Keras has it; any other second axis lies behind the members'.
        weight = weight[:, 0] if len(weight.shape) == 2 and weight.shape[1] == 1 else ops.expand_dims(weight, 1)
    while len(weight.shape) < rank:
        weight = ops.expand_dims(weight, -1)
    if len(weight.shape) > rank:
        weight = ops.squeeze(weight, -1)
    return weight


def _same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    # As Keras does: (rows,) against (rows, 1).
    if len(y_pred.shape) - len(y_true.shape) == 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    elif len(y_true.shape) - len(y_pred.shape) == 1 and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return y_true, y_pred


def _kind(y_true: Any, y_pred: Any) -> str:
    """What `"accuracy"` and `"crossentropy"` mean for predictions `(batch, members, ...)`, by Keras' rule."""
    rank = len(y_pred.shape) - 1
    if y_pred.shape[-1] == 1:
        return "binary"
    sparse = len(y_true.shape) < rank or y_true.shape[-1] == 1
    return "sparse_categorical" if sparse else "categorical"


def _loss_object(given: Any, y_true: Any, y_pred: Any) -> keras.losses.Loss:
    if str(given).lower() in ("crossentropy", "ce"):
        given = f"{_kind(y_true, y_pred)}_crossentropy"
    loss = keras.losses.get(given)
    if isinstance(loss, keras.losses.Loss):
        return loss
    for kind in _BY_ROW:
        # A name gives Keras' function; its class is what `_BY_ROW` knows.
        if getattr(kind(), "fn", None) is loss:
            return kind()
    return _FunctionLoss(loss)


class _FunctionLoss(keras.losses.Loss):
    """A user's function of targets and predictions as a loss."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(name="loss")
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.function(*_same_rank(y_true, y_pred))


def _metric_name(metric: str | Callable[..., Any] | keras.metrics.Metric) -> str:
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__))


def _is_function(metric: str | Callable[..., Any] | keras.metrics.Metric) -> bool:
    return not isinstance(keras.metrics.get(metric), keras.metrics.Metric) if not _is_accuracy(metric) else False


def _is_accuracy(metric: str | Callable[..., Any] | keras.metrics.Metric) -> bool:
    return str(metric).lower() in ("accuracy", "acc")


def _rowwise_function(metric: str | Callable[..., Any] | keras.metrics.Metric) -> Callable[..., Any] | None:
    """The function of one row and its prediction, where the metric is a mean of such values."""
    # Keras' `get("accuracy")` counts equal values; what `compile` means by it depends on the shapes.
    if _is_accuracy(metric):
        return _accuracy
    known = keras.metrics.get(metric)
    return metric_function(known) if type(known) in _METRICS_BY_ROW else None


def _accuracy(y_true: Any, y_pred: Any) -> Any:
    # One more axis in front, as `_kind` expects a member axis.
    kind = _kind(y_true, y_pred[:, None])
    return getattr(keras.metrics, f"{kind}_accuracy")(y_true, y_pred)


def _one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(y_true: Any, y_pred: Any) -> Any:
        parts = members_of(y_pred, y_pred.shape[1])
        values = [function(*_same_rank(ops.convert_to_tensor(y_true), part)) for part in parts]
        # A function that gives one number for the batch counts as one row.
        if not len(values[0].shape):
            return ops.stack(values)[None]
        return ops.stack(values, axis=1)

    return apply
