"""Tries advice out beside the fit of a population: some updates from where it stands, for all members at once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..diagnosis.advice_trial import (
    CHANGES,
    SHARE,
    Verdict,
    compared,
    rate_advice,
    restorer,
    second_half,
    updates_to_try,
    verdict_of,
)
from ..diagnosis.findings import Finding
from ..runtime.keras_internals import batches_of_fit, is_plainly_trained
from .model import Population


class MemberTrials:
    """Trains a population some updates on, once for each change of the learning rates, and puts all back.

    One trial shows what a change does to every member, each with a multiple of its own rate. Batches of another size
    are not tried: all members read the same.

    Args:
        population: The population, compiled, before its fit begins: rates are kept in a variable from now on.
        x: Training inputs, arrays.
        y: Training targets.
        batch_size: Rows of a batch, at least 1.
        total: Updates of the whole fit, at least 1.
        sample_weight: Weight of each row, or `None`.

    Example:

    >>> template = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> population = Population(template, members=2)
    >>> population.compile("sgd", "mse")
    >>> rows = np.ones((4, 1))
    >>> [MemberTrials(population, rows, rows, batch_size=4, total=total).updates for total in (100, 2_000, 100_000)]
    [0, 10, 40]
    """

    def __init__(
        self, population: Population, x: Any, y: Any, batch_size: int, total: int, sample_weight: Any = None
    ) -> None:
        self.population, self.x, self.y, self.sample_weight = population, x, y, sample_weight
        self._rows = len(keras.tree.flatten(x)[0])
        self._batch = min(batch_size, self._rows)
        self.updates = updates_to_try(total, int(population.steps_per_execution)) if _can_be_tried(population) else 0
        self._left = int(total * SHARE)
        self._verdicts: dict[tuple[int, str], Verdict | None] = {}
        # The losses by factor of the rates, as the population stood at one update.
        self._at, self._losses = -1, {1.0: np.empty((0, 0))}
        if self.updates:
            population.optimizer.let_rates_be_set()

    def judged(self, k: int, finding: Finding) -> Finding:
        """The finding of member `k` with what a trial has shown: a warning where a rate wins, else information.

        Args:
            k: Place of the member.
            finding: Of the epoch that has ended. Errors, symptoms without such a cure, and what comes when the trials
                have taken 2 % of the updates of the fit come back as they are.
        """
        if finding.symptom not in CHANGES or finding.level == "error" or not self.updates:
            return finding
        if (k, finding.symptom) not in self._verdicts:
            self._verdicts[k, finding.symptom] = self._try(k, finding)
        verdict = self._verdicts[k, finding.symptom]
        return finding if verdict is None else verdict.on(finding)

    def _try(self, k: int, finding: Finding) -> Verdict | None:
        factors, batches = CHANGES[finding.symptom]
        if not is_plainly_trained(self.population) or not self._train((1.0, *factors)):
            return None
        now = self.population.optimizer.rate(k)
        present = second_half(self._losses[1.0][:, k].tolist())
        if present is None:
            return None
        tried = [
            compared(present, second_half(self._losses[factor][:, k].tolist()), rate_advice(now, factor))
            for factor in factors
        ]
        verdict = verdict_of(finding, now, float(present.mean()), tried, self.updates)
        # A bigger batch might still help.
        return None if verdict is not None and verdict.advice is None and batches else verdict

    def _train(self, factors: tuple[float, ...]) -> bool:
        """Sees to the losses at these multiples of the rates; says whether there were updates left for them."""
        optimizer = self.population.optimizer
        standing = int(ops.convert_to_numpy(optimizer.iterations))
        if standing != self._at:
            self._at, self._losses = standing, {}
        missing = [factor for factor in factors if factor not in self._losses]
        if len(missing) * self.updates > self._left:
            return False
        self._left -= len(missing) * self.updates
        put_back = restorer(self.population)
        rates = ops.convert_to_numpy(optimizer.let_rates_be_set())
        # The same rows in the same order each time, so that the losses are compared batch by batch.
        order = np.random.default_rng(0).integers(0, self._rows, self.updates * self._batch)
        for factor in missing:
            optimizer.let_rates_be_set().assign(rates * factor)
            self.population.reset_metrics()
            try:
                self._losses[factor] = self._means(order)
            finally:
                put_back()
        return True

    def _means(self, order: np.ndarray) -> np.ndarray:
        """Running mean loss of each member, `(calls, members)`."""
        whole = self.population.whole_epochs
        if whole is not None and whole.training is not None:
            return whole.train_in(order)
        parts = (self.x, self.y, self.sample_weight)
        x, y, weight = (
            None if part is None else keras.tree.map_structure(lambda values: np.asarray(values)[order], part)
            for part in parts
        )
        train: Any = self.population.train_function
        means = []
        for batches in batches_of_fit(self.population, x, y, self._batch, weight):
            train(batches)
            means.append(self.population.member_loss.by_member())
        return np.stack(means)


def _can_be_tried(population: Population) -> bool:
    """Whether steps can be made again and taken back: no schedule that moves on, no state that is carried along."""
    scheduled = any(callable(rate) for rate in population.optimizer.rates.rates)
    return not (scheduled or population.carried() or population.run_eagerly)
