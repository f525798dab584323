"""Which hyperparameters of a space ask for a setting of the optimizer, found by where they go, whatever their names."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from ...toolkit.models.reading import innermost
from ...toolkit.runtime.keras_internals import given_learning_rate
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
        try:
            models = [_built(build, space, hp, value) for value in pair]
        except Exception:  # whatever the user's code raises at this value: the trial that draws it says so
            continue
        if not all(isinstance(model, keras.Model) and model.compiled for model in models):
            return {}
        for name in names:
            first, second = (_setting(model, name) for model in models)
            if first is None or second is None or first == second:
                continue
            if math.isclose(first, pair[0], rel_tol=1e-5) and math.isclose(second, pair[1], rel_tol=1e-5):
                found[hp.name] = name
            elif _are_alike(build, space, hp, pair):
                raise ValueError(
                    f"The hyperparameter {hp.name!r} decides the {name} by a formula, and every member of a population "
                    f"has one of its own; ask for it itself, as in `hp.Float({name!r}, ...)`, or give "
                    "`population=False`."
                )
    return found


def asked_at(model: keras.Model, values: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """The hyperparameters whose value a compiled model's optimizer has as a setting, and which one.

    For those that `build` asks for only in some trials, so that `asked_by` has not met them.

    Args:
        model: What `build` returned.
        values: Hyperparameters by name.
        names: The settings that count.
    """
    if not model.compiled:
        return {}
    held = {name: value for name in names if (value := _setting(model, name)) is not None}
    numbers = {hp: value for hp, value in values.items() if isinstance(value, (int, float))}
    return {
        hp: name
        for hp, value in numbers.items()
        for name, own in held.items()
        if not isinstance(value, bool) and math.isclose(value, own, rel_tol=1e-6)
    }


def _two_values(hp: Any) -> tuple[float, float] | None:
    """Two different values of a hyperparameter that is a number; small ones, as large models take their time."""
    if hasattr(hp, "min_value"):
        step = 1 if isinstance(hp.default, int) else (hp.max_value - hp.min_value) / 2
        low, high = hp.min_value, min(hp.min_value + step, hp.max_value)
        return None if low == high else (low, high)
    numbers = [one for one in getattr(hp, "values", ()) if isinstance(one, (int, float)) and not isinstance(one, bool)]
    return None if len(set(numbers)) < 2 else (sorted(numbers)[0], sorted(numbers)[1])


def _built(build: Callable[[Any], Any], space: keras_tuner.HyperParameters, hp: Any, value: float) -> Any:
    at = space.copy()
    for condition in hp.conditions:
        at.values[condition.name] = condition.values[0]
    at.values[hp.name] = value
    at.ensure_active_values()
    return build(at)


def _are_alike(build: Callable[[Any], Any], space: keras_tuner.HyperParameters, hp: Any, pair: Sequence[float]) -> bool:
    """Whether the models at two values have the same layers."""
    configs = []
    for value in pair:
        fresh_session()  # so that layers of equal models have equal names
        configs.append(_built(build, space, hp, value).get_config())
    return bool(configs[0] == configs[1])


def _setting(model: keras.Model, name: str) -> float | None:
    optimizer = innermost(model.optimizer)
    value = given_learning_rate(optimizer) if name == "learning_rate" else getattr(optimizer, name, None)
    # A schedule, or a function, is no number.
    return None if value is None or (callable(value) and not hasattr(value, "assign")) else float(value)
