"""Schedules that fall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number, one_of, whole_number
from .previews import Schedule, rising


@keras.saving.register_keras_serializable(package="trainwise")
class PiecewiseDecay(Schedule):
    """Falls with the number of updates; how fast it falls changes after given updates.

    Within segment `i`, which begins at update `b` with rate `r`, update `t` has the rate
    `r / (1 + decay_rates[i] (t - b))`, and the next segment begins with the rate that this one has
    come to: there is no jump. With one decay rate it is Keras' `InverseTimeDecay`.

    Args:
        initial_learning_rate: Rate of the first update, > 0.
        boundaries: Updates at which the next segment begins, rising.
        decay_rates: Decay for each update of a segment, at least 0, one more than boundaries.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: A rate out of range, boundaries that do not rise, or counts that do not fit.

    Example:

    >>> PiecewiseDecay(1.0, boundaries=[2], decay_rates=[0.5, 1.0]).preview(5).round(4).tolist()
    [1.0, 0.6667, 0.5, 0.25, 0.1667]
    """

    def __init__(self, initial_learning_rate: float, boundaries: Sequence[int], decay_rates: Sequence[float]) -> None:
        self.initial_learning_rate = number(
            "initial_learning_rate", initial_learning_rate, 0, np.inf, open_low=True, open_high=True
        )
        self.boundaries = rising("boundaries", boundaries, low=1)
        self.decay_rates = [
            number("decay_rates", rate, 0, np.inf, open_high=True) for rate in items_of("decay_rates", decay_rates)
        ]
        if len(self.decay_rates) != len(self.boundaries) + 1:
            raise ValueError(
                f"`decay_rates` must be one more than `boundaries`, got {len(self.decay_rates)} "
                f"rates for {len(self.boundaries)} boundaries."
            )

    def rate(self, step: Any) -> Any:
        begins = [0, *self.boundaries]
        ends = [*self.boundaries, math.inf]
        rate = ops.cast(self.initial_learning_rate, step.dtype)
        for begin, end, decay in zip(begins, ends, self.decay_rates, strict=True):
            # Segments that are over divide by all of their decay, later ones by 1: so there is no jump.
            passed = ops.clip(step - begin, 0.0, end - begin)
            rate = rate / (1 + decay * passed)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "boundaries": self.boundaries,
            "decay_rates": self.decay_rates,
        }


@keras.saving.register_keras_serializable(package="trainwise")
class WarmupStableDecay(Schedule):
    """Rises in a line, stays, and falls at the end.

    Args:
        peak: Rate of the middle part, > 0.
        warmup_steps: Updates of the rise, at least 0; update `t` has `peak (t + 1) / warmup_steps`.
        stable_steps: Updates at the peak, at least 0.
        decay_steps: Updates of the fall, at least 1; afterwards the rate stays at `minimum`.
        minimum: Rate at the end, in [0, `peak`].
        decay: Shape of the fall over its share `s` of [0, 1]: `"linear"` 1 - s, `"cosine"`
            (1 + cos(pi s)) / 2, `"1-sqrt"` 1 - sqrt(s).

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Reference: Haegele et al. 2024, arXiv:2405.18392.

    Example:

    >>> WarmupStableDecay(1.0, warmup_steps=2, stable_steps=1, decay_steps=2).preview(6).tolist()
    [0.5, 1.0, 1.0, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        peak: float,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        minimum: float = 0.0,
        decay: str = "linear",
    ) -> None:
        self.peak = number("peak", peak, 0, np.inf, open_low=True, open_high=True)
        self.warmup_steps = whole_number("warmup_steps", warmup_steps, low=0)
        self.stable_steps = whole_number("stable_steps", stable_steps, low=0)
        self.decay_steps = whole_number("decay_steps", decay_steps, low=1)
        self.minimum = number("minimum", minimum, 0, self.peak)
        self.decay = one_of("decay", decay, ("linear", "cosine", "1-sqrt"))

    def rate(self, step: Any) -> Any:
        share = ops.clip((step - self.warmup_steps - self.stable_steps) / self.decay_steps, 0.0, 1.0)
        if self.decay == "linear":
            left = 1 - share
        elif self.decay == "cosine":
            left = (1 + ops.cos(math.pi * share)) / 2
        else:
            left = 1 - ops.sqrt(share)
        rate = self.minimum + (self.peak - self.minimum) * left
        if not self.warmup_steps:
            return rate
        return ops.where(step < self.warmup_steps, self.peak * (step + 1) / self.warmup_steps, rate)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "stable_steps": self.stable_steps,
            "decay_steps": self.decay_steps,
            "minimum": self.minimum,
            "decay": self.decay,
        }


@keras.saving.register_keras_serializable(package="trainwise")
class InverseSqrtDecay(Schedule):
    """Rises in a line over the warmup, then falls with the square root of the number of updates.

    Update `t`, from 0, has the rate `peak min((t + 1) / warmup_steps, sqrt(warmup_steps / (t + 1)))`.

    Args:
        peak: Rate at the end of the warmup, > 0.
        warmup_steps: Updates of the warmup, at least 1.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Reference: Vaswani et al. 2017, arXiv:1706.03762, equation 3.

    Example:

    >>> InverseSqrtDecay(1.0, warmup_steps=4).preview(16)[[0, 3, 15]].tolist()
    [0.25, 1.0, 0.5]
    """

    def __init__(self, peak: float, warmup_steps: int) -> None:
        self.peak = number("peak", peak, 0, np.inf, open_low=True, open_high=True)
        self.warmup_steps = whole_number("warmup_steps", warmup_steps, low=1)

    def rate(self, step: Any) -> Any:
        count = step + 1
        return self.peak * ops.minimum(count / self.warmup_steps, ops.sqrt(self.warmup_steps / count))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}
