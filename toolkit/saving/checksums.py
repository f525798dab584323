"""The SHA-256 of every file of a published folder, as `sha256sum -c` reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def sums_of(folder: str | Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, by its path from there; `SHA256SUMS` itself is left out.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> size = (folder / "a").write_text("abc")
    >>> sums_of(folder)["a"][:16]
    'ba7816bf8f01cfea'
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: _sum(path) for name, path in found.items() if name != SUMS}


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: str | Path) -> None:
    """Writes the sums of a folder's files into it."""
    lines = [f"{value}  {name}\n" for name, value in sums_of(folder).items()]
    (Path(folder) / SUMS).write_text("".join(lines), encoding="utf-8")


def changed_files(folder: str | Path) -> list[str]:
    """What is not as its sum says, a few words each; empty where all is.

    Raises:
        ValueError: The folder has no sums, or they are damaged.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> size = (folder / "a").write_text("abc")
    >>> write_sums(folder)
    >>> size = (folder / "a").write_text("abd")
    >>> changed_files(folder)
    ['a has changed']
    """
    known = _read(Path(folder))
    found = sums_of(folder)
    told = [f"{name} is missing" for name in sorted(set(known) - set(found))]
    told += [f"{name} has changed" for name in sorted(set(known) & set(found)) if known[name] != found[name]]
    return [*told, *(f"{name} was not there" for name in sorted(set(found) - set(known)))]


def has_changed(folder: str | Path, name: str) -> bool:
    """Whether one file of a folder is not as its sum says; `False` where the folder has no sums, or none of it.

    Args:
        folder: A published version.
        name: Of the file, by its path from there.

    Example:

    >>> has_changed("nowhere", "a")
    False
    """
    folder = Path(folder)
    if not (folder / SUMS).is_file() or not (folder / name).is_file():
        return False
    known = _read(folder).get(name)
    return known is not None and known != _sum(folder / name)


def _read(folder: Path) -> dict[str, str]:
    file = folder / SUMS
    if not file.is_file():
        raise ValueError(f"{folder} has no {SUMS}: it was not written by `tw.export`, or before it wrote them.")
    known = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        value, gap, name = line.partition("  ")
        if not gap or len(value) != 64 or not name:
            raise ValueError(f"{file} is damaged: {line[:80]!r} is no sum and name.")
        known[name] = value
    return known
