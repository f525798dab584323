"""What a search is known by: arguments as plain values, so that a changed one is noticed in any later process."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

import keras
import keras_tuner

from ...toolkit import stopping
from ...toolkit.runtime.files import digest
from ...toolkit.runtime.keras_internals import function_arguments
from ..spaces.space import Space
from .options import SearchOptions
from .plan import Plan

_RULES = stopping.__name__
_NUMBERED = re.compile(r"_\d+$")


def identity_of(plan: Plan, options: SearchOptions, oracle: keras_tuner.Oracle) -> dict[str, str]:
    """What must be the same for a search to go on, each as a digest under the name that a refusal gives it.

    Budgets are no part of it: more trials, more time or another number of workers go on with what is there.

    Args:
        plan: What is the same for all trials.
        options: What the search was made with.
        oracle: Whose space is known.
    """
    # The rule as it was given, not the plan's: the plan has none where the oracle itself cuts the trainings short.
    settings = (
        plan.settings,
        plan.executions,
        plan.folds,
        plan.epochs,
        plan.batch_size,
        plan.drop_losers,
        plan.precision,
        plan.most_parameters,
        rule_identity(options.rule),
    )
    return {
        "space": digest(oracle.get_space().get_config(), described(plan.hypermodel)),
        "data": plan.rows.identity(),
        "objective": str(oracle.objective),
        "oracle": type(oracle).__name__,
        "seed": str(plan.seed),
        "settings": digest(settings),
        "loss, optimizer or metrics": digest(described(plan.compiling)),
        "callbacks": digest(described(plan.callbacks)),
        "arguments of fit": digest(described(plan.fit_arguments)),
        "initial trials": digest(list(options.initial_trials)),
    }


def described(value: Any) -> Any:
    """An argument as plain values: the same for the same setting in another process.

    Of functions and of objects of the user's own the name counts alone: what they hold may differ
    from process to process, as times and paths do.

    Args:
        value: Anything that a search takes.

    Example:

    >>> described(keras.losses.Huber(delta=0.5))["config"]["delta"]
    0.5
    """
    if _is_plain(value) or hasattr(value, "__array__"):
        return value
    if isinstance(value, dict):
        return {str(name): described(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(one) for one in value]
    if isinstance(value, Space):
        own = {name: one for name, one in _public(value).items() if _is_plain(one) or isinstance(one, (list, tuple))}
        return {"class": _kind(value), **described(own)}
    if isinstance(value, keras.callbacks.Callback) and type(value).__module__.startswith("keras."):
        return {"class": _kind(value), **{n: v for n, v in vars(value).items() if _counts(n, v)}}
    if isinstance(value, (keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)):
        return {"class": _kind(value), "config": described(_config(value))}
    # Never `repr`: that of an object without one of its own holds its address, which no other process repeats.
    return getattr(value, "__qualname__", _kind(value))


def rule_identity(rule: Any) -> Any:
    """A rule that stops trials, by its class and its public settings.

    A rule is asked alone how long a training lasts, so unlike of other objects of the user's its settings count.
    What begins with an underscore is taken for what it has seen so far, which is no setting.

    Args:
        rule: A rule of `trainwise.toolkit.stopping`, one of the user's own, or `None`.

    Example:

    >>> class Patient:
    ...     def __init__(self, epochs):
    ...         self.epochs, self._seen = epochs, object()
    ...     def reason(self, curve, others, epochs):
    ...         return None
    >>> rule_identity(Patient(3)) == rule_identity(Patient(3)), rule_identity(Patient(3)) == rule_identity(Patient(4))
    (True, False)
    """
    if rule is None or _is_ours(rule):
        return repr(rule)
    return {"class": _kind(rule), **{name: _setting(value) for name, value in _public(rule).items()}}


def rule_in_words(rule: Any) -> str:
    """A rule for a reader: its class and its plain settings.

    Args:
        rule: A rule that stops trials, or `None`.

    Example:

    >>> from trainwise.toolkit.stopping import Median
    >>> rule_in_words(Median())
    'Median(startup=5, warmup=2)'
    """
    if rule is None or _is_ours(rule):
        return repr(rule)
    shown = ", ".join(f"{name}={_words(value)}" for name, value in _public(rule).items())
    return f"{type(rule).__qualname__}({shown})"


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_words, value))})"
    if _is_plain(value):
        return repr(value)
    return rule_in_words(value) if callable(getattr(value, "reason", None)) else type(value).__qualname__


def _config(value: Any) -> dict[str, Any]:
    try:
        # Some losses of Keras leave their arguments out of `get_config`.
        config = {**value.get_config(), **function_arguments(value)}
    except (NotImplementedError, TypeError):
        # What cannot be saved can be trained with; then its name is all that is known of it.
        return {"name": value.name}
    if isinstance(value, keras.optimizers.Optimizer) and "name" in config:
        # Keras numbers the optimizers of a process, `adam`, `adam_1`, which says nothing of the setting. The name of a
        # metric is one: its values are logged under it.
        config["name"] = _NUMBERED.sub("", config["name"])
    return config


def _is_ours(value: Any) -> bool:
    """Whether it is a rule of the toolkit, and all rules within it are: the `repr` of those says all their settings."""
    if isinstance(value, tuple):
        return all(map(_is_ours, value))
    ours = type(value).__module__.startswith(_RULES) and is_dataclass(value)
    return _is_plain(value) or (ours and all(_is_ours(getattr(value, one.name)) for one in fields(value)))


def _setting(value: Any) -> Any:
    """A setting of a rule; rules within it count as rules."""
    if isinstance(value, (list, tuple)):
        return [_setting(one) for one in value]
    return rule_identity(value) if callable(getattr(value, "reason", None)) else described(value)


def _public(value: Any) -> dict[str, Any]:
    # An object with `__slots__` alone has no dictionary; its class is then all that can be told.
    return {name: one for name, one in getattr(value, "__dict__", {}).items() if not name.startswith("_")}


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _counts(name: str, value: Any) -> bool:
    """Whether an attribute of one of Keras' callbacks is a setting that changes training."""
    public = not name.startswith("_") and name not in ("verbose", "best", "wait", "stopped_epoch", "best_epoch")
    return public and (isinstance(value, (bool, int, float)) or name in ("monitor", "mode"))
