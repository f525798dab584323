"""Writes what a run did and found: one self-contained HTML page, and the same numbers as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.files import write_text
from .sections import HEALTHY as HEALTHY
from .sections import Sections
from .templating import environment
from .thinning import thinned

Values = dict[str, Any]

# A list of numbers, one a line: half of a long history would be blanks.
_NUMBERS = re.compile(r"\[\n(?:\s*(?:-?[\d.][\deE.+-]*|null),?\n)+\s*\]")


def as_json(report: Mapping[str, Any]) -> str:
    """Gives a report as strict JSON, in which NaN and infinities are null.

    Args:
        report: Plain values, numpy scalars and arrays, nested in mappings and sequences.

    Returns:
        The text, indented by two spaces, lists of numbers on one line, with a newline at its end. Of members that
        trained longer than 300 epochs the histories hold some of the epochs, and say which: `epochs_shown`.

    Raises:
        TypeError: A value is none of these.

    Example:

    >>> as_json({"loss": [0.5, float("nan")]}).split()
    ['{', '"loss":', '[0.5,', 'null]', '}']
    """
    # `NaN` is no JSON: browsers and other languages refuse the whole file.
    return _NUMBERS.sub(_on_one_line, json.dumps(thinned(_plain(report)), indent=2, allow_nan=False)) + "\n"


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def as_html(report: Mapping[str, Any], language: str = "en") -> str:
    """Gives a report as one page that needs no network: styles and charts stand in it.

    What the report does not hold is left out. A report read back from its JSON gives the same page.

    Args:
        report: What the recipe collected: `title`, `data`, `members`, `checks`, `evaluation`, `search`,
            `export` and more.
        language: Of the page's own words, `"en"` or `"ko"`; names and values stay as they are.

    Returns:
        The page, with every text of the report escaped.

    Raises:
        TypeError: A value is no plain value, numpy scalar or array.
        ValueError: Another language.

    Example:

    >>> "<h1>digits</h1>" in as_html({"title": "digits"})
    True
    """
    # Through the same types as the JSON, so that a report read back gives the same page.
    template = environment(language).get_template("report.html")
    return template.render(Sections(thinned(_plain(report)), language).whole())


def write(report: Mapping[str, Any], directory: str | PathLike[str], language: str = "en") -> tuple[Path, Path]:
    """Writes `report.html` and `report.json`, each whole or not at all.

    Args:
        report: As for `as_html`.
        directory: Where to write; made where it does not exist.
        language: Of the page, as for `as_html`.

    Returns:
        The paths of the page and of the JSON.

    Raises:
        OSError: The files cannot be written; earlier ones then stay as they were.
        TypeError: A value is no plain value, numpy scalar or array.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     [path.name for path in write({"title": "digits"}, directory)]
    ['report.html', 'report.json']
    """
    # Both are made before either is written: a value that cannot be shown leaves the old pair.
    pages = {"report.html": as_html(report, language), "report.json": as_json(report)}
    folder = Path(directory)
    for name, text in pages.items():
        # A name may hold halves of characters, which are no text; HTML shows them as a replacement character.
        write_text(folder / name, text, errors="xmlcharrefreplace")
    return folder / "report.html", folder / "report.json"


def _plain(value: Any) -> Any:
    """The value in the types that JSON knows."""
    # Before whole numbers: a bool is an int in Python.
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PathLike):
        return str(value)
    raise TypeError(f"A report must hold plain values, got {type(value).__name__}. Turn it into a number or a text.")
