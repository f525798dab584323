"""How the rows of a running fit count: what Keras does not tell its callbacks."""

from __future__ import annotations

import inspect
import math
from typing import Any

import keras

from .keras_internals import elements_of

# Rows that are weighted, nobody knows how.
UNKNOWN_WEIGHTS = "unknown"


def brings_batches(x: Any) -> bool:
    """Whether inputs bring their batches, and their targets, themselves: a data set, `PyDataset`, loader, generator.

    Example:

    >>> brings_batches(iter([1])), brings_batches([1])
    (True, False)
    """
    loads = type(x).__module__.startswith("torch.") and not hasattr(x, "dtype")
    return isinstance(x, keras.utils.PyDataset) or hasattr(x, "element_spec") or hasattr(x, "__next__") or loads


def rows_before_split(count: int, share: float) -> int:
    """How many rows `fit` trains on where `validation_split` holds out the last: it rounds them down.

    Args:
        count: Number of rows.
        share: The `validation_split`, in [0, 1).

    Example:

    >>> rows_before_split(10, 0.25)
    7
    """
    return math.floor(count * (1.0 - share))


def row_weighting(model: keras.Model) -> dict[str, Any]:
    """The `class_weight` and `sample_weight` of the fit that runs, read off the call of `model.fit` itself.

    Keras tells its callbacks epochs and steps alone. Who compares the loss of a fit with that of a constant must know
    what each row counts, so the arguments are read where they stand: in the frames that called the callback.

    Args:
        model: The model that is fitted; the function is called from a callback of that fit.

    Returns:
        `class_weight` and `sample_weight` as given, `None` each without; `sample_weight` is `UNKNOWN_WEIGHTS` where
        the rows come from a data set or generator that may carry weights of its own.

    Example:

    >>> import keras, numpy as np
    >>> class Told(keras.callbacks.Callback):
    ...     def on_train_begin(self, logs=None):
    ...         print(row_weighting(self.model))
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(np.ones((2, 1)), np.ones(2), class_weight={1: 2.0}, callbacks=[Told()], verbose=0)
    {'class_weight': {1: 2.0}, 'sample_weight': None}
    """
    given = _arguments(model)
    weighting = {name: given.get(name) for name in ("class_weight", "sample_weight")}
    if given.get("y") is None and _may_hold_weights(given.get("x"), given.get("epoch_iterator")):
        weighting["sample_weight"] = UNKNOWN_WEIGHTS
    return weighting


def arrays_of_fit(model: keras.Model) -> dict[str, Any]:
    """The arrays of the fit that runs, read off the call of `model.fit` itself; called from a callback of it.

    Args:
        model: The model that is fitted.

    Returns:
        `x`, `y` and `validation_data`, a pair or a triple with weights, as given, and the `batch_size`; `None` where
        they are no arrays in memory.

    Example:

    >>> arrays_of_fit(keras.Model())
    {'x': None, 'y': None, 'validation_data': None, 'batch_size': None}
    """
    given = _arguments(model)
    x, y, held = given.get("x"), given.get("y"), given.get("validation_data")
    # With its weights, where it has some: measured without them a loss would be another one.
    held = tuple(held) if isinstance(held, tuple | list) and _are_arrays(*held) else None
    train = (x, y) if y is not None and _are_arrays(x, y) else (None, None)
    # What `fit` takes where none is given.
    size = None if train[0] is None else int(given.get("batch_size") or 32)
    return {"x": train[0], "y": train[1], "validation_data": held, "batch_size": size}


def _are_arrays(*parts: Any) -> bool:
    leaves = keras.tree.flatten(parts)
    return bool(leaves) and all(
        hasattr(leaf, "shape") and hasattr(leaf, "dtype") and len(leaf.shape) for leaf in leaves
    )


def _arguments(model: keras.Model) -> dict[str, Any]:
    """The arguments of the innermost `fit` of this model among the frames that led here."""
    frame = inspect.currentframe()
    while frame is not None:
        names = frame.f_locals
        # Innermost: a `fit` of another model may run inside a callback of this one.
        if frame.f_code.co_name == "fit" and names.get("self") is model and "class_weight" in names:
            return dict(names)
        frame = frame.f_back
    return {}


def _may_hold_weights(x: Any, epoch_iterator: Any) -> bool:
    """Whether rows come with weights, as Keras has read of the stream; where it did not, whether they may."""
    # Arrays cannot hide weights: they come as an argument.
    if x is None or hasattr(x, "shape"):
        return False
    elements = elements_of(epoch_iterator) or getattr(x, "element_spec", None)
    if elements is not None:
        # `(x, y, weights)`.
        return isinstance(elements, tuple) and len(elements) > 2
    # Generators and `PyDataset` show what they hold only when they run.
    return hasattr(x, "__next__") or (hasattr(x, "__getitem__") and not isinstance(x, dict | list | tuple))
