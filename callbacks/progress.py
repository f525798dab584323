"""Progress of a fit: one live line on a terminal or in a notebook, one plain line an epoch elsewhere."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console

from ..toolkit.checks import instance_of
from ..toolkit.diagnosis.findings import Finding
from ..toolkit.runtime.live_line import LiveLine
from ..toolkit.runtime.time_left import EpochsLeft, time_in_words


class Progress(keras.callbacks.Callback):
    """Shows where a fit is: epochs done, the best loss so far, the time left; use it with `fit(verbose=0)`.

    On a terminal and in a notebook this is one line that is written anew; `tell` adds the newest finding, as in
    `CurveWatch(report=progress.tell)`.

    Args:
        label: What is being trained.
        console: The rich console to write to; standard output by default. Where that is no terminal, each
            epoch is one line without control bytes.

    Attributes:
        reads_whole_epochs: A population need not call it after each batch.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(loss="mse")
    >>> _ = model.fit(np.zeros((2, 1)), np.zeros(2), callbacks=[Progress("line")], verbose=0)
    line: epoch 1/1, loss 0.0000
    """

    reads_whole_epochs = True

    def __init__(self, label: str = "model", console: Console | None = None) -> None:
        super().__init__()
        self.label = instance_of("label", label, str, "a text")
        self.console = console
        self._line: LiveLine | None = None
        self._told = ""

    def __deepcopy__(self, memo: dict[int, Any]) -> Progress:
        # A console holds a lock, which cannot be copied; tuners copy their callbacks.
        return Progress(self.label, self.console)

    def tell(self, finding: Finding) -> None:
        """Takes the newest finding, to be shown on the line."""
        self._told = finding.symptom.replace("_", " ")

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._console = self.console or Console(highlight=False)
        self._epochs = int(self.params.get("epochs") or 1)
        # Keras knows an epoch of a population that is one call as one step.
        resident = getattr(self.model, "resident", None)
        self._left = EpochsLeft(self._epochs, resident.steps if resident else self.params.get("steps"))
        self._done, self._values, self._best = 0, "", ""
        self._lowest: float | None = None
        self._told = ""
        self._line = LiveLine(self.words, self._console)
        self._line.__enter__()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # A fit that goes on begins in the middle.
        self._left.begin_epoch(epoch)
        self._done = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._left.end_batch(batch)

    def end_updates(self, last: int) -> None:
        """Takes note of the last update, its place from 0, of those that a population has made in one call."""
        self._left.end_batch(last)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._left.end_epoch()
        self._done = epoch + 1
        logs = logs or {}
        if self._line is None or not self._line.is_shown:
            values = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
            line = f"{self.label}: epoch {epoch + 1}/{self._epochs}, {values}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            return
        name = next((name for name in ("val_loss", "loss") if name in logs), None)
        if name is None:
            return
        self._values = f"{name} {logs[name]:.4f}"
        if self._lowest is None or logs[name] < self._lowest:
            self._lowest = logs[name]
            self._best = f"best {logs[name]:.4f} (epoch {epoch + 1})"

    def words(self) -> str:
        """The line as it stands now."""
        left = self._left.seconds()
        time_left = "" if left is None or self._done >= self._epochs else f"about {time_in_words(left)} left"
        told = f"newest finding: {self._told}" if self._told else ""
        parts = (f"{self._done} of {self._epochs} epochs", self._values, self._best, time_left, told)
        return f"{self.label}: {', '.join(filter(None, parts))}"

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes the line away, as after an interrupt."""
        if self._line is not None:
            self._line.__exit__(None, None, None)
            self._line = None
