"""Train, validation and a sealed test split of one data set."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import number, one_of, seed_of, whole_number
from ..tasks import TASKS, Task, as_targets, find_task
from .columns import Column
from .forecasts import Forecast
from .large_tables import OtherRows
from .partition import ROWS_PER_CLASS, Shares, places, window_places
from .sealing import Seal
from .sequences import SequenceColumns
from .sources import Inputs, SourceRows, as_text, read_rows

# The loss of a regression is a square, in float32.
_LARGEST_TARGET = 1e18
_MOST_STEPS = 1_000_000
_FEWEST_HELD = 100
# What merged classes are called.
_OTHER = "other"


@dataclass(frozen=True)
class Split:
    """Rows with their targets.

    Args:
        x: Array `(rows, ...)` of float32, or columns by name, each `(rows,)`.
        y: Targets as the model learns them: class numbers (int32), 0 and 1 (float32), or quantities.
    """

    x: Inputs
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Opening:
    """One look at the test rows: why, and when (UTC, ISO 8601)."""

    reason: str
    time: str


class SealedSplit:
    """Test rows that can be had in one way only, which is counted.

    Args:
        split: The rows.
        name: Name of the data set.
        beside: Splits of the same data that may be chosen by.

    Example:

    >>> import numpy as np
    >>> sealed = SealedSplit(Split(np.zeros((2, 1)), np.zeros(2)))
    >>> len(sealed.open("final evaluation"))
    2
    >>> sealed.openings[0].reason
    'final evaluation'
    """

    def __init__(self, split: Split, name: str = "", beside: Sequence[Split] = ()) -> None:
        # Mangled, so that the rows are to be had by `open` alone.
        self.__split = split
        self.openings: list[Opening] = []
        # Whatever chooses by rows asks the seals of the process whether they know them.
        self._seal = Seal(split.x, name, [one.x for one in beside])

    def __len__(self) -> int:
        return len(self.__split)

    def __repr__(self) -> str:
        return f"SealedSplit({len(self)} rows, opened {len(self.openings)} times)"

    def open(self, reason: str) -> Split:
        """Gives the test rows, and notes that it did.

        Args:
            reason: Why the test rows are needed; stands in the report.

        Raises:
            ValueError: `reason` is empty.

        Warns:
            UserWarning: The split was opened before: a choice made after looking at test rows is
                biased towards them.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"`reason` must say why the test rows are needed, got {reason!r}.")
        if self.openings:
            warnings.warn(
                f"The test split was opened before, for: {self.openings[0].reason}. "
                "What is chosen after looking at it no longer measures new data.",
                stacklevel=2,
            )
        self.openings.append(Opening(reason, datetime.now(UTC).isoformat(timespec="seconds")))
        return self.__split


@dataclass(frozen=True)
class Splits:
    """A data set in three parts.

    Args:
        name: Short name.
        task: What the targets ask for.
        train: Rows to learn from.
        validation: Rows to choose by.
        test: Sealed rows to measure by, once.
        features: Names of the columns of `x`, empty where there are none.
        target: Name of the target.
        classes: Names of the classes, `None` for regression and multilabel.
        fingerprint: Hash of all rows in their order, or of the drawn rows and the file where it holds others; the same
            data give the same one.
        columns: What the columns of a table are, those that are left out too; empty for arrays.
        notes: How the rows were read and parted, where there is something to say, a sentence each.
        forecast: What windows of a series look back at and answer; `None` for other rows.
        images: Whether the rows were decoded from files of images.
        sequences: What the steps of a long table's sequences are; `None` for other rows.
        others: Further training rows of a table that is larger than memory; `None` where all rows are held.
    """

    name: str
    task: Task
    train: Split
    validation: Split
    test: SealedSplit
    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...] | None
    fingerprint: str = field(repr=False)
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    images: bool = False
    sequences: SequenceColumns | None = None
    others: OtherRows | None = None

    @property
    def in_memory(self) -> int:
        """With what `in_memory` the same rows are held again, whatever memory is free then: 0 where all are.

        Example:

        >>> load("iris").in_memory
        0
        """
        return 0 if self.others is None else self.others.held


