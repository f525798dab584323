"""Watches gradients, weights and activations of a fit and says which layers are ill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from ..toolkit.checks import refuse_no_rows, whole_number
from ..toolkit.diagnosis.finding_log import FindingLog, writable
from ..toolkit.diagnosis.findings import Finding, FindingsSoFar, healthy
from ..toolkit.diagnosis.layer_heat_map import heat_map
from ..toolkit.diagnosis.layer_reader import LayerReader
from ..toolkit.diagnosis.layer_state import Probe
from ..toolkit.diagnosis.run_facts import given_rows, unread_rows
from ..toolkit.preflight.rows import what_is_unscaled
from ..toolkit.runtime.fit_arguments import brings_batches
from .guard import guarded

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@guarded
class GradientWatch(keras.callbacks.Callback):
    """Measures a fit from inside every now and then, and reports each symptom when it first shows.

    Symptoms: `non_finite`, `constant_output`, `symmetric_weights`, `dead_relu`, `saturated_activation`,
    `unchanged_weights`, `learning_rate_too_low`, `vanishing_gradient`, `exploding_gradient`,
    `regularizer_dominates` and `unequal_update_ratio`. A fit in good order gives no warning, and the
    fit goes as it would without the watch.

    Args:
        x: Training inputs, or a `tf.data.Dataset` or `PyDataset` of inputs and targets; a few of their rows are looked
            at. Without them, only what the weights themselves show is found.
        y: Training targets.
        every: Updates between two looks, at least 1; the first updates are looked at more often.
        rows: Rows to look at, at least 2.
        report: Called with each new `Finding`; prints its words by default.
        language: Of the words, `"en"` or `"ko"`.
        log: File that gets each finding as one line of JSON.
        tensorboard: Folder for TensorBoard, which shows the findings under Text.
        keep: Folder for the first batch after which the loss or the weights are NaN or infinite, as
            `update-N.npz`. It is caught inside the graph, on one device and without XLA; a later fit of
            the model builds its graph anew.

    Attributes:
        findings: What was found so far, surest first.
        healthy: Whether none of it is a warning or an error.
        probes: The looks so far; of a long fit the first 20 and the last 100.

    Raises:
        TypeError: `every` or `rows` is not a whole number, `report` cannot be called, or `log`, `tensorboard` or
            `keep` is no path.
        ValueError: `every` or `rows` is too small, only one of `x` and `y` is given, `language` is another word, or
            nothing can be written to `log`, `tensorboard` or `keep`.

    No error of this callback ends the fit: it is said as a warning, and the fit goes on without it.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([
    ...     keras.Input((1,)), keras.layers.Dense(4, "relu", kernel_initializer="ones", name="hidden"),
    ...     keras.layers.Dense(1, kernel_initializer="ones"),
    ... ])
    >>> model.compile("sgd", "mse")
    >>> x = np.linspace(0, 1, 64)[:, None]
    >>> watch = GradientWatch(x, x, report=lambda finding: print(finding.symptom, finding.layer))
    >>> _ = model.fit(x, x, epochs=2, batch_size=4, callbacks=[watch], verbose=0)
    symmetric_weights hidden
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        every: int = 100,
        rows: int = 256,
        report: Callable[[Finding], None] | None = None,
        language: str = "en",
        log: str | Path | None = None,
        tensorboard: str | Path | None = None,
        keep: str | Path | None = None,
    ) -> None:
        super().__init__()
        if (x is None or brings_batches(x)) != (y is None):
            raise ValueError(f"`x` and `y` must be given together, got only {'x' if y is None else 'y'}.")
        for name, given in (("x", x), ("y", y)):
            if given is not None and not brings_batches(given):
                refuse_no_rows(name, given)
        self.x = x
        self.y = y
        self.every = whole_number("every", every, low=1)
        self.rows = whole_number("rows", rows, low=2)
        self.report = report
        self.keep = writable("keep", keep)
        self._teller = FindingLog(report, language, log, tensorboard)
        self._reader: Any = None
        self._earlier: dict[str, Any] | None = None

    @property
    def findings(self) -> list[Finding]:
        """What was found in this fit so far, surest first."""
        if self._reader is not None:
            return self._reader.findings
        return FindingsSoFar.from_list(self._earlier["found"]).ranked if self._earlier else []

    @property
    def healthy(self) -> bool:
        """Whether nothing was found beyond what is worth knowing."""
        return healthy(self.findings)

    @property
    def probes(self) -> list[Probe]:
        """The looks of this fit so far, first to last."""
        return [] if self._reader is None else self._reader.probes

    def plot(self) -> Figure:
        """Gradients and updates of each layer over the looks, relative to its weights, as a heat map.

        Returns:
            A matplotlib Figure; its titles say where the last look found the least and the most.

        Raises:
            ValueError: There was no look yet, or no layer has weights.
        """
        return heat_map(self.probes)

    def get_state(self) -> dict[str, Any]:
        """What was found, as plain values; see `set_state`."""
        if self._reader is not None:
            return self._reader.get_state()
        return self._earlier or {"found": [], "updates": 0}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._earlier = state
        if self._reader is not None:
            self._reader.set_state(state)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._earlier = None
        x, y = given_rows(self.x, self.y)
        self._reader = LayerReader(
            self.model,
            x,
            y,
            self.every,
            self.rows,
            self.keep,
            # Asked only where something breaks down: it looks at all rows.
            unscaled=lambda: what_is_unscaled(self.model, x, y),
            epochs=self.params.get("epochs"),
            left_out=unread_rows(self.x, x),
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._reader.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._tell(self._reader.begin_batch())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._tell(self._reader.end_batch(batch))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._tell(self._reader.end_epoch(logs or {}))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._tell(self._reader.end())

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._teller(finding)
