"""Confidence intervals for what a test split measures, and a fair comparison of two models on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats

from ..checks import number, whole_number


def wilson(successes: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share, such as an accuracy.

    Args:
        successes: Rows answered right, >= 0.
        rows: All rows, >= `successes` and >= 1.
        confidence: In (0, 1).

    Returns:
        Lower and upper bound, in [0, 1].

    Raises:
        ValueError: `successes` exceeds `rows`, or an argument is out of range.

    Reference: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Example:

    >>> low, high = wilson(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)
    """
    rows = whole_number("rows", rows, low=1)
    successes = whole_number("successes", successes, low=0)
    number("confidence", confidence, 0, 1, open_low=True, open_high=True)
    if successes > rows:
        raise ValueError(f"`successes` must be at most `rows` ({rows}), got {successes}.")
    z = float(scipy.stats.norm.ppf(0.5 + confidence / 2))
    # Not share +- z * error: that is empty where all rows are right, and leaves [0, 1].
    share, spread = successes / rows, z * z / rows
    center = share + spread / 2
    margin = z * math.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    return max(0.0, (center - margin) / (1 + spread)), min(1.0, (center + margin) / (1 + spread))


def bootstrap(
    statistic: Callable[[np.ndarray], float], rows: int, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over rows.

    Args:
        statistic: Takes row numbers `(rows,)`, drawn with replacement, and gives the statistic.
        rows: Number of rows, >= 1.
        confidence: In (0, 1).
        resamples: Number of draws, >= 1.
        seed: Decides the draws.

    Returns:
        Lower and upper bound.

    Raises:
        ValueError: An argument is out of range.

    Reference: Efron 1979, "Bootstrap methods: another look at the jackknife".

    Example:

    >>> values = np.arange(100.0)
    >>> low, high = bootstrap(lambda rows: float(values[rows].mean()), 100)
    >>> bool(low < 49.5 < high)
    True
    """
    rows = whole_number("rows", rows, low=1)
    resamples = whole_number("resamples", resamples, low=1)
    number("confidence", confidence, 0, 1, open_low=True, open_high=True)
    generator = np.random.default_rng(seed)
    # The statistic may be any function of rows, so that draws cannot be one product of matrices as in `scores`.
    draws = [statistic(generator.integers(0, rows, rows)) for _ in range(resamples)]
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def mcnemar(mends: int, breaks: int) -> float:
    """Exact two-sided McNemar test of two classifiers on the same rows.

    Args:
        mends: Rows that only the first gets right, >= 0.
        breaks: Rows that only the second gets right, >= 0.

    Returns:
        The p-value: how often a difference of this size comes by chance alone.

    Raises:
        ValueError: A count is negative.

    Reference: McNemar 1947, "Note on the sampling error of the difference between correlated proportions".

    Example:

    >>> round(mcnemar(8, 1), 4)
    0.0391
    """
    mends, breaks = whole_number("mends", mends, low=0), whole_number("breaks", breaks, low=0)
    # The test of no trials has no p-value.
    if mends + breaks == 0:
        return 1.0
    return float(scipy.stats.binomtest(mends, mends + breaks).pvalue)


def mean_margin(values: Any, confidence: float = 0.95) -> float | None:
    """Half the width of the t interval of a mean: the mean of values like these lies within it on either side.

    Args:
        values: Measurements, such as paired differences, one a seed; `(count,)`.
        confidence: In (0, 1).

    Returns:
        The half width; `None` of fewer than two values, whose spread is not known.

    Raises:
        ValueError: `confidence` is out of range.

    Reference: Student 1908, "The probable error of a mean".

    Example:

    >>> round(mean_margin([1.0, 2.0, 3.0]), 4), mean_margin([1.0])
    (2.4841, None)
    """
    number("confidence", confidence, 0, 1, open_low=True, open_high=True)
    given = np.asarray(values, dtype="float64")
    # One value has no spread, and an interval of width 0 would claim certainty.
    if len(given) < 2:
        return None
    factor = scipy.stats.t.ppf((1 + confidence) / 2, len(given) - 1)
    return float(factor * given.std(ddof=1) / math.sqrt(len(given)))