def load(
    source: Any,
    *,
    target: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    validation: float = 0.15,
    test: float = 0.15,
    header: bool | None = None,
    drop: Sequence[str] = (),
    data_dir: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    forecast: int | None = None,
    window: int | None = None,
    sequence: str | None = None,
    in_memory: int | None = None,
    rare: str = "refuse",
    tokens: bool = False,
) -> Splits:
    """Reads a data set and splits it into train, validation and a sealed test split.

    Classes keep their shares in every split, unless rows are parted by group or time. Parts that the source sets
    aside itself (a `test` split of tfds, `x_test` of an .npz) are kept as they are. All rows are held in memory, but
    for tables that are larger than it: of these rows are drawn, and the others stay in the file, for training.

    Args:
        source: `"digits"`, `"iris"`, `"wine"`, `"breast_cancer"` or `"diabetes"` (no download; `"sklearn:iris"` where
            a file or folder is called so, which `"iris"` then means); any tfds name (downloaded where there is a
            network); an `.npz` file with `x` and `y`, or `x_train` and `y_train` and the like; a table (`.csv`, `.tsv`,
            packed or not, `.parquet`, `.xlsx`, `.jsonl`); a folder of images with one folder for each class, or a
            table with a column of paths to images (`.png`, `.jpg`, `.bmp`, `.gif`); a data frame of pandas or polars; a
            pair `(x, y)` of arrays, `x` maybe a dict of columns, a data frame with `y` a `Series`, or a list of
            sequences of unequal length; a finite `tf.data.Dataset` of pairs, batched or not.
        target: Column of the table to predict; the last one by default.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`; found from the targets by
            default.
        seed: Decides which rows go where.
        validation: Share of the rows for validation, in (0, 1).
        test: Share of the rows for the test, in (0, 1).
        header: Whether the first row of a text table names the columns; found out by default.
        drop: Columns of the table to leave out.
        data_dir: Where tfds keeps its files; `~/tensorflow_datasets` by default.
        columns: What columns are, by name, where what is found is not right: `"number"`, `"category"`, `"ordered"`,
            `"text"`, `"date"`, `"identifier"` (left out) or `"drop"`.
        group: Column whose rows of one value stay in one split, such as a patient; no model learns from it.
        time: Column by which the rows are put in order: the latest are for the test, those before them for validation.
        forecast: How many values of the target that come next are to be answered, at least 1: each row is then a window
            `(window, channels)` of the table's numbers, the target first, of a channel for each word of its categories,
            and of the hour, weekday and month of dates, which run ahead to the times that are answered; its targets are
            what follows. Splits follow one another in time, and no test window looks at what a training window answers.
        window: How many values a forecast looks back at, at least 1; by default two seasons, or 12.
        sequence: Column that tells several series of a forecast apart, such as a shop; no window crosses it. Without
            `forecast` each sequence, such as a patient's visits, is one row with one target: `(steps, columns)` in the
            order of `time`, filled up by -1e9 behind its end, which models leave out.
        in_memory: Rows of a table that are held in memory at most, at least 100, or 0 for all; by default all where
            they fit into the memory that is free, else 100,000 (fewer of more than 50 columns). They are drawn from
            the whole file; the further rows are `others`, for training.
        rare: What becomes of classes with fewer than 3 rows, which cannot stand in each split: `"refuse"`, `"drop"`
            (the rows are left out) or `"merge"` (they are one class, `"other"`).
        tokens: Whether the numbers of an array `(rows, steps)`, or of sequences of unequal length, stand for words:
            they are then held as whole numbers, 0 filling up, and embedded. Never guessed; a note tells where they
            look so.

    Returns:
        The `Splits`. A table of numbers is one array, any other one columns by name. In columns NaN and the empty word
        are gaps. Class targets are numbers from 0, in the order of `classes`.

    Raises:
        ConnectionError: The data set must be downloaded and the network is not reached.
        FileNotFoundError: There is no such file.
        TypeError: The source or its arrays are of no kind listed above.
        ValueError: The data cannot be learnt from: no rows, unequal lengths, NaN or infinite
            values, one class only, a class with fewer than 3 rows where they are refused, as many
            classes as rows; the message says which.

    Warns:
        UserWarning: A folder bears the name of a data set, and is read.

    Example:

    >>> splits = load("iris")
    >>> splits.task, splits.train.x.shape, len(splits.test)
    ('multiclass', (102, 4), 24)
    """
    if task is not None:
        one_of("task", task, TASKS)
    seed_of("seed", seed)
    number("validation", validation, 0, 1, open_low=True, open_high=True)
    number("test", test, 0, 1, open_low=True, open_high=True)
    if validation + test >= 1:
        raise ValueError(f"`validation` and `test` must leave rows to train on, got {validation} and {test}.")
    if group is not None and time is not None:
        raise ValueError("`group` and `time` part the rows in two ways, give one of them.")
    _refuse_unfit_forecast(task, group, forecast, window, sequence)
    one_of("rare", rare, ("refuse", "drop", "merge"))
    if in_memory is not None and (type(in_memory) is not int or in_memory != 0):
        whole_number("in_memory", in_memory, _FEWEST_HELD, 2**63 - 1)
    rows = read_rows(
        source, target=target, header=header, drop=drop, data_dir=data_dir, columns=columns, group=group, time=time,
        forecast=forecast, window=window, sequence=sequence, in_memory=in_memory, tokens=tokens,
        seed=seed,
    )  # fmt: skip
    _refuse_bad_rows(rows)
    found = task or ("regression" if rows.forecast else find_task(rows.y))
    if rare != "refuse" and found in ("binary", "multiclass"):
        rows = without_rare(rows, rare)
        found = task or find_task(rows.y)
    y, classes = _encode(rows, found)
    labels = y if found in ("binary", "multiclass") else None
    shares = Shares(validation, test)
    if rows.window_times is not None:
        found_places, notes = window_places(rows.window_times, shares, seed)
    else:
        found_places, notes = places(
            len(y), labels, rows.parts, shares, seed, classes, group=rows.group, time=rows.time
        )
    parts = {part: Split(take(rows.x, at), y[at]) for part, at in found_places.items()}
    return Splits(
        rows.name,
        found,
        parts["train"],
        parts["validation"],
        SealedSplit(parts["test"], rows.name, (parts["train"], parts["validation"])),
        rows.features,
        rows.target,
        classes,
        fingerprint(rows.x, y, rows.others.digest if rows.others else ""),
        rows.columns,
        (*rows.notes, *notes),
        rows.forecast,
        rows.images,
        rows.sequences,
        rows.others,
    )


