"""From a table to the rows of a model: target, columns that are used, and what stands beside them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from .columns import Column, find_column
from .dates import parsed
from .numerals import as_float32
from .table_files import Table

# One input of the model and one encoder a column: beyond, to build it takes minutes.
_MOST_WORDY = 1_000


@dataclass(frozen=True)
class TableOptions:
    """What a user says of a table.

    Args:
        target: Column to predict, `None` for the last.
        drop: Columns to leave out.
        asked: What columns are, by name.
        group: Column whose rows of one value stay in one split.
        time: Column by which the splits follow one another.
        forecast: How many values of the target that follow are to be answered; `None` for the one beside the columns.
        window: How many values before them are looked back at; `None` for so many as fit.
        sequence: Column that tells series apart.
    """

    target: str | None = None
    drop: tuple[str, ...] = ()
    asked: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    time: str | None = None
    forecast: int | None = None
    window: int | None = None
    sequence: str | None = None

    def of(self, target: str | None) -> TableOptions:
        """The same for another target."""
        return replace(self, target=target)


@dataclass(frozen=True)
class TableRows:
    """Values of the columns that are used, targets, and what the columns are."""

    values: dict[str, np.ndarray]
    y: np.ndarray
    target: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    group: np.ndarray | None
    time: np.ndarray | None


def table_rows(table: Table, options: TableOptions, y: np.ndarray | None = None, source: str = "") -> TableRows:
    """Takes a table apart.

    Args:
        table: What was read.
        options: What the user says of it.
        y: Targets, where the table does not hold them.
        source: The file, for messages.

    Raises:
        TypeError: A column holds what is neither number, word nor time.
        ValueError: There is no such column, or none is left to predict from; a target or a column cannot be used.

    Example:

    >>> rows = table_rows(Table(pd.DataFrame({"size": [1.0, 2.0, 4.0], "kind": ["a", "b", None]})), TableOptions())
    >>> rows.target, rows.y.tolist(), rows.values["size"].tolist(), rows.notes
    ('kind', ['a', 'b'], [1.0, 2.0], ("1 row has no value in the target 'kind' and is left out.",))
    """
    where, frame = source or "The table", table.frame
    refuse_unknown(table, options, source)
    left = [name for name in frame.columns if name not in options.drop]
    target: str = "target"
    notes = list(table.notes)
    if y is None:
        if not left:
            raise ValueError(f"{where}: `drop` leaves no column.")
        target = str(left[-1]) if options.target is None else str(options.target)
        if target in options.drop:
            raise ValueError(f"Column {target!r} cannot be the target and be dropped.")
        for option, chosen in (("group", options.group), ("time", options.time)):
            if chosen == target:
                raise ValueError(f"Column {target!r} cannot be the target and the {option}.")
        y, gaps = targets_of(table, target, options.asked.get(target), source)
        if gaps.any():
            count = int(gaps.sum())
            if count == len(y):
                raise ValueError(f"{where}: the target {target!r} has no value in any row.")
            notes.append(
                f"{count} row{' has' if count == 1 else 's have'} no value in the target {target!r} and "
                f"{'is' if count == 1 else 'are'} left out."
            )
            keep = np.flatnonzero(~gaps)
            table, y = table.at(keep), y[keep]
            frame = table.frame
        left.remove(target)
    if not left:
        raise ValueError(f"{where} has the target column {target!r} only, and no column to predict it from.")
    columns, values = [], {}
    for name in left:
        column, found = find_column(
            name,
            frame[name],
            asked=options.asked.get(name),
            comma=table.comma,
            lines=table.row_numbers,
            source=source,
        )
        if name == options.group:
            column = replace(column, used=False, details=(*column.details, "the group of a row"))
        columns.append(column)
        if column.used:
            values[name] = _finite(name, found, table) if column.is_number else found
    if not values:
        raise ValueError(f"{where} has no column to predict {target!r} from: {'; '.join(one.said for one in columns)}.")
    wordy = len(values) if any(not one.is_number for one in columns if one.used) else 0
    if wordy > _MOST_WORDY:
        raise ValueError(
            f"{where} has {wordy} columns, some of words; with words it may have {_MOST_WORDY}: drop some, or give "
            "numbers only."
        )
    return TableRows(
        values,
        y,
        target,
        tuple(columns),
        tuple(notes),
        _group(frame, options.group),
        None if options.time is None else times_of(frame, table, options.time, options.asked.get(options.time))[0],
    )


def refuse_unknown(table: Table, options: TableOptions, source: str = "") -> None:
    """Refuses names of columns that a table does not have, with one that is near.

    Raises:
        ValueError: There is no such column.
    """
    where, known = source or "The table", table.frame.columns
    single = (options.target, options.group, options.time, options.sequence)
    for name in (*options.drop, *options.asked, *(one for one in single if one is not None)):
        if name not in known:
            raise ValueError(
                f"{where} has no column {name!r}; its columns are {shown_names(known)}.{_near(name, known)}"
            )


def targets_of(table: Table, target: str, asked: str | None, source: str) -> tuple[np.ndarray, np.ndarray]:
    """The targets of a table as numbers or words, and which rows have none."""
    column, values = find_column(
        target,
        table.frame[target],
        # Whatever its kind, a target is numbers or words; dates to predict would be numbers.
        asked=asked if asked in ("number", "category") else None,
        comma=table.comma,
        lines=table.row_numbers,
        source=source,
    )
    if column.kind == "date":
        raise ValueError(f"The target {target!r} holds dates: turn them into numbers, such as days since a first one.")
    if values.dtype == object:
        return values, values == ""
    gaps = np.isnan(values)
    there = values[~gaps]
    written = table.frame[target]
    if written.dtype.kind == "b":
        return np.where(there == 1, "True", "False").astype(object), gaps
    # As written: 3.0 is a quantity, 3 may be a class; pandas keeps whole numbers beside gaps as 3.0.
    pointed = not gaps.any() if written.dtype.kind == "f" else any("." in str(cell) for cell in written)
    whole = bool(
        np.all(np.isfinite(there)) and np.all(there == np.round(there)) and np.abs(there).max(initial=0) < 2**53
    )
    if whole and not pointed:
        return np.where(gaps, 0, values).astype("int64"), gaps
    return values, gaps


def _finite(name: str, values: np.ndarray, table: Table) -> np.ndarray:
    numbers = as_float32(name, values)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ValueError(
            f"The feature {name!r} holds infinite values, the first in row {table.line(infinite[0])}: leave "
            "the cell empty."
        )
    return numbers


def _group(frame: pd.DataFrame, name: str | None) -> np.ndarray | None:
    return None if name is None else np.array([str(cell) for cell in frame[name]], dtype=object)


def times_of(frame: pd.DataFrame, table: Table, name: str, asked: str | None = None) -> tuple[np.ndarray, str]:
    """The times of the rows as numbers, nanoseconds for dates, and the form of dates.

    Args:
        frame: The rows.
        table: What they were read from.
        name: Of the column.
        asked: What the user says that it is. Numbers that all are days, as 20240131, are taken for days without a word.

    Raises:
        ValueError: It holds neither dates nor numbers, or has a gap.

    Example:

    >>> table = Table(pd.DataFrame({"day": ["1970-01-02", "1970-01-03"]}))
    >>> times_of(table.frame, table, "day")
    (array([8.640e+13, 1.728e+14]), '%Y-%m-%d')
    """
    kind = asked if asked in ("date", "number") else None
    column, values = find_column(name, frame[name], asked=kind, comma=table.comma, lines=table.row_numbers)
    if kind is None and values.dtype != object and _are_days(values):
        column, values = find_column(name, frame[name], asked="date", comma=table.comma, lines=table.row_numbers)
    if values.dtype == object:
        if column.kind != "date":
            raise ValueError(
                f"Column {name!r} cannot order the rows by time: it is {column.kind}, and no date or number."
            )
        times = parsed(pd.Series(values, dtype=object), column.date_format)
        values = times.astype("datetime64[ns]").astype("int64").to_numpy().astype("float64")
        values[times.isna().to_numpy()] = np.nan
    if np.isnan(values).any():
        row = table.line(np.flatnonzero(np.isnan(values))[0])
        raise ValueError(f"Column {name!r} cannot order the rows by time: row {row} has no value.")
    return values, column.date_format


def _are_days(values: np.ndarray) -> bool:
    days = values[np.isfinite(values)]
    if not len(days) or np.any(days != np.round(days)) or days.min() < 1678_01_01 or days.max() > 2262_01_01:
        return False
    return bool(parsed(pd.Series([str(int(day)) for day in days], dtype=object), "%Y%m%d").notna().all())


def shown_names(names: Iterable[str]) -> str:
    """Names in a row, the first twenty of many.

    Example:

    >>> shown_names(["size", "kind"])
    'size, kind'
    """
    shown = list(names)
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")


def _near(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), 1)
    return f" Did you mean {found[0]!r}?" if found else ""
