"""How long a fit will still take, from the epochs it has had."""

from __future__ import annotations

import time
from collections.abc import Callable

# Of the last epochs: a machine that grows busier is noticed, a single pause is not the rule.
_RECENT = 5


class EpochsLeft:
    """Seconds that are left of a fit; told of each batch and each epoch.

    The first batch of a fit is left out: its graph is made while it runs.

    Args:
        epochs: Of the fit, at least 1.
        batches: Of an epoch, or `None` where that is not known.
        clock: Tells seconds.

    Example:

    >>> now = [0.0]
    >>> left = EpochsLeft(epochs=3, batches=3, clock=lambda: now[0])
    >>> left.begin_epoch(0)
    >>> for batch, now[0] in enumerate([9.0, 10.0, 11.0]):  # the first makes the graph
    ...     left.end_batch(batch)
    >>> left.end_epoch()
    >>> left.seconds()  # two epochs, each of three batches of a second
    6.0
    """

    def __init__(self, epochs: int, batches: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.epochs, self.batches, self.clock = epochs, batches, clock
        self._durations: list[float] = []
        self._epoch, self._begun = 0, clock()
        # Of the first epoch: when its first batch ended, how many batches that were, and what the graph took.
        self._first: float | None = None
        self._in_first = 0
        self._making = 0.0
        self._each_batch: float | None = None

    def begin_epoch(self, epoch: int) -> None:
        """An epoch, from 0, begins."""
        self._epoch, self._begun = epoch, self.clock()

    def end_batch(self, batch: int) -> None:
        """The batch with this place in the epoch, from 0, has ended; some may have ended with it."""
        now, done = self.clock(), batch + 1
        if self._first is None:
            self._first, self._in_first = now, done
        elif not self._durations and done > self._in_first:
            self._each_batch = (now - self._first) / (done - self._in_first)
            self._making = self._first - self._begun - self._in_first * self._each_batch

    def end_epoch(self) -> None:
        """The epoch has ended, its validation too."""
        now = self.clock()
        self._durations.append(now - self._begun - (0.0 if self._durations else self._making))
        self._epoch, self._begun = self._epoch + 1, now

    def seconds(self) -> float | None:
        """What is left of the fit by now, s, at least 0; `None` before anything is known."""
        each = self._each()
        if each is None:
            return None
        spent = self.clock() - self._begun - (0.0 if self._durations else self._making)
        return max(0.0, (self.epochs - self._epoch) * each - spent)

    def _each(self) -> float | None:
        """Seconds of an epoch to come."""
        # The first validation makes a graph of its own.
        known = sorted((self._durations[1:] or self._durations)[-_RECENT:])
        if known:
            return known[len(known) // 2]
        return self._each_batch * self.batches if self._each_batch is not None and self.batches else None


def time_in_words(seconds: float) -> str:
    """A duration as a person says it.

    Example:

    >>> [time_in_words(one) for one in (3.2, 75, 3700, 200_000)]
    ['3 s', '1 min 15 s', '1 h 1 min', '2 d 7 h']
    """
    whole = round(seconds)
    for large, small, size, part in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {large} {whole % size // part} {small}"
    return f"{whole} s"
