"""Dates and times as people write them: the form of a column, found, and its values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y",
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y",
    "%b %d %Y", "%B %d %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%y",
    "%Y. %m. %d.", "%Y. %m. %d", "%Y년 %m월 %d일",
)  # fmt: skip
_TIMES = (" %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%Y/%m", "%b %Y", "%B %Y")
FORMATS = (*_DAYS, *(day + time for day, time in itertools.product(_DAYS, _TIMES)), *_MONTHS)
# A date without separators is a number for all that can be seen: read where it is asked for.
PACKED = ("%Y%m%d", "%Y%m%d%H%M%S")
# Fractions of a second and zones, which say less than a second or are the same in all rows.
_TAIL = r"(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?$"
_FEW = 50


def find_format(words: Sequence[str], packed: bool = False) -> tuple[str, float]:
    """The form in which most of a column's cells are dates, and the share of the cells that are.

    Of two that fit all, such as day first and month first, the one that stands first in `FORMATS`.

    Args:
        words: The different cells, without gaps.
        packed: Whether dates without separators, as 20240131, count.

    Example:

    >>> find_format(["2012/01/31", "2012/02/01"])
    ('%Y/%m/%d', 1.0)
    >>> find_format(["13.1.2020 14:05", "soon"])
    ('%d.%m.%Y %H:%M', 0.5)
    """
    cells = pd.Series(list(words), dtype=object)
    at = np.unique(np.linspace(0, max(0, len(cells) - 1), min(_FEW, len(cells))).astype(int))
    few = cells.iloc[at]
    # To parse takes long, and most forms can be told by their signs.
    shapes = {_shape(word) for word in few} | {_shape(re.sub(_TAIL, "", word)) for word in few}
    tried = [
        one
        for one in (*FORMATS, *(PACKED if packed else ()))
        if _shape(re.sub("%[bBp]", "a", re.sub("%[a-zA-Z]", _digits, one))) in shapes
    ]
    shares = [(float(parsed(few, one).notna().mean()), one) for one in tried]
    best = max((share for share, _ in shares), default=0.0)
    if best == 0:
        return "", 0.0
    # The few may fit a form that the rest does not: the ambiguous ones are settled by all cells.
    candidates = [one for share, one in shares if share >= best - 0.2]
    whole = [(float(parsed(cells, one).notna().mean()), one) for one in candidates]
    share = max(share for share, _ in whole)
    return next(one for found, one in whole if found == share), share


def _digits(found: re.Match[str]) -> str:
    return found[0] if found[0] in ("%b", "%B", "%p") else "9"


def _shape(word: str) -> str:
    """A word with each number as a 9 and each run of letters as an a."""
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", re.sub(r"\s+", " ", word.strip())))


def parsed(cells: pd.Series, form: str) -> pd.Series:
    """Cells as times, `NaT` where they are not of the form; fractions of seconds and zones are left out.

    Args:
        cells: Words.
        form: As `strptime` takes it.

    Example:

    >>> parsed(pd.Series(["2020-02-29T10:00:00Z", "2021-02-29T10:00:00Z"]), "%Y-%m-%dT%H:%M:%S").tolist()
    [Timestamp('2020-02-29 10:00:00'), NaT]
    """
    plain = cells.astype(object).str.strip()
    if "%H" in form or "%I" in form:
        plain = plain.str.replace(_TAIL, "", regex=True)
    return pd.to_datetime(plain, format=form, errors="coerce")


def days_of(times: pd.Series) -> pd.Series:
    """Times as days since the begin of 1970, NaN for gaps.

    Example:

    >>> days_of(pd.Series(pd.to_datetime(["1970-01-02 12:00", None]))).tolist()
    [1.5, nan]
    """
    return (times - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)


def as_words(times: pd.Series) -> tuple[np.ndarray, str]:
    """A column of times as words of one form, gaps as empty words.

    Args:
        times: Of any kind of `datetime64`, with a zone or without.

    Example:

    >>> as_words(pd.Series(pd.to_datetime(["2020-02-29", None])))
    (array(['2020-02-29', ''], dtype=object), '%Y-%m-%d')
    """
    plain = times.dt.tz_localize(None) if getattr(times.dt, "tz", None) is not None else times
    whole = bool((plain.dropna() == plain.dropna().dt.normalize()).all())
    form = "%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S"
    return plain.dt.strftime(form).astype(object).where(plain.notna(), "").to_numpy(dtype=object), form
