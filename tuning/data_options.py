"""What is said of the data of a run, a search or a comparison: how they are read and parted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..toolkit.data import Splits, load
from ..toolkit.tasks import Task


@dataclass(frozen=True)
class DataOptions:
    """The options of `trainwise.data.load` that all jobs on data take.

    Args:
        target: As for `load`, and so are all others.

    Example:

    >>> DataOptions(rare="drop").load("iris", seed=0).task
    'multiclass'
    """

    target: str | None = None
    task: Task | None = None
    header: bool | None = None
    drop: Sequence[str] = ()
    data_dir: str | Path | None = None
    columns: Mapping[str, str] | None = None
    group: str | None = None
    time: str | None = None
    forecast: int | None = None
    window: int | None = None
    sequence: str | None = None
    in_memory: int | None = None
    rare: str = "refuse"
    tokens: bool = False

    @classmethod
    def of(cls, options: DataOptions | Mapping[str, Any]) -> DataOptions:
        """The options, which may be given by name too.

        Args:
            options: As such, or a mapping of names to values.

        Raises:
            TypeError: There is no option of a name.

        Example:

        >>> DataOptions.of({"rare": "drop"}) == DataOptions(rare="drop")
        True
        """
        return options if isinstance(options, DataOptions) else cls(**options)

    def load(self, source: Any, seed: int) -> Splits:
        """Reads and parts a source.

        Args:
            source: What `load` takes.
            seed: Decides which rows go where.

        Raises:
            ValueError: The data or an option cannot be used.
        """
        return load(source, seed=seed, **{one.name: getattr(self, one.name) for one in fields(self)})
