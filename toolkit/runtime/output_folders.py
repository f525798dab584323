"""Folders for results: writable, with room, before the work begins."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

_FREE_BYTES = 32 * 2**20


def absent(out: str | Path) -> list[Path]:
    """The folders of a path that are not there yet, innermost first.

    Example:

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> [one.name for one in absent(home / "runs" / "digits")]
    ['digits', 'runs']
    """
    return [folder for folder in (Path(out), *Path(out).parents) if not folder.exists()]


def opened(out: str | Path) -> Path:
    """Makes a folder for results and tries it, so that a run does not fail at its end.

    Raises:
        OSError: It cannot be written, or the disk is all but full.
        ValueError: TensorFlow cannot write a folder of this name.

    Example:

    >>> import tempfile
    >>> opened(tempfile.mkdtemp() + "/runs/digits").is_dir()
    True
    """
    out = Path(out)
    probe = out / f".probe-{time.time_ns()}"
    try:
        str(out).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"The output folder {str(out)!r} must have a name of UTF-8 text: TensorFlow writes no other."
        ) from None
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Bytes and not only a name: a full disk takes names too.
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        raise OSError(f"The output folder {out} cannot be written: {error.strerror or error}.") from None
    finally:
        if probe.exists():
            probe.unlink()
    free = shutil.disk_usage(out).free
    if free < _FREE_BYTES:
        raise OSError(
            f"The output folder {out} has {free / 2**20:.1f} MiB free; a run needs at least {_FREE_BYTES // 2**20} MiB."
        )
    return out
