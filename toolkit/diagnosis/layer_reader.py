"""Looks at the layers of a model every now and then while it is fitted, and says each symptom when it first shows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..data.rows import finite_rows, is_number, spread_rows
from ..models.reading import fixed_batch, structure_of
from .baselines import known_of
from .curve_rules import too_far
from .curves import Curves
from .findings import Finding, FindingsSoFar, not_judged
from .layer_measurements import Prober, kernels
from .layer_rules import read_health
from .layer_state import LayerHealth, Probe
from .nan_tracing import BatchKeeper, bad_columns, first_bad_layer, write_batch
from .thresholds import limit

# The first updates tell most; later ones are looked at every `every` updates.
_EARLY = (1, 3, 10, 30)
_FIRST_LOOKS, _LAST_LOOKS = 20, 100


class LayerReader:
    """Reads the layers of one fit as it goes: tell it each batch and each epoch.

    Args:
        model: A built, compiled Keras model.
        x: Training inputs, of which a few rows are looked at; without them only the weights are read.
        y: Training targets.
        every: Updates between two looks, at least 1.
        rows: Rows to look at, at least 2.
        keep: Folder for the first batch after which the loss or the weights are no numbers, or `None`.
        unscaled: Tells whether inputs or targets are large, asked once where something breaks down.
        epochs: The budget of epochs, or `None`.
        left_out: What is known already not to be judged.

    Attributes:
        probes: The looks so far; of a long fit the first 20 and the last 100.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> reader = LayerReader(model, np.ones((4, 1)), np.ones((4, 1)))
    >>> reader.begin_epoch(0)
    >>> _ = reader.begin_batch()
    >>> len(reader.probes), reader.end_batch(0)
    (1, [])
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any = None,
        y: Any = None,
        every: int = 100,
        rows: int = 256,
        keep: str | Path | None = None,
        # `str()` is "": nothing is known to be large.
        unscaled: Callable[[], str] = str,
        epochs: int | None = None,
        left_out: Sequence[Finding] = (),
    ) -> None:
        self.model, self.x, self.every, self.keep = model, x, every, keep
        self.probes: list[Probe] = []
        self._unscaled, self._epochs = unscaled, epochs
        self._found = FindingsSoFar()
        self._before: list[np.ndarray] | None = None
        # The last finite weights: with bad ones every layer outputs NaN, so none of them can be the first.
        self._good: list[np.ndarray] | None = None
        self._updates = self._epoch = self._in_epoch = 0
        self._constant: float | None = None
        self.prober: Prober | None = None
        self._left_out = list(left_out)
        self._keeper = None if keep is None else BatchKeeper(model)
        if x is not None:
            self._take(x, y, rows)

    def _take(self, x: Any, y: Any, rows: int) -> None:
        """Takes some rows to look at, as far as these can be looked at."""
        columns = [np.asarray(column) if hasattr(column, "__len__") else None for column in keras.tree.flatten((x, y))]
        # Words cannot be looked at on their way through a graph of numbers, and streams have no rows yet.
        if any(column is None or not is_number(column) or column.dtype == object for column in columns):
            self._left_out.append(not_judged("gradients and activations, since `x` and `y` are not arrays of numbers"))
            return
        self._constant = known_of(None, y, None, self.model.loss).get("constant_loss")
        given = finite_rows(*spread_rows(x, y, fixed_batch(self.model) or rows))
        if given is not None:
            # Tensors once, not arrays anew at each look.
            some_x, some_y = map(_tensors, given)
            eagerly = bool(getattr(self.model, "run_eagerly", False))
            self.prober = Prober(self.model, some_x, some_y, compiled=not eagerly)

    def twin(self) -> LayerReader:
        """A reader of another fit of the same model, with the same rows and one graph for both; asked for before any
        of them has looked.
        """
        made = copy.copy(self)
        made.probes, made._found, made._left_out = [], FindingsSoFar(), list(self._left_out)
        return made

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, surest first."""
        return self._found.ranked

    @property
    def due(self) -> bool:
        """Whether the batch that begins is looked at; of others only the number is noted, and the model not read."""
        return not self.probes or self._is_due(self._updates + 1)

    def looks_in(self, updates: int) -> list[int]:
        """The places of those of the next updates that are looked at, the next being 0."""
        return [place for place in range(updates) if self._is_due(self._updates + 1 + place)]

    def get_state(self) -> dict[str, Any]:
        """What was found, as plain values; see `set_state`."""
        looks = [asdict(probe) for probe in self.probes]
        return {"found": self._found.as_list(), "updates": self._updates, "looks": looks}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._found, self._updates = FindingsSoFar.from_list(state["found"]), state["updates"]
        self.probes = [
            Probe(**{**look, "layers": tuple(LayerHealth(**layer) for layer in look["layers"])})
            for look in state.get("looks", [])
        ]

    def begin_anew(self) -> None:
        """Forgets the looks and findings so far, as where a fit goes on from other weights."""
        self.probes, self._found = [], FindingsSoFar()

    def begin_epoch(self, epoch: int) -> None:
        """An epoch, from 0, begins."""
        self._epoch, self._in_epoch = epoch, 0

    def begin_batch(self) -> list[Finding]:
        """A batch, or a group of them in one call of the graph, begins; returns what is newly found."""
        new = self._found.add(self._left_out)
        new += [] if self.probes else self._look(None)
        if self._is_due(self._updates + 1):
            self._before = [ops.convert_to_numpy(kernel).copy() for _, kernel in kernels(self.model)]
        return new

    def end_batch(self, batch: int) -> list[Finding]:
        """The batch with this place in the epoch, from 0, ends; returns what is newly found."""
        made = batch + 1 - self._in_epoch
        self._in_epoch = batch + 1
        due = self._is_due(self._updates + 1)
        self._updates += made
        if not due:
            return []
        new = self._look(self._moves(made))
        self._before = None
        return new

    def end_epoch(self, logs: Mapping[str, Any]) -> list[Finding]:
        """An epoch ends with these logs; returns what is newly found."""
        # A NaN is looked at at once; it will not go away until the next look is due.
        losses = [np.asarray(value) for name, value in logs.items() if name.endswith("loss")]
        broken = not all(np.all(np.isfinite(loss)) for loss in losses if is_number(loss))
        broken = broken or (self._keeper is not None and self._keeper.found)
        return self._look(None) if self.probes and broken else []

    def end(self) -> list[Finding]:
        """The fit ends; returns what is newly found."""
        if self._keeper is not None:
            self._keeper.release()
        # What must wait until it is sure waits no longer.
        self._epochs = None
        return self._look(None) if self.probes and self.probes[-1].step < self._updates else []

    def _is_due(self, update: int) -> bool:
        """Whether a look follows this update; of several in one call of the graph, the first decides."""
        # Keras calls once for so many updates, so that a due one may lie inside a group.
        group = max(1, int(getattr(self.model, "steps_per_execution", 1) or 1))
        return any((n in _EARLY or n % self.every == 0) for n in range(update, update + group))

    def _moves(self, updates: int) -> dict[str, float] | None:
        """Norm of one update of each kernel, the mean over those since it was last copied."""
        now = kernels(self.model)
        # A model whose training step is its own may be built by its first batch.
        if self._before is None or len(now) != len(self._before):
            return None
        with _broken_allowed():
            return {
                name: float(np.linalg.norm((ops.convert_to_numpy(kernel) - before).astype("float64").ravel())) / updates
                for (name, kernel), before in zip(now, self._before, strict=True)
            }

    def _look(self, moved: dict[str, float] | None) -> list[Finding]:
        self.probes.append(self._probe(moved))
        # A long fit needs no more memory than a short one.
        del self.probes[_FIRST_LOOKS : -_LAST_LOOKS if len(self.probes) > _FIRST_LOOKS + _LAST_LOOKS else _FIRST_LOOKS]
        if all(layer.weight is None or np.isfinite(layer.weight) for layer in self.probes[-1].layers):
            self._good = self.model.get_weights()
        # The least share of the epochs after which a loss that still stands is no slow start; never the first alone.
        sure = self._epochs is None or self._epoch >= max(1.0, limit("early_share") * self._epochs)
        found = read_health(self.probes, self._constant, sure)
        new = [finding for finding in found if self._found.is_new(finding)]
        new = [self._traced(finding) if finding.symptom == "non_finite" else finding for finding in new]
        return self._found.add(new)

    def _probe(self, moved: dict[str, float] | None) -> Probe:
        """One look, with the rows where there are some that go through the model."""
        if self.prober is not None:
            try:
                return self.prober.look(self._updates, self._epoch, moved)
            # Models of users take and do what they like: a training step of their own, inputs in other forms.
            except Exception as error:
                self.prober = None
                self._left_out.append(not_judged("gradients and activations, since a look failed", error))
        return _weights_only(self.model, self._updates, self._epoch, moved)

    def _traced(self, finding: Finding) -> Finding:
        """The finding with the batch, the layer and the columns that it comes from, as far as they can be told."""
        message, step, layer, evidence = finding.message, finding.step, finding.layer, dict(finding.evidence)
        # The curves know the same symptom; both must name the same causes.
        causes, advice = too_far(Curves(loss=(), structure=structure_of(self.model), unscaled=self._unscaled()))
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
        # Only the bad rows with the last good weights show where it begins.
        if rows is not None and self._good is not None:
            layer = _first_bad_layer(self.model, self._good, rows) or layer
            message += "" if layer is None else f" The first layer that outputs them is {layer!r}."
        return replace(
            finding, message=message, step=step, layer=layer, evidence=evidence, causes=causes, advice=advice
        )


def _first_bad_layer(model: keras.Model, weights: list[np.ndarray], rows: Any) -> str | None:
    """The first layer that outputs NaN or infinity to rows with weights that were still good."""
    # Put back even where the pass fails: the fit goes on with them.
    now = model.get_weights()
    model.set_weights(weights)
    try:
        return first_bad_layer(model, rows)
    finally:
        model.set_weights(now)


def _tensors(rows: Any) -> Any:
    return keras.tree.map_structure(ops.convert_to_tensor, rows)


def _broken_allowed() -> Any:
    """Within it infinite weights, which have no spread and no norm, give NaN without a warning of numpy's."""
    return np.errstate(invalid="ignore", over="ignore")


def _weights_only(model: keras.Model, step: int, epoch: int, moved: dict[str, float] | None) -> Probe:
    layers = []
    for name, kernel in kernels(model):
        values = ops.convert_to_numpy(kernel).astype("float64")
        matrix = kernel.name == "kernel" and values.ndim >= 2 and values.shape[-1] >= 2
        with _broken_allowed():
            alike = float(values.std(axis=-1).max() / (np.abs(values).max() + 1e-30)) if matrix else 1.0
        weight = float(np.linalg.norm(values.ravel()))
        layers.append(LayerHealth(name, weight=weight, alike=alike, moved=None if moved is None else moved[name]))
    # Neither loss nor answers were measured: with NaN a model is not stuck, and a spread of 1 is none of a constant.
    return Probe(step, epoch, loss=float("nan"), penalty=0.0, spread=1.0, layers=tuple(layers))
