"""Sequences of unequal length as one array: filled up behind their ends by a value that models leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..runtime.machine import free_memory
from .columns import find_column
from .numerals import as_float32
from .table_files import Table
from .table_rows import TableOptions, refuse_unknown, targets_of, times_of

# Of the steps behind a sequence's end: no measurement is so, and float32 holds it exactly.
PADDING = -1e9
_MOST_NAMED = 10


@dataclass(frozen=True)
class SequenceColumns:
    """What the steps of a table's sequences are.

    Args:
        sequence: Column that tells sequences apart.
        time: Column of the times; `None` where rows are in their order.
        channels: The columns of numbers that each step holds.
        steps: Of the longest sequence.
    """

    sequence: str
    time: str | None
    channels: tuple[str, ...]
    steps: int

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the schema of a model."""
        return {"sequence": self.sequence, "time": self.time, "channels": list(self.channels), "steps": self.steps}

    @classmethod
    def of_dict(cls, values: Any) -> SequenceColumns | None:
        """Columns of plain values, `None` where they are not those.

        Example:

        >>> SequenceColumns.of_dict(SequenceColumns("patient", None, ("pulse",), 9).as_dict()).steps
        9
        >>> SequenceColumns.of_dict({"steps": 3}) is None
        True
        """
        if not isinstance(values, Mapping):
            return None
        sequence, time, names, steps = (values.get(name) for name in ("sequence", "time", "channels", "steps"))
        if not isinstance(sequence, str) or not (time is None or isinstance(time, str)):
            return None
        if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
            return None
        return cls(sequence, time, tuple(names), steps) if type(steps) is int and 0 < steps < 2**31 else None


@dataclass(frozen=True)
class SequenceRows:
    """Sequences `(rows, steps, channels)`, filled up, with their targets and names."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    target: str
    columns: SequenceColumns
    notes: tuple[str, ...]


def is_ragged(x: Any) -> bool:
    """Whether inputs are a list or array of sequences that differ in length.

    Example:

    >>> is_ragged([[1.0, 2.0], [3.0]]), is_ragged([[1.0], [3.0]]), is_ragged(["ab", "c"])
    (True, False, False)
    """
    if isinstance(x, np.ndarray) and x.dtype == object:
        x = list(x)
    if not isinstance(x, list | tuple) or not len(x) or not all(_is_sequence(one) for one in x):
        return False
    return len({len(one) for one in x}) > 1


def _is_sequence(one: Any) -> bool:
    return isinstance(one, list | tuple) or (isinstance(one, np.ndarray) and one.ndim > 0)


def padded(sequences: Sequence[Any], steps: int | None = None) -> np.ndarray:
    """Sequences of unequal length as one array, filled up by -1e9 behind their ends.

    Args:
        sequences: One a row: numbers `(steps,)`, or `(steps, channels)` with as many channels for all.
        steps: Length of the array, at least that of the longest sequence, which it is by default.

    Returns:
        `(rows, steps, channels)` of float32; token ids, which are whole numbers from 0 without channels, become
        `(rows, steps)` of int32, filled up by 0 and counted from 1.

    Raises:
        TypeError: A sequence holds no numbers.
        ValueError: A sequence is empty, has other channels than the first, or holds NaN, infinity or -1e9; or the
            memory does not suffice.

    Example:

    >>> padded([[1.5, 2.5], [3.5]])[:, :, 0].tolist()
    [[1.5, 2.5], [3.5, -1000000000.0]]
    >>> padded([[4, 0], [2]]).tolist()
    [[5, 1], [3, 0]]
    """
    arrays = [_numbers(row, one) for row, one in enumerate(sequences)]
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        other = next(row for row, array in enumerate(arrays) if array.shape[1:] != arrays[0].shape[1:])
        raise ValueError(
            f"The steps of row 0 have shape {arrays[0].shape[1:]} and those of row {other} {arrays[other].shape[1:]}: "
            "each step needs as many channels."
        )
    longest = max(len(array) for array in arrays)
    if steps is not None and steps < longest:
        raise ValueError(f"`steps` must be at least {longest}, which the longest sequence has, got {steps}.")
    steps = steps or longest
    if all(array.ndim == 1 and array.dtype.kind in "iu" and array.min() >= 0 for array in arrays):
        tokens = np.zeros((len(arrays), steps), dtype="int32")
        for row, array in enumerate(arrays):
            tokens[row, : len(array)] = array + 1
        return tokens
    channels = arrays[0].shape[1] if arrays[0].ndim > 1 else 1
    _refuse_memory(len(arrays), steps, channels)
    whole = np.full((len(arrays), steps, channels), PADDING, dtype="float32")
    for row, array in enumerate(arrays):
        whole[row, : len(array)] = array.reshape(len(array), channels)
    return whole


def _numbers(row: int, sequence: Any) -> np.ndarray:
    array = np.asarray(sequence)
    if array.size == 0:
        raise ValueError(f"Row {row} is a sequence of length 0: leave it out, or give it a step.")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Row {row} must hold real numbers, got dtype {array.dtype}; number words before.")
    if array.ndim > 2:
        raise ValueError(f"Row {row} must have shape (steps,) or (steps, channels), got {array.shape}.")
    array = array.astype("int8") if array.dtype == bool else array
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise ValueError(f"Row {row} holds NaN or infinite values: fill them first.")
        if np.any(array == PADDING):
            raise ValueError(f"Row {row} holds {PADDING:g}, which marks the end of a sequence: give another unit.")
        return as_float32(f"row {row}", array)
    return array


def _refuse_memory(rows: int, steps: int, channels: int) -> None:
    free, needed = free_memory(), 4 * rows * steps * channels
    # As made, and as split.
    if free is not None and 2 * needed > free:
        raise ValueError(
            f"{rows} sequences of {steps} x {channels} values need {2 * needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB of memory are free: cut the longest ones, or take fewer."
        )


def there(x: np.ndarray) -> np.ndarray:
    """Which steps of sequences are no padding, `(rows, steps)`.

    Args:
        x: `(rows, steps, channels)`.

    Example:

    >>> there(padded([[1.5, 2.5], [3.5]])).tolist()
    [[True, True], [True, False]]
    """
    return np.asarray(x[..., 0] != np.float32(PADDING))


def is_padded(x: Any) -> bool:
    """Whether an array holds sequences of which some end before the others.

    Example:

    >>> is_padded(padded([[1.5, 2.5], [3.5]])), is_padded(np.zeros((2, 3, 1)))
    (True, False)
    """
    return isinstance(x, np.ndarray) and x.ndim == 3 and x.dtype.kind == "f" and not bool(there(x)[:, -1].all())


def filled(x: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sequences with gaps for the padding, and with the mean of each channel in its place.

    Args:
        x: `(rows, steps, channels)`.
        of: Training sequences, whose means are taken.

    Example:

    >>> x = padded([[1.5, 2.5], [3.5]])
    >>> [part[1, :, 0].tolist() for part in filled(x, x)]
    [[3.5, nan], [3.5, 2.5]]
    """
    gaps = ~there(x)[..., None]
    return np.where(gaps, np.float32(np.nan), x), np.where(gaps, of[there(of)].mean(axis=0, dtype="float32"), x)


