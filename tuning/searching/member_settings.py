"""The settings that every architecture is judged at, side by side: learning rates above all."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...toolkit.checks import number, whole_number
from ...toolkit.optimizers.default_rates import LADDER, ladder


def members_of(given: Any, optimizer: Any) -> tuple[dict[str, Any], ...]:
    """The settings of each member, for what a search was given as `population`.

    Args:
        given: A number of rates, True for 16, the rates, or a dictionary of values whose every combination is a member.
        optimizer: Keras optimizer or its name; tells the rates where none are given.

    Raises:
        TypeError: None of these.
        ValueError: An unknown setting, no rate, or one that is not above 0.

    Example:

    >>> members_of({"learning_rate": [0.1, 0.2], "momentum": 0.9}, "sgd")
    ({'learning_rate': 0.1, 'momentum': 0.9}, {'learning_rate': 0.2, 'momentum': 0.9})
    """
    if isinstance(given, dict):
        unknown = sorted(set(given) - {"learning_rate", "momentum", "weight_decay", "dropout"})
        if unknown:
            raise ValueError(
                f"`population` names {unknown}; it may hold learning_rate, momentum, weight_decay and dropout."
            )
        lists = {name: _checked(name, values) for name, values in given.items()}
        # Any setting moves the best rate, so each is judged at all of them unless rates were given.
        lists.setdefault("learning_rate", ladder(optimizer))
        return tuple(dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))
    if isinstance(given, str):
        raise TypeError(f"`population` must be 'auto', a bool, a number, rates or a dictionary, got {given!r}.")
    given = LADDER if given is True else given  # True is the number 1 too, which would be one rate
    rates = list(given) if np.ndim(given) else ladder(optimizer, whole_number("population", given, low=1))
    return tuple({"learning_rate": rate} for rate in _checked("learning_rate", rates))


def _checked(name: str, values: Any) -> list[float]:
    listed = list(values) if np.ndim(values) else [values]
    if not listed:
        raise ValueError(f"`population` must hold at least one value of {name}, got none.")
    high, open_high = (1, True) if name in ("momentum", "dropout") else (np.inf, False)
    low = name == "learning_rate"
    return [number(f"population: {name}", value, 0, high, open_low=low, open_high=open_high) for value in listed]
