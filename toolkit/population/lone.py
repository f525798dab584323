"""What a lone model brings to its training, for a member of many: callbacks, a model for them, how it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ..checks import instance_of
from ..runtime.keras_internals import compiled_with

_REMEMBERED = ("best", "wait", "cooldown_counter", "stopped_epoch", "best_epoch")


class LoneRate:
    """What Keras' ReduceLROnPlateau needs of an optimizer, for one member: a learning rate to read and to set.

    Args:
        read: Returns the member's learning rate.
        write: Sets it.

    Example:

    >>> rates = [0.5, 0.25]
    >>> own = LoneRate(lambda: rates[1], lambda value: rates.__setitem__(1, value))
    >>> own.learning_rate = own.learning_rate / 5
    >>> rates
    [0.5, 0.05]
    """

    def __init__(self, read: Callable[[], float], write: Callable[[float], None]) -> None:
        self._read = read
        self._write = write

    @property
    def learning_rate(self) -> float:
        """The member's learning rate at this moment."""
        return self._read()

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._write(value)


class LoneModel:
    """What Keras' EarlyStopping and ReduceLROnPlateau need of a model, for one member.

    EarlyStopping sets `stop_training` of its model, and reads and sets all its weights. A member has no model of
    its own while it trains, so it is handed this one: what it sets is kept, and who trains the members looks here.

    Args:
        weights: Returns the member's weights at this moment; where they are kept elsewhere, an empty list.
        metrics: Returns Keras' metrics, from which a callback tells whether higher is better.
        optimizer: Where the member's learning rate is read and set.

    Attributes:
        stop_training: Whether the member is to stop.
        restored: The weights that EarlyStopping has put back, or `None`.

    Example:

    >>> lone, stopper = LoneModel(), keras.callbacks.EarlyStopping("val_loss", patience=0)
    >>> stopper.set_model(lone)
    >>> stopper.on_train_begin()
    >>> for epoch, loss in enumerate([0.5, 0.6]):
    ...     stopper.on_epoch_end(epoch, {"val_loss": loss})
    >>> lone.stop_training
    True
    """

    def __init__(
        self,
        weights: Callable[[], list[np.ndarray]] = list,
        metrics: Callable[[], list[keras.metrics.Metric]] = list,
        optimizer: LoneRate | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.stop_training = False
        self.restored: list[np.ndarray] | None = None
        self._weights = weights
        self._metrics = metrics

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras' metrics."""
        return self._metrics()

    def get_weights(self) -> list[np.ndarray]:
        """The member's weights at this moment."""
        return self._weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Keeps the weights that EarlyStopping puts back."""
        self.restored = weights


def sorted_callbacks(callbacks: Any) -> tuple[list[keras.callbacks.Callback], list[keras.callbacks.Callback]]:
    """The callbacks that see all members at once, and those that stop each member by itself.

    Args:
        callbacks: Keras callbacks; one alone, several, or `None`.

    Example:

    >>> others, stoppers = sorted_callbacks([keras.callbacks.EarlyStopping(), keras.callbacks.History()])
    >>> [type(one).__name__ for one in others], [type(one).__name__ for one in stoppers]
    (['History'], ['EarlyStopping'])
    """
    given = list(callbacks) if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    for one in given:
        instance_of("callbacks", one, keras.callbacks.Callback, "Keras callbacks")
    stoppers = [one for one in given if isinstance(one, keras.callbacks.EarlyStopping)]
    return [one for one in given if one not in stoppers], stoppers


def plateau_callbacks(
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[list[keras.callbacks.Callback], list[keras.callbacks.Callback]]:
    """The other callbacks, and those of ReduceLROnPlateau, of which each member has one of its own.

    Example:

    >>> others, plateaus = plateau_callbacks([keras.callbacks.ReduceLROnPlateau(), keras.callbacks.History()])
    >>> [type(one).__name__ for one in others], len(plateaus)
    (['History'], 1)
    """
    plateaus = [one for one in callbacks if isinstance(one, keras.callbacks.ReduceLROnPlateau)]
    return [one for one in callbacks if one not in plateaus], plateaus


def counters(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """What a Keras callback has counted, as plain values.

    Args:
        callback: `ReduceLROnPlateau`, `EarlyStopping`, `ModelCheckpoint` and their like; others count nothing.

    Example:

    >>> counters(keras.callbacks.ModelCheckpoint("best.keras"))
    {'best': None}
    """
    values = {name: getattr(callback, name) for name in _REMEMBERED if hasattr(callback, name)}
    return {
        # Keras keeps numpy numbers here, which JSON does not know.
        name: None if value is None else float(value) if name == "best" else int(value)
        for name, value in values.items()
    }


def set_counters(callback: keras.callbacks.Callback, values: dict[str, Any]) -> None:
    """Gives a callback what it had counted.

    Args:
        callback: Of the same kind.
        values: From `counters`.
    """
    for name, value in values.items():
        setattr(callback, name, value)


def given_or_compiled(model: keras.Model, **given: Any) -> dict[str, Any]:
    """What was given, else what the model was compiled with, else `None`.

    Only `None` counts as not given: an empty list of metrics, or `False`, is a choice of its own.

    Args:
        model: Keras model, compiled or not.
        **given: Arguments of `compile` by name.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("adam", "mse", metrics=["mae"])
    >>> given_or_compiled(model, loss=None, metrics=[], weighted_metrics=None)
    {'loss': 'mse', 'metrics': [], 'weighted_metrics': None}
    """
    compiled = compiled_with(model)
    return {name: compiled.get(name) if value is None else value for name, value in given.items()}
