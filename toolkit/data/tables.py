"""Reads a CSV file into named columns, each all numbers or all words."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Whole numbers of more digits may not fit into int64.
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


@dataclass(frozen=True)
class Table:
    """Columns by name, in the order of the file; each an array `(rows,)` of int64, float64 or `str` objects."""

    columns: dict[str, np.ndarray]
    has_header: bool

    @property
    def rows(self) -> int:
        """Number of rows, without the header."""
        return len(next(iter(self.columns.values())))


def read_csv(path: str | Path, header: bool | None = None) -> Table:
    r"""Reads a CSV file.

    Args:
        path: The file: UTF-8, columns parted by comma, semicolon or tab.
        header: Whether the first row names the columns; `None` finds out. Without names the
            columns are called `column_0`, `column_1`, ...

    Returns:
        The `Table`. A column is numeric where every cell is a number, and words where none is.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, holds a header only, has rows of unequal length, the same
            column name twice, an empty cell, a quote that is never closed, numbers with a decimal comma, or a
            column that mixes numbers and words.

    Example:

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "pets.csv")
    >>> _ = file.write_text("weight,pet\n4.5,cat\n30,dog\n")
    >>> table = read_csv(file)
    >>> list(table.columns), table.rows
    (['weight', 'pet'], 2)
    """
    cells = _cells(Path(path))
    has_header = _looks_like_header(cells) if header is None else header
    names = [name.strip() for name in cells[0]] if has_header else [f"column_{i}" for i in range(len(cells[0]))]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(f"{path} names the column {sorted(doubled)[0]!r} twice.")
    body = cells[1:] if has_header else cells
    if not body:
        raise ValueError(f"{path} holds a header and no rows.")
    first_line = 2 if has_header else 1
    columns = {name: _column(name, [row[i].strip() for row in body], path, first_line) for i, name in enumerate(names)}
    return Table(columns, has_header)


def _cells(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        # Excel begins UTF-8 files with a byte-order mark, which would stand in the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            if "\0" in first:
                raise ValueError(f"{path} is not a text file: its first line holds zero bytes, as UTF-16 does.")
            delimiter = max(",;\t", key=first.count)
            # Strict: a quote that is never closed would swallow the rows behind it.
            reader = csv.reader(itertools.chain([first], file), delimiter=delimiter, strict=True)
            rows = [row for row in reader if any(row)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} cannot be read.") from None
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file, or a quote in it is not closed: {error}.") from None
    if not rows:
        raise ValueError(f"{path} is empty.")
    for line, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path}: row {line} has {len(row)} cells, the first row has {len(rows[0])}.")
    return rows


def _looks_like_header(cells: list[list[str]]) -> bool:
    first, body = cells[0], cells[1:]
    if any(_is_number(cell) for cell in first):
        # pandas writes 0, 1, 2, ... over columns without names.
        return [cell.strip() for cell in first] == [str(i) for i in range(len(first))]
    if not body:
        return True
    numeric = [all(_is_number(row[i]) for row in body) for i in range(len(first))]
    # A word over numbers is a name.
    if any(numeric):
        return True
    unseen = all(first[i] not in {row[i] for row in body} for i in range(len(first)))
    return len(set(first)) == len(first) and unseen


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    # Python writes a million as 1_000_000, and no table does.
    return cell.strip().lower() not in _MISSING and "_" not in cell


def _column(name: str, cells: Sequence[str], path: str | Path, first_line: int) -> np.ndarray:
    for line, cell in enumerate(cells, first_line):
        if cell.lower() in _MISSING:
            raise ValueError(f"{path}: row {line} has no value (NaN) in column {name!r}: drop the row or fill it in.")
    numeric = [_is_number(cell) for cell in cells]
    if all(_WHOLE.fullmatch(cell) for cell in cells):
        return np.array([int(cell) for cell in cells])
    if all(numeric):
        return np.array([float(cell) for cell in cells])
    comma = next((cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)), None)
    if comma and all(number or _DECIMAL_COMMA.fullmatch(cell) for number, cell in zip(numeric, cells, strict=True)):
        raise ValueError(
            f"{path}: the numbers in column {name!r} have a comma, as {comma!r}: write them with a decimal point and "
            "without separators of thousands."
        )
    if any(numeric):
        word = numeric.index(False)
        raise ValueError(
            f"{path}: column {name!r} mixes numbers and words: {len(cells) - sum(numeric)} of {len(cells)} cells "
            f"are words, the first is {cells[word]!r} in row {word + first_line}."
        )
    return np.array(cells, dtype=object)
