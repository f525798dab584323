"""Progress of a fit: a live bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ..toolkit.checks import instance_of


class Progress(keras.callbacks.Callback):
    """Shows where a fit is; use it with `fit(verbose=0)`.

    Args:
        label: What is being trained.
        console: The rich console to write to; standard output by default. Where that is no terminal, each
            epoch is one line without control bytes.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(loss="mse")
    >>> _ = model.fit(np.zeros((2, 1)), np.zeros(2), callbacks=[Progress("line")], verbose=0)
    line: epoch 1/1, loss 0.0000
    """

    def __init__(self, label: str = "model", console: Console | None = None) -> None:
        super().__init__()
        self.label = instance_of("label", label, str, "a text")
        self.console = console
        self._bar: Bar | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Progress:
        # A console holds a lock, which cannot be copied; tuners copy their callbacks.
        return Progress(self.label, self.console)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._console = self.console or Console(highlight=False)
        if not self._console.is_terminal:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, TextColumn("{task.fields[values]}"), console=self._console, transient=True)
        self._task = self._bar.add_task(self.label, total=self.params.get("epochs"), values="")
        self._bar.start()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        if self._bar is None:
            line = f"{self.label}: epoch {epoch + 1}/{self.params.get('epochs')}, {values}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._bar.update(self._task, completed=epoch + 1, values=values)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes the bar away, as after an interrupt."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
