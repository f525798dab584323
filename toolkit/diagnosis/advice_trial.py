"""Tries advice out beside a running fit: some updates from where it stands, at other rates and a bigger batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from ..metrics.intervals import mean_margin
from ..optimizers.accumulation import AccumulatedGradients
from ..optimizers.rate_owners import has_schedule
from ..runtime.keras_internals import batches_of_fit, flat_layers, is_plainly_trained
from .catalogue import Level
from .curves import unaverage
from .findings import Advice, Finding

# The changes that are tried for each symptom: factors of the learning rate, and of the batch size.
CHANGES: dict[str, tuple[tuple[float, ...], tuple[int, ...]]] = {
    "learning_rate_too_low": ((3.0, 10.0, 100.0), ()),
    "learning_rate_too_high": ((1 / 3, 0.1), (4,)),
    "oscillating": ((1 / 3, 0.1), (4,)),
    # It may be too low as well as too high.
    "not_learning": ((0.1, 10.0, 100.0), ()),
}
# Steps that go too far do so at once. Few updates of a higher rate may be too few to show, so that they disprove a
# rate that is too low only where they come out worse.
_SEEN_AT_ONCE = ("learning_rate_too_high", "oscillating")
_MOST_UPDATES, _FEWEST_UPDATES = 40, 10
# What the trial of one symptom may take of the updates of the fit, and how many trains go into it at most.
SHARE, _TRAINS = 0.02, 4
# A difference below this share of the loss is none that anyone would change a setting for.
_LEAST = 0.02


@dataclass(frozen=True)
class Tried:
    """One change: the loss it came to, how far it lies below the present one, and the margin of that."""

    advice: Advice
    loss: float
    gain: float
    margin: float


@dataclass(frozen=True)
class Verdict:
    """What a trial has shown: the level, the change that won, or `None`, and how it is said."""

    level: Level
    advice: Advice | None
    told: str
    evidence: dict[str, float]

    def on(self, finding: Finding) -> Finding:
        """The finding with what was shown: one cure first, and none that contradicts it."""
        won = self.advice
        return replace(
            finding,
            level=self.level,
            message=f"{finding.message} {self.told}",
            evidence={**finding.evidence, **self.evidence},
            advice=finding.advice if won is None else (won, *_others(finding.advice, won)),
        )


class AdviceTrial:
    """Trains some updates on from the weights and the optimizer of a fit, once for each change, and puts all back.

    The same rows in the same order are used for every learning rate, so that the losses are compared batch by batch.
    The fit goes on afterwards as if nothing had been.

    Args:
        model: The model that is fitted, between two epochs.
        x: Training inputs, arrays.
        y: Training targets.
        batch_size: Rows of a batch, at least 1.
        total: Updates of the whole fit, at least 1.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> rows = np.ones((4, 1))
    >>> [AdviceTrial(model, rows, rows, batch_size=4, total=total).updates for total in (100, 2_000, 100_000)]
    [0, 10, 40]
    """

    def __init__(self, model: keras.Model, x: Any, y: Any, batch_size: int, total: int) -> None:
        self.model, self.x, self.y = model, x, y
        self._rows = len(keras.tree.flatten(x)[0])
        self._batch = min(batch_size, self._rows)
        self._each = int(getattr(model, "steps_per_execution", 1))
        self._total = total
        self._verdicts: dict[str, Verdict | None] = {}

    @property
    def updates(self) -> int:
        """Updates that each change is given; 0 where the fit is too short to spend any."""
        return updates_to_try(self._total, self._each)

    def judged(self, finding: Finding) -> Finding:
        """The finding with what a trial has shown: a warning where a cure wins, information where it is disproved.

        Args:
            finding: Of the epoch that has ended. Errors, symptoms without such a cure, and those of fits too short or
                of another kind than Keras' own come back as they are.
        """
        if finding.symptom not in CHANGES or finding.level == "error":
            return finding
        if finding.symptom not in self._verdicts:
            self._verdicts[finding.symptom] = self._try(finding) if self.updates and self._possible() else None
        verdict = self._verdicts[finding.symptom]
        return finding if verdict is None else verdict.on(finding)

    def _possible(self) -> bool:
        """Whether the fit is one whose steps can be made again and taken back."""
        model = self.model
        stateful = any(getattr(layer, "stateful", False) for layer in flat_layers(model))
        gathers = isinstance(model.optimizer, AccumulatedGradients)
        return is_plainly_trained(model) and not stateful and not gathers and not has_schedule(model.optimizer)

    def _try(self, finding: Finding) -> Verdict | None:
        now = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        put_back = restorer(self.model)

        def losses(rate: float, batch: int) -> np.ndarray | None:
            try:
                return self._losses(rate, batch)
            finally:
                put_back()

        present = losses(now, self._batch)
        if present is None:
            return None
        rates, batches = CHANGES[finding.symptom]
        tried = [compared(present, losses(now * factor, self._batch), rate_advice(now, factor)) for factor in rates]
        for times in batches:
            if times * self._batch <= self._rows:
                advice = Advice("batch_size", "raise", float(times))
                tried.append(compared(present, losses(now, times * self._batch), advice, paired=False))
        return verdict_of(finding, now, float(present.mean()), tried, self.updates)

    def _losses(self, rate: float, batch: int) -> np.ndarray | None:
        """The losses of the second half of the calls at this rate; `None` where it broke down."""
        model = self.model
        take = np.random.default_rng(0).integers(0, self._rows, self.updates * batch)
        x, y = keras.tree.map_structure(lambda values: np.asarray(values)[take], (self.x, self.y))
        model.optimizer.learning_rate = rate
        model.reset_metrics()
        means = []
        for batches in batches_of_fit(model, x, y, batch):
            means.append(float(ops.convert_to_numpy(model.train_function(batches)["loss"])))
        return second_half(means)


def updates_to_try(total: int, each: int = 1) -> int:
    """Updates that each change is given in a fit of `total` updates; 0 where it is too short to spend any.

    Args:
        total: Updates of the whole fit.
        each: Updates of one call, of which only whole ones are made.
    """
    allowed = min(_MOST_UPDATES, int(total * SHARE / _TRAINS))
    return allowed // each * each if allowed // each >= _FEWEST_UPDATES else 0


def restorer(model: keras.Model) -> Callable[[], None]:
    """Puts all that a step of training changes back to what it is now: weights, random states, optimizer, metrics."""
    found = {id(one): one for one in [*model.variables, *model.metrics_variables, *model.optimizer.variables]}
    before = [(variable, ops.convert_to_numpy(variable).copy()) for variable in found.values()]

    def put_back() -> None:
        for variable, value in before:
            variable.assign(value)

    return put_back


def second_half(means: Sequence[float]) -> np.ndarray | None:
    """The losses of the second half of the calls, from the running means; `None` where training broke down."""
    losses = unaverage(means, list(range(1, len(means) + 1)))[len(means) // 2 :]
    return losses if np.isfinite(losses).all() else None


def rate_advice(now: float, factor: float) -> Advice:
    """The advice to set a multiple of the present learning rate."""
    return Advice("learning_rate", "set", float(f"{now * factor:.2g}"))


def compared(present: np.ndarray, losses: np.ndarray | None, advice: Advice, paired: bool = True) -> Tried:
    """How the losses of a change compare with the present ones; infinitely worse where it broke down."""
    if losses is None:
        return Tried(advice, math.inf, -math.inf, 0.0)
    margins = [mean_margin(present - losses)] if paired else [mean_margin(one) for one in (present, losses)]
    margin = math.inf if None in margins else math.hypot(*(float(one or 0.0) for one in margins))
    return Tried(advice, float(losses.mean()), float(present.mean() - losses.mean()), margin)


def verdict_of(finding: Finding, now: float, loss: float, tried: Sequence[Tried], updates: int) -> Verdict | None:
    """What the changes that were tried say of a finding; `None` where they do not tell.

    Args:
        finding: Of a symptom in `CHANGES`.
        now: The present learning rate.
        loss: What it comes to as it is.
        tried: The changes; one that `CHANGES` has and that is missing here cannot be disproved.
        updates: How many each was given.
    """
    evidence = {"tried_updates": float(updates), "present_rate": now, "present_loss": loss}
    least = _LEAST * abs(loss)
    won = [one for one in tried if one.gain > max(one.margin, least)]
    if won:
        # What the finding advises anyway goes first among what wins; else what came lowest.
        wanted = {advice.parameter for advice in finding.advice[:1]}
        best = min(won, key=lambda one: (one.advice.parameter not in wanted, one.loss))
        told = (
            f"Tried out for {updates} updates: at {_change(best.advice)} the loss came to {best.loss:.3g}, "
            f"as it is (learning rate {now:.2g}) to {loss:.3g}."
        )
        evidence |= {"tried_loss": best.loss, "gain_margin": best.margin}
        return Verdict("warning", best.advice, told, evidence)
    if finding.symptom not in _SEEN_AT_ONCE and not all(-one.gain > max(one.margin, least) for one in tried):
        # Too few updates to tell.
        return None
    told = f"Tried out for {updates} updates: {' and '.join(_change(one.advice) for one in tried)} "
    return Verdict("info", None, f"{told}brought nothing.", evidence)


def _change(advice: Advice) -> str:
    if advice.parameter == "learning_rate":
        return f"learning rate {advice.value:g}"
    return f"{advice.value:g} times the batch"


def _others(given: tuple[Advice, ...], won: Advice) -> tuple[Advice, ...]:
    """The advice that does not speak of what has been tried out: one cure, and none that contradicts it."""
    return tuple(one for one in given if one.parameter != won.parameter)