def sequences_of(table: Table, options: TableOptions, source: str = "") -> SequenceRows:
    """The sequences of a long table, which has a row for each step: one row each, with one target.

    Args:
        table: What was read.
        options: With `sequence`, and maybe `time` and `target`.
        source: The file, for messages.

    Raises:
        ValueError: There is no such column, a sequence has two targets or two steps of one time, or no column holds
            numbers.

    Example:

    >>> table = Table(pd.DataFrame({"who": ["a", "a", "b"], "pulse": [60.5, 70.5, 80.5], "ill": ["no", "no", "yes"]}))
    >>> found = sequences_of(table, TableOptions(sequence="who"))
    >>> found.x[:, :, 0].tolist(), found.y.tolist()
    ([[60.5, 70.5], [80.5, -1000000000.0]], ['no', 'yes'])
    """
    refuse_unknown(table, options, source)
    sequence = str(options.sequence)
    left = [one for one in table.columns if one not in (*options.drop, options.time, sequence)]
    if not left:
        raise ValueError("No column is left to predict: name one with `target` (`--target` on the command line).")
    target = str(options.target or left[-1])
    for option, name in (("time", options.time), ("sequence", sequence)):
        if name == target:
            raise ValueError(f"Column {target!r} cannot be the target and the {option}.")
    y, gaps = targets_of(table, target, options.asked.get(target), source)
    columns, unused = _step_columns(table, [one for one in left if one != target], options, source)
    if not columns:
        raise ValueError(f"No column of numbers is left to predict {target!r} from; the others are {unused}.")
    names, orders, notes = _ordered(table, options)
    if max(map(len, orders)) == 1:
        raise ValueError(
            f"Each of the {len(orders)} sequences that {sequence!r} tells apart has one row: leave out `sequence` "
            "(`--sequence` on the command line), for each row is one already."
        )
    lacking = [place for place, at in enumerate(orders) if gaps[at].all()]
    if lacking:
        notes.append(f"{len(lacking)} sequences have no value in the target {target!r} and are left out.")
    kept = [place for place in range(len(orders)) if place not in set(lacking)]
    if not kept:
        raise ValueError(f"The target {target!r} has no value in any row.")
    answers = np.array([_one_target(y[orders[k]][~gaps[orders[k]]], names[k], target, sequence) for k in kept])
    if y.dtype == object:
        answers = answers.astype(object)
    if unused:
        notes.append(f"Left out, since steps are of numbers: {', '.join(map(repr, unused[:_MOST_NAMED]))}.")
    x, said = _stacked(np.stack(list(columns.values()), axis=1), [orders[k] for k in kept])
    found = SequenceColumns(sequence, options.time, tuple(columns), x.shape[1])
    return SequenceRows(x, answers, tuple(names[k] for k in kept), target, found, (*table.notes, *notes, *said))