def _refuse_unfit_forecast(
    task: Task | None, group: str | None, forecast: int | None, window: int | None, sequence: str | None
) -> None:
    if forecast is None:
        if sequence is not None and group is not None:
            raise ValueError("`sequence` makes one row of each sequence, which `group` cannot keep together: give one.")
        if window is not None:
            raise ValueError("`window` is for a forecast: say how many values ahead with `forecast` (`--forecast 1`).")
        return
    whole_number("forecast", forecast, 1, _MOST_STEPS)
    if window is not None:
        whole_number("window", window, 1, _MOST_STEPS)
    if task not in (None, "regression"):
        raise ValueError(f"A forecast answers numbers, which is a regression; got task={task!r}.")
    if group is not None:
        raise ValueError("A forecast is parted by time: name what tells series apart with `sequence`, not `group`.")


def take(x: Inputs, at: np.ndarray | slice) -> Inputs:
    """The rows of `x` at the given row numbers or slice."""
    return {name: column[at] for name, column in x.items()} if isinstance(x, dict) else x[at]


def without_rare(rows: SourceRows, how: str) -> SourceRows:
    """Rows whose classes have at least 3 rows each.

    Args:
        rows: As read.
        how: `"drop"` leaves out the rows of rarer classes, `"merge"` calls them `"other"`.

    Raises:
        ValueError: All that is merged has fewer than 3 rows, or there is a class of that name.

    Example:

    >>> x, y = np.zeros((8, 1)), np.array(["a", "a", "a", "b", "b", "b", "c", "d"])
    >>> without_rare(SourceRows("pets", x, y), "drop").y.tolist()
    ['a', 'a', 'a', 'b', 'b', 'b']
    """
    y = as_targets(rows.y)
    if y.ndim != 1:
        return rows
    _, numbers, named = _classes(rows, y)
    names = np.array(named, dtype=object)
    few = np.bincount(numbers) < ROWS_PER_CLASS
    if not few.any():
        return rows
    rarely = few[numbers]
    listed = ", ".join(map(repr, names[few][:5].tolist())) + (f" and {few.sum() - 5} more" if few.sum() > 5 else "")
    if how == "merge":
        if _OTHER in names or rarely.sum() < ROWS_PER_CLASS:
            reason = f"a class is called {_OTHER!r} already" if _OTHER in names else "merged they still are too few"
            raise ValueError(f"The classes {listed} cannot be merged: {reason}. Leave them out (`drop`).")
        said = f"The classes {listed} have fewer than {ROWS_PER_CLASS} rows each and are merged as {_OTHER!r}."
        # Classes that the drawn rows do not show are rare as well.
        others = rows.others and replace(rows.others, class_of_unknown=_OTHER)
        merged = np.where(rarely, _OTHER, names[numbers])
        return replace(rows, y=merged, classes=None, notes=(*rows.notes, said), others=others)
    keep = np.flatnonzero(~rarely)
    said = f"{rarely.sum()} rows of classes with fewer than {ROWS_PER_CLASS} are left out: {listed}."
    moved = np.cumsum(~rarely) - 1
    return replace(
        rows,
        x=take(rows.x, keep),
        y=y[keep],
        classes=rows.classes and tuple(names[~few]),
        parts={part: moved[at[~rarely[at]]] for part, at in rows.parts.items()},
        group=None if rows.group is None else rows.group[keep],
        time=None if rows.time is None else rows.time[keep],
        notes=(*rows.notes, said),
    )


