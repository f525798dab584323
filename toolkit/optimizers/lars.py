"""LARS: a learning rate for each weight in proportion to its norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number
from ..runtime.keras_internals import variable_key, variable_place
from .momentum import move_with_momentum
from .wrapping import checked_rate


@keras.saving.register_keras_serializable(package="trainwise")
class LARS(keras.optimizers.Optimizer):
    """SGD with momentum whose step of each weight is in proportion to the weight's own norm.

    For weight `w` with gradient `g`: `g' = g + weight_decay w`; `g'' = trust g'` with
    `trust = trust_coefficient |w| / (|g'| + epsilon)`, 1 where a norm is 0;
    `v = momentum v - learning_rate g''`; `w = w + v`. Weights whose names `exclude` has get neither
    weight decay nor trust.

    Args:
        learning_rate: Number, or schedule over updates.
        momentum: In [0, 1).
        weight_decay: At least 0; part of the gradient, not decoupled.
        trust_coefficient: > 0.
        epsilon: At least 0.
        nesterov: Whether to use Nesterov's form of momentum.
        exclude: Names of weights, such as `"bias"`, that are updated by plain SGD with momentum.
        name: Name of the optimizer.
        **kwargs: As for any Keras optimizer: `clipnorm`, `use_ema` and so on.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Reference: You, Gitman, Ginsburg 2017, arXiv:1708.03888.

    Example:

    >>> import keras
    >>> weight = keras.Variable([3.0, 4.0], name="kernel")
    >>> LARS(1.0, momentum=0.0, trust_coefficient=0.1).apply([keras.ops.array([0.0, 2.0])], [weight])
    >>> weight.numpy().tolist()
    [3.0, 3.5]
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        epsilon: float = 0.0,
        nesterov: bool = False,
        exclude: Sequence[str] = ("bias", "gamma", "beta"),
        name: str = "lars",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=checked_rate(learning_rate), name=name, **kwargs)
        self.momentum = number("momentum", momentum, 0, 1, open_high=True)
        # Not Keras' own `weight_decay`, which is decoupled and would not enter the trust.
        self.decay = number("weight_decay", weight_decay, 0, np.inf, open_high=True)
        self.trust_coefficient = number(
            "trust_coefficient", trust_coefficient, 0, np.inf, open_low=True, open_high=True
        )
        self.epsilon = number("epsilon", epsilon, 0, np.inf, open_high=True)
        self.nesterov = bool(nesterov)
        self.exclude = tuple(items_of("exclude", exclude))
        self._excluded: frozenset[Any] = frozenset()

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self._excluded = frozenset(
            variable_key(self, variable) for variable in variables if variable.name in self.exclude
        )

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        gradient = ops.cast(ops.convert_to_tensor(gradient), variable.dtype)
        value = ops.convert_to_tensor(variable)
        # A bias that starts at 0 has no norm to step in proportion to.
        if variable_key(self, variable) not in self._excluded:
            gradient = gradient + self.decay * value
            gradient = gradient * self._trust(value, gradient)
        step = gradient * ops.cast(learning_rate, variable.dtype)
        velocity = self.momentums[variable_place(self, variable)]
        move_with_momentum(self, variable, velocity, step, self.momentum, self.nesterov)

    def _trust(self, value: Any, gradient: Any) -> Any:
        weight_norm, gradient_norm = (ops.sqrt(ops.sum(ops.square(x))) for x in (value, gradient))
        some = ops.logical_and(weight_norm > 0, gradient_norm > 0)
        below = ops.where(some, gradient_norm + self.epsilon, ops.ones_like(gradient_norm))
        return ops.where(some, self.trust_coefficient * weight_norm / below, ops.ones_like(below))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.decay,
            "trust_coefficient": self.trust_coefficient,
            "epsilon": self.epsilon,
            "nesterov": self.nesterov,
            "exclude": list(self.exclude),
        }
