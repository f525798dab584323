"""The rows that a published model was proved on, and what it is to answer to them, kept beside it."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..runtime.files import DamagedFileError

ROWS = "assets.extra/trainwise-rows.npz"
# Photographs would make the proof larger than many a model.
_MOST_BYTES = 8 * 2**20
Arrays = dict[str, np.ndarray]


def write_rows(folder: Path, columns: Arrays, expected: Mapping[str, Arrays]) -> None:
    """Writes the rows, and the answers by signature and output; of large rows the first few.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "assets.extra").mkdir()
    >>> write_rows(folder, {"x": np.ones((1, 2))}, {"serving_default": {"y": np.zeros((1, 1))}})
    >>> columns, expected = read_rows(folder)
    >>> columns["x"].shape, expected["serving_default"]["y"].tolist()
    ((1, 2), [[0.0]])
    """
    size = sum(column[:1].nbytes for column in columns.values())
    most = max(1, _MOST_BYTES // max(1, size))
    named = {f"in/{name}": column[:most] for name, column in columns.items()}
    named |= {f"out/{which}/{name}": array[:most] for which, found in expected.items() for name, array in found.items()}
    np.savez_compressed(folder / ROWS, **named)  # type: ignore[arg-type]  # of arrays alone


def read_rows(folder: Path) -> tuple[Arrays, dict[str, Arrays]] | None:
    """The rows, and the answers by signature and output; `None` where none were kept.

    Raises:
        DamagedFileError: The file is none of `write_rows`.
    """
    file = folder / ROWS
    if not file.is_file():
        return None
    columns: Arrays = {}
    expected: dict[str, Arrays] = {}
    try:
        # No objects: what is pickled is never run.
        with np.load(file, allow_pickle=False) as archive:
            for name in archive.files:
                kind, _, rest = name.partition("/")
                if kind == "in":
                    columns[rest] = archive[name]
                elif kind == "out":
                    signature, _, output = rest.partition("/")
                    expected.setdefault(signature, {})[output] = archive[name]
    # A file cut at different places fails in each of these ways.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, KeyError):
        raise DamagedFileError(file) from None
    return columns, expected
