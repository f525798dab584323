"""Where a learning curve is going: three families of curves fitted to its beginning; numpy and scipy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

# A grid, since for each `c` the rest is a straight line with a closed form: no start, no divergence.
_SPEEDS = np.geomspace(0.02, 4.0, 40)
# Three parameters, and one value more to see a residual.
_FEWEST = 4


def chance_to_beat(curve: Sequence[float], incumbent: float, epochs: int) -> float:
    """Probability that a curve, lower being better, will end at or below `incumbent`.

    Each family `a + b * f(epoch)` with `f` one of `exp(-c t)`, `t**-c` and `log` is fitted to the best
    values so far by least squares, over a grid of `c`. The families are weighted by their Bayesian
    information criterion; a normal law around each one's end has the residual's spread, widened with
    the distance to the end.

    Args:
        curve: Values by epoch, at least 1.
        incumbent: Value to beat.
        epochs: Epoch at which the curve is to end, at least 1.

    Returns:
        A number in [0, 1]; 1 where the curve is at or below `incumbent` already, or too short to tell.

    Reference: Domhan et al. 2015, "Speeding up automatic hyperparameter optimization of deep neural
    networks by extrapolation of learning curves", IJCAI.

    Example:

    >>> falling = [1 / epoch for epoch in range(1, 11)]
    >>> chance_to_beat(falling, 0.05, 40) > 0.9, chance_to_beat(falling, -0.5, 40) < 0.05
    (True, True)
    """
    # Best values so far: they only fall, as the families do, and noise upwards does not count.
    best = np.minimum.accumulate(np.asarray(curve, dtype="float64"))
    if len(best) and best[-1] <= incumbent:
        return 1.0
    if len(best) < _FEWEST or not np.isfinite(best).all():
        return 1.0
    # It has ended, above the value to beat.
    if len(best) >= epochs:
        return 0.0
    ends, spreads, weights = _fits(best, epochs)
    # One epoch ahead is surer than fifty.
    far = np.sqrt(1 + (epochs - len(best)) / len(best))
    below = stats.norm.cdf((incumbent - ends) / np.maximum(spreads * far, 1e-12))
    return float(weights @ below)


def _fits(best: np.ndarray, epochs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The end of each fitted curve, the spread around it and its weight."""
    t = np.arange(1, len(best) + 1, dtype="float64")
    shapes = [(np.exp(-c * t), np.exp(-c * epochs)) for c in _SPEEDS]
    shapes += [(t**-c, float(epochs) ** -c) for c in _SPEEDS]
    shapes += [(-np.log(t), -np.log(float(epochs)))]
    fits = [_line(shape, best, at_end) for shape, at_end in shapes]
    count = len(_SPEEDS)
    families = [fits[:count], fits[count : 2 * count], fits[2 * count :]]
    chosen = [min(family, key=lambda fit: fit[1]) for family in families]
    # A floor of the residual: a curve of exact arithmetic would make one family certain.
    floor = (1e-3 * max(float(np.ptp(best)), 1e-12)) ** 2
    errors = np.array([max(error, floor) for _, error in chosen])
    # The logarithm has no `c`.
    parameters = np.array([3, 3, 2])
    criterion = len(best) * np.log(errors) + parameters * np.log(len(best))
    weights = np.exp(-0.5 * (criterion - criterion.min()))
    # Families that disagree about the end say how little is known of it.
    ends = np.array([end for end, _ in chosen])
    spreads = np.sqrt(errors * len(best) / np.maximum(len(best) - parameters, 1))
    return ends, spreads, weights / weights.sum()


def _line(shape: np.ndarray, values: np.ndarray, at_end: float) -> tuple[float, float]:
    """Value at the end and mean squared error of `a + b * shape`, which may only fall."""
    centered = shape - shape.mean()
    # A family that rose would promise that an epoch more makes the best value worse.
    slope = max(0.0, float(centered @ values) / max(float(centered @ centered), 1e-300))
    residual = values - values.mean() - slope * centered
    return float(values.mean() + slope * (at_end - shape.mean())), float(residual @ residual) / len(values)
