"""Looks at the layers of every member of a population while it is fitted, through one model and one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from ..diagnosis.findings import Finding
from ..diagnosis.layer_reader import LayerReader
from ..diagnosis.layer_state import Probe
from .tracking import Tracking


class LayerLooks(keras.callbacks.Callback):
    """Reads gradients, weights and activations of each member as `LayerReader` does of a lone model.

    For a look the template takes a member's weights; the population is not touched. Members that have stopped
    are not looked at. It stands behind `tracking` among the callbacks.

    Args:
        template: The compiled model that each member is one of.
        x: Training inputs, of which a few rows are looked at.
        y: Training targets.
        tracking: Knows who has stopped, and the members' histories.
        epochs: The budget of epochs.
        report: Called with the place of a member and each new `Finding` of it.
        unscaled: Tells whether inputs or targets are large, asked once where something breaks down.

    Attributes:
        reads_whole_epochs: Where an epoch is one call, the updates that are looked at are made by themselves.
    """

    reads_whole_epochs = True

    def __init__(
        self,
        template: keras.Model,
        x: Any,
        y: Any,
        tracking: Tracking,
        epochs: int,
        report: Callable[[int, Finding], None],
        unscaled: Callable[[], str] = str,
    ) -> None:
        super().__init__()
        self.template, self.tracking, self.report = template, tracking, report
        first = LayerReader(template, x, y, epochs=epochs, unscaled=unscaled)
        self._readers = [first, *(first.twin() for _ in tracking.readers[1:])]
        self._going = list(range(len(self._readers)))
        self._due = False

    @property
    def findings(self) -> list[list[Finding]]:
        """The findings of each member, surest first."""
        return [reader.findings for reader in self._readers]

    @property
    def probes(self) -> list[list[Probe]]:
        """The looks at each member since the fit was begun or gone on with."""
        return [reader.probes for reader in self._readers]

    def get_state(self) -> dict[str, Any]:
        """What was found, as plain values; see `set_state`."""
        return {"members": [reader.get_state() for reader in self._readers]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        for reader, seen in zip(self._readers, state["members"], strict=True):
            reader.set_state(seen)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._going = [k for k in range(len(self._readers)) if k not in self.tracking.stopped]
        for reader in self._readers:
            reader.begin_epoch(epoch)

    def looks_in(self, updates: int) -> list[int]:
        """The places, from 0, of the updates in this epoch that are looked at: the same for all members.

        Args:
            updates: Updates of the epoch.
        """
        return self._readers[self._going[0]].looks_in(updates)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.resident is None:
            self.begin_updates(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.resident is None:
            self.end_updates(batch)

    def begin_updates(self, first: int) -> None:
        """Some updates begin, or one that is looked at.

        Args:
            first: Place of the first in the epoch, from 0.
        """
        # All have made as many updates, so that a look is due for all or none.
        self._due = self._readers[self._going[0]].due
        if self._due:
            self._each(self._going, LayerReader.begin_batch)

    def end_updates(self, last: int) -> None:
        """They have ended.

        Args:
            last: Place of the last in the epoch, from 0.
        """
        self._each(self._going, partial(LayerReader.end_batch, batch=last), with_weights=self._due)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        last = {k: {name: values[-1] for name, values in self.tracking.histories[k].items()} for k in self._going}
        for k in self._going:
            # At an epoch's end there is something to say of losses that are no numbers alone.
            if not all(np.isfinite(value) for name, value in last[k].items() if name.endswith("loss")):
                self._each([k], partial(LayerReader.end_epoch, logs=last[k]))
        self._end([k for k in self._going if k in self.tracking.stopped])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(self._going)

    def _end(self, members: Sequence[int]) -> None:
        self._each(members, LayerReader.end)
        self._going = [k for k in self._going if k not in members]

    def _each(
        self, members: Sequence[int], look: Callable[[LayerReader], list[Finding]], with_weights: bool = True
    ) -> None:
        """Lets the reader of each of these members look, while the template has the member's weights."""
        weights = self.model.weights_by_member() if with_weights and members else []
        for k in members:
            if with_weights:
                self.template.set_weights([values[k] for values in weights])
            for finding in look(self._readers[k]):
                self.report(k, finding)
