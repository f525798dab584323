"""What a report tells of the layers while they learn: gradients and updates, relative to the weights, look by look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..diagnosis.layer_state import Probe
from ..metrics.even_places import even_places

_MOST_LOOKS = 40


def layers_part(probes: Sequence[Probe]) -> dict[str, Any]:
    """Each layer with weights at each look, in plain values; empty where nothing was seen.

    Args:
        probes: The looks, first to last.

    Returns:
        `names` of the layers, first to last; `steps` and `epochs` (from 0) of at most 40 looks; `gradient` and
        `update`, a list a layer, both as shares of the norm of its weights, `None` where not measured.

    Example:

    >>> from trainwise.toolkit.diagnosis.layer_state import LayerHealth
    >>> layer = LayerHealth("hidden", gradient=0.1, weight=2.0, moved=0.002)
    >>> layers_part([Probe(step=1, epoch=0, loss=1.0, penalty=0.0, spread=1.0, layers=(layer,))])["update"]
    [[0.001]]
    """
    names = [layer.name for layer in probes[-1].layers if layer.weight is not None] if probes else []
    if not names:
        return {}
    places = even_places(len(probes), _MOST_LOOKS)
    looks = [probes[place] for place in places]
    return {
        "names": names,
        "steps": [look.step for look in looks],
        "epochs": [look.epoch for look in looks],
        "gradient": _by_layer(looks, names, "slope"),
        "update": _by_layer(looks, names, "ratio"),
    }


def _by_layer(looks: Sequence[Probe], names: Sequence[str], what: str) -> list[list[float | None]]:
    found = [{layer.name: getattr(layer, what) for layer in look.layers} for look in looks]
    return [[_three_digits(one.get(name)) for one in found] for name in names]


def _three_digits(value: float | None) -> float | None:
    return float(f"{value:.3g}") if value is not None and math.isfinite(value) else None
