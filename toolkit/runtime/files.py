"""Files that are whole or not there: written beside, flushed, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import machine


class DamagedFileError(ValueError):
    """A file was cut or changed by something else than this package, which writes files whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is damaged; begin anew in another folder, or where there is one with `overwrite=True`."
        )


@contextmanager
def beside(path: str | Path, suffix: str = "") -> Iterator[Path]:
    """A name beside `path` to write to; what was written there takes the place of `path` as the block ends.

    Where the block raises, `path` stays as it was and nothing is left beside it. The content is on the disk
    before it bears the name, so that a power cut leaves the old file or the new one too.

    Args:
        path: The file that is to be there; its folder is made.
        suffix: Ending of the name beside, for writers that go by it: `".keras"` for `model.save`.

    Raises:
        OSError: The disk is full or may not be written to.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with beside(path) as draft:
    ...     size = draft.write_text("all")
    >>> path.read_text()
    'all'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes, or two threads of one, may write the same file: the last one stays.
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{suffix}")
    try:
        yield draft
        _flush(draft)
        machine.replace(draft, path)
        machine.flush_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


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
    with beside(path) as draft, draft.open("wb") as file:
        write(file)


def write_text(path: str | Path, text: str, errors: str = "strict") -> None:
    r"""Writes a text as UTF-8, its line ends as they are, whole or not at all.

    Args:
        path: Where to; its folder is made.
        text: The text.
        errors: What to do with what is no text, as for `str.encode`.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_text(path, "é\n")
    >>> path.read_bytes()
    b'\xc3\xa9\n'
    """
    # Encoded before the file is opened: what is no text must not cost the old file.
    content = text.encode("utf-8", errors)
    write_whole(path, lambda file: file.write(content))


def write_json(path: str | Path, values: Any) -> None:
    """Writes plain values as JSON, whole or not at all.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_json(path, {"a": 1})
    >>> read_json(path)
    {'a': 1}
    """
    # As above: a value that JSON does not know is refused before anything is written.
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
    except (ValueError, RecursionError):
        raise DamagedFileError(path) from None


def write_lines(path: str | Path, rows: Sequence[Any]) -> None:
    """Writes one JSON line a row, whole or not at all."""
    content = "".join(f"{json.dumps(row, default=_plain)}\n" for row in rows).encode()
    write_whole(path, lambda file: file.write(content))


def append_line(path: str | Path, row: Any) -> None:
    """Adds one JSON line at the end of a file."""
    # One write of one line: a kill cuts at most the last one, which `read_lines` leaves out.
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
    # What follows the last line end was not written whole.
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [_parsed(line, path) for line in whole.splitlines()]


def write_arrays(path: str | Path, arrays: Sequence[Any] | Mapping[str, Any]) -> None:
    """Writes arrays as `.npz`, whole or not at all; types that numpy does not know become float32.

    Args:
        path: Where to; its folder is made.
        arrays: In their order, or by name.
    """
    if isinstance(arrays, Mapping):
        named: dict[str, Any] = {name: _storable(array) for name, array in arrays.items()}
        write_whole(path, lambda file: np.savez(file, **named))
    else:
        plain = [_storable(array) for array in arrays]
        write_whole(path, lambda file: np.savez(file, *plain))


def _storable(values: Any) -> np.ndarray:
    array = np.asarray(values)
    # bfloat16 is no type of numpy's own: it would come back as raw bytes.
    return array if array.dtype.kind in "biufcSU" else array.astype("float32")


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
    # A file cut at different places fails in each of these ways.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise DamagedFileError(Path(path)) from None


def digest(*values: Any) -> str:
    """A short digest of arrays, plain values and structures of both; equal content has an equal one.

    Example:

    >>> digest({"a": np.arange(3)}) == digest({"a": np.arange(3)})
    True
    >>> digest(np.arange(3)) == digest(np.arange(3)[::-1])
    False
    """
    hashed = hashlib.sha256()
    _add(hashed, values)
    # 64 bits: enough against chance, short enough for a file's name.
    return hashed.hexdigest()[:16]


def _add(hashed: Any, value: Any) -> None:
    if isinstance(value, dict):
        hashed.update(b"{")
        # The order in which a dictionary was filled is no part of its content.
        for name in sorted(value, key=str):
            _add(hashed, str(name))
            _add(hashed, value[name])
    elif isinstance(value, (list, tuple)):
        hashed.update(b"(")
        for one in value:
            _add(hashed, one)
        hashed.update(b")")
    elif hasattr(value, "__array__") and not np.isscalar(value):
        array = np.asarray(value)
        # Bytes alone are alike for other shapes and types.
        hashed.update(f"{array.shape}{array.dtype}".encode())
        # The bytes of an object array are addresses, new in each process.
        hashed.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes())
    else:
        hashed.update(repr(value).encode())


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")
