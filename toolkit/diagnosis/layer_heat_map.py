"""A picture of gradients and updates: one row a layer, one column a look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.even_places import even_places
from ..runtime.figures import in_one_style, panels
from .layer_state import LayerHealth, Probe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What lies below is drawn in the colour of this, and so is 0.
_LEAST = 1e-12


@in_one_style
def heat_map(probes: Sequence[Probe]) -> Figure:
    """Gradients and updates of each layer over the looks, both relative to the layer's weights, as colours.

    Args:
        probes: The looks, first to last, as `GradientWatch.probes` has them.

    Raises:
        ValueError: There are no looks, or none that saw a layer with weights.

    Example:

    >>> layer = LayerHealth("hidden", gradient=0.1, weight=2.0, moved=0.002)
    >>> heat_map([Probe(step=1, epoch=0, loss=1.0, penalty=0.0, spread=1.0, layers=(layer,))]).axes[0].get_title()
    'Gradient / weights: 0.05 in hidden'
    """
    names = [layer.name for layer in probes[-1].layers if layer.weight is not None] if probes else []
    if not names:
        raise ValueError("There is nothing to draw: no look has seen a layer with weights; fit with the watch first.")
    figure, (left, right) = panels(columns=2, size=(9, 1.6 + 0.7 * max(len(names), 2)), sharey=True)
    steps = [probe.step for probe in probes]
    for axes, what, values in (
        (left, "Gradient / weights", _values(probes, names, "slope")),
        (right, "Update / weights", _values(probes, names, "ratio")),
    ):
        _draw(axes, what, values, names, steps)
    return figure


def _values(probes: Sequence[Probe], names: Sequence[str], what: str) -> np.ndarray:
    """The numbers of each layer (rows) at each look (columns); NaN where they were not measured."""
    found = np.full((len(names), len(probes)), math.nan)
    for column, probe in enumerate(probes):
        layers: dict[str, LayerHealth] = {layer.name: layer for layer in probe.layers}
        for row, name in enumerate(names):
            value = getattr(layers.get(name), what, None)
            found[row, column] = math.nan if value is None else value
    return found


def _draw(axes: Axes, what: str, values: np.ndarray, names: Sequence[str], steps: Sequence[int]) -> None:
    with np.errstate(invalid="ignore"):
        shown = np.log10(np.maximum(np.where(np.isfinite(values), values, np.nan), _LEAST))
    axes.grid(False)
    # A map that grows lighter evenly, which all readers see alike.
    image = axes.imshow(shown, aspect="auto", cmap="viridis", interpolation="nearest")
    axes.grid(visible=False)
    axes.set_title(_told(what, values, names), fontsize="medium")
    axes.set_yticks(range(len(names)), names)
    places = even_places(len(steps), 5)
    axes.set_xticks(places, [str(steps[place]) for place in places])
    axes.set_xlabel("updates made")
    axes.figure.colorbar(image, ax=axes, label="power of ten")


def _told(what: str, values: np.ndarray, names: Sequence[str]) -> str:
    """What the last look at all layers says, in words."""
    seen = np.flatnonzero(np.isfinite(values).all(axis=0))
    if not len(seen):
        return f"{what}: not measured"
    last = values[:, seen[-1]]
    low, high = int(np.argmin(last)), int(np.argmax(last))
    if low == high:
        return f"{what}: {last[low]:.2g} in {names[low]}"
    return f"{what}: {last[low]:.1g} in {names[low]}, {last[high]:.1g} in {names[high]}"
