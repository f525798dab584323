"""What rides along about learning rates: seen in the history, found before the fit, one owner only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..toolkit.checks import items_of, one_of, refuse_no_rows, whole_number
from ..toolkit.models.reading import innermost, largest_weight
from ..toolkit.optimizers.layerwise import LayerwiseLearningRate
from ..toolkit.optimizers.rate_owners import refuse_two_owners
from ..toolkit.population.range_test import METHODS, RangeResult, range_test
from ..toolkit.runtime.fit_arguments import brings_batches
from ..toolkit.runtime.keras_internals import callbacks_beside, update_counter
from ..toolkit.schedules import BatchSizeSchedule


class LearningRateMonitor(keras.callbacks.Callback):
    """Puts learning rate, momentum and weight decay into the logs, so that the history has them.

    With `LayerwiseLearningRate` the rate of each layer is there too, as `learning_rate/LAYER`. Stand it
    before TensorBoard and CSVLogger in the list, so that they see it. It also compares the updates
    that the optimizer counted with the batches seen: data of unknown length make Keras 3.15 count
    one update too many in each epoch.

    Args:
        every: `"epoch"`: into the logs of each epoch; `"step"`: of each batch too, and `.steps` keeps them.
        batch_size: Rows of a batch, at least 1, or a `schedules.BatchSizeSchedule`, to be logged too: Keras
            tells callbacks nothing of it. `None` leaves it out.
        beside: The other callbacks of the fit: two owners of the learning rate are then refused when
            the fit begins, and not when the second one acts.

    Attributes:
        steps: With `every="step"` one dictionary a batch.

    Raises:
        TypeError: `batch_size` is no whole number and no schedule.
        ValueError: `every` is neither, `batch_size` below 1, or (when the fit begins) the learning rate
            has two owners.

    Warns:
        UserWarning: The optimizer counted more updates than there were batches.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.5, 1, 1.0)), "mse")
    >>> fit = model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=2, callbacks=[LearningRateMonitor()], verbose=0)
    >>> round(fit.history["learning_rate"][0], 3)
    0.167
    """

    def __init__(
        self,
        every: str = "epoch",
        batch_size: int | BatchSizeSchedule | None = None,
        beside: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        super().__init__()
        self.every = one_of("every", every, ("epoch", "step"))
        if batch_size is not None and not isinstance(batch_size, BatchSizeSchedule):
            whole_number("batch_size", batch_size, low=1)
        self.batch_size = batch_size
        self.beside = items_of("beside", beside)
        self.steps: list[dict[str, float]] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        refuse_two_owners(self.model, self.beside)
        self.steps = []
        self._warned = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._batches = 0
        # The counter goes on over fits and resumed epochs, so each epoch is counted from its own start.
        self._before = self._updates()
        size = self.batch_size
        self._size = {} if size is None else {"batch_size": size if isinstance(size, int) else size.at(epoch)}

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._batches = batch + 1
        if self.every == "step":
            self.steps.append({**rates_of(self.model.optimizer), **self._size})
            if logs is not None:
                logs.update(self.steps[-1])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None:
            logs.update({**rates_of(self.model.optimizer), **self._size})
        made = self._updates() - self._before
        # Once is enough: the data stay what they are.
        if made > self._batches and not self._warned:
            self._warned = True
            warnings.warn(
                f"The optimizer counted {made} updates in an epoch of {self._batches} batches: the data do not say "
                "their length, so schedules run ahead; cure it with "
                "`ds.apply(tf.data.experimental.assert_cardinality(n))`.",
                stacklevel=2,
            )

    def _updates(self) -> int:
        # LossScaleOptimizer's own counter stays at 0.
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        return int(ops.convert_to_numpy(update_counter(optimizer)))


def rates_of(optimizer: keras.optimizers.Optimizer) -> dict[str, float]:
    """Learning rate, momentum and weight decay of an optimizer at this update, as for the logs.

    Example:

    >>> import keras
    >>> rates_of(keras.optimizers.SGD(0.5, momentum=0.25))
    {'learning_rate': 0.5, 'momentum': 0.25}
    """
    inner = innermost(optimizer)
    rates = {"learning_rate": _number(inner.learning_rate)}
    for name in ("momentum", "weight_decay"):
        value = getattr(inner, name, None)
        # A schedule of momentum has no one value to log.
        if value is not None and not callable(value):
            rates[name] = _number(value)
    if isinstance(inner, LayerwiseLearningRate):
        for layer, factor in inner.layer_multipliers().items():
            rates[f"learning_rate/{layer}"] = rates["learning_rate"] * factor
    return rates


def _number(value: Any) -> float:
    return float(ops.convert_to_numpy(value))


class UpdateRatioMonitor(keras.callbacks.Callback):
    """Puts |update| / |weights| of each layer's largest weight into the logs of each epoch.

    As `update_ratio/LAYER`, the mean over the sampled updates. About 1e-3 is common; layers that
    differ tenfold learn at unlike paces, see `optimizers.layerwise.equal_update_ratio`.

    Args:
        every: Which updates are sampled: each `every`-th, at least 1.

    Raises:
        TypeError: `every` is not a whole number.
        ValueError: `every` is below 1.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones", name="d")])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> fit = model.fit(np.ones((1, 1)), np.zeros((1, 1)), callbacks=[UpdateRatioMonitor(every=1)], verbose=0)
    >>> round(fit.history["update_ratio/d"][0], 3)
    0.2
    """

    def __init__(self, every: int = 100) -> None:
        super().__init__()
        self.every = whole_number("every", every, low=1)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._seen = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._ratios: dict[str, list[float]] = {}
        self._before: dict[str, np.ndarray] | None = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._seen % self.every == 0:
            self._before = {name: ops.convert_to_numpy(kernel).copy() for name, kernel in self._kernels().items()}

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._seen += 1
        if self._before is None:
            return
        for name, kernel in self._kernels().items():
            before = self._before[name]
            moved = np.linalg.norm(ops.convert_to_numpy(kernel) - before)
            norm = np.linalg.norm(before)
            # Weights that start at zero have no relative update.
            if norm > 0:
                self._ratios.setdefault(name, []).append(float(moved / norm))
        self._before = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None:
            logs.update({f"update_ratio/{name}": float(np.mean(own)) for name, own in self._ratios.items()})

    def _kernels(self) -> dict[str, keras.Variable]:
        layers = [layer for layer in self.model.layers if layer.trainable_weights]
        return {layer.name: largest_weight(layer) for layer in layers}


class LearningRateFinder(keras.callbacks.Callback):
    """Runs a range test when the fit begins and sets the learning rate that it suggests.

    Args:
        x: Inputs as for `fit`: arrays, or batches.
        y: Targets; none where the batches hold them.
        method: Rule of the suggestion; see `tuning.range_test`.
        **settings: Further arguments of `tuning.range_test`.

    Attributes:
        result: The `RangeResult`, after the fit has begun.

    Raises:
        ValueError: `method` is no rule; the optimizer follows a schedule, or the test finds no rate
            (both when the fit begins).

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(1e-6), "mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> finder = LearningRateFinder(x, 3 * x, rates=8, updates=20)
    >>> _ = model.fit(x, 3 * x, callbacks=[finder], verbose=0)
    >>> float(model.optimizer.learning_rate) > 0.01
    True
    """

    sets_learning_rate = True

    def __init__(self, x: Any, y: Any = None, method: str = "minimum", **settings: Any) -> None:
        super().__init__()
        if not brings_batches(x):
            refuse_no_rows("x", x)
            refuse_no_rows("y", y)
        self.x = x
        self.y = y
        self.method = one_of("method", method, METHODS)
        self.settings = settings
        self.result: RangeResult | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        refuse_two_owners(self.model, [self, *callbacks_beside(self)])
        self.result = range_test(self.model, self.x, self.y, method=self.method, **self.settings)
        if self.result.suggestion is None:
            raise ValueError(f"The range test found no learning rate: {self.result.reason}")
        self.model.optimizer.learning_rate = self.result.suggestion
