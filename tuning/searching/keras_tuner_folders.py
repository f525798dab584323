"""Reads what KerasTuner itself has left in a folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...toolkit.population import Leaderboard
from ...toolkit.runtime.files import read_json


def read_folder(path: str | Path, objective: str | None = None) -> Leaderboard:
    """The leaderboard of a folder that a KerasTuner tuner has written, best trial first.

    Args:
        path: The project's folder, with `trial_*/trial.json` in it.
        objective: Only for folders without `oracle.json`-given order: which metric to show beside the score.

    Raises:
        FileNotFoundError: The folder holds no trial.
        ValueError: A file in it is damaged, or not of KerasTuner.
    """
    found = [_trial(file) for file in sorted(Path(path).glob("trial_*/trial.json"))]
    if not found:
        raise FileNotFoundError(f"{path} holds no trials of KerasTuner; expected `trial_*/trial.json`.")
    # A trial's file tells a direction for each metric, but not which of them is the objective.
    directions = {
        metric.get("direction")
        for trial in found
        for name, metric in trial["metrics"]["metrics"].items()
        if objective in (None, name)
    }
    scored = [trial for trial in found if trial.get("score") is not None]
    rest = [trial for trial in found if trial.get("score") is None]
    higher = _higher_is_better(scored, directions, objective)
    ordered = [*sorted(scored, key=lambda trial: trial["score"], reverse=higher), *rest]
    # Trials of a conditional space have unlike hyperparameters; a column holds None where one had it not.
    names = list(dict.fromkeys(name for trial in ordered for name in trial["hyperparameters"]["values"]))
    board = Leaderboard(trial=[trial["trial_id"] for trial in ordered])
    board["score"] = [math.nan if trial.get("score") is None else trial["score"] for trial in ordered]
    for name in names:
        board[name] = [trial["hyperparameters"]["values"].get(name) for trial in ordered]
    # KerasTuner counts steps from 0.
    board["best_epoch"] = [None if trial.get("best_step") is None else trial["best_step"] + 1 for trial in ordered]
    board["status"] = [trial["status"].lower() for trial in ordered]
    return board


def _trial(file: Path) -> dict[str, Any]:
    """What KerasTuner wrote of a trial, where all of it is there that is read here."""
    trial = read_json(file)
    try:
        metrics = trial["metrics"]["metrics"]
        observed = [v for one in metrics.values() for seen in one["observations"] for v in seen["value"]]
        whole = isinstance(trial["trial_id"], str) and isinstance(trial["status"], str)
        whole &= isinstance(trial["hyperparameters"]["values"], dict)
        whole &= all(one["direction"] in ("min", "max", None) for one in metrics.values())
        numbers = [*observed, *(trial[name] for name in ("score", "best_step") if trial.get(name) is not None)]
        whole &= all(isinstance(number, int | float) for number in numbers)
    except (TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{file} is damaged, or not written by KerasTuner.")
    found: dict[str, Any] = trial
    return found


def _higher_is_better(scored: Sequence[Any], directions: set[Any], objective: str | None) -> bool:
    """The direction of the metric whose best value is each trial's score."""
    for trial in scored:
        # The metric whose best value is the score is the objective; only `loss` may be so by chance, beside `val_loss`.
        for name, metric in trial["metrics"]["metrics"].items():
            values = [value for seen in metric["observations"] for value in seen["value"]]
            if not values:
                continue
            best = max(values) if metric["direction"] == "max" else min(values)
            if objective in (None, name) and math.isclose(best, trial["score"], rel_tol=1e-9) and name != "loss":
                return bool(metric["direction"] == "max")
    return directions == {"max"}
