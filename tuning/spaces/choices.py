"""What a space asks a search: one value of several, or nothing where there is but one."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import numpy as np


def several(name: str, values: Any) -> list[Any]:
    """The different values of an argument that takes one or several; none is refused.

    Example:

    >>> several("units", [32, 64, 32])
    [32, 64]
    >>> several("activation", "relu")
    ['relu']
    """
    # A word is a sequence of letters to Python.
    alone = isinstance(values, (str, bool, int, float, np.generic))
    listed = [values] if alone else list(values)
    if not listed:
        raise ValueError(f"`{name}` must hold at least one value, got none.")
    return [value.item() if isinstance(value, np.generic) else value for value in dict.fromkeys(listed)]


def choice(hp: keras_tuner.HyperParameters, name: str, values: list[Any]) -> Any:
    """One of the values; one value alone is no question to the search."""
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, bool) for value in values):
        return hp.Boolean(name, default=values[0])
    # Names have no order, and a model of the scores that was told one would look for it.
    return hp.Choice(name, values, default=values[0], ordered=None if isinstance(values[0], str) else True)


def activation_name(name: Any) -> str:
    """The name of an activation that Keras knows; others are refused."""
    if not isinstance(name, str):
        raise TypeError(f"`activation` must hold names, got {name!r}.")
    try:
        keras.activations.get(name)
    except ValueError as error:
        raise ValueError(f"`activation` must be known to Keras, got {name!r}.") from error
    return name
