"""The mean of the weights along a fit: equal (SWA) or fading (EMA), in the model when it is measured."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..toolkit.checks import number, one_of, refuse_no_rows, whole_number
from ..toolkit.models.batch_norm import batch_norms, recalibrate
from ..toolkit.runtime.keras_internals import callbacks_beside
from .resume import Resume


class WeightAverage(keras.callbacks.Callback):
    """Averages the weights of a fit; validation, `evaluate` and `predict` see the average, training does not.

    The average that was measured stays in the model until the next epoch begins, so that callbacks that keep
    weights at the end of an epoch, such as ModelCheckpoint, EarlyStopping and BackupAndRestore, keep those that
    their value was measured with, wherever they stand in the list. What EarlyStopping restores then stays.

    Only trainable weights are averaged. When the fit ends, the model holds the average (`keep="average"`) or
    what it was trained to (`keep="last"`); then `evaluate` and `predict` with `callbacks=[callback]` put the
    average in for as long as they last, and take it out again.

    Args:
        how: `"mean"`: equal weights (stochastic weight averaging); `"exponential"`: a mean that fades, with
            `momentum`.
        start: Share of the epochs of the fit after which averaging begins, in [0, 1).
        every: `"epoch"` or `"step"`: after which of them the weights go in.
        momentum: Of the exponential mean, in (0, 1): how much of it stays at each turn.
        keep: `"average"` or `"last"`.
        x: Training rows, on which the statistics of batch normalisation are computed anew for the average.
            Needed where the model has batch normalisation and `how` is `"mean"`; then every validation costs
            one pass over them.
        batch_size: Rows of a batch of that pass, >= 2.

    Attributes:
        count: How often weights went in.
        average: The averaged weights, as arrays, in the order of `model.trainable_variables`.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range; when the fit begins: `x` is missing, or another callback keeps or sets
            weights that would not be those that were measured.

    Reference: Izmailov et al. 2018, arXiv:1803.05407 (SWA); Polyak and Juditsky 1992, "Acceleration of stochastic
    approximation by averaging"; Tarvainen and Valpola 2017, arXiv:1703.01780 (EMA).

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> averaged = WeightAverage(start=0.5)
    >>> _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=4, callbacks=[averaged], verbose=0)
    >>> averaged.count
    2
    """

    def __init__(
        self,
        how: str = "mean",
        start: float = 0.5,
        every: str = "epoch",
        momentum: float = 0.99,
        keep: str = "average",
        x: Any = None,
        batch_size: int = 256,
    ) -> None:
        super().__init__()
        self.how = one_of("how", how, ("mean", "exponential"))
        self.start = number("start", start, 0, 1, open_high=True)
        self.every = one_of("every", every, ("epoch", "step"))
        self.momentum = number("momentum", momentum, 0, 1, open_low=True, open_high=True)
        self.keep = one_of("keep", keep, ("average", "last"))
        if x is not None:
            refuse_no_rows("x", x)
        self.x = x
        self.batch_size = whole_number("batch_size", batch_size, low=2)
        self.count = 0
        self.average: list[np.ndarray] = []
        # While the average is in the model: the variables with what they held, and what was put in.
        self._last: list[tuple[keras.Variable, np.ndarray]] = []
        self._put: list[np.ndarray] = []
        self._fitting = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if self.how == "mean" and self.x is None and batch_norms(self.model):
            raise ValueError(
                "The model has batch normalisation, whose statistics do not fit averaged weights: give training rows, "
                "`WeightAverage(x=x_train)`."
            )
        _refuse_others(callbacks_beside(self))
        # A fit that was stopped inside a validation may have left the average in.
        self._swap_out()
        # A second fit with the same callback is a run of its own.
        self.count, self.average = 0, []
        self._begins = int(self.start * int(self.params.get("epochs") or 1))
        self._epoch, self._before, self._taken = 0, 0, False
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._swap_out()
        self._epoch, self._before, self._taken = epoch, 0, False

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # Keras calls once for several updates where `steps_per_execution` is above 1.
        updates, self._before = batch + 1 - self._before, batch + 1
        if self.every == "step" and self._epoch >= self._begins:
            self._take(updates)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._take_epoch()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._fitting = False
        # What was restored was measured too, and stays whichever of the two callbacks comes first.
        if any(_restores(one) for one in callbacks_beside(self)):
            self._last = []
            return
        self._swap_out()
        if self.keep == "average" and self.count:
            self._put_in()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        if self._fitting:
            # The weights of this epoch are part of what is measured.
            self._take_epoch()
        self._swap_in()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        # In a fit the callbacks that keep weights at the end of the epoch come after this.
        if not self._fitting:
            self._swap_out()

    def on_predict_begin(self, logs: dict[str, float] | None = None) -> None:
        self._swap_in()

    def on_predict_end(self, logs: dict[str, float] | None = None) -> None:
        self._swap_out()

    def _take_epoch(self) -> None:
        if self.every == "epoch" and self._epoch >= self._begins and not self._taken:
            self._taken = True
            self._take(1)

    def _take(self, updates: int) -> None:
        # In float64: a mean of many float32 values would drift.
        own = [ops.convert_to_numpy(variable).astype("float64") for variable in self.model.trainable_variables]
        self.count += 1
        if self.count == 1:
            self.average = own
            return
        # Several updates in one call fade the mean as often as they would have one by one.
        share = 1 / self.count if self.how == "mean" else 1 - self.momentum**updates
        for mean, value in zip(self.average, own, strict=True):
            mean += share * (value - mean)

    def _swap_in(self) -> None:
        self._swap_out()
        if self.count:
            # Putting the average in recalibrates batch normalisation, so its statistics are kept too.
            held = [*self.model.trainable_variables, *self._statistics()]
            self._last = [(variable, ops.convert_to_numpy(variable).copy()) for variable in held]
            self._put_in()
            self._put = [ops.convert_to_numpy(variable).copy() for variable in held]

    def _swap_out(self) -> None:
        pairs = zip(self._last, self._put, strict=False)
        # Where somebody has set other weights meanwhile, they are meant to stay.
        if all(np.array_equal(ops.convert_to_numpy(v), put, equal_nan=True) for (v, _), put in pairs):
            for variable, value in self._last:
                variable.assign(value)
        self._last, self._put = [], []

    def _put_in(self) -> None:
        for variable, value in zip(self.model.trainable_variables, self.average, strict=True):
            variable.assign(value.astype(str(variable.dtype)))
        if self.x is not None:
            recalibrate(self.model, self.x, self.batch_size)

    def _statistics(self) -> list[keras.Variable]:
        return [variable for one in batch_norms(self.model) for variable in (one.moving_mean, one.moving_variance)]


def _restores(callback: keras.callbacks.Callback) -> bool:
    return getattr(callback, "restore_best_weights", False) and getattr(callback, "best_weights", None) is not None


def _refuse_others(callbacks: list[keras.callbacks.Callback]) -> None:
    for one in callbacks:
        name, monitor = type(one).__name__, str(getattr(one, "monitor", "val_loss"))
        keeps = getattr(one, "restore_best_weights", False) or getattr(one, "save_best_only", False)
        if keeps and not monitor.startswith("val_"):
            raise ValueError(
                f"{name} keeps weights by {monitor!r}, which is measured while they move, and WeightAverage puts their "
                'mean in; monitor a value of the validation rows, such as `monitor="val_loss"`.'
            )
        if isinstance(one, (Resume, WeightAverage, keras.callbacks.SwapEMAWeights)) or _repairs(one):
            raise ValueError(
                f"{name} keeps or sets the weights of the fit too, and would take the mean for what was trained; leave "
                "it or WeightAverage out."
            )


def _repairs(callback: keras.callbacks.Callback) -> bool:
    return getattr(callback, "action", None) == "repair"
