"""An epoch of a population as one call: rows stay on the device, the updates run in a loop inside the graph."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np

from ..runtime.fit_arguments import rows_before_split
from ..runtime.keras_internals import (
    flat_layers,
    is_functional,
    shuffled_places,
    tensorflow_random_state,
    tensors_of_arrays,
)

# Of a call where somebody looks in between, at most about so many seconds and updates: an interrupt waits for its end.
_SECONDS_AT_ONCE, _MOST_AT_ONCE = 1.0, 128
# What the data set of orders yields; the name tells it from data sets of a caller's own.
_ORDER = "order_of_rows"
_BATCH_METHODS = [f"on_{kind}batch_{end}" for kind in ("", "train_", "test_") for end in ("begin", "end")]


class Stepping(Protocol):
    """What whole epochs need of a population."""

    members: int
    member_loss: Any
    batch_means: Any

    @property
    def template(self) -> keras.Model: ...

    def train_step(self, data: Any) -> Any: ...

    def test_step(self, data: Any) -> Any: ...

    def get_metrics_result(self) -> Any: ...


@runtime_checkable
class Watching(Protocol):
    """A callback that wants to be called within an epoch that is otherwise one call."""

    def looks_in(self, updates: int) -> Sequence[int]:
        """The places, from 0, of the updates that it looks at, each by itself, in the epoch of so many that begins."""
        ...

    def begin_updates(self, first: int) -> None:
        """Some updates begin, the first of them with this place in the epoch."""
        ...

    def end_updates(self, last: int) -> None:
        """They have ended, the last of them with this place in the epoch."""
        ...


@dataclass(frozen=True)
class ResidentRows:
    """Rows that stay on the device, with the order in which each epoch takes them.

    Args:
        parts: `(x, y)` or `(x, y, sample_weight)` as tensors of equal length, or structures of them.
        batch_size: Rows of a batch, at least 1; the last of an epoch may be smaller.
        orders: The places of all rows: an array, for epochs that all take them alike, or a `tf.data.Dataset` of one
            element an epoch.

    Example:

    >>> import tensorflow as tf
    >>> parts = (tf.ones((5, 2)), tf.zeros((5,)))
    >>> rows = ResidentRows(parts, 2, np.arange(5))
    >>> rows.steps
    3
    """

    parts: Any
    batch_size: int
    orders: Any

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(keras.tree.flatten(self.parts)[0].shape[0])

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-self.count // self.batch_size)

    def dataset(self) -> Any:
        """The orders as Keras' `fit` reads them: one element an epoch, known as such by its name."""
        import tensorflow as tf

        if isinstance(self.orders, tf.data.Dataset):
            return self.orders.map(lambda order: {_ORDER: order})
        # Keras opens its data twice an epoch, which takes 25 ms where functions are mapped, and less than 1 ms here.
        return tf.data.Dataset.from_tensors({_ORDER: self.orders})


