"""One trial of a search: an architecture trained at many rates at once, stopped by its curves, resumed at the epoch."""

from __future__ import annotations

import copy
import fcntl
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..callbacks.resumable import counters, set_counters
from ..toolkit.baselines import known_of
from ..toolkit.collecting import forgotten_graphs
from ..toolkit.copying import copied
from ..toolkit.findings import Finding
from ..toolkit.precision import fresh_session, precision
from ..toolkit.storing import append_line, read_arrays, write_arrays, write_lines
from ..toolkit.watching import RunReader
from . import crews
from .feeding import Rows, is_stream, steps_at_once

_HOPELESS = ("diverging", "non_finite", "not_learning")
# Writing the state of a trial may take this share of its time.
_SHARE_FOR_WRITING = 0.1
_FEWEST_SETTINGS = 2


class ObjectiveError(ValueError):
    """The objective of a search is not among what the trials log."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all trials of a search.

    Args:
        hypermodel: `keras_tuner.HyperModel`.
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
        most_parameters: Larger models fail, or `None`.
        precision: Keras policy that the models are built under.
    """

    hypermodel: Any
    rows: Rows
    objective: Any
    epochs: int
    batch_size: int
    settings: tuple[dict[str, Any], ...] = ()
    executions: int = 1
    folds: int | None = None
    stopper: Any = None
    drop_losers: bool = True
    target: float | None = None
    seed: int = 0
    compiling: dict[str, Any] = field(default_factory=dict)
    callbacks: tuple[Any, ...] = ()
    fit_arguments: dict[str, Any] = field(default_factory=dict)
    most_parameters: int | None = None
    precision: str = "float32"

    @property
    def sign(self) -> float:
        """What makes lower values of the objective the better ones."""
        return -1.0 if self.objective.direction == "max" else 1.0


@dataclass
class Outcome:
    """How a trial went; plain values only.

    Args:
        status: `"completed"`, `"stopped"` or `"failed"`.
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
        values: The hyperparameters.
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

    def as_dict(self) -> dict[str, Any]:
        """All fields, for a file."""
        return asdict(self)


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
    with (folder / "lock").open("w") as lock:
        # A worker that outlived its search may still be at this trial; it is waited for.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with forgotten_graphs(), precision(plan.precision):
            return _trained(plan, hp, folder, number, peers, deadline, last)


def _trained(
    plan: Plan, hp: Any, folder: Path, number: int, peers: Sequence[Sequence[float]], deadline: float | None,
    last: int | None,
) -> Outcome:  # fmt: skip
    parts = list(_parts(plan))
    trainings: list[Training] = []
    for place, (rows, seed) in enumerate(parts):
        home = folder if len(parts) == 1 else folder / f"part_{place}"
        training = Training(plan, hp, rows, home, seed + number, peers if place == 0 else (), deadline, last)
        training.run()
        trainings.append(training)
        if training.stopped_early:
            break
    outcome = _summed(plan, trainings)
    outcome.seconds = sum(training.seconds for training in trainings)
    outcome.values = dict(hp.values)
    return outcome


def _parts(plan: Plan) -> Sequence[tuple[Rows, int]]:
    folds = [plan.rows] if plan.folds is None else list(plan.rows.folds(plan.folds, plan.seed))
    repeats = 1 if plan.settings else plan.executions
    return [(rows, plan.seed + 1000 * repeat) for rows in folds for repeat in range(repeats)]


def _summed(plan: Plan, trainings: Sequence[Training]) -> Outcome:
    """One outcome of all trainings of a trial: by setting the mean of each one's best epoch."""
    first = trainings[0]
    scores: dict[int, list[float]] = {}
    for training in trainings:
        for member, values in training.objectives.items():
            scores.setdefault(training.setting_of(member), []).append(_best(values))
    full = max(len(values) for values in scores.values())
    means = {s: float(np.mean(v)) if len(v) == full else math.inf for s, v in scores.items()}
    order = sorted(means, key=lambda setting: (not means[setting] < math.inf, means[setting], setting))
    winner = order[0]
    member = next(m for m in first.objectives if first.setting_of(m) == winner)
    epoch = int(np.argmin(_whole(first.objectives[member])))
    sign = plan.sign
    outcome = Outcome(
        status="stopped" if first.reason and first.ended_by_rule else "completed",
        score=sign * means[winner] if math.isfinite(means[winner]) else None,
        spread=float(np.std(scores[winner], ddof=1)) if len(scores[winner]) > 1 else None,
        settings=dict(first.settings[winner]) if first.settings else {},
        best_epoch=epoch + 1,
        metrics={name: values[min(epoch, len(values) - 1)] for name, values in first.history[member].items()},
        curve=[sign * value for value in first.curve],
        epochs=first.epoch,
        planned=first.epochs,
        member_epochs=sum(len(values) for training in trainings for values in training.objectives.values()),
        parameters=first.parameters,
        findings=[finding.as_dict() for finding in first.readers[member].findings],
        reason=first.reason,
        members=[
            {**(first.settings[s] if first.settings else {}), "score": sign * means[s] if means[s] < math.inf else None}
            for s in order
        ],
    )
    if outcome.score is None:
        outcome.status = "failed"
        outcome.reason = outcome.reason or f"`{plan.objective.name}` was never a finite number"
    return outcome


