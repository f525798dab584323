"""What the calendar says of a time: its hour, weekday and month, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

# How many numbers each part takes, after how many days it comes again.
_WIDTHS = {"hour": 2, "weekday": 7, "month": 2}
_PERIODS = {"hour": 1.0, "weekday": 7.0, "month": 365.25}
PARTS = tuple(_WIDTHS)
_DAY = 86_400e9
# Of a part that a series goes through fewer times, nothing can be learnt that holds the next time.
_TIMES_OVER = 2


def find_parts(times: np.ndarray) -> tuple[str, ...]:
    """The parts of the calendar in which times differ, and which come again within them.

    Args:
        times: Nanoseconds since the begin of 1970, at least one.

    Example:

    >>> days = pd.date_range("2020-01-01", periods=60).to_numpy("datetime64[ns]").astype("float64")
    >>> find_parts(days), find_parts(days[::7]), find_parts(days / 24)
    (('weekday',), (), ('hour',))
    """
    days = np.sort(times) / _DAY
    span, step = float(np.ptp(days)), float(np.median(np.diff(days))) if len(days) > 1 else np.inf
    stamps = _stamps(times)
    values = {"hour": stamps.hour, "weekday": stamps.day_of_week, "month": stamps.month}
    return tuple(
        part
        for part, period in _PERIODS.items()
        if step < period and span >= _TIMES_OVER * period and values[part].nunique() > 1
    )


def width(parts: Sequence[str]) -> int:
    """How many numbers the parts of one time are.

    Example:

    >>> width(["weekday", "month"])
    9
    """
    return sum(_WIDTHS[part] for part in parts)


def calendar_values(times: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """The parts of times as numbers `(times, width)`: hours and months as points on a circle, weekdays one by one.

    As `DateEncoding` has them, so that December stands beside January; Monday is the first weekday.

    Args:
        times: Nanoseconds since the begin of 1970.
        parts: Some of `PARTS`.

    Example:

    >>> friday_noon = np.array([float(pd.Timestamp("2021-01-01 12:00").value)])
    >>> calendar_values(friday_noon, ["hour", "weekday"]).round().tolist()
    [[0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]
    """
    return np.concatenate([np.zeros((len(times), 0)), *(_values(times, part) for part in parts)], axis=1)


def _values(times: np.ndarray, part: str) -> np.ndarray:
    stamps = _stamps(times)
    if part == "weekday":
        return np.eye(7)[np.asarray(stamps.day_of_week)]
    return _circle(np.mod(times, _DAY) / _DAY if part == "hour" else (np.asarray(stamps.month) - 1) / 12)


def _stamps(times: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times.astype("int64"))


def _circle(share: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)], axis=1)
