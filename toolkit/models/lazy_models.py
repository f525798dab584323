"""A sequence of models that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload


class LazyModels(Sequence[Any]):
    """Models of which each is made when it is first asked for, and then kept.

    Args:
        makers: One function a model, which returns it.
        what: What the models are, for the error that names a place where there is none.

    Example:

    >>> models = LazyModels([lambda: "a model", lambda: 1 / 0], "members")
    >>> len(models), models[0], models[-2]
    (2, 'a model', 'a model')
    """

    def __init__(self, makers: Sequence[Callable[[], Any]], what: str = "models") -> None:
        self.makers = list(makers)
        self.what = what
        self._made: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.makers)

    @overload
    def __getitem__(self, k: int) -> Any: ...

    @overload
    def __getitem__(self, k: slice) -> list[Any]: ...

    def __getitem__(self, k: int | slice) -> Any:
        if isinstance(k, slice):
            return [self[place] for place in range(*k.indices(len(self)))]
        if not -len(self) <= k < len(self):
            there = f"{self.what} 0 to {len(self) - 1}" if len(self) else f"no {self.what}"
            raise IndexError(f"There are {there}, got {k}.")
        k %= len(self)
        if k not in self._made:
            self._made[k] = self.makers[k]()
        return self._made[k]

    def __iter__(self) -> Iterator[Any]:
        # `Sequence` would take an IndexError that a maker raises for the end.
        return (self[k] for k in range(len(self)))
