"""`run.toml`, which says how a run was started, so that it can be started again."""

from __future__ import annotations

import json
import numbers
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import write_text

NAME = "run.toml"
_HEAD = """\
# How this run was started: `trainwise {command} --config {name}` starts it again, and
# `trainwise reproduce FOLDER` says whether the same comes out.
"""


def write_run_file(folder: str | Path, command: str, options: Mapping[str, Any]) -> Path:
    """Writes how a run was started into its folder.

    Args:
        folder: Of the run.
        command: The command of `trainwise`.
        options: Its options by name: texts, numbers, truth values, paths and lists of these; `None` is left out. Paths
            that are there are written whole, so that the file works from anywhere.

    Returns:
        The path of the file.

    Raises:
        OSError: The file cannot be written.

    Example:

    >>> import tempfile
    >>> path = write_run_file(tempfile.mkdtemp(), "run", {"data": "iris", "drop": ["a", 'b"'], "task": None})
    >>> read_run_file(path)
    ('run', {'data': 'iris', 'drop': ['a', 'b"']})
    """
    path = Path(folder) / NAME
    lines = [f"{name} = {_as_toml(value)}" for name, value in options.items() if value is not None]
    head = _HEAD.format(command=command, name=NAME)
    # Halves of characters are no text; a file of such a name cannot be named here.
    write_text(path, "\n".join([f"{head}command = {_as_toml(command)}", "", "[options]", *lines, ""]), errors="replace")
    return path


def read_run_file(path: str | Path) -> tuple[str, dict[str, Any]]:
    """The command and the options of a run.

    Args:
        path: A `run.toml`, or the folder that holds one.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no such file.
    """
    file = Path(path) / NAME if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no {file}: name the folder of a run, or its {NAME}. One from Python on data in memory has none."
        )
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no TOML: {error}.") from None
    command, options = values.get("command"), values.get("options")
    if not isinstance(command, str) or not isinstance(options, dict):
        raise ValueError(f"{file} does not say how a run was started: `command` and `[options]` must stand in it.")
    return command, options


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # Of numpy too, which are settings as well as those of Python.
    if isinstance(value, numbers.Integral):
        return repr(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    # The escapes of JSON are those of TOML, but for one letter.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def lasting(value: Any, out: str | Path | None = None) -> Any:
    """A path of a file or folder that is there, whole; anything else as it is.

    Args:
        value: What a command was given.
        out: The folder of its results, which is no data: it was made for `trainwise run --data iris --out iris`.

    Example:

    >>> lasting("iris"), Path(lasting(".")).is_absolute()
    ('iris', True)
    """
    if not isinstance(value, str | Path) or not str(value) or not Path(value).exists():
        return value
    path = Path(value).resolve()
    return value if out is not None and path == Path(out).resolve() else str(path)
