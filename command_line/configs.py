"""The run.toml of a command: written beside its results, and taken again by --config."""

from __future__ import annotations

from pathlib import Path

import typer

from .endings import refusals

# Where the results go and how much is said; not what is done.
_NOT_OF_THE_RUN = frozenset({"out", "quiet", "resume", "overwrite", "as_json", "config", "language"})


def take_config(context: typer.Context, config: Path | None) -> Path | None:
    """Lets the options of an earlier run stand in for those that are not given."""
    if config is not None:
        from ..toolkit.runtime.run_files import read_run_file

        with refusals():
            command, options = read_run_file(config)
            if command != context.info_name:
                raise ValueError(f"{config} is of `trainwise {command}`, not of `trainwise {context.info_name}`.")
            known = {str(one.name) for one in context.command.params} - _NOT_OF_THE_RUN
            unknown = [name for name in options if name not in known]
            if unknown:
                raise ValueError(f"{config} holds {', '.join(unknown)}, which `trainwise {command}` does not take.")
        context.default_map = {**(context.default_map or {}), **options}
    return config


def write_run_file(context: typer.Context, out: Path, in_memory: int = 0) -> None:
    """Writes what a command was given into the folder of its results.

    Args:
        context: Of the command.
        out: The folder.
        in_memory: How many rows were held, 0 for all: decided by the memory that was free, which may differ next time.
    """
    from ..toolkit.runtime import run_files

    options = {name: value for name, value in context.params.items() if name not in _NOT_OF_THE_RUN}
    # Data and models may be files, which are then named from anywhere.
    options |= {
        name: run_files.lasting(options[name], out) for name in ("data", "model", "data_dir") if options.get(name)
    }
    if "in_memory" in options and options["in_memory"] is None:
        options["in_memory"] = in_memory
    given = {name: value for name, value in options.items() if value != []}
    run_files.write_run_file(out, str(context.info_name), given)


def held_before(out: Path, data: str) -> int | None:
    """How many rows an earlier run of the same data held, 0 for all; `None` where there is none.

    Args:
        out: The folder of its results.
        data: What the command is given now.

    Example:

    >>> import tempfile
    >>> from trainwise.toolkit.runtime.run_files import write_run_file
    >>> out = write_run_file(tempfile.mkdtemp(), "search", {"data": "iris", "in_memory": 0}).parent
    >>> held_before(out, "iris"), held_before(out, "wine")
    (0, None)
    """
    from ..toolkit.runtime.run_files import lasting, read_run_file

    try:
        _, options = read_run_file(out)
    except (FileNotFoundError, ValueError):
        return None
    return options.get("in_memory") if options.get("data") == lasting(data, out) else None
