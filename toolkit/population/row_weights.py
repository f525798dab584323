"""Weights of classes and rows as each member of a population has them; weights of classes come as weights of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from .crowd import Crowd


@dataclass(frozen=True)
class MemberWeights:
    """Sample weights as each member has them.

    Args:
        weights: Of all members together, or `None`.
        first: Column of the first member where each has one of its own, else `None`.
        members: Number of members.
    """

    weights: Any
    first: int | None
    members: int

    @property
    def none(self) -> bool:
        """Whether there are none."""
        return self.weights is None

    @property
    def by_row(self) -> bool:
        """Whether a row has one weight, for each member or for all."""
        if self.weights is None:
            return False
        shape = self.weights.shape
        return len(shape) == (1 if self.first is None else 2) or (self.first is None and tuple(shape[1:]) == (1,))

    def of(self, k: int) -> Any:
        """The weights of member `k`, as a lone model would be given them."""
        return self.weights if self.weights is None or self.first is None else self.weights[:, self.first + k]

    def columns(self, dtype: str) -> Any:
        """Weights of rows as `(batch, members)` or `(batch, 1)`."""
        weights = ops.cast(self.weights, dtype)
        if self.first is None:
            return weights if len(weights.shape) == 2 else ops.expand_dims(weights, -1)
        return weights[:, self.first : self.first + self.members]


def weights_of(sample_weight: Any, shape: Sequence[int | None], crowd: Crowd) -> MemberWeights:
    """Sample weights of each member: those of shape `(batch, members, ...)` have a column for each.

    Args:
        sample_weight: Weights, or `None`.
        shape: Of the predictions, `(batch, members, ...)`.
        crowd: Which members.

    Raises:
        ValueError: The weights may be those of members or of steps.
    """
    if sample_weight is None:
        return MemberWeights(None, None, crowd.members)
    weights = ops.convert_to_tensor(sample_weight)
    own = of_members(tuple(weights.shape), (shape[0], *shape[2:]), crowd.columns[0])
    return MemberWeights(weights, crowd.columns[1] if own else None, crowd.members)


def of_members(weights: Sequence[int | None], outputs: Sequence[int | None], members: int) -> bool:
    """Whether sample weights have a column for each member.

    Args:
        weights: Shape of the weights.
        outputs: Shape of one member's predictions.
        members: Number of members that would have a column.

    Raises:
        ValueError: The second axis may be that of the members, or that of the steps of the targets.

    Example:

    >>> of_members((32, 3), (32, 1), members=3), of_members((32, 9), (32, 9, 2), members=3)
    (True, False)
    """
    if len(weights) < 2 or weights[1] != members:
        return False
    # As many axes as the values of a loss have at most; a last axis of one is dropped.
    fits_one = len(weights) <= (len(outputs) if weights[-1] == 1 else len(outputs) - 1)
    if members == 1:
        return not fits_one
    if fits_one and len(outputs) > 2 and outputs[1] in (members, None):
        raise ValueError(
            f"`sample_weight` of shape {tuple(weights)} may be weights of {members} members or of {members} steps; "
            f"give weights of both, of shape (rows, {members} members, {members} steps)."
        )
    return True
