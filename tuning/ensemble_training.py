"""Trains the members of an ensemble side by side, as one population that can be resumed at each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..callbacks.progress import Progress
from ..callbacks.resume import Resume
from ..toolkit.data import Split, Splits
from ..toolkit.data.disk_rows import BlockBatches, DiskRows
from ..toolkit.data.splits import take
from ..toolkit.diagnosis.baselines import known_of
from ..toolkit.diagnosis.class_balance import classes_missed_by
from ..toolkit.diagnosis.findings import Finding, rank
from ..toolkit.diagnosis.layer_state import Probe
from ..toolkit.diagnosis.run_reader import RunReader
from ..toolkit.models.columns_in import model_inputs
from ..toolkit.models.reading import structure_of
from ..toolkit.population import memory, starting_weights
from ..toolkit.population.advice_trials import MemberTrials
from ..toolkit.population.layer_looks import LayerLooks
from ..toolkit.population.lone import given_or_compiled
from ..toolkit.population.model import Population
from ..toolkit.population.result import best_epoch
from ..toolkit.population.tracking import Tracking
from ..toolkit.population.whole_epochs import ResidentRows, resident_rows
from ..toolkit.preflight.rows import what_is_unscaled
from ..toolkit.runtime.machine import free_memory

# Adam keeps two values for each weight.
_SLOTS = 2
# Rows of a batch without gradients: as many as pay, few enough for wide images.
_ROWS_TO_VALIDATE = 256
# Of the free memory, what a second copy of the rows may take that stays on the device.
_SHARE_OF_ROWS = 0.25


class Batches(keras.utils.PyDataset):
    """Batches of a split, shuffled anew each epoch by seed and epoch alone, so that a fit can be resumed.

    Args:
        split: The rows.
        batch_size: Rows a batch, >= 1; the last may be smaller.
        seed: Decides the order.
        epoch: First epoch.
        class_weights: Of each class, for class numbers as targets; `None` where all rows count alike.

    Example:

    >>> rows = np.arange(5.0, dtype="float32")[:, None]
    >>> batches = Batches(Split(rows, np.arange(5)), batch_size=2, seed=0)
    >>> [len(y) for _, y in batches]
    [2, 2, 1]
    """

    def __init__(
        self, split: Split, batch_size: int, seed: int, epoch: int = 0, class_weights: np.ndarray | None = None
    ) -> None:
        super().__init__()
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.class_weights = class_weights
        self._begun = False
        self._shuffle()

    def __len__(self) -> int:
        # Rounded up: the last batch may be smaller.
        return -(-len(self.split) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        at = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return weighed(Split(take(self.split.x, at), self.split.y[at]), self.class_weights)

    def on_epoch_begin(self) -> None:
        # Keras may read and end an "epoch" before the first, to build the model; only begun ones count.
        if self._begun:
            self.epoch += 1
            self._shuffle()
        self._begun = True

    def _shuffle(self) -> None:
        self._order = shuffled(len(self.split), self.seed, self.epoch)


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of so many rows in an epoch, by seed and epoch alone.

    Example:

    >>> sorted(shuffled(4, seed=0, epoch=1).tolist())
    [0, 1, 2, 3]
    """
    # Not one generator drawn on: a resumed fit begins in the middle.
    return np.random.default_rng((seed, epoch)).permutation(count)


def _resident(rows: Split, class_weights: np.ndarray | None, batch_size: int) -> ResidentRows | None:
    """Rows as they stay on the device, in their order; `None` where they are no numbers, or too many for the memory."""
    x, y, *weights = weighed(rows, class_weights)
    free = free_memory()
    if free is not None and sum(getattr(part, "nbytes", 0) for part in keras.tree.flatten(x)) > _SHARE_OF_ROWS * free:
        return None
    return resident_rows(x, y, weights[0] if weights else None, None, batch_size, shuffle=False)


