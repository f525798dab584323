"""A search of a former call, looked at without its rows: its trials, what came of them, and their models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner

from ...toolkit.runtime.files import read_json, read_lines
from ...toolkit.runtime.keras_internals import replaced, silent_oracle
from . import oracles
from .journal import kept_outcome, trial_folder
from .options import SearchOptions
from .plan import Outcome, Plan, best_first
from .result import SearchResult
from .rows import TrialRows

_KEPT = ("epochs", "batch_size", "executions", "precision", "decided")


def description(plan: Plan, space: keras_tuner.HyperParameters) -> dict[str, Any]:
    """What `reopened` needs to know of a search, as plain values for a file.

    Args:
        plan: What is the same for all its trials.
        space: The hyperparameters that its oracle began with.
    """
    kept = {name: getattr(plan, name) for name in _KEPT}
    return {**kept, "settings": [dict(one) for one in plan.settings], "space": space.get_config()}


def reopened(folder: Path, oracle: keras_tuner.Oracle, hypermodel: Any, options: SearchOptions) -> SearchResult | None:
    """Tells an oracle of the trials in a search's folder; returns what they found, or `None` where none has a score.

    Args:
        folder: Of the search.
        oracle: Has proposed nothing yet.
        hypermodel: `keras_tuner.HyperModel`, or `None`.
        options: What the search was made with.

    Raises:
        ValueError: The log names an outcome that is missing.
    """
    known = read_json(folder / "plan.json")
    if known is None:
        return None  # it was cut off before its first trial, or was written before this file was
    oracle.hyperparameters = keras_tuner.HyperParameters.from_config(known["space"])
    plan = Plan(
        hypermodel,
        TrialRows(None),
        oracle.objective,
        settings=tuple(known["settings"]),
        compiling=options.compiling,
        **{name: known[name] for name in _KEPT},
    )
    events = read_lines(folder / "log.jsonl")
    begun = {event["number"]: event["values"] for event in events if event["event"] == "begin"}
    ended = {event["number"] for event in events if event["event"] == "end"}
    outcomes: dict[int, Outcome] = {}
    # As while a search runs: KerasTuner would raise in the midst of a trial's end, with its lock held for ever.
    with silent_oracle(oracle), replaced(oracle, "max_consecutive_failed_trials", 10**9):
        for number, values in begun.items():
            if number in ended:
                outcomes[number] = Outcome(**kept_outcome(folder, number))
            oracles.restored(oracle, number, values, outcomes.get(number))
    order = best_first(outcomes, plan.sign)
    if not order:
        return None
    return SearchResult(
        plan=plan,
        outcomes=outcomes,
        order=order,
        seconds=0.0,
        notes=(),
        space=oracle.get_space(),
        folder=folder,
        trial_folders={number: trial_folder(folder, number) for number in outcomes},
    )
