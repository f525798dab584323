"""Series as windows: the values before, and those that follow them, which a model is to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..runtime.machine import free_memory
from . import calendar_parts
from .calendar_parts import calendar_values, find_parts
from .columns import Column, find_column
from .numerals import as_float32
from .table_files import Table
from .table_rows import TableOptions, refuse_unknown, targets_of, times_of
from .time_steps import UNITS, TimeStep, find_season, find_step
from .window_words import WindowWords

# Of the steps of a series, so that enough windows are left to learn from.
_LARGEST_SHARE = 5
_WINDOW, _SEASONS = 12, 2
# Kinds of columns whose words are told apart.
_OF_WORDS = ("category", "ordered", "boolean")


@dataclass(frozen=True)
class Forecast:
    """What a forecast looks back at, and how far ahead it answers.

    Args:
        steps: How many values ahead are answered, at least 1.
        window: How many values back are looked at, at least 1.
        channels: The columns of numbers that are looked back at, the target first.
        step: How far apart the times are.
        season: Steps after which the series repeats itself; 0 for none.
        time: Column of the times; `None` where rows are in the order of time.
        sequence: Column that tells series apart; `None` for one series.
        words: The columns of words that are looked back at, whose channels follow those of numbers.
        calendar: The parts of the calendar that are looked at, whose channels are the last ones.
    """

    steps: int
    window: int
    channels: tuple[Column, ...]
    step: TimeStep
    season: int = 0
    time: str | None = None
    sequence: str | None = None
    words: tuple[WindowWords, ...] = ()
    calendar: tuple[str, ...] = ()

    @property
    def columns(self) -> int:
        """Number of columns that are looked back at.

        Example:

        >>> Forecast(2, 3, (Column("sold", "number"),), TimeStep("number"), words=(WindowWords("at", ("a",)),)).columns
        2
        """
        return len(self.channels) + len(self.words)

    @property
    def width(self) -> int:
        """Number of channels of a window.

        Example:

        >>> Forecast(2, 3, (Column("sold", "number"),), TimeStep("months"), calendar=("month",)).width
        3
        """
        of_words = sum(one.width for one in self.words)
        return len(self.channels) + of_words + calendar_parts.width(self.calendar)

    @property
    def lead(self) -> int:
        """By how many steps the calendar runs before the values beside it, so that it ends where the answers do.

        Where the distances of times differ it is 0: which times will be answered is not known then.

        Example:

        >>> Forecast(2, 3, (Column("sold", "number"),), TimeStep("months")).lead
        2
        """
        return 0 if self.step.unit == "rows" else self.steps

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the schema of a model."""
        return {
            "steps": self.steps,
            "window": self.window,
            "channels": [one.name for one in self.channels],
            "step": self.step.as_dict(),
            "season": self.season,
            "time": self.time,
            "sequence": self.sequence,
            "words": {one.name: list(one.words) for one in self.words},
            "calendar": list(self.calendar),
        }

    @classmethod
    def of_dict(cls, values: Any) -> Forecast | None:
        """A forecast of plain values, `None` where they are not those of one.

        Example:

        >>> Forecast.of_dict(Forecast(2, 3, (Column("sold", "number"),), TimeStep("number")).as_dict()).window
        3
        >>> Forecast.of_dict({"steps": "two"}) is None
        True
        """
        if not isinstance(values, dict):
            return None
        steps, window, names, step = (values.get(name) for name in ("steps", "window", "channels", "step"))
        if not all(type(one) is int and 0 < one < 2**31 for one in (steps, window)):
            return None
        if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
            return None
        beside = all(values.get(one) is None or isinstance(values[one], str) for one in ("time", "sequence"))
        if not (beside and isinstance(step, dict) and step.get("unit") in UNITS):
            return None
        size, date_format = step.get("size"), step.get("date_format")
        if not isinstance(size, int | float) or not 0 < size < 1e18 or not isinstance(date_format, str):
            return None
        # Models of before look back at numbers alone.
        words, calendar = values.get("words", {}), values.get("calendar", [])
        if not isinstance(words, dict) or not all(map(_are_words, words.values())):
            return None
        if not _are_words(calendar) or not set(calendar) <= set(calendar_parts.PARTS):
            return None
        channels = tuple(Column(one, "number") for one in names)
        return cls(
            int(steps or 0),
            int(window or 0),
            channels,
            TimeStep(step["unit"], size, date_format),
            0,
            values["time"],
            values["sequence"],
            tuple(WindowWords(str(one), tuple(known)) for one, known in words.items()),
            tuple(calendar),
        )


def _are_words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, str) for one in values)


