"""The page of a search, as plain values that the report is written from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from ...toolkit.report.parts import device, versions
from . import analysis
from .identity import rule_in_words
from .plan import Record
from .summary import leaderboard, sentence


def figures(record: Record) -> dict[str, Any]:
    """The figures of a search as plain values, for a report."""
    best, base = record.best, analysis.baseline(record)
    asked = dict.fromkeys(name for outcome in record.outcomes.values() for name in outcome.values)
    return {
        "objective": record.plan.objective.name,
        "higher_is_better": record.plan.objective.direction == "max",
        "best_trial": record.order[0],
        "best": best.as_dict(),
        "facts": _facts(record),
        "sentence": sentence(record),
        "leaderboard": dict(leaderboard(record)),
        "hyperparameters": [name for name in asked if name not in best.settings],
        "logarithmic": _logarithmic(record),
        "epochs_saved": analysis.epochs_saved(record),
        "rank_correlation": analysis.rank_correlation(record, epoch=1),
        "one_epoch_then_best_three": {"saved": base.saved, "regret": base.regret},
        "importance": analysis.importance(record),
        "curves": {str(number): outcome.curve for number, outcome in record.outcomes.items()},
        "seconds": record.seconds,
        "device": device(record.plan.precision),
        "notes": list(record.notes),
    }


def _logarithmic(record: Record) -> list[str]:
    """What was sampled by its logarithm: hyperparameters that say so or whose choices are, and the members' rates."""
    asked = [hp.name for hp in record.space.space if getattr(hp, "sampling", None) == "log" or _is_geometric(hp)]
    return list(dict.fromkeys([*asked, *(["learning_rate"] if len(set(record.plan.rates)) > 1 else [])]))


def _is_geometric(hp: Any) -> bool:
    """Whether the choices of a hyperparameter are numbers that grow by one factor, such as 16, 32 and 64."""
    values = getattr(hp, "values", ())
    numbers = sorted(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) < max(3, len(values)) or numbers[0] <= 0:
        return False
    steps = np.diff(np.log(numbers))
    return bool(np.allclose(steps, steps[0]))


def _facts(record: Record) -> dict[str, Any]:
    """What was trained, on what, for how long."""
    plan, rates = record.plan, record.plan.rates
    rows = plan.rows
    facts = {
        "training rows": rows.count if rows.are_arrays else None,
        "validation rows": len(rows.validation[1]) if rows.are_arrays and isinstance(rows.validation, tuple) else None,
        "folds": plan.folds,
        "models of a trial": plan.models_of_a_trial,
        "learning rates": f"{min(rates):.3g} to {max(rates):.3g}" if rates else None,
        "epochs of a whole training": plan.epochs,
        "seconds of all trials": sum(outcome.seconds for outcome in record.outcomes.values()),
    }
    return {name: value for name, value in facts.items() if value is not None}


def report(record: Record, title: str, history: dict[str, list[float]]) -> dict[str, Any]:
    """All that the report page shows, as plain values.

    Args:
        record: The trials.
        title: Heading of the page.
        history: What the best member of the best trial logged.
    """
    best, plan = record.best, record.plan
    return {
        "title": title,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": plan.seed,
        "settings": {
            "epochs": plan.epochs,
            "batch_size": plan.batch_size,
            "stopper": rule_in_words(plan.stopper),
            "members_of_a_trial": plan.models_of_a_trial,
            "folds": plan.folds,
        },
        "versions": versions(),
        "search": figures(record),
        "members": [
            {
                "name": f"trial {record.order[0]}, the best",
                "seed": plan.seed,
                "parameters": best.parameters,
                # The page counts epochs from 0, as histories do.
                "best_epoch": None if best.best_epoch is None else best.best_epoch - 1,
                "history": history,
                "findings": best.findings,
                "validation": {n.removeprefix("val_"): v for n, v in best.metrics.items() if n.startswith("val_")},
            }
        ],
    }
