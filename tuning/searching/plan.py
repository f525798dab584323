"""What is the same for all trials of a search, and how one of them went; plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .rows import Rows


class ObjectiveError(ValueError):
    """The objective of a search is not among what the trials log."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all trials of a search.

    Args:
        hypermodel: `keras_tuner.HyperModel`.
        rows: What is trained and validated on.
        objective: `keras_tuner.Objective`.
        epochs: Epochs of a whole training, at least 1.
        batch_size: Rows of a batch, at least 1.
        settings: One dictionary of settings a member; empty for one ordinary model.
        executions: Trainings of each setting from different starting weights, at least 1.
        folds: Number of folds, or `None`.
        stopper: Rule that ends trials, or `None`.
        drop_losers: Whether members that lag behind are dropped.
        target: Objective at which the search may end, or `None`.
        seed: Decides starting weights and batches.
        compiling: `optimizer`, `loss`, `metrics`, `jit_compile` where given.
        callbacks: Keras callbacks, copied for each training.
        fit_arguments: Further arguments of `fit`.
        most_parameters: Larger models fail, or `None`.
        precision: Keras policy that the models are built under.
    """

    hypermodel: Any
    rows: Rows
    objective: Any
    epochs: int
    batch_size: int
    settings: tuple[dict[str, Any], ...] = ()
    executions: int = 1
    folds: int | None = None
    stopper: Any = None
    drop_losers: bool = True
    target: float | None = None
    seed: int = 0
    compiling: dict[str, Any] = field(default_factory=dict)
    callbacks: tuple[Any, ...] = ()
    fit_arguments: dict[str, Any] = field(default_factory=dict)
    most_parameters: int | None = None
    precision: str = "float32"

    @property
    def sign(self) -> float:
        """What makes lower values of the objective the better ones."""
        return -1.0 if self.objective.direction == "max" else 1.0


@dataclass
class Outcome:
    """How a trial went; plain values only.

    Args:
        status: `"completed"`, `"stopped"`, `"unfinished"` (the time was up) or `"failed"`.
        score: Best value of the objective by epoch, of the best setting, mean over its trainings.
        spread: Standard deviation of that over its trainings, or `None` of one alone.
        settings: The settings of that member.
        best_epoch: Its best epoch, from 1.
        metrics: What it logged there.
        curve: The objective of the best setting after each epoch.
        epochs: Epochs trained.
        planned: Epochs of a whole training.
        member_epochs: Epochs of all members that were trained on, together.
        seconds: Time that the trial took, s.
        parameters: Number of parameters of the model.
        findings: What the curves of the best member showed.
        reason: Why it was stopped or failed.
        members: Each setting with its best value, best first.
        values: The hyperparameters; where the best member was trained at another value, that one.
        entries: Hyperparameters that were asked for first while this trial trained, as KerasTuner writes them.
    """

    status: str = "completed"
    score: float | None = None
    spread: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    best_epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    epochs: int = 0
    planned: int = 0
    member_epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None
    members: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All fields, for a file."""
        return asdict(self)


def bad_last(values: Sequence[float]) -> list[float]:
    """The values, with infinity where there is no finite number."""
    return [value if math.isfinite(value) else math.inf for value in values]


def best_of(values: Sequence[float]) -> float:
    """The lowest finite value, or infinity."""
    return min(bad_last(values), default=math.inf)


def at_rate(outcome: Outcome) -> str:
    """The rate of a trial's best member in words; empty where it has none of its own."""
    rate = outcome.settings.get("learning_rate")
    return "" if rate is None else f" at rate {rate:.3g}"