@dataclass(frozen=True)
class WindowTimes:
    """Of each window, the time of its first value, of the first value to answer, and of the last."""

    begin: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class Windows:
    """Windows `(rows, window, channels)`, targets `(rows,)` or `(rows, steps)`, and when they are."""

    x: np.ndarray
    y: np.ndarray
    times: WindowTimes
    target: str
    forecast: Forecast
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Series:
    """One series in the order of time: values `(steps, columns)`, times, and places counted in steps.

    Words stand as their numbers, NaN where a series has none at all.
    """

    name: str
    values: np.ndarray
    times: np.ndarray
    places: np.ndarray


def windows_of(table: Table, options: TableOptions, source: str = "") -> Windows:
    """Cuts the series of a table into windows.

    Args:
        table: What was read; a row a time, or one a time and series.
        options: With `forecast`, and maybe `window`, `time` and `sequence`.
        source: The file, for messages.

    Raises:
        ValueError: There is no such column, a time stands twice, the target holds words, or the series is shorter than
            a window and what follows it.

    Example:

    >>> table = Table(pd.DataFrame({"year": range(2000, 2020), "sold": range(20)}))
    >>> found = windows_of(table, TableOptions("sold", forecast=2, window=3, time="year"))
    >>> found.x.shape, found.x[0, :, 0].tolist(), found.y[0].tolist()
    ((16, 3, 1), [0.0, 1.0, 2.0], [3.0, 4.0])
    """
    refuse_unknown(table, options, source)
    notes = list(table.notes)
    options, found = _time_column(table, options)
    notes += found
    target = str(options.target or _last_column(table, options))
    _refuse_twice_named(target, options)
    columns, values, found = _columns(table, target, options, source)
    notes += found
    times, date_format = (
        times_of(table.frame, table, options.time, options.asked.get(options.time))
        if options.time
        else (np.arange(float(table.rows)), "")
    )
    groups = _groups(table, options.sequence)
    _refuse_same_times(table, groups, times, options)
    series, step, found = _in_order(groups, times, values, date_format, options, target)
    notes += found
    longest = max(series, key=lambda one: len(one.times))
    season = step.season or find_season(
        longest.values[: len(longest.times) // 2, 0].astype("float64"), len(longest.times) // 6
    )
    steps, window = _sizes(options, len(longest.times), season)
    calendar = find_parts(longest.times) if date_format else ()
    forecast = Forecast(
        steps, window, columns.numbers, step, season, options.time, options.sequence, columns.words, calendar
    )
    _refuse_memory(sum(len(one.times) for one in series), window, forecast.width)
    cut, found = _cut(series, forecast, options)
    notes += found
    if options.window is None:
        notes.append(f"The window is {window} steps" + (f", by a season of {season}." if season else "."))
    if calendar:
        notes.append(f"The calendar is looked at too: {', '.join(calendar)}.")
    x, y, whole = cut
    return Windows(x, y[:, 0] if steps == 1 else y, whole, target, forecast, tuple(notes))


def _time_column(table: Table, options: TableOptions) -> tuple[TableOptions, list[str]]:
    if options.time is not None:
        return options, []
    dates = [
        name
        for name in table.columns
        if name not in (options.target, options.sequence, *options.drop)
        and find_column(name, table.frame[name], asked=options.asked.get(name), comma=table.comma)[0].kind == "date"
    ]
    if len(dates) == 1:
        return replace(options, time=dates[0]), [f"{dates[0]!r} is taken for the time."]
    if dates:
        raise ValueError(
            f"A forecast needs to know the time of a row, and {len(dates)} columns hold dates "
            f"({', '.join(map(repr, dates[:5]))}): name one with `time` (`--time {dates[0]}` on the command line)."
        )
    return options, ["No column of times is named: the rows are taken to be in the order of time, a step apart."]


def _last_column(table: Table, options: TableOptions) -> str:
    left = [one for one in table.columns if one not in (*options.drop, options.time, options.sequence)]
    if not left:
        raise ValueError("No column is left to forecast: name one with `target` (`--target` on the command line).")
    return left[-1]


def _refuse_twice_named(target: str, options: TableOptions) -> None:
    for option, name in (("time", options.time), ("sequence", options.sequence)):
        if name == target:
            raise ValueError(f"Column {target!r} cannot be the target and the {option}.")
    if target in options.drop:
        raise ValueError(f"Column {target!r} cannot be the target and be dropped.")
    if options.time is not None and options.time == options.sequence:
        raise ValueError(f"Column {options.time!r} cannot be the time and the sequence.")


@dataclass(frozen=True)
class _Columns:
    """What is looked back at: numbers, the target first, and words."""

    numbers: tuple[Column, ...]
    words: tuple[WindowWords, ...]


def _columns(table: Table, target: str, options: TableOptions, source: str) -> tuple[_Columns, np.ndarray, list[str]]:
    """The columns that are looked back at, and their values with NaN for gaps, words as their numbers."""
    y, gaps = targets_of(table, target, options.asked.get(target), source)
    if gaps.all():
        raise ValueError(f"The target {target!r} has no value in any row.")
    if y.dtype == object:
        word = next(cell for cell in y if cell != "")
        raise ValueError(
            f"The target {target!r} holds words, such as {word!r}, and a forecast is of numbers: name another column, "
            "or count the words first."
        )
    column, _ = find_column(target, table.frame[target], asked=options.asked.get(target), comma=table.comma)
    channels, values = [replace(column, kind="number")], [np.where(gaps, np.nan, y.astype("float64"))]
    words: list[WindowWords] = []
    of_words: list[np.ndarray] = []
    notes, left = [], []
    for name in table.columns:
        if name in (target, options.time, options.sequence, *options.drop):
            continue
        other, cells = find_column(
            name, table.frame[name], asked=options.asked.get(name), comma=table.comma, lines=table.row_numbers,
            source=source,
        )  # fmt: skip
        if other.used and other.is_number:
            channels.append(other)
            values.append(cells)
        elif other.used and other.kind in _OF_WORDS:
            words.append(WindowWords.found(name, cells))
            of_words.append(words[-1].numbers(cells))
        else:
            left.append(name)
    looked = [*(one.name for one in channels[1:]), *(one.name for one in words)]
    if looked:
        shown = ", ".join(map(repr, looked[:5])) + (" and more" if len(looked) > 5 else "")
        notes.append(f"Past values of {shown} are looked back at too.")
    if left:
        listed = ", ".join(map(repr, left[:10]))
        notes.append(f"Left out, since a forecast looks back at numbers and categories: {listed}.")
    return _Columns(tuple(channels), tuple(words)), np.stack([*values, *of_words], axis=1), notes


def _groups(table: Table, sequence: str | None) -> list[tuple[str, np.ndarray]]:
    """The rows of each series, by its name."""
    if sequence is None:
        return [("", np.arange(table.rows))]
    names, numbers = np.unique(table.frame[sequence].astype(str).to_numpy(dtype=object), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))[:-1]
    return list(zip(map(str, names), np.split(order, ends), strict=True))


