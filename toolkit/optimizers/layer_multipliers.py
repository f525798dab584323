"""The multiplier of each weight's learning rate, from names of layers and patterns of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence


def factors_of(paths: Sequence[str], multipliers: Mapping[str, float], default: float) -> list[float]:
    """The multiplier of each weight.

    Args:
        paths: Path of each weight, as Keras gives it: `"model/dense/kernel"`.
        multipliers: For names of layers, or patterns with `*` and `?`, a multiplier. The innermost layer's name
            counts most; a name goes before a pattern, and patterns in their order.
        default: Multiplier of the other weights.

    Raises:
        ValueError: A name or pattern that no layer has: a misspelt one would else leave its layer at the default.

    Example:

    >>> factors_of(["model/body/kernel", "model/head/kernel"], {"head": 10.0}, default=1.0)
    [1.0, 10.0]
    """
    named = [layers_of(path) for path in paths]
    known = sorted({layer for layers in named for layer in layers})
    for key in multipliers:
        if not any(fnmatch.fnmatchcase(layer, key) for layer in known):
            raise ValueError(f"`multipliers` has {key!r}, which is no layer and matches none; there are {known}.")
    return [_factor(layers, multipliers, default) for layers in named]


def layers_of(path: str) -> list[str]:
    """The names of the layers that a weight is in, outermost first.

    Example:

    >>> layers_of("model/head/kernel")
    ['model', 'head']
    """
    return path.split("/")[:-1] or [path]


def _factor(layers: Sequence[str], multipliers: Mapping[str, float], default: float) -> float:
    for layer in reversed(layers):
        if layer in multipliers:
            return multipliers[layer]
    for key, factor in multipliers.items():
        if any(fnmatch.fnmatchcase(layer, key) for layer in layers):
            return factor
    return default
