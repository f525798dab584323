"""A search gone on with after a kill: its journal leads a fresh oracle through what it had proposed."""

from __future__ import annotations

from typing import Any

import keras_tuner

from ...toolkit.runtime.keras_internals import number_trial
from .journal import Journal


def worker_name(number: int) -> str:
    """KerasTuner gives a worker its unfinished trial again, so each trial has a worker's name of its own."""
    return f"trial{number}"


def proposed_again(
    oracle: keras_tuner.Oracle, journal: Journal, number: int, values: dict[str, Any]
) -> keras_tuner.engine.trial.Trial:
    """The trial that the killed search had begun, asked of an oracle that knows what came before it.

    Args:
        oracle: Of the search that goes on.
        journal: Of the killed one.
        number: Of the trial.
        values: By hyperparameter name, as they were.

    Raises:
        ValueError: The oracle proposes fewer trials than had begun.
    """
    trial = oracle.create_trial(worker_name(number))
    if trial.status != "RUNNING":
        begun = sum(one["event"] == "begin" for one in journal.events)
        raise ValueError(
            f"{journal.folder} holds {begun} trials, and this search would propose fewer; give `trials` of at least "
            f"{begun}, or another folder."
        )
    # An oracle of the user's may draw otherwise this time; what was trained counts.
    trial.hyperparameters.values = dict(values)
    number_trial(oracle, trial)
    return trial


def going_on(journal: Journal, done: int, waiting: int) -> str:
    """What is said of a search that goes on, in one line."""
    return f"Going on with {journal.folder}: {done} trials are done, {waiting} are taken up again."
