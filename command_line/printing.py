"""What a command prints: findings in their words, or one JSON object."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from .endings import FAILED


def print_json(report: dict[str, Any]) -> None:
    """Prints a report as JSON, as its file holds it."""
    from ..toolkit.report.page import as_json

    # Its last line is ended already.
    print(as_json(report), end="")


def tell(
    findings: Any, lines: list[str], nothing_found: str, about: dict[str, Any] | None = None, *, quiet: bool = False
) -> None:
    """Prints findings, each in its words, or as one JSON object that begins with what they are about.

    The exit code tells of an error among them also where nothing is printed.
    """
    from ..toolkit.diagnosis.findings import healthy

    if about is not None:
        told = [{**finding.as_dict(), "words": line} for finding, line in zip(findings, lines, strict=True)]
        print_json({**about, "healthy": healthy(findings), "findings": told})
    elif not quiet:
        print("\n".join([*lines, *([nothing_found] if healthy(findings) else [])]))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(FAILED)


def refuse_unspeakable(language: str) -> None:
    """Raises `ValueError` for a language that is not known, or that the terminal has no letters for."""
    from ..toolkit.checks import one_of
    from ..toolkit.diagnosis.wording import LANGUAGES

    one_of("language", language, LANGUAGES)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "한국어".encode(encoding)
    except UnicodeEncodeError:
        if language == "ko":
            raise ValueError(
                f"This terminal's encoding, {encoding}, has no Korean: set PYTHONIOENCODING=utf-8, or leave out "
                "--language ko."
            ) from None


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its notes about the processor, which go to the error stream by themselves."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    tf.get_logger().setLevel("ERROR")