def _step_columns(
    table: Table, names: Sequence[str], options: TableOptions, source: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    found, unused = {}, []
    for name in names:
        column, values = find_column(
            name, table.frame[name], asked=options.asked.get(name), comma=table.comma, lines=table.row_numbers,
            source=source,
        )  # fmt: skip
        if column.used and column.is_number:
            found[name] = values
        else:
            unused.append(name)
    return found, unused


def _ordered(table: Table, options: TableOptions) -> tuple[list[str], list[np.ndarray], list[str]]:
    """Of each sequence its name and its rows in the order of time."""
    names, numbers = np.unique(table.frame[options.sequence].astype(str).to_numpy(dtype=object), return_inverse=True)
    rows = np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1])
    if options.time is None:
        return list(map(str, names)), rows, [f"The steps of a {options.sequence!r} are in the order of the rows."]
    times, _ = times_of(table.frame, table, options.time, options.asked.get(options.time))
    ordered, moved = [], False
    for name, at in zip(names, rows, strict=True):
        order = at[np.argsort(times[at], kind="stable")]
        moved |= bool(np.any(order != at))
        same = np.flatnonzero(np.diff(times[order]) == 0)
        if same.size:
            one, other = sorted(int(row) for row in order[same[0] : same[0] + 2])
            raise ValueError(
                f"Column {options.time!r} holds {str(table.frame[options.time].iloc[one])!r} of {options.sequence} "
                f"{str(name)!r} twice, in rows {table.line(one)} and {table.line(other)}: sum or average "
                "the rows of one time first."
            )
        ordered.append(order)
    said = [f"Rows were not in the order of {options.time!r}, and are put in it."] if moved else []
    return list(map(str, names)), ordered, said


def _one_target(values: np.ndarray, name: str, target: str, sequence: str) -> Any:
    different = pd.unique(pd.Series(values, dtype=object))
    if len(different) > 1:
        raise ValueError(
            f"{sequence} {name!r} has {len(different)} different values in the target {target!r}, {different[0]!r} and "
            f"{different[1]!r}: a sequence has one. To predict what comes next give `forecast` (`--forecast 1`)."
        )
    return values[0]


def _stacked(values: np.ndarray, orders: Sequence[np.ndarray]) -> tuple[np.ndarray, list[str]]:
    notes = []
    gaps = int(np.isnan(values).sum())
    # By the sequence's own values: those of others may be test rows.
    series = [pd.DataFrame(values[at]).ffill().bfill().fillna(0.0).to_numpy() for at in orders]
    if gaps:
        notes.append(f"{gaps} gap{'s' if gaps > 1 else ''} filled with the value before in the sequence.")
    lengths = [len(one) for one in series]
    x = padded(series)
    if min(lengths) < max(lengths):
        ends = f"{min(lengths)} to {max(lengths)} steps"
        notes.append(f"Sequences have {ends}; what is behind their ends counts for nothing.")
    return x, notes


def named_sequences(
    table: Table, columns: SequenceColumns, source: str = ""
) -> tuple[np.ndarray, list[str], list[str]]:
    """The sequences of a table as a model takes them, their names, and what is to be said.

    Args:
        table: Rows with the columns that the model takes.
        columns: What they are.
        source: The file, for messages.

    Raises:
        ValueError: A column is missing or holds no numbers, or a time stands twice.

    Example:

    >>> table = Table(pd.DataFrame({"who": ["a", "a", "b"], "pulse": [60.5, 70.5, 80.5]}))
    >>> named_sequences(table, SequenceColumns("who", None, ("pulse",), 2))[1]
    ['a', 'b']
    """
    where = source or "The table"
    for name in (columns.sequence, *columns.channels, *([columns.time] if columns.time else [])):
        if name not in table.columns:
            raise ValueError(f"{where} does not fit the model: column {name!r} is missing.")
    options = TableOptions(sequence=columns.sequence, time=columns.time)
    values = []
    for name in columns.channels:
        _, cells = find_column(name, table.frame[name], comma=table.comma, lines=table.row_numbers, source=source)
        if cells.dtype == object:
            word = next((cell for cell in cells if cell), "")
            raise ValueError(f"{where}: the model takes numbers in column {name!r}, got {word!r}.")
        values.append(cells)
    names, orders, _ = _ordered(table, options)
    longer = sum(len(at) > columns.steps for at in orders)
    notes = [f"{longer} sequences are longer than {columns.steps} steps: their latest are taken."] if longer else []
    x, _ = _stacked(np.stack(values, axis=1), [at[-columns.steps :] for at in orders])
    whole = np.full((len(x), columns.steps, x.shape[2]), PADDING, dtype="float32")
    whole[:, : x.shape[1]] = x
    return whole, names, notes
