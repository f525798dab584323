"""Follows each member through a fit: its history, its findings, its own early stopping and cuts of its rate."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from ..diagnosis.findings import Finding
from ..diagnosis.run_reader import RunReader
from .lone import LoneModel, LoneRate, counters, set_counters


class Tracking(keras.callbacks.Callback):
    """Keeps histories and findings by member; stops members one by one.

    A member that stops keeps its weights as they are at that moment, or at its best epoch, while
    the others go on: they are put back at the end of each epoch.

    Args:
        readers: One `RunReader` a member.
        stoppers: Keras EarlyStopping callbacks, applied to each member by itself.
        report: Called with the place of a member and each new `Finding` of it.
        plateaus: Keras ReduceLROnPlateau callbacks, applied to each member by itself; the population's optimizer must
            let rates be set.

    Attributes:
        reads_whole_epochs: It reads the batches of an epoch in one piece, where that is one call.
        histories: For each member a dictionary like `History.history`, up to where it stopped.
    """

    reads_whole_epochs = True

    def __init__(
        self,
        readers: Sequence[RunReader],
        stoppers: Sequence[keras.callbacks.EarlyStopping] = (),
        report: Callable[[int, Finding], None] | None = None,
        plateaus: Sequence[keras.callbacks.ReduceLROnPlateau] = (),
    ) -> None:
        super().__init__()
        self.plateaus = list(plateaus)
        self.readers = list(readers)
        self.stoppers = list(stoppers)
        self.report = report
        self.histories: list[dict[str, list[Any]]] = [{} for _ in self.readers]
        self._frozen: dict[int, list[np.ndarray]] = {}
        # What stateful layers carried when a member stopped; its weights may be those of an earlier epoch.
        self._carried: dict[int, list[np.ndarray]] = {}
        self._stop: list[list[keras.callbacks.EarlyStopping]] = []
        self._cut: list[list[keras.callbacks.ReduceLROnPlateau]] = []
        # The members' weights, read once an epoch at most, and only where a stopper asks.
        self._now: list[np.ndarray] | None = None

    @property
    def findings(self) -> list[list[Finding]]:
        """The findings of each member, surest first."""
        return [reader.findings for reader in self.readers]

    @property
    def stopped(self) -> frozenset[int]:
        """The members that have stopped."""
        return frozenset(self._frozen)

    def get_state(self) -> dict[str, Any]:
        """What was seen and counted, as plain values; see `set_state`."""
        return {
            "histories": self.histories,
            "readers": [reader.get_state() for reader in self.readers],
            "stopped": sorted(self._frozen),
            "stoppers": [[counters(stopper) for stopper in own] for own in self._stop],
            "plateaus": [[counters(plateau) for plateau in own] for own in self._cut],
        }

    def get_arrays(self) -> list[np.ndarray]:
        """The best weights so far of each member that goes on; those of the others are in the population."""
        return [weights for stopper in self._with_best() for weights in stopper.best_weights]

    def set_state(self, state: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
        """Goes on from what `get_state` and `get_arrays` gave, in the fit of a population that has its weights back.

        Args:
            state: From `get_state`.
            arrays: From `get_arrays`.
        """
        self.histories = state["histories"]
        for reader, seen in zip(self.readers, state["readers"], strict=True):
            reader.set_state(seen)
        for kind, held in (("stoppers", self._stop), ("plateaus", self._cut)):
            for own, counted in zip(held, state.get(kind, [[]] * len(held)), strict=True):
                for callback, values in zip(own, counted, strict=True):
                    set_counters(callback, values)
        self._now = None
        self._frozen = {k: self._weights_of(k) for k in state["stopped"]}
        # The epoch that follows moves them.
        self._now = None
        self._carried = {k: [stack.of(k) for stack in self.model.carried().values()] for k in self._frozen}
        size = len(self.model.template.weights)
        for place, stopper in enumerate(self._with_best(any_weights=True) if arrays else ()):
            stopper.best_weights = list(arrays[place * size : (place + 1) * size])

    def _with_best(self, any_weights: bool = False) -> list[keras.callbacks.EarlyStopping]:
        """The stoppers of members that go on which keep best weights."""
        return [
            stopper
            for k, own in enumerate(self._stop)
            for stopper in own
            if k not in self._frozen and stopper.restore_best_weights and (any_weights or stopper.best_weights)
        ]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        count = len(self.readers)
        self.histories = [{} for _ in range(count)]
        self._frozen, self._carried, self._now = {}, {}, None
        self._lone = [
            LoneModel(partial(self._weights_of, k), lambda: self.model.metrics, self._rate_of(k)) for k in range(count)
        ]
        # Each member has a patience and a best epoch of its own.
        self._stop = [[copy.deepcopy(stopper) for stopper in self.stoppers] for _ in range(count)]
        self._cut = [[copy.deepcopy(plateau) for plateau in self.plateaus] for _ in range(count)]
        for lone, stoppers, plateaus in zip(self._lone, self._stop, self._cut, strict=True):
            for callback in (*stoppers, *plateaus):
                callback.set_model(lone)
                callback.on_train_begin()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._train: dict[str, np.ndarray] | None = None
        self._validation: dict[str, np.ndarray] = {}
        self._now = None
        for reader in self.readers:
            reader.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        for reader, own in zip(self.readers, self.model.batch_losses().T, strict=True):
            reader.note_batches(own, batch)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Validation sets the metrics back, so what the epoch has shown is read before it.
        if self._train is None:
            self._train = self.model.by_member()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._validation = {f"val_{name}": values for name, values in self.model.by_member().items()}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = {**(self._train or self.model.by_member()), **self._validation}
        for k, reader in enumerate(self.readers):
            if k in self._frozen:
                continue
            # As in Keras' histories, a metric with a value a class gives an array.
            own = {name: float(row[k]) if np.ndim(row[k]) == 0 else row[k].copy() for name, row in values.items()}
            for name, value in own.items():
                self.histories[k].setdefault(name, []).append(value)
            self._say(k, reader.end_epoch({name: value for name, value in own.items() if isinstance(value, float)}))
            self._ask_plateaus(k, epoch, own)
            self._ask_stoppers(k, epoch, own)
        self._put_back()
        if len(self._frozen) == len(self.readers):
            self.model.stop_training = True

    def _rate_of(self, k: int) -> LoneRate:
        return LoneRate(lambda: self.model.optimizer.rate(k), lambda value: self.model.optimizer.set_rate(k, value))

    def _ask_plateaus(self, k: int, epoch: int, own: dict[str, Any]) -> None:
        if not self.plateaus:
            return
        for plateau in self._cut[k]:
            plateau.on_epoch_end(epoch, own)
        # As in a lone model's history: the rate that this epoch had.
        self.histories[k].setdefault("learning_rate", []).append(own["learning_rate"])

    def _ask_stoppers(self, k: int, epoch: int, own: dict[str, Any]) -> None:
        for stopper in self._stop[k]:
            stopper.on_epoch_end(epoch, own)
        if self._lone[k].stop_training:
            self._frozen[k] = self._final(k)
            self._carried[k] = [stack.of(k) for stack in self.model.carried().values()]
            self._say(k, self.readers[k].end())

    def _final(self, k: int) -> list[np.ndarray]:
        for stopper in self._stop[k]:
            stopper.on_train_end()
        restored = self._lone[k].restored
        return self._weights_of(k) if restored is None else restored

    def _put_back(self) -> None:
        if not self._frozen:
            return
        # One graph trains all members, so a stopped one's weights moved with this epoch too.
        kept = [self._frozen.get(k) or self._weights_of(k) for k in range(len(self.readers))]
        self.model.set_members(kept)
        for place, stack in enumerate(self.model.carried().values()):
            values = stack.all().copy()
            for k, own in self._carried.items():
                values[k] = own[place]
            stack.write(values)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        for k, reader in enumerate(self.readers):
            if k not in self._frozen:
                self._say(k, reader.end())
        if not self.stoppers:
            return
        # What was read in the last epoch is from before stopped members were put back.
        self._now = None
        for k in range(len(self.readers)):
            if k not in self._frozen:
                self._frozen[k] = self._final(k)
        self._put_back()

    def _say(self, k: int, findings: Iterable[Finding]) -> None:
        if self.report is not None:
            for finding in findings:
                self.report(k, finding)

    def _weights_of(self, k: int) -> list[np.ndarray]:
        if self._now is None:
            self._now = self.model.weights_by_member()
        return [values[k].copy() for values in self._now]
