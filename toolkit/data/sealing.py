"""Finds the rows of a sealed test split among rows that something is to be chosen by."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from .sequences import PADDING

# Honest data hold duplicates; a share above this is a leak.
_ALLOWED = 0.05
# Rows that must agree in one map before it is taken for one.
_FEWEST_MAPPED = 3
# Distance of two rows, each with mean 0 and standard deviation 1, that counts as none: float32 after a map.
_NEAR = 1e-3
# Trees are slow in many dimensions, so rows are looked for along a few random directions.
_PROJECTIONS = 8
# Near rows looked at for each row: there may be several under different maps.
_NEIGHBOURS = 4
# Maps tried for the commonest one, so that many pairs take no more time.
_MOST_PAIRS = 4000


class Seal:
    """Knows the rows of one sealed split, and which rows stand beside it.

    Args:
        x: The sealed inputs, `(rows, ...)` or columns by name.
        name: Name of the data set.
        beside: The inputs of the splits that may be chosen by. A sealed row that they hold too proves nothing.
    """

    def __init__(self, x: Any, name: str = "", beside: Iterable[Any] = ()) -> None:
        self.name = name
        self._x = x
        self._beside = tuple(beside)
        _SEALS.add(self)

    def holds_beside(self, x: Any) -> bool:
        """Whether these are the very arrays of the splits beside, or views of them."""
        own = [array for one in self._beside for array in _arrays(one)]
        given = _arrays(x)
        return bool(given) and all(any(np.may_share_memory(array, one) for one in own) for array in given)

    @cached_property
    def rows(self) -> _Rows:
        """The sealed rows that do not stand in a split beside."""
        sealed = _Rows.of(self._x)
        for one in self._beside:
            other = _Rows.of(one)
            if other.width == sealed.width:
                sealed = sealed.without(other)
        return sealed


_SEALS: weakref.WeakSet[Seal] = weakref.WeakSet()


def refuse_sealed(doing: str, rows: Any, name: str = "x") -> None:
    """Refuses rows that stand in a sealed test split of this process.

    Seen are exact copies in any order, and copies under one map `value -> a * value + b` of all values,
    where they are more than 5 % of the rows given or of the rows sealed. Not seen are rows changed
    otherwise (each column scaled by itself, cut, turned, with noise), rows of one or two values scaled in
    part, and splits that nothing holds any more.

    Args:
        doing: Begins the message, such as `"Members are chosen"`.
        rows: Arrays, columns by name, or a `Split`; `None` is let through.
        name: Of the argument that they were given as.

    Raises:
        TypeError: `rows` is a sealed split itself, or no arrays.
        ValueError: Too many of the rows are sealed ones.

    Example:

    >>> seal = Seal(np.random.default_rng(0).normal(size=(20, 4)))
    >>> refuse_sealed("Members are chosen", seal._x[::-1] * 3 + 1)
    Traceback (most recent call last):
    ...
    ValueError: Members are chosen on rows kept for it; 20 of the 20 rows given stand in the sealed test split...
    """
    if rows is None:
        return
    # By what it has, for the file of `SealedSplit` imports this one.
    if hasattr(rows, "openings"):
        raise TypeError(f"{doing} on validation rows; `{name}` is a sealed test split.")
    x = rows.x if hasattr(rows, "x") and hasattr(rows, "y") else rows
    seals = list(_SEALS)
    own = [seal for seal in seals if seal.holds_beside(x)]
    if own or not seals:
        return
    given = _Rows.of(x, name)
    for seal in seals:
        found = _matches(given, seal.rows)
        if found is None:
            continue
        count, how = found
        whose = f" of {seal.name!r}" if seal.name else ""
        raise ValueError(
            f"{doing} on rows kept for it; {count} of the {len(given.keys)} rows given stand in the sealed test "
            f"split{whose}{how}. Give validation rows: `splits.validation`."
        )


@dataclass(frozen=True)
class _Rows:
    """Rows as keys (equal where all values are equal) and as numbers."""

    keys: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, x: Any, name: str = "x") -> _Rows:
        columns = _arrays(x)
        if not columns or any(column.ndim == 0 for column in columns):
            raise TypeError(f"`{name}` must be arrays of rows, got {type(x).__name__}.")
        count = len(columns[0])
        parts = [column.reshape(count, -1) for column in columns]
        # Adding 0 turns -0.0 into 0.0: keys are compared byte by byte.
        plain = [part.astype("float32") + np.float32(0) for part in parts if part.dtype.kind in "biuf"]
        # Words of TensorFlow are bytes, which numpy would take for ASCII.
        words = [_as_words(part) for part in parts if part.dtype.kind not in "biuf"]
        numbers = np.concatenate(plain, axis=1) if plain else np.zeros((count, 0), "float32")
        text = ["\0".join(row) for row in np.concatenate(words, axis=1)] if words else [""] * count
        keys = [row.tobytes() + word.encode() for row, word in zip(np.ascontiguousarray(numbers), text, strict=True)]
        # Gaps make keys as other values do, and no distances.
        # What is behind the end of a sequence would outweigh all that is in it.
        plain_numbers = np.where(numbers == np.float32(PADDING), 0, np.nan_to_num(numbers, posinf=0, neginf=0))
        return cls(np.array(keys, dtype=object), plain_numbers)

    @property
    def width(self) -> int:
        return self.numbers.shape[1]

    def without(self, others: _Rows) -> _Rows:
        """The rows that are none of the others, nor one of them under a map of their values."""
        known = set(others.keys)
        kept = np.array([key not in known for key in self.keys], dtype=bool)
        # All rows of two values have one of two shapes, so shapes tell nothing.
        if self.width >= 3 and kept.any():
            shapes, varied = self.shapes
            beside, usable = others.shapes
            if usable.any():
                tree = cKDTree(_projected(beside[usable]))
                points = _projected(shapes)
                near = np.minimum(tree.query(points)[0], tree.query(-points)[0]) <= _NEAR
                kept &= ~(near & varied)
        return _Rows(self.keys[kept], self.numbers[kept])

    @property
    def shapes(self) -> tuple[np.ndarray, np.ndarray]:
        """Each row with mean 0 and standard deviation 1, and whether it varies enough for that."""
        mean, spread = self.moments
        # What varies less than float32 can hold would be noise after scaling.
        varied = spread > 1e-5 * (1e-30 + np.abs(self.numbers).max(axis=1, initial=0))
        return (self.numbers - mean[:, None]) / np.where(varied, spread, 1)[:, None], varied

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        numbers = self.numbers.astype("float64")
        return numbers.mean(axis=1), numbers.std(axis=1)


def _as_words(part: np.ndarray) -> np.ndarray:
    cells = [
        cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else str(cell) for cell in part.ravel()
    ]
    return np.array(cells, dtype=object).reshape(part.shape)


def _arrays(x: Any) -> list[np.ndarray]:
    if isinstance(x, dict):
        # In one order, however the columns were given.
        return [np.asarray(x[name]) for name in sorted(x)]
    if isinstance(x, list | tuple) and x and all(hasattr(one, "shape") and len(one.shape) for one in x):
        return [np.asarray(one) for one in x]
    array = np.asarray(x)
    return [] if array.dtype == object and array.ndim == 0 else [array]


def _matches(given: _Rows, sealed: _Rows) -> tuple[int, str] | None:
    """How many rows given are sealed ones, and under which map, where they are too many."""
    if not len(sealed.keys) or not len(given.keys) or given.width != sealed.width:
        return None
    known = set(sealed.keys)
    same = [key in known for key in given.keys]
    if _too_many(sum(same), len({key for key, hit in zip(given.keys, same, strict=True) if hit}), given, sealed):
        return sum(same), ""
    return _whole_copy(given, sealed) if given.width <= 2 else _mapped_copies(given, sealed)


def _too_many(of_given: int, of_sealed: int, given: _Rows, sealed: _Rows) -> bool:
    return of_given > _ALLOWED * len(given.keys) or of_sealed > _ALLOWED * len(sealed.keys)


def _whole_copy(given: _Rows, sealed: _Rows) -> tuple[int, str] | None:
    """Rows of one or two values say little each; all of them together, sorted, show one map."""
    if len(given.keys) != len(sealed.keys) or not given.width or given.numbers.std() == 0:
        return None
    mine, theirs = (np.sort(rows.numbers.astype("float64"), axis=None) for rows in (given, sealed))
    for sign in (1, -1):
        scale = sign * mine.std() / max(theirs.std(), 1e-30)
        mapped = np.sort(scale * (theirs - theirs.mean()) + mine.mean())
        if np.abs(mapped - mine).max() <= _NEAR * mine.std():
            return len(given.keys), _map_in_words(scale, mine.mean() - scale * theirs.mean())
    return None


def _mapped_copies(given: _Rows, sealed: _Rows) -> tuple[int, str] | None:
    (mine, mine_vary), (theirs, theirs_vary) = given.shapes, sealed.shapes
    if not mine_vary.any() or not theirs_vary.any():
        return None
    tree, places = cKDTree(_projected(theirs[theirs_vary])), np.flatnonzero(theirs_vary)
    points, rows = _projected(mine[mine_vary]), np.flatnonzero(mine_vary)
    pairs = [_near_pairs(tree, sign * points, rows, places, sign) for sign in (1, -1)]
    own, other, signs = (np.concatenate(column) for column in zip(*pairs, strict=True))
    # Strangers may be near along a few directions, so the rows themselves decide.
    truly = np.abs(mine[own] - signs[:, None] * theirs[other]).max(axis=1, initial=0) <= 10 * _NEAR
    own, other, signs = own[truly], other[truly], signs[truly]
    if not len(own):
        return None
    (mean, spread), (their_mean, their_spread) = given.moments, sealed.moments
    scale = signs * spread[own] / their_spread[other]
    offset = mean[own] - scale * their_mean[other]
    agreeing = _commonest_map(scale, offset, float(given.numbers.std()))
    hits, sources = np.unique(own[agreeing]), np.unique(other[agreeing])
    # Between any two rows of nearly one shape there is a map: rows of three values meet by chance.
    if len(sources) < _FEWEST_MAPPED:
        return None
    if not _too_many(len(hits), len(sources), given, sealed):
        return None
    return len(hits), _map_in_words(float(np.median(scale[agreeing])), float(np.median(offset[agreeing])))


def _near_pairs(
    tree: cKDTree, points: np.ndarray, rows: np.ndarray, places: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    distance, neighbour = tree.query(points, k=_NEIGHBOURS, distance_upper_bound=_NEAR)
    at, rank = np.nonzero(np.isfinite(distance))
    return rows[at], places[neighbour[at, rank]], np.full(len(at), sign)


def _commonest_map(scale: np.ndarray, offset: np.ndarray, spread: float) -> np.ndarray:
    """Places of the pairs that agree with the map that most pairs agree with."""
    # Maps of opposite sign are put far apart, scales compared as ratios, offsets against the spread of the values.
    points = np.stack([np.sign(scale) * 10, np.log(np.abs(scale)), offset / max(spread, 1e-30)], axis=1) / (5 * _NEAR)
    tree = cKDTree(points)
    tried = points[:: max(1, len(points) // _MOST_PAIRS)]
    counts = tree.query_ball_point(tried, r=1.0, return_length=True)
    return np.array(tree.query_ball_point(tried[int(np.argmax(counts))], r=1.0))


def _projected(shapes: np.ndarray) -> np.ndarray:
    """A few random directions of many; near rows stay near."""
    width = shapes.shape[1]
    if width <= _PROJECTIONS:
        return shapes / np.sqrt(width)
    directions = np.random.default_rng(0).normal(size=(width, _PROJECTIONS))
    return shapes @ (directions / np.linalg.norm(directions, axis=0)) / np.sqrt(_PROJECTIONS)


def _map_in_words(scale: float, offset: float) -> str:
    return f", rescaled as {scale:.4g} x + {offset:.4g}"
