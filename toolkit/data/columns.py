"""What each column of a table is, found from its values and said in a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..checks import one_of
from .dates import as_words, find_format, parsed
from .gaps import looks_like_gap, real_words
from .numerals import PLAIN, NumberForm, as_numbers, find_form
from .scales import find_levels

Kind = Literal["number", "category", "ordered", "boolean", "date", "text", "identifier", "constant", "empty"]
# What a user may say that a column is.
ASKED = ("number", "category", "ordered", "text", "date", "identifier", "drop")
# Shares of the cells: what most of a column is and a few cells are not, nobody can settle but the user.
_NUMBERS_MOSTLY = 0.9
_DATES_MOSTLY = 0.8
# Words a cell and letters a cell, on average, from which on a column is text.
_WORDS_OF_TEXT = 3
_LETTERS_OF_TEXT = 30
_DIFFERENT_TEXTS = 0.2
_ROWS_OF_IDENTIFIERS = 10
_MOST_FEW = 10
_ROWS_PER_VALUE = 10
_BOOLEANS = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"}, {"예", "아니오"}, {"ja", "nein"})
_IDENTIFIER = re.compile(
    r"|index|idx|row|rownames|row[_ .-]?(?:id|no|nr|number|names)|(?:.*[_ .-])?(?:id|uuid|guid|key|no|nr)|id[_ .-].*"
    r"|순번|.*번호",
    re.IGNORECASE,
)
_CAMEL = re.compile(r".*[a-z]I[Dd]")


@dataclass(frozen=True)
class Column:
    """What a column is.

    Args:
        name: Its name in the table.
        kind: Number, category, ordered category, boolean, date, text, identifier, constant or empty.
        used: Whether a model learns from it.
        distinct: How many different values it has.
        gaps: How many cells have none.
        details: What else was found, in words.
        form: How its numbers are written in text files.
        date_format: Of its dates, as `strptime` takes it.
        levels: The values of an ordered category, lowest first.
        words: Its real words that look like gaps.
        few: Whether it is a number with few different whole values, which may be classes.
    """

    name: str
    kind: Kind
    used: bool = True
    distinct: int = 0
    gaps: int = 0
    details: tuple[str, ...] = ()
    form: NumberForm = PLAIN
    date_format: str = ""
    levels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    few: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers rather than words."""
        return self.kind == "number"

    @property
    def said(self) -> str:
        """The column in one line.

        Example:

        >>> Column("age", "number", distinct=40, gaps=2).said
        "'age': number, 40 different, 2 gaps"
        """
        kind = {"ordered": f"ordered category ({' < '.join(self.levels[:8])})"}.get(self.kind, self.kind)
        gaps = [f"{self.gaps} gap{'s' if self.gaps > 1 else ''}"] if self.gaps else []
        left = [] if self.used else ["left out"]
        return ", ".join([f"{self.name!r}: {kind}", f"{self.distinct} different", *gaps, *self.details, *left])


def find_column(
    name: str,
    cells: pd.Series,
    *,
    asked: str | None = None,
    comma: bool = False,
    lines: np.ndarray | None = None,
    source: str = "",
) -> tuple[Column, np.ndarray]:
    """Finds what a column is, and its values.

    Args:
        name: Of the column.
        cells: Its cells, words or of any type that pandas has.
        asked: What the user says that it is, one of `ASKED`, or `None`.
        comma: Whether numbers with a single comma have decimals behind it.
        lines: Number of each row, for messages; counted from 1 by default.
        source: Where the column comes from, for messages.

    Returns:
        The `Column`, and its values: float64 with NaN for gaps, or words with empty ones for gaps.

    Raises:
        TypeError: It holds what is neither number, word nor time.
        ValueError: `asked` is unknown or cannot be; most cells are numbers or dates and some are not.

    Example:

    >>> column, values = find_column("size", pd.Series(["1,200", "", "800"]))
    >>> column.said, values.tolist()
    ("'size': number, 2 different, 1 gap, read without separators of thousands", [1200.0, nan, 800.0])
    """
    if asked is not None:
        one_of(f"columns[{name!r}]", asked, ASKED)
    place = f"{source}: column {name!r}" if source else f"Column {name!r}"
    lines = np.arange(1, len(cells) + 1) if lines is None else lines
    kind = cells.dtype.kind if hasattr(cells.dtype, "kind") else "O"
    if isinstance(cells.dtype, pd.CategoricalDtype):
        found = _of_words(name, _as_cells(cells, place), asked, comma, lines, place)
        levels = tuple(map(str, cells.cat.categories)) if cells.cat.ordered else ()
        if levels and asked in (None, "ordered") and not found[0].is_number:
            found = replace(found[0], kind="ordered", levels=levels), found[1]
    elif kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        words, date_format = as_words(cells)
        found = _of_words(name, words, asked or "date", comma, lines, place)
        found = replace(found[0], date_format=date_format) if found[0].kind == "date" else found[0], found[1]
    elif kind == "m":
        found = _of_numbers(name, cells.dt.total_seconds().to_numpy("float64"), asked, ("spans of time, in seconds",))
    elif kind == "c":
        raise TypeError(f"{place} holds complex numbers: give real and imaginary part as two columns.")
    elif kind in "iufb" and asked in (None, "number", "drop", "identifier"):
        values = cells.to_numpy(dtype="float64", na_value=np.nan)
        found = _of_numbers(name, values, asked, ("true and false as 1 and 0",) if kind == "b" else ())
    else:
        found = _of_words(name, _as_cells(cells, place), asked, comma, lines, place)
    return _judged(found[0], found[1], asked)


