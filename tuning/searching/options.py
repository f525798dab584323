"""What a search was told when it was made: every keyword, checked, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import number, whole_number
from ...toolkit.stopping import FirstEpochs, Stopper, stopper_of
from .member_settings import members_of

OBJECTIVE, TRIALS = "val_loss", 20
_RESOURCES = ("num_cpus", "num_gpus")


@dataclass(frozen=True)
class SearchOptions:
    """The keywords of `Search`, checked; what each means is told there.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Example:

    >>> type(SearchOptions(stopper="median").rule).__name__
    'Median'
    >>> SearchOptions(keep=0)
    Traceback (most recent call last):
    ...
    ValueError: `keep` must be at least 1, got 0.
    """

    objective: Any = OBJECTIVE
    max_trials: int | None = TRIALS
    oracle: str | keras_tuner.Oracle = "random"
    seed: int = 0
    population: Any = "auto"
    stopper: Any = "halving"
    drop_losers: bool = True
    target: float | None = None
    time_budget: float | None = None
    initial_trials: Sequence[dict[str, Any]] = ()
    folds: int | None = None
    executions_per_trial: int = 1
    workers: int | str = 1
    resources: Mapping[str, float] | None = None
    optimizer: Any = None
    loss: Any = None
    metrics: Any = None
    max_model_size: int | None = None
    jit_compile: bool | str = "auto"
    precision: str | None = None
    keep: int = 10
    max_consecutive_failed_trials: int = 3
    directory: str | Path | None = None
    project_name: str = "search"
    overwrite: bool = False
    oracle_arguments: Mapping[str, Any] = field(default_factory=dict)
    rule: Stopper | None = field(init=False)

    def __post_init__(self) -> None:
        # The one moment at which a frozen object is written to.
        for name, value in self._checked().items():
            object.__setattr__(self, name, value)

    def _checked(self) -> dict[str, Any]:
        """What was given, as plain numbers and names, so that equal searches have equal options."""
        if isinstance(self.oracle, keras_tuner.Oracle):
            _check_oracle(self.oracle, self.objective, self.max_trials)
        if not (self.is_alone or self.is_auto):
            members_of(self.population, "adam")  # which optimizer it will be decides the rates, not what is allowed
        if self.jit_compile not in (True, False, "auto"):
            raise ValueError(f"`jit_compile` must be True, False or 'auto', got {self.jit_compile!r}.")
        # numpy's numbers become Python's: their `repr` differs, and with it what a search is known by.
        counts = ("seed", "executions_per_trial", "keep", "max_consecutive_failed_trials")
        checked: dict[str, Any] = {
            name: whole_number(name, getattr(self, name), low=int(name != "seed")) for name in counts
        }
        retries = self.oracle_arguments.get("max_retries_per_trial")
        if retries is not None:
            whole_number("max_retries_per_trial", retries, low=0)
        if self.max_trials is not None:
            checked["max_trials"] = whole_number("trials", self.max_trials, low=1)
        if self.folds is not None:
            checked["folds"] = whole_number("folds", self.folds, low=2)
        if self.workers != "ray":
            checked["workers"] = whole_number("workers", self.workers, low=1)
        if self.target is not None:
            checked["target"] = number("target", self.target, -np.inf, np.inf)
        if self.time_budget is not None:
            checked["time_budget"] = number("time_budget", self.time_budget, 0, np.inf, open_low=True)
        if self.precision is not None:
            checked["precision"] = keras.DTypePolicy(self.precision).name
        return {
            **checked,
            "resources": _resources(self.resources),
            "drop_losers": bool(self.drop_losers),
            "rule": stopper_of(self.stopper),
        }

    @property
    def is_alone(self) -> bool:
        """Whether each trial is one model, by wish."""
        return self.population is None or self.population is False

    @property
    def is_auto(self) -> bool:
        """Whether the models decide if a trial is a population."""
        return isinstance(self.population, str) and self.population == "auto"

    @property
    def first_epochs(self) -> FirstEpochs | None:
        """The rule that gives every trial a few epochs and only the best of them all, or `None` where another rules."""
        return self.rule if isinstance(self.rule, FirstEpochs) else None

    @property
    def compiling(self) -> dict[str, Any]:
        """What models are to be compiled with; `None` where it was not given."""
        return {
            "optimizer": self.optimizer,
            "loss": self.loss,
            "metrics": self.metrics,
            "jit_compile": self.jit_compile,
        }


def _check_oracle(oracle: keras_tuner.Oracle, objective: Any, trials: int | None) -> None:
    """An oracle brings objective and number of trials of its own; others beside them would count for nothing."""
    name = objective.name if isinstance(objective, keras_tuner.Objective) else objective
    if name not in (OBJECTIVE, None, oracle.objective.name):
        raise ValueError(f"The oracle looks for {oracle.objective.name}, not for {name}; give it to the oracle.")
    if trials not in (TRIALS, None, oracle.max_trials):
        raise ValueError(f"The oracle proposes {oracle.max_trials} trials, not {trials}; give it to the oracle.")


def _resources(given: Any) -> dict[str, float]:
    """What a trial takes on Ray, checked."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not set(given) <= set(_RESOURCES):
        raise ValueError(f"`resources` must be a dictionary of num_cpus and num_gpus, got {given!r}.")
    # Fractions are allowed: two trials may share a GPU.
    return {name: number(f"resources[{name!r}]", value, 0, np.inf) for name, value in given.items()}
