"""One trial of a search: its trainings, one for each fold or repetition, and what they come to together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...toolkit.runtime.garbage import forgotten_graphs
from ...toolkit.runtime.machine import hold
from ...toolkit.runtime.precision import precision
from .plan import Outcome, Plan, bad_last, best_of
from .rows import Rows
from .training import Training


def run_trial(
    plan: Plan,
    hp: Any,
    folder: Path,
    number: int,
    peers: Sequence[Sequence[float]] = (),
    deadline: float | None = None,
    last: int | None = None,
) -> Outcome:
    """Trains one trial, or goes on with it where its folder holds a state.

    Args:
        plan: What is the same for all trials.
        hp: `keras_tuner.HyperParameters` of the trial.
        folder: Of this trial alone.
        number: Of the trial, from 0; decides its seed with the plan's.
        peers: Curves of the other trials, lower being better.
        deadline: `time.time()` after which it ends with its epoch, or `None`.
        last: Epoch to end at, or `None` for the plan's.

    Raises:
        ObjectiveError: The objective is not among the logs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A worker that outlived its search may still be at this trial; it is waited for.
    with hold(folder / "lock"), forgotten_graphs(), precision(plan.precision):
        return _trained(plan, hp, folder, number, peers, deadline, last)


def _trained(
    plan: Plan, hp: Any, folder: Path, number: int, peers: Sequence[Sequence[float]], deadline: float | None,
    last: int | None,
) -> Outcome:  # fmt: skip
    parts, known = list(_parts(plan)), names_of(hp)
    trainings: list[Training] = []
    for place, (rows, seed) in enumerate(parts):
        home, name = folder, f"trial_{number:04d}"
        if len(parts) > 1:
            home, name = folder / f"part_{place}", f"{name}/part_{place}"
        training = Training(plan, hp, rows, home, name, seed + number, peers if place == 0 else (), deadline, last)
        training.run()
        trainings.append(training)
        if training.stopped_early or training.standing.out_of_time:
            break
    outcome, winner = _summed(plan, trainings)
    trainings[0].write_best(winner)
    outcome.seconds = sum(training.seconds for training in trainings)
    outcome.values = {**hp.values, **{name: v for name, v in outcome.settings.items() if name in hp.values}}
    outcome.entries = entries_since(hp, known)
    return outcome


def names_of(hp: Any) -> set[str]:
    """The names of the hyperparameters that are known."""
    return {one.name for one in hp.space}


def entries_since(hp: Any, known: set[str]) -> list[dict[str, Any]]:
    """The hyperparameters that are new, as `HyperParameters.get_config` writes them.

    Args:
        hp: `keras_tuner.HyperParameters`.
        known: The names that were there before.
    """
    return [entry for entry in hp.get_config()["space"] if entry["config"]["name"] not in known]


def _parts(plan: Plan) -> Sequence[tuple[Rows, int]]:
    folds = [plan.rows] if plan.folds is None else list(plan.rows.folds(plan.folds, plan.seed))
    repeats = 1 if plan.settings else plan.executions
    return [(rows, plan.seed + 1000 * repeat) for rows in folds for repeat in range(repeats)]


def _summed(plan: Plan, trainings: Sequence[Training]) -> tuple[Outcome, int]:
    """One outcome of all trainings of a trial, and its setting: the one whose best epochs are best in the mean."""
    first, standing = trainings[0], trainings[0].standing
    scores: dict[int, list[float]] = {}
    for training in trainings:
        for member, values in training.standing.objectives.items():
            scores.setdefault(standing.setting_of(member), []).append(best_of(values))
    full = max(len(values) for values in scores.values())
    means = {s: float(np.mean(v)) if len(v) == full else math.inf for s, v in scores.items()}
    order = sorted(means, key=lambda setting: (not means[setting] < math.inf, means[setting], setting))
    winner = order[0]
    member = standing.first_of(winner)
    epoch = int(np.argmin(bad_last(standing.objectives[member])))
    sign = plan.sign
    outcome = Outcome(
        status="stopped" if first.stopped_early else "completed",
        score=sign * means[winner] if math.isfinite(means[winner]) else None,
        spread=float(np.std(scores[winner], ddof=1)) if len(scores[winner]) > 1 else None,
        settings=dict(first.settings[winner]) if first.settings else {},
        best_epoch=epoch + 1,
        metrics=standing.logs_at(member, epoch),
        curve=[sign * value for value in standing.curve],
        epochs=standing.epoch,
        planned=first.epochs,
        member_epochs=sum(len(values) for training in trainings for values in training.standing.objectives.values()),
        parameters=first.parameters,
        findings=[finding.as_dict() for finding in standing.readers[member].findings],
        reason=standing.reason,
        members=[
            {**(first.settings[s] if first.settings else {}), "score": sign * means[s] if means[s] < math.inf else None}
            for s in order
        ],
    )
    if trainings[-1].standing.out_of_time:
        outcome.status, outcome.reason = "unfinished", trainings[-1].standing.reason
    if outcome.score is None:
        outcome.status = "failed"
        outcome.reason = outcome.reason or f"`{plan.objective.name}` was never a finite number"
    return outcome, winner
