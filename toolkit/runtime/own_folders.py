"""Folders that this package makes and removes again: each bears a mark, and none without one is ever removed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from . import machine

MARK = "made-by-trainwise"
_LOCK = ".trainwise-lock"
_SENTENCE = "trainwise made this folder and removes it when its work is done; keep nothing of your own in it.\n"


def claim(folder: str | Path) -> None:
    """Makes a folder this package's own, by a mark in it.

    Args:
        folder: Made where it is not there; a link to an empty folder of another disk is followed.

    Raises:
        ValueError: Somebody else keeps something there.

    Example:

    >>> folder = Path(tempfile.mkdtemp()) / "state"
    >>> claim(folder)
    >>> is_own(folder)
    True
    """
    folder = Path(folder)
    if is_own(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    other = next(folder.iterdir(), None)
    if other is not None:
        raise ValueError(f"{folder} was not made by trainwise and holds {other.name!r}: move it away, or rename it.")
    (folder / MARK).write_text(_SENTENCE, encoding="utf-8")


def is_own(folder: str | Path) -> bool:
    """Whether a folder bears the mark of this package."""
    return (Path(folder) / MARK).is_file()


def discard(folder: str | Path, first: str | None = None) -> None:
    """Removes a folder of this package's own; of a link only what it leads to is emptied.

    Args:
        folder: Where it is not there, nothing happens.
        first: The file that goes before all others, so that what a kill leaves is not taken for whole.

    Raises:
        OSError: Something in it cannot be removed; the mark is then still there.
        ValueError: The folder bears no mark.

    Example:

    >>> folder = Path(tempfile.mkdtemp())
    >>> discard(folder)
    Traceback (most recent call last):
    ...
    ValueError: ... was not made by trainwise, which removes only folders of its own.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not is_own(folder):
        raise ValueError(f"{folder} was not made by trainwise, which removes only folders of its own.")
    if first is not None:
        (folder / first).unlink(missing_ok=True)
    for entry in list(folder.iterdir()):
        # A link is removed and never followed: what it leads to is not ours.
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARK:
            entry.unlink()
    # The mark last: what a kill leaves can be removed the next time.
    (folder / MARK).unlink()
    if not folder.is_symlink():
        folder.rmdir()


class WorkFolder:
    """A folder for work in progress, which the next of its kind removes where the process died; a context.

    Args:
        prefix: How its name begins.
        parent: Where it stands; the system's folder for temporary files by default.

    Attributes:
        path: The folder.

    Example:

    >>> with WorkFolder("work-") as folder:
    ...     is_own(folder)
    True
    >>> folder.exists()
    False
    """

    def __init__(self, prefix: str, parent: str | Path | None = None) -> None:
        home = Path(tempfile.gettempdir()) if parent is None else Path(parent)
        remove_left_over(prefix, home)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
        # Held before it is marked: only a marked folder that nobody holds is one of the dead.
        self._lock = machine.hold(lock_of(self.path))
        (self.path / MARK).write_text(_SENTENCE, encoding="utf-8")

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Removes the folder; what cannot be removed now, the next of its kind removes."""
        # Windows removes no open file. Without the lock another process may be quicker, and finish this.
        self._lock.close()
        with contextlib.suppress(OSError, ValueError):
            discard(self.path)


def lock_of(folder: str | Path) -> Path:
    """The file that the process at work in a folder holds; the system lets go of it with the process."""
    return Path(folder) / "lock"


def remove_left_over(prefix: str, home: Path) -> None:
    """Removes the marked folders of processes that died."""
    for folder in home.glob(f"{prefix}*"):
        # Another process may remove it too, or it belongs to another user.
        with contextlib.suppress(OSError, ValueError):
            if is_own(folder) and not is_held(lock_of(folder)):
                discard(folder)


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock."""
    try:
        machine.hold(lock, wait=False).close()
    except BlockingIOError:
        return True
    return False


@contextmanager
def held_alone(folder: str | Path) -> Iterator[None]:
    """Inside it no other process, and no other thread of this one, is inside for the same folder.

    Args:
        folder: It must exist.

    Raises:
        ValueError: Another is inside.

    Example:

    >>> folder = tempfile.mkdtemp()
    >>> with held_alone(folder), held_alone(folder):
    ...     pass
    Traceback (most recent call last):
    ...
    ValueError: Another run is at work in ...; wait for it, or give another folder.
    """
    try:
        lock = machine.hold(Path(folder) / _LOCK, wait=False)
    except BlockingIOError:
        raise ValueError(f"Another run is at work in {folder}; wait for it, or give another folder.") from None
    # The file stays: another process may wait with it open, and would then hold a file that nobody sees.
    with lock:
        yield


def leave(folders: Sequence[Path]) -> None:
    """Removes folders that were made for a run which has come to nothing, as far as they hold nothing of others.

    Args:
        folders: Innermost first; that one may still be held alone.

    Example:

    >>> home = Path(tempfile.mkdtemp())
    >>> inner = home / "runs" / "iris"
    >>> inner.mkdir(parents=True)
    >>> _ = (home / "notes.txt").write_text("mine")
    >>> with held_alone(inner):
    ...     leave([inner, inner.parent, home])
    >>> [one.name for one in home.iterdir()]
    ['notes.txt']
    """
    # Windows removes no open file, and no system a folder in which something is.
    with contextlib.suppress(OSError):
        for place, folder in enumerate(folders):
            entries = [one.name for one in folder.iterdir()]
            if place == 0 and entries == [_LOCK]:
                (folder / _LOCK).unlink()
            folder.rmdir()


def folder_name(name: str) -> str:
    """A name of the user's as the name of a folder: never a path, never hidden, on every system one that can be.

    Example:

    >>> folder_name("sales 2024"), folder_name("../.."), folder_name("매출")
    ('sales 2024', 'data', '매출')
    """
    # What a file system or TensorFlow cannot write: separators, controls, halves of characters.
    plain = "".join(
        c if c.isprintable() and c not in '/\\:*?"<>|' and not "\ud800" <= c <= "\udfff" else "_" for c in name
    )
    # Leading dots hide, and lead upwards; Windows drops trailing ones. 60 characters of four bytes fit a name.
    trimmed = plain.strip(". ")[:60]
    return trimmed if trimmed.strip("_") else "data"
