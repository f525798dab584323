"""The form of the data that a space builds for: shapes, task, statistics."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ...toolkit.data.sequences import PADDING, is_padded, is_ragged, padded, there
from ...toolkit.layers.normalization import Standardize
from ...toolkit.layers.padding import PaddingMask
from ...toolkit.models.tokens import embedded, vocabulary_size
from ...toolkit.models.units import in_target_units, statistics
from ...toolkit.tasks import Head

# What `cardinality` of a `tf.data` set returns that is repeated for ever.
_ENDLESS = -1
_MOST_ROWS_READ = 10_000


class Form:
    """The form of the data: shapes, the head, and what standardising needs.

    Args:
        x: Training inputs, array `(rows, ...)`.
        y: Training targets.
        head: The end of the models, from `tasks.head`.
        standardize: Whether the models standardise inputs and the targets of a regression.
        tokens: Whether the rows are token ids, which are embedded; 0 fills up.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, head: Head, standardize: bool, tokens: bool = False) -> None:
        self.shape = x.shape[1:] or (1,)
        self.head = head
        self.tokens = vocabulary_size(x) if tokens else 0
        self.padded = is_padded(x)
        there_are = x[there(x)] if self.padded else x
        self._inputs = statistics(there_are) if standardize and not tokens else None
        self._targets = statistics(y) if standardize and head.task == "regression" else None

    def standardized(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """The inputs with mean 0 and variance 1, as the training rows have them."""
        if self.padded:
            fill = None if self._inputs is None else self._inputs["center"]
            inputs = PaddingMask(PADDING, fill, name="padding_mask")(inputs)
        return inputs if self._inputs is None else Standardize(**self._inputs, name="standardize")(inputs)

    def embedded(self, inputs: keras.KerasTensor, width: int) -> keras.KerasTensor:
        """Token ids as vectors `(batch, steps, width)`, those of 0 masked."""
        return embedded(inputs, self.tokens, width)

    def outputs(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """The head on these features, in the targets' own units."""
        return in_target_units(features, self.head, self._targets)


def rows_of_batches(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """The first inputs and all targets of a data set of batches.

    All targets are read, since a class may be seen in the last batch alone; of the inputs the form and the
    statistics are wanted, which the first 10 000 rows tell.

    Args:
        data: `tf.data` set of batches `(inputs, targets)` that ends.

    Raises:
        TypeError: Its elements are no pairs, or the inputs are no one array of numbers.
        ValueError: It holds single rows, no rows, or has no end.
    """
    if not isinstance(data.element_spec, tuple) or len(data.element_spec) < 2:
        raise TypeError(f"The data set must hold batches `(inputs, targets)`, got {data.element_spec}.")
    if len(data.element_spec[1].shape) == 0:
        raise ValueError("The data set holds single rows; call `batch(32)` on it.")
    if int(data.cardinality()) == _ENDLESS:
        raise ValueError("The data set has no end; call `adapt` with rows of it before the search, or leave `repeat`.")
    inputs: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for batch in data:
        if sum(map(len, inputs)) < _MOST_ROWS_READ:
            inputs.append(inputs_array(batch[0]))
        targets.append(np.asarray(batch[1]))
    if not targets:
        raise ValueError("The data set holds no rows.")
    return np.concatenate(inputs)[:_MOST_ROWS_READ], np.concatenate(targets)


def inputs_array(x: Any) -> np.ndarray:
    """The inputs as one array of numbers with at least one row; others are refused."""
    if is_ragged(x):
        return padded(x)
    if isinstance(x, (dict, list, tuple)) or not hasattr(x, "__array__"):
        raise TypeError(
            f"The space takes one array of inputs, got {type(x).__name__}; write a `build(hp)` of your own for others, "
            "or call `adapt(x, y)` of the space with rows before."
        )
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Inputs must be numbers, got dtype {array.dtype}; encode words before.")
    if array.ndim == 0 or not len(array):
        raise ValueError(f"There must be at least one row, got shape {array.shape}.")
    return array
