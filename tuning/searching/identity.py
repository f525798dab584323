"""What a search is known by: arguments as plain values, so that a changed one is noticed."""

from __future__ import annotations

from typing import Any

import keras

from ..spaces.space import Space


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
    if value is None or isinstance(value, (bool, int, float, str)) or hasattr(value, "__array__"):
        return value
    if isinstance(value, dict):
        return {str(name): described(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(one) for one in value]
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, Space):
        own = {name: one for name, one in vars(value).items() if not name.startswith("_")}
        return {"class": kind, **described({name: one for name, one in own.items() if _is_plain(one)})}
    if isinstance(value, keras.callbacks.Callback) and type(value).__module__.startswith("keras."):
        return {"class": kind, **{n: v for n, v in vars(value).items() if _counts(n, v)}}
    if isinstance(value, (keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)):
        # Some losses of Keras leave their arguments out of `get_config`.
        return {"class": kind, "config": described({**value.get_config(), **getattr(value, "_fn_kwargs", {})})}
    return getattr(value, "__qualname__", kind)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list, tuple))


def _counts(name: str, value: Any) -> bool:
    """Whether an attribute of one of Keras' callbacks is a setting that changes training."""
    public = not name.startswith("_") and name not in ("verbose", "best", "wait", "stopped_epoch", "best_epoch")
    return public and (isinstance(value, (bool, int, float)) or name in ("monitor", "mode"))
