"""What a schedule will do, before it does it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from ..checks import instance_of, items_of, whole_number
from ..runtime.figures import in_one_style, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def preview(schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int) -> np.ndarray:
    """The rates of the first updates.

    Args:
        schedule: Any Keras `LearningRateSchedule`, of Keras or of trainwise.
        steps: Number of updates, at least 1.

    Returns:
        Array of shape `(steps,)`; entry 0 is the rate of the first update.

    Example:

    >>> import keras
    >>> preview(keras.optimizers.schedules.InverseTimeDecay(1.0, 1, 1.0), 3).round(3).tolist()
    [1.0, 0.5, 0.333]
    """
    instance_of("schedule", schedule, keras.optimizers.schedules.LearningRateSchedule, "a learning rate schedule")
    whole_number("steps", steps, 1, 10**7)
    return np.array([float(ops.convert_to_numpy(schedule(step))) for step in range(steps)])


@in_one_style
def plot(schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int) -> Figure:
    """The rates of the first updates as a matplotlib Figure.

    Args:
        schedule: Any Keras `LearningRateSchedule`, of Keras or of trainwise.
        steps: Number of updates, at least 1.

    Example:

    >>> import keras
    >>> plot(keras.optimizers.schedules.CosineDecay(1.0, 10), 10).axes[0].get_xlabel()
    'update'
    """
    rates = preview(schedule, steps)
    figure, (axes,) = panels()
    axes.plot(range(steps), rates)
    told = f"from {rates[0]:.3g} to {rates[-1]:.3g}, at most {rates.max():.3g} at update {int(rates.argmax())}"
    axes.set(xlabel="update", ylabel="learning rate", title=told)
    return figure


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each update, which can be looked at beforehand.

    Raises:
        NotImplementedError: The schedule does not say its rates.
    """

    def __call__(self, step: Any) -> Any:
        # Keras counts updates in whole numbers; what rates are made of needs fractions.
        return self.rate(ops.cast(step, keras.backend.floatx()))

    def rate(self, step: Any) -> Any:
        """The rate at the update numbered `step`, from 0, a float tensor."""
        raise NotImplementedError(f"{type(self).__name__} must override `rate(step)`.")

    def preview(self, steps: int) -> np.ndarray:
        """The rates of the first `steps` updates, shape `(steps,)`."""
        return preview(self, steps)

    def plot(self, steps: int) -> Figure:
        """The rates of the first `steps` updates as a matplotlib Figure."""
        return plot(self, steps)


def rising(name: str, values: Sequence[int], low: int) -> list[int]:
    """Whole numbers that rise strictly, from `low` on.

    Raises:
        TypeError: An entry is not a whole number.
        ValueError: An entry is below `low`, or not above the one before it.

    Example:

    >>> rising("boundaries", [2, 5], low=1)
    [2, 5]
    """
    numbers = [whole_number(name, value, low) for value in items_of(name, values)]
    for before, after in itertools.pairwise(numbers):
        if after <= before:
            raise ValueError(f"`{name}` must rise, got {after} after {before}.")
    return numbers
