"""What optimizers share that hold other optimizers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import number
from ..runtime.keras_internals import given_learning_rate, trained_variables


def learning_rate_of(optimizer: keras.optimizers.Optimizer) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of an optimizer as it was given: a number, or a schedule.

    Example:

    >>> import keras
    >>> round(learning_rate_of(keras.optimizers.SGD(0.5)), 3)
    0.5
    """
    given = given_learning_rate(optimizer)
    if isinstance(given, keras.optimizers.schedules.LearningRateSchedule):
        return given
    return float(ops.convert_to_numpy(given() if callable(given) and not hasattr(given, "assign") else given))


def read_optimizer(value: str | keras.optimizers.Optimizer | dict[str, Any]) -> keras.optimizers.Optimizer:
    """An optimizer from its name, object or configuration.

    Raises:
        TypeError: It is none of these.

    Example:

    >>> type(read_optimizer("adam")).__name__
    'Adam'
    """
    return known_optimizer("inner_optimizer", value)


def known_optimizer(name: str, value: Any) -> keras.optimizers.Optimizer:
    """An optimizer from its name, object or configuration.

    Raises:
        TypeError: It is none of these.
        ValueError: Keras knows no optimizer of that name.

    Example:

    >>> type(known_optimizer("optimizer", "adam")).__name__
    'Adam'
    """
    if isinstance(value, dict):
        value = keras.saving.deserialize_keras_object(value)
    if isinstance(value, str):
        try:
            return keras.optimizers.get(value)
        except ValueError as error:
            raise ValueError(f"`{name}` must be an optimizer that Keras knows, got {value!r}.") from error
    if not isinstance(value, keras.optimizers.Optimizer):
        raise TypeError(f"`{name}` must be a Keras optimizer or its name, got {value!r}.")
    return value


def checked_rate(value: Any) -> Any:
    """A learning rate that Keras takes, as it is; a number must be finite and at least 0.

    Raises:
        TypeError: `value` is neither number, schedule nor function.
        ValueError: The number is negative, NaN or infinite.

    Example:

    >>> checked_rate(0.1)
    0.1
    """
    if callable(value) or isinstance(value, dict) or hasattr(value, "assign"):
        return value
    return number("learning_rate", value, 0, np.inf, open_high=True)


def parts(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """The optimizers that make the updates of one that holds others; none of one that makes its own.

    Example:

    >>> parts(keras.optimizers.SGD())
    []
    """
    return optimizer.inner() if isinstance(optimizer, Wrapper) else []


class Wrapper(keras.optimizers.Optimizer):
    """An optimizer whose updates others make; theirs are its variables too.

    Args:
        learning_rate: A number or a schedule, the one rate of all.
        **kwargs: As for any Keras optimizer.
    """

    def __init__(self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)

    def inner(self) -> list[keras.optimizers.Optimizer]:
        """The optimizers that make the updates."""
        raise NotImplementedError(f"{type(self).__name__} must override `inner()`.")

    @property
    def variables(self) -> list[keras.Variable]:
        return [*super().variables, *(variable for one in self.inner() for variable in one.variables)]

    def set_weights(self, weights: Any) -> None:
        """Sets the variables from arrays, in the order of `variables`."""
        # Keras' own sets only the variables that it keeps itself, without those of the inner optimizers.
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        for one in self.inner():
            # Keras averages over just the weights that an optimizer was built for, and refuses another number of them.
            own = {id(variable) for variable in trained_variables(one)}
            one.finalize_variable_values([variable for variable in var_list if id(variable) in own])

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        raise NotImplementedError("The optimizers inside make the updates.")
