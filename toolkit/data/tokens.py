"""Token ids: whole numbers that stand for words, as rows of equal length, 0 filling up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# An embedding of more words than any language has would be one of hashes or of measurements.
_LARGEST = 10_000_000
# From so many columns and such a largest number on whole numbers look like token ids: those of pixels end at 255.
_FEWEST_STEPS, _BRIGHTEST = 8, 255
# By what factor the largest numbers of columns of ids may differ, and the share of the columns that must not.
_UNLIKE, _ALIKE = 4, 0.9


def are_tokens(x: Any) -> bool:
    """Whether rows are token ids, which are the only whole numbers that rows are held as.

    Example:

    >>> are_tokens(np.array([[3, 0]])), are_tokens(np.array([[3.0, 0.0]]))
    (True, False)
    """
    return isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype.kind in "iu"


def token_rows(x: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of token ids as one array `(rows, steps)` of int32, 0 behind their ends, and what is to be said of them.

    Args:
        x: A matrix `(rows, steps)` in which 0 fills up, or a list of sequences of unequal length. Where one of these
            has an id 0 itself, all ids are counted from 1.

    Raises:
        TypeError: A row holds no numbers.
        ValueError: Another shape, numbers that are not whole, below 0 or beyond 10 million, or a row without a token.

    Example:

    >>> token_rows([[7, 9], [8]])[0].tolist()
    [[7, 9], [8, 0]]
    >>> rows, notes = token_rows([[0, 2], [1]])
    >>> rows.tolist(), notes[0]
    ([[1, 3], [2, 0]], 'Token ids are counted from 1, since 0 fills up: give the model each id plus 1.')
    """
    if isinstance(x, np.ndarray) and x.dtype != object:
        if x.ndim != 2:
            raise ValueError(f"Token ids must have shape (rows, steps), got {x.shape}.")
        found = _whole(x, "`x`")
        return found.astype("int32"), _said(np.count_nonzero(found, axis=1), found.shape[1])
    rows = [_whole(np.asarray(one), f"Row {place}") for place, one in enumerate(x)]
    wrong = next((place for place, row in enumerate(rows) if row.ndim != 1 or not len(row)), None)
    if wrong is not None:
        raise ValueError(f"Row {wrong} must be token ids (steps,), at least one, got shape {rows[wrong].shape}.")
    from_one = int(any(row.min() == 0 for row in rows))
    found = np.zeros((len(rows), max(map(len, rows))), dtype="int32")
    for place, row in enumerate(rows):
        found[place, : len(row)] = row + from_one
    moved = ["Token ids are counted from 1, since 0 fills up: give the model each id plus 1."] if from_one else []
    return found, (*moved, *_said(np.array([len(row) for row in rows]), found.shape[1]))


def _whole(numbers: np.ndarray, name: str) -> np.ndarray:
    if numbers.dtype.kind not in "iuf" and numbers.size:
        raise TypeError(f"{name} must hold token ids, which are whole numbers, got dtype {numbers.dtype}.")
    wrong = numbers[~((numbers >= 0) & (numbers <= _LARGEST) & (numbers == np.round(numbers)))]
    if wrong.size:
        raise ValueError(f"{name} must hold token ids, which are whole numbers from 0 to {_LARGEST}, got {wrong[0]}.")
    return numbers.astype("int64")


def _said(lengths: np.ndarray, steps: int) -> tuple[str, ...]:
    if lengths.min(initial=steps) == steps:
        return ()
    return (f"Sequences have {lengths.min()} to {lengths.max()} tokens; 0 fills up and counts for nothing.",)


def commonest(x: np.ndarray, most: int) -> np.ndarray:
    """The ids that stand most often in rows, 0 left out.

    Args:
        x: Token ids `(rows, steps)`.
        most: How many at most.

    Example:

    >>> commonest(np.array([[3, 5, 5], [5, 3, 0], [9, 0, 0]]), 2).tolist()
    [5, 3]
    """
    counts = np.bincount(x.ravel())
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[:most]
    return order[counts[order] > 0]


def word_counts(x: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """How often each of some ids stands in each row, `(rows, ids)` of float32.

    Args:
        x: Token ids `(rows, steps)`.
        ids: Those that are counted.

    Example:

    >>> word_counts(np.array([[3, 5, 5], [5, 3, 0]]), np.array([5, 3])).tolist()
    [[2.0, 1.0], [1.0, 1.0]]
    """
    places = np.full(int(max(x.max(), ids.max(initial=0))) + 1, len(ids))
    places[ids] = np.arange(len(ids))
    rows = np.repeat(np.arange(len(x)), x.shape[1])
    found = np.zeros((len(x), len(ids) + 1), dtype="float32")
    np.add.at(found, (rows, places[x].ravel()), 1)
    return found[:, :-1]


def look_like_tokens(x: Any) -> bool:
    """Whether whole numbers may well be token ids: of a wide range, and as large in one column as in another.

    Args:
        x: An array, or a list of sequences, as given.

    Example:

    >>> ids = np.random.default_rng(0).integers(1, 5000, (40, 12))
    >>> look_like_tokens(ids), look_like_tokens(ids % 200), look_like_tokens(ids / 2), look_like_tokens(ids[:, :3])
    (True, False, False, False)
    """
    if not isinstance(x, np.ndarray) or x.dtype == object:
        return _lists_look_like_tokens(x)
    if x.ndim != 2 or x.dtype.kind not in "iu" or x.shape[1] < _FEWEST_STEPS or not len(x):
        return False
    largest = x.max(axis=0)
    # Behind the ends of most sequences there is little but 0.
    alike = np.mean(largest[largest > 0] * _UNLIKE >= largest.max()) if largest.max() > 0 else 0.0
    return bool(x.min() >= 0 and largest.max() > _BRIGHTEST and alike >= _ALIKE)


def _lists_look_like_tokens(x: Sequence[Any]) -> bool:
    rows = [np.asarray(one) for one in x]
    whole = all(row.ndim == 1 and row.dtype.kind in "iu" and len(row) and row.min() >= 0 for row in rows)
    return whole and max(int(row.max()) for row in rows) > _BRIGHTEST


# What is said where they do and nobody says that they are.
HINT = (
    "The inputs are whole numbers of a wide range: if they number words, say so with `tokens=True` (`--tokens` on the "
    "command line), and they are embedded."
)