def weighed(rows: Split, class_weights: np.ndarray | None) -> tuple[Any, ...]:
    """Rows as `fit` takes them: inputs, targets and, with weights of classes, the weight of each row.

    Example:

    >>> weighed(Split(np.zeros((2, 1)), np.array([1, 0])), np.array([0.5, 2.0]))[2].tolist()
    [2.0, 0.5]
    """
    pair = model_inputs(rows.x), rows.y
    return pair if class_weights is None else (*pair, class_weights[rows.y.astype(int)].astype("float32"))


@dataclass(frozen=True)
class Member:
    """A trained member: its model at the best epoch, and how it got there."""

    name: str
    seed: int
    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int | None
    findings: list[Finding]
    probes: Sequence[Probe] = ()


@dataclass(frozen=True)
class Plan:
    """How the members are trained.

    Args:
        seeds: One a member; the first orders the batches for all.
        epochs: Epochs at most, at least 1.
        patience: Epochs without a lower validation loss after which a member stops, at least 1.
        batch_size: Rows of a batch, at least 1.
        class_weights: Of each class; `None` where all rows count alike.
        on_disk: All training rows, where memory holds a part of them.
    """

    seeds: Sequence[int]
    epochs: int
    patience: int
    batch_size: int
    class_weights: np.ndarray | None = None
    on_disk: DiskRows | None = None

    def batches(self, held: Split, epoch: int = 0) -> keras.utils.PyDataset:
        """All that the members learn from, a batch at a time.

        Args:
            held: The training rows in memory.
            epoch: First epoch.
        """
        rest = self.batch_size, self.seeds[0], epoch, self.class_weights
        return Batches(held, *rest) if self.on_disk is None else BlockBatches(self.on_disk, *rest)

    def in_order(self, rows: ResidentRows, epoch: int = 0) -> ResidentRows:
        """The same batches, of rows that stay on the device.

        Args:
            rows: The training rows.
            epoch: First epoch.
        """
        import tensorflow as tf

        orders = tf.data.Dataset.from_generator(
            lambda: (shuffled(rows.count, self.seeds[0], number) for number in range(epoch, self.epochs)),
            output_signature=tf.TensorSpec([rows.count], "int64"),
        )
        return replace(rows, orders=orders)

    def updates(self, held: Split) -> int:
        """Updates of the whole fit, over all training rows.

        Args:
            held: The training rows in memory.
        """
        return self.epochs * len(self.batches(held))


def train_members(
    build: Callable[[], keras.Model],
    splits: Splits,
    plan: Plan,
    directory: Path,
    report: Callable[[str, Finding], None],
    progress: Progress | None = None,
) -> list[Member]:
    """Trains all members as one population; goes on from `directory` where that holds a state.

    Members that do not fit into memory at once are trained in groups, which changes no result.

    Args:
        build: Returns a new compiled model, its starting weights drawn from Keras' random state.
        splits: The rows.
        plan: How to train.
        directory: Folder for the state of these members alone.
        report: Called with a member's name and each new finding.
        progress: Shows the epochs.

    Returns:
        The members, each with the weights of its epoch of least validation loss.
    """
    template, starts = starting_weights.members(build, plan.seeds)
    # Once for all groups.
    resident = _all_resident(splits, plan)
    each = memory.per_member(template, _SLOTS, plan.batch_size)
    members: list[Member] = []
    for count in memory.chunks(len(plan.seeds), each, None):
        group = _Group(template, splits, plan, len(members), starts[len(members) : len(members) + count], report)
        group.train(directory / f"members-{len(members)}-{count}", progress, resident)
        members += [group.member(k) for k in range(count)]
    return members


def _all_resident(splits: Splits, plan: Plan) -> tuple[ResidentRows, ResidentRows] | None:
    """Rows to train and to validate as they stay on the device; `None` where batches come one by one."""
    if plan.on_disk is not None:
        return None
    train = _resident(splits.train, plan.class_weights, plan.batch_size)
    held = _resident(splits.validation, plan.class_weights, _ROWS_TO_VALIDATE)
    return None if train is None or held is None else (train, held)


