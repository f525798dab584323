"""Watches gradients, weights and activations of a fit and says which layers are ill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..toolkit.checks import whole_number
from ..toolkit.data.rows import is_number, spread_rows
from ..toolkit.diagnosis.baselines import known_of
from ..toolkit.diagnosis.curve_rules import Curves, too_far
from ..toolkit.diagnosis.findings import Finding, healthy, rank
from ..toolkit.diagnosis.layer_rules import LayerHealth, Probe, read_health
from ..toolkit.diagnosis.nan_tracing import BatchKeeper, bad_columns, first_bad_layer, write_batch
from ..toolkit.diagnosis.probing import Prober, kernels
from ..toolkit.diagnosis.telling import Teller
from ..toolkit.models.reading import loss_name, structure_of
from ..toolkit.preflight.rows import what_is_unscaled

_EARLY = (1, 3, 10, 30)
_FIRST_LOOKS, _LAST_LOOKS = 20, 100


class GradientWatch(keras.callbacks.Callback):
    """Measures a fit from inside every now and then, and reports each symptom when it first shows.

    Symptoms: `non_finite`, `constant_output`, `symmetric_weights`, `dead_relu`, `saturated_activation`,
    `unchanged_weights`, `learning_rate_too_low`, `vanishing_gradient`, `exploding_gradient`,
    `regularizer_dominates` and `unequal_update_ratio`. A fit in good order gives no warning, and the
    fit goes as it would without the watch.

    Args:
        x: Training inputs; a few of their rows are looked at. Without them, only what the weights
            themselves show is found.
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
        TypeError: `every` or `rows` is not a whole number.
        ValueError: `every` or `rows` is too small, or only one of `x` and `y` is given,
            or `language` is another word.

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
        if (x is None) != (y is None):
            raise ValueError(f"`x` and `y` must be given together, got only {'x' if y is None else 'y'}.")
        self.x = x
        self.y = y
        self.every = whole_number("every", every, low=1)
        self.rows = whole_number("rows", rows, low=2)
        self.report = report
        self.keep = keep
        self._teller = Teller(report, language, log, tensorboard)
        self._reset()

    def _reset(self) -> None:
        self.probes: list[Probe] = []
        self._found: dict[str, Finding] = {}
        self._before: list[np.ndarray] | None = None
        self._prober: Prober | None = None
        self._keeper: BatchKeeper | None = None
        self._good: list[np.ndarray] | None = None
        self._constant: float | None = None
        self._updates = self._epoch = 0

    def begin_anew(self) -> None:
        """Forgets the looks and findings so far, as where a fit goes on from other weights."""
        self.probes, self._found = [], {}

    @property
    def findings(self) -> list[Finding]:
        """What was found in this fit so far, surest first."""
        return rank(self._found.values())

    @property
    def healthy(self) -> bool:
        """Whether nothing was found beyond what is worth knowing."""
        return healthy(self.findings)

    def get_state(self) -> dict[str, Any]:
        """What was found, as plain values; see `set_state`."""
        return {"found": [finding.as_dict() for finding in self._found.values()], "updates": self._updates}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        found = [Finding.from_dict(values) for values in state["found"]]
        self._found = {finding.symptom: finding for finding in found}
        self._updates = state["updates"]

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()
        self._keeper = None if self.keep is None else BatchKeeper(self.model)
        # Words cannot be looked at on their way through a graph of numbers.
        if self.x is None or not all(is_number(np.asarray(column)) for column in keras.tree.flatten(self.x)):
            return
        self._constant = known_of(None, self.y, None, loss_name(self.model)).get("constant_loss")
        rows = _finite_rows(*spread_rows(self.x, self.y, self.rows))
        self._prober = None if rows is None else Prober(self.model, *map(_tensors, rows))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._in_epoch = epoch, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if not self.probes:
            self._look(None)
        if self._is_due(self._updates + 1):
            self._before = [ops.convert_to_numpy(kernel).copy() for _, kernel in kernels(self.model)]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        made = batch + 1 - self._in_epoch
        self._in_epoch = batch + 1
        due = self._is_due(self._updates + 1)
        self._updates += made
        if due:
            self._look(self._moves(made))
            self._before = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # A NaN is looked at at once; it will not go away until the next look is due.
        broken = logs is not None and not np.isfinite(float(logs.get("loss", 0.0)))
        if self.probes and (broken or (self._keeper is not None and self._keeper.found)):
            self._look(None)

    def on_train_end(self, logs: Any = None) -> None:
        if self._keeper is not None:
            self._keeper.release()
        if self.probes and self.probes[-1].step < self._updates:
            self._look(None)

    def _is_due(self, update: int) -> bool:
        """Whether a look follows this update; of several in one call of the graph, the first decides."""
        group = max(1, int(getattr(self.model, "steps_per_execution", 1) or 1))
        return any((n in _EARLY or n % self.every == 0) for n in range(update, update + group))

    def _moves(self, updates: int) -> dict[str, float] | None:
        if self._before is None:
            return None
        return {
            name: float(np.linalg.norm((ops.convert_to_numpy(kernel) - before).astype("float64").ravel())) / updates
            for (name, kernel), before in zip(kernels(self.model), self._before, strict=True)
        }

    def _look(self, moved: dict[str, float] | None) -> None:
        if self._prober is not None:
            probe = self._prober.look(self._updates, self._epoch, moved)
        else:
            probe = _weights_only(self.model, self._updates, self._epoch, moved)
        self.probes.append(probe)
        # A long fit needs no more memory than a short one.
        del self.probes[_FIRST_LOOKS : -_LAST_LOOKS if len(self.probes) > _FIRST_LOOKS + _LAST_LOOKS else _FIRST_LOOKS]
        if all(layer.weight is None or np.isfinite(layer.weight) for layer in probe.layers):
            self._good = self.model.get_weights()
        for finding in read_health(self.probes, self._constant):
            if self._is_new(finding):
                if finding.symptom == "non_finite":
                    finding = self._traced(finding)
                self._found[finding.symptom] = finding
                self._teller(finding)

    def _traced(self, finding: Finding) -> Finding:
        """The finding with the batch, the layer and the columns that it comes from, as far as they can be told."""
        message, step, layer, evidence = finding.message, finding.step, finding.layer, dict(finding.evidence)
        known = Curves(
            loss=(), structure=structure_of(self.model), unscaled=what_is_unscaled(self.model, self.x, self.y)
        )
        causes, advice = too_far(known)
        rows = self.x
        if self._keeper is not None and self._keeper.found and self.keep is not None:
            batch = self._keeper.batch()
            step = int(batch["update"])
            rows = [batch[name] for name in sorted(batch) if name.startswith("x")]
            evidence["update"] = float(step)
            message += f" It began with update {step + 1}, whose batch is kept as {write_batch(self.keep, batch)}."
        columns = [] if rows is None else bad_columns(rows)
        if columns:
            evidence["column"] = float(columns[0])
            message += f" The inputs hold NaN or infinite values in column {', '.join(map(str, columns[:5]))}."
            causes = ("nan_in_inputs", *(cause for cause in causes if cause != "nan_in_inputs"))
        if rows is not None and self._good is not None:
            layer = _first_bad_layer(self.model, self._good, rows) or layer
            message += "" if layer is None else f" The first layer that answers with them is {layer!r}."
        return replace(
            finding, message=message, step=step, layer=layer, evidence=evidence, causes=causes, advice=advice
        )

    def _is_new(self, finding: Finding) -> bool:
        order = ("info", "warning", "error")
        known = self._found.get(finding.symptom)
        return known is None or order.index(finding.level) > order.index(known.level)


