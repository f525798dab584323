"""How many epochs a rule lets each trial of a search have, before any has been trained."""

from __future__ import annotations

import math
import time

import numpy as np

from .rules import Stopper, replay_lengths

_MOST_TRIALS = 24
# Rules that fit curves are slow; of those fewer draws must do.
_DRAWS, _SECONDS = 16, 1.0
# Ends, speeds (spread evenly in the logarithm) and noise with which the rules stop about as many trials as on the
# curves of `tests/bench/curves.json`, which were trained whole.
_ENDS, _SPEEDS, _NOISE = (0.05, 0.3), (0.05, 0.5), 0.02


def expected_epochs(rule: Stopper | None, trials: int, epochs: int) -> list[float]:
    """The epochs that each trial will have on average, first to last.

    The rule is replayed on curves that fall exponentially to ends and at speeds drawn by chance.

    Args:
        rule: Ends trials, or `None`.
        trials: Of the search, at least 1; beyond the 24th each is expected to have what those before it have.
        epochs: Of a whole training, at least 1.

    Example:

    >>> from trainwise.toolkit.stopping import SuccessiveHalving
    >>> found = expected_epochs(SuccessiveHalving(), 20, 27)
    >>> found[0], bool(found[-1] < 15)
    (27.0, True)
    """
    if rule is None:
        return [float(epochs)] * trials
    count = min(trials, _MOST_TRIALS)
    end, lengths = time.monotonic() + _SECONDS, []
    for seed in range(_DRAWS):
        lengths.append(replay_lengths(_curves(count, epochs, seed), rule))
        if time.monotonic() > end:
            break
    drawn = np.mean(lengths, axis=0)
    return [*drawn.tolist(), *[float(drawn[-max(1, count // 3) :].mean())] * (trials - count)]


def _curves(count: int, epochs: int, seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    slow, fast = map(math.log, _SPEEDS)
    ends, speeds = rng.uniform(*_ENDS, (count, 1)), np.exp(rng.uniform(slow, fast, (count, 1)))
    falls = ends + (1 - ends) * np.exp(-speeds * np.arange(1, epochs + 1))
    found: list[list[float]] = (falls + rng.normal(0, _NOISE, falls.shape)).tolist()
    return found
