"""Tells a training of many members what each of them did in an epoch of `fit`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from . import trainables

if TYPE_CHECKING:
    from .training import Training


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
                for epoch in range(self.training.standing.epoch):
                    stopper.on_epoch_end(epoch, self.training.standing.logs_at(member, epoch))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._train: list[dict[str, float]] | None = None
        self._validation: list[dict[str, float]] | None = None
        self.training.go_on_counting()
        for reader in self.training.standing.readers.values():
            reader.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        training = self.training
        for member, mean in zip(training._crew.ids, training._crew.losses(logs), strict=True):
            training.standing.readers[member].note_batch(mean, batch + 1)

    def on_test_begin(self, logs: Any = None) -> None:
        # Validation sets the metrics back, so what the epoch has shown is read before it.
        if self._train is None and isinstance(self.training._crew, trainables.Many):
            self._train = self.training._crew.values(logs)

    def on_test_end(self, logs: Any = None) -> None:
        if isinstance(self.training._crew, trainables.Many):
            found = self.training._crew.values(logs)
            self._validation = [{f"val_{name}": value for name, value in own.items()} for own in found]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        crew = self.training._crew
        seen = self._train if self._train is not None else crew.values(logs)
        joined = [{**own, **held} for own, held in zip(seen, self._validation or [{}] * len(seen), strict=True)]
        values = dict(zip(crew.ids, joined, strict=True))
        for member, own in self._own.items():
            for stopper in own if member not in self.training.standing.dropped else ():
                stopper.on_epoch_end(epoch, values[member])
        stopped = [member for member, lone in self._lone.items() if lone.stop_training]
        ended = self.training.end_epoch(values, stopped, bool(self.model.stop_training))
        if ended:
            self.paused = self.training.standing.reason is None
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
