"""Watches the curves of a fit and says what is wrong as soon as it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from ..toolkit.baselines import known_of
from ..toolkit.checks import one_of
from ..toolkit.findings import Finding
from ..toolkit.outputs import structure_of
from ..toolkit.watching import RunReader


class CurveWatch(keras.callbacks.Callback):
    """Reads the loss and metric curves of a fit and reports each symptom when it first shows.

    Symptoms: `learning_rate_too_low`, `learning_rate_too_high`, `oscillating`, `overfitting`,
    `underfitting` and `non_finite`. A fit in good order gives no warning.

    Args:
        action: What to do about a finding: `"warn"` prints it.
        x: Training inputs; with `y` and `validation_data` they make more findings possible, such as
            `underfitting` measured against a linear model.
        y: Training targets.
        validation_data: Pair `(x, y)`.
        report: Called with each new `Finding`; prints it by default.

    Attributes:
        findings: What was found so far, surest first.

    Raises:
        ValueError: `action` is not `"warn"`.

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
    ) -> None:
        super().__init__()
        self.action = one_of("action", action, ("warn",))
        self.x = x
        self.y = y
        self.validation_data = validation_data
        self.report = report
        self._reset()

    def _reset(self) -> None:
        self._reader = RunReader()

    @property
    def findings(self) -> list[Finding]:
        return self._reader.findings

    def get_state(self) -> dict[str, Any]:
        """What the watch has seen, as plain values; see `set_state`."""
        return self._reader.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._reader.set_state(state)

    def on_train_begin(self, logs: Any = None) -> None:
        made = structure_of(self.model)
        known = known_of(self.x, self.y, self.validation_data, made.loss)
        self._reader = RunReader(epochs=self.params.get("epochs"), structure=made, **known)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._reader.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if logs and "loss" in logs:
            self._reader.note_batch(logs["loss"], batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for finding in self._reader.end_epoch(logs or {}):
            (self.report or print)(finding)
