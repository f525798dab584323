"""Losses and metrics of each member: Keras' own, called for each, or for all at once where that is the same."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ..layers.stacked import with_logits
from ..runtime.keras_internals import (
    compiled_accuracy,
    compiled_loss,
    compiled_metric,
    function_arguments,
    mask_of,
    metric_function,
    note_mask,
)
from .crowd import Crowd
from .row_weights import MemberWeights, weights_of

_L, _M = keras.losses, keras.metrics
# What compares classes by their numbers, so that targets have one axis less than predictions.
_SPARSE = (
    _L.SparseCategoricalCrossentropy,
    _M.SparseCategoricalCrossentropy,
    _M.SparseCategoricalAccuracy,
    _M.SparseTopKCategoricalAccuracy,
)
# Losses whose value for one row depends on that row alone, so that members can stand as rows.
_BY_ROW = (
    _L.MeanSquaredError, _L.MeanAbsoluteError, _L.MeanAbsolutePercentageError, _L.MeanSquaredLogarithmicError,
    _L.Huber, _L.LogCosh, _L.Hinge, _L.SquaredHinge, _L.CategoricalHinge, _L.Poisson, _L.KLDivergence,
    _L.CosineSimilarity, _L.BinaryCrossentropy, _L.BinaryFocalCrossentropy, _L.CategoricalCrossentropy,
    _L.CategoricalFocalCrossentropy, _L.SparseCategoricalCrossentropy,
)  # fmt: skip
# Metrics that are means of such values.
_METRICS_BY_ROW = (
    _M.Accuracy, _M.BinaryAccuracy, _M.CategoricalAccuracy, _M.SparseCategoricalAccuracy, _M.TopKCategoricalAccuracy,
    _M.SparseTopKCategoricalAccuracy, _M.BinaryCrossentropy, _M.CategoricalCrossentropy,
    _M.SparseCategoricalCrossentropy, _M.MeanSquaredError, _M.MeanAbsoluteError, _M.MeanAbsolutePercentageError,
    _M.MeanSquaredLogarithmicError, _M.Hinge, _M.SquaredHinge, _M.CategoricalHinge, _M.KLDivergence, _M.Poisson,
    _M.LogCoshError,
)  # fmt: skip
_CLASS_OF_FUNCTION = {getattr(kind(), "fn", None): kind for kind in _BY_ROW}


class MemberMean(keras.metrics.Metric):
    """Weighted mean of each member's values; `result()` is the mean over the members that are finite.

    Args:
        members: Number of members, at least 1.
        name: Name in the logs.
        dtype: Of the sums; that of all Keras metrics by default.

    Example:

    >>> mean = MemberMean(2, name="loss")
    >>> mean.update_state([1.0, 3.0], weight=2.0)
    >>> mean.update_state([4.0, 0.0], weight=1.0)
    >>> mean.by_member().tolist()
    [2.0, 2.0]
    """

    def __init__(self, members: int, name: str, dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
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


class MemberStates(keras.metrics.Metric):
    """Any metric, with a state for each member: the metric says how a state goes on, and keeps none itself.

    Args:
        metric: The Keras metric.
        members: Number of members, at least 1.

    Raises:
        ValueError: The metric keeps its state where Keras does not see it, or answers a dictionary; when the
            first batch comes.

    Example:

    >>> states = MemberStates(keras.metrics.RootMeanSquaredError(), members=2)
    >>> states.update_state(np.zeros((1, 1)), [np.ones((1, 1)), np.full((1, 1), 3.0)], [None, None])
    >>> states.by_member().tolist()
    [1.0, 3.0]
    """

    def __init__(self, metric: keras.metrics.Metric, members: int) -> None:
        super().__init__(name=metric.name, dtype=metric.dtype)
        self.members = members
        # Out of sight of Keras, which would else count the metric's own state as part of this one.
        self._rule: Callable[[], keras.metrics.Metric] = lambda: metric
        self._states: list[keras.Variable] = []

    @property
    def metric(self) -> keras.metrics.Metric:
        """The metric of one member."""
        return self._rule()

    def update_state(self, y_true: Any, predictions: Sequence[Any], weights: Sequence[Any]) -> None:
        """Takes in one batch: the targets, and predictions and weights of each member."""
        if not self._states:
            self._begin(y_true, predictions[0], weights[0])
        new = [
            self.metric.stateless_update_state(self._of(k), y_true, prediction, sample_weight=weight)
            for k, (prediction, weight) in enumerate(zip(predictions, weights, strict=True))
        ]
        for state, values in zip(self._states, zip(*new, strict=True), strict=True):
            state.assign(ops.stack([ops.cast(value, state.dtype) for value in values]))

    def _begin(self, y_true: Any, prediction: Any, weight: Any) -> None:
        # Some metrics make their variables when they see the first shapes. What they note of this batch is not used.
        self.metric.update_state(y_true, prediction, sample_weight=weight)
        if not self.metric.variables:
            raise ValueError(
                f"The metric {self.name!r} keeps no state in Keras variables, so members cannot have one each; make "
                "its state with `self.add_variable`."
            )
        if isinstance(self.metric.result(), dict):
            raise ValueError(
                f"The metric {self.name!r} answers a dictionary; in a population give one metric for each number."
            )
        for place, variable in enumerate(self.metric.variables):
            shape = (self.members, *variable.shape)
            # By an initializer: to assign here would be part of the training step, and start anew with each batch.
            start = partial(self._start, place)
            self._states.append(self.add_variable(shape, initializer=start, dtype=variable.dtype, name=variable.name))

    def _start(self, place: int, shape: Sequence[int], dtype: Any = None) -> Any:
        return ops.broadcast_to(ops.cast(self.metric.stateless_reset_state()[place], dtype), shape)

    def _of(self, k: int) -> list[Any]:
        return [state[k] for state in self._states]

    def reset_state(self) -> None:
        for place, state in enumerate(self._states):
            state.assign(self._start(place, state.shape, state.dtype))

    def values(self) -> Any:
        """The metric of each member, shape `(members, ...)`."""
        stacked = ops.stack([self._result(k) for k in range(self.members)])
        # Counts may be whole numbers, whose mean is none.
        return stacked if "float" in str(stacked.dtype) else ops.cast(stacked, keras.backend.floatx())

    def _result(self, k: int) -> Any:
        # As `Metric.stateless_result`, but some metrics answer the variable itself, to be read while it has this state.
        with keras.StatelessScope(state_mapping=list(zip(self.metric.variables, self._of(k), strict=True))):
            result = self.metric.result()
            return result.value if isinstance(result, keras.Variable) else result

    def result(self) -> Any:
        return finite_mean(self.values())

    def by_member(self) -> np.ndarray:
        """The metric of each member as numpy array of shape `(members, ...)`."""
        return np.asarray(ops.convert_to_numpy(self.values()), "float64")


def finite_mean(values: Any) -> Any:
    """Mean over the finite members, so that one member's NaN does not hide the others; NaN where none is."""
    finite = ops.isfinite(values)
    total = ops.sum(ops.where(finite, values, ops.zeros_like(values)), axis=0)
    return total / ops.sum(ops.cast(finite, values.dtype), axis=0)


