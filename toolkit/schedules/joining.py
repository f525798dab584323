"""Schedules made of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number, whole_number
from .previews import Schedule, rising


def rate_or_schedule(name: str, value: Any) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A number of at least 0 as a float, or a schedule as it is.

    Raises:
        TypeError: Neither.
        ValueError: A negative number.

    Example:

    >>> rate_or_schedule("target", 1)
    1.0
    """
    if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
        return value
    return number(name, value, 0, np.inf, open_high=True)


def _rate(schedule: float | keras.optimizers.schedules.LearningRateSchedule, step: Any) -> Any:
    value = schedule(step) if callable(schedule) else schedule
    return ops.cast(value, keras.backend.floatx())


def _config(schedule: float | keras.optimizers.schedules.LearningRateSchedule) -> float | dict[str, Any]:
    return keras.optimizers.schedules.serialize(schedule) if callable(schedule) else schedule


def _read(config: float | dict[str, Any]) -> float | keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.deserialize(config) if isinstance(config, dict) else config


@keras.saving.register_keras_serializable(package="trainwise")
class JoinedSchedule(Schedule):
    """One schedule after another, each counting its updates from 0.

    Args:
        schedules: Schedules or numbers of at least 0, one more than boundaries.
        boundaries: Updates at which the next one begins, rising; the update at the boundary is
            the first of the next.

    Raises:
        TypeError: A boundary is not a whole number, or a schedule is neither schedule nor number.
        ValueError: Boundaries do not rise from 1, or the counts do not fit.

    Reference: the semantics of `optax.join_schedules`.

    Example:

    >>> import keras
    >>> decay = keras.optimizers.schedules.InverseTimeDecay(1.0, 1, 1.0)
    >>> JoinedSchedule([0.5, decay], [2]).preview(4).tolist()
    [0.5, 0.5, 1.0, 0.5]
    """

    def __init__(
        self, schedules: Sequence[float | keras.optimizers.schedules.LearningRateSchedule], boundaries: Sequence[int]
    ) -> None:
        self.schedules = [rate_or_schedule("schedules", schedule) for schedule in items_of("schedules", schedules)]
        self.boundaries = rising("boundaries", boundaries, low=1)
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"`schedules` must be one more than `boundaries`, got {len(self.schedules)} "
                f"schedules for {len(self.boundaries)} boundaries."
            )

    def rate(self, step: Any) -> Any:
        rate = _rate(self.schedules[0], step)
        for schedule, boundary in zip(self.schedules[1:], self.boundaries, strict=True):
            # All are asked at every update, and none is made for a negative step: before its turn it is at its first.
            later = _rate(schedule, ops.maximum(step - boundary, 0.0))
            rate = ops.where(step >= boundary, later, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"schedules": [_config(schedule) for schedule in self.schedules], "boundaries": self.boundaries}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> JoinedSchedule:
        return cls([_read(schedule) for schedule in config["schedules"]], config["boundaries"])


@keras.saving.register_keras_serializable(package="trainwise")
class LinearWarmup(Schedule):
    """Rises in a straight line, then follows `target`.

    Update `t` of the warmup, from 0, has the rate `start + (first - start) (t + 1) / steps`, where
    `first` is the rate that `target` begins with: no update is spent on rate 0, and the last one
    of the warmup has the full rate. (optax gives update `t` of a warmup what `t - 1` has here.)

    Args:
        target: A number of at least 0, or the schedule that takes over after the warmup, counting
            its updates from 0.
        steps: Updates of the warmup, at least 1.
        start: Rate that the line comes from, at least 0.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: A negative rate, or `steps` below 1.

    Reference: Goyal et al. 2017, arXiv:1706.02677, section 2.2.

    Example:

    >>> LinearWarmup(1.0, steps=4).preview(6).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    def __init__(
        self, target: float | keras.optimizers.schedules.LearningRateSchedule, steps: int, start: float = 0.0
    ) -> None:
        self.target = rate_or_schedule("target", target)
        self.steps = whole_number("steps", steps, low=1)
        self.start = number("start", start, 0, np.inf, open_high=True)

    def rate(self, step: Any) -> Any:
        first = _rate(self.target, ops.zeros_like(step))
        rising_rate = self.start + (first - self.start) * (step + 1) / self.steps
        return ops.where(step < self.steps, rising_rate, _rate(self.target, ops.maximum(step - self.steps, 0.0)))

    def get_config(self) -> dict[str, Any]:
        return {"target": _config(self.target), "steps": self.steps, "start": self.start}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LinearWarmup:
        return cls(**{**config, "target": _read(config["target"])})