def resident_rows(x: Any, y: Any, sample_weight: Any, class_weight: Any, batch_size: int, shuffle: bool) -> Any:
    """Arrays as `ResidentRows`, in the batches and the order that Keras' `fit` would take them.

    Args:
        x: Array, or structure of arrays.
        y: Likewise, or `None`.
        sample_weight: Likewise, or `None`.
        class_weight: As for `fit`, or `None`.
        batch_size: Rows of a batch, at least 1.
        shuffle: Whether they are shuffled, as Keras does it: anew in each epoch, or, where a seed was set, alike.

    Returns:
        `ResidentRows`, or `None` where they are no numbers in memory.

    Raises:
        ValueError: As Keras does: arrays of unlike length, or weights of classes and of rows at once.
    """
    leaves = [leaf for leaf in keras.tree.flatten((x, y, sample_weight)) if leaf is not None]
    numbers = all(isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub" and leaf.ndim for leaf in leaves)
    if not leaves or not numbers or not len(leaves[0]):
        return None
    count = len(leaves[0])
    batch_size = min(batch_size, count)
    parts = tensors_of_arrays(x, y, sample_weight, class_weight)
    if not shuffle:
        return ResidentRows(parts, batch_size, np.arange(count))
    orders = shuffled_places(count)
    seeded = tensorflow_random_state()[0] is not None
    return ResidentRows(parts, batch_size, next(iter(orders)).numpy() if seeded else orders)


def needs_batches(callbacks: Any) -> bool:
    """Whether a callback looks at single batches, so that an epoch cannot be one call.

    A callback that reads whole epochs as well says so by an attribute `reads_whole_epochs`.

    Args:
        callbacks: Keras callbacks; one alone, several, or `None`.

    Example:

    >>> needs_batches([keras.callbacks.History()]), needs_batches([keras.callbacks.TerminateOnNaN()])
    (False, True)
    """
    return any(map(_looks_at_batches, _each(callbacks)))


def _each(callbacks: Any) -> list[Any]:
    """Callbacks as `fit` takes them, one by one."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return [one for one in keras.tree.flatten(given) if one is not None]


def _looks_at_batches(callback: Any) -> bool:
    # Keras' own write at batches only where they are told to; TensorBoard looks at them for its profile.
    if isinstance(callback, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)):
        return callback.save_freq != "epoch"
    base = keras.callbacks.Callback
    # Asked of the object: some callbacks are given their functions one by one.
    given = {name: getattr(getattr(callback, name), "__func__", None) for name in _BATCH_METHODS}
    own = [name for name, function in given.items() if function is not getattr(base, name)]
    if not getattr(callback, "reads_whole_epochs", False):
        return bool(own)
    # A class says it of its own functions, not of those that a class made of it adds.
    said = _depth(callback, "reads_whole_epochs")
    return any(_depth(callback, name) < said for name in own)


def _depth(callback: Any, name: str) -> int:
    """How far from an object, through its class and those that it is made of, something of this name stands."""
    holders = [callback, *type(callback).__mro__]
    return next(depth for depth, holder in enumerate(holders) if name in getattr(holder, "__dict__", {}))


def end_of_part(first: int, updates: int, looked: Collection[int], most: int) -> int:
    """Where a part of an epoch ends: an update that is looked at is one by itself, those between go together.

    Args:
        first: Place, from 0, of the part's first update.
        updates: Updates of the epoch, more than `first`.
        looked: Places of those that are looked at.
        most: How many go together at most, at least 1.

    Returns:
        The place behind its last update.

    Example:

    >>> [end_of_part(first, 300, {0, 2}, most=128) for first in (0, 1, 2, 3, 131, 259)]
    [1, 2, 3, 131, 259, 300]
    """
    if first in looked:
        return first + 1
    return min([first + most, updates, *(place for place in looked if place > first)])


class WholeEpochs:
    """Calls of a population's training and test step for all batches of an epoch at once.

    Args:
        population: The population.
        compiled: Whether by XLA: `True`, `False`, or `"auto"` for where it pays.

    Attributes:
        training: The rows that are trained on, where they stay on the device.
        testing: The rows that are validated on, likewise.
        by_xla: Whether the last epoch's graph was compiled by XLA; `None` before the first.
        watching: Callbacks that look at single updates of an epoch, which is then a few calls, and never by XLA.
        told: Callbacks that are told of each such call, these among them.
    """

    def __init__(self, population: Stepping, compiled: bool | str) -> None:
        self.population = population
        self.compiled = compiled
        self.training: ResidentRows | None = None
        self.testing: ResidentRows | None = None
        self.by_xla: bool | None = None
        self.watching: list[Watching] = []
        self.told: list[Any] = []
        self._most = _MOST_AT_ONCE
        self._updates = 0
        self._functions: dict[Any, Callable[..., Any]] = {}

    def take(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `fit`, with rows in memory replaced by their orders where an epoch can be one call.

        Args:
            arguments: Those of `keras.Model.fit`, by name.
        """
        self.training = self.testing = None
        callbacks = _each(arguments.get("callbacks"))
        self.watching = [one for one in callbacks if isinstance(one, Watching)]
        self.told = [one for one in callbacks if hasattr(one, "end_updates")]
        if isinstance(arguments.get("x"), ResidentRows):
            taken = self._take_rows(arguments)
        elif not needs_batches(arguments.get("callbacks")) and _counts_by_itself(arguments):
            taken = self._take_arrays(arguments)
        else:
            return arguments
        if self.training is not None:
            self._updates = arguments.get("epochs", 1) * self.training.steps
        return taken

    def _take_rows(self, arguments: dict[str, Any]) -> dict[str, Any]:
        # The orders of all epochs stand one after the other.
        taken = {**arguments, "x": arguments["x"].dataset(), "steps_per_epoch": 1}
        self.training, held = arguments["x"], arguments.get("validation_data")
        if isinstance(held, ResidentRows):
            self.testing = held
            taken |= {"validation_data": held.dataset(), "validation_batch_size": None}
        return taken

    def _take_arrays(self, arguments: dict[str, Any]) -> dict[str, Any]:
        names = ("x", "y", "sample_weight", "validation_data")
        x, y, weight, held = (arguments.get(name) for name in names)
        size = arguments.get("batch_size") or 32
        if arguments.get("validation_split") and held is None:
            (x, y, weight), held = _split((x, y, weight), arguments["validation_split"])
        shuffle = arguments.get("shuffle", True)
        rows = resident_rows(x, y, weight, arguments.get("class_weight"), size, shuffle)
        if rows is None:
            return arguments
        self.training = rows
        kept = {name: value for name, value in arguments.items() if name not in _OF_ROWS}
        taken = {**kept, "x": rows.dataset(), "shuffle": False}
        if held is None:
            return taken
        held_x, held_y, held_weight = (*held, None, None)[:3] if isinstance(held, (list, tuple)) else (held, None, None)
        by_keras = arguments.get("validation_steps") is not None
        test_size = arguments.get("validation_batch_size") or size
        if not by_keras:
            self.testing = resident_rows(held_x, held_y, held_weight, None, test_size, shuffle=False)
        if self.testing is None:
            return {**taken, "validation_data": held, "validation_batch_size": test_size}
        return {**taken, "validation_data": self.testing.dataset(), "validation_batch_size": None}

    def function(self, training: bool, stepwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """What Keras calls for each element of its data: a whole epoch, or a step of it.

        Args:
            training: Whether it trains.
            stepwise: Keras' own function, for data that are not held here.
        """
        import tensorflow as tf

        def call(iterator: Any) -> Any:
            rows = self.training if training else self.testing
            spec = getattr(iterator, "element_spec", None)
            if rows is None or not isinstance(spec, dict) or _ORDER not in spec:
                self.population.batch_means = None
                return stepwise(iterator)
            order = tf.cast(next(iterator)[_ORDER], "int64")
            if not training:
                return self._run(training, order, rows)[0]
            logs, means = self._in_parts(order, rows) if self.watching else self._run(training, order, rows)
            self.population.batch_means = means
            return logs

        return call

    def train_in(self, order: np.ndarray) -> np.ndarray:
        """Trains on the rows of the last call of `fit` in an order of the caller's.

        Args:
            order: Places of rows, integers, any number of them.

        Returns:
            Mean loss of each member over the first batches, shape `(batches, members)`.

        Raises:
            ValueError: No rows stay on the device.
        """
        rows = self.training
        if rows is None:
            raise ValueError("No rows stay on the device; call `fit` with arrays first.")
        return np.asarray(self._of_any_length(rows)(order, rows.parts)[1])

    def _of_any_length(self, rows: ResidentRows) -> Callable[..., Any]:
        """The training of rows in any number: never by XLA, which would compile each length anew."""
        key = (True, rows.batch_size, rows.count, False)
        if key not in self._functions:
            self._functions[key] = self._traced(True, rows, compiled=False)
        return self._functions[key]

    def release(self) -> None:
        """Lets go of the rows: a population that was fitted must not keep them in memory."""
        self.training = self.testing = None

    def _in_parts(self, order: Any, rows: ResidentRows) -> tuple[Any, Any]:
        """One epoch in several calls, so that those who watch see the model before and after single updates."""
        function, size, means, logs = self._of_any_length(rows), rows.batch_size, [], None
        self.by_xla = False
        looked = {place for one in self.watching for place in one.looks_in(rows.steps)}
        first = 0
        while first < rows.steps:
            end = end_of_part(first, rows.steps, looked, self._most)
            for one in self.watching:
                one.begin_updates(first)
            begun = time.monotonic()
            logs, own = function(order[first * size : end * size], rows.parts)
            means.append(np.asarray(own))
            each = (time.monotonic() - begun) / (end - first)
            # The first call makes the graph too; the next ones correct what it says of the time.
            self._most = min(_MOST_AT_ONCE, max(1, int(_SECONDS_AT_ONCE / max(each, 1e-6))))
            for one in self.told:
                one.end_updates(end - 1)
            first = end
        return logs, np.concatenate(means)

    def _run(self, training: bool, order: Any, rows: ResidentRows) -> tuple[Any, Any]:
        """One epoch. A graph that XLA cannot compile runs without it: slower, to the same end."""
        from tensorflow import errors

        compiled = pays(self.population, self._updates) if self.compiled == "auto" else bool(self.compiled)
        key = (training, rows.batch_size, rows.count, compiled)
        if key in self._functions:
            return self._functions[key](order, rows.parts)
        self.by_xla = compiled
        self._functions[key] = self._traced(training, rows, compiled)
        try:
            return self._functions[key](order, rows.parts)
        except (errors.InvalidArgumentError, errors.UnimplementedError, errors.InternalError) as error:
            # Compiling comes before the first update, so nothing has changed yet.
            if not compiled:
                raise
            logging.getLogger(__name__).info("Trained without XLA, which says: %s", error)
            self.by_xla = False
            self._functions[key] = self._traced(training, rows, compiled=False)
            return self._functions[key](order, rows.parts)

    def _traced(self, training: bool, rows: ResidentRows, compiled: bool) -> Callable[..., Any]:
        import tensorflow as tf

        population, size = self.population, rows.batch_size
        step = population.train_step if training else population.test_step

        def batch(order: Any, parts: Any, start: Any, count: Any) -> Any:
            # XLA asks for slices of a size that is known beforehand; but Keras must not see it, since it weighs the
            # losses of several outputs by the rows of a batch where it knows them, and in `fit` it does not.
            places = tf.compat.v1.placeholder_with_default(tf.slice(order, [start], [count]), [None])
            step(keras.tree.map_structure(lambda part: tf.gather(part, places), parts))
            return population.member_loss.values()

        def looped(order: Any, parts: Any, batches: Any, means: Any, width: Callable[[Any], Any]) -> Any:
            def body(number: Any, means: Any) -> Any:
                start = number * size
                return number + 1, means.write(number, batch(order, parts, start, width(start)))

            most = batches if compiled else None
            held = (tf.constant(0), means)
            return tf.while_loop(lambda number, means: number < batches, body, held, maximum_iterations=most)[1]

        def array(batches: Any) -> Any:
            return tf.TensorArray(population.member_loss.dtype, batches, element_shape=(population.members,))

        def epoch(order: Any, parts: Any) -> tuple[Any, Any]:
            count = tf.size(order)
            batches = -(-count // size)
            means = looped(order, parts, batches, array(batches), lambda start: tf.minimum(size, count - start))
            return population.get_metrics_result(), means.stack()

        def epoch_by_xla(order: Any, parts: Any) -> tuple[Any, Any]:
            # XLA needs to know each size, so the last, smaller batch is a step of its own.
            full, rest = divmod(rows.count, size)
            means = array(full + bool(rest))
            if full:
                means = looped(order, parts, full, means, lambda start: size)
            if rest:
                means = means.write(full, batch(order, parts, full * size, rest))
            return population.get_metrics_result(), means.stack()

        unconverted = tf.autograph.experimental.do_not_convert
        if compiled:
            by_xla: Callable[..., Any] = tf.function(unconverted(epoch_by_xla), jit_compile=True)
            return by_xla
        # An order of any length, so that nothing is traced anew for another.
        kinds = (tf.TensorSpec([None], "int64"), keras.tree.map_structure(tf.TensorSpec.from_tensor, rows.parts))
        traced: Callable[..., Any] = tf.function(unconverted(epoch), input_signature=kinds)
        return traced


# Arguments of `fit` that say which rows; whole epochs have them already.
_OF_ROWS = ("y", "sample_weight", "class_weight", "batch_size", "validation_split")


def _counts_by_itself(arguments: dict[str, Any]) -> bool:
    """Whether an epoch is once through the rows, in an order that Keras decides."""
    return arguments.get("steps_per_epoch") is None and arguments.get("shuffle", True) in (True, False)


def _split(parts: Sequence[Any], share: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first rows and the last, as Keras splits them."""
    leaves = [leaf for leaf in keras.tree.flatten(tuple(parts)) if leaf is not None]
    kept = rows_before_split(len(leaves[0]), share)
    places = (slice(None, kept), slice(kept, None))
    first, last = (tuple(None if part is None else _taken(part, rows) for part in parts) for rows in places)
    return first, last


def _taken(part: Any, rows: slice) -> Any:
    return keras.tree.map_structure(lambda leaf: leaf[rows], part)


def arguments_of_fit(args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call of `keras.Model.fit`, by name.

    Example:

    >>> arguments_of_fit((1, 2), {"epochs": 3})
    {'x': 1, 'y': 2, 'epochs': 3}
    """
    bound = inspect.signature(keras.Model.fit).bind(None, *args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name != "self"}


# Layers whose arithmetic XLA fuses on a processor. Convolutions and recurrent layers lose by it, and random numbers
# come out others than without it, so that members would no longer equal lone models.
_FUSED = (
    keras.layers.InputLayer, keras.layers.Dense, keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU,
    keras.layers.Softmax, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Normalization,
    keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.Add, keras.layers.Concatenate,
    keras.layers.Rescaling,
)  # fmt: skip
# Updates from which on the time that XLA saves in each makes up for compiling.
_WORTH_COMPILING = 1000


def pays(population: Stepping, updates: int) -> bool:
    """Whether XLA makes a population's epochs faster on a processor, compiling included.

    Args:
        population: The population.
        updates: Number of updates that `fit` is to make.
    """
    known = all(type(layer) in _FUSED or is_functional(layer) for layer in flat_layers(population.template))
    return known and updates >= _WORTH_COMPILING
