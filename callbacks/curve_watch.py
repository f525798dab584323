"""Watches the curves of a fit, says what is wrong as soon as it shows, and repairs it where it is asked to."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from ..toolkit.checks import items_of, one_of, refuse_no_rows, whole_number
from ..toolkit.diagnosis.advice_trial import AdviceTrial
from ..toolkit.diagnosis.class_balance import classes_missed_by
from ..toolkit.diagnosis.finding_log import FindingLog
from ..toolkit.diagnosis.findings import Finding, healthy, rank
from ..toolkit.diagnosis.fit_repairs import Attempt, FitRepairs, measured
from ..toolkit.diagnosis.layer_reader import LayerReader
from ..toolkit.diagnosis.run_facts import (
    facts_of_run,
    given_rows,
    known_of_model,
    unread_rows,
    weight_penalty,
)
from ..toolkit.diagnosis.run_reader import RunReader
from ..toolkit.metrics.directions import direction
from ..toolkit.models.reading import structure_of
from ..toolkit.population.repair_rate import repair_rate
from ..toolkit.preflight.rows import what_is_unscaled
from ..toolkit.runtime.fit_arguments import arrays_of_fit, brings_batches, row_weighting
from .guard import guarded


@guarded
class CurveWatch(keras.callbacks.Callback):
    """Reads the loss and metric curves of a fit and reports each symptom when it first shows.

    Symptoms: `learning_rate_too_low`, `learning_rate_too_high`, `oscillating`, `diverging`,
    `non_finite`, `not_learning`, `overfitting`, `underfitting`, `validation_mismatch`, `label_range`,
    `plateau` and `still_improving`. A fit in good order gives no warning.

    With `action="repair"` a warning is acted on: the best weights so far come back, with their
    optimizer, and the first advice that can be followed inside a fit is (learning rate, gradient
    clipping, more batches an update of `AccumulatedGradients`, new weights for dead units). After
    `trial` epochs it stays if the loss has got lower than it would have come at its old pace, else it is taken
    back and the next one is tried. The fit ends with the best weights it has seen.

    Args:
        action: What to do about a finding: `"warn"` says it, `"repair"` acts on it too.
        x: Training inputs, or a `tf.data.Dataset` or `PyDataset` of inputs and targets; with `y` and `validation_data`
            they make more findings possible, such as `underfitting` measured against a linear model, and for repairs
            the health of the layers.
        y: Training targets.
        validation_data: Pair `(x, y)`.
        report: Called with each new `Finding`; prints its words by default.
        language: Of the words, `"en"` or `"ko"`.
        log: File that gets each finding as one line of JSON.
        tensorboard: Folder for TensorBoard, which shows the findings under Text.
        trial: Epochs that a repair is given, at least 1.
        confirm: Whether a warning of a rate or a batch size is tried out before it is said, where `x` and `y` are
            arrays: some updates at other rates, from which the fit itself is put back to where it was. It takes at
            most 2 % of the updates of the fit, and fits of fewer than 2,000 updates are too short for it. A warning
            that its trial disproves is said as information.
        monitor: Entry of the logs that repairs must better: `"val_loss"` where the fit has it, else `"loss"`.
            Whether it is better high or low is told by its name; without either nothing is repaired, with a warning.

    Attributes:
        findings: What was found so far, surest first.
        healthy: Whether none of it is a warning or an error.
        repairs: What was tried, with `action="repair"`.

    Raises:
        TypeError: `trial` is not a whole number, `report` cannot be called, or `log` or `tensorboard` is no path.
        ValueError: `action` or `language` is no such word, `trial` is below 1, or nothing can be written to `log` or
            `tensorboard`.

    No error of this callback ends the fit: it is said as a warning, and the fit goes on without it.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(1e12), loss="mse")
    >>> watch = CurveWatch(report=lambda finding: print(finding.symptom))
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> _ = model.fit(x, 2 * x, epochs=2, batch_size=1, callbacks=[watch], verbose=0)
    non_finite
    learning_rate_too_high
    """

    def __init__(
        self,
        action: str = "warn",
        x: Any = None,
        y: Any = None,
        validation_data: Any = None,
        report: Callable[[Finding], None] | None = None,
        language: str = "en",
        log: str | Path | None = None,
        tensorboard: str | Path | None = None,
        trial: int = 2,
        monitor: str | None = None,
        confirm: bool = True,
    ) -> None:
        super().__init__()
        _refuse_rows(x, y, validation_data)
        self.action = one_of("action", action, ("warn", "repair"))
        self.x = x
        self.y = y
        self.validation_data = validation_data
        self.report = report
        self.trial = whole_number("trial", trial, low=1)
        self.monitor = monitor
        self.confirm = bool(confirm)
        self._teller = FindingLog(report, language, log, tensorboard)
        self._reset()

    def _reset(self) -> None:
        self._reader = RunReader()
        # Findings of readers that a repair ended, and of layers; `_reader` knows those of its own only.
        self._earlier: list[Finding] = []
        self._repairs: FitRepairs | None = None
        self._layers: LayerReader | None = None
        self._ill_layers: list[Finding] = []
        self._monitored = ""
        self._rows: tuple[Any, Any] = (None, None)
        self._said_unfit = False
        # What the starting weights reach, by the names of the logs.
        self._at_start: dict[str, float] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found in this fit so far, surest first."""
        return rank([*self._earlier, *self._reader.findings])

    @property
    def healthy(self) -> bool:
        """Whether nothing was found beyond what is worth knowing."""
        return healthy(self.findings)

    @property
    def repairs(self) -> list[Attempt]:
        """The changes that were tried in this fit, in their order."""
        return [] if self._repairs is None else self._repairs.attempts

    def get_state(self) -> dict[str, Any]:
        """What the watch has seen, as plain values; see `set_state`."""
        return {**self._reader.get_state(), "earlier": [finding.as_dict() for finding in self._earlier]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._reader.set_state(state)
        self._earlier = [Finding.from_dict(values) for values in state.get("earlier", [])]

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._reset()
        epochs = self.params.get("epochs")
        x, y = self._rows = given_rows(self.x, self.y)
        known = facts_of_run(self.model, x, y, self.validation_data)
        left_out = [*known.pop("left_out"), *unread_rows(self.x, x)]
        known["unscaled"] = what_is_unscaled(self.model, x, y)
        self._reader = RunReader(
            epochs=epochs, structure=structure_of(self.model), **self._trial_of(x, y, epochs), **known
        )
        self._earlier += left_out
        self._tell(left_out)
        if self.action == "repair":
            self._begin_repairs(x, y, epochs)
            if x is not None and y is not None:
                unscaled = known["unscaled"]
                self._layers = LayerReader(self.model, x, y, unscaled=lambda: unscaled, epochs=epochs)

    def _trial_of(self, x: Any, y: Any, epochs: int | None) -> dict[str, Any]:
        """Who tries advice out, where rows as the fit has them are at hand; a weighted loss is another than theirs."""
        steps, batch_size = self.params.get("steps"), arrays_of_fit(self.model)["batch_size"]
        weighted = any(weights is not None for weights in row_weighting(self.model).values())
        if not self.confirm or not (steps and epochs and batch_size) or weighted or x is None or y is None:
            return {}
        return {"judged": AdviceTrial(self.model, x, y, batch_size, int(steps) * epochs).judged}

    def _begin_repairs(self, x: Any, y: Any, epochs: int | None) -> None:
        own = arrays_of_fit(self.model)
        x, y = (own["x"], own["y"]) if x is None or y is None else (x, y)
        # Weighted, the loss of a fit is another than that of its rows.
        weighted = any(weights is not None for weights in row_weighting(self.model).values())
        held = own["validation_data"] or self.validation_data
        self._at_start = measured(self.model, None if weighted else x, y, held)
        steps = int(self.params.get("steps") or 1)

        def find_rate(change: str, epochs_left: int) -> float | None:
            pair = held if isinstance(held, tuple) and len(held) == 2 else None
            return repair_rate(self.model, x, y, change, epochs_left * steps, validation_data=pair)

        self._repairs = FitRepairs(self.model, self._teller.say, x, epochs, self.trial, find_rate=find_rate)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._reader.begin_epoch()
        if self._layers is not None:
            self._layers.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._layers is not None:
            # Kept until the epoch ends, when a repair can act on them.
            self._ill_layers += self._layers.begin_batch()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if logs and "loss" in logs:
            self._reader.note_batch(logs["loss"], batch + 1)
            self._tell(self._reader.look_early(batch + 1))
        if self._layers is not None:
            self._ill_layers += self._layers.end_batch(batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not self._reader.logs:
            # Only now: Keras makes its metrics, and layers add their losses, when they see the first batch.
            self._reader.learn(known_of_model(self.model))
        new = [*self._reader.end_epoch(logs or {}, weight_penalty(self.model)), *self._ill_layers]
        self._earlier += self._ill_layers
        self._ill_layers = []
        self._tell(new)
        if self._repairs is not None:
            self._repair(self._repairs, epoch, logs or {}, new)

    def _repair(self, repairs: FitRepairs, epoch: int, logs: dict[str, float], new: list[Finding]) -> None:
        # One quantity for the whole fit: where only some epochs are validated, the others have nothing to compare.
        self._monitored = self.monitor or self._monitored or ("val_loss" if "val_loss" in logs else "loss")
        name = self._monitored
        if name not in logs and name.startswith("val_") and not any(other.startswith("val_") for other in logs):
            return
        way = direction(name, known=self._reader.directions)
        if name not in logs or way is None:
            self._say_unfit(name, logs)
            return
        if name in self._at_start:
            repairs.begin(self._at_start[name], way == "max")
            self._at_start = {}
        if repairs.end_epoch(epoch, float(logs[name]), rank(new), way == "max"):
            # What the run showed before says nothing about how it goes on from other weights.
            self._earlier += self._reader.findings
            epochs = self._reader.epochs
            # The run that begins anew has only what is left of the budget.
            left = None if epochs is None else max(1, epochs - epoch - 1)
            self._reader = RunReader(epochs=left, **self._reader.facts())
            if self._layers is not None:
                self._layers.begin_anew()

    def _say_unfit(self, monitor: str, logs: dict[str, float]) -> None:
        """Says once that there is nothing to repair by: as with Keras' own callbacks, no fit is ended over a name."""
        # Where nobody named one, that there is no `loss` is said already.
        if self._said_unfit or self.monitor is None:
            return
        self._said_unfit = True
        why = (
            f"whether {monitor!r} is better high or low cannot be told by its name"
            if monitor in logs
            else f"`monitor` must be in the logs of the fit ({sorted(logs)}), got {monitor!r}"
        )
        warnings.warn(f"Nothing is repaired: {why}.", RuntimeWarning, stacklevel=2)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self._layers is not None:
            late = self._layers.end()
            self._earlier += late
            self._tell(late)
        if self._repairs is not None:
            self._repairs.end()
        self._tell(self._reader.end())
        # Last, on the weights that the user gets.
        missed = classes_missed_by(self.model, self._rows[1], self.validation_data)
        self._earlier += missed
        self._tell(missed)

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._teller(finding)


def _refuse_rows(x: Any, y: Any, validation_data: Any) -> None:
    for name, rows in (("x", x), ("y", y)):
        if rows is not None and not brings_batches(rows):
            refuse_no_rows(name, rows)
    if validation_data is not None and not brings_batches(validation_data):
        items_of("validation_data", validation_data)
