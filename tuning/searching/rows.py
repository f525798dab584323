"""Rows for the trials of a search, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...toolkit.checks import number, whole_number
from ...toolkit.data.holdout import held_out_count, held_out_places
from ...toolkit.population.whole_epochs import ResidentRows
from ...toolkit.runtime import files

_MOST_STEPS_AT_ONCE = 128
_VALIDATION_ROWS = 256


@dataclass(frozen=True)
class TrialRows:
    """What a search trains and validates on.

    Args:
        x: Array, or structure of arrays, of equal length; or anything else that `fit` takes.
        y: Targets, or `None` where `x` brings them.
        sample_weight: Weights of the rows, or `None`.
        validation: `(x, y)` or `(x, y, sample_weight)`, or a data set, or `None`.
    """

    x: Any
    y: Any = None
    sample_weight: Any = None
    validation: Any = None

    @property
    def are_arrays(self) -> bool:
        """Whether the rows are held in memory, so that their order can be decided here."""
        parts = [self.x, self.y, self.sample_weight]
        return _all_arrays(parts)

    @property
    def count(self) -> int:
        """Number of training rows."""
        return len(keras.tree.flatten(self.x)[0])

    def first(self) -> Any:
        """Inputs that a model which is not built can be called with: one row, or a batch of a data set."""
        if self.are_arrays:
            return keras.tree.map_structure(lambda part: part[:1], self.x)
        batch = self.x[0] if isinstance(self.x, keras.utils.PyDataset) else next(iter(self.x))
        return batch[0] if isinstance(batch, tuple) else batch

    def steps(self, batch_size: int) -> int:
        """Updates in an epoch."""
        return -(-self.count // batch_size)

    def batches(self, seed: int, start: int, epochs: int, batch_size: int, shuffle: bool = True) -> Any:
        """The batches of `whole_epochs` one after the other, for a model that takes one in a call."""
        whole = self.whole_epochs(seed, start, epochs, batch_size, shuffle)
        batches = whole.orders.flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(batch_size))
        batches = batches.map(lambda at: tf.nest.map_structure(lambda part: tf.gather(part, at), whole.parts))
        # Two: one that is trained on, one in the making.
        return _untuned(batches.prefetch(2))

    def whole_epochs(self, seed: int, start: int, epochs: int, batch_size: int, shuffle: bool = True) -> ResidentRows:
        """The rows of the epochs from `start` to `epochs`, each in an order of its own.

        Args:
            seed: Decides the orders, with the number of the epoch.
            start: First epoch, from 0.
            epochs: Where to end.
            batch_size: Rows of a batch; the last of an epoch may be smaller.
            shuffle: Whether to; else the rows come as they stand.
        """
        # By place, and not shuffled by `tf.data`, so that a training that goes on at any epoch meets the batches
        # that it would have met, without a shuffle buffer to be kept.
        count = self.count

        def order(number: Any) -> Any:
            places = tf.range(count)
            if not shuffle:
                return places
            return tf.random.experimental.stateless_shuffle(places, tf.stack([seed, tf.cast(number, tf.int32)]))

        parts = tuple(part for part in (self.x, self.y, self.sample_weight) if part is not None)
        return ResidentRows(_held(parts), batch_size, _untuned(tf.data.Dataset.range(start, epochs).map(order)))

    def held_out(self, batch_size: int) -> Any:
        """The validation rows for `fit`: arrays in few, large batches, which takes a tenth of the time.

        Args:
            batch_size: Rows of a training batch.
        """
        whole = self.held_out_whole(batch_size)
        if not isinstance(whole, ResidentRows):
            return whole
        return _untuned(tf.data.Dataset.from_tensor_slices(whole.parts).batch(whole.batch_size))

    def held_out_whole(self, batch_size: int) -> Any:
        """The validation rows in the same batches, for a population that takes them in one call.

        Args:
            batch_size: Rows of a training batch.
        """
        if not isinstance(self.validation, tuple) or not _all_arrays(self.validation):
            return self.validation
        parts = _held(tuple(part for part in self.validation if part is not None))
        order = np.arange(len(keras.tree.flatten(parts)[0]))
        return ResidentRows(parts, max(batch_size, _VALIDATION_ROWS), order)

    def folds(self, count: int, seed: int) -> Iterator[TrialRows]:
        """The rows in `count` parts, each the validation rows of the others once."""
        parts = np.array_split(np.random.default_rng(seed).permutation(self.count), count)
        for place, held in enumerate(parts):
            rest = np.concatenate(parts[:place] + parts[place + 1 :])
            yield self.split(rest, held)

    def split(self, train: np.ndarray, held: np.ndarray) -> TrialRows:
        """Some of the rows to train on, some to validate on.

        Args:
            train: Places of the rows to train on.
            held: Places of the rows to validate on.
        """

        def part(content: Any, places: np.ndarray) -> Any:
            return None if content is None else keras.tree.map_structure(lambda leaf: leaf[places], content)

        outside = (part(self.x, held), part(self.y, held), part(self.sample_weight, held))
        return TrialRows(
            part(self.x, train),
            part(self.y, train),
            part(self.sample_weight, train),
            outside if self.sample_weight is not None else outside[:2],
        )

    def identity(self) -> str:
        """A digest of all rows; of the kind alone where they cannot be seen before they are read."""
        if not self.are_arrays:
            return files.digest(type(self.x).__name__)
        held = self.validation if isinstance(self.validation, (tuple, list)) else type(self.validation).__name__
        return files.digest(self.x, self.y, self.sample_weight, held)


def given_rows(x: Any, y: Any) -> TrialRows:
    """Inputs and targets alone, lists of numbers as arrays.

    Args:
        x: As for `fit`.
        y: As for `fit`.
    """
    return TrialRows(_arrays(x), _arrays(y))


def rows_of(
    x: Any, y: Any, sample_weight: Any, validation_data: Any, validation_split: float, folds: int | None, seed: int
) -> TrialRows:
    """The rows of a search; a fifth is held out for validation where nothing says which.

    Args:
        x: As for `fit`.
        y: As for `fit`.
        sample_weight: As for `fit`.
        validation_data: As for `fit`.
        validation_split: As for `fit`: the last rows, in [0, 1).
        folds: Number of folds, at least 2, or `None`.
        seed: Decides which rows are held out.

    Raises:
        TypeError: `folds` with rows that are no arrays.
        ValueError: No rows, rows of unlike number, NaN, or both validation data and folds.
    """
    made = replace(given_rows(x, y), sample_weight=_arrays(sample_weight), validation=_validation(validation_data))
    if made.are_arrays:
        _check("x", made)
    if folds is not None:
        _check_folds(folds, made)
        return made
    if made.validation is not None or not made.are_arrays:
        if isinstance(made.validation, tuple) and made.are_arrays:
            x_held, y_held, *weights = made.validation
            _check("validation_data", TrialRows(x_held, y_held, weights[0] if weights else None))
        return made
    share = number("validation_split", validation_split, 0, 1, open_high=True)
    if not share:  # 0 is what `fit` takes for "none", and a search always validates
        return made.split(*held_out_places(made.count, seed))
    # As `fit` does: the last rows, so that a series is validated on its end.
    kept = made.count - held_out_count(made.count, share)
    everything = np.arange(made.count)
    return made.split(everything[:kept], everything[kept:])


def _check_folds(folds: int, rows: TrialRows) -> None:
    whole_number("folds", folds, low=2)
    if rows.validation is not None:
        raise ValueError("`folds` makes its own validation rows; leave out `validation_data`.")
    if not rows.are_arrays:
        raise TypeError(f"`folds` needs arrays, got {type(rows.x).__name__}.")
    if folds > rows.count:
        raise ValueError(f"`folds` must be at most the number of rows, {rows.count}, got {folds}.")


def steps_at_once(steps: int) -> int:
    """How many of the updates of an epoch to run in one call: the largest divisor up to 128.

    Example:

    >>> steps_at_once(45), steps_at_once(300), steps_at_once(131)
    (45, 100, 1)
    """
    return max(count for count in range(1, min(steps, _MOST_STEPS_AT_ONCE) + 1) if steps % count == 0)


def is_stream(values: Any) -> bool:
    """Whether rows come one batch after the other, so that they cannot be looked at beforehand."""
    known = hasattr(values, "element_spec") or hasattr(values, "__next__")
    return known or isinstance(values, keras.utils.PyDataset)


def _all_arrays(parts: Any) -> bool:
    leaves = [leaf for part in parts if part is not None for leaf in keras.tree.flatten(part)]
    return bool(leaves) and all(isinstance(leaf, np.ndarray) for leaf in leaves)


def _held(parts: Any) -> Any:
    """As tensors; lists become tuples, since `tf.data` takes a list for one array of rows."""
    if isinstance(parts, dict):
        return {name: _held(part) for name, part in parts.items()}
    return tuple(map(_held, parts)) if isinstance(parts, (list, tuple)) else tf.constant(parts)


def _untuned(data: Any) -> Any:
    """With nothing for TensorFlow to tune: an iterator that is dropped waits for the tuner to end its round."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def _arrays(values: Any) -> Any:
    # A list of numbers is one array, a list of arrays several inputs.
    if isinstance(values, (list, tuple)) and not any(np.shape(v) for v in values if hasattr(v, "shape")):
        return np.asarray(values)
    if isinstance(values, (list, tuple, dict)):
        return keras.tree.map_structure(_arrays, values)
    if values is None or is_stream(values) or not hasattr(values, "__array__"):
        return values
    return np.asarray(values)


