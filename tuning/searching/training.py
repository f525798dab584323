"""One architecture on one set of rows: all its members, epoch by epoch, resumed at the epoch."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import whole_number
from ...toolkit.diagnosis.baselines import known_of
from ...toolkit.diagnosis.run_reader import RunReader
from ...toolkit.population.lone import counters, set_counters, sorted_callbacks
from ...toolkit.population.whole_epochs import needs_batches
from ...toolkit.runtime.files import DamagedFileError, append_line, read_arrays, write_arrays, write_lines
from ...toolkit.runtime.keras_internals import metrics_of_run
from ...toolkit.runtime.precision import fresh_session
from . import trainables
from .costs import costs_asked, latency
from .follower import Follow
from .optimizer_questions import asked_at
from .plan import Assignment, Logs, Plan
from .rows import TrialRows, is_stream, steps_at_once
from .trainables import MemberStarts, One, Trainable
from .trial_stopping import Race

# Writing the state of a trial may take this share of its time.
_SHARE_FOR_WRITING = 0.1
# Repetitions of a trial start from seeds so far apart, since the trials themselves take one seed after the other.
SEEDS_APART = 1000
# A trial that is begun anew, since it gave no finite score, is to start from other weights.
RESTARTS_APART = 1_000_003


@dataclass(frozen=True)
class Part:
    """One of the trainings of a trial; where there are neither folds nor executions, the only one.

    Args:
        rows: What it trains and validates on.
        seed: Decides starting weights and batches.
        folder: Where its state and its curve are kept.
        name: What TensorBoard shows it under.
        peers: Curves of the other trials, lower being better.
    """

    rows: TrialRows
    seed: int
    folder: Path
    name: str
    peers: Sequence[Sequence[float]]


class Training:
    """One architecture on one set of rows: all its members, epoch by epoch.

    Args:
        plan: What is the same for all trials.
        assignment: Which trial.
        part: Which of its trainings.

    Attributes:
        race: What the members have reached.
        decided: The setting that each hyperparameter asks for and members decide, where there is one.
        settings: The settings, in the order of the race's.
        best_weights: Weights of the best epoch of each setting that may still win.
        epochs: Epochs of a whole training.
        parameters: Number of parameters of the model.
        seconds: Time that it took, with what an interrupted run had spent, s.
    """

    race: Race
    _trainable: Trainable

    def __init__(self, plan: Plan, assignment: Assignment, part: Part) -> None:
        self.plan, self.hp, self.part = plan, assignment.hp, part
        self.deadline, self.last_told = assignment.deadline, assignment.last
        self.settings = [dict(one) for one in plan.settings]
        self.best_weights: dict[int, list[np.ndarray]] = {}
        self.seconds = 0.0
        self.own = trainables.fits_by_itself(plan.hypermodel)
        self._watchers = list(assignment.watchers)
        self._others, self._stoppers = sorted_callbacks(_own_copies(plan.callbacks, part.name))
        self._counted: list[Any] = []
        self._write_cost = 0.0

    @property
    def stopped_early(self) -> bool:
        """Whether a rule ended it before its last epoch."""
        return self.race.reason is not None and self.race.ended_by_rule

    @property
    def alive(self) -> list[int]:
        """The members of the graph that still count."""
        return [member for member in self._trainable.ids if member not in self.race.dropped]

    def run(self) -> None:
        """Trains to the end, from where the folder's state stands.

        Raises:
            FailedTrialError: The model is too large.
            FatalTypeError: `build` returned no Keras model, or a `fit` of the user's own nothing that tells a score.
            ObjectiveError: The objective is not among the logs.
            OSError: The folder cannot be written to.
            ValueError: The model cannot be compiled.
        """
        self.part.folder.mkdir(parents=True, exist_ok=True)
        self._started = self._written = time.perf_counter()
        self._prepare(self._built())
        self._started -= self._restore()
        with _no_word_of_retracing():
            while self.race.epoch < self.last and self.race.reason is None and not self.race.concluded:
                # A second call of `fit` sets the callbacks back, though to them it is one training.
                self._counted = self._counted or (self._count() if self.race.epoch else [])
                if len(self.alive) < len(self._trainable.ids) and self._pays():
                    self._trainable = self._trainable.keep(self.alive)
                self._fit()
        self.seconds = time.perf_counter() - self._started
        self._write(final=True)
        # The graph goes with it, before the next training makes one of its own.
        del self._trainable, self._make

    # The models

    def _built(self) -> keras.Model:
        """The model that `build` returns, and what it decided about the training."""
        plan = self.plan
        fresh_session()
        keras.utils.set_random_seed(self.part.seed)
        model = plan.hypermodel.build(self.hp)
        trainables.refuse_no_model(model)
        # Only now: `build` may have asked for these hyperparameters first.
        self.batch_size = whole_number("batch_size", self.hp.values.get("batch_size", plan.batch_size), low=1)
        self.epochs = whole_number("epochs", self.hp.values.get("epochs", plan.epochs), low=1)
        self.last = self.epochs if self.last_told is None else min(self.last_told, self.epochs)
        if not model.built and self.part.rows.x is not None and not hasattr(self.part.rows.x, "__next__"):
            model(self.part.rows.first())  # what is kept of it can only be put back into variables that are there
        self.parameters = model.count_params() if model.built else 0
        if plan.most_parameters is not None and self.parameters > plan.most_parameters:
            # KerasTuner's error for what another try would not cure.
            raise keras_tuner.errors.FailedTrialError(
                f"The model has {self.parameters} parameters, more than {plan.most_parameters}."
            )
        return model

    def _prepare(self, model: keras.Model) -> None:
        """Makes the members of the model, and the race that they run."""
        plan, rows = self.plan, self.part.rows
        compiling = trainables.compiling_of(model, plan.hypermodel, rows.y, plan.compiling)
        self._steps = rows.steps(self.batch_size) if rows.are_arrays else None
        size = plan.fit_arguments.get("validation_batch_size") or self.batch_size
        # One call an epoch, where the members are one population and nobody looks at single batches. Weights of classes
        # become weights of rows batch by batch, in Keras.
        by_member = bool(self.settings and rows.are_arrays) and not plan.fit_arguments.get("class_weight")
        self._whole = by_member and not needs_batches([*self._others, *self._watchers])
        held = rows.held_out_whole if self._whole else rows.held_out
        self._held_out = None if self.own else held(size)
        unknown = {name: value for name, value in self.hp.values.items() if name not in plan.decided}
        self.decided = {**plan.decided, **asked_at(model, unknown, {name for one in self.settings for name in one})}
        self._make: Callable[[Sequence[int]], Trainable]
        if self.settings:
            starts = [model.get_weights(), *(self._start(repeat) for repeat in range(1, plan.executions))]
            # The members of a setting stand side by side, as the race counts them.
            per_member = [setting for setting in self.settings for _ in starts]
            at_once = None if self._whole else steps_at_once(self._steps) if self._steps else 1
            self._make = MemberStarts(model, starts * len(self.settings), per_member, compiling, at_once).many
            everyone = list(range(len(per_member)))
        else:
            rate = None if model.compiled else self.hp.values.get("learning_rate")
            settings = {} if rate is None else {"learning_rate": float(rate)}
            one = One(trainables.alone(model, compiling, plan.compiling, settings))
            if model.built and not self.own and not self._others:
                # Now, and not in its first step: variables made in a graph have TensorFlow trace it twice. A callback
                # may still unfreeze layers before that step, which a built optimizer would not know of.
                one.variables()
            self._make = lambda ids: one
            everyone = one.ids
        self._trainable = self._make(everyone)
        # Worked out once: the members share their rows, and a simple model of them takes its time.
        known = self._known(compiling.loss)
        readers = {member: RunReader(epochs=self.epochs, **known) for member in everyone}
        self.race = Race(plan, self.settings, everyone, readers, self.epochs, self.last)
        if "latency" in costs_asked(plan.objective):
            # Before anything is trained: an architecture answers as fast with any weights.
            self._latency = latency(model, keras.tree.map_structure(lambda part: part[:1], rows.first()))

    def _known(self, loss: Any) -> dict[str, Any]:
        """What the rows tell a reader of curves; a stream tells nothing before it is read."""
        rows = self.part.rows
        if self.own or not rows.are_arrays or rows.y is None:
            return {}  # a `fit` of the user's own may train on others
        class_weight = self.plan.fit_arguments.get("class_weight")
        return known_of(rows.x, rows.y, rows.validation, loss, class_weight, rows.sample_weight)

    def _start(self, repeat: int) -> list[np.ndarray]:
        """The starting weights of a repetition."""
        keras.utils.set_random_seed(self.part.seed + SEEDS_APART * repeat)
        weights: list[np.ndarray] = self.plan.hypermodel.build(self.hp).get_weights()
        return weights

    def _pays(self) -> bool:
        updates = (self.last - self.race.epoch) * (self._steps or 1)
        return self._trainable.pays_to_shrink(self.alive, updates, self.batch_size)

    # One call of fit

    def _fit(self) -> None:
        rows, model = self.part.rows, self._trainable.model
        follow = Follow(self._trainable, self.race, self._stoppers, self._go_on_counting, self._end_epoch)
        arguments: dict[str, Any] = {
            **self.plan.fit_arguments,
            "epochs": self.last,
            "initial_epoch": self.race.epoch,
            "verbose": 0,
            "validation_data": self._held_out,
            "callbacks": [*self._others, *self._watchers, follow],
        }
        if self.own:
            self._fit_by_the_users_own(arguments["callbacks"])
        elif rows.are_arrays:
            model.fit(**self._over_arrays(arguments))
        else:
            model.fit(rows.x, **self._over_a_stream(arguments))
        unfinished = self.race.epoch < self.last and self.race.reason is None
        if unfinished and not follow.paused:
            # `fit` came back though nobody here ended it: a callback or a `fit` of the user's did.
            self.race.end_by_callback()

    def _fit_by_the_users_own(self, callbacks: list[Any]) -> None:
        """Calls the hypermodel's `fit` with what `search` was given, and takes in what it returns.

        Written by the user, it decides itself how it trains and on what, and need not take anything else.
        """
        places, names = self.plan.given
        names = {**names, "callbacks": callbacks}
        if self._tells_epochs:
            names["epochs"] = self.last
        if self.race.epoch:
            names["initial_epoch"] = self.race.epoch
        if self._hands_validation_rows(names):
            rows = self.part.rows
            places = (rows.x,) if rows.y is None else (rows.x, rows.y)
            names = {**{n: v for n, v in names.items() if n not in ("x", "y")}, "validation_data": rows.validation}
        found = self.plan.hypermodel.fit(self.hp, self._trainable.model, *places, **names)
        if not self._tells_epochs and self.race.reason is None:
            self.epochs = self.last = self.race.last = self.race.epoch
        measured = self.race.measured and isinstance(found, keras.callbacks.History)
        metrics = metrics_of_run(found, self.plan.objective, "HyperModel.fit()")
        if not measured:
            self.race.conclude(metrics)
            self.last = self.epochs if self.race.reason else self.race.epoch
        self.race.concluded = True
        self.best_weights.setdefault(0, self._trainable.weights(0))

    def _hands_validation_rows(self, names: Mapping[str, Any]) -> bool:
        """Whether a `fit` of the user's own gets the rows that are held out: where the objective asks for some, and
        nobody else says which.
        """
        if self.plan.folds is not None:
            return True
        given = {"validation_data", "validation_split"} & set(names)
        wanted = self.plan.objective.name.startswith("val_") and self.part.rows.are_arrays
        return wanted and not given and self._takes("validation_data")

    def _takes(self, name: str) -> bool:
        """Whether a `fit` of the user's own takes an argument by this name."""
        taken = inspect.signature(self.plan.hypermodel.fit).parameters.values()
        return any(one.name == name or one.kind is one.VAR_KEYWORD for one in taken)

    @property
    def _tells_epochs(self) -> bool:
        """Whether a `fit` of the user's own is told how many epochs to train; else it decides that itself."""
        return "epochs" in self.plan.given[1] or self.last_told is not None

    def _goes_on_from(self, standing: dict[str, Any]) -> bool:
        """Whether a `fit` of the user's own can go on from a state: it has ended, or can be told where to begin."""
        if standing.get("concluded") or not self.own:
            return True
        return self._takes("initial_epoch") and self._tells_epochs and 0 < standing["epoch"] < self.last

    def _over_arrays(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Batches in an order that seed and epoch alone decide, so that a training can go on at any epoch."""
        shuffle = bool(arguments.pop("shuffle", True))
        arguments.pop("validation_batch_size", None)
        rows = self.part.rows
        make = rows.whole_epochs if self._whole else rows.batches
        batches = make(self.part.seed, self.race.epoch, self.last, self.batch_size, shuffle)
        if self._whole:
            return {**arguments, "x": batches, "shuffle": False}
        return {**arguments, "x": batches, "steps_per_epoch": self._steps, "shuffle": False}

    def _over_a_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rows = self.part.rows
        if rows.y is not None:
            arguments = {**arguments, "y": rows.y, "batch_size": self.batch_size}
        # Keras warns of `shuffle` where the data bring their own order.
        own_order = is_stream(rows.x) and not isinstance(rows.x, keras.utils.PyDataset)
        return {**arguments, "shuffle": False} if own_order else arguments

    def _go_on_counting(self) -> None:
        """Gives the callbacks back what they had counted: each call of `fit` begins by setting them back."""
        for callback, state in zip(self._others, self._counted, strict=False):
            if hasattr(callback, "set_state"):
                callback.set_state(state)
            else:
                set_counters(callback, state)
        self._counted = []

    def _end_epoch(self, values: dict[int, Logs], stopped: Sequence[int] = (), halted: bool = False) -> bool:
        """Takes in what each member logged; returns whether `fit` is to end.

        Args:
            values: Logs by member.
            stopped: MemberStarts that stop early.
            halted: Whether a callback of the user's ends `fit`.
        """
        race = self.race
        costs = self._costs()
        better = race.add({member: {**logs, **costs} for member, logs in values.items()} if costs else values)
        if better and not race.judged_by_several:
            self.best_weights = {}
        self.best_weights.update({setting: self._trainable.weights(member) for setting, member in better.items()})
        append_line(self.part.folder / "curve.jsonl", race.line(race.epoch - 1))
        race.drop(stopped)
        race.decide(self.part.peers, halted, self.deadline is not None and time.time() > self.deadline)
        self._write()
        return race.reason is not None or (len(self.alive) < len(self._trainable.ids) and self._pays())

    def _costs(self) -> Logs:
        """What the objective asks of the costs of the model, so far."""
        asked = costs_asked(self.plan.objective)
        found = {"parameters": float(self.parameters), "seconds": time.perf_counter() - self._started}
        if "latency" in asked:
            found["latency"] = self._latency
        return {name: found[name] for name in asked}

    # Files

    def _write(self, final: bool = False) -> None:
        now = time.perf_counter()
        # What a kill loses is at most ten times the time that writing takes.
        if not final and now - self._written < self._write_cost / _SHARE_FOR_WRITING:
            return
        state = {
            "ids": self._trainable.ids,
            "best_of": list(self.best_weights),
            "seconds": now - self._started,
            "callbacks": self._count(),
            "standing": self.race.get_state(),  # the name under which searches of before have kept it
        }
        # One file holds all, so that weights and what is said of them are of one epoch.
        best = [array for weights in self.best_weights.values() for array in weights]
        content = [json.dumps(state), *best, *trainables.arrays_of(self._trainable)]
        write_arrays(self.part.folder / "state.npz", content)
        self._written = time.perf_counter()
        self._write_cost = self._written - now

    def _count(self) -> list[Any]:
        """What each callback has counted, for those that come after it."""
        return [one.get_state() if hasattr(one, "get_state") else counters(one) for one in self._others]

    def _restore(self) -> float:
        """Goes on from the folder's state; returns the seconds that were spent before."""
        curve = self.part.folder / "curve.jsonl"
        try:
            described, *arrays = read_arrays(self.part.folder / "state.npz")
        except (FileNotFoundError, DamagedFileError):
            # Without a whole state the trial begins anew, to the same end.
            write_lines(curve, [])
            return 0.0
        state = json.loads(str(described))
        if not self._goes_on_from(state["standing"]):
            write_lines(curve, [])
            return 0.0
        if state["ids"] != self._trainable.ids:
            self._trainable = self._make(state["ids"])
        each = len(self._trainable.weights(self._trainable.ids[0]))
        kept = len(state["best_of"]) * each
        trainables.set_arrays(self._trainable, arrays[kept:])
        self.best_weights = {
            setting: arrays[place * each : (place + 1) * each] for place, setting in enumerate(state["best_of"])
        }
        self._counted = state["callbacks"]
        self.race.set_state(state["standing"])
        # Under Hyperband a later round goes on where a `fit` of the user's own had ended.
        self.race.concluded = self.race.concluded and not (self._tells_epochs and self.race.epoch < self.last)
        # A killed run may have written an epoch that is trained again.
        write_lines(curve, [self.race.line(epoch) for epoch in range(self.race.epoch)])
        return float(state["seconds"])

    def write_best(self, setting: int) -> None:
        """Writes the weights of the best epoch of a setting, which may be none where it never was finite."""
        if setting in self.best_weights:
            write_arrays(self.part.folder / "best.npz", self.best_weights[setting])


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


def _own_copies(callbacks: Sequence[Any], name: str) -> list[Any]:
    """Callbacks of this training alone: what they count is no other trial's, and TensorBoard has a folder for each."""
    try:
        own = [copy.deepcopy(one) for one in callbacks]
    except Exception as error:  # whatever a callback of the user's own raises when it is copied
        raise keras_tuner.errors.FatalValueError(
            "All callbacks used during a search should be deep-copyable, since each training gets copies of its own; "
            f"it is not possible to copy {list(callbacks)}."
        ) from error
    for one in own:
        if isinstance(one, keras.callbacks.TensorBoard):
            one.log_dir = str(Path(one.log_dir) / name)
    return own
