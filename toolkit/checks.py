"""Refuses bad arguments, always in the same sentence: which argument, what it must be, what came."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any


def one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Returns `value` where it is one of `allowed`.

    Args:
        name: Argument name, for the message.
        value: What came.
        allowed: The strings that may come.

    Raises:
        ValueError: `value` is not among `allowed`.

    Example:

    >>> one_of("how", "soft", ("soft", "hard"))
    'soft'
    """
    if not isinstance(value, str) or value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"`{name}` must be {choices}, got {value!r}.")
    return value


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Returns `value` as an int where it is a whole number of at least `low`, and at most `high` where that is given.

    Raises:
        TypeError: `value` is not a whole number (booleans are not numbers here).
        ValueError: `value` is below `low` or above `high`.

    Example:

    >>> whole_number("members", 3, low=1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    given = int(value)
    if given < low:
        raise ValueError(f"`{name}` must be at least {low}, got {value}.")
    if high is not None and given > high:
        raise ValueError(f"`{name}` must be at most {high}, got {value}.")
    return given


def number(name: str, value: Any, low: float, high: float, *, open_low: bool = False, open_high: bool = False) -> float:
    """Returns `value` as a float where it lies in the interval.

    Args:
        name: Argument name, for the message.
        value: What came.
        low: Smallest value.
        high: Largest value, may be infinite.
        open_low: Whether `low` itself is refused.
        open_high: Whether `high` itself is refused.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is NaN or outside the interval.

    Example:

    >>> number("momentum", 0.9, 0, 1, open_high=True)
    0.9
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    given = float(value)
    below = given <= low if open_low else given < low
    above = given >= high if open_high else given > high
    if math.isnan(given) or below or above:
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or math.isinf(high) else ']'}"
        raise ValueError(f"`{name}` must be in {interval}, got {value}.")
    return given
