"""What a search says before its first trial: how many trainings of what, on which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ...toolkit.report.parts import device
from .plan import Plan

if TYPE_CHECKING:
    from .tuner import Search


def opening(tuner: Search, plan: Plan) -> str:
    """One sentence on what a search is about to do.

    Args:
        tuner: The search.
        plan: What is the same for all its trials.
    """
    most = tuner.oracle.max_trials
    trials = f"at most {most} trials" if most else "trials"
    return (
        f"Search by {type(tuner.oracle).__name__.removesuffix('Oracle')}: {trials}, {_members(tuner, plan)}, "
        f"{plan.epochs} epochs at most, batches of {plan.batch_size}; {_rows(plan)}; {device(plan.precision)}."
    )


def _members(tuner: Search, plan: Plan) -> str:
    if not plan.settings:
        return f"one model each{', ' if tuner.hint else ''}{tuner.hint}"
    rates = [one["learning_rate"] for one in plan.settings if "learning_rate" in one]
    count = len(plan.settings) * plan.executions
    return f"each a population of {count} at learning rates {min(rates):.3g} to {max(rates):.3g}"


def _rows(plan: Plan) -> str:
    rows = plan.rows
    if not rows.are_arrays:
        return "rows from a data set"
    if plan.folds:
        return f"{rows.count} rows in {plan.folds} folds"
    held = _count(rows.validation)
    return f"{rows.count} rows to train on" + (f", {held} to validate on" if held else "")


def _count(validation: Any) -> int | None:
    first = keras.tree.flatten(validation[0])[0] if isinstance(validation, tuple) else None
    return len(first) if isinstance(first, np.ndarray) else None
