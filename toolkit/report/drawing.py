"""The one style of a report's charts, and a figure as an element that can stand in a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ..runtime.figures import BLUE, ORANGE

WIDTH = 3.35  # inches: 322 px at its natural size, so that a 400 px wide page need not shrink it
# Those of all figures, as SVG writes them.
ACCENT, SECOND = BLUE.lower(), ORANGE.lower()
QUIET, INK, GRID = "#4a5560", "#1d2730", "#e4e9ed"
LEVEL_COLOURS = {"error": "#a3142a", "warning": "#8a4b00", "info": "#4a5560"}
# What fits beside a value on a chart of this width.
LONGEST_NAME = 30

_STYLE: dict[Any, Any] = {
    # Text stays text, which a reader can search and a screen reader can read.
    "svg.fonttype": "none",
    # Ids that follow from the content: the same report gives the same page.
    "svg.hashsalt": "trainwise",
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 10.0,
    # A name may hold a dollar sign.
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 0.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
# The page's own colours, light or dark, where a chart has these.
_PAGE_COLOURS = {
    ACCENT: "--accent",
    SECOND: "--second",
    QUIET: "--quiet",
    INK: "--ink",
    GRID: "--grid",
    LEVEL_COLOURS["error"]: "--error",
    LEVEL_COLOURS["warning"]: "--warning",
    "#ffffff": "--paper",
}


_KEPT: ContextVar[dict[str, Figure] | None] = ContextVar("charts that are kept", default=None)


@contextmanager
def charts_kept() -> Iterator[dict[str, Figure]]:
    """Keeps the figure of each chart that is drawn meanwhile, by its name.

    Example:

    >>> with charts_kept() as kept:
    ...     _ = inline_svg(Figure(), "curves-0", "words")
    >>> list(kept)
    ['curves-0']
    """
    kept: dict[str, Figure] = {}
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


@contextmanager
def styled() -> Iterator[None]:
    """Draws in the style of the page, whatever the user's own is, which stays."""
    with matplotlib.rc_context():
        # From the library's defaults, so that a user's own style does not change the page.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def spelled(text: str) -> str:
    """The text with halves of characters, which no font can draw, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def short(name: str) -> str:
    r"""A name that fits on a chart, cut where it is long.

    Example:

    >>> short("a" * 50) == "a" * 29 + "…", short("two\nlines")
    (True, 'two lines')
    """
    name = spelled(" ".join(name.split()))
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def fitted_word(word: str, letters: int) -> str:
    """A word that has room for so many letters, cut where it is longer.

    Example:

    >>> fitted_word("bidirectional", 6), fitted_word("gru", 6)
    ('bidir…', 'gru')
    """
    word = short(word)
    return word if len(word) <= letters else word[: letters - 1] + "…"


def tick(value: float, _: int | None = None) -> str:
    """A number at an axis, with six significant digits at most.

    Example:

    >>> tick(0.1 + 0.2), tick(1e-7)
    ('0.3', '1e-07')
    """
    return f"{value:.6g}"


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as one element that can stand beside others in a page: own ids, no header, no global style."""
    kept = _KEPT.get()
    if kept is not None:
        kept[name] = figure
    file = io.StringIO()
    with warnings.catch_warnings():
        # The browser, not matplotlib, sets the text: a glyph that is absent here is no fault.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    # The XML header before the element has no place inside HTML.
    text = re.sub(r"\s*\n\s*", " ", text[text.index("<svg ") :]).strip()
    # A style in an inline SVG holds for the whole page.
    text = re.sub(r"<defs> <style.*?</style> </defs>", "", text)
    # The page's reader need not have the font that was measured with.
    text = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", text)
    text = text.replace('<g id="mark">', '<g class="chart-mark">')
    for colour, variable in _PAGE_COLOURS.items():
        # The colour itself stays behind, for a reader of the chart alone.
        text = text.replace(f": {colour}", f": var({variable}, {colour})")
    text = _own_ids(text, name)
    opening = f'<svg role="img" aria-label="{escape(label)}" '
    return re.sub(r'<svg (?:xmlns:xlink="[^"]*" )?', lambda _: opening, text, count=1).replace(
        ' xmlns="http://www.w3.org/2000/svg"', "", 1
    )


def _own_ids(text: str, name: str) -> str:
    """Renames the ids that are referred to, which two figures can share, and drops the others."""
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([\w.-]+)', text))
    renamed = {old: f"{name}-{number}" for number, old in enumerate(used)}
    text = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{renamed[m[1]]}"' if m[1] in renamed else "", text)
    return re.sub(r'(url\(#|href="#)([\w.-]+)', lambda m: m[1] + renamed[m[2]], text)
