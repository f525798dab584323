"""The line of a search that is going on: trials done, the best so far, the time left, the newest finding."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ...toolkit.runtime.time_left import time_in_words
from .plan import Outcome, Plan, best_first
from .trials_left import TrialsLeft


class SearchLine:
    """Told of each trial that ends, it says where the search is.

    Args:
        plan: What is the same for all trials.
        trials: At most, or `None` where that is not known.
        clock: Tells seconds.
    """

    def __init__(self, plan: Plan, trials: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan, self.trials = plan, trials
        self._clock = clock
        self._left: TrialsLeft | None = None
        self._outcomes: Mapping[int, Outcome] = {}
        self._finding = ""

    def begin(self, outcomes: Mapping[int, Outcome]) -> None:
        """The search begins, or goes on with trials that have ended before."""
        self._outcomes = outcomes
        to_come = (self.trials or 0) - len(outcomes)
        if to_come > 0:
            self._left = TrialsLeft(to_come, self.plan.stopper, self.plan.epochs, self._clock)

    def end_trial(self, outcome: Outcome) -> None:
        """A trial has ended."""
        if self._left is not None:
            self._left.end_trial(outcome.epochs)
        if outcome.findings:
            self._finding = str(outcome.findings[0]["symptom"]).replace("_", " ")

    def words(self) -> str:
        """The line as it stands now."""
        done = len(self._outcomes)
        parts = [f"{done} of {self.trials} trials" if self.trials else f"{done} trials"]
        order = best_first(dict(self._outcomes), self.plan.sign)
        if order:
            score = self._outcomes[order[0]].score
            parts.append(f"best {self.plan.objective.name} {score:.4g} (trial {order[0]})")
        left = None if self._left is None else self._left.seconds()
        parts += [] if left is None else [f"about {time_in_words(left)} left"]
        parts += [f"newest finding: {self._finding}"] if self._finding else []
        return ", ".join(parts)
