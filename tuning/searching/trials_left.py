"""How long a search will still take, from the trials it has had and the rule that stops them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ...toolkit.stopping import Stopper
from ...toolkit.stopping.expected_epochs import expected_epochs

# Trials that the rule's own expectation counts for, beside those that have ended.
_WEIGHT = 5.0
# Of fewer the line through them is chance.
_FEWEST = 6


class TrialsLeft:
    """Seconds that are left of a search; told of each trial that ends.

    A stopping rule lets the first trials run and grows strict later, so that the mean of what has been is no guess of
    what comes: what the rule will let each trial have is replayed, and scaled by what those that have ended had.

    Args:
        trials: At most, at least 1.
        rule: Ends trials, or `None`.
        epochs: Of a whole training.
        clock: Tells seconds.

    Example:

    >>> now = [0.0]
    >>> left = TrialsLeft(trials=4, rule=None, epochs=10, clock=lambda: now[0])
    >>> now[0] = 20.0
    >>> left.end_trial(10)
    >>> left.seconds()
    60.0
    """

    def __init__(
        self, trials: int, rule: Stopper | None, epochs: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.trials, self.clock = trials, clock
        self._expected = expected_epochs(rule, trials, epochs)
        self._last = clock()
        self._had: list[int] = []
        self._took: list[float] = []

    def end_trial(self, epochs: int) -> None:
        """A trial has ended after so many epochs."""
        now = self.clock()
        self._took.append(now - self._last)
        self._had.append(epochs)
        self._last = now

    def _ratio(self) -> float:
        """What trials had of what they were expected to, of those that the rule could stop."""
        most = max(self._expected)
        pairs = [(had, ahead) for had, ahead in zip(self._had, self._expected, strict=False) if ahead < most]
        had, ahead = (sum(one[k] for one in pairs) for k in (0, 1))
        # Of few trials the ratio is chance; the rule's own expectation holds it near 1.
        each = sum(self._expected) / len(self._expected) * _WEIGHT
        return (had + each) / (ahead + each)

    def seconds(self) -> float | None:
        """What is left of the search by now, s, at least 0; `None` before a trial has ended."""
        done, had = len(self._had), sum(self._had)
        if not done or not had:
            return None
        epochs = self._ratio() * sum(self._expected[done:])
        to_begin, per_epoch = self._costs()
        to_come = (self.trials - done) * to_begin + epochs * per_epoch
        return max(0.0, to_come - (self.clock() - self._last))

    def _costs(self) -> tuple[float, float]:
        """Seconds that a trial takes to begin, and those of an epoch: a line through the trials that have ended."""
        had, took = np.array(self._had, "float64"), np.array(self._took)
        spread = float(had.var())
        whole = float(took.sum() / had.sum())
        if spread == 0.0 or len(had) < _FEWEST:
            return 0.0, whole
        slope = float(np.mean((had - had.mean()) * (took - took.mean())) / spread)
        per_epoch = min(max(slope, 0.0), whole)
        return float(took.mean() - per_epoch * had.mean()), per_epoch
