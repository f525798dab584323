"""Who sets the learning rate: a schedule, or one callback; never both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..models.reading import innermost
from ..runtime.keras_internals import given_learning_rate


def rate_setters(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks that set the learning rate: two of Keras, and any with an attribute `sets_learning_rate`.

    The attribute is `"always"` where the callback sets the rate again and again, so that it bears no other.

    Args:
        callbacks: The callbacks of a fit; one alone, several, or `None`.

    Example:

    >>> [type(one).__name__ for one in rate_setters([keras.callbacks.ReduceLROnPlateau(), keras.callbacks.History()])]
    ['ReduceLROnPlateau']
    """
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    known = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    return [one for one in given if isinstance(one, known) or getattr(one, "sets_learning_rate", False)]


def refuse_two_owners(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Refuses a learning rate that both a schedule and a callback want to set.

    Args:
        model: Compiled Keras model.
        callbacks: The callbacks of the fit.

    Raises:
        ValueError: The optimizer has a schedule, or one callback too many sets the rate.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> refuse_two_owners(model, [keras.callbacks.ReduceLROnPlateau()])
    """
    owners = rate_setters(callbacks)
    names = ", ".join(type(one).__name__ for one in owners)
    if owners and has_schedule(model.optimizer):
        raise ValueError(
            f"The optimizer's learning rate follows a schedule, and {names} would set it too; "
            "leave the callback out, or compile with a number: `learning_rate=0.01`."
        )
    # A plateau callback cuts whatever rate there is; these set it outright, so they bear no other.
    movers = [one for one in owners if _sets_every_rate(one)]
    if len(movers) > 1 or (movers and len(owners) > 1):
        raise ValueError(f"{names} would both set the learning rate; keep one of them.")


def _sets_every_rate(callback: keras.callbacks.Callback) -> bool:
    scheduler = isinstance(callback, keras.callbacks.LearningRateScheduler)
    return scheduler or getattr(callback, "sets_learning_rate", False) == "always"


def has_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate follows a schedule.

    Example:

    >>> has_schedule(keras.optimizers.SGD(0.1))
    False
    """
    return isinstance(given_learning_rate(innermost(optimizer)), keras.optimizers.schedules.LearningRateSchedule)


def fixed_rate(model: keras.Model) -> float | None:
    """The learning rate that a model's optimizer has now, or `None` where it follows a schedule or there is none.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.25), "mse")
    >>> fixed_rate(model)
    0.25
    """
    optimizer = getattr(model, "optimizer", None)
    rate = None if optimizer is None else given_learning_rate(innermost(optimizer))
    return float(ops.convert_to_numpy(rate)) if isinstance(rate, keras.Variable) else None
