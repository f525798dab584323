"""How far apart the times of a series are, which are missing, and what times come next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from .columns import as_written

Unit = Literal["months", "weekdays", "nanoseconds", "number", "rows"]
UNITS: tuple[Unit, ...] = ("months", "weekdays", "nanoseconds", "number", "rows")
_DAY = 86_400 * 10**9
# Shares of a step by which times may miss their places: clocks are not set to the nanosecond.
_SLACK = 0.02
# How much of itself a series must repeat before it has a season.
_REPEATS = 0.3


@dataclass(frozen=True)
class TimeStep:
    """The distance of two times that follow one another.

    Args:
        unit: Calendar months, weekdays, nanoseconds of dates, plain numbers, or rows where the distances differ.
        size: How many units a step is.
        date_format: Of the times, as `strptime` takes it; empty for numbers.
    """

    unit: Unit
    size: float = 1.0
    date_format: str = ""

    def places(self, times: np.ndarray) -> np.ndarray:
        """The place of each time, counted in steps from the first; what is missing leaves places out.

        Args:
            times: In their order, each once: numbers, or nanoseconds since the begin of 1970.

        Example:

        >>> TimeStep("number", 2.0).places(np.array([10.0, 12.0, 18.0])).tolist()
        [0, 1, 4]
        """
        if self.unit in ("rows", "weekdays"):
            return np.arange(len(times))
        counted = _months(times) if self.unit == "months" else times
        return np.asarray(np.round((counted - counted[0]) / self.size).astype("int64"))

    def after(self, last: float, count: int) -> list[str]:
        """The times that follow, as the file writes them; `+1`, `+2`, ... where distances differ.

        Args:
            last: The last time that is known.
            count: How many, at least 1.

        Example:

        >>> last = float(pd.Timestamp("2020-01-31").value)
        >>> TimeStep("months", 1, "%Y-%m-%d").after(last, 2)
        ['2020-02-29', '2020-03-31']
        """
        if self.unit == "rows":
            return [f"+{step}" for step in range(1, count + 1)]
        ahead = self.times_after(last, count)
        if self.unit == "number":
            return [as_written(float(one)) for one in ahead]
        return [pd.Timestamp(int(one)).strftime(self.date_format) for one in ahead]

    def times_after(self, last: float, count: int) -> np.ndarray:
        """The times that follow, as numbers or nanoseconds since the begin of 1970.

        Args:
            last: The last time that is known.
            count: How many, at least 1.

        Raises:
            ValueError: Distances differ, so that no time is known to follow.

        Example:

        >>> TimeStep("number", 2.0).times_after(10.0, 2).tolist()
        [12.0, 14.0]
        """
        ahead = range(1, count + 1)
        if self.unit == "rows":
            raise ValueError("The distances of these times differ: which ones follow is not known.")
        if self.unit == "number":
            return np.array([last + step * self.size for step in ahead])
        start = pd.Timestamp(int(last))
        if self.unit == "weekdays":
            stamps = [start + pd.offsets.BDay(step) for step in ahead]
        elif self.unit == "months":
            months = [start + pd.DateOffset(months=int(step * self.size)) for step in ahead]
            # The last day of a month is followed by that of another, however long they are.
            stamps = [one + pd.offsets.MonthEnd(0) for one in months] if start.is_month_end else months
        else:
            stamps = [start + pd.Timedelta(int(step * self.size), "ns") for step in ahead]
        return np.array([float(one.value) for one in stamps])

    @property
    def season(self) -> int:
        """Steps after which the calendar repeats itself: a year of months, a week of days, a day of hours; else 0.

        Example:

        >>> TimeStep("months", 1).season, TimeStep("nanoseconds", 3_600e9).season, TimeStep("number").season
        (12, 24, 0)
        """
        if self.unit == "months":
            return int(12 / self.size) if self.size < 12 and 12 % self.size == 0 else 0
        if self.unit == "weekdays":
            return 5
        if self.unit != "nanoseconds" or not self.size:
            return 0
        if self.size == 7 * _DAY:
            return 52
        if self.size == _DAY:
            return 7
        return int(_DAY / self.size) if self.size < _DAY and _DAY % self.size == 0 else 0

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"unit": self.unit, "size": self.size, "date_format": self.date_format}


def find_step(times: np.ndarray, date_format: str = "") -> TimeStep:
    """Finds how far apart times are, from the distance that is commonest.

    Args:
        times: In their order, each once: numbers, or nanoseconds since the begin of 1970.
        date_format: Of dates, as `strptime` takes it; empty for numbers.

    Example:

    >>> days = pd.to_datetime(["2020-01-01", "2020-02-01", "2020-04-01"]).astype("datetime64[ns]").astype("int64")
    >>> find_step(days.to_numpy("float64"), "%Y-%m-%d")
    TimeStep(unit='months', size=1.0, date_format='%Y-%m-%d')
    >>> find_step(np.array([1.0, 2.0, 3.5, 4.5])).unit
    'rows'
    """
    if len(times) < 2:
        return TimeStep("rows", 1.0, date_format)
    if date_format:
        months = _months(times)
        if np.all(np.diff(months) >= 1) and _one_day_a_month(times):
            size = _commonest(np.diff(months))
            if np.all(np.diff(months) % size == 0):
                return TimeStep("months", size, date_format)
    size = _commonest(np.diff(times))
    if date_format and size == _DAY and len(times) > 5 and not _on_weekends(times):
        return TimeStep("weekdays", 1.0, date_format)
    counted = (times - times[0]) / size
    if np.all(np.abs(counted - np.round(counted)) <= _SLACK) and np.all(np.diff(np.round(counted)) >= 1):
        return TimeStep("nanoseconds" if date_format else "number", size, date_format)
    return TimeStep("rows", 1.0, date_format)


def find_season(values: np.ndarray, most: int) -> int:
    """The lag at which a series resembles itself most, beyond those at which it merely has not changed yet; 0 for none.

    Args:
        values: The series, without gaps.
        most: Longest lag to be looked at, at least 2.

    Reference: Box, Jenkins, Reinsel and Ljung 2015, "Time Series Analysis", chapter 2.1.4, for the autocorrelation.

    Example:

    >>> find_season(np.sin(np.arange(100) / 11 * 2 * np.pi) + np.arange(100) / 50, 33)
    11
    """
    place = np.arange(len(values))
    if len(values) < 8 or np.ptp(values) == 0:
        return 0
    # A trend alone resembles itself at every lag.
    flat = values - np.polyval(np.polyfit(place, values, 1), place)
    power = float(flat @ flat)
    if power <= 1e-12 * float(values @ values):
        return 0
    lags = min(most, len(values) // 3)
    alike = np.array([1.0, *(float(flat[lag:] @ flat[:-lag]) / power for lag in range(1, lags + 1))])
    fallen = np.flatnonzero(alike < 0.5 * _REPEATS)
    if not fallen.size or fallen[0] + 1 >= len(alike):
        return 0
    best = int(fallen[0]) + int(np.argmax(alike[fallen[0] :]))
    # At the last lag that is looked at it may be rising still.
    return best if alike[best] > _REPEATS and best < lags else 0


def _months(times: np.ndarray) -> np.ndarray:
    stamps = pd.DatetimeIndex(times.astype("int64"))
    return np.asarray(stamps.year * 12 + stamps.month, dtype="float64")


def _one_day_a_month(times: np.ndarray) -> bool:
    stamps = pd.DatetimeIndex(times.astype("int64"))
    return bool(np.all(stamps.day == stamps.day[0]) or np.all(stamps.is_month_end))


def _on_weekends(times: np.ndarray) -> bool:
    return bool(np.any(pd.DatetimeIndex(times.astype("int64")).day_of_week >= 5))


def _commonest(distances: np.ndarray) -> float:
    found, counts = np.unique(distances, return_counts=True)
    return float(found[int(counts.argmax())])
