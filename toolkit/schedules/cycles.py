"""Schedules that rise and fall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number, one_of, whole_number
from .previews import Schedule


@keras.saving.register_keras_serializable(package="trainwise")
class OneCycle(Schedule):
    """One rise and one long fall of the learning rate, with a momentum that does the opposite.

    The rate goes from `maximum / initial_divisor` up to `maximum` over the first `warmup_share` of
    the updates, then down to `maximum / initial_divisor / final_divisor` at the last one.
    `.momentum` is a schedule for `optimizers.MomentumSGD`.

    Args:
        maximum: Largest rate, > 0.
        steps: Updates of the cycle, at least 2; afterwards the last rate stays.
        warmup_share: Share of the rise, in (0, 1).
        initial_divisor: > 0.
        final_divisor: > 0.
        anneal: `"cosine"` or `"linear"`.
        momentum: Momentum where the rate is small, and where it is large, each in [0, 1).

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Reference: Smith and Topin 2018, arXiv:1708.07120; the form of `torch.optim.lr_scheduler.OneCycleLR`.

    Example:

    >>> cycle = OneCycle(1.0, steps=10, warmup_share=0.4, anneal="linear")
    >>> int(cycle.preview(10).argmax()), round(float(cycle.momentum.preview(10)[3]), 2)
    (3, 0.85)
    """

    def __init__(
        self,
        maximum: float,
        steps: int,
        warmup_share: float = 0.3,
        initial_divisor: float = 25.0,
        final_divisor: float = 1e4,
        anneal: str = "cosine",
        momentum: Sequence[float] = (0.95, 0.85),
    ) -> None:
        self.maximum = number("maximum", maximum, 0, np.inf, open_low=True, open_high=True)
        self.steps = whole_number("steps", steps, low=2)
        self.warmup_share = number("warmup_share", warmup_share, 0, 1, open_low=True, open_high=True)
        self.initial_divisor = number("initial_divisor", initial_divisor, 0, np.inf, open_low=True, open_high=True)
        self.final_divisor = number("final_divisor", final_divisor, 0, np.inf, open_low=True, open_high=True)
        self.anneal = one_of("anneal", anneal, ("cosine", "linear"))
        self._momenta = [number("momentum", value, 0, 1, open_high=True) for value in items_of("momentum", momentum)]
        if len(self._momenta) != 2:
            raise ValueError(f"`momentum` must hold two values, got {len(self._momenta)}.")

    @property
    def momentum(self) -> Schedule:
        """The momentum of each update, as a schedule."""
        return _Arc(*self._shape(), self._momenta[0], self._momenta[1], self._momenta[0], self.anneal)

    def _shape(self) -> tuple[float, float]:
        # As torch: the last update of the rise, and the last of all.
        return self.warmup_share * self.steps - 1, self.steps - 1.0

    def rate(self, step: Any) -> Any:
        low = self.maximum / self.initial_divisor
        return _Arc(*self._shape(), low, self.maximum, low / self.final_divisor, self.anneal).rate(step)

    def get_config(self) -> dict[str, Any]:
        return {
            "maximum": self.maximum,
            "steps": self.steps,
            "warmup_share": self.warmup_share,
            "initial_divisor": self.initial_divisor,
            "final_divisor": self.final_divisor,
            "anneal": self.anneal,
            "momentum": self._momenta,
        }


@keras.saving.register_keras_serializable(package="trainwise")
class _Arc(Schedule):
    """From `first` to `middle` at update `turn`, then to `last` at update `end`."""

    def __init__(self, turn: float, end: float, first: float, middle: float, last: float, anneal: str) -> None:
        self.turn, self.end = turn, end
        self.first, self.middle, self.last = first, middle, last
        self.anneal = anneal

    def rate(self, step: Any) -> Any:
        # In a short cycle the rise may have no update: then nothing is divided by 0.
        up = ops.clip(step / self.turn, 0.0, 1.0) if self.turn > 0 else ops.ones_like(step)
        down = ops.clip((step - self.turn) / (self.end - self.turn), 0.0, 1.0)
        if self.anneal == "cosine":
            up, down = ((1 - ops.cos(math.pi * share)) / 2 for share in (up, down))
        rising = self.first + (self.middle - self.first) * up
        falling = self.last + (self.middle - self.last) * (1 - down)
        return ops.where(step <= self.turn, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {
            "turn": self.turn,
            "end": self.end,
            "first": self.first,
            "middle": self.middle,
            "last": self.last,
            "anneal": self.anneal,
        }


@keras.saving.register_keras_serializable(package="trainwise")
class CyclicalLearningRate(Schedule):
    """Goes up and down between two rates.

    Args:
        minimum: Smallest rate, at least 0.
        maximum: Largest rate, above `minimum`.
        step_size: Updates of half a cycle, at least 1.
        mode: `"triangular"`; `"triangular2"`, whose height is halved at each cycle; `"exp_range"`,
            whose height is multiplied by `gamma` at each update.
        gamma: In (0, 1].

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Reference: Smith 2017, arXiv:1506.01186.

    Example:

    >>> CyclicalLearningRate(1.0, 2.0, step_size=2).preview(5).tolist()
    [1.0, 1.5, 2.0, 1.5, 1.0]
    """

    def __init__(
        self, minimum: float, maximum: float, step_size: int, mode: str = "triangular", gamma: float = 1.0
    ) -> None:
        self.minimum = number("minimum", minimum, 0, np.inf, open_high=True)
        self.maximum = number("maximum", maximum, self.minimum, np.inf, open_low=True, open_high=True)
        self.step_size = whole_number("step_size", step_size, low=1)
        self.mode = one_of("mode", mode, ("triangular", "triangular2", "exp_range"))
        self.gamma = number("gamma", gamma, 0, 1, open_low=True)

    def rate(self, step: Any) -> Any:
        # As in the reference, cycles are counted from 1.
        cycle = ops.floor(1 + step / (2 * self.step_size))
        height = ops.maximum(0.0, 1 - ops.abs(step / self.step_size - 2 * cycle + 1))
        if self.mode == "triangular2":
            height = height / 2.0 ** (cycle - 1)
        elif self.mode == "exp_range":
            height = height * ops.power(ops.cast(self.gamma, step.dtype), step)
        return self.minimum + (self.maximum - self.minimum) * height

    def get_config(self) -> dict[str, Any]:
        return {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "step_size": self.step_size,
            "mode": self.mode,
            "gamma": self.gamma,
        }