def _refuse_same_times(
    table: Table, groups: Sequence[tuple[str, np.ndarray]], times: np.ndarray, options: TableOptions
) -> None:
    for name, at in groups:
        order = at[np.argsort(times[at], kind="stable")]
        same = np.flatnonzero(np.diff(times[order]) == 0)
        if not same.size:
            continue
        one, other = sorted(int(row) for row in order[same[0] : same[0] + 2])
        moment = table.frame[options.time].iloc[one]
        within = f" of {options.sequence} {name!r}" if options.sequence else ""
        cure = (
            ""
            if options.sequence
            else ", or name the column that tells series apart with `sequence` (`--sequence` on the command line)"
        )
        raise ValueError(
            f"Column {options.time!r} holds {str(moment)!r}{within} twice, in rows {table.line(one)} and "
            f"{table.line(other)} ({len(same)} such pairs): sum or average the rows of one time first{cure}."
        )


def _in_order(
    groups: Sequence[tuple[str, np.ndarray]],
    times: np.ndarray,
    values: np.ndarray,
    date_format: str,
    options: TableOptions,
    target: str,
) -> tuple[list[_Series], TimeStep, list[str]]:
    """Each series in the order of time, without the rows that have no target, gaps of other columns filled."""
    notes: list[str] = []
    if any(np.any(np.diff(times[at]) < 0) for _, at in groups):
        notes.append(f"Rows were not in the order of {options.time!r}, and are put in it.")
    series, lost, filled = [], 0, 0
    # Of the longest series: others may begin at other hours.
    longest = max(groups, key=lambda one: len(one[1]))[1]
    step = find_step(np.sort(times[longest]), date_format)
    for name, at in groups:
        order = at[np.argsort(times[at], kind="stable")]
        own, when = values[order], times[order]
        there = ~np.isnan(own[:, 0])
        lost += int((~there).sum())
        # A time without a target is a time that is missing.
        own, when, places = own[there], when[there], step.places(when)[there] if len(when) else there
        if not len(when):
            continue
        whole = pd.DataFrame(own).ffill().bfill().to_numpy()
        filled += int(np.isnan(own).sum())
        series.append(_Series(name, whole, when, places))
    if lost:
        notes.append(
            f"{lost} row{' has' if lost == 1 else 's have'} no value in the target {target!r}: the time counts as "
            "missing."
        )
    if filled:
        notes.append(f"{filled} gap{'s' if filled > 1 else ''} of other columns filled with the value before.")
    if step.unit == "rows" and options.time is not None:
        distances = np.diff(np.sort(times[longest])) / (86_400e9 if date_format else 1)
        unit = " days" if date_format else ""
        notes.append(
            f"Times are {distances.min():.4g} to {distances.max():.4g}{unit} apart: each row counts as one step."
        )
    if step.unit == "weekdays":
        notes.append("Weekends have no rows: each row counts as one step.")
    return series, step, notes


