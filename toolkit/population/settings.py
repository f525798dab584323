"""The settings of the members: one value for all, or one a member."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import number, seed_of, whole_number

# Of more not even the settings fit side by side; models of any size end far earlier.
MOST_MEMBERS = 100_000


@dataclass(frozen=True)
class MemberSettings:
    """What each member is set to; `None` leaves it to the optimizer or the model.

    Args:
        members: Number of members, at least 1.
        seeds: Seed of each member.
        learning_rate: Rate, or schedule of one, of each member.
        momentum: Momentum of each member, in [0, 1].
        weight_decay: Weight decay of each member, at least 0.
        dropout: Dropout rate of each member, in [0, 1).
        varied: Names of the settings that differ between members.
    """

    members: int
    seeds: tuple[int, ...]
    learning_rate: tuple[Any, ...] | None
    momentum: tuple[float, ...] | None
    weight_decay: tuple[float, ...] | None
    dropout: tuple[float, ...] | None
    varied: tuple[str, ...]

    def part(self, name: str, start: int, count: int) -> tuple[Any, ...] | None:
        """The setting `name` of `count` members from member `start` on."""
        values = getattr(self, name)
        return None if values is None else values[start : start + count]


def read_settings(size: int | None, given: Mapping[str, Any]) -> MemberSettings:
    """Puts scalars and sequences on one length.

    Args:
        size: Number of members, or `None` to take the sequences' length.
        given: `learning_rate`, `momentum`, `weight_decay`, `dropout` and `seed`, each `None`, one
            value, or a sequence of one value a member.

    Raises:
        TypeError: A value of the wrong kind.
        ValueError: Sequences of unlike length, none at all, or a value out of range.

    Example:

    >>> read_settings(None, {"learning_rate": [0.1, 0.2], "momentum": 0.9}).momentum
    (0.9, 0.9)
    """
    lengths = {name: len(value) for name, value in given.items() if _is_sequence(value)}
    if size is not None:
        lengths["size"] = whole_number("size", size, 1, MOST_MEMBERS)
    if any(length == 0 for length in lengths.values()):
        empty = next(name for name, length in lengths.items() if length == 0)
        raise ValueError(f"`{empty}` must hold at least one value, one a member, got none.")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise ValueError(f"All settings must have one value a member, got these lengths: {listed}.")
    members = next(iter(lengths.values()), 1)
    values = {
        name: _spread(given.get(name), members) for name in ("learning_rate", "momentum", "weight_decay", "dropout")
    }
    seeds = given.get("seed")
    if seeds is None:
        # Comparing settings needs one start; members with nothing else to tell them apart need many.
        compared = any(_is_sequence(value) for value in given.values())
        seeds = [0] * members if compared else range(members)
    return MemberSettings(
        members=members,
        seeds=tuple(seed_of("seed", seed) for seed in _spread(seeds, members) or ()),
        learning_rate=_each("learning_rate", values["learning_rate"], 0, np.inf, open_low=True, open_high=True),
        momentum=_each("momentum", values["momentum"], 0, 1),
        weight_decay=_each("weight_decay", values["weight_decay"], 0, np.inf, open_high=True),
        dropout=_each("dropout", values["dropout"], 0, 1, open_high=True),
        varied=tuple(name for name, value in given.items() if _is_sequence(value)),
    )


def _is_sequence(value: Any) -> bool:
    return (
        isinstance(value, (Sequence, np.ndarray, range))
        and not isinstance(value, (str, bytes))
        and len(np.shape(value) if isinstance(value, np.ndarray) else (1,)) > 0
    )


def _spread(value: Any, members: int) -> list[Any] | None:
    if value is None:
        return None
    return [_plain(one) for one in value] if _is_sequence(value) else [_plain(value)] * members


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value


def _each(name: str, values: list[Any] | None, low: float, high: float, **ends: bool) -> tuple[Any, ...] | None:
    if values is None:
        return None
    return tuple(
        # A schedule has a rate for each update, so there is no one number to check.
        value if callable(value) and not isinstance(value, numbers.Real) else number(name, value, low, high, **ends)
        for value in values
    )
