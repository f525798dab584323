"""How every figure of the package is drawn: one size of text, and colours that colour-blind readers tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design"; their yellow is too light for lines on white.
BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK = COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip
# After the last colour the same ones come again, as other lines.
_LINES = ("-", "--", ":")


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
    found = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    for axes in found:
        axes.set_prop_cycle(color=COLOURS * len(_LINES), linestyle=[line for line in _LINES for _ in COLOURS])
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return figure, found
