"""Reads tables of any kind by pandas: text with separators, Parquet, Excel, JSON lines, data frames."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..checks import whole_number
from .gaps import looks_like_gap
from .numerals import NumberForm, as_numbers
from .text_files import OpenedText, find_separator, opened_text, read_text

_TEXT = (".csv", ".tsv", ".tab")
_JSON = (".jsonl", ".ndjson", ".json")
_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")
_PACKED = (".gz", ".bz2", ".xz")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# What the column before the first is called where a header leaves its name out.
INDEX = ""
# Cells of a table that are read at once where it may be larger than memory, and rows at most.
_CELLS_AT_ONCE, _ROWS_AT_ONCE = 1_000_000, 32_768
_SAID = 0.8
_LONGEST_CELL = 2**31 - 1


@dataclass(frozen=True)
class Table:
    """Columns by name, in the order of the file.

    Args:
        frame: Of text files all cells are words, without blanks around; of the others what they hold.
        has_header: Whether the file names its columns.
        comma: Whether the file's separator lets expect decimal commas.
        notes: How the file was read, a sentence each.
        first_line: Number of the first row, as a reader of the file counts.
        lines: Number of each row, where they do not follow one another.
    """

    frame: pd.DataFrame
    has_header: bool = True
    comma: bool = False
    notes: tuple[str, ...] = ()
    first_line: int = 1
    lines: np.ndarray | None = None

    @property
    def row_numbers(self) -> np.ndarray:
        """The number of each row, as a reader of the file counts."""
        return np.arange(self.rows) + self.first_line if self.lines is None else self.lines

    def line(self, place: Any) -> int:
        """The number of the row at a place, as a reader of the file counts."""
        return self.first_line + int(place) if self.lines is None else int(self.lines[place])

    def at(self, places: np.ndarray) -> Table:
        """The rows at these places."""
        return replace(self, frame=self.frame.iloc[places].reset_index(drop=True), lines=self.row_numbers[places])

    @property
    def rows(self) -> int:
        """Number of rows, without the header."""
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return list(self.frame.columns)


def is_table_file(name: str | Path) -> bool:
    """Whether a file's name ends as those of tables do.

    Example:

    >>> is_table_file("Sales.CSV.gz"), is_table_file("rows.npz")
    (True, False)
    """
    return _kind(Path(name)) in (*_TEXT, *_JSON, *_EXCEL, *_PARQUET)


def table_name(path: str | Path) -> str:
    """A file's name without its endings.

    Example:

    >>> table_name("data/sales.csv.gz")
    'sales'
    """
    path = Path(path)
    return Path(path.stem).stem if path.suffix.lower() in _PACKED else path.stem


def _kind(path: Path) -> str:
    plain = Path(path.stem) if path.suffix.lower() in _PACKED else path
    return plain.suffix.lower()


def read_table(path: str | Path, header: bool | None = None, target: str | None = None) -> Table:
    r"""Reads a file of rows and columns.

    Args:
        path: CSV or TSV in any usual encoding, parted by comma, semicolon, tab or bar, packed or not; Parquet (needs
            pyarrow), Excel (needs openpyxl; its first sheet), JSON lines or a JSON list of records.
        header: Whether the first row names the columns; `None` finds out. Without names the columns are called
            `column_0`, `column_1`, ...
        target: A name that the header is known to hold.

    Returns:
        The `Table`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package that reads this kind is not installed.
        ValueError: The file is damaged or empty, holds a header only, rows of unequal length, the same column name
            twice, or a quote that is never closed.

    Example:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "pets.csv")
    >>> _ = file.write_bytes("weight;pet\n4,5;cat\n30;dog\n".encode("utf-16"))
    >>> table = read_table(file)
    >>> table.columns, table.rows, table.notes
    (['weight', 'pet'], 2, ('Read as UTF-16.', 'Columns are parted by semicolons.'))
    """
    path = Path(path)
    kind = _kind(path)
    if kind in _TEXT:
        return _read_text_table(path, header, target)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    frame = _read_json(path) if kind in _JSON else _read_binary(path, kind)
    return from_frame(frame, str(path))


def _read_binary(path: Path, kind: str) -> pd.DataFrame:
    package, extra = ("openpyxl", "excel") if kind in _EXCEL else ("pyarrow", "parquet")
    try:
        return pd.read_excel(path, engine="openpyxl") if kind in _EXCEL else pd.read_parquet(path, engine="pyarrow")
    except ImportError:
        raise ImportError(f'{path} needs the package {package}: pip install "trainwise[{extra}]".') from None
    # Each of the two packages raises whatever a damaged file leads it to: BadZipFile, KeyError, ArrowInvalid, ...
    except Exception as error:
        told = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} cannot be read as a {kind} file: {type(error).__name__}: {told}") from None


def _read_json(path: Path) -> pd.DataFrame:
    text = read_text(path).text
    try:
        listed = text.lstrip()[:1] == "["
        records = json.loads(text) if listed else [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no JSON lines, one record a line: {error}.") from None
    wrong = next((place for place, one in enumerate(records, 1) if not isinstance(one, dict)), None)
    if wrong or not records:
        raise ValueError(f'{path}: record {wrong or 1} is no object of names and values, as {{"size": 3}}.')
    nested = next((name for one in records for name, value in one.items() if isinstance(value, dict | list)), None)
    if nested is not None:
        raise ValueError(f"{path}: {nested!r} holds lists or objects; a column takes one value a row.")
    # By columns: pandas would guess at dates and large numbers.
    names = list(dict.fromkeys(name for one in records for name in one))
    columns = {name: pd.Series([one.get(name) for one in records], dtype=object) for name in names}
    return pd.DataFrame({name: column.infer_objects() for name, column in columns.items()})


def from_frame(frame: Any, name: str = "The table") -> Table:
    """A data frame as a table.

    Args:
        frame: Of pandas, or any that gives its columns through Arrow's or the data frames' interchange, as polars does.
        name: Begins messages.

    Raises:
        ValueError: It has no rows or columns, or two columns of one name.

    Example:

    >>> from_frame(pd.DataFrame({"size": [1.5], 3: ["a"]})).columns
    ['size', '3']
    """
    if not isinstance(frame, pd.DataFrame):
        frame = _as_pandas(frame)
    names = [str(one).strip() for one in frame.columns]
    _refuse_doubled(name, names)
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    if not len(frame) or not names:
        raise ValueError(f"{name} holds no rows." if names else f"{name} has no columns.")
    # pandas and Excel write an index without a name so.
    return Table(frame.rename(columns={"Unnamed: 0": INDEX}) if INDEX not in names else frame)


def _as_pandas(frame: Any) -> pd.DataFrame:
    if hasattr(frame, "__arrow_c_stream__") and hasattr(pd.DataFrame, "from_arrow"):
        return pd.DataFrame.from_arrow(frame)
    if hasattr(frame, "__dataframe__"):
        return pd.api.interchange.from_dataframe(frame)
    found: pd.DataFrame = frame.to_pandas()
    return found


def is_frame(source: Any) -> bool:
    """Whether something is a data frame, of pandas or of another library.

    Example:

    >>> is_frame(pd.DataFrame({"a": [1]})), is_frame([1])
    (True, False)
    """
    if isinstance(source, pd.DataFrame):
        return True
    return hasattr(source, "columns") and (hasattr(source, "__dataframe__") or hasattr(source, "__arrow_c_stream__"))


def _refuse_doubled(name: str, names: Sequence[str]) -> None:
    doubled = sorted(one for one, count in Counter(names).items() if count > 1)
    if doubled:
        raise ValueError(f"{name} names the column {doubled[0]!r} twice.")


def _read_text_table(path: Path, header: bool | None, target: str | None) -> Table:
    file = read_text(path)
    lines = io.StringIO(file.text.removeprefix("\ufeff"), newline="")
    reader = _TextReader(path, OpenedText(file.text, lines, file.encoding), header, target)
    return next(reader.parts(sys.maxsize))


@dataclass(frozen=True)
class _Names:
    names: list[str]
    are_made_up: bool


def _names(path: Path, frame: pd.DataFrame, unnamed: bool, header: bool | None, target: str | None) -> _Names:
    """What the columns are called, by the first rows of a file without its header taken off."""
    first = [str(cell) for cell in frame.iloc[0]]
    if unnamed:
        first = [INDEX, *first[:-1]]
    elif first and first[0].startswith("Unnamed: 0"):
        first[0] = INDEX
    body = frame.iloc[1:].reset_index(drop=True)
    has_header = (unnamed or _looks_like_header(first, body, target)) if header is None else header
    names = first if has_header else [f"column_{i}" for i in range(len(first))]
    _refuse_doubled(str(path), names)
    return _Names(names, not has_header)


def _how_read(encoding: str, separator: str) -> tuple[str, ...]:
    notes = [f"Read as {_spoken(encoding)}."] if encoding not in ("utf-8", "utf-8-sig") else []
    return (*notes, *([f"Columns are parted by {_NAMES[separator]}."] if separator != "," else []))


def table_parts(
    path: str | Path, header: bool | None = None, target: str | None = None, rows: int | None = None
) -> Iterator[Table]:
    r"""Reads a file some rows at a time, so that it may be larger than memory.

    Text and Parquet are read as they come; of the other kinds the whole is read first.

    Args:
        path: As for `read_table`.
        header: Whether the first row names the columns; found by the first rows by default.
        target: A name that the header is known to hold.
        rows: Of a part, at least 1; a header counts as one. By default 32,768, fewer where there are many columns.

    Yields:
        Tables of the same columns, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package that reads this kind is not installed.
        ValueError: As for `read_table`, as soon as the rows that are wrong are read.

    Example:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "sizes.csv")
    >>> _ = file.write_text("size\n1\n2\n3\n")
    >>> [(part.rows, part.first_line) for part in table_parts(file, rows=2)]
    [(1, 2), (2, 3)]
    """
    if rows is not None:
        whole_number("rows", rows, low=1)
    path = Path(path)
    kind = _kind(path)
    if kind in _TEXT:
        with opened_text(path) as file:
            yield from _TextReader(path, file, header, target).parts(rows)
    elif kind in _PARQUET:
        yield from _parquet_parts(path, rows)
    else:
        table = read_table(path, header, target)
        rows = rows or _rows_at_once(len(table.columns))
        for start in range(0, table.rows, rows):
            part = table.frame.iloc[start : start + rows].reset_index(drop=True)
            yield replace(table, frame=part, first_line=table.first_line + start)


def _rows_at_once(columns: int) -> int:
    return max(2, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // columns))


def _parquet_parts(path: Path, rows: int | None) -> Iterator[Table]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        import pyarrow.parquet
    except ImportError:
        raise ImportError(f'{path} needs the package pyarrow: pip install "trainwise[parquet]".') from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            line = 1
            for batch in file.iter_batches(rows or _rows_at_once(max(1, len(file.schema_arrow)))):
                if batch.num_rows:
                    yield replace(from_frame(batch.to_pandas(), str(path)), first_line=line)
                line += batch.num_rows
    except pyarrow.ArrowException as error:
        told = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} cannot be read as a .parquet file: {type(error).__name__}: {told}") from None


class _TextReader:
    """Makes tables of the rows of a text file as they come; the first ones tell what the columns are called.

    Args:
        path: The file, for messages.
        file: Its text.
        header: Whether the first row names the columns; found by the first rows by default.
        target: A name that the header is known to hold.
    """

    def __init__(self, path: Path, file: OpenedText, header: bool | None, target: str | None) -> None:
        self._path, self._file, self._header, self._target = path, file, header, target
        self._separator = find_separator(file.head)
        self._names: _Names | None = None
        self._width, self._line = 0, 1

    def parts(self, rows: int | None) -> Iterator[Table]:
        """Tables of so many rows of the file; `None` has their width decide."""
        made: list[list[str]] = []
        for cells in _cells(self._path, self._file.lines, self._separator):
            rows = rows or _rows_at_once(len(cells))
            made.append(cells)
            # One row more than a part, so that a header is never a part without rows.
            if len(made) > rows:
                yield self._table(made[:-1])
                made = made[-1:]
        if not made:
            raise ValueError(f"{self._path} is empty.")
        yield self._table(made)

    def _table(self, made: list[list[str]]) -> Table:
        is_first = self._names is None
        unnamed = is_first and _leaves_out_index(made)
        if is_first:
            self._width = len(made[-1] if unnamed else made[0])
        if unnamed:
            made[0].append("")
        for place, row in enumerate(made):
            if len(row) != self._width:
                raise ValueError(
                    f"{self._path}: row {self._line + place} has {len(row)} cells, the first row has {self._width}."
                )
        frame = pd.DataFrame(np.array(made, dtype=object).reshape(len(made), self._width))
        if self._names is None:
            self._names = _names(self._path, frame, unnamed, self._header, self._target)
            if not self._names.are_made_up:
                frame, self._line = frame.iloc[1:].reset_index(drop=True), self._line + 1
                if not len(frame):
                    raise ValueError(f"{self._path} holds a header and no rows.")
        notes = _how_read(self._file.encoding, self._separator) if is_first else ()
        line, self._line = self._line, self._line + len(frame)
        return Table(
            frame.set_axis(self._names.names, axis=1),
            not self._names.are_made_up,
            self._separator == ";",
            notes,
            line,
        )


def _leaves_out_index(made: list[list[str]]) -> bool:
    """Whether the header has one cell less: R, and whoever writes an index without a name for it, has."""
    return len(made) > 1 and {len(row) for row in made[1:]} == {len(made[0]) + 1}


def _cells(path: Path, lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        for row in csv.reader(lines, delimiter=separator, strict=True):
            if row:
                yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file, or a quote in it is not closed: {error}.") from None
    finally:
        csv.field_size_limit(before)


def _spoken(encoding: str) -> str:
    return encoding.upper().removesuffix("-LE").removesuffix("-BE") if "utf" in encoding else encoding


def _looks_like_header(first: list[str], body: pd.DataFrame, target: str | None) -> bool:
    if target is not None and target in first:
        return True
    if any(_is_number(cell) for cell in first):
        # pandas writes 0, 1, 2, ... over columns without names.
        return first == [str(i) for i in range(len(first))]
    if not len(body):
        return True
    numeric = [_are_numbers(body[name]) for name in body.columns]
    # A word over numbers is a name.
    if any(numeric):
        return True
    if len(set(first)) < len(first):
        return False
    columns = [body[name] for name in body.columns]
    if all(not (column == name).any() for name, column in zip(first, columns, strict=True)):
        return True
    # A name of one word over sentences, dates or codes, whatever the classes beside it are called.
    return any(
        re.fullmatch(r"[^\W\d]+", name) is not None and float(column.str.contains(r"[\d\s]").mean()) >= _SAID
        for name, column in zip(first, columns, strict=True)
    )


def _is_number(cell: str) -> bool:
    return bool(np.isfinite(as_numbers([cell], NumberForm())[0])) and not looks_like_gap(cell)


def _are_numbers(column: pd.Series) -> bool:
    # A few tell, and a table may have very many columns.
    cells = [cell for cell in column.iloc[:200] if not looks_like_gap(cell)]
    return bool(cells) and bool(np.isfinite(as_numbers(cells, NumberForm(thousands=True))).all())
