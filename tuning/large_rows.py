"""All training rows of a table larger than memory, encoded once into blocks on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from ..toolkit.data import Split, Splits
from ..toolkit.data.columns import as_written
from ..toolkit.data.disk_rows import DiskRows
from ..toolkit.data.gaps import looks_like_gap
from ..toolkit.data.sources import Inputs
from ..toolkit.data.table_files import Table
from ..toolkit.data.table_inputs import table_inputs
from ..toolkit.data.table_rows import targets_of
from ..toolkit.models.table_encoder import TableEncoder
from ..toolkit.saving.model_schema import schema_part


def other_rows(splits: Splits) -> Iterator[tuple[Split, int]]:
    r"""The training rows that are not held, as read, and how many rows of each part have no target that can be learnt.

    Args:
        splits: Of a table that is larger than memory.

    Raises:
        ValueError: A cell is not what its column is, by the rows that were drawn.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from ..toolkit.data import load
    >>> file = Path(tempfile.mkdtemp(), "rows.csv")
    >>> _ = file.write_text("size,kind\n" + "1.5,a\n2.5,b\n" * 500)
    >>> parts = list(other_rows(load(file, in_memory=100)))
    >>> sum(len(rows) for rows, _ in parts), parts[0][0].x.shape[1]
    (900, 1)
    """
    if splits.others is None:
        return
    schema = schema_part(splits)
    for table, left in splits.others.parts():
        # All rows of a part, so that a message counts them as the file does.
        y, known = _targets(splits, table)
        given = table_inputs(table, schema, splits.others.path)
        at = left[known[left]]
        if schema["columns"] is None:
            x: Inputs = given[at]
        else:
            x = {
                name: given[tensor][at, 0].astype(object if kind == "words" else "float32")
                for name, (tensor, kind) in schema["columns"].items()
            }
        yield Split(x, y[at]), len(left) - len(at)


def drawn_alone(splits: Splits) -> str:
    r"""What a job says that learns from the held rows of a large table alone, a line; empty where all are held.

    Args:
        splits: As read.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from ..toolkit.data import load
    >>> file = Path(tempfile.mkdtemp(), "rows.csv")
    >>> _ = file.write_text("size,kind\n" + "1.5,a\n2.5,b\n" * 500)
    >>> print(drawn_alone(load(file, in_memory=100)))
    drawn: 70 of 970 training rows are used, those held in memory; --in-memory ROWS holds more, --in-memory 0 all
    >>> drawn_alone(load("iris"))
    ''
    """
    if splits.others is None:
        return ""
    held = len(splits.train)
    return (
        f"drawn: {held:,} of {held + splits.others.count:,} training rows are used, those held in memory; --in-memory "
        "ROWS holds more, --in-memory 0 all"
    )


def rows_on_disk(splits: Splits, encoder: TableEncoder | None, held: Split) -> tuple[DiskRows, int]:
    """All training rows on disk, and how many were left out for want of a target.

    Args:
        splits: As read.
        encoder: Of the columns.
        held: The training rows that are held, encoded.
    """
    x = np.asarray(held.x)
    rows, lost = DiskRows(x.shape[1], held.y.dtype), 0
    try:
        rows.add(x, held.y)
        for part, without in other_rows(splits):
            lost += without
            if len(part):
                rows.add(np.asarray(part.x) if encoder is None else encoder.encode(part.x), part.y)
    except BaseException:
        # A process that is interrupted ends at once, and would leave them.
        rows.close()
        raise
    return rows, lost


def _targets(splits: Splits, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Targets as they are learnt, and which rows have one that the drawn rows have too."""
    if splits.classes is None:
        values, gaps = targets_of(table, splits.target, "number", "")
        return values.astype("float32"), ~gaps & np.isfinite(values)
    places = {name: place for place, name in enumerate(splits.classes)}
    unknown = places.get(splits.others.class_of_unknown, -1) if splits.others else -1
    cells = table.frame[splits.target]
    # Each word is looked up once, however many rows hold it.
    codes, different = pd.factorize(cells.astype(object).where(cells.notna(), ""))
    found = np.array([_place(as_written(one), places, unknown) for one in different])[codes]
    return found.astype(splits.train.y.dtype), found >= 0


def _place(word: str, places: Mapping[str, int], unknown: int) -> int:
    """The number of a word's class: its own, that of the whole number that it is, or that of unknown ones."""
    if word in places:
        return places[word]
    number = pd.to_numeric(word, errors="coerce")
    known = places.get(as_written(float(number))) if np.isfinite(number) else None
    return known if known is not None else -1 if looks_like_gap(word) else unknown
