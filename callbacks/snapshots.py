"""Snapshots of one fit as members of an ensemble: the rate falls and restarts, and each low is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import ops

from ..toolkit.checks import number, path_of, whole_number
from ..toolkit.ensembles.members import copied_member
from ..toolkit.models.lazy_models import LazyModels
from ..toolkit.optimizers.rate_owners import fixed_rate, refuse_two_owners
from ..toolkit.runtime.files import beside as draft_of
from ..toolkit.runtime.keras_internals import callbacks_beside
from ..toolkit.saving.loading import load_model


class SnapshotEnsemble(keras.callbacks.Callback):
    """Trains several members in one fit, for the price of one.

    In each cycle the rate falls along half a cosine from its start nearly to 0 and jumps back; at the end of
    each cycle the model is kept. `tw.vote(callback.models)` joins them.

    Args:
        cycles: Members, >= 1; the epochs of the fit must be a multiple.
        learning_rate: Rate at the start of each cycle, > 0; that of the optimizer by default.
        directory: Folder for the members, `snapshot_1.keras` and so on, each written whole and renamed. A fit
            that goes on with `initial_epoch` finds there the members of earlier cycles. By default they stay in
            memory.

    Attributes:
        models: The members so far, as a sequence of uncompiled models; each is made when asked for.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range; when the fit begins: the epochs are no multiple of `cycles`, the
            rate follows a schedule or another callback sets it too, or a member of an earlier cycle is missing or
            of another model.

    Reference: Huang et al. 2017, "Snapshot ensembles: train 1, get M for free", arXiv:1704.00109, equation 2.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> snapshots = SnapshotEnsemble(cycles=2)
    >>> _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=4, callbacks=[snapshots], verbose=0)
    >>> len(snapshots.models)
    2
    """

    # At every batch, so that it bears no other that sets the rate.
    sets_learning_rate = "always"

    def __init__(
        self, cycles: int = 5, learning_rate: float | None = None, directory: str | Path | None = None
    ) -> None:
        super().__init__()
        self.cycles = whole_number("cycles", cycles, 1, 10**6)
        if learning_rate is not None:
            number("learning_rate", learning_rate, 0, math.inf, open_low=True, open_high=True)
        self.learning_rate = learning_rate
        if directory is not None:
            path_of("directory", directory)
        self.directory = directory
        self._kept: list[list[np.ndarray] | Path] = []
        self._first: float | None = None
        self._rate: float | None = None

    @property
    def models(self) -> Sequence[keras.Model]:
        """The member of each cycle that has ended, a copy of the model each."""
        return LazyModels([partial(_made, kept, k, self.model) for k, kept in enumerate(self._kept)], "snapshots")

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # Before any callback has begun: one that takes up an earlier fit brings a rate that had fallen already.
        self._compiled = fixed_rate(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        epochs = int(self.params.get("epochs") or 0)
        if epochs < self.cycles or epochs % self.cycles:
            raise ValueError(f"The {epochs} epochs of the fit must be a multiple of `cycles` ({self.cycles}).")
        beside = callbacks_beside(self)
        refuse_two_owners(self.model, [self, *beside])
        if any(getattr(one, "action", None) == "repair" for one in beside):
            raise ValueError('`action="repair"` of CurveWatch would set the learning rate too; give `action="warn"`.')
        self._length = epochs // self.cycles
        self._steps = self.params.get("steps")
        # Where this very callback was interrupted, the rate in the model is the one that it had let fall.
        if self._compiled != self._rate:
            self._first = self._compiled
        self._top = self.learning_rate or self._first or 0.0
        self._kept, self._seen, self._begun = [], 0, False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not self._begun:
            self._begun = True
            # Only here does a callback learn where a fit with `initial_epoch` begins.
            self._find_earlier(epoch // self._length)
        self._epoch = epoch
        self._set_rate(0)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._seen = batch
        if self._steps:
            # Without a length the first epoch keeps the rate it began with.
            self._set_rate(batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # Data without a length have shown it by the end of the first epoch.
        self._steps = self._steps or self._seen + 1
        if logs is not None:
            logs["learning_rate"] = float(self._rate or 0.0)
        if (epoch + 1) % self._length == 0:
            self._keep()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        # A later fit of the model must not begin at the bottom of a cosine.
        self.model.optimizer.learning_rate = self._first
        self._rate = None

    def _set_rate(self, batch: int) -> None:
        steps = self._steps or 1
        done = ((self._epoch % self._length) * steps + batch) / (self._length * steps)
        self.model.optimizer.learning_rate = self._top / 2 * (math.cos(math.pi * done) + 1)
        # As the optimizer has it, in its own precision.
        self._rate = fixed_rate(self.model)

    def _find_earlier(self, count: int) -> None:
        if count and self.directory is None:
            raise ValueError(
                f"The fit goes on after {count} cycles, whose members are gone: give `directory=` from the start."
            )
        for k in range(1, count + 1):
            if not self._path(k).is_file():
                raise ValueError(f"The member of cycle {k} is missing: there is no file {self._path(k)}.")
            if _form(load_model(self._path(k), compiled=False)) != _form(self.model):
                raise ValueError(
                    f"{self._path(k)} is a member of another model; give each model a `directory=` of its own."
                )
            self._kept.append(self._path(k))

    def _keep(self) -> None:
        if self.directory is None:
            # Arrays, not models: a model each would hold a graph each, asked for or not.
            self._kept.append([ops.convert_to_numpy(variable).copy() for variable in self.model.weights])
            return
        path = self._path(len(self._kept) + 1)
        with draft_of(path, ".keras") as draft:
            # Without optimizer, whose slots treble the file.
            copied_member(self.model, len(self._kept)).save(draft)
        self._kept.append(path)

    def _path(self, number_: int) -> Path:
        return Path(self.directory or ".") / f"snapshot_{number_}.keras"


def _form(model: keras.Model) -> list[object]:
    """What tells a model from another: what it takes, its kinds of layers, the shapes of its weights."""
    kinds = [type(layer).__name__ for layer in model.layers]
    return [model.input_shape, kinds, [tuple(weight.shape) for weight in model.weights]]


def _made(kept: list[np.ndarray] | Path, number_: int, like: keras.Model) -> keras.Model:
    if isinstance(kept, Path):
        return load_model(kept, compiled=False)
    made = copied_member(like, number_)
    for variable, value in zip(made.weights, kept, strict=True):
        variable.assign(np.asarray(value))
    return made
