"""The points of a member's curves, for whoever keeps curves elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any


def curve_points(member: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Name, value and epoch, from 1, of every finite value that a member logged.

    Args:
        member: With its `history`, and where that was thinned with `epochs_shown`, the epochs (from 0) it still holds.

    Example:

    >>> list(curve_points({"history": {"loss": [0.5, None, 0.25]}, "epochs_shown": [0, 7, 9]}))
    [('loss', 0.5, 1), ('loss', 0.25, 10)]
    """
    for name, curve in (member.get("history") or {}).items():
        epochs = member.get("epochs_shown") or range(len(curve))
        for epoch, value in zip(epochs, curve, strict=False):
            if is_finite(value):
                yield name, float(value), epoch + 1


def is_finite(value: Any) -> bool:
    """Whether it is a number that a curve can go through.

    Example:

    >>> is_finite(0.5), is_finite(None), is_finite(float("inf"))
    (True, False, False)
    """
    return isinstance(value, int | float) and math.isfinite(value)
