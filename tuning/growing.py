"""A fit whose batch grows: phases under one set of callbacks, one history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..toolkit.checks import instance_of, items_of, number, refuse_no_rows, whole_number
from ..toolkit.data.streams import count_rows
from ..toolkit.optimizers.rate_owners import has_schedule, refuse_two_owners
from ..toolkit.runtime.fit_arguments import brings_batches
from ..toolkit.schedules import BatchSizeSchedule


# A loop of plain fits begins every callback anew: EarlyStopping then counts its patience from 0 in each phase.
class _Shared(keras.callbacks.CallbackList):
    """One set of callbacks over several calls of `fit`: training begins once and ends once."""

    begun = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if not self.begun:
            self.begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Ends a phase only; see `finish`."""
        # The callbacks are told at the very end what the last phase ended with.
        self.last_logs = logs

    def finish(self) -> None:
        """Training ends."""
        super().on_train_end(getattr(self, "last_logs", None))


class _Sizes(keras.callbacks.Callback):
    """Puts the batch size and the updates made so far into the logs."""

    batch_size = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        # A model may have been trained before.
        self._start = int(ops.convert_to_numpy(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None:
            made = int(ops.convert_to_numpy(self.model.optimizer.iterations)) - self._start
            logs.update({"batch_size": self.batch_size, "updates": made})


def fit_growing_batches(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_sizes: BatchSizeSchedule,
    epochs: int,
    learning_rates: Sequence[float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: Any = 0,
    **fit_arguments: Any,
) -> keras.callbacks.History:
    """Fits a compiled model with a batch size that changes at given epochs.

    The callbacks see one fit: their state goes on over the phases, and there is one History, which
    has `batch_size` and `updates` too.

    Args:
        model: Compiled Keras model.
        x: Inputs, arrays as for `fit`, or a `tf.data.Dataset` of batches of any size, which are cut anew; it is read
            once more at the start, for its number of rows.
        y: Targets; `None` where `x` brings them.
        batch_sizes: The batch size of each epoch.
        epochs: Number of epochs, at least 1.
        learning_rates: Learning rate of each part of `batch_sizes`, > 0, as
            `BatchSizeSchedule.from_learning_rates` gives; by default the rate stays.
        callbacks: Keras callbacks.
        verbose: As for `fit`.
        **fit_arguments: Further arguments of `fit`, such as `validation_data`, not `batch_size`.

    Returns:
        The Keras `History`.

    Raises:
        TypeError: `batch_sizes` is no `BatchSizeSchedule`, or an argument of the wrong kind.
        ValueError: A count that does not fit, a rate out of range, a learning rate with two owners, or data
            whose batches nothing outside can change: a generator or a `PyDataset`.

    Reference: Smith, Kindermans, Ying, Le 2018, arXiv:1711.00489.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> schedule = BatchSizeSchedule([2], [8, 32])
    >>> history = fit_growing_batches(model, np.ones((64, 1)), np.ones((64, 1)), batch_sizes=schedule, epochs=3)
    >>> history.history["batch_size"], history.history["updates"]
    ([8, 8, 32], [8, 16, 18])
    """
    if not isinstance(batch_sizes, BatchSizeSchedule):
        raise TypeError(f"`batch_sizes` must be a BatchSizeSchedule, got {type(batch_sizes).__name__}.")
    instance_of("model", model, keras.Model, "a compiled Keras model")
    if not getattr(model, "compiled", False):
        raise ValueError("`model` must be compiled: a fit needs its loss and its optimizer.")
    if not brings_batches(x):
        refuse_no_rows("x", x)
        refuse_no_rows("y", y)
    elif not hasattr(x, "rebatch"):
        raise ValueError(
            f"The batches of a {type(x).__name__} are as large as it makes them, so they cannot grow; give arrays or a "
            "`tf.data.Dataset`."
        )
    whole_number("epochs", epochs, low=1)
    for one in items_of("callbacks", callbacks):
        instance_of("callbacks", one, keras.callbacks.Callback, "Keras callbacks")
    rates = _rates(learning_rates, batch_sizes, model)
    refuse_two_owners(model, callbacks)
    # First in the list, so that History and loggers after it see its entries.
    sizes = _Sizes()
    shared = _Shared(
        [sizes, *callbacks], add_history=True, add_progbar=bool(verbose), verbose=verbose, epochs=epochs, model=model
    )
    rows = count_rows(x) if brings_batches(x) else None
    for place, (begin, end, size) in enumerate(batch_sizes.phases(epochs)):
        sizes.batch_size = size
        if rates is not None:
            model.optimizer.learning_rate = rates[place]
        # Keras warns of `shuffle` where the data bring their own order.
        sized = {"x": _batches(x, size, rows), "shuffle": False} if rows else {"x": x, "y": y, "batch_size": size}
        given = {**fit_arguments, **sized}
        model.fit(initial_epoch=begin, epochs=end, callbacks=shared, verbose=verbose, **given)
        # The next `fit` would set it back and go on.
        if model.stop_training:
            break
    shared.finish()
    return model.history


def _batches(dataset: Any, size: int, rows: float) -> Any:
    """The rows of a data set in batches of another size."""
    made = dataset.rebatch(size)
    if rows == math.inf:
        return made
    # Keras counts one update too many in each epoch of a data set that does not know its length.
    return made.apply(tf.data.experimental.assert_cardinality(math.ceil(rows / size)))


def _rates(given: Sequence[float] | None, batch_sizes: BatchSizeSchedule, model: keras.Model) -> list[float] | None:
    if given is None:
        return None
    rates = [
        number("learning_rates", rate, 0, float("inf"), open_low=True) for rate in items_of("learning_rates", given)
    ]
    if len(rates) != len(batch_sizes.batch_sizes):
        raise ValueError(
            f"`learning_rates` must hold {len(batch_sizes.batch_sizes)} values, one for each batch size, "
            f"got {len(rates)}."
        )
    if has_schedule(model.optimizer):
        raise ValueError(
            "`learning_rates` would set the learning rate, which follows a schedule already; "
            "compile with a number: `learning_rate=0.01`."
        )
    return rates
