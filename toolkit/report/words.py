"""The words of a page, in English or Korean."""

from __future__ import annotations

from collections.abc import Callable

from ..checks import one_of
from ..diagnosis.wording import LANGUAGES
from .korean import KOREAN
from .korean_sentences import in_korean

# Takes words in English, gives them in the language of the page.
Say = Callable[[str], str]


def as_written(words: str) -> str:
    """English: the words as they are."""
    return words


def speaker(language: str) -> Say:
    """What gives the fixed words of a page in a language; a word that the catalogue lacks stays English.

    Args:
        language: `"en"` or `"ko"`.

    Raises:
        ValueError: Another language.

    Example:

    >>> speaker("en")("epoch"), speaker("ko")("epoch")
    ('epoch', '에포크')
    """
    if one_of("language", language, LANGUAGES) == "en":
        return as_written
    return lambda words: KOREAN.get(words, words)


def teller(language: str) -> Say:
    """What gives a sentence that a run has written down in a language; one of unknown form stays English.

    Args:
        language: `"en"` or `"ko"`.

    Raises:
        ValueError: Another language.

    Example:

    >>> teller("ko")("The soft vote is not better than the best member: it fixes 1 and breaks 2 of 30 answers.")[:4]
    '소프트 '
    """
    return as_written if one_of("language", language, LANGUAGES) == "en" else in_korean