def _whole(values: Sequence[float]) -> list[float]:
    return [value if math.isfinite(value) else math.inf for value in values]


def _best(values: Sequence[float]) -> float:
    return min(_whole(values), default=math.inf)


class Training:
    """One architecture on one set of rows: all its members, epoch by epoch."""

    def __init__(
        self,
        plan: Plan,
        hp: Any,
        rows: Rows,
        folder: Path,
        seed: int,
        peers: Sequence[Sequence[float]],
        deadline: float | None,
        last: int | None,
    ) -> None:
        self.plan, self.hp, self.rows, self.folder = plan, hp, rows, folder
        self.seed, self.peers, self.deadline = seed, peers, deadline
        self.epochs = int(hp.values.get("epochs", plan.epochs))
        self.last = min(self.epochs, last or self.epochs)
        self.batch_size = int(hp.values.get("batch_size", plan.batch_size))
        self.epoch = 0
        self.curve: list[float] = []
        self.history: dict[int, dict[str, list[float]]] = {}
        self.objectives: dict[int, list[float]] = {}
        self.dropped: dict[int, str] = {}
        self.reason: str | None = None
        self.ended_by_rule = False
        self.best = math.inf
        self.best_weights: list[np.ndarray] | None = None
        self.seconds = 0.0
        self._followers, self._stoppers = _sorted_callbacks(plan.callbacks)
        self._counted: list[Any] = []
        self._crew: Any = None
        self._make: Callable[[Sequence[int]], Any] = list
        self._written = 0.0

    @property
    def stopped_early(self) -> bool:
        """Whether it ended before its last epoch."""
        return self.reason is not None and self.ended_by_rule

    def setting_of(self, member: int) -> int:
        """Which setting a member has."""
        return member // self.plan.executions if self.settings else 0

    @property
    def alive(self) -> list[int]:
        """The members of the graph that still count."""
        return [member for member in self._crew.ids if member not in self.dropped]

    def run(self) -> None:
        """Trains to the end, from where the folder's state stands."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        self._started = self._written = started
        self._write_cost = 0.0
        self._build()
        before = self._restore()
        self._started -= before
        with _no_word_of_retracing():
            while self.epoch < self.last and self.reason is None:
                self._counted = self._counted or (self._count() if self.epoch else [])
                if len(self.alive) < len(self._crew.ids) and self._pays():
                    self._crew = self._crew.keep(self.alive)
                self._fit()
        self.seconds = time.perf_counter() - self._started
        self._write(final=True)
        self._crew = None

    # The models

    def _build(self) -> None:
        plan = self.plan
        fresh_session()
        keras.utils.set_random_seed(self.seed)
        model = plan.hypermodel.build(self.hp)
        if not isinstance(model, keras.Model):
            raise TypeError(f"`build` must answer a Keras model, got {type(model).__name__}.")
        self.batch_size = int(self.hp.values.get("batch_size", plan.batch_size))
        self.epochs = int(self.hp.values.get("epochs", plan.epochs))
        self.last = min(self.last, self.epochs)
        compiling = crews.compiling_of(model, plan.hypermodel, self.rows.y, plan.compiling)
        self.settings = [dict(one) for one in plan.settings]
        self.parameters = model.count_params() if model.built else 0
        if plan.most_parameters is not None and self.parameters > plan.most_parameters:
            raise ValueError(f"The model has {self.parameters} parameters, more than {plan.most_parameters}.")
        self._steps = self.rows.steps(self.batch_size) if self.rows.are_arrays else None
        own = crews.fits_by_itself(plan.hypermodel)
        self._held_out = self.rows.validation if own else self.rows.held_out(self.batch_size)
        at_once = steps_at_once(self._steps) if self._steps else 1
        if self.settings:
            starts = [model.get_weights(), *(self._start(repeat) for repeat in range(1, plan.executions))]
            per_member = [setting for setting in self.settings for _ in starts]
            weights = starts * len(self.settings)
            self._make = partial(crews.Many.of, model, weights, per_member, compiling, at_once)
            everyone = list(range(len(per_member)))
        else:
            if not model.compiled or any(plan.compiling.get(n) is not None for n in ("optimizer", "loss", "metrics")):
                rate = None if model.compiled else self.hp.values.get("learning_rate")
                model = with_settings(model, compiling, {} if rate is None else {"learning_rate": float(rate)})
            self._make = partial(crews.One, model)
            everyone = [0]
        self._crew = self._make(everyone)
        name = compiling.loss if isinstance(compiling.loss, str) else getattr(compiling.loss, "name", "")
        known = known_of(self.rows.x, self.rows.y, self.rows.validation, name) if self.rows.are_arrays else {}
        self.readers = {member: RunReader(epochs=self.epochs, **known) for member in everyone}
        self.history = {member: {} for member in everyone}
        self.objectives = {member: [] for member in everyone}

    def _start(self, repeat: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(self.seed + 1000 * repeat)
        weights: list[np.ndarray] = self.plan.hypermodel.build(self.hp).get_weights()
        return weights

    def _pays(self) -> bool:
        updates = (self.last - self.epoch) * (self._steps or 1)
        return bool(self._crew.pays_to_shrink(self.alive, updates, self.batch_size))

    # One call of fit

    def _fit(self) -> None:
        plan, rows = self.plan, self.rows
        follow, followers = Follow(self, self._stoppers), self._followers
        arguments: dict[str, Any] = {
            **plan.fit_arguments, "epochs": self.last, "initial_epoch": self.epoch, "verbose": 0,
            "validation_data": self._held_out,
        }  # fmt: skip
        if crews.fits_by_itself(plan.hypermodel):
            # Written by the user: it decides itself how it trains.
            given = {**arguments, "batch_size": self.batch_size, "x": rows.x, "y": rows.y}
            plan.hypermodel.fit(self.hp, self._crew.model, callbacks=[*followers, follow], **given)
        elif rows.are_arrays:
            data = rows.shuffled(self.seed, self.epoch, self.last, self.batch_size)
            steps = {"steps_per_epoch": self._steps, "shuffle": False}
            self._crew.model.fit(data, callbacks=[*followers, follow], **{**arguments, **steps})
        else:
            if rows.y is not None:
                arguments.update(y=rows.y, batch_size=self.batch_size)
            if is_stream(rows.x) and not isinstance(rows.x, keras.utils.PyDataset):
                arguments["shuffle"] = False
            self._crew.model.fit(rows.x, callbacks=[*followers, follow], **arguments)
        if self.epoch < self.last and self.reason is None and not follow.paused:
            self.reason, self.ended_by_rule = f"ended by a callback after {self.epoch} epochs", False

    def go_on_counting(self) -> None:
        """Gives the callbacks back what they had counted: each call of `fit` begins by setting them back."""
        for callback, state in zip(self._followers, self._counted, strict=False):
            if hasattr(callback, "set_state"):
                callback.set_state(state)
            else:
                set_counters(callback, state)
        self._counted = []

    def end_epoch(self, values: dict[int, dict[str, float]], stopped: Sequence[int] = ()) -> bool:
        """Takes in what each member logged, and which stop early; answers whether `fit` is to end."""
        self.epoch += 1
        objectives = {}
        for member, logs in values.items():
            if member in self.dropped:
                continue
            for name, value in logs.items():
                self.history[member].setdefault(name, []).append(value)
            self.readers[member].end_epoch(logs)
            objectives[member] = self._objective(member, logs)
            self.objectives[member].append(objectives[member])
        self._note_best(objectives)
        self.curve.append(self._of_the_best_setting(objectives))
        append_line(self.folder / "curve.jsonl", self._line(values))
        self.dropped.update({member: "early stopping" for member in stopped if member not in self.dropped})
        self._drop_hopeless(objectives)
        if self.plan.drop_losers:
            self._drop_losers()
        self._decide()
        self._write()
        return self.reason is not None or (len(self.alive) < len(self._crew.ids) and self._pays())

    def _objective(self, member: int, logs: dict[str, float]) -> float:
        objective = self.plan.objective
        try:
            return self.plan.sign * float(objective.get_value(logs))
        except KeyError:
            earlier = self.objectives[member]
            if earlier or self.plan.fit_arguments.get("validation_freq", 1) != 1:
                return earlier[-1] if earlier else math.inf
            unseen = objective.name.startswith("val_") and self.plan.rows.validation is None
            cure = " Give `validation_data`: these rows cannot be split." if unseen else ""
            raise ObjectiveError(
                f"The objective {objective.name!r} is not among the logs, which hold {', '.join(sorted(logs))}.{cure}"
            ) from None

    def _note_best(self, objectives: dict[int, float]) -> None:
        member = min(objectives, key=lambda m: (objectives[m] if math.isfinite(objectives[m]) else math.inf, m))
        if objectives[member] < self.best:
            self.best = objectives[member]
            self.best_weights = self._crew.weights(member)

    def _of_the_best_setting(self, objectives: dict[int, float]) -> float:
        by_setting: dict[int, list[float]] = {}
        for member, value in objectives.items():
            by_setting.setdefault(self.setting_of(member), []).append(value)
        return _best([float(np.mean(values)) for values in by_setting.values()])

    def _line(self, values: dict[int, dict[str, float]]) -> dict[str, Any]:
        rows = [{"member": member, **logs} for member, logs in values.items() if member not in self.dropped]
        return {"epoch": self.epoch, self.plan.objective.name: self.plan.sign * self.curve[-1], "members": rows}

    # Who goes on

    def _drop_hopeless(self, objectives: dict[int, float]) -> None:
        for member, value in objectives.items():
            found = [f for f in self.readers[member].findings if f.symptom in _HOPELESS and f.level != "info"]
            if found:
                self.dropped[member] = found[0].symptom
            elif not math.isfinite(value) and self.objectives[member] and self.epoch > 1:
                self.dropped[member] = "non_finite"

    def _drop_losers(self) -> None:
        """After 1, 2, 4, 8, ... epochs the better half of the settings goes on."""
        if not self.settings or self.epoch & (self.epoch - 1) or self.epoch >= self.last:
            return
        settings = sorted({self.setting_of(member) for member in self.alive})
        kept = max(_FEWEST_SETTINGS, -(-len(self.settings) // (2 * self.epoch)))
        scores = {s: self._mean_best(s) for s in settings}
        for setting in sorted(settings, key=lambda s: (scores[s], s))[kept:]:
            for member in self.alive:
                if self.setting_of(member) == setting:
                    self.dropped[member] = "behind"

    def _mean_best(self, setting: int) -> float:
        own = [values for member, values in self.objectives.items() if self.setting_of(member) == setting]
        return float(np.mean([_best(values) for values in own]))

    def _decide(self) -> None:
        plan = self.plan
        if not self.alive and self.epoch < self.last:
            causes = sorted(set(self.dropped.values()) - {"behind"}) or ["behind"]
            where = " at every rate" if self.settings else ""
            self.reason = f"{' and '.join(causes)}{where} after {self.epoch} epochs"
            self.ended_by_rule = causes != ["early stopping"]
        elif plan.target is not None and self.best <= plan.sign * plan.target:
            self.reason = f"reached the target after {self.epoch} epochs"
        elif self.epoch < self.last and plan.stopper is not None:
            why = plan.stopper.reason(_whole(self.curve), self.peers, self.epochs)
            self.reason, self.ended_by_rule = why, why is not None
        if self.reason is None and self.deadline is not None and time.time() > self.deadline:
            self.reason = f"the time was up after {self.epoch} epochs"

    # Files

    def _write(self, final: bool = False) -> None:
        now = time.perf_counter()
        if not final and now - self._written < self._write_cost / _SHARE_FOR_WRITING:
            return
        state = {
            "epoch": self.epoch, "ids": self._crew.ids, "curve": self.curve, "history": self.history,
            "objectives": self.objectives, "dropped": self.dropped, "reason": self.reason,
            "ended_by_rule": self.ended_by_rule, "best": self.best, "seconds": now - self._started,
            "readers": {member: reader.get_state() for member, reader in self.readers.items()},
            "settings": self.settings, "parameters": self.parameters, "callbacks": self._count(),
        }  # fmt: skip
        if self.best_weights is not None:
            write_arrays(self.folder / "best.npz", self.best_weights)
        write_arrays(self.folder / "state.npz", [json.dumps(state), *crews.arrays_of(self._crew)])
        self._written = time.perf_counter()
        self._write_cost = self._written - now

    def _count(self) -> list[Any]:
        return [one.get_state() if hasattr(one, "get_state") else counters(one) for one in self._followers]

    def _restore(self) -> float:
        """Goes on from the folder's state; answers the seconds that were spent before."""
        path = self.folder / "state.npz"
        if not path.is_file():
            write_lines(self.folder / "curve.jsonl", [])
            return 0.0
        described, *arrays = read_arrays(path)
        state = json.loads(str(described))
        if state["ids"] != self._crew.ids:
            self._crew = self._make(state["ids"])
        crews.set_arrays(self._crew, arrays)
        for name in ("epoch", "curve", "reason", "ended_by_rule", "best"):
            setattr(self, name, state[name])
        self.history, self.objectives = _by_number(state["history"]), _by_number(state["objectives"])
        self.dropped = _by_number(state["dropped"])
        self._counted = state.get("callbacks", [])
        for member, seen in _by_number(state["readers"]).items():
            self.readers[member].set_state(seen)
        if (self.folder / "best.npz").is_file():
            self.best_weights = read_arrays(self.folder / "best.npz")
        if self.reason is not None and self.epoch < self.last and not self.ended_by_rule:
            self.reason = None
        self._write_lines()
        return float(state["seconds"])

    def _write_lines(self) -> None:
        """The curve's file as the state knows it: a killed run may have written an epoch that is trained again."""
        rows = []
        for epoch in range(self.epoch):
            members = [
                {"member": member, **{name: values[epoch] for name, values in logs.items() if epoch < len(values)}}
                for member, logs in self.history.items()
                if any(epoch < len(values) for values in logs.values())
            ]
            value = self.plan.sign * self.curve[epoch]
            rows.append({"epoch": epoch + 1, self.plan.objective.name: value, "members": members})
        write_lines(self.folder / "curve.jsonl", rows)


