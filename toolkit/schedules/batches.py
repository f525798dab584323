"""The batch grown instead of the rate cut, and the one place that counts updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from ..checks import items_of, number, whole_number
from .previews import rising


@dataclass(frozen=True)
class BatchSizeSchedule:
    """A batch size for each epoch.

    Args:
        boundaries: Epochs at which the next batch size begins, counted from 0, rising from 1.
        batch_sizes: Rows of a batch, at least 1, one entry more than boundaries.

    Raises:
        TypeError: An entry is not a whole number.
        ValueError: Boundaries that do not rise, batch sizes below 1, or counts that do not fit.

    Reference: Smith, Kindermans, Ying, Le 2018, arXiv:1711.00489.

    Example:

    >>> BatchSizeSchedule([2, 3], [32, 64, 128]).phases(5)
    [(0, 2, 32), (2, 3, 64), (3, 5, 128)]
    """

    boundaries: tuple[int, ...]
    batch_sizes: tuple[int, ...]

    def __init__(self, boundaries: Sequence[int], batch_sizes: Sequence[int]) -> None:
        # The dataclass is frozen, and takes any sequences.
        object.__setattr__(self, "boundaries", tuple(rising("boundaries", boundaries, low=1)))
        object.__setattr__(
            self,
            "batch_sizes",
            tuple(whole_number("batch_sizes", size, 1) for size in items_of("batch_sizes", batch_sizes)),
        )
        if len(self.batch_sizes) != len(self.boundaries) + 1:
            raise ValueError(
                f"`batch_sizes` must be one more than `boundaries`, got {len(self.batch_sizes)} "
                f"sizes for {len(self.boundaries)} boundaries."
            )

    def at(self, epoch: int) -> int:
        """The batch size of an epoch, counted from 0."""
        return self.batch_sizes[sum(epoch >= boundary for boundary in self.boundaries)]

    def phases(self, epochs: int) -> list[tuple[int, int, int]]:
        """The parts of a fit with one batch size each: (first epoch, epoch after the last, batch size)."""
        whole_number("epochs", epochs, low=1)
        begins = [0, *(boundary for boundary in self.boundaries if boundary < epochs)]
        ends = [*begins[1:], epochs]
        return [(begin, end, self.at(begin)) for begin, end in zip(begins, ends, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain values."""
        return {"boundaries": list(self.boundaries), "batch_sizes": list(self.batch_sizes)}

    @classmethod
    def from_learning_rates(
        cls, boundaries: Sequence[int], learning_rates: Sequence[float], batch_size: int, largest: int
    ) -> tuple[BatchSizeSchedule, list[float]]:
        """The batch grown by what the learning rate would have been cut by, as long as it may grow.

        Args:
            boundaries: Epochs at which the rate would change, rising from 1.
            learning_rates: Rates that would be used, > 0, none above the first, one more than boundaries.
            batch_size: Batch size of the first rate, at least 1.
            largest: Largest batch size, at least `batch_size`; a tenth of the rows is a good bound.

        Returns:
            The schedule and the learning rate of each of its parts: what the batch cannot grow any
            more, the rate is cut by.

        Raises:
            TypeError: An argument of the wrong kind.
            ValueError: An argument out of range.

        Example:

        >>> schedule, rates = BatchSizeSchedule.from_learning_rates([10, 20], [0.1, 0.05, 0.025], 32, largest=64)
        >>> schedule.batch_sizes, rates
        ((32, 64, 64), [0.1, 0.1, 0.05])
        """
        rates = [number("learning_rates", rate, 0, np.inf, open_low=True, open_high=True) for rate in learning_rates]
        whole_number("largest", largest, low=whole_number("batch_size", batch_size, low=1))
        for rate in rates:
            if rate > rates[0]:
                raise ValueError(f"`learning_rates` must not rise above the first, {rates[0]}, got {rate}.")
        sizes = [min(round(batch_size * rates[0] / rate), largest) for rate in rates]
        # The noise scale of SGD goes with rate / batch size: what the batch does not take, the rate does.
        left = [rate * size / batch_size for rate, size in zip(rates, sizes, strict=True)]
        return cls(boundaries, sizes), left

    @classmethod
    def from_schedule(
        cls, schedule: Any, epochs: int, samples: int, batch_size: int, largest: int
    ) -> tuple[BatchSizeSchedule, list[float]]:
        """The batch grown by what a learning-rate schedule would cut the rate by, epoch by epoch.

        Args:
            schedule: Keras `LearningRateSchedule` over updates that does not rise above its first rate.
            epochs: Number of epochs, at least 1.
            samples: Rows of the training data, at least 1.
            batch_size: Batch size that the schedule was made for, at least 1.
            largest: Largest batch size, at least `batch_size`.

        Returns:
            The schedule and the learning rate of each of its parts, as `from_learning_rates`.

        Raises:
            TypeError: An argument of the wrong kind.
            ValueError: An argument out of range, or a schedule that rises.

        Example:

        >>> import keras
        >>> halved = keras.optimizers.schedules.PiecewiseConstantDecay([19], [0.1, 0.05])
        >>> grown, rates = BatchSizeSchedule.from_schedule(halved, epochs=4, samples=80, batch_size=8, largest=64)
        >>> grown.boundaries, grown.batch_sizes, [round(rate, 3) for rate in rates]
        ((2,), (8, 16), [0.1, 0.1])
        """
        each = updates(1, samples, batch_size)
        # A batch size holds for a whole epoch, so the rate at its first update stands for it.
        rates = [
            float(ops.convert_to_numpy(schedule(epoch * each))) for epoch in range(whole_number("epochs", epochs, 1))
        ]
        changes = [epoch for epoch in range(1, epochs) if rates[epoch] != rates[epoch - 1]]
        return cls.from_learning_rates(changes, [rates[0], *(rates[epoch] for epoch in changes)], batch_size, largest)


def updates(
    epochs: int,
    samples: int,
    batch_size: int | BatchSizeSchedule,
    accumulation: int = 1,
    drop_remainder: bool = False,
) -> int:
    """Number of updates of a fit; the last short batch of an epoch is an update.

    Args:
        epochs: Number of epochs, at least 1.
        samples: Rows of the training data, at least 1.
        batch_size: Rows of a batch, at least 1, or a schedule of it.
        accumulation: Batches of which one update is made, at least 1; what is left over at an
            epoch's end goes on into the next.
        drop_remainder: Whether the short batch is left out.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Example:

    >>> updates(200, 50_000, 128), updates(200, 50_000, BatchSizeSchedule([60, 120, 160], [128, 640, 3200, 5120]))
    (78200, 29240)
    """
    whole_number("epochs", epochs, low=1)
    whole_number("samples", samples, low=1)
    whole_number("accumulation", accumulation, low=1)
    if not isinstance(batch_size, BatchSizeSchedule):
        batch_size = BatchSizeSchedule([], [whole_number("batch_size", batch_size, low=1)])
    batches = 0
    for begin, end, size in batch_size.phases(epochs):
        each = samples // size if drop_remainder else math.ceil(samples / size)
        batches += (end - begin) * each
    return batches // accumulation