class MemberLoss:
    """A loss of one output: targets `(batch, ...)` and predictions `(batch, members, ...)` to `(members,)`.

    Args:
        loss: Anything `keras.losses.get` takes, or a function of targets and predictions.
        crowd: Which members.

    Raises:
        ValueError: The loss reduces to one value a row (`reduction="none"`).

    Example:

    >>> import numpy as np
    >>> loss = MemberLoss("mse", Crowd(2))
    >>> y, predictions = np.array([[1.0], [1.0]]), np.array([[[1.0], [3.0]], [[1.0], [1.0]]])
    >>> np.asarray(loss(y, predictions)).tolist()
    [0.0, 2.0]
    """

    def __init__(self, loss: Any, crowd: Crowd) -> None:
        self.given = loss
        self.crowd = crowd
        self.losses: list[Any] = []
        if getattr(loss, "reduction", "sum") in ("none", None):
            raise ValueError("`loss` must reduce to one number, got reduction 'none'; use 'sum_over_batch_size'.")
        if str(loss).lower() not in ("crossentropy", "ce"):
            _known("loss", loss, keras.losses.get)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), with_logits(ops.convert_to_tensor, y_pred)
        if not self.losses:
            self.losses = self._made(y_true, y_pred[:, 0])
        loss, members = self.losses[0], self.crowd.members
        weights = weights_of(sample_weight, y_pred.shape, self.crowd)
        # With more axes Keras lets weights of rows count along the last one, if at all.
        together = weights.none or (weights.by_row and len(y_pred.shape) == 3)
        if together and _members_as_rows(loss, _BY_ROW, y_true, y_pred):
            return self._together(loss, y_true, y_pred, weights)
        values = [
            one(y_true, part, weights.of(k))
            for k, (one, part) in enumerate(zip(self.losses, members_of(y_pred, members), strict=True))
        ]
        if len(values[0].shape):
            raise ValueError(f"`loss` must give one number for a batch, got values of shape {tuple(values[0].shape)}.")
        return ops.cast(ops.stack(values), keras.backend.floatx())

    def _made(self, y_true: Any, one: Any) -> list[Any]:
        # Which loss "crossentropy" is depends on the shapes, which the first batch shows.
        loss = compiled_loss(self.given, y_true, one)
        kind = _CLASS_OF_FUNCTION.get(getattr(loss, "fn", None))
        if kind is not None and type(loss) not in _BY_ROW and not function_arguments(loss):
            loss = kind()
        return [twin(loss) if _holds_state(loss) else loss for _ in range(self.crowd.members)]

    def _together(self, loss: Any, y_true: Any, y_pred: Any, weights: MemberWeights) -> Any:
        """As `keras.losses.Loss` converts and reduces, but over every axis except that of the members."""
        dtype = loss.dtype
        y_true = ops.convert_to_tensor(y_true, dtype)
        y_pred = with_logits(lambda x: ops.convert_to_tensor(x, dtype), y_pred)
        values = by_row(loss.call, y_true, y_pred, self.crowd.members)
        axes = tuple(axis for axis in range(len(values.shape)) if axis != 1)
        if weights.none:
            total, count = ops.sum(values, axis=axes), ops.cast(ops.size(values[:, 0]), dtype)
        else:
            columns = weights.columns(dtype)
            total, count = ops.sum(values * columns, axis=0), ops.cast(ops.shape(values)[0], dtype)
            if loss.reduction == "mean_with_sample_weight":
                count = ops.sum(columns, axis=0)
        reduced = total if loss.reduction == "sum" else ops.divide_no_nan(total, count)
        return ops.cast(reduced, keras.backend.floatx())


