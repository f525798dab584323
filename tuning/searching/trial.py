"""One trial of a search: its trainings, one for each fold or repetition, and what they come to together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.runtime.garbage import forgotten_graphs
from ...toolkit.runtime.keras_internals import best_step_of_run, metrics_of_run
from ...toolkit.runtime.machine import hold
from ...toolkit.runtime.precision import precision
from .plan import Assignment, Outcome, Plan, bad_last, best_of
from .training import RESTARTS_APART, SEEDS_APART, Part, Training


def run_trial(plan: Plan, assignment: Assignment) -> Outcome:
    """Trains one trial, or goes on with it where its folder holds a state.

    It is all that a worker does, in this process or in another one: what it needs comes with its arguments, and
    what it finds goes back as plain values and files.

    Args:
        plan: What is the same for all trials.
        assignment: Which trial.

    Raises:
        ObjectiveError: The objective is not among the logs.
    """
    assignment.folder.mkdir(parents=True, exist_ok=True)
    # A worker that outlived its search may still be at this trial; it is waited for.
    with hold(assignment.folder / "lock"), forgotten_graphs(), precision(plan.precision):
        return _trained(plan, assignment)


def _trained(plan: Plan, assignment: Assignment) -> Outcome:
    hp, known = assignment.hp, names_of(assignment.hp)
    trainings: list[Training] = []
    for part in _parts(plan, assignment):
        training = Training(plan, assignment, part)
        training.run()
        trainings.append(training)
        # The first fold decides for all: the others would cost as much again to say the same.
        if training.stopped_early or training.race.out_of_time:
            break
    outcome, winner = _summed(plan, trainings)
    trainings[0].write_best(winner)
    outcome.seconds = sum(training.seconds for training in trainings)
    settled = {**{name: name for name in outcome.settings}, **trainings[0].decided}
    asked = {name: setting for name, setting in settled.items() if name in hp.values and setting in outcome.settings}
    outcome.values = {**hp.values, **{name: outcome.settings[setting] for name, setting in asked.items()}}
    outcome.entries = entries_since(hp, known)
    return outcome


def names_of(hp: keras_tuner.HyperParameters) -> set[str]:
    """The names of the hyperparameters that are known."""
    return {one.name for one in hp.space}


def entries_since(hp: keras_tuner.HyperParameters, known: set[str]) -> list[dict[str, Any]]:
    """The hyperparameters that are new, as `HyperParameters.get_config` writes them.

    Args:
        hp: `keras_tuner.HyperParameters`.
        known: The names that were there before.
    """
    return [entry for entry in hp.get_config()["space"] if entry["config"]["name"] not in known]


def outcome_of(found: Any, trial: keras_tuner.engine.trial.Trial, objective: keras_tuner.Objective) -> Outcome:
    """The outcome of a trial that the user's own `run_trial` has trained.

    Args:
        found: An `Outcome`, or what KerasTuner allows: a score, a dictionary of metrics, a `History`, several of these;
            nothing where it has told the oracle itself.
        trial: `keras_tuner` trial.
        objective: What is looked for.

    Raises:
        FatalTypeError: None of these.
        FatalValueError: The objective is not among the metrics.
    """
    if isinstance(found, Outcome):
        return found
    told = trial.metrics.exists(objective.name)
    metrics = _told_metrics(trial) if told else metrics_of_run(found, objective)
    best = trial.metrics.get_best_step(objective.name) if told else best_step_of_run(found, objective)
    score = float(objective.get_value(metrics))
    curve = _curve(found, objective) or [score]
    finite = math.isfinite(score)
    return Outcome(
        status="completed" if finite else "failed",
        score=score if finite else None,
        reason=None if finite else f"`{objective.name}` was {score}",
        best_epoch=int(best) + 1,
        metrics={name: float(value) for name, value in metrics.items()},
        curve=curve,
        epochs=len(curve),
        planned=len(curve),
        values=dict(trial.hyperparameters.values),
    )


def _told_metrics(trial: keras_tuner.engine.trial.Trial) -> dict[str, float]:
    """What a `run_trial` has told the oracle by `update_trial`, as code for former versions of KerasTuner does."""
    return {name: trial.metrics.get_best_value(name) for name in trial.metrics.metrics}


def _curve(found: Any, objective: keras_tuner.Objective) -> list[float]:
    """The objective after each epoch, of a `History` or the first of several; empty where there is none."""
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, keras.callbacks.History):
        return []
    epochs = zip(*first.history.values(), strict=False)
    return [float(objective.get_value(dict(zip(first.history, one, strict=True)))) for one in epochs]


def _parts(plan: Plan, assignment: Assignment) -> Iterator[Part]:
    """The trainings of a trial: one a fold and, of models without members, one a repetition."""
    folds = [plan.rows] if plan.folds is None else list(plan.rows.folds(plan.folds, plan.seed))
    # The repetitions of a population are members of it.
    repeats = range(1 if plan.settings else plan.executions)
    every = [(rows, repeat) for rows in folds for repeat in repeats]
    for place, (rows, repeat) in enumerate(every):
        folder, name = assignment.folder, f"trial_{assignment.number:04d}"
        if len(every) > 1:
            folder, name = folder / f"part_{place}", f"{name}/part_{place}"
        seed = plan.seed + SEEDS_APART * repeat + assignment.number + RESTARTS_APART * assignment.restarts
        # Curves of other folds or starts are no measure for this one, so only the first is compared.
        yield Part(rows, seed, folder, name, assignment.peers if place == 0 else ())


def _summed(plan: Plan, trainings: Sequence[Training]) -> tuple[Outcome, int]:
    """One outcome of all trainings of a trial, and its setting: the one whose best epochs are best in the mean."""
    first, race, sign = trainings[0], trainings[0].race, plan.sign
    scores = _scores(trainings)
    full = max(len(values) for values in scores.values())
    # A setting that was dropped in some trainings is no longer compared with those that ran in all.
    means = {s: float(np.mean(v)) if len(v) == full else math.inf for s, v in scores.items()}
    order = sorted(means, key=lambda setting: (not means[setting] < math.inf, means[setting], setting))
    winner = order[0]
    member = race.first_of(winner)
    epoch = int(np.argmin(bad_last(race.objectives[member])))
    outcome = Outcome(
        status="stopped" if first.stopped_early else "completed",
        score=sign * means[winner] if math.isfinite(means[winner]) else None,
        spread=float(np.std(scores[winner], ddof=1)) if len(scores[winner]) > 1 else None,
        settings=dict(first.settings[winner]) if first.settings else {},
        best_epoch=epoch + 1,
        metrics=race.logs_at(member, epoch),
        curve=[sign * value for value in race.curve],
        epochs=race.epoch,
        planned=first.epochs,
        member_epochs=sum(len(values) for one in trainings for values in one.race.objectives.values()),
        parameters=first.parameters,
        findings=[finding.as_dict() for finding in race.readers[member].findings],
        reason=race.reason,
        members=[
            {**(first.settings[s] if first.settings else {}), "score": sign * means[s] if means[s] < math.inf else None}
            for s in order
        ],
    )
    if trainings[-1].race.out_of_time:
        outcome.status, outcome.reason = "unfinished", trainings[-1].race.reason
    if outcome.score is None:
        outcome.status = "failed"
        outcome.reason = outcome.reason or f"`{plan.objective.name}` was never a finite number"
    return outcome, winner


def _scores(trainings: Sequence[Training]) -> dict[int, list[float]]:
    """The best value of each setting's members, over all trainings."""
    scores: dict[int, list[float]] = {}
    for training in trainings:
        for member, values in training.race.objectives.items():
            scores.setdefault(training.race.setting_of(member), []).append(best_of(values))
    return scores