def fingerprint(x: Inputs, y: np.ndarray, file: str = "") -> str:
    """Hash of inputs and targets: 32 hexadecimal digits.

    Args:
        x: One array, or columns by name.
        y: Targets, one a row.
        file: Hash of the file that holds further rows; empty where there are none.

    Example:

    >>> import numpy as np
    >>> fingerprint(np.zeros((2, 1)), np.zeros(2)) == fingerprint(np.zeros((2, 1)), np.ones(2))
    False
    """
    digest = hashlib.blake2b(file.encode(), digest_size=16)
    for name, array in (*(x.items() if isinstance(x, dict) else [("x", x)]), ("y", y)):
        # Shape and kind too: the same bytes can be other arrays.
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update("\0".join(array).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _refuse_bad_rows(rows: SourceRows) -> None:
    if rows.y.dtype.kind not in "biufOSU":
        raise TypeError(f"The target {rows.target!r} must hold real numbers or words, got dtype {rows.y.dtype}.")
    columns = rows.x if isinstance(rows.x, dict) else {"x": rows.x}
    for name, column in columns.items():
        if len(column) != len(rows.y):
            raise ValueError(f"{name!r} has {len(column)} rows, the targets have {len(rows.y)}.")
        # In tables NaN is a gap; their infinite values were refused when they were read.
        if not rows.columns and column.dtype != object and not np.all(np.isfinite(column)):
            raise ValueError(_where_not_finite(rows, name, column))
    if len(rows.y) == 0:
        raise ValueError(f"{rows.name} holds no rows.")
    if len(rows.y) < ROWS_PER_CLASS:
        raise ValueError(f"{rows.name} holds {len(rows.y)} row(s); train, validation and test need at least one each.")
    if rows.y.dtype.kind == "f" and not np.all(np.isfinite(rows.y)):
        row = int(np.argwhere(~np.isfinite(rows.y))[0][0])
        raise ValueError(f"The target {rows.target!r} holds NaN or infinite values, the first in row {row}.")
    _refuse_huge_targets(rows.target, rows.y)


def _where_not_finite(rows: SourceRows, name: str, column: np.ndarray) -> str:
    place = np.argwhere(~np.isfinite(column))[0]
    if len(place) == 2 and len(rows.features) == column.shape[1]:
        name = rows.features[place[1]]
    return f"The feature {name!r} holds NaN or infinite values, the first at {tuple(map(int, place))} (row first)."


def _encode(rows: SourceRows, task: Task) -> tuple[np.ndarray, tuple[str, ...] | None]:
    y = as_targets(rows.y)
    if task in ("regression", "multilabel"):
        if not (np.issubdtype(y.dtype, np.number) or y.dtype == bool):
            raise ValueError(f"Targets for {task} must be numbers, got {y.flat[0]!r}.")
        if task == "multilabel" and (y.ndim != 2 or not np.all((y == 0) | (y == 1))):
            raise ValueError(f"Multilabel targets must be a matrix of 0 and 1, got shape {y.shape}.")
        if task == "regression" and np.any(np.ptp(y, axis=0) == 0):
            raise ValueError(f"All {len(y)} targets are {y.flat[0]}: there is nothing to learn.")
        return y.astype("float32"), None
    if y.ndim == 2:
        if find_task(y) != "multiclass":
            raise ValueError(f"Targets for {task} must be class numbers or one-hot rows, got shape {y.shape}.")
        y = y.argmax(axis=1)
    if np.issubdtype(y.dtype, np.floating) and not np.all(y == np.round(y)):
        raise ValueError(f"Targets for {task} must be classes, got the number {y[y != np.round(y)][0]}.")
    values, numbers, names = _classes(rows, y)
    _refuse_bad_classes(values, numbers, task)
    return numbers.astype("float32" if task == "binary" else "int32"), names


def _classes(rows: SourceRows, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The classes that occur, the number of each row's class, and what the classes are called."""
    # Sorted, so that the numbers of the classes do not depend on the order of the rows.
    values, numbers = np.unique(_as_words(y) if y.dtype.kind in "OSU" else y, return_inverse=True)
    known = rows.classes if rows.classes and len(rows.classes) == len(values) else None
    whole = np.issubdtype(values.dtype, np.floating) and np.all(values == np.round(values))
    return values, numbers, known or tuple(map(str, values.astype("int64") if whole else values))


def _refuse_huge_targets(target: str, y: np.ndarray) -> None:
    huge = y[np.abs(y) > _LARGEST_TARGET] if y.dtype.kind == "f" else y[:0]
    if huge.size:
        raise ValueError(
            f"The target {target!r} holds {huge.flat[0]:g}, whose square is beyond float32: give it in another unit, "
            "or its logarithm."
        )


def _as_words(y: np.ndarray) -> np.ndarray:
    return np.array([as_text(cell) for cell in y])


def _refuse_bad_classes(values: np.ndarray, numbers: np.ndarray, task: Task) -> None:
    if len(values) == 1:
        raise ValueError(f"All {len(numbers)} targets are {str(values[0])!r}: there is one class only.")
    if len(values) == len(numbers):
        raise ValueError(f"There are as many classes as rows ({len(numbers)}): every target is different.")
    if task == "binary" and len(values) != 2:
        raise ValueError(f"A binary target has 2 classes, got {len(values)}.")
    counts = np.bincount(numbers)
    if counts.min() < ROWS_PER_CLASS:
        rare = int(counts.argmin())
        raise ValueError(
            f"The class {str(values[rare])!r} has {counts[rare]} row{'s' if counts[rare] > 1 else ''}; train, "
            "validation and test need at least one each. Leave such classes out or merge them: `rare='drop'` or "
            "`rare='merge'` (`--rare` on the command line)."
        )
