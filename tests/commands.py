"""The `trainwise` command: in a process of its own, or by the same entry point in this one, which is quicker."""

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from subprocess import CompletedProcess

COMMAND = str(Path(sys.executable).with_name("trainwise"))


def in_its_own_process(*arguments, cwd):
    """Runs the installed command and waits for its end."""
    return subprocess.run([COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300)


def in_this_process(*arguments, cwd):
    """Calls what the command calls, and answers as a process that has ended."""
    from trainwise.__main__ import main

    given, sys.argv = sys.argv, ["trainwise", *map(str, arguments)]
    out, errors, code = io.StringIO(), io.StringIO(), 0
    try:
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("default")
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = given
    return CompletedProcess(["trainwise", *arguments], code, out.getvalue(), errors.getvalue())