class Follow(keras.callbacks.Callback):
    """Tells a training what each member did, and ends `fit` where it says so.

    Args:
        training: Whose members are followed.
        stoppers: Keras EarlyStopping callbacks, applied to each member by itself.
    """

    def __init__(self, training: Training, stoppers: Sequence[Any]) -> None:
        super().__init__()
        self.training = training
        self.stoppers = list(stoppers)
        self.paused = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._lone = {member: _Lone() for member in self.training._crew.ids}
        self._own = {member: [copy.deepcopy(stopper) for stopper in self.stoppers] for member in self._lone}
        for member, own in self._own.items():
            for stopper in own:
                stopper.set_model(self._lone[member])
                stopper.on_train_begin()
                # What an interrupted run had told it already.
                for epoch in range(self.training.epoch):
                    stopper.on_epoch_end(epoch, self._logs_at(member, epoch))

    def _logs_at(self, member: int, epoch: int) -> dict[str, float]:
        history = self.training.history[member]
        return {name: values[epoch] for name, values in history.items() if epoch < len(values)}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._train: list[dict[str, float]] | None = None
        self._validation: list[dict[str, float]] | None = None
        self.training.go_on_counting()
        for reader in self.training.readers.values():
            reader.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        training = self.training
        for member, mean in zip(training._crew.ids, training._crew.losses(logs), strict=True):
            training.readers[member].note_batch(mean, batch + 1)

    def on_test_begin(self, logs: Any = None) -> None:
        # Validation sets the metrics back, so what the epoch has shown is read before it.
        if self._train is None and isinstance(self.training._crew, crews.Many):
            self._train = self.training._crew.values(logs)

    def on_test_end(self, logs: Any = None) -> None:
        if isinstance(self.training._crew, crews.Many):
            found = self.training._crew.values(logs)
            self._validation = [{f"val_{name}": value for name, value in own.items()} for own in found]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        crew = self.training._crew
        seen = self._train if self._train is not None else crew.values(logs)
        joined = [{**own, **held} for own, held in zip(seen, self._validation or [{}] * len(seen), strict=True)]
        values = dict(zip(crew.ids, joined, strict=True))
        for member, own in self._own.items():
            for stopper in own if member not in self.training.dropped else ():
                stopper.on_epoch_end(epoch, values[member])
        stopped = [member for member, lone in self._lone.items() if lone.stop_training]
        ended = self.training.end_epoch(values, stopped)
        if ended:
            self.paused = self.training.reason is None
            self.model.stop_training = True


