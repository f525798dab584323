"""The learning rate that a running fit should go on with, tried on copies of its model."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ..data.rows import finite_rows, spread_rows
from ..models.reading import innermost
from ..optimizers.member_forms import MEMBER_FORMS
from ..runtime.fit_arguments import brings_batches
from ..runtime.keras_internals import is_functional
from .range_test import range_test

# Copies learn from so many rows, for as many updates as the fit has left, within these bounds.
_ROWS, _FEWEST_UPDATES, _MOST_UPDATES = 2_048, 40, 300
# Half a power of ten apart, over eight powers.
_RATES, _SPAN = 17, 1e8


def repair_rate(
    model: keras.Model,
    x: Any,
    y: Any,
    change: str,
    updates: int = _MOST_UPDATES,
    batch_size: int = 32,
    validation_data: Any = None,
) -> float | None:
    """The rate, higher or lower than that of the optimizer, at which copies of the model get furthest.

    The copies start from the weights that the model has now. Model, optimizer and random state stay as they are.

    Args:
        model: A compiled model; of others than Functional and Sequential ones nothing can be told.
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        change: `"lower"` or `"raise"`.
        updates: Updates that the fit has left, at least 1; of more than 300 so many are made.
        batch_size: Rows of a batch, at least 1.
        validation_data: Pair `(x, y)` of arrays by which the copies are judged, else by their training loss.

    Returns:
        The rate, to two digits; `None` where it cannot be tried out, or none of those tried lowers the loss.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(1e6), "mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> 0.01 < repair_rate(model, x, 3 * x, "lower") < 5
    True
    """
    known = isinstance(model, keras.Sequential) or is_functional(model)
    if x is None or y is None or brings_batches(x) or not known:
        return None
    if type(innermost(model.optimizer)) not in MEMBER_FORMS:
        return None
    rows = finite_rows(*spread_rows(x, y, _ROWS))
    if rows is None:
        return None
    now = float(ops.convert_to_numpy(model.optimizer.learning_rate))
    lowest, highest = (now / _SPAN, now / 3) if change == "lower" else (now * 3, now * _SPAN)
    held = None
    if validation_data is not None:
        held_x, held_y = validation_data
        held = finite_rows(*spread_rows(held_x, held_y, _ROWS))
    try:
        found = range_test(
            model,
            *rows,
            lowest=lowest,
            highest=highest,
            rates=_RATES,
            updates=min(_MOST_UPDATES, max(_FEWEST_UPDATES, updates)),
            batch_size=batch_size,
            validation_data=held,
        ).suggestion
        return None if found is None else float(f"{found:.2g}")
    # Models and losses of users that have no form side by side.
    except (TypeError, ValueError):
        return None
