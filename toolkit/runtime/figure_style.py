"""The one style of every figure that a result draws of itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")

# Okabe and Ito's colours, which colour-blind readers tell apart; light yellow is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
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

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update({**_STYLE, "axes.prop_cycle": cycler(color=COLOURS)})
            return draw(*given, **named)

    return drawn
