"""How every figure of the package is drawn: one style, in colours that colour-blind readers tell apart."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")

# Okabe and Ito 2008, "Color Universal Design"; their yellow is too light for lines on white.
BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK = COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip
# After the last colour the same ones come again, as other lines.
_LINES = ("-", "--", ":")
_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    # A name may hold a dollar sign.
    "text.parse_math": False,
}


def in_one_style(draw: Callable[Given, Drawn]) -> Callable[Given, Drawn]:
    """Lets a function draw in the style of trainwise, whatever the user's own is; that stays as it was.

    Example:

    >>> import matplotlib
    >>> in_one_style(lambda: matplotlib.rcParams["axes.spines.top"])(), matplotlib.rcParams["axes.spines.top"]
    (False, True)
    """

    @functools.wraps(draw)
    def drawn(*given: Given.args, **named: Given.kwargs) -> Drawn:
        # Only who draws waits for it.
        import matplotlib
        from cycler import cycler

        lines = cycler(color=COLOURS * len(_LINES), linestyle=[line for line in _LINES for _ in COLOURS])
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update({**_STYLE, "axes.prop_cycle": lines})
            return draw(*given, **named)

    return drawn


@in_one_style
def panels(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (8, 4), **shared: Any
) -> tuple[Figure, list[Axes]]:
    """An empty figure, and its axes from left to right and from top to bottom.

    Args:
        rows: Axes one below another, >= 1.
        columns: Axes side by side, >= 1.
        size: Width and height in inches.
        **shared: `sharex`, `sharey` of matplotlib's `subplots`.

    Example:

    >>> figure, (left, right) = panels(columns=2)
    >>> left.plot([1, 2])[0].get_color(), left.spines["top"].get_visible()
    ('#0072B2', False)
    """
    from matplotlib.figure import Figure

    # Not by pyplot, which would hold the figure for good and look for a window system.
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