def _validation(given: Any) -> Any:
    if isinstance(given, (list, tuple)):
        if len(given) not in (2, 3):
            raise ValueError(f"`validation_data` must be (x, y) or (x, y, sample_weight), got {len(given)} parts.")
        return tuple(_arrays(part) for part in given)
    if given is not None and not is_stream(given):
        raise TypeError(f"`validation_data` must be (x, y) or a data set, got {type(given).__name__}.")
    return given


def _check(name: str, rows: TrialRows) -> None:
    # Here once for all: in a trial the same rows would make a failure of each.
    weights = [] if rows.sample_weight is None else [np.asarray(w) for w in keras.tree.flatten(rows.sample_weight)]
    leaves = [np.asarray(leaf) for part in (rows.x, rows.y) if part is not None for leaf in keras.tree.flatten(part)]
    lengths = sorted({len(leaf) if leaf.ndim else 0 for leaf in leaves})
    if lengths[0] == 0:
        raise ValueError(f"`{name}` holds no rows.")
    if len(lengths) > 1:
        raise ValueError(f"`{name}` and its targets must have as many rows as each other, got {lengths}.")
    for weight in weights:
        if weight.shape[:1] != (lengths[0],):
            raise ValueError(
                f"The sample weights of `{name}` must be one a row, {lengths[0]} in all, got shape {weight.shape}."
            )
        if weight.dtype.kind == "f" and not np.isfinite(weight).all():
            raise ValueError(f"The sample weights of `{name}` hold NaN or infinity.")
    # Words would only be refused by the loss, in the midst of the first epoch.
    for leaf in keras.tree.flatten(rows.y):
        if leaf is not None and np.asarray(leaf).dtype.kind not in "biufc":
            raise TypeError(
                f"The targets of `{name}` must be numbers, got dtype {np.asarray(leaf).dtype}; "
                "number the classes before: `names, y = np.unique(y, return_inverse=True)`."
            )
    for leaf in leaves:
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            raise ValueError(f"`{name}` or its targets hold NaN or infinity; fill or drop these rows.")