def _as_cells(cells: pd.Series, place: str) -> np.ndarray:
    """Cells as words, those that are not there as empty ones."""
    missing = cells.isna().to_numpy()
    values = cells.astype(object).to_numpy()
    words = np.empty(len(values), dtype=object)
    for row, (value, gap) in enumerate(zip(values, missing, strict=True)):
        if gap:
            words[row] = ""
        elif isinstance(value, str):
            plain = value.strip()
            words[row] = plain if plain.isascii() else plain.encode("utf-8", "backslashreplace").decode("utf-8")
        elif isinstance(value, bytes):
            words[row] = value.decode("utf-8", "backslashreplace").strip()
        elif isinstance(value, list | tuple | dict | set | np.ndarray):
            raise TypeError(f"{place} holds a {type(value).__name__}; a column takes one value a row.")
        else:
            words[row] = as_written(value)
    return words


def as_written(value: Any) -> str:
    """A number or anything else as people write it: whole numbers that pandas keeps as 3.0 for the gaps beside as 3.

    Example:

    >>> as_written(3.0), as_written(2.5)
    ('3', '2.5')
    """
    number = float(value) if isinstance(value, float | np.floating) else np.inf
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else str(value).strip()


def _of_numbers(
    name: str, values: np.ndarray, asked: str | None, details: tuple[str, ...]
) -> tuple[Column, np.ndarray]:
    there = values[~np.isnan(values)]
    distinct = len(np.unique(there))
    return Column(name, "number", distinct=distinct, gaps=len(values) - len(there), details=details), values


def _of_words(
    name: str, cells: np.ndarray, asked: str | None, comma: bool, lines: np.ndarray, place: str
) -> tuple[Column, np.ndarray]:
    codes, uniques = pd.factorize(cells)
    counts = np.bincount(codes, minlength=len(uniques))
    lookalike = np.array([looks_like_gap(word) for word in uniques], dtype=bool)
    solid = [word for word, gap in zip(uniques, lookalike, strict=True) if not gap]
    weights = counts[~lookalike]
    if asked in (None, "number") and solid:
        form = find_form(solid, comma)
        numbers = as_numbers(solid, form)
        good = ~np.isnan(numbers)
        share = float(weights[good].sum() / weights.sum())
        if share == 1 or (asked == "number" and share > 0):
            values = np.full(len(uniques), np.nan)
            values[~lookalike] = numbers
            lost = int(weights[~good].sum())
            details = [form.said] if form.said else []
            details += (
                [f"{lost} cells that are no numbers taken for gaps, such as {solid[int(np.argmin(good))]!r}"]
                if lost
                else []
            )
            column, found = _of_numbers(name, values[codes], asked, tuple(details))
            return replace(column, form=form), found
        if share >= _NUMBERS_MOSTLY or asked == "number":
            word = solid[int(np.argmin(good))]
            row = lines[np.flatnonzero(cells == word)[0]]
            raise ValueError(
                f"{place} mixes numbers and words: {int(weights[~good].sum())} of {int(weights.sum())} cells are "
                f"words, the first is {word!r} in row {row}. Say what it is: `columns={{{name!r}: 'number'}}` takes "
                f"the words for gaps, 'category' the numbers for words (`--column {name}=number` on the command line)."
            )
        mixed = int(weights[good].sum())
    else:
        mixed = 0
    if asked in (None, "date") and solid and (asked or _may_be_dates(solid)):
        date_format, share = find_format(solid, packed=asked == "date")
        if share >= _DATES_MOSTLY or asked == "date":
            if share < 1:
                wrong = pd.Series(solid, dtype=object)
                bad = wrong[parsed(wrong, date_format).isna()].iloc[0] if date_format else solid[0]
                row = lines[np.flatnonzero(cells == bad)[0]]
                raise ValueError(
                    f"{place} holds dates as {date_format or 'no form that is known'}, and {bad!r} in row {row} is "
                    f"none: mend it, or say `columns={{{name!r}: 'category'}}` (`--column {name}=category` on the "
                    "command line)."
                )
            values = np.where(lookalike[codes], "", cells)
            detail = f"as {date_format}"
            return Column(
                name, "date", True, len(solid), int((values == "").sum()), (detail,), date_format=date_format
            ), values
    return _of_plain_words(name, cells, asked, mixed)


