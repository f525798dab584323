"""Intervals around a quantity that hold by the errors of held-out rows, and how many new rows they cover."""

from __future__ import annotations

import math

import numpy as np

LEVELS = (0.5, 0.8, 0.9, 0.95)


def half_width(errors: np.ndarray, level: float) -> float:
    """Half the width of the interval that covers a share `level` of new rows, by split conformal prediction.

    Args:
        errors: Absolute errors of held-out rows, `(rows,)`.
        level: Share of new rows to be covered, in (0, 1).

    Returns:
        The error that `ceil((rows + 1) * level)` of the rows do not exceed; infinite where the rows are too few.

    Reference: Lei et al. 2018, arXiv:1604.04173, section 2.2.

    Example:

    >>> half_width(np.array([1.0, 2.0, 3.0, 4.0]), 0.8), half_width(np.array([1.0]), 0.9)
    (4.0, inf)
    """
    place = math.ceil((len(errors) + 1) * level)
    return math.inf if place > len(errors) else float(np.sort(errors)[place - 1])


def coverage(held_out: np.ndarray, errors: np.ndarray) -> list[dict[str, float]]:
    """For several levels the half width that held-out errors ask for, and the share of other rows that it covers.

    Args:
        held_out: Absolute errors of the rows that set the width, `(rows,)`.
        errors: Absolute errors of the rows that are counted, `(rows,)`.

    Returns:
        A dictionary a level with `level`, `half_width` and `covered`; of few rows the high levels are left out.

    Example:

    >>> coverage(np.arange(1.0, 5.0), np.array([0.5, 2.5, 9.0]))[0]
    {'level': 0.5, 'half_width': 3.0, 'covered': 0.6666666666666666}
    """
    widths = {level: half_width(held_out, level) for level in LEVELS}
    return [
        {"level": level, "half_width": width, "covered": float(np.mean(errors <= width))}
        for level, width in widths.items()
        if math.isfinite(width)
    ]
