"""Which members of a population are trained together: all, or a part of a larger one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Crowd:
    """Which members of which population are meant.

    Args:
        members: Number of members, at least 1.
        population: Number of members of the whole, where these are a part of it.
        offset: Place of the first of these members in the whole.

    Example:

    >>> Crowd(2, population=5, offset=3).columns
    (5, 3)
    """

    members: int
    population: int | None = None
    offset: int = 0

    @property
    def columns(self) -> tuple[int, int]:
        """How many columns weights of all members have, and which is that of the first of these."""
        return self.population or self.members, self.offset
