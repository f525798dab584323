"""How a command ends: in one sentence and an exit code, whatever the library refuses or the machine denies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import typer

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130

_PASSING = ContextVar("passing", default=False)


@contextmanager
def passing() -> Iterator[None]:
    """Within it nothing that a command leaves can be gone on with, and no refusal says that it can."""
    before = _PASSING.set(True)
    try:
        yield
    finally:
        _PASSING.reset(before)


@contextmanager
def refusals(failure: int = BAD_INPUT, going_on: str = "") -> Iterator[None]:
    """Ends the command in one sentence, whatever the library refuses or the machine denies.

    Args:
        failure: Exit code where the machine denies something.
        going_on: How to go on with what was done.
    """
    kept = f" What was done is kept; {going_on}." if going_on and not _PASSING.get() else ""
    try:
        yield
    except typer.Exit:
        # A command within this one has said why.
        raise
    except KeyboardInterrupt:
        stop(INTERRUPTED, f"interrupted.{kept}")
    except BrokenPipeError:
        nowhere(sys.stdout)
        stop(FAILED, f"the output was closed before all was said.{kept}")
    except MemoryError as error:
        stop(FAILED, f"the memory does not suffice: {error or 'take fewer rows or a smaller batch'}.")
    except OSError as error:
        stop(failure, f"{error}.{kept}" if failure == FAILED else error)
    except (ValueError, TypeError, ImportError) as error:
        stop(BAD_INPUT, error)
    except (ArithmeticError, RuntimeError) as error:
        stop(FAILED, error)


def nowhere(stream: Any) -> None:
    """Lets the end of the process write its last bytes into nothing where nobody reads them any more."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())


def stop(code: int, error: object) -> NoReturn:
    """Says what ended the command and ends it with this exit code."""
    say_error(error)
    raise typer.Exit(code)


def say_error(error: object) -> None:
    """Says an error on the error stream."""
    # One line, however many the error has.
    print(f"trainwise: {' '.join(str(error).split())}", file=sys.stderr)
