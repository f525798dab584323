"""Watches the curves of a fit, says what is wrong as soon as it shows, and repairs it where it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..toolkit.checks import one_of, whole_number
from ..toolkit.data.rows import is_array, spread_rows
from ..toolkit.diagnosis.baselines import class_shares, known_of, recalls
from ..toolkit.diagnosis.findings import Advice, Finding, healthy, rank
from ..toolkit.diagnosis.fit_repairs import Attempt, Mending
from ..toolkit.diagnosis.run_reader import RunReader
from ..toolkit.diagnosis.telling import Teller
from ..toolkit.diagnosis.thresholds import limit
from ..toolkit.models.reading import structure_of
from ..toolkit.preflight.rows import what_is_unscaled
from .gradient_watch import GradientWatch


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
        x: Training inputs; with `y` and `validation_data` they make more findings possible, such as
            `underfitting` measured against a linear model, and for repairs the health of the layers.
        y: Training targets.
        validation_data: Pair `(x, y)`.
        report: Called with each new `Finding`; prints its words by default.
        language: Of the words, `"en"` or `"ko"`.
        log: File that gets each finding as one line of JSON.
        tensorboard: Folder for TensorBoard, which shows the findings under Text.
        trial: Epochs that a repair is given, at least 1.
        monitor: Entry of the logs, lower being better, that repairs must better: `"val_loss"` where the
            fit has it, else `"loss"`.

    Attributes:
        findings: What was found so far, surest first.
        healthy: Whether none of it is a warning or an error.
        repairs: What was tried, with `action="repair"`.

    Raises:
        TypeError: `trial` is not a whole number.
        ValueError: `action` or `language` is no such word, or `trial` is below 1.

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
    ) -> None:
        super().__init__()
        self.action = one_of("action", action, ("warn", "repair"))
        self.x = x
        self.y = y
        self.validation_data = validation_data
        self.report = report
        self.trial = whole_number("trial", trial, low=1)
        self.monitor = monitor
        self._teller = Teller(report, language, log, tensorboard)
        self._reset()

    def _reset(self) -> None:
        self._reader = RunReader()
        self._earlier: list[Finding] = []
        self._mending: Mending | None = None
        self._inner: GradientWatch | None = None
        self._from_inside: list[Finding] = []

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
        return [] if self._mending is None else self._mending.attempts

    def get_state(self) -> dict[str, Any]:
        """What the watch has seen, as plain values; see `set_state`."""
        return self._reader.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._reader.set_state(state)

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()
        made = structure_of(self.model)
        known = known_of(self.x, self.y, self.validation_data, made.loss)
        known["unscaled"] = what_is_unscaled(self.model, self.x, self.y)
        self._reader = RunReader(epochs=self.params.get("epochs"), structure=made, **known)
        if self.action == "repair":
            self._mending = Mending(self.model, self._teller.say, self.x, self.params.get("epochs"), self.trial)
            if self.x is not None and self.y is not None:
                self._watch_inside()

    def _watch_inside(self) -> None:
        self._inner = GradientWatch(self.x, self.y, report=self._from_inside.append)
        self._inner.set_model(self.model)
        self._inner.set_params(self.params)
        self._inner.on_train_begin()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._reader.begin_epoch()
        self._looked_early = bool(self._reader.logs)
        if self._inner is not None:
            self._inner.on_epoch_begin(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._inner is not None:
            self._inner.on_train_batch_begin(batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if logs and "loss" in logs:
            self._reader.note_batch(logs["loss"], batch + 1)
            self._look_early(batch + 1)
        if self._inner is not None:
            self._inner.on_train_batch_end(batch)

    def _look_early(self, batches: int) -> None:
        # A spike or a NaN in the first updates of a long epoch need not wait for its end.
        if not self._looked_early and batches >= limit("spike_updates"):
            self._looked_early = True
            for finding in self._reader.look_early():
                self._teller(finding)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        new = [*self._reader.end_epoch(logs or {}), *self._from_inside]
        self._earlier += self._from_inside
        self._from_inside.clear()
        for finding in new:
            self._teller(finding)
        if self._mending is not None:
            self._mend(epoch, logs or {}, new)

    def _mend(self, epoch: int, logs: dict[str, Any], new: list[Finding]) -> None:
        name = self.monitor or ("val_loss" if "val_loss" in logs else "loss")
        if name not in logs:
            raise ValueError(f"`monitor` must be in the logs of the fit ({sorted(logs)}), got {name!r}.")
        anew = self._mending.end_epoch(epoch, float(logs[name]), rank(new))  # type: ignore[union-attr]
        if anew:
            # What the run showed before says nothing about how it goes on from other weights.
            self._earlier += self._reader.findings
            epochs = self._reader.epochs
            left = None if epochs is None else max(1, epochs - epoch - 1)
            self._reader = RunReader(epochs=left, **self._reader.facts())
            if self._inner is not None:
                self._inner.begin_anew()

    def on_train_end(self, logs: Any = None) -> None:
        if self._inner is not None:
            self._inner.on_train_end()
        if self._mending is not None:
            self._mending.end()
        finding = self._rare_classes()
        if finding is not None:
            self._earlier.append(finding)
            self._teller(finding)

    def _rare_classes(self) -> Finding | None:
        """Whether the small classes of unequal ones are answered wrong, which the accuracy does not show."""
        held = self.validation_data
        plain = isinstance(held, tuple | list) and hasattr(held[0], "shape")
        if self.y is None or not plain or not is_array(self.y):
            return None
        shares = class_shares(np.asarray(self.y), structure_of(self.model).loss)
        if shares is None or np.min(shares[shares > 0]) * limit("class_ratio") > np.max(shares):
            return None
        x, y = spread_rows(held[0], held[1], int(limit("rows_judged")))
        right = recalls(np.asarray(self.model.predict(x, verbose=0)), np.asarray(y))
        uneven = float(np.max(right) - np.min(right)) >= limit("recall_gap")
        if not uneven or float(np.mean(right)) > 1 - limit("recall_gap"):
            return None
        return Finding(
            "class_imbalance", "warning",
            f"The largest class has {np.max(shares) / np.min(shares[shares > 0]):.3g} times the rows of the smallest, "
            f"and of some class only {np.min(right):.0%} of the rows are answered right.",
            evidence={"least_recall": float(np.min(right)), "mean_recall": float(np.mean(right))},
            causes=("class_imbalance",),
            advice=(Advice("class_weight", "set", "balanced"), Advice("rows", "add to the small classes")),
        )  # fmt: skip
