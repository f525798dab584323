"""Numbers as people write them: with currencies, percent signs, thousands and decimal commas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_LARGEST = float(np.finfo("float32").max)
_SIGNS = "$€£¥₩₹₽₺₫฿₪"
_CODES = ("USD", "EUR", "GBP", "JPY", "KRW", "CNY", "CHF", "원")
_CURRENCY = re.compile(rf"([{_SIGNS}]|(?<![A-Za-z])(?:{'|'.join(_CODES)})(?![A-Za-z]))")
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_BLANKS = "\u00a0\u202f '\u2019"
# By the sign of the decimals: thousands parted by the other one, by blanks or by apostrophes.
_PARTED = {
    ".": re.compile(rf"[+-]?\d{{1,3}}(?:([,{_BLANKS}])\d{{3}})(?:\1\d{{3}})*(?:\.\d+)?"),
    ",": re.compile(rf"[+-]?(?:\d{{1,3}}(?:([.{_BLANKS}])\d{{3}})(?:\1\d{{3}})*|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?"),
}
_DECIMALS_LAST = re.compile(r"[^,.]*,\d+$|.*\..*,\d+$")


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Args:
        decimal: The sign before the decimals, `"."` or `","`.
        thousands: Whether thousands are parted.
        currency: The currency sign or code, empty where there is none.
        percent: Whether some bear a percent sign; such a number is read as a share: 37% as 0.37.
    """

    decimal: str = "."
    thousands: bool = False
    currency: str = ""
    percent: bool = False

    @property
    def said(self) -> str:
        """What was read besides digits, in words; empty for plain numbers.

        Example:

        >>> NumberForm(thousands=True, currency="$").said
        'read without $ and separators of thousands'
        """
        left = [*([self.currency] if self.currency else []), *(["separators of thousands"] if self.thousands else [])]
        parts = [f"read without {' and '.join(left)}"] if left else []
        parts += ["read with a decimal comma"] if self.decimal == "," else []
        parts += ["percent read as shares, 37% as 0.37"] if self.percent else []
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, which `NumberForm(**values)` takes back."""
        return asdict(self)


# As programs write them.
PLAIN = NumberForm()


def find_form(words: Iterable[str], comma: bool = False) -> NumberForm:
    """How a column's numbers are written; its other words do not count.

    Args:
        words: The different cells.
        comma: Whether `1,234` has a decimal comma where the other cells do not tell, as in files parted by semicolons.

    Example:

    >>> find_form(["1.234,50 €", "99,90 €"])
    NumberForm(decimal=',', thousands=True, currency='€', percent=False)
    >>> find_form(["1,234", "56"]).decimal, find_form(["1,234", "56"], comma=True).decimal
    ('.', ',')
    """
    words = list(words)
    bodies = [(word, body, sign) for word in words for body, sign in [_bare(word)] if body]
    readings = {decimal: [one for one in bodies if _fits(one[1], decimal)] for decimal in (".", ",")}
    more = len(readings[","]) - len(readings["."])
    # Of two readings of the same cells, the one that the file's separator speaks for.
    decimal = "," if more > 0 or (comma and more == 0 and any("," in one[1] for one in readings[","])) else "."
    read = readings[decimal]
    signs = [sign for _, _, sign in read if sign]
    parted = any(not _PLAIN.fullmatch(body) and _groups(body, decimal) for _, body, _ in read)
    written = {"," if "," in body else "." for _, body, _ in read}
    return NumberForm(
        decimal if "," in written or decimal == "." else ".",
        parted,
        max(sorted(set(signs)), key=signs.count, default=""),
        any("%" in word for word, _, _ in read),
    )


def as_numbers(words: Sequence[str], form: NumberForm) -> np.ndarray:
    """Words as float64; what is no number of this form is NaN.

    Args:
        words: The cells.
        form: How they are written.

    Example:

    >>> as_numbers(["$1,200.5", "(3)", "37%", "much"], NumberForm(thousands=True, currency="$", percent=True)).tolist()
    [1200.5, -3.0, 0.37, nan]
    """
    return np.array([_number(word, form) for word in words], dtype="float64")


def _number(word: str, form: NumberForm) -> float:
    body, sign = _bare(word)
    if sign and not form.currency:
        return np.nan
    if _INFINITE.fullmatch(body):
        return float(body)
    if not _fits(body, form.decimal):
        return np.nan
    if not _PLAIN.fullmatch(body) or form.decimal == ",":
        for blank in _BLANKS + ("," if form.decimal == "." else "."):
            body = body.replace(blank, "")
        body = body.replace(",", ".")
    value = float(body)
    return round(value / 100, 15) if "%" in word else value


def _fits(body: str, decimal: str) -> bool:
    if _INFINITE.fullmatch(body):
        return True
    if decimal == "." or "," not in body:
        # Whole numbers, and those with a point, fit both; a point that parts thousands only the comma's.
        if _PLAIN.fullmatch(body) and (decimal == "." or "." not in body):
            return True
        return bool(_PARTED[decimal].fullmatch(body)) if decimal == "." or "." in body else False
    return bool(_PARTED[","].fullmatch(body))


def _groups(body: str, decimal: str) -> bool:
    other = "," if decimal == "." else "."
    return any(sign in body for sign in _BLANKS + other)


def _bare(word: str) -> tuple[str, str]:
    """A cell without currency, percent sign and the brackets of a loss, and its currency."""
    found = _CURRENCY.search(word)
    body = word.replace(found[0], "", 1) if found else word
    body = body.replace("%", "", 1).replace("\u2212", "-").strip()
    if len(body) > 2 and body[0] == "(" and body[-1] == ")":
        body = f"-{body[1:-1].strip()}"
    if body[:2] in ("- ", "+ "):
        body = body[0] + body[2:].strip()
    return body, found[0] if found else ""


def as_float32(name: str, array: np.ndarray) -> np.ndarray:
    """A column in what models compute in; numbers that this does not know are refused rather than made infinite.

    Raises:
        ValueError: A number is beyond float32.
    """
    beyond = np.isfinite(array) & (np.abs(array) > _LARGEST) if array.dtype.kind == "f" else np.zeros(0, bool)
    if beyond.any():
        raise ValueError(
            f"{name!r} holds {array[beyond][0]:g}, and models compute in float32, which ends at {_LARGEST:.2g}: "
            "give it in another unit, or its logarithm."
        )
    return array.astype("float32")
