"""What is the same for all trials of a search, what one is told, how it went, and all together; plain values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras_tuner

from ...toolkit.stopping import Stopper
from .rows import TrialRows

# What a member logged in an epoch, by name.
Logs = dict[str, float]
# Arguments by place and by name.
Given = tuple[tuple[Any, ...], dict[str, Any]]


class ObjectiveError(ValueError):
    """The objective of a search is not among what the trials log."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all trials of a search.

    Args:
        hypermodel: `keras_tuner.HyperModel`, or `None` where a `run_trial` of the user's own needs none.
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
        given: What `search` was given, by place and by name, for a `fit` of the user's own.
        decided: Of each hyperparameter known beforehand the setting that it asks for and members decide, or `""`.
        most_parameters: Larger models fail, or `None`.
        precision: Keras policy that the models are built under.
    """

    hypermodel: Any
    rows: TrialRows
    objective: keras_tuner.Objective
    epochs: int
    batch_size: int
    settings: tuple[dict[str, Any], ...] = ()
    executions: int = 1
    folds: int | None = None
    stopper: Stopper | None = None
    drop_losers: bool = True
    target: float | None = None
    seed: int = 0
    compiling: dict[str, Any] = field(default_factory=dict)
    callbacks: tuple[Any, ...] = ()
    fit_arguments: dict[str, Any] = field(default_factory=dict)
    given: Given = ((), {})
    decided: dict[str, str] = field(default_factory=dict)
    most_parameters: int | None = None
    precision: str = "float32"

    @property
    def sign(self) -> float:
        """What makes lower values of the objective the better ones."""
        return -1.0 if self.objective.direction == "max" else 1.0

    @property
    def rates(self) -> list[float]:
        """The learning rates of the members; none where the model's own rate is trained at."""
        return [one["learning_rate"] for one in self.settings if "learning_rate" in one]

    @property
    def models_of_a_trial(self) -> int:
        """How many models each trial trains side by side."""
        return len(self.settings) * self.executions or 1


@dataclass(frozen=True, eq=False)
class Assignment:
    """One trial to be trained, as it is sent to whoever trains it, here or in another process.

    Args:
        trial: `keras_tuner` trial, with its hyperparameters.
        number: Decides its seed with the plan's: its own number, or that of the trial whose training it goes on with.
        folder: Of this trial alone.
        peers: Curves of the other trials, lower being better.
        deadline: `time.time()` after which it ends with its epoch, or `None`.
        last: Epoch to end at, or `None` for the plan's.
        restarts: How often it was begun anew from other weights, since it gave no finite score.
        watchers: Keras callbacks of this trial in this process, which are not copied.
    """

    trial: keras_tuner.engine.trial.Trial
    number: int
    folder: Path
    peers: Sequence[Sequence[float]] = ()
    deadline: float | None = None
    last: int | None = None
    restarts: int = 0
    watchers: Sequence[Any] = ()

    @property
    def hp(self) -> keras_tuner.HyperParameters:
        """`keras_tuner.HyperParameters` of the trial."""
        return self.trial.hyperparameters


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
    # Whole, as a worker's own copy of the space is gone with it.
    entries: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All fields, for a file."""
        return asdict(self)


@dataclass
class Record:
    """All trials of a search, for whoever orders, weighs or shows them.

    Args:
        plan: What was the same for all trials.
        outcomes: How each trial went, by number.
        order: The completed trials, best first.
        seconds: Time of this call, s.
        notes: Sentences on how it ended.
        space: The hyperparameters of the space.
    """

    plan: Plan
    outcomes: dict[int, Outcome]
    order: list[int]
    seconds: float
    notes: tuple[str, ...]
    space: keras_tuner.HyperParameters

    @property
    def best(self) -> Outcome:
        """How the best trial went."""
        return self.outcomes[self.order[0]]

    @property
    def best_score(self) -> float:
        """The best value of the objective."""
        return score_of(self.best)

    def curves(self) -> Iterator[list[float]]:
        """The curves of the completed trials, best trial first; lower is better in all of them."""
        for number in self.order:
            yield [self.plan.sign * value for value in self.outcomes[number].curve]


def score_of(outcome: Outcome) -> float:
    """The score of a trial that has one.

    Raises:
        ValueError: The trial failed.
    """
    if outcome.score is None:
        raise ValueError(f"A trial that failed has no score; its reason is {outcome.reason!r}.")
    return outcome.score


def best_first(outcomes: dict[int, Outcome], sign: float) -> list[int]:
    """The numbers of the completed trials, best first; of equal ones the earlier counts as the better.

    Args:
        outcomes: By number.
        sign: What makes lower scores the better ones.

    Example:

    >>> best_first({0: Outcome(score=0.7), 1: Outcome(status="failed"), 2: Outcome(score=0.9)}, sign=-1.0)
    [2, 0]
    """
    # A failed trial has no place: it is neither best nor worst.
    scored = [number for number, outcome in outcomes.items() if outcome.score is not None]
    return sorted(scored, key=lambda number: (sign * score_of(outcomes[number]), number))


def bad_last(values: Sequence[float]) -> list[float]:
    """The values, with infinity where there is no finite number."""
    return [value if math.isfinite(value) else math.inf for value in values]


def best_of(values: Sequence[float]) -> float:
    """The lowest finite value, or infinity."""
    return min(bad_last(values), default=math.inf)
