"""Rows held out for validation where nobody said which."""

from __future__ import annotations

import numpy as np

HELD_OUT = 0.2


def held_out_places(count: int, seed: int, share: float = HELD_OUT) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows to train on and of those held out, drawn at random.

    Args:
        count: Number of rows, at least 2.
        seed: Decides which rows are held out.
        share: Share of the rows that is held out, in (0, 1); at least one row is.

    Raises:
        ValueError: There are too few rows to hold one out and train on another.

    Example:

    >>> train, held = held_out_places(10, seed=0)
    >>> len(train), len(held), sorted([*train, *held]) == list(range(10))
    (8, 2, True)
    """
    held = held_out_count(count, share)
    order = np.random.default_rng(seed).permutation(count)
    return order[: count - held], order[count - held :]


def held_out_count(count: int, share: float = HELD_OUT) -> int:
    """How many of the rows are held out.

    Args:
        count: Number of rows, at least 2.
        share: Share of the rows, in (0, 1); at least one row is held out.

    Raises:
        ValueError: There are too few rows to hold one out and train on another.
    """
    held = max(1, int(count * share))
    if count - held < 1:
        raise ValueError(f"There must be at least 2 rows, one of them for validation, got {count}.")
    return held
