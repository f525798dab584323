"""Trains the members of an ensemble one after another, each resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..callbacks.curve_watch import CurveWatch
from ..callbacks.gradient_watch import GradientWatch
from ..callbacks.progress import Progress
from ..callbacks.resume import Resume
from ..toolkit.data import Split, Splits
from ..toolkit.data.splits import take
from ..toolkit.diagnosis.findings import Finding, rank
from ..toolkit.models.columns_in import model_inputs


class Batches(keras.utils.PyDataset):
    """Batches of a split, shuffled anew each epoch by seed and epoch alone, so that a fit can be resumed.

    Args:
        split: The rows.
        batch_size: Rows a batch, >= 1; the last may be smaller.
        seed: Decides the order.
        epoch: First epoch.

    Example:

    >>> rows = np.arange(5.0, dtype="float32")[:, None]
    >>> batches = Batches(Split(rows, np.arange(5)), batch_size=2, seed=0)
    >>> [len(y) for _, y in batches]
    [2, 2, 1]
    """

    def __init__(self, split: Split, batch_size: int, seed: int, epoch: int = 0) -> None:
        super().__init__()
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self._begun = False
        self._shuffle()

    def __len__(self) -> int:
        # Rounded up: the last batch may be smaller.
        return -(-len(self.split) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        at = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return model_inputs(take(self.split.x, at)), self.split.y[at]

    def on_epoch_begin(self) -> None:
        # Keras may read and end an "epoch" before the first, to build the model; only begun ones count.
        if self._begun:
            self.epoch += 1
            self._shuffle()
        self._begun = True

    def _shuffle(self) -> None:
        # Not one generator drawn on: a resumed fit begins in the middle.
        self._order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.split))


@dataclass(frozen=True)
class Member:
    """A trained member: its model at the best epoch, and how it got there."""

    name: str
    seed: int
    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int | None
    findings: list[Finding]


def train_member(
    number: int,
    build: Callable[[], keras.Model],
    splits: Splits,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    directory: Path,
    report: Callable[[str, Finding], None],
    progress: Progress | None = None,
) -> Member:
    """Trains one member with a seed of its own; goes on from `directory` where that holds a state."""
    name = f"member_{number}"
    # Before the model is built: its starting weights follow from it.
    keras.utils.set_random_seed(seed)
    model = build()
    data = (splits.validation.x, splits.validation.y)
    watch = CurveWatch(x=splits.train.x, y=splits.train.y, validation_data=data, report=lambda f: report(name, f))
    health = _health(splits, lambda f: report(name, f))
    # Carried, for a finding of the epochs before an interruption is not found again.
    resume = Resume(directory, carry=[watch, health])
    if resume.initial_epoch < epochs:
        model.fit(
            Batches(splits.train, batch_size, seed, resume.initial_epoch),
            epochs=epochs,
            initial_epoch=resume.initial_epoch,
            validation_data=(model_inputs(splits.validation.x), splits.validation.y),
            callbacks=[watch, health, resume, *([progress] if progress else [])],
            shuffle=False,  # the batches are shuffled already; Keras would shuffle their order by its own state
            verbose=0,
        )
    else:
        # Nothing is left to fit, so nobody else gives the watches what they had found.
        resume.restore_carried()
    resume.restore_best(model)
    return Member(name, seed, model, resume.history, resume.best_epoch, rank([*watch.findings, *health.findings]))


def _health(splits: Splits, report: Callable[[Finding], None]) -> GradientWatch:
    """Looks into the layers; where a column holds words, at the weights alone."""
    rows = model_inputs(splits.train.x)
    plain = all(isinstance(column, np.ndarray) for column in keras.tree.flatten(rows))
    return GradientWatch(rows if plain else None, splits.train.y if plain else None, report=report)
