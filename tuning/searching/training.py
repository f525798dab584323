"""One architecture on one set of rows: all its members, epoch by epoch, resumed at the epoch."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...callbacks.resumable import counters, set_counters
from ...toolkit.baselines import known_of
from ...toolkit.checks import whole_number
from ...toolkit.precision import fresh_session
from ...toolkit.stopping import in_epochs
from ...toolkit.storing import DamagedFileError, append_line, read_arrays, write_arrays, write_lines
from ...toolkit.watching import RunReader
from . import crews
from .feeding import Rows, is_stream, steps_at_once
from .following import Follow
from .plans import ObjectiveError, Plan, bad_last, best_of

_HOPELESS = ("diverging", "non_finite", "not_learning")
# Writing the state of a trial may take this share of its time.
_SHARE_FOR_WRITING = 0.1
_FEWEST_SETTINGS = 2


class Training:
    """One architecture on one set of rows: all its members, epoch by epoch."""

    def __init__(
        self,
        plan: Plan,
        hp: Any,
        rows: Rows,
        folder: Path,
        name: str,
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
        self.history: dict[int, dict[str, list[float | None]]] = {}
        self.objectives: dict[int, list[float]] = {}
        self.dropped: dict[int, str] = {}
        self.reason: str | None = None
        self.ended_by_rule = False
        self.out_of_time = False
        self.bests: dict[int, float] = {}
        self.best_weights: dict[int, list[np.ndarray]] = {}
        self.seconds = 0.0
        self._followers, self._stoppers = _sorted_callbacks(plan.callbacks, name)
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
        self.batch_size = whole_number("batch_size", self.hp.values.get("batch_size", plan.batch_size), low=1)
        self.epochs = whole_number("epochs", self.hp.values.get("epochs", plan.epochs), low=1)
        self.last = min(self.last, self.epochs)
        if not model.built and not hasattr(self.rows.x, "__next__"):
            model(self.rows.first())  # what is kept of it can only be put back into variables that are there
        compiling = crews.compiling_of(model, plan.hypermodel, self.rows.y, plan.compiling)
        self.settings = [dict(one) for one in plan.settings]
        self.parameters = model.count_params() if model.built else 0
        if plan.most_parameters is not None and self.parameters > plan.most_parameters:
            raise ValueError(f"The model has {self.parameters} parameters, more than {plan.most_parameters}.")
        self._steps = self.rows.steps(self.batch_size) if self.rows.are_arrays else None
        own = crews.fits_by_itself(plan.hypermodel)
        size = plan.fit_arguments.get("validation_batch_size") or self.batch_size
        self._held_out = self.rows.validation if own else self.rows.held_out(size)
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
                model = crews.with_settings(model, compiling, {} if rate is None else {"learning_rate": float(rate)})
            self._make = partial(crews.One, model)
            everyone = [0]
        self._crew = self._make(everyone)
        name = compiling.loss if isinstance(compiling.loss, str) else getattr(compiling.loss, "name", "")
        seen = self.rows.are_arrays and self.rows.y is not None
        known = known_of(self.rows.x, self.rows.y, self.rows.validation, name) if seen else {}
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
            given = (rows.x,) if rows.y is None else (rows.x, rows.y)
            plan.hypermodel.fit(self.hp, self._crew.model, *given, callbacks=[*followers, follow], **arguments)
        elif rows.are_arrays:
            shuffle = bool(arguments.pop("shuffle", True))
            arguments.pop("validation_batch_size", None)
            data = rows.batches(self.seed, self.epoch, self.last, self.batch_size, shuffle)
            steps = {"steps_per_epoch": self._steps, "shuffle": False}
            self._crew.model.fit(data, callbacks=[*followers, follow], **{**arguments, **steps})
        else:
            if rows.y is not None:
                arguments.update(y=rows.y, batch_size=self.batch_size)
            if is_stream(rows.x) and not isinstance(rows.x, keras.utils.PyDataset):
                arguments["shuffle"] = False
            self._crew.model.fit(rows.x, callbacks=[*followers, follow], **arguments)
        if self.epoch < self.last and self.reason is None and not follow.paused:
            self.reason = _by_callback(self.epoch)

    def go_on_counting(self) -> None:
        """Gives the callbacks back what they had counted: each call of `fit` begins by setting them back."""
        for callback, state in zip(self._followers, self._counted, strict=False):
            if hasattr(callback, "set_state"):
                callback.set_state(state)
            else:
                set_counters(callback, state)
        self._counted = []

    def end_epoch(self, values: dict[int, dict[str, float]], stopped: Sequence[int] = (), halted: bool = False) -> bool:
        """Takes in what each member logged; answers whether `fit` is to end.

        Args:
            values: Logs by member.
            stopped: Members that stop early.
            halted: Whether a callback of the user's ends `fit`.
        """
        self.epoch += 1
        measured: dict[int, float] = {}
        for member, logs in values.items():
            if member in self.dropped:
                continue
            self._add_to_history(member, logs)
            self.readers[member].end_epoch(logs)
            value = self._objective(logs)
            if value is not None:
                measured[member] = value
            earlier = self.objectives[member]
            earlier.append(value if value is not None else earlier[-1] if earlier else math.inf)
        objectives = {member: self.objectives[member][-1] for member in values if member not in self.dropped}
        self._note_bests(measured)
        self.curve.append(self._of_the_best_setting(objectives))
        append_line(self.folder / "curve.jsonl", self._line(values))
        self.dropped.update({member: "early stopping" for member in stopped if member not in self.dropped})
        self._drop_hopeless(measured)
        if self.plan.drop_losers:
            self._drop_losers()
        self._decide(halted)
        self._write()
        return self.reason is not None or (len(self.alive) < len(self._crew.ids) and self._pays())

    def _add_to_history(self, member: int, logs: dict[str, float]) -> None:
        """One entry an epoch; `None` where it was not measured, as validation is with `validation_freq`."""
        history = self.history[member]
        for name in {**history, **logs}:
            before: list[float | None] = [None] * (self.epoch - 1)
            history.setdefault(name, before).append(logs.get(name))

    def _objective(self, logs: dict[str, float]) -> float | None:
        """Lower is better; `None` where it was not measured in this epoch."""
        objective = self.plan.objective
        try:
            return self.plan.sign * float(objective.get_value(logs))
        except KeyError:
            if self.plan.fit_arguments.get("validation_freq", 1) != 1:
                return None
            unseen = objective.name.startswith("val_") and self.plan.rows.validation is None
            cure = " Give `validation_data`: these rows cannot be split." if unseen else ""
            raise ObjectiveError(
                f"The objective {objective.name!r} is not among the logs, which hold {', '.join(sorted(logs))}.{cure}"
            ) from None

    def _note_bests(self, measured: dict[int, float]) -> None:
        """Keeps the weights of the best epoch of each setting that may win; of several trainings the first's."""
        better = {}
        for member, value in measured.items():
            setting = self.setting_of(member)
            if member == self.first_of(setting) and value < self.bests.get(setting, math.inf):
                self.bests[setting] = value
                better[setting] = member
        if not self._settings_are_judged_by_several():
            leader = min(self.bests, key=lambda s: (self.bests[s], s), default=None)
            better = {setting: member for setting, member in better.items() if setting == leader}
            if better:
                self.best_weights = {}
        self.best_weights.update({setting: self._crew.weights(member) for setting, member in better.items()})

    def first_of(self, setting: int) -> int:
        """The first of the members that have a setting."""
        return setting * self.plan.executions if self.settings else 0

    def _settings_are_judged_by_several(self) -> bool:
        """Whether which setting is best is known only when other trainings have been seen too."""
        return bool(self.settings) and (self.plan.executions > 1 or self.plan.folds is not None)

    def _of_the_best_setting(self, objectives: dict[int, float]) -> float:
        by_setting: dict[int, list[float]] = {}
        for member, value in objectives.items():
            by_setting.setdefault(self.setting_of(member), []).append(value)
        return best_of([float(np.mean(values)) for values in by_setting.values()])

    def _line(self, values: dict[int, dict[str, float]]) -> dict[str, Any]:
        rows = [{"member": member, **logs} for member, logs in values.items() if member not in self.dropped]
        return {"epoch": self.epoch, self.plan.objective.name: self.plan.sign * self.curve[-1], "members": rows}

    # Who goes on

    def _drop_hopeless(self, measured: dict[int, float]) -> None:
        for member, reader in self.readers.items():
            if member in self.dropped:
                continue
            found = [f for f in reader.findings if f.symptom in _HOPELESS and f.level != "info"]
            if found:
                self.dropped[member] = found[0].symptom
            elif self.epoch > 1 and not math.isfinite(measured.get(member, 0.0)):
                self.dropped[member] = "non_finite"

    def _drop_losers(self) -> None:
        """After 1, 2, 4, 8, ... epochs the better half of the settings goes on."""
        if not self.settings or self.epoch & (self.epoch - 1) or self.epoch >= self.last:
            return
        settings = sorted({self.setting_of(member) for member in self.alive})
        kept = max(_FEWEST_SETTINGS, -(-len(self.settings) // (2 * self.epoch)))
        scores = {s: self._mean_best(s) for s in settings}
        if not math.isfinite(min(scores.values(), default=math.inf)):
            return  # nothing was measured yet, or nobody is left
        for setting in sorted(settings, key=lambda s: (scores[s], s))[kept:]:
            for member in self.alive:
                if self.setting_of(member) == setting:
                    self.dropped[member] = "behind"

    def _mean_best(self, setting: int) -> float:
        own = [values for member, values in self.objectives.items() if self.setting_of(member) == setting]
        return float(np.mean([best_of(values) for values in own]))

    def best_so_far(self) -> float:
        """The best value of any setting, mean over its trainings, each at its best epoch."""
        return min(self._mean_best(setting) for setting in {self.setting_of(member) for member in self.objectives})

    def _decide(self, halted: bool) -> None:
        plan = self.plan
        if not self.alive and self.epoch < self.last:
            causes = sorted(set(self.dropped.values()) - {"behind"}) or ["behind"]
            where = " at every rate" if self.settings else ""
            self.reason = f"{' and '.join(causes)}{where} after {in_epochs(self.epoch)}"
            self.ended_by_rule = causes != ["early stopping"]
        elif plan.target is not None and self.best_so_far() <= plan.sign * plan.target:
            self.reason = f"reached the target after {in_epochs(self.epoch)}"
        elif halted and self.epoch < self.last:
            self.reason = _by_callback(self.epoch)
        elif self.epoch < self.last and plan.stopper is not None:
            why = plan.stopper.reason(bad_last(self.curve), self.peers, self.epochs)
            self.reason, self.ended_by_rule = why, why is not None
        late = self.deadline is not None and time.time() > self.deadline
        if late and self.reason is None and self.epoch < self.last:
            self.reason, self.out_of_time = f"the time was up after {in_epochs(self.epoch)}", True

    # Files

    def _write(self, final: bool = False) -> None:
        now = time.perf_counter()
        if not final and now - self._written < self._write_cost / _SHARE_FOR_WRITING:
            return
        state = {
            "epoch": self.epoch, "ids": self._crew.ids, "curve": self.curve, "history": self.history,
            "objectives": self.objectives, "dropped": self.dropped, "reason": self.reason,
            "ended_by_rule": self.ended_by_rule, "out_of_time": self.out_of_time, "bests": self.bests,
            "seconds": now - self._started, "best_of": list(self.best_weights),
            "readers": {member: reader.get_state() for member, reader in self.readers.items()},
            "settings": self.settings, "parameters": self.parameters, "callbacks": self._count(),
        }  # fmt: skip
        # One file holds all, so that weights and what is said of them are of one epoch.
        best = [array for weights in self.best_weights.values() for array in weights]
        write_arrays(self.folder / "state.npz", [json.dumps(state), *best, *crews.arrays_of(self._crew)])
        self._written = time.perf_counter()
        self._write_cost = self._written - now

    def _count(self) -> list[Any]:
        return [one.get_state() if hasattr(one, "get_state") else counters(one) for one in self._followers]

    def _restore(self) -> float:
        """Goes on from the folder's state; answers the seconds that were spent before."""
        try:
            described, *arrays = read_arrays(self.folder / "state.npz")
        except (FileNotFoundError, DamagedFileError):
            # Without a whole state the trial begins anew, to the same end.
            write_lines(self.folder / "curve.jsonl", [])
            return 0.0
        state = json.loads(str(described))
        if state["ids"] != self._crew.ids:
            self._crew = self._make(state["ids"])
        each = len(self._crew.weights(self._crew.ids[0]))
        kept = len(state["best_of"]) * each
        crews.set_arrays(self._crew, arrays[kept:])
        self.best_weights = {
            setting: arrays[place * each : (place + 1) * each] for place, setting in enumerate(state["best_of"])
        }
        for name in ("epoch", "curve", "reason", "ended_by_rule"):
            setattr(self, name, state[name])
        if state["out_of_time"]:
            self.reason = None
        self.history, self.objectives = _by_number(state["history"]), _by_number(state["objectives"])
        self.dropped, self.bests = _by_number(state["dropped"]), _by_number(state["bests"])
        self._counted = state["callbacks"]
        for member, seen in _by_number(state["readers"]).items():
            self.readers[member].set_state(seen)
        self._write_lines()
        return float(state["seconds"])

    def write_best(self, setting: int) -> None:
        """Writes the weights of the best epoch of a setting, which may be none where it never was finite."""
        if setting in self.best_weights:
            write_arrays(self.folder / "best.npz", self.best_weights[setting])

    def logs_at(self, member: int, epoch: int) -> dict[str, float]:
        """What a member logged in an epoch, from 0."""
        history = self.history[member]
        return {name: v[epoch] for name, v in history.items() if epoch < len(v) and v[epoch] is not None}  # type: ignore[misc]

    def _write_lines(self) -> None:
        """The curve's file as the state knows it: a killed run may have written an epoch that is trained again."""
        rows = []
        for epoch in range(self.epoch):
            members = [{"member": member, **logs} for member in self.history if (logs := self.logs_at(member, epoch))]
            value = self.plan.sign * self.curve[epoch]
            rows.append({"epoch": epoch + 1, self.plan.objective.name: value, "members": members})
        write_lines(self.folder / "curve.jsonl", rows)


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


def _by_callback(epoch: int) -> str:
    return f"ended by a callback after {in_epochs(epoch)}"


def _sorted_callbacks(callbacks: Sequence[Any], name: str) -> tuple[list[Any], list[Any]]:
    own = [copy.deepcopy(one) for one in callbacks]
    for one in own:
        if isinstance(one, keras.callbacks.TensorBoard):
            one.log_dir = str(Path(one.log_dir) / name)
    stoppers = [one for one in own if isinstance(one, keras.callbacks.EarlyStopping)]
    return [one for one in own if one not in stoppers], stoppers


def _by_number(values: dict[str, Any]) -> dict[int, Any]:
    return {int(name): value for name, value in values.items()}
