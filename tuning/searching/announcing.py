"""What a search says while it runs: what it is about to do, how each trial went, where it can be gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.report.parts import device
from .plan import Outcome, Plan


def speaker(verbose: Any) -> Callable[[str], None]:
    """What says a line: prints it at once, so that a pipe shows it too, or does nothing where `verbose` is 0."""
    return (lambda line: None) if verbose == 0 else (lambda line: print(line, flush=True))


def opening(plan: Plan, oracle: keras_tuner.Oracle, hint: str = "") -> str:
    """One sentence on what a search is about to do.

    Args:
        plan: What is the same for all its trials.
        oracle: Proposes them.
        hint: What the user might want instead of one model a trial.
    """
    most = oracle.max_trials  # Hyperband has none: its rounds say how many there are
    trials = f"at most {most} trials" if most else "trials"
    return (
        f"Search by {type(oracle).__name__.removesuffix('Oracle')}: {trials}, {_members(plan, hint)}, "
        f"{plan.epochs} epochs at most, batches of {plan.batch_size}; {_rows(plan)}; {device(plan.precision)}."
    )


def _members(plan: Plan, hint: str) -> str:
    if not plan.settings:
        return f"one model each{', ' if hint else ''}{hint}"
    return (
        f"each a population of {plan.models_of_a_trial} at learning rates {min(plan.rates):.3g} to "
        f"{max(plan.rates):.3g}"
    )


def _rows(plan: Plan) -> str:
    rows = plan.rows
    if rows.x is None:
        return "rows of its own"
    if not rows.are_arrays:
        return "rows from a data set"
    if plan.folds:
        return f"{rows.count} rows in {plan.folds} folds"
    held = _count(rows.validation)
    return f"{rows.count} rows to train on" + (f", {held} to validate on" if held else "")


def _count(validation: Any) -> int | None:
    # Of several inputs the first: all have as many rows.
    first = keras.tree.flatten(validation[0])[0] if isinstance(validation, tuple) else None
    return len(first) if isinstance(first, np.ndarray) else None


def ended(number: int, outcome: Outcome, objective: str) -> str:
    """One line on how a trial went.

    Args:
        number: Of the trial.
        outcome: How it went.
        objective: Name of the objective.

    Example:

    >>> print(ended(3, Outcome(score=0.25, best_epoch=2, epochs=2, planned=5, values={"units": 8}), "val_loss"))
    Trial 3: val_loss 0.25 at epoch 2, trained 2 of 5 epochs in 0.0 s | units 8
    """
    shown = "failed"
    if outcome.score is not None:
        shown = f"{objective} {outcome.score:.4g}{at_rate(outcome)} at epoch {outcome.best_epoch}"
    why = f" ({outcome.reason})" if outcome.reason else ""
    values = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in outcome.values.items()
    )
    spent = f"trained {outcome.epochs} of {outcome.planned} epochs in {outcome.seconds:.1f} s"
    return f"Trial {number}: {shown}, {spent}{why} | {values}"


def at_rate(outcome: Outcome) -> str:
    """The rate of a trial's best member in words; empty where it has none of its own."""
    rate = outcome.settings.get("learning_rate")
    return "" if rate is None else f" at rate {rate:.3g}"


def interrupted(folder: Path, lasting: bool) -> str:
    """What is left of a search that the user ended.

    Args:
        folder: Of the search.
        lasting: Whether the folder outlives the process.
    """
    if lasting:
        return f"Interrupted; the same call goes on with {folder}."
    return "Interrupted; nothing is kept, since no `directory` was given."