class _Lone:
    """What Keras' EarlyStopping needs of a model, for one member; the best weights are kept elsewhere."""

    def __init__(self) -> None:
        self.stop_training = False
        self.metrics: list[Any] = []

    def get_weights(self) -> list[np.ndarray]:
        """None: they are kept by the training."""
        return []

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Nothing: they are kept by the training."""


@contextmanager
def _no_word_of_retracing() -> Iterator[None]:
    """TensorFlow warns of many graphs in a row; here each trial is a new one by intention."""

    def other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _sorted_callbacks(callbacks: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    own = [copy.deepcopy(one) for one in callbacks]
    stoppers = [one for one in own if isinstance(one, keras.callbacks.EarlyStopping)]
    return [one for one in own if one not in stoppers], stoppers


def with_settings(model: Any, compiling: crews.Compiling, settings: dict[str, Any]) -> Any:
    """The model compiled with an optimizer of its own, at these settings.

    Args:
        model: Built or not.
        compiling: Optimizer, loss and metrics.
        settings: `learning_rate`, `momentum`, `weight_decay`, `dropout`, where they differ from the optimizer's.
    """
    given = keras.optimizers.get(compiling.optimizer)
    config = given.get_config()
    own = dict(settings)
    rate = own.pop("dropout", None)
    if rate is not None:
        model = copied(model, dropout=rate)
    made = type(given).from_config({**config, **own})
    model.compile(
        optimizer=made, loss=compiling.loss, metrics=compiling.metrics, jit_compile=compiling.jit_compile
    )  # fmt: skip
    return model


def _by_number(values: dict[str, Any]) -> dict[int, Any]:
    return {int(name): value for name, value in values.items()}


def findings_of(outcome: Outcome) -> list[Finding]:
    """The findings of an outcome as `Finding` objects."""
    return [Finding.from_dict(values) for values in outcome.findings]
