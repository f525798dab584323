"""Tells a race what each member did in an epoch of `fit`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import keras

from ...toolkit.population.lone import LoneModel
from .plan import Logs
from .trainables import Trainable
from .trial_stopping import Race


class Follow(keras.callbacks.Callback):
    """Collects what each member logs in an epoch, and ends `fit` where whoever takes it in says so.

    It stands last among the callbacks, so that it sees what the others have added to the logs and what they decided.

    Args:
        trainable: Whose members are followed.
        race: What they have reached.
        stoppers: Keras EarlyStopping callbacks, applied to each member by itself.
        begin_epoch: Called at the begin of each epoch.
        end_epoch: Takes the logs by member, the members that stop early, and whether a callback of the user's ends
            `fit`; returns whether `fit` is to end.

    Attributes:
        reads_whole_epochs: It reads the batches of an epoch in one piece, where that is one call.
    """

    reads_whole_epochs = True

    def __init__(
        self,
        trainable: Trainable,
        race: Race,
        stoppers: Sequence[keras.callbacks.EarlyStopping],
        begin_epoch: Callable[[], None],
        end_epoch: Callable[[dict[int, Logs], Sequence[int], bool], bool],
    ) -> None:
        super().__init__()
        self.trainable, self.race, self.stoppers = trainable, race, list(stoppers)
        self.paused = False
        # A loop of the user's own may call the end of an epoch alone.
        self._lone: dict[int, LoneModel] = {}
        self._own: dict[int, list[keras.callbacks.EarlyStopping]] = {}
        self._train: list[Logs] | None = None
        self._validation: list[Logs] | None = None
        self._begin_epoch, self._end_epoch = begin_epoch, end_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        # The best weights of each member are kept elsewhere, so the lone models have none to give and take.
        self._lone = {member: LoneModel() for member in self.trainable.ids}
        self._own = {member: [copy.deepcopy(stopper) for stopper in self.stoppers] for member in self._lone}
        for member, own in self._own.items():
            for stopper in own:
                stopper.set_model(self._lone[member])
                stopper.on_train_begin()
                # What an interrupted run had told it already; `fit` begins anew with each smaller graph too.
                for epoch in range(self.race.epoch):
                    stopper.on_epoch_end(epoch, self.race.logs_at(member, epoch))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._train = self._validation = None
        self._begin_epoch()
        for reader in self.race.readers.values():
            reader.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for member, own in zip(self.trainable.ids, self.trainable.losses(logs).T, strict=True):
            self.race.readers[member].note_batches(own, batch)

    def on_test_begin(self, logs: Any = None) -> None:
        # Validation sets the metrics back, so what the epoch has shown is read before it.
        if self._train is None and not self.trainable.logs_hold_all:
            self._train = self.trainable.values(logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self.trainable.logs_hold_all:
            found = self.trainable.values(logs)
            self._validation = [{f"val_{name}": value for name, value in own.items()} for own in found]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seen = self.trainable.values(logs) if self._train is None else self._train
        held = [{}] * len(seen) if self._validation is None else self._validation
        joined = [{**own, **validated} for own, validated in zip(seen, held, strict=True)]
        values = dict(zip(self.trainable.ids, joined, strict=True))
        # A member that was dropped trains on in the graph until that is made smaller, but counts no more.
        for member, own in self._own.items():
            for stopper in own if member not in self.race.dropped else ():
                stopper.on_epoch_end(epoch, values[member])
        stopped = [member for member, lone in self._lone.items() if lone.stop_training]
        model = self.trainable.model
        if self._end_epoch(values, stopped, bool(model.stop_training)):
            # Without a reason the training only pauses, to go on in a smaller graph.
            self.paused = self.race.reason is None
            model.stop_training = True
