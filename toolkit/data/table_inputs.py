"""The rows of a table as an exported model takes them, by what its schema says of the columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .columns import as_written
from .dates import parsed
from .gaps import looks_like_gap
from .numerals import NumberForm, as_float32, as_numbers, find_form
from .table_files import Table

_MOST_SHOWN = 3
# A column of a long file may hold a new word in each row.
_MOST_COUNTED = 1_000


class UnknownWords:
    """Words that training had not, counted over all parts of a file.

    Example:

    >>> unknown = UnknownWords()
    >>> unknown.add("town", np.array(["Ulm", "Bonn", ""], dtype=object), {"known": ["Bonn"]})
    >>> unknown.notes[0]
    "'town': 1 of 3 rows hold a value that training had not, or rarely ('Ulm'); they are answered as unknown ones are."
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._strange: dict[str, int] = {}
        self._shown: dict[str, dict[str, None]] = {}

    def add(self, name: str, words: np.ndarray, form: Any) -> None:
        """Counts the words of one part of a column.

        Args:
            name: Of the column.
            words: Its words, empty ones for gaps.
            form: What the schema says of the column: `known` are the words of training; where none are named, none is
                counted.
        """
        known = set((form or {}).get("known", []))
        strange = [word for word in words if word and word not in known] if known else []
        self._rows[name] = self._rows.get(name, 0) + len(words)
        self._strange[name] = self._strange.get(name, 0) + len(strange)
        shown = self._shown.setdefault(name, {})
        for word in strange:
            if len(shown) < _MOST_COUNTED:
                shown[word] = None

    @property
    def notes(self) -> list[str]:
        """A sentence for each column that holds such words."""
        return [self._note(name) for name, count in self._strange.items() if count]

    def _note(self, name: str) -> str:
        shown = list(self._shown[name])
        more = len(shown) - _MOST_SHOWN
        at_least = "at least " if len(shown) == _MOST_COUNTED else ""
        listed = ", ".join(map(repr, shown[:_MOST_SHOWN])) + (f" and {at_least}{more} more" if more > 0 else "")
        return (
            f"{name!r}: {self._strange[name]} of {self._rows[name]} rows hold a value that training had not, or rarely "
            f"({listed}); they are answered as unknown ones are."
        )


def table_inputs(table: Table, schema: dict[str, Any], file: Path, unknown: UnknownWords | None = None) -> Any:
    """What the model takes: an array `(rows, ...)` of float32, or columns `(rows, 1)` by the names of its inputs.

    Args:
        table: The rows.
        schema: Of the model.
        file: Where the rows come from, for messages.
        unknown: Counts the words that training had not.

    Raises:
        ValueError: A column is missing, or holds what the model does not take.

    Example:

    >>> schema = {"features": ["size"], "shape": [1], "columns": None, "forms": {"size": {"kind": "number"}}}
    >>> table = Table(pd.DataFrame({"other": ["x", "y"], "size": ["2", ""]}, dtype=object))
    >>> table_inputs(table, schema, Path("rows.csv")).tolist()
    [[2.0], [nan]]
    """
    frame = _columns_in_order(table, schema, file)
    forms = schema.get("forms", {})
    if schema["columns"] is None:
        columns = [_numbers(table, file, name, frame[name], forms.get(name)) for name in frame]
        rows = np.stack(columns, axis=1)
        return _tokens(rows, file, table) if schema.get("tokens") else rows.reshape(len(rows), *schema["shape"])
    inputs = {}
    for name, (tensor, kind) in schema["columns"].items():
        cells, form = frame[name], forms.get(name)
        if kind == "numbers":
            column: np.ndarray = _numbers(table, file, name, cells, form)
        else:
            column = _words(table, file, name, cells, form)
            if unknown is not None:
                unknown.add(name, column, form)
        inputs[tensor] = column[:, None]
    return inputs


def _columns_in_order(table: Table, schema: dict[str, Any], file: Path) -> dict[str, pd.Series]:
    wanted, frame = schema["features"], table.frame
    # Names, where all are there, decide alone: order and further columns do not matter.
    if wanted and set(wanted) <= set(frame.columns):
        return {name: frame[name] for name in wanted}
    count = len(wanted) or int(np.prod(schema["shape"]))
    named = bool(wanted) and table.has_header
    columns = [frame[name] for name in frame.columns]
    if not named and len(columns) == count + 1:
        columns.pop()  # the target, last as in the training file
    if named or len(columns) != count:
        missing = [name for name in wanted if name not in frame.columns]
        lacking = f"column {missing[0]!r} is missing" if named else f"it has {len(frame.columns)} columns"
        raise ValueError(f"{file} does not fit the model, which takes {count} columns: {lacking}.")
    return dict(zip(wanted or map(str, range(count)), columns, strict=True))


def _tokens(rows: np.ndarray, file: Path, table: Table) -> np.ndarray:
    wrong = np.argwhere((rows < 0) | (rows != np.round(rows)))
    if len(wrong):
        row, column = map(int, wrong[0])
        raise ValueError(
            f"{file}: the model takes token ids, which are whole numbers from 0, got {rows[row, column]:g} in row "
            f"{table.line(row)}."
        )
    return rows.astype("int32")


def _numbers(table: Table, file: Path, name: str, cells: pd.Series, form: Any) -> np.ndarray:
    if cells.dtype != object and cells.dtype.kind in "iufb":
        values = cells.to_numpy(dtype="float64", na_value=np.nan)
        gaps = np.isnan(values)
    else:
        words = [word.strip() for word in cells.astype(object).where(cells.notna(), "").map(str)]
        # Models of before know no forms: their columns are read as those of a new table are.
        known = NumberForm(**form.get("form", {})) if form else find_form(words, table.comma)
        values = as_numbers(words, known)
        gaps = np.array([looks_like_gap(word) for word in words])
        wrong = np.flatnonzero(np.isnan(values) & ~gaps)
        if wrong.size:
            raise ValueError(
                f"{file}: the model takes numbers in column {name!r}, got {words[wrong[0]]!r} in row "
                f"{table.line(wrong[0])}."
            )
    bad = np.isinf(values) | (gaps if form is None else False)
    if np.any(bad):
        row = table.line(np.flatnonzero(bad)[0])
        raise ValueError(f"{file}: column {name!r} holds NaN or infinite values, the first in row {row}.")
    return as_float32(name, values)


def _words(table: Table, file: Path, name: str, cells: pd.Series, form: Any) -> np.ndarray:
    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        plain = cells.dt.tz_localize(None) if isinstance(cells.dtype, pd.DatetimeTZDtype) else cells
        written = plain.dt.strftime((form or {}).get("date_format") or "%Y-%m-%d").astype(object)
        return np.asarray(written.where(plain.notna(), ""), dtype=object)
    words = np.array([as_written(cell) for cell in cells.astype(object).where(cells.notna(), "")], dtype=object)
    if form is None:
        return words
    real = set(form.get("words", []))
    words = np.array(["" if looks_like_gap(word) and word not in real else word for word in words], dtype=object)
    if form["kind"] == "date":
        times = parsed(pd.Series(words, dtype=object), form.get("date_format", ""))
        wrong = np.flatnonzero(times.isna().to_numpy() & (words != ""))
        if wrong.size:
            raise ValueError(
                f"{file}: the model takes dates as {form.get('date_format')} in column {name!r}, got "
                f"{words[wrong[0]]!r} in row {table.line(wrong[0])}."
            )
    return words