def _sizes(options: TableOptions, length: int, season: int) -> tuple[int, int]:
    steps = options.forecast or 1
    most = max(1, length // _LARGEST_SHARE - steps)
    return steps, options.window or min(most, max(_SEASONS * season, 2 * steps, _WINDOW if not season else 1))


def _refuse_memory(rows: int, window: int, channels: int) -> None:
    free, needed = free_memory(), 4 * rows * window * channels
    # As cut, and as split.
    if free is not None and 2 * needed > free:
        raise ValueError(
            f"{rows} windows of {window} x {channels} values need {2 * needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB of memory are free: take a shorter `window`, or drop columns."
        )


def _cut(
    series: Sequence[_Series], forecast: Forecast, options: TableOptions
) -> tuple[tuple[np.ndarray, np.ndarray, WindowTimes], list[str]]:
    window, steps = forecast.window, forecast.steps
    whole = window + steps
    possible = [max(0, len(one.times) - whole + 1) for one in series]
    if not sum(possible):
        longest = max(len(one.times) for one in series)
        raise ValueError(
            f"The longest series has {longest} steps, and a window of {window} with {steps} to forecast takes {whole}: "
            "give a shorter `window` (`--window` on the command line), or fewer steps to forecast."
        )
    notes = []
    starts = [_unbroken(one.places, whole) for one in series]
    left_out = sum(possible) - sum(map(len, starts))
    if left_out and 2 * left_out > sum(possible):
        # With so many times missing hardly a window would be whole.
        series = [replace(one, places=np.arange(len(one.times))) for one in series]
        starts = [np.arange(count) for count in possible]
        notes.append(f"{_missing_in_words(series, options)}: each row counts as one step.")
    elif left_out:
        notes.append(f"{_missing_in_words(series, options)}: {left_out} windows over missing times are left out.")
    short = sum(count == 0 for count in possible)
    if short:
        notes.append(f"{short} of {len(series)} series are shorter than {whole} steps, and left out.")
    x, y, begin, first, last = [], [], [], [], []
    for one, at in zip(series, starts, strict=True):
        if not len(at):
            continue
        values = _channels(one.values, forecast)
        known = calendar_values(one.times, forecast.calendar).astype("float32")
        looked = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)[at]
        ahead = np.lib.stride_tricks.sliding_window_view(known, window, axis=0)[at + forecast.lead]
        x.append(np.ascontiguousarray(np.concatenate([looked, ahead], axis=1).transpose(0, 2, 1)))
        y.append(np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values[:, 0], whole)[at, window:]))
        begin.append(one.times[at])
        first.append(one.times[at + window])
        last.append(one.times[at + whole - 1])
    times = WindowTimes(*(np.concatenate(part) for part in (begin, first, last)))
    return (np.concatenate(x), np.concatenate(y), times), notes


def _channels(values: np.ndarray, forecast: Forecast) -> np.ndarray:
    """Values of columns `(steps, columns)` as channels of float32: numbers as they are, a channel for each word."""
    count = len(forecast.channels)
    numbers = [as_float32(one.name, np.nan_to_num(values[:, [place]])) for place, one in enumerate(forecast.channels)]
    words = [one.channels(values[:, count + place]) for place, one in enumerate(forecast.words)]
    return np.concatenate([*numbers, *words], axis=1).astype("float32")


def _unbroken(places: np.ndarray, whole: int) -> np.ndarray:
    """Where windows begin that have no missing time in them."""
    if len(places) < whole:
        return np.zeros(0, dtype="int64")
    return np.flatnonzero(places[whole - 1 :] - places[: len(places) - whole + 1] == whole - 1)


