"""Words that stand in an order: ratings, sizes, degrees."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SCALES = (
    ("very low", "low", "medium", "high", "very high"),
    ("none", "low", "moderate", "high", "severe"),
    ("low", "mid", "high"),
    ("low", "middle", "high"),
    ("very bad", "bad", "average", "good", "very good", "excellent"),
    ("bad", "ok", "good", "great"),
    ("poor", "fair", "average", "good", "very good", "excellent"),
    ("po", "fa", "ta", "gd", "ex"),
    ("fair", "good", "very good", "premium", "ideal"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("tiny", "small", "medium", "large", "huge"),
    ("small", "mid", "big"),
    ("mild", "moderate", "severe"),
    ("never", "rarely", "sometimes", "often", "usually", "always"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("bronze", "silver", "gold", "platinum"),
    ("cold", "cool", "mild", "warm", "hot"),
    ("매우 낮음", "낮음", "보통", "높음", "매우 높음"),
    ("하", "중", "상"),
)
_COUNTED = re.compile(r"([<≤>≥]?)\s*(\d+(?:\.\d+)?)\s*(?:[-\u2013~]\s*\d+(?:\.\d+)?|\+)?\s*(.*)")


def find_levels(words: Sequence[str], required: bool = False) -> tuple[str, ...]:
    """The words of a column, lowest first, where they are those of a known scale or begin with a number.

    Args:
        words: The different words.
        required: Whether words of no known scale are refused, rather than answered by nothing.

    Raises:
        ValueError: `required`, and no order is known.

    Example:

    >>> find_levels(["High", "Low", "Medium"]), find_levels(["2 stars", "1 star", "3 stars"])
    (('Low', 'Medium', 'High'), ('1 star', '2 stars', '3 stars'))
    """
    plain = [re.sub(r"[_\s]+", " ", word.lower()) for word in words]
    if len(words) >= 3 or required:
        for scale in _SCALES:
            if set(plain) <= set(scale):
                return tuple(word for _, word in sorted(zip(map(scale.index, plain), words, strict=True)))
        counted = [_COUNTED.fullmatch(word) for word in words]
        units = {found[3].strip().rstrip("s").lower() for found in counted if found}
        if all(counted) and len(units) == 1 and len(words) <= 20:
            # Below comes before the number itself, above behind it.
            rank = {"<": -1, "≤": -1, "": 0, ">": 1, "≥": 1}
            keys = [(float(found[2]), rank[found[1]]) for found in counted if found]
            return tuple(word for _, word in sorted(zip(keys, words, strict=True)))
    if required:
        raise ValueError(
            f"The order of {', '.join(map(repr, list(words)[:5]))} is not known: give an ordered category of pandas, "
            "or numbers."
        )
    return ()
