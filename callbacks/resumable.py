"""What Keras' own callbacks forget when a fit is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from ..toolkit.checks import instance_of, items_of, path_of
from ..toolkit.population.lone import counters, set_counters
from ..toolkit.runtime.files import read_arrays, read_json, write_arrays, write_json


class ResumableState(keras.callbacks.Callback):
    """Keeps what `ReduceLROnPlateau` and `EarlyStopping` count, so that a resumed fit goes on counting.

    Beside `BackupAndRestore` or `Resume`, which keep weights and optimizer. The state is written, whole or
    not at all, at the end of each epoch, and read when the fit begins; a fit that ends removes it.

    Args:
        callbacks: The callbacks whose state is kept; they stand in the fit's list too.
        path: File for the state, such as `"backup/callbacks.json"`; best weights go beside it.

    Raises:
        ValueError: No callbacks, or (when the fit begins) the file is of other callbacks.

    Example:

    >>> import keras, numpy as np, tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stop = keras.callbacks.EarlyStopping("loss", patience=2)
    >>> keep = ResumableState([stop], tempfile.mkdtemp() + "/callbacks.json")
    >>> _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[stop, keep], verbose=0)
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], path: str | Path) -> None:
        super().__init__()
        for one in items_of("callbacks", callbacks):
            instance_of("callbacks", one, keras.callbacks.Callback, "Keras callbacks")
        path_of("path", path)
        if not callbacks:
            raise ValueError("`callbacks` must hold at least one callback, got none.")
        self.callbacks = list(callbacks)
        self.path = path

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._restored = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # Now, not when the fit begins: there each callback sets its own state back.
        if not self._restored and Path(self.path).is_file():
            self._restore(read_json(self.path))
        self._restored = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for place, callback in enumerate(self.callbacks):
            # EarlyStopping restores these at its end, also those of an epoch before the interruption.
            weights = getattr(callback, "best_weights", None)
            if weights is not None:
                write_arrays(self._weights_path(place), weights)
        # After the weights: a state on disk then never speaks of weights that are not there.
        write_json(self.path, [{"kind": type(one).__name__, **counters(one)} for one in self.callbacks])

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        # A fit that ended is not to be resumed: the next one must count from the start.
        for path in (Path(self.path), *(self._weights_path(place) for place in range(len(self.callbacks)))):
            path.unlink(missing_ok=True)

    def _restore(self, state: list[dict[str, Any]]) -> None:
        kinds, own = [one["kind"] for one in state], [type(one).__name__ for one in self.callbacks]
        if kinds != own:
            raise ValueError(f"{self.path} holds the state of {kinds}, and `callbacks` are {own}; remove the file.")
        for place, (callback, values) in enumerate(zip(self.callbacks, state, strict=True)):
            set_counters(callback, {name: value for name, value in values.items() if name != "kind"})
            if self._weights_path(place).is_file():
                callback.best_weights = read_arrays(self._weights_path(place))

    def _weights_path(self, place: int) -> Path:
        path = Path(self.path)
        return path.with_name(f"{path.stem}-best-{place}.npz")
