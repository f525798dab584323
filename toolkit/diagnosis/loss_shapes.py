"""The shape of a loss over the epochs, told by a line and an exponential and their errors; numpy only."""

from __future__ import annotations

import numpy as np

from .curves import noise_of

FEWEST = 4
# A second half that brings this much of the first is straight: healthy runs stay below .54 (`thresholds.py`).
_STRAIGHT = 0.6
# One that brings this much has not come to its floor yet.
_STILL_FALLING = 0.1
# In multiples of the noise: what an exponential explains beyond a line, what a fall must be.
BEYOND_NOISE = 3.0
# Of the whole fall, what is done in the first fifth of a run that drops at once.
_AT_ONCE = 0.85
# A floor above this share of the start is high.
_HIGH = 0.15
# The noise of an oscillating loss, as a share of its level, and of its fall.
_NOISY_LEVEL, _NOISY_FALL = 0.05, 0.08
_GROWN = 4.0
# What an accuracy may lose to its end.
_FALLEN_BACK = 0.03

# Which way each shape turns the learning rate, where it does.
RATE_OF_SHAPE = {
    "straight_line": "raise",
    "still_falls": "raise",
    "drops_and_stays": "lower",
    "stands_still": "lower",
    "rises": "lower",
    "breaks_down": "lower",
}


def loss_shape(loss: np.ndarray) -> tuple[str, dict[str, float]]:
    """The shape of a loss, without any other curve, and the numbers that it rests on.

    Args:
        loss: One value an epoch, `(epochs,)`.

    Returns:
        A name of `SHAPES` in `shapes`, and its evidence.

    Example:

    >>> loss_shape(np.linspace(2.3, 1.2, 30))[0]
    'straight_line'
    """
    # Losses near the largest float overflow in sums and squares, which the comparisons survive.
    with np.errstate(all="ignore"):
        return _shape(loss)


def still_falls(loss: np.ndarray) -> bool:
    """Whether a loss falls to its end, in a line or a bend: steps are too short, and longer ones its cure.

    Example:

    >>> still_falls(np.linspace(2.3, 1.2, 30)), still_falls(np.full(30, 1.2))
    (True, False)
    """
    return loss_shape(np.asarray(loss, "float64"))[0] in ("straight_line", "still_falls")


def best_before_falling(accuracy: np.ndarray) -> float | None:
    """The best that an accuracy of validation rows had reached before it fell back; `None` where it did not.

    Example:

    >>> round(best_before_falling(np.array([0.5, 0.8, 0.9, 0.9, 0.9, 0.8, 0.7, 0.7, 0.7])), 3)
    0.9
    """
    last = float(np.median(accuracy[-max(2, len(accuracy) // 5) :]))
    # The best of smoothed values: the best of noisy ones is luck.
    best = float(np.convolve(accuracy, np.full(3, 1 / 3), "valid").max())
    return best if best - last > max(_FALLEN_BACK, BEYOND_NOISE * noise_of(accuracy)) else None


def _shape(loss: np.ndarray) -> tuple[str, dict[str, float]]:
    finite = np.isfinite(loss)
    if not finite.all():
        return "breaks_down", {"epoch": float(np.argmin(finite))}
    if len(loss) < FEWEST:
        return "too_short", {"epochs": float(len(loss))}
    start, best = float(loss[0]), float(loss.min())
    level = float(np.median(loss[-max(2, len(loss) // 3) :]))
    line, bent, ratio, done = _trend(loss)
    # Second differences of few points on a steep curve are no noise, so that what an exponential leaves over bounds it.
    noise = min(noise_of(loss), float(np.sqrt(bent / max(1, len(loss) - 3))))
    fall = start - level
    evidence = {"start": start, "level": level, "noise": noise}
    if start > 0 and level > _GROWN * start:
        return "breaks_down", evidence
    climbed = level - best > max(0.5 * (start - best), BEYOND_NOISE * noise, 1e-3 * abs(start))
    if climbed and float(np.median(loss[: max(2, len(loss) // 3)])) < level:
        return "rises", evidence
    if noise > _NOISY_LEVEL * abs(level) and noise > _NOISY_FALL * (start - best):
        return "oscillates", evidence
    evidence |= {"half_ratio": ratio, "done_early": done}
    if fall <= max(BEYOND_NOISE * noise / np.sqrt(len(loss)), 1e-6 * abs(start)):
        return "stands_still", evidence
    # Of noise alone an exponential explains no more than a line does.
    straight = ratio >= _STRAIGHT or line - bent <= BEYOND_NOISE * noise**2
    if straight:
        return "straight_line", evidence
    if ratio >= _STILL_FALLING:
        return "still_falls", evidence
    high = start > 0 and level > _HIGH * start
    return ("drops_and_stays" if done >= _AT_ONCE and high else "bends_to_floor"), evidence


def _trend(loss: np.ndarray) -> tuple[float, float, float, float]:
    """Squared errors of a line and of an exponential; of the latter the second half's fall over that of the first, and
    the share of the fall in the first fifth.
    """
    time = np.linspace(0, 1, len(loss))
    centred = loss - loss.mean()
    slope = float((time - 0.5) @ centred) / float((time - 0.5) @ (time - 0.5))
    line = float(np.sum((centred - slope * (time - 0.5)) ** 2))
    # From falls within an epoch to curves that no eye tells from a line, and beyond it to those that bend down.
    spans = np.geomspace(0.3 / len(loss), 30, 80)
    curves = np.exp(-time[None] / np.concatenate([spans, -spans[spans > 0.3]])[:, None])
    curves -= curves.mean(axis=1, keepdims=True)
    share = (curves @ centred) / np.maximum(np.sum(curves**2, axis=1), 1e-300)
    errors = np.sum((centred - share[:, None] * curves) ** 2, axis=1)
    best = int(np.argmin(errors))
    fitted = share[best] * curves[best]
    middle, fifth = np.interp([0.5, 0.2], time, fitted)
    whole = float(fitted[0] - fitted[-1])
    first = float(fitted[0] - middle)
    ratio = (whole - first) / first if abs(first) > 1e-12 else 0.0
    return line, float(errors[best]), float(ratio), float(fitted[0] - fifth) / whole if abs(whole) > 1e-12 else 0.0
