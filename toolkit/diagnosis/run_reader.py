"""Keeps what one run has shown so far, and says each symptom when it first shows; numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..metrics.directions import Direction, direction
from .curve_rules import read_curves
from .curves import Curves, SimpleBaseline, unaverage
from .findings import Finding, FindingsSoFar
from .thresholds import limit

# More than the 60 updates in which a spike is looked for.
_FIRST_BATCHES = 100
# `curve_rules._epoch_of` knows this number too.
_GROUPS = 64


class RunReader:
    """Reads one run as it goes: tell it each batch and each epoch.

    Args:
        epochs: The budget of epochs, or `None`.
        validation_rows: Number of validation rows, at least 1, or `None`.
        constant_loss: Loss of the best constant prediction, or `None`.
        simple: Gives the simple baseline; called only where a finding needs it.
        directions: Whether metrics are better high or low, where their names do not tell.
        **known: Further fields of `Curves` that stay the same for the run.

    Example:

    >>> reader = RunReader(epochs=2)
    >>> reader.begin_epoch()
    >>> reader.note_batch(float("nan"), 1)
    >>> [finding.symptom for finding in reader.end_epoch({"loss": float("nan")})]
    ['non_finite']
    """

    def __init__(
        self,
        epochs: int | None = None,
        validation_rows: int | None = None,
        constant_loss: float | None = None,
        simple: Callable[[], SimpleBaseline] | None = None,
        directions: Mapping[str, Direction] | None = None,
        **known: Any,
    ) -> None:
        self.epochs = epochs
        self.validation_rows = validation_rows
        self.constant_loss = constant_loss
        self.simple = simple
        self.directions = dict(directions or {})
        self.known = known
        self.logs: dict[str, list[float]] = {}
        self._looked_early = False
        self._ended = 0
        self._validated: list[int] = []
        self._found = FindingsSoFar()
        self._groups: list[list[float]] = []
        self._first: list[float] = []
        self._means: list[Any] = []
        self._counts: list[int] = []

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, surest first."""
        return self._found.ranked

    def facts(self) -> dict[str, Any]:
        """What was known of the run before it began, as arguments of another reader."""
        return {
            "validation_rows": self.validation_rows,
            "constant_loss": self.constant_loss,
            "simple": self.simple,
            "directions": self.directions,
            **self.known,
        }

    def get_state(self) -> dict[str, Any]:
        """What was seen, as plain values; see `set_state`."""
        return {
            "found": self._found.as_list(),
            "logs": self.logs,
            "groups": self._groups,
            "first": self._first,
            "validated": self._validated,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._found = FindingsSoFar.from_list(state["found"])
        self.logs, self._groups, self._first = state["logs"], state["groups"], state["first"]
        self._validated, self._ended = state["validated"], len(state["groups"])

    def begin_epoch(self) -> None:
        """An epoch begins."""
        self._means, self._counts = [], []

    def note_batch(self, mean: Any, batches: int) -> None:
        """The mean loss over the first `batches` batches of the epoch."""
        # This runs after every update, so it only notes; the arithmetic waits for the epoch's end.
        self._means.append(mean)
        self._counts.append(batches)

    def look_early(self, batches: int) -> list[Finding]:
        """What the first updates of a long first epoch show already, looked at once; returns what is newly found.

        Args:
            batches: Batches of the epoch so far.
        """
        # A spike or a NaN in the first updates need not wait for the epoch's end.
        if self.logs or self._looked_early or batches < limit("spike_updates"):
            return []
        self._looked_early = True
        losses = unaverage([float(mean) for mean in self._means], self._counts)[:_FIRST_BATCHES]
        first = Curves(loss=(), first_batches=tuple(losses.tolist()), constant_loss=self.constant_loss, **self.known)
        return self._found.add(read_curves(first))

    def end_epoch(self, logs: Mapping[str, Any]) -> list[Finding]:
        """An epoch ends with these logs; returns what is newly found, or found to be worse."""
        for name, value in logs.items():
            self.logs.setdefault(name, []).append(float(value))
        # With `validation_freq` above 1 only some epochs have validation.
        if any(name.startswith("val_") for name in logs):
            self._validated.append(self._ended)
        self._ended += 1
        self._note_batches()
        places = self._places(float(logs.get("loss", 0.0)))
        return self._found.add(replace(f, epoch=_at(places, f.epoch)) for f in read_curves(self._curves(places)))

    def _places(self, loss: float) -> list[int]:
        """The epochs to read: where only some are validated, those alone, so that all curves speak of the same ones."""
        every = list(range(self._ended))
        # A NaN must be read where it stands, validated or not.
        sparse = 0 < len(self._validated) < self._ended and math.isfinite(loss)
        return self._validated if sparse else every

    def _note_batches(self) -> None:
        losses = unaverage([float(mean) for mean in self._means], self._counts)
        missing = _FIRST_BATCHES - len(self._first)
        if missing > 0:
            self._first += [float(loss) for loss in losses[:missing]]
        # Even where no batch was seen: a place in this list is an epoch.
        self._groups.append(_group_means(losses))

    def _metric(self) -> str:
        """The first validated metric of which it is known whether it is better high or low; others are not judged."""
        validated = (name for name in self.logs if name != "loss" and f"val_{name}" in self.logs)
        return next((name for name in validated if direction(name, self.directions)), "")

    def _curves(self, places: Sequence[int]) -> Curves:
        metric = self._metric()
        whole = len(places) == self._ended
        # A validation curve that lacks epochs would be read against the wrong ones.
        complete = len(self._validated) == self._ended or not whole

        def taken(name: str) -> tuple[float, ...]:
            values = self.logs.get(name, [])
            if name.startswith("val_"):
                return tuple(values) if complete else ()
            return tuple(values[place] for place in places if place < len(values))

        epochs = self.epochs
        if epochs is not None and not whole:
            # The budget in validated epochs, so that its share done stays what it is.
            epochs = max(len(places), round(epochs * len(places) / self._ended))
        return Curves(
            loss=taken("loss"),
            val_loss=taken("val_loss"),
            metric=taken(metric),
            val_metric=taken(f"val_{metric}"),
            metric_name=metric,
            higher_is_better=direction(metric, self.directions) == "max",
            batch_losses=tuple(tuple(self._groups[place]) for place in places if place < len(self._groups)),
            first_batches=tuple(self._first),
            epochs=epochs,
            validation_rows=self.validation_rows,
            constant_loss=self.constant_loss,
            simple=self.simple,
            **self.known,
        )


def _at(places: Sequence[int], epoch: int | None) -> int | None:
    """The epoch of the run that stands at a place of the curves."""
    if epoch is None or not places:
        return epoch
    # Rules say "one after the best", which may lie past the last place.
    return places[min(epoch, len(places) - 1)]


def _group_means(losses: np.ndarray) -> list[float]:
    """Means of at most 64 groups of consecutive batches, so that a long epoch needs no more memory than a short one."""
    if not len(losses):
        return []
    edges = np.linspace(0, len(losses), min(_GROUPS, len(losses)) + 1).astype(int)
    means: list[float] = (np.add.reduceat(losses, edges[:-1]) / np.diff(edges)).tolist()
    return means
