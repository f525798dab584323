"""Keeps what one run has shown so far, and says each symptom when it first shows; numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..metrics.directions import Direction, direction
from ..metrics.kinds import metric_kind
from .curve_rules import read_curves, too_far
from .curves import Curves, Run, SimpleBaseline, unaverage
from .findings import Finding, FindingsSoFar, not_judged
from .outcome_rules import learns
from .thresholds import limit

# More than the 60 updates in which a spike is looked for.
_FIRST_BATCHES = 100
# `curve_rules._epoch_of` knows this number too.
_GROUPS = 64
# At each of the first epochs, then each time that there are 2 % more.
_EACH, _APART = 100, 1.02


class RunReader:
    """Reads one run as it goes: tell it each batch and each epoch.

    Args:
        epochs: The budget of epochs, or `None`.
        validation_rows: Number of validation rows, at least 1, or `None`.
        constant_loss: Loss of the best constant prediction, or `None`.
        simple: Gives the simple baseline; called only where a finding needs it.
        directions: Whether metrics are better high or low, where their names do not tell.
        kinds: What the metrics are, as `metrics.kinds` calls it, where their names do not tell.
        judged: Gives back each new finding with what a trial of its advice has shown.
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
        kinds: Mapping[str, str] | None = None,
        judged: Callable[[Finding], Finding] = lambda finding: finding,
        **known: Any,
    ) -> None:
        self.judged = judged
        self.epochs = epochs
        self.validation_rows = validation_rows
        self.constant_loss = constant_loss
        self.simple = simple
        self.directions = dict(directions or {})
        self.kinds = dict(kinds or {})
        self.known = known
        self.logs: dict[str, list[float]] = {}
        self._looked_early = False
        self._ended = self._read = 0
        self._penalties: list[float] = []
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
            "kinds": self.kinds,
            "judged": self.judged,
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
            "penalties": self._penalties,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave, as in a resumed fit."""
        self._found = FindingsSoFar.from_list(state["found"])
        self.logs, self._groups, self._first = state["logs"], state["groups"], state["first"]
        self._validated, self._ended = state["validated"], len(state["groups"])
        self._penalties, self._read = state.get("penalties", []), self._ended

    def learn(self, facts: Mapping[str, Any]) -> None:
        """Takes note of what is known of the run only once it runs, as fields of `facts()`."""
        for name, value in facts.items():
            if name in ("directions", "kinds"):
                getattr(self, name).update(value)
            elif name == "constant_loss":
                self.constant_loss = value
            else:
                self.known[name] = value

    def begin_epoch(self) -> None:
        """An epoch begins."""
        self._means, self._counts = [], []

    def note_batch(self, mean: Any, batches: int) -> None:
        """The mean loss over the first `batches` batches of the epoch."""
        # This runs after every update, so it only notes; the arithmetic waits for the epoch's end.
        self._means.append(mean)
        self._counts.append(batches)

    def note_batches(self, means: Sequence[Any], batch: int) -> None:
        """The mean losses so far of one call of `fit`: of its last batch alone, or of all of an epoch that is one call.

        Args:
            means: Mean loss over the first batches of the epoch.
            batch: Number of the last batch as Keras counts, from 0; of an epoch that is one call it says nothing.
        """
        self._means.extend(means)
        # Keras' mean runs over the epoch: the count takes single batches out of it.
        self._counts.extend([batch + 1] if len(means) == 1 else range(1, len(means) + 1))

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
        return self._found.add(map(self._with_rates, read_curves(first)))

    def end_epoch(self, logs: Mapping[str, Any], penalty: float | None = None) -> list[Finding]:
        """An epoch ends; returns what is newly found, or found to be worse.

        Args:
            logs: As Keras hands them to its callbacks. What is no single number, such as a score for each class, is
                left out, and said once to be.
            penalty: Penalty on the weights at its end, `None` for a model without.
        """
        numbers = {name: number for name, value in logs.items() if (number := _number(value)) is not None}
        for name, number in numbers.items():
            self.logs.setdefault(name, []).append(number)
        # With `validation_freq` above 1 only some epochs have validation.
        if any(name.startswith("val_") for name in numbers):
            self._validated.append(self._ended)
        if penalty is not None:
            self._penalties.append(penalty)
        self._ended += 1
        self._note_batches()
        broken = _broken(numbers, self._ended - 1)
        new = self._found.add([*_left_out(logs, numbers), *broken])
        # A look reads all epochs so far: looks as far apart as a share of them take time that grows as the epochs do.
        due = self._ended <= _EACH or self._ended >= self._read * _APART or self._ended == self.epochs
        if due or not all(map(math.isfinite, numbers.values())):
            new += self._look(self._curves(self._places(numbers.get("loss", 0.0))))
        return new

    def end(self) -> list[Finding]:
        """The run is over; one that ended before its budget is read once more, as what it has come to.

        A slow start that was taken for no learning, and that the end has disproved, becomes information.

        Returns:
            What is newly found.
        """
        if self._ended and learns(Run(self._curves(self._places(self.logs.get("loss", [0.0])[-1])))):
            self._found.lower("not_learning", "By its end the model had learnt after all.")
        if not self._ended or self.epochs is None or self._ended >= self.epochs:
            return []
        self.epochs = self._ended
        new = self._look(self._curves(self._places(self.logs.get("loss", [0.0])[-1])), without=("still_improving",))
        return new

    def _look(self, curves: Curves, without: Sequence[str] = ()) -> list[Finding]:
        self._read = self._ended
        places = self._places(curves.loss[-1] if curves.loss else 0.0)
        found = [
            self.judged(replace(finding, epoch=_at(places, finding.epoch)))
            for finding in read_curves(curves)
            if finding.symptom not in without and self._found.is_new(finding)
        ]
        return self._found.add(map(self._with_rates, found))

    def _with_rates(self, finding: Finding) -> Finding:
        """The finding with the rates that its advice leads to, where the rate of the run is known."""
        structure = self.known.get("structure")
        logged = self.logs.get("learning_rate", [])
        rate = logged[-1] if logged else None if structure is None else structure.learning_rate
        return replace(finding, advice=tuple(advice.from_rate(rate) for advice in finding.advice))

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
            # What some epochs did not log has no known places.
            if len(values) != (len(self._validated) if name.startswith("val_") else self._ended):
                return ()
            if name.startswith("val_"):
                return tuple(values) if complete else ()
            return tuple(values[place] for place in places)

        loss = taken("loss")
        if not loss:
            # Nothing to read the others against.
            return Curves(loss=())

        epochs = self.epochs
        if epochs is not None and not whole:
            # The budget in validated epochs, so that its share done stays what it is.
            epochs = max(len(places), round(epochs * len(places) / self._ended))
        return Curves(
            loss=loss,
            val_loss=taken("val_loss"),
            metric=taken(metric),
            val_metric=taken(f"val_{metric}"),
            metric_name=metric,
            metric_kind=self.kinds.get(metric, "") or metric_kind(metric),
            penalty=tuple(self._penalties[place] for place in places) if len(self._penalties) == self._ended else (),
            higher_is_better=direction(metric, self.directions) == "max",
            batch_losses=tuple(tuple(self._groups[place]) for place in places if place < len(self._groups)),
            first_batches=tuple(self._first),
            epochs=epochs,
            validation_rows=self.validation_rows,
            constant_loss=self.constant_loss,
            simple=self.simple,
            **self.known,
        )


def _number(value: Any) -> float | None:
    """A single number as it may stand in the logs; `None` for all else."""
    if isinstance(value, str) or getattr(value, "shape", ()) != ():
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _broken(numbers: Mapping[str, float], epoch: int) -> list[Finding]:
    """NaN in losses under other names than `loss`, as fits with a training step of their own log them."""
    names = [name for name in numbers if name not in ("loss", "val_loss")]
    watched = [name for name in names if name.endswith("loss")] if "loss" in numbers else names
    bad = [name for name in watched if not math.isfinite(numbers[name])]
    if not bad:
        return []
    causes, advice = too_far(Curves(loss=()))
    return [
        Finding(
            "non_finite",
            "error",
            f"{bad[0]!r} became NaN or infinite in epoch {epoch + 1}; nothing after that can be trusted.",
            epoch=epoch,
            evidence={"epoch": float(epoch)},
            causes=causes,
            advice=advice,
        )
    ]


def _left_out(logs: Mapping[str, Any], numbers: Mapping[str, float]) -> list[Finding]:
    """What is logged and cannot be judged."""
    others = sorted(set(logs) - set(numbers))
    found = []
    if others:
        found.append(f"{', '.join(map(repr, others))} is not a single number an epoch")
    if logs and "loss" not in numbers:
        found.append(
            "there is no `loss` in the logs, so that of " + ", ".join(map(repr, numbers)) + " only NaN is told"
        )
    return [not_judged("; ".join(found))] if found else []


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
