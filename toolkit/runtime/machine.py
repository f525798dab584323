"""All that depends on the system: locks, cores, memory, and what makes a file stay after a power cut."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

# Windows has no fcntl and everything else no msvcrt.
fcntl: ModuleType | None
msvcrt: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

# Options of mallopt, inside and outside. Free memory at the top of a heap is kept (-1; outside as much as glibc comes
# to by itself), heaps grow by much at once (-2), and nothing is taken beside them (-4; outside its default).
_MALLOC = {-1: (2**31 - 1, 64 * 2**20), -2: (64 * 2**20, 128 * 2**10), -4: (0, 65_536)}

_WAIT_SECONDS = 0.1
# A virus scanner or a reader holds a file for a moment, in which Windows lets nobody replace it.
_REPLACE_SECONDS = 2.0


def cores() -> int:
    """Number of processor cores that this process may use, at least 1.

    Example:

    >>> cores() >= 1
    True
    """
    allowed: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def free_memory(information: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes of memory that a program may still take, or `None` where the system does not say.

    Where it says only how much the machine has (macOS), that is returned: a bound from above.

    Args:
        information: Where Linux says it.

    Example:

    >>> (free_memory() or 1) > 0
    True
    """
    with contextlib.suppress(OSError):
        lines = information.read_text(encoding="ascii").splitlines()
        free = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
        if free is not None:
            return int(free) * 1024
    return _pages("SC_AVPHYS_PAGES") or _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int | None:
    ask: Callable[[str], int] | None = getattr(os, "sysconf", None)
    if ask is None:
        return None
    try:
        return ask(name) * ask("SC_PAGE_SIZE")
    except (ValueError, OSError):  # the system knows no such figure
        return None


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """While this lasts, the process keeps memory that it freed for what it needs next; at its end it is handed back.

    A training step takes and frees tensors of some megabytes thousands of times. glibc hands them back to the system,
    which fills each page with zeros when it is asked for anew: up to a third of the time of a step. Where the user set
    glibc's allocator, by `GLIBC_TUNABLES` or a variable `MALLOC_...`, that stays.

    Yields:
        Whether the allocator was set; `False` where it is not glibc's, or was set by the user.

    Reference: mallopt(3), `M_MMAP_MAX`, `M_TRIM_THRESHOLD` and `M_TOP_PAD`; malloc_trim(3).

    Example:

    >>> with freed_memory_kept() as kept:
    ...     kept in (True, False)
    True
    """
    library = _glibc()
    if library is None:
        yield False
        return
    for option, (inside, _) in _MALLOC.items():
        library.mallopt(option, inside)
    try:
        yield True
    finally:
        for option, (_, outside) in _MALLOC.items():
            library.mallopt(option, outside)
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library where its allocator can be set, and is not set by the user."""
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return None
    try:
        library = ctypes.CDLL(None)
    # Windows has no library of that kind.
    except (OSError, TypeError):
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def hold(path: str | Path, wait: bool = True) -> IO[bytes]:
    """Takes the lock that a file stands for, and keeps it until the file is closed or the process ends.

    Args:
        path: The lock's file, made where it is not there; its folder must exist.
        wait: Whether to wait for another holder.

    Returns:
        The open file: close it to give the lock back.

    Raises:
        BlockingIOError: Another holds the lock, and `wait` is false.
        OSError: The file cannot be opened, or its file system has no locks.

    Warns:
        RuntimeWarning: The system has no locks at all; the file is then opened, and nothing is held.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "lock"
    >>> with hold(path):
    ...     hold(path, wait=False)
    Traceback (most recent call last):
    ...
    BlockingIOError: ...
    """
    # Appending makes the file where it is not there and leaves alone what another holder wrote.
    file = Path(path).open("ab")  # noqa: SIM115
    try:
        _lock(file, wait)
    # Also an interrupt while waiting must not leave the file open.
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: IO[bytes], wait: bool) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    elif msvcrt is not None:
        _lock_first_byte(file, msvcrt, wait)
    else:
        warnings.warn(
            f"This system has no file locks: see to it that no second process works beside {file.name}.",
            RuntimeWarning,
            stacklevel=3,
        )


def _lock_first_byte(file: IO[bytes], windows: Any, wait: bool) -> None:
    while True:
        file.seek(0)  # the lock lies where the file stands
        try:
            windows.locking(file.fileno(), windows.LK_NBLCK, 1)
            return
        except PermissionError as error:
            if not wait:
                raise BlockingIOError(error.errno, "Another process holds the lock", str(file.name)) from error
        time.sleep(_WAIT_SECONDS)  # its own waiting, LK_LOCK, gives up after ten seconds


def replace(source: Path, target: Path) -> None:
    """Renames a file over another one, also where Windows holds that one for a moment.

    Raises:
        OSError: It cannot be replaced.
    """
    end = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            # Elsewhere a refusal is no matter of a moment.
            if os.name != "nt" or time.monotonic() > end:
                raise
        time.sleep(_WAIT_SECONDS)


def flush_folder(folder: Path) -> None:
    """Makes the names in a folder outlast a power cut, where the system lets a program ask for it."""
    with contextlib.suppress(OSError):  # Windows opens no folders, and some network file systems flush none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
