"""What a run from Python was given, as the options of `trainwise run`, which starts it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..toolkit.runtime.run_files import NAME, lasting, write_run_file
from .data_options import DataOptions
from .run_settings import Settings


def write_options(
    out: Path, source: Any, settings: Settings, data: DataOptions, keep_rows: bool, say: Callable[[str], None]
) -> None:
    """Writes `run.toml` into the folder of a run, as the command does, or says why no file can repeat it.

    Args:
        out: The folder.
        source: What the run reads: a file or a name can be named, what is in memory cannot.
        settings: As given.
        data: As given, with the rows that were held.
        keep_rows: As given.
        say: Takes the line.

    Raises:
        OSError: The file cannot be written.

    Example:

    >>> import tempfile
    >>> from ..toolkit.runtime.run_files import read_run_file
    >>> out = Path(tempfile.mkdtemp())
    >>> write_options(out, "iris", Settings(epochs=3), DataOptions(drop=["a"]), False, print)
    >>> command, options = read_run_file(out)
    >>> command, options["data"], options["epochs"], options["drop"], options["private"]
    ('run', 'iris', 3, ['a'], True)
    """
    if not isinstance(source, str | Path):
        # One of an earlier run would be of other data.
        (out / NAME).unlink(missing_ok=True)
        say(f"run: no {NAME} is left, for a file cannot repeat data in memory; the same call with them does")
        return
    write_run_file(out, "run", _options(out, source, settings, data, keep_rows))


def _options(out: Path, source: str | Path, settings: Settings, data: DataOptions, keep_rows: bool) -> dict[str, Any]:
    return {
        "data": lasting(source, out),
        **{one.name: getattr(data, one.name) for one in fields(data) if one.name != "columns"},
        "data_dir": lasting(data.data_dir, out),
        "drop": list(data.drop) or None,
        "column": [f"{name}={kind}" for name, kind in (data.columns or {}).items()] or None,
        **asdict(settings),
        "private": not keep_rows,
    }
