"""Reads an .npz file of plain arrays, whoever made it and whatever happened to it since."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..runtime.machine import free_memory

# A file that is cut, changed, encrypted or packed in another way fails in each of these ways.
_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; nothing in it is run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file, is damaged, holds objects, or needs more memory than there is.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> np.savez(path, x=[1, 2])
    >>> read_npz(path)["x"].tolist()
    [1, 2]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            needed = sum(_bytes_of(archive, member) for member in archive.infolist())
        _refuse_too_large(path, needed)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except _TooLargeError:
        raise
    except _FAILURES as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} is not an .npz file of plain arrays, or it is damaged: {told}") from None


class _TooLargeError(ValueError):
    pass


def _bytes_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """What an array says that it needs, which must be what the archive says that it holds."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects, which would have to be run to be read.")
        # In Python's numbers, which do not overflow.
        size = int(dtype.itemsize)
        for side in shape:
            size *= int(side)
        if size != member.file_size - file.tell():
            raise ValueError(f"{member.filename} says that it holds {size} bytes, and holds another number.")
    return size


def _refuse_too_large(path: Path, needed: int) -> None:
    free = free_memory()
    # Twice: as read, and in float32.
    if free is not None and 2 * needed > free:
        raise _TooLargeError(
            f"{path} holds {needed / 2**30:.1f} GiB, of which a model's copy is made, and {free / 2**30:.1f} GiB of "
            "memory are free: take fewer rows."
        )
