"""Files that are whole or not there: written beside, flushed, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


class DamagedFileError(ValueError):
    """A file was cut or changed by something else than this package, which writes files whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is damaged; begin anew with `overwrite=True`, or in another folder.")


def write_whole(path: str | Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file so that a reader finds the old content or the new one, never a part.

    Args:
        path: Where to; its folder is made.
        write: Is given the open file.

    Raises:
        OSError: The disk is full or may not be written to; the old file is then still there.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_whole(path, lambda file: file.write(b"all"))
    >>> path.read_text()
    'all'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes text in UTF-8, whole or not at all.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_text(path, "naïve")
    >>> path.read_text(encoding="utf-8")
    'naïve'
    """
    write_whole(path, lambda file: file.write(text.encode()))


def write_json(path: str | Path, values: Any) -> None:
    """Writes plain values as JSON, whole or not at all.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_json(path, {"a": 1})
    >>> read_json(path)
    {'a': 1}
    """
    content = json.dumps(values, indent=1, default=_plain).encode()
    write_whole(path, lambda file: file.write(content))


def read_json(path: str | Path) -> Any:
    """The values in a JSON file, or `None` where there is no file.

    Raises:
        DamagedFileError: The file holds no JSON.
    """
    path = Path(path)
    return _parsed(path.read_bytes(), path) if path.is_file() else None


def _parsed(content: bytes, path: Path) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise DamagedFileError(path) from None


def write_lines(path: str | Path, rows: Sequence[Any]) -> None:
    """Writes one JSON line a row, whole or not at all."""
    content = "".join(f"{json.dumps(row, default=_plain)}\n" for row in rows).encode()
    write_whole(path, lambda file: file.write(content))


def append_line(path: str | Path, row: Any) -> None:
    """Adds one JSON line at the end of a file."""
    with Path(path).open("ab") as file:
        file.write(f"{json.dumps(row, default=_plain)}\n".encode())


def read_lines(path: str | Path) -> list[Any]:
    r"""The JSON lines of a file; a last line that was cut off is left out, no file has none.

    Raises:
        DamagedFileError: A line before the last holds no JSON.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> size = path.write_text('{"epoch": 1}\n{"epo')
    >>> read_lines(path)
    [{'epoch': 1}]
    """
    path = Path(path)
    if not path.is_file():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [_parsed(line, path) for line in whole.splitlines()]


def write_arrays(path: str | Path, arrays: Sequence[Any]) -> None:
    """Writes arrays, in their order, whole or not at all; types that numpy does not know become float32."""
    taken = [np.asarray(array) for array in arrays]
    plain = [array if array.dtype.kind in "biufcSU" else array.astype("float32") for array in taken]
    write_whole(path, lambda file: np.savez(file, *plain))


def read_arrays(path: str | Path) -> list[np.ndarray]:
    """The arrays of a file of `write_arrays`.

    Raises:
        DamagedFileError: The file was cut or is none of `write_arrays`.
        FileNotFoundError: There is no such file.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> write_arrays(path, [[1, 2], [3.5]])
    >>> [array.tolist() for array in read_arrays(path)]
    [[1, 2], [3.5]]
    """
    try:
        with np.load(path) as archive:
            return [archive[name] for name in archive.files]
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise DamagedFileError(Path(path)) from None


def fingerprint(*values: Any) -> str:
    """A short digest of arrays, plain values and structures of both; equal content has an equal one.

    Example:

    >>> fingerprint({"a": np.arange(3)}) == fingerprint({"a": np.arange(3)})
    True
    >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3)[::-1])
    False
    """
    digest = hashlib.sha256()
    _digest(digest, values)
    return digest.hexdigest()[:16]


def _digest(digest: Any, value: Any) -> None:
    if isinstance(value, dict):
        digest.update(b"{")
        for name in sorted(value, key=str):
            _digest(digest, str(name))
            _digest(digest, value[name])
    elif isinstance(value, (list, tuple)):
        digest.update(b"(")
        for one in value:
            _digest(digest, one)
        digest.update(b")")
    elif hasattr(value, "__array__") and not np.isscalar(value):
        array = np.asarray(value)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes())
    else:
        digest.update(repr(value).encode())


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")
