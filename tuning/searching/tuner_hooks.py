"""The hooks of a KerasTuner tuner that are called while a model trains."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner

_HOOKS = ("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end")


def overrides(tuner: keras_tuner.Tuner) -> list[str]:
    """The hooks that a subclass of a tuner has overridden.

    Example:

    >>> class Watching(keras_tuner.RandomSearch):
    ...     def on_epoch_end(self, trial, model, epoch, logs=None):
    ...         print(epoch)
    >>> overrides(Watching.__new__(Watching))
    ['on_epoch_end']
    """
    return [name for name in _HOOKS if getattr(type(tuner), name) is not getattr(keras_tuner.Tuner, name)]


class TunerHooks(keras.callbacks.Callback):
    """Calls the hooks of a tuner; of a population the model is the population.

    Args:
        tuner: Whose hooks they are.
        trial: `keras_tuner` trial.
    """

    def __init__(self, tuner: keras_tuner.Tuner, trial: keras_tuner.engine.trial.Trial) -> None:
        super().__init__()
        self.tuner, self.trial = tuner, trial

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_end(self.trial, self.model, batch, logs)
