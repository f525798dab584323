"""Watches the curves of a fit and says what is wrong as soon as it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..toolkit.baselines import constant_loss, simple_baseline
from ..toolkit.checks import one_of
from ..toolkit.curves import Curves, SimpleBaseline, read, unaverage
from ..toolkit.findings import Finding, rank

_FIRST_BATCHES = 100
_GROUPS = 64
_LOWER_IS_BETTER = ("error", "loss", "squared", "divergence", "entropy")


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
        self._found: dict[str, Finding] = {}
        self._logs: dict[str, list[float]] = {}
        self._groups: list[list[float]] = []
        self._first: list[float] = []
        self._means: list[Any] = []
        self._counts: list[int] = []
        self._constant: float | None = None

    @property
    def findings(self) -> list[Finding]:
        return rank(self._found.values())

    def get_state(self) -> dict[str, Any]:
        """What the watch has seen, as plain values; see `set_state`."""
        return {
            "found": [finding.as_dict() for finding in self._found.values()],
            "logs": self._logs, "groups": self._groups, "first": self._first,
        }  # fmt: skip

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        found = [Finding.from_dict(values) for values in state["found"]]
        self._found = {finding.symptom: finding for finding in found}
        self._logs, self._groups, self._first = state["logs"], state["groups"], state["first"]

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()
        self._constant = None if self.y is None else constant_loss(self.y, self._loss_name())

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._means, self._counts = [], []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # This runs after every update, so it only notes; the arithmetic waits for the epoch's end.
        if logs and "loss" in logs:
            self._means.append(logs["loss"])
            self._counts.append(batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in (logs or {}).items():
            self._logs.setdefault(name, []).append(float(value))
        self._note_batches()
        for finding in read(self._curves()):
            if finding.symptom not in self._found or self._is_worse(finding):
                self._found[finding.symptom] = finding
                (self.report or print)(finding)

    def _is_worse(self, finding: Finding) -> bool:
        order = ("info", "warning", "error")
        return order.index(finding.level) > order.index(self._found[finding.symptom].level)

    def _note_batches(self) -> None:
        losses = unaverage([float(mean) for mean in self._means], self._counts)
        missing = _FIRST_BATCHES - len(self._first)
        if missing > 0:
            self._first += [float(loss) for loss in losses[:missing]]
        self._groups.append(_group_means(losses))

    def _curves(self) -> Curves:
        metric = next((name for name in self._logs if name != "loss" and f"val_{name}" in self._logs), "")
        has_data = self.x is not None and self.y is not None
        return Curves(
            loss=tuple(self._logs.get("loss", ())),
            val_loss=tuple(self._logs.get("val_loss", ())),
            metric=tuple(self._logs.get(metric, ())),
            val_metric=tuple(self._logs.get(f"val_{metric}", ())),
            metric_name=metric,
            higher_is_better=not any(word in metric for word in _LOWER_IS_BETTER),
            batch_losses=tuple(tuple(group) for group in self._groups),
            first_batches=tuple(self._first),
            epochs=self.params.get("epochs"),
            validation_rows=None if self.validation_data is None else len(self.validation_data[1]),
            constant_loss=self._constant,
            simple=self._simple if has_data and self.validation_data is not None else None,
        )

    def _loss_name(self) -> str:
        loss = getattr(self.model, "loss", None)
        return loss if isinstance(loss, str) else getattr(loss, "name", "")

    def _simple(self) -> SimpleBaseline:
        x, y = self.validation_data[:2]
        return simple_baseline(self.x, self.y, x, y, self._loss_name())


def _group_means(losses: np.ndarray) -> list[float]:
    """Means of at most 64 groups of consecutive batches, so that a long epoch needs no more memory than a short one."""
    if not len(losses):
        return []
    edges = np.linspace(0, len(losses), min(_GROUPS, len(losses)) + 1).astype(int)
    means: list[float] = (np.add.reduceat(losses, edges[:-1]) / np.diff(edges)).tolist()
    return means