def _missing_in_words(series: Sequence[_Series], options: TableOptions) -> str:
    missing = sum(int((np.diff(one.places) - 1).clip(0).sum()) for one in series)
    return (
        f"{missing} time{'s are' if missing > 1 else ' is'} missing in {options.time!r}"
        if missing
        else ("Many times are missing")
    )


def last_windows(table: Table, forecast: Forecast, source: str = "") -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The latest window of each series, and of each value that is to follow the series and the time.

    Args:
        table: Rows with the columns that the forecast looks back at.
        forecast: Of the model.
        source: The file, for messages.

    Returns:
        Windows `(series, window, channels)`, and pairs (series, time), `steps` of them for each window.

    Raises:
        ValueError: A column is missing, a cell is no number, a time stands twice, or a series is too short.

    Example:

    >>> table = Table(pd.DataFrame({"year": [2001, 2000, 2002], "sold": [2.0, 1.0, 4.0]}))
    >>> wanted = Forecast(2, 2, (Column("sold", "number"),), TimeStep("number"), time="year")
    >>> x, ahead = last_windows(table, wanted)
    >>> x[0, :, 0].tolist(), ahead
    ([2.0, 4.0], [('', '2003'), ('', '2004')])
    """
    names = [one.name for one in forecast.channels]
    beside = (one for one in (forecast.time, forecast.sequence) if one is not None)
    for name in (*names, *(one.name for one in forecast.words), *beside):
        if name not in table.columns:
            raise ValueError(f"{source or 'The table'} does not fit the model: column {name!r} is missing.")
    if table.rows < forecast.window:
        raise _too_few(source or "The table", table.rows, forecast)
    options = TableOptions(names[0], time=forecast.time, sequence=forecast.sequence)
    of_words = [one.numbers(_words(table, one.name, source)) for one in forecast.words]
    values = np.stack([*(_numbers(table, name, source) for name in names), *of_words], axis=1)
    times = _times(table, forecast, source)
    groups = _groups(table, forecast.sequence)
    _refuse_same_times(table, groups, times, options)
    windows, ahead = [], []
    for name, at in groups:
        order = at[np.argsort(times[at], kind="stable")]
        own = pd.DataFrame(values[order]).ffill().to_numpy()[-forecast.window :]
        within = f" of {forecast.sequence} {name!r}" if forecast.sequence else ""
        if len(own) < forecast.window:
            raise _too_few(f"{source or 'The table'}{within}", len(own), forecast)
        gaps = np.isnan(own[:, : len(names)])
        if gaps.any():
            place = names[int(np.argwhere(gaps)[0][1])]
            raise ValueError(f"{source or 'The table'}{within}: column {place!r} begins with a gap; fill it first.")
        windows.append(np.concatenate([_channels(own, forecast), _calendar(times[order], forecast)], axis=1))
        ahead += [(name, one) for one in forecast.step.after(float(times[order[-1]]), forecast.steps)]
    return np.stack(windows), ahead


def _times(table: Table, forecast: Forecast, source: str) -> np.ndarray:
    if forecast.time is None:
        return np.arange(float(table.rows))
    times, date_format = times_of(table.frame, table, forecast.time)
    if forecast.calendar and not date_format:
        cell = table.frame[forecast.time].iloc[0]
        raise ValueError(
            f"{source or 'The table'}: the model takes dates in column {forecast.time!r}, such as "
            f"{forecast.step.date_format}, got {str(cell)!r}."
        )
    return times


def _calendar(times: np.ndarray, forecast: Forecast) -> np.ndarray:
    """The calendar of a window that ends with these times, as training windows have it."""
    if forecast.lead and forecast.calendar:
        times = np.concatenate([times, forecast.step.times_after(float(times[-1]), forecast.lead)])
    return calendar_values(times[-forecast.window :], forecast.calendar).astype("float32")


def _too_few(where: str, rows: int, forecast: Forecast) -> ValueError:
    looks = f"the model looks back at {forecast.window}: give the latest {forecast.window} at least"
    return ValueError(f"{where} holds {rows} row{'s' if rows > 1 else ''}, and {looks}.")


def _numbers(table: Table, name: str, source: str) -> np.ndarray:
    _, values = find_column(
        name, table.frame[name], asked=None, comma=table.comma, lines=table.row_numbers, source=source
    )
    if values.dtype == object:
        word = next((cell for cell in values if cell), "")
        raise ValueError(f"{source or 'The table'}: the model takes numbers in column {name!r}, got {word!r}.")
    return np.asarray(values, dtype="float64")


def _words(table: Table, name: str, source: str) -> np.ndarray:
    _, cells = find_column(name, table.frame[name], asked="category", lines=table.row_numbers, source=source)
    return cells
