"""One architecture on one set of rows: all its members, epoch by epoch, resumed at the epoch."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...callbacks.resumable import counters, set_counters
from ...toolkit.checks import whole_number
from ...toolkit.diagnosis.baselines import known_of
from ...toolkit.diagnosis.run_reader import RunReader
from ...toolkit.runtime.files import DamagedFileError, append_line, read_arrays, write_arrays, write_lines
from ...toolkit.runtime.precision import fresh_session
from . import trainables
from .follower import Follow
from .plan import Plan
from .race import Standing
from .rows import Rows, is_stream, steps_at_once

# Writing the state of a trial may take this share of its time.
_SHARE_FOR_WRITING = 0.1


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
        self.best_weights: dict[int, list[np.ndarray]] = {}
        self.standing: Any = None
        self.seconds = 0.0
        self._followers, self._stoppers = _sorted_callbacks(plan.callbacks, name)
        self._counted: list[Any] = []
        self._crew: Any = None
        self._make: Callable[[Sequence[int]], Any] = list
        self._written = 0.0

    @property
    def stopped_early(self) -> bool:
        """Whether a rule ended it before its last epoch."""
        return self.standing.reason is not None and self.standing.ended_by_rule

    @property
    def alive(self) -> list[int]:
        """The members of the graph that still count."""
        return [member for member in self._crew.ids if member not in self.standing.dropped]

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
            while self.standing.epoch < self.last and self.standing.reason is None:
                self._counted = self._counted or (self._count() if self.standing.epoch else [])
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
        compiling = trainables.compiling_of(model, plan.hypermodel, self.rows.y, plan.compiling)
        self.settings = [dict(one) for one in plan.settings]
        self.parameters = model.count_params() if model.built else 0
        if plan.most_parameters is not None and self.parameters > plan.most_parameters:
            raise ValueError(f"The model has {self.parameters} parameters, more than {plan.most_parameters}.")
        self._steps = self.rows.steps(self.batch_size) if self.rows.are_arrays else None
        own = trainables.fits_by_itself(plan.hypermodel)
        size = plan.fit_arguments.get("validation_batch_size") or self.batch_size
        self._held_out = self.rows.validation if own else self.rows.held_out(size)
        at_once = steps_at_once(self._steps) if self._steps else 1
        if self.settings:
            starts = [model.get_weights(), *(self._start(repeat) for repeat in range(1, plan.executions))]
            per_member = [setting for setting in self.settings for _ in starts]
            weights = starts * len(self.settings)
            self._make = partial(trainables.Many.of, model, weights, per_member, compiling, at_once)
            everyone = list(range(len(per_member)))
        else:
            if not model.compiled or any(plan.compiling.get(n) is not None for n in ("optimizer", "loss", "metrics")):
                rate = None if model.compiled else self.hp.values.get("learning_rate")
                model = trainables.with_settings(
                    model, compiling, {} if rate is None else {"learning_rate": float(rate)}
                )
            self._make = partial(trainables.One, model)
            everyone = [0]
        self._crew = self._make(everyone)
        name = compiling.loss if isinstance(compiling.loss, str) else getattr(compiling.loss, "name", "")
        seen = self.rows.are_arrays and self.rows.y is not None
        known = known_of(self.rows.x, self.rows.y, self.rows.validation, name) if seen else {}
        readers = {member: RunReader(epochs=self.epochs, **known) for member in everyone}
        self.standing = Standing(plan, self.settings, everyone, readers, self.epochs, self.last)

    def _start(self, repeat: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(self.seed + 1000 * repeat)
        weights: list[np.ndarray] = self.plan.hypermodel.build(self.hp).get_weights()
        return weights

    def _pays(self) -> bool:
        updates = (self.last - self.standing.epoch) * (self._steps or 1)
        return bool(self._crew.pays_to_shrink(self.alive, updates, self.batch_size))

    # One call of fit

    def _fit(self) -> None:
        plan, rows = self.plan, self.rows
        follow, followers = Follow(self, self._stoppers), self._followers
        arguments: dict[str, Any] = {
            **plan.fit_arguments, "epochs": self.last, "initial_epoch": self.standing.epoch, "verbose": 0,
            "validation_data": self._held_out,
        }  # fmt: skip
        if trainables.fits_by_itself(plan.hypermodel):
            # Written by the user: it decides itself how it trains.
            given = (rows.x,) if rows.y is None else (rows.x, rows.y)
            plan.hypermodel.fit(self.hp, self._crew.model, *given, callbacks=[*followers, follow], **arguments)
        elif rows.are_arrays:
            shuffle = bool(arguments.pop("shuffle", True))
            arguments.pop("validation_batch_size", None)
            data = rows.batches(self.seed, self.standing.epoch, self.last, self.batch_size, shuffle)
            steps = {"steps_per_epoch": self._steps, "shuffle": False}
            self._crew.model.fit(data, callbacks=[*followers, follow], **{**arguments, **steps})
        else:
            if rows.y is not None:
                arguments.update(y=rows.y, batch_size=self.batch_size)
            if is_stream(rows.x) and not isinstance(rows.x, keras.utils.PyDataset):
                arguments["shuffle"] = False
            self._crew.model.fit(rows.x, callbacks=[*followers, follow], **arguments)
        if self.standing.epoch < self.last and self.standing.reason is None and not follow.paused:
            self.standing.end_by_callback()

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
        standing = self.standing
        better = standing.add(values)
        if better and not standing.judged_by_several:
            self.best_weights = {}
        self.best_weights.update({setting: self._crew.weights(member) for setting, member in better.items()})
        append_line(self.folder / "curve.jsonl", standing.line(standing.epoch - 1))
        standing.drop(stopped)
        standing.decide(self.peers, halted, self.deadline is not None and time.time() > self.deadline)
        self._write()
        return standing.reason is not None or (len(self.alive) < len(self._crew.ids) and self._pays())

    # Files

    def _write(self, final: bool = False) -> None:
        now = time.perf_counter()
        if not final and now - self._written < self._write_cost / _SHARE_FOR_WRITING:
            return
        state = {
            "ids": self._crew.ids, "best_of": list(self.best_weights), "seconds": now - self._started,
            "callbacks": self._count(), "standing": self.standing.get_state(),
        }  # fmt: skip
        # One file holds all, so that weights and what is said of them are of one epoch.
        best = [array for weights in self.best_weights.values() for array in weights]
        write_arrays(self.folder / "state.npz", [json.dumps(state), *best, *trainables.arrays_of(self._crew)])
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
        trainables.set_arrays(self._crew, arrays[kept:])
        self.best_weights = {
            setting: arrays[place * each : (place + 1) * each] for place, setting in enumerate(state["best_of"])
        }
        self._counted = state["callbacks"]
        self.standing.set_state(state["standing"])
        # A killed run may have written an epoch that is trained again.
        write_lines(self.folder / "curve.jsonl", [self.standing.line(epoch) for epoch in range(self.standing.epoch)])
        return float(state["seconds"])

    def write_best(self, setting: int) -> None:
        """Writes the weights of the best epoch of a setting, which may be none where it never was finite."""
        if setting in self.best_weights:
            write_arrays(self.folder / "best.npz", self.best_weights[setting])


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


def _sorted_callbacks(callbacks: Sequence[Any], name: str) -> tuple[list[Any], list[Any]]:
    own = [copy.deepcopy(one) for one in callbacks]
    for one in own:
        if isinstance(one, keras.callbacks.TensorBoard):
            one.log_dir = str(Path(one.log_dir) / name)
    stoppers = [one for one in own if isinstance(one, keras.callbacks.EarlyStopping)]
    return [one for one in own if one not in stoppers], stoppers
