"""Runs the trials of a search: one after the other, in several processes, or on a Ray cluster."""

from __future__ import annotations

import time
from typing import Any


def spread(run: Any, workers: Any, deadline: float | None) -> None:
    """Trains every trial that the search proposes.

    Args:
        run: The `Run` of a search: proposes, and takes the outcomes.
        workers: Number of processes, at least 1, or `"ray"`.
        deadline: `time.time()` after which no trial begins, or `None`.
    """
    while not run.ended:
        if deadline is not None and time.time() > deadline:
            run.ended = "The time was up."
            return
        number = run.next_trial("tuner0")
        if number is None:
            return
        run.done(number, run.run_here(number, deadline))