def _first_bad_layer(model: Any, weights: list[np.ndarray], rows: Any) -> str | None:
    """The first layer that answers NaN or infinity to rows with weights that were still good."""
    now = model.get_weights()
    model.set_weights(weights)
    try:
        return first_bad_layer(model, rows)
    finally:
        model.set_weights(now)


def _finite_rows(x: Any, y: Any) -> Any:
    """The rows without NaN; those with one would hide from every look how the model stands."""
    columns = [np.asarray(column) for column in keras.tree.flatten((x, y))]
    numbers = [column.reshape(len(column), -1) for column in columns if np.issubdtype(column.dtype, np.floating)]
    good = np.all([np.isfinite(column).all(axis=1) for column in numbers], axis=0) if numbers else True
    if not np.any(good):
        return None
    return (x, y) if np.all(good) else keras.tree.map_structure(lambda column: column[good], (x, y))


def _tensors(rows: Any) -> Any:
    return keras.tree.map_structure(ops.convert_to_tensor, rows)


def _weights_only(model: Any, step: int, epoch: int, moved: dict[str, float] | None) -> Probe:
    layers = []
    for name, kernel in kernels(model):
        values = ops.convert_to_numpy(kernel).astype("float64")
        matrix = kernel.name == "kernel" and values.ndim >= 2 and values.shape[-1] >= 2
        alike = float(values.std(axis=-1).max() / (np.abs(values).max() + 1e-30)) if matrix else 1.0
        weight = float(np.linalg.norm(values.ravel()))
        layers.append(LayerHealth(name, weight=weight, alike=alike, moved=None if moved is None else moved[name]))
    return Probe(step, epoch, loss=float("nan"), penalty=0.0, spread=1.0, layers=tuple(layers))
