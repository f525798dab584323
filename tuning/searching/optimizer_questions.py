"""Which hyperparameters of a space ask for a setting of the optimizer, found by where they go, whatever their names."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import keras
import keras_tuner

from ...toolkit.models.reading import innermost
from ...toolkit.runtime.precision import fresh_session

# The search itself reads these, whatever `build` does with them.
_READ_ELSEWHERE = ("batch_size", "epochs")


def asked_by(
    build: Callable[[keras_tuner.HyperParameters], Any], space: keras_tuner.HyperParameters, names: Collection[str]
) -> dict[str, str]:
    """The hyperparameters whose value becomes a setting of the optimizer that `build` compiles with, and which one.

    The model is built at two values of each hyperparameter that is a number; a model that is not compiled has no
    optimizer to look at.

    Args:
        build: Returns a model for hyperparameters.
        space: `keras_tuner.HyperParameters`.
        names: The settings that count, such as `learning_rate`.

    Raises:
        ValueError: A hyperparameter changes nothing but such a setting, and not by being it.

    Example:

    >>> def build(hp):
    ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 8))])
    ...     model.compile(keras.optimizers.SGD(hp.Float("lr", 1e-4, 1e-2), momentum=0.5), "mse")
    ...     return model
    >>> space = keras_tuner.HyperParameters()
    >>> model = build(space)
    >>> asked_by(build, space, {"learning_rate", "momentum"})
    {'lr': 'learning_rate'}
    """
    found: dict[str, str] = {}
    for hp in space.space:
        pair = _two_values(hp)
        if pair is None or hp.name in _READ_ELSEWHERE:
            continue
        models = [_built(build, space, hp, value) for value in pair]
        if not all(isinstance(model, keras.Model) and model.compiled for model in models):
            continue
        for name in names:
            seen = [_setting(model, name) for model in models]
            if None in seen or seen[0] == seen[1]:
                continue
            if all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(seen, pair, strict=True)):
                found[hp.name] = name
            elif models[0].to_json() == models[1].to_json():
                raise ValueError(
                    f"The hyperparameter {hp.name!r} decides the {name} by a formula, and every member of a population "
                    f"has one of its own; ask for it itself, as in `hp.Float({name!r}, ...)`, or give "
                    "`population=False`."
                )
    return found


def _two_values(hp: Any) -> tuple[float, float] | None:
    """Two different values of a hyperparameter that is a number; small ones, as large models take their time."""
    if hasattr(hp, "min_value"):
        step = 1 if isinstance(hp.default, int) else (hp.max_value - hp.min_value) / 2
        pair = (hp.min_value, min(hp.min_value + step, hp.max_value))
    else:
        numbers = [one for one in getattr(hp, "values", ()) if isinstance(one, (int, float))]
        numbers = [one for one in numbers if not isinstance(one, bool)]
        pair = tuple(sorted(numbers)[:2])
    return (pair[0], pair[1]) if len(set(pair)) == 2 else None


def _built(build: Callable[[Any], Any], space: keras_tuner.HyperParameters, hp: Any, value: float) -> Any:
    at = space.copy()
    for condition in hp.conditions:
        at.values[condition.name] = condition.values[0]
    at.values[hp.name] = value
    at.ensure_active_values()
    fresh_session()  # so that layers of equal models have equal names
    return build(at)


def _setting(model: keras.Model, name: str) -> float | None:
    value = getattr(innermost(model.optimizer), name, None)
    return None if value is None or callable(value) else float(value)