class _Group:
    """Some members that are trained at once."""

    def __init__(
        self,
        template: keras.Model,
        splits: Splits,
        plan: Plan,
        first: int,
        starts: Sequence[Sequence[np.ndarray]],
        report: Callable[[str, Finding], None],
    ) -> None:
        self.splits, self.plan, self.first = splits, plan, first
        self.population = Population(template, len(starts), population=len(plan.seeds), offset=first)
        self.population.set_members(starts)
        compiled = given_or_compiled(template, optimizer=None, loss=None, metrics=None)
        self.population.compile(**compiled)
        self._report = report
        weighted = weighed(splits.train, plan.class_weights)
        updates = plan.updates(splits.train)
        self.trials = MemberTrials(self.population, weighted[0], weighted[1], plan.batch_size, updates, *weighted[2:])
        stopper = keras.callbacks.EarlyStopping("val_loss", patience=plan.patience, restore_best_weights=True)
        unscaled = what_is_unscaled(template, splits.train.x, splits.train.y)
        self.tracking = Tracking(self._readers(template, len(starts), unscaled), [stopper], self._tell)
        x, y = splits.train.x, splits.train.y
        self.layers = LayerLooks(template, x, y, self.tracking, plan.epochs, self._tell, lambda: unscaled)

    def train(
        self, directory: Path, progress: Progress | None, resident: tuple[ResidentRows, ResidentRows] | None
    ) -> None:
        """Fits the members, from where the state in `directory` left them."""
        splits, plan = self.splits, self.plan
        resume = Resume(directory, carry=[self.tracking, self.layers])
        if resume.initial_epoch:
            self.tracking.set_model(self.population)
            self.tracking.on_train_begin()
            resume.restore_last(self.population)
            resume.restore_carried()
        if resume.initial_epoch < plan.epochs and len(self.tracking.stopped) < self.population.members:
            if resident is None:
                rows = plan.batches(splits.train, resume.initial_epoch)
                held: Any = weighed(splits.validation, plan.class_weights)
            else:
                rows, held = plan.in_order(resident[0], resume.initial_epoch), resident[1]
            self.population.fit(
                rows,
                epochs=plan.epochs,
                initial_epoch=resume.initial_epoch,
                validation_data=held,
                validation_batch_size=_ROWS_TO_VALIDATE,
                callbacks=[self.tracking, self.layers, resume, *([progress] if progress else [])],
                shuffle=False,  # the batches are shuffled already; Keras would shuffle their order by its own state
                verbose=0,
            )

    def member(self, k: int) -> Member:
        """Member `k` of the group, trained."""
        model, history = self.population.member(k), self.tracking.histories[k]
        losses = history.get("val_loss", [])
        best = best_epoch(losses) if np.isfinite(losses).any() else None
        held = (self.splits.validation.x, self.splits.validation.y)
        missed = classes_missed_by(model, self.splits.train.y, held)
        for finding in missed:
            self._tell(k, finding)
        found = rank([*self.tracking.findings[k], *self.layers.findings[k], *missed])
        seed = self.plan.seeds[self.first + k]
        return Member(self._name(k), seed, model, history, best, found, self.layers.probes[k])

    def _readers(self, template: keras.Model, count: int, unscaled: str) -> list[RunReader]:
        train, validation = self.splits.train, self.splits.validation
        weights = self.plan.class_weights
        by_class = None if weights is None else {place: float(one) for place, one in enumerate(weights)}
        known = known_of(train.x, train.y, (validation.x, validation.y), template.loss, by_class)
        known |= {"structure": structure_of(template), "unscaled": unscaled}
        known["directions"] = self.population.metric_directions()
        return [
            RunReader(epochs=self.plan.epochs, judged=partial(self.trials.judged, k), **known) for k in range(count)
        ]

    def _name(self, k: int) -> str:
        return f"member_{self.first + k}"

    def _tell(self, k: int, finding: Finding) -> None:
        self._report(self._name(k), finding)
