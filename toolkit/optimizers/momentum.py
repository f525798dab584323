"""SGD whose momentum may follow a schedule and may be set between updates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import number
from ..runtime.keras_internals import update_counter, variable_place
from .wrapping import checked_rate


@keras.saving.register_keras_serializable(package="trainwise")
class MomentumSGD(keras.optimizers.Optimizer):
    """SGD with a momentum that is live: a schedule, or a number that can be set after tracing.

    `v = momentum v - learning_rate gradient`; the weight moves by `v`, or with Nesterov's form by
    `momentum v - learning_rate gradient`, as in `keras.optimizers.SGD`.

    Args:
        learning_rate: Number, or schedule over updates.
        momentum: Number in [0, 1), or `LearningRateSchedule` over updates; set it with
            `optimizer.momentum = 0.5`.
        nesterov: Whether to use Nesterov's form.
        name: Name of the optimizer.
        **kwargs: As for `keras.optimizers.SGD`: `weight_decay`, `clipnorm`, `use_ema` and so on.

    Raises:
        TypeError: `momentum` is neither number nor schedule.
        ValueError: `momentum` out of range, or set where it follows a schedule.

    Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".

    Example:

    >>> import keras
    >>> weight = keras.Variable([1.0])
    >>> optimizer = MomentumSGD(0.1, momentum=0.9)
    >>> optimizer.apply([keras.ops.ones(1)], [weight])
    >>> optimizer.momentum = 0.0
    >>> optimizer.apply([keras.ops.ones(1)], [weight])
    >>> weight.numpy().round(3).tolist()
    [0.800000011920929]
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.01,
        momentum: float | keras.optimizers.schedules.LearningRateSchedule | dict[str, Any] = 0.9,
        nesterov: bool = False,
        name: str = "momentum_sgd",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=checked_rate(learning_rate), name=name, **kwargs)
        self.nesterov = bool(nesterov)
        self._momentum_schedule = None
        if isinstance(momentum, dict):
            momentum = keras.optimizers.schedules.deserialize(momentum)
        if isinstance(momentum, keras.optimizers.schedules.LearningRateSchedule):
            self._momentum_schedule = momentum
            momentum = 0.0
        number("momentum", momentum, 0, 1, open_high=True)
        # A variable, for a number would be built into the traced step.
        self._momentum = self.add_variable((), dtype="float32", name="momentum")
        self._momentum.assign(momentum)

    @property
    def momentum(self) -> Any:
        """The momentum at this update."""
        if self._momentum_schedule is not None:
            return self._momentum_schedule(update_counter(self))
        return ops.convert_to_tensor(self._momentum)

    @momentum.setter
    def momentum(self, value: float) -> None:
        if self._momentum_schedule is not None:
            raise ValueError(f"`momentum` follows a schedule, so {value!r} cannot be set; begin with a number instead.")
        self._momentum.assign(number("momentum", value, 0, 1, open_high=True))

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        momentum = ops.cast(self.momentum, variable.dtype)
        step = ops.multiply(ops.cast(gradient, variable.dtype), rate)
        velocity = self.momentums[variable_place(self, variable)]
        move_with_momentum(self, variable, velocity, step, momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        schedule = self._momentum_schedule
        momentum = (
            float(np.float64(ops.convert_to_numpy(self._momentum)))
            if schedule is None
            else keras.optimizers.schedules.serialize(schedule)
        )
        return {**super().get_config(), "momentum": momentum, "nesterov": self.nesterov}


def move_with_momentum(
    optimizer: keras.optimizers.Optimizer,
    variable: keras.Variable,
    velocity: keras.Variable,
    step: Any,
    momentum: Any,
    nesterov: bool,
) -> None:
    """One update with momentum, in Keras' form: `v <- m v - step`, then `w <- w + v`, or `w + m v - step` by Nesterov.

    Args:
        optimizer: Whose `assign` and `assign_add` make the update.
        variable: The weight.
        velocity: Its velocity.
        step: Gradient times rate.
        momentum: In [0, 1), a number or a tensor that fits the weight.
        nesterov: Whether to look ahead.

    Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
    """
    moved = ops.subtract(ops.multiply(velocity, momentum), step)
    optimizer.assign(velocity, moved)
    optimizer.assign_add(variable, ops.subtract(ops.multiply(moved, momentum), step) if nesterov else moved)
