"""Which cells of a column are gaps, and which are real words that look like one."""

from __future__ import annotations

from collections.abc import Mapping

# No word of any language that a table would hold.
ALWAYS = frozenset({"", "n/a", "#n/a", "nan", "-nan", "null", "<na>", "nat", "?", "-", "--", "."})
# Words, names and codes too: Namibia, an alley that is not there.
PERHAPS = frozenset({"na", "none", "nil", "missing", "unknown"})
# Of the other values, which say how words of the column are written.
_MOSTLY = 0.6


def looks_like_gap(word: str) -> bool:
    """Whether a cell says that a value is missing, or may say so.

    Example:

    >>> looks_like_gap(" NA"), looks_like_gap("no")
    (True, False)
    """
    plain = word.strip().lower()
    return plain in ALWAYS or plain in PERHAPS


def real_words(counts: Mapping[str, int]) -> list[str]:
    """Those of a column's words that look like gaps and are none, by how its other values are written.

    Args:
        counts: The different words of the column, and how often each stands there.

    Example:

    >>> real_words({"KR": 9, "FR": 8, "NA": 3}), real_words({"male": 9, "female": 8, "NA": 3})
    (['NA'], [])
    """
    others = [word for word in counts if not looks_like_gap(word)]
    found = []
    for word in counts:
        if word.strip().lower() not in PERHAPS or not others:
            continue
        alike = sum(_shape(other) == _shape(word) for other in others)
        if alike >= _MOSTLY * len(others):
            found.append(word)
    return found


def _shape(word: str) -> str:
    """How a word is written: a short code in capitals, capitals, a capital first, or small letters."""
    if word.isupper():
        return "code" if len(word) <= 3 else "capitals"
    return "title" if word[:1].isupper() else "small"
