"""Tables larger than memory: rows drawn fairly are held, the others are read again, some at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..checks import whole_number
from ..runtime.machine import free_memory
from .table_files import Table, table_parts

# A cell as a Python word takes some sixty bytes, and is held more than once while its column is read.
_BYTES_OF_ONE = 25
# What a packed file is unpacked to, about.
_PACKED = {".gz": 6, ".bz2": 8, ".xz": 9, ".parquet": 5, ".pq": 5}
# Rows that are held where nobody says how many: validation and test get 15,000 each. Of wide tables, so many cells.
_ROWS_HELD, _CELLS_HELD, _FEWEST_HELD = 100_000, 5_000_000, 1_000


@dataclass(frozen=True)
class OtherRows:
    """The rows of a file that are not among those drawn from it.

    Args:
        path: The file.
        header: Whether its first row names the columns, as was found.
        count: How many there are.
        seed: Decides which rows were drawn.
        highest: Rows with a lower key were drawn.
        part: Rows that are read at once, `None` by their width; the keys hang on it.
        state: Size and time of the file as it was read.
        digest: Hash of the file.
        held: How many rows were to be drawn.
        class_of_unknown: Class to which rows count whose own the drawn rows do not show; empty where they are skipped.
    """

    path: Path
    header: bool
    count: int
    seed: int
    highest: float
    part: int | None
    state: tuple[int, int]
    digest: str
    held: int
    class_of_unknown: str = ""

    def parts(self) -> Iterator[tuple[Table, np.ndarray]]:
        """The file some rows at a time, and which of them are these.

        Raises:
            ValueError: The file has changed since the rows were drawn.
        """
        self._refuse_changed()
        for place, table in enumerate(table_parts(self.path, self.header, rows=self.part)):
            at = np.flatnonzero(_keys(self.seed, place, table.rows) >= self.highest)
            if len(at):
                yield table, at
        self._refuse_changed()

    def _refuse_changed(self) -> None:
        if state_of(self.path) != self.state:
            raise ValueError(f"{self.path} has changed while it was read: copy it first, and take the copy.")


def state_of(path: Path) -> tuple[int, int]:
    """Size and time of change of a file, which tell whether it is still the same."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def is_too_large(path: Path) -> bool:
    """Whether a table would not fit into the memory that is free."""
    free = free_memory()
    if free is None or not path.is_file():
        return False
    return path.stat().st_size * _PACKED.get(path.suffix.lower(), 1) * _BYTES_OF_ONE > free


def drawn_table(
    path: Path,
    held: int | None,
    seed: int,
    header: bool | None = None,
    target: str | None = None,
    part: int | None = None,
) -> tuple[Table, OtherRows | None]:
    r"""Rows drawn from a file without replacement, each as likely as any other, in one pass.

    Args:
        path: The file.
        held: How many, at least 1; by default 100,000, fewer of more than 50 columns.
        seed: Decides which.
        header: Whether the first row names the columns; found by default.
        target: A name that the header is known to hold.
        part: Rows that are read at once; by default what `table_parts` reads.

    Returns:
        The rows as a table, and the others; `None` where there are none.

    Raises:
        ValueError: As for `table_parts`, and where the file changes while it is read.

    Reference: Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir": the lowest of random keys.

    Example:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "sizes.csv")
    >>> _ = file.write_text("size\n" + "\n".join(map(str, range(1000))))
    >>> table, others = drawn_table(file, 100, seed=0)
    >>> table.rows, others.count, sum(len(at) for _, at in others.parts())
    (100, 900, 900)
    """
    if held is not None:
        whole_number("held", held, low=1)
    state, highest, count = state_of(path) if path.is_file() else (0, 0), 1.0, 0
    kept: list[pd.DataFrame] = []
    keys: list[np.ndarray] = []
    first: Table | None = None
    for place, table in enumerate(table_parts(path, header, target, part)):
        first = first or table
        held = held or min(_ROWS_HELD, max(_FEWEST_HELD, _CELLS_HELD // len(table.columns)))
        found = _keys(seed, place, table.rows)
        at = np.flatnonzero(found < highest)
        # Its number in the file goes along with each row.
        kept.append(table.frame.iloc[at].set_axis(table.row_numbers[at], axis=0))
        keys.append(found[at])
        count += table.rows
        if sum(map(len, keys)) > 2 * held:
            kept, keys, highest = _lowest(kept, keys, held)
    if first is None or held is None:
        raise ValueError(f"{path} holds no rows.")
    if sum(map(len, keys)) > held:
        kept, keys, highest = _lowest(kept, keys, held)
    frame = pd.concat(kept)
    table = replace(first, frame=frame.reset_index(drop=True), lines=frame.index.to_numpy())
    whole = len(frame) == count
    digest = "" if whole else _digest(path)
    if state_of(path) != state:
        raise ValueError(f"{path} has changed while it was read: copy it first, and take the copy.")
    if whole:
        return table, None
    others = OtherRows(path, first.has_header, count - len(frame), seed, highest, part, state, digest, held)
    said = (
        f"{len(frame):,} rows drawn of {count:,} are held in memory: they tell what the columns are, and give the rows "
        f"of validation and test. The other {others.count:,} stay in the file: `run` learns from them too, all else "
        "uses the drawn ones only."
    )
    return replace(table, notes=(*table.notes, said)), others


def _keys(seed: int, place: int, rows: int) -> np.ndarray:
    return np.random.default_rng((seed, place)).random(rows)


def _lowest(
    kept: list[pd.DataFrame], keys: list[np.ndarray], held: int
) -> tuple[list[pd.DataFrame], list[np.ndarray], float]:
    """The rows with the lowest keys, in the order that they have, and the lowest key that is not among them."""
    frame, whole = pd.concat(kept), np.concatenate(keys)
    highest = float(np.partition(whole, held)[held])
    at = np.flatnonzero(whole < highest)
    return [frame.iloc[at]], [whole[at]], highest