class MemberMetric:
    """A metric of one output, as Keras names and weighs it, of each member by itself.

    Args:
        metric: A metric's name, function or object.
        crowd: Which members.
        weighted: Whether sample weights count.
        output: Which of several outputs it belongs to.

    Attributes:
        tracker: The Keras metric that holds the state.
    """

    def __init__(
        self, metric: str | Callable[..., Any] | keras.metrics.Metric, crowd: Crowd, weighted: bool, output: int
    ) -> None:
        self.given = metric
        self.crowd = crowd
        self.weighted = weighted
        self.output = output
        # What "accuracy" counts depends on the shapes, which the first batch shows; that it is a mean does not.
        depends = str(metric).lower() in ("accuracy", "acc")
        self._accuracy = compiled_accuracy(str(metric)) if depends else None
        self.rule = None if depends else compiled_metric(_known("metrics", metric, keras.metrics.get), None, None)
        if self.rule is None or _is_mean(self.rule):
            name, dtype = (str(metric), None) if self.rule is None else (self.rule.name, self.rule.dtype)
            self.tracker: Any = MemberMean(crowd.members, name, dtype)
        else:
            self.tracker = MemberStates(self.rule, crowd.members)

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in one batch: targets, predictions `(batch, members, ...)`, weights of the rows."""
        y_true, y_pred = ops.convert_to_tensor(y_true), with_logits(ops.convert_to_tensor, y_pred)
        if self._accuracy is not None:
            self.rule = self._accuracy(y_true, y_pred[:, 0])
        rule: Any = self.rule
        members = self.crowd.members
        weights = weights_of(sample_weight if self.weighted else None, y_pred.shape, self.crowd)
        together = weights.none or weights.by_row
        if together and _members_as_rows(rule, _METRICS_BY_ROW, y_true, y_pred):
            self._together(y_true, y_pred, weights)
            return
        predictions, own = members_of(y_pred, members), [weights.of(k) for k in range(members)]
        if isinstance(self.tracker, MemberStates):
            self.tracker.update_state(y_true, predictions, own)
            return
        nothing = [ops.zeros((), variable.dtype) for variable in rule.variables]
        sums = [
            rule.stateless_update_state(nothing, y_true, prediction, sample_weight=weight)
            for prediction, weight in zip(predictions, own, strict=True)
        ]
        total, count = (ops.stack(parts) for parts in zip(*sums, strict=True))
        self.tracker.add(total, count)

    def _together(self, y_true: Any, y_pred: Any, weights: MemberWeights) -> None:
        rule: Any = self.rule
        function: Any = metric_function(rule)
        values = ops.cast(by_row(function, y_true, y_pred, self.crowd.members), rule.dtype)
        # A row counts once, however many values it has.
        values = ops.mean(values, axis=tuple(range(2, len(values.shape)))) if len(values.shape) > 2 else values
        columns = ops.ones_like(values) if weights.none else weights.columns(rule.dtype)
        self.tracker.add(ops.sum(values * columns, axis=0), ops.sum(columns * ops.ones_like(values), axis=0))


def _known(name: str, given: Any, get: Callable[[Any], Any]) -> Any:
    """What Keras knows, as it was given."""
    try:
        get(given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`{name}` must be what Keras' `compile` takes, got {given!r}.") from error
    return given


def _is_mean(metric: keras.metrics.Metric) -> bool:
    """Whether all that a metric does is to average the values of a function."""
    own, mean = type(metric), keras.metrics.MeanMetricWrapper
    methods = ("update_state", "result", "reset_state")
    return isinstance(metric, mean) and all(getattr(own, name) is getattr(mean, name) for name in methods)


def _members_as_rows(one: Any, known: Sequence[type], y_true: Any, y_pred: Any) -> bool:
    """Whether members may stand as rows of one batch: no row counts for another, and no mask leaves any out."""
    settings = function_arguments(one)
    if type(one) not in known or mask_of(y_pred) is not None or len(y_pred.shape) < 3:
        return False
    if settings.get("axis", -1) != -1 or settings.get("ignore_class") is not None:
        return False
    rank, targets = len(y_pred.shape) - 1, len(y_true.shape)
    less = targets == rank - 1 and (y_pred.shape[-1] == 1 or type(one) in _SPARSE)
    return targets == rank or less


def by_row(function: Callable[..., Any], y_true: Any, y_pred: Any, members: int) -> Any:
    """`function` of every row and member: predictions `(batch, members, ...)` to values `(batch, members, ...)`."""
    # Each row stands once a member in a run, the order that the reshape of the predictions has.
    targets = ops.repeat(y_true, members, axis=0)
    rows = with_logits(lambda x: ops.reshape(x, (-1, *ops.shape(x)[2:])), y_pred)
    values = function(targets, rows)
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


def twin(one: Any) -> Any:
    """A metric or loss like another, whose state is its own.

    Keras' own copy goes through the configuration, which losses and metrics of the user's need not have.

    Args:
        one: Keras metric or loss.

    Example:

    >>> mean = keras.metrics.Mean()
    >>> mean.update_state([1.0, 3.0])
    >>> other = twin(mean)
    >>> other.update_state([5.0])
    >>> float(mean.result()), float(other.result())
    (2.0, 3.0)
    """
    made = object.__new__(type(one))
    memo: dict[int, Any] = {id(one): made}
    for value in _within(one):
        if isinstance(value, keras.Variable):
            start = ops.convert_to_numpy(value)
            memo[id(value)] = keras.Variable(start, dtype=value.dtype, trainable=value.trainable, name=value.name)
        else:
            memo[id(value)] = twin(value) if isinstance(value, keras.metrics.Metric) else value
    object.__setattr__(made, "__dict__", copy.deepcopy(vars(one), memo))
    return made


def _within(one: Any) -> list[Any]:
    """The variables, metrics and models that an object holds, those inside its lists and dictionaries too."""
    kinds = (keras.Variable, keras.metrics.Metric, keras.layers.Layer)
    return [leaf for value in vars(one).values() for leaf in keras.tree.flatten(value) if isinstance(leaf, kinds)]


def _holds_state(loss: Any) -> bool:
    return any(isinstance(value, (keras.Variable, keras.metrics.Metric)) for value in _within(loss))