def _may_be_dates(words: list[str]) -> bool:
    few = words[:50]
    return sum(len(word) >= 5 and any(letter.isdigit() for letter in word) for word in few) > len(few) / 2


def _of_plain_words(name: str, cells: np.ndarray, asked: str | None, mixed: int) -> tuple[Column, np.ndarray]:
    series = pd.Series(cells, dtype=object)
    counts = series.value_counts().to_dict()
    real = real_words({word: count for word, count in counts.items() if word})
    gaps = {word for word in counts if looks_like_gap(word) and word not in real}
    values = np.array(["" if word in gaps else word for word in cells], dtype=object)
    words = {word: count for word, count in counts.items() if word not in gaps}
    details = [f"{', '.join(map(repr, real))} taken for a word, as its other values are written"] if real else []
    taken = sorted(word for word in gaps if word)
    details += [f"{', '.join(map(repr, taken))} taken for gaps"] if taken else []
    details += [f"{mixed} cells are numbers, and taken for words"] if mixed else []
    base = Column(name, "category", True, len(words), int((values == "").sum()), tuple(details), words=tuple(real))
    if asked in ("category", "text"):
        return replace(base, kind="text" if asked == "text" else "category"), values
    levels = find_levels(list(words), required=asked == "ordered")
    if asked == "ordered" or (levels and asked is None):
        return replace(base, kind="ordered", levels=levels), values
    if {word.lower() for word in words} in _BOOLEANS:
        return replace(base, kind="boolean"), values
    if _is_text(words):
        return replace(base, kind="text"), values
    return base, values


def _is_text(counts: Mapping[str, int]) -> bool:
    rows = sum(counts.values())
    if len(counts) <= 16 or len(counts) < _DIFFERENT_TEXTS * rows:
        return False
    spaced = sum(len(word.split()) * count for word, count in counts.items()) / rows
    letters = sum(len(word) * count for word, count in counts.items()) / rows
    return spaced >= _WORDS_OF_TEXT or (letters >= _LETTERS_OF_TEXT and spaced >= 2)


def _judged(column: Column, values: np.ndarray, asked: str | None) -> tuple[Column, np.ndarray]:
    """Leaves out what a model cannot learn from."""
    details = list(column.details)
    if column.distinct == 0:
        return replace(column, kind="empty", used=False), values
    if asked in ("drop", "identifier"):
        kind: Any = "identifier" if asked == "identifier" else column.kind
        return replace(column, kind=kind, used=False, details=(*details, "as was asked")), values
    if column.distinct == 1 and column.gaps == 0:
        return replace(column, kind="constant", used=False), values
    # What the user calls a number, a date or a category is one.
    if asked is None and _is_identifier(column, values):
        return replace(column, kind="identifier", used=False), values
    if column.is_number:
        there = values[~np.isnan(values)]
        whole = bool(np.all(np.isfinite(there)) and np.all(there == np.round(there)))
        few = whole and 2 < column.distinct <= _MOST_FEW and len(there) >= _ROWS_PER_VALUE * column.distinct
        if few:
            details.append("few whole numbers, told apart as classes too")
        if _counts_rows(values):
            details.append("counts the rows: leave it out where it is no measurement")
        return replace(column, few=few, details=tuple(details)), values
    return column, values


def _is_identifier(column: Column, values: np.ndarray) -> bool:
    rows = len(values) - column.gaps
    if column.distinct < rows or rows < 2:
        return False
    named = bool(_IDENTIFIER.fullmatch(column.name) or _CAMEL.fullmatch(column.name))
    if column.is_number:
        there = values[~np.isnan(values)]
        whole = bool(np.all(np.isfinite(there)) and np.all(there == np.round(there)))
        return whole and named and (rows >= _ROWS_OF_IDENTIFIERS or _counts_rows(values))
    return column.kind == "category" and rows >= _ROWS_OF_IDENTIFIERS


def _counts_rows(values: np.ndarray) -> bool:
    return len(values) > 2 and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))
