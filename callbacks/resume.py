"""Saves a fit after every epoch, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
from keras import ops

from ..toolkit.checks import instance_of, items_of, path_of
from ..toolkit.metrics.directions import higher_is_better
from ..toolkit.optimizers.rate_owners import fixed_rate
from ..toolkit.runtime.files import read_arrays, read_json, write_arrays, write_json

_STATE = "state.json"


class Carried(Protocol):
    """A callback whose state is kept beside the weights, as plain values for JSON."""

    def get_state(self) -> dict[str, Any]: ...

    def set_state(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class CarriedWithArrays(Protocol):
    """One that keeps arrays too; `set_state` then takes them as well."""

    def get_state(self) -> dict[str, Any]: ...

    def get_arrays(self) -> list[np.ndarray]: ...

    def set_state(self, state: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None: ...


class Resume(keras.callbacks.Callback):
    """Keeps weights, optimizer, random state, history and the best epoch of a fit on disk.

    Each file is written whole or not at all, and the small `state.json` last, so that a fit killed
    at any moment goes on from its last whole epoch. Where the order of the batches depends on the
    epoch alone, the result is the one an uninterrupted fit gives. The learning rate goes on from where it was, as
    ReduceLROnPlateau may have left it; a model that is compiled with another rate than before keeps that.

    Args:
        directory: Folder for this fit alone.
        monitor: Entry of the logs that says which epoch was best.
        mode: `"max"` or `"min"` where the name of `monitor` does not tell which is better.
        carry: Other callbacks of the same fit with `get_state()` and `set_state(state)`, kept too.

    Raises:
        ValueError: The folder holds the state of another model, or a file in it is damaged; or it is not known
            whether `monitor` is better high or low.

    Example:

    >>> import keras, numpy as np, tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> folder = tempfile.mkdtemp()
    >>> for epochs in (2, 3):  # the second fit goes on
    ...     resume = Resume(folder, monitor="loss")
    ...     history = model.fit(
    ...         np.ones((4, 1)), np.ones(4), epochs=epochs, initial_epoch=resume.initial_epoch,
    ...         callbacks=[resume], verbose=0,
    ...     )
    >>> len(resume.history["loss"])
    3
    """

    def __init__(
        self, directory: str | Path, monitor: str = "val_loss", carry: Sequence[Carried] = (), mode: str = "auto"
    ) -> None:
        super().__init__()
        path_of("directory", directory)
        instance_of("monitor", monitor, str, "the name of an entry of the logs")
        for one in items_of("carry", carry):
            if not (hasattr(one, "get_state") and hasattr(one, "set_state")):
                raise TypeError(f"`carry` must hold callbacks that keep a state, got {type(one).__name__}.")
        self.directory = directory
        self.monitor = monitor
        self.mode = mode
        # Now, so that an unknown direction is refused before an epoch is trained.
        self._sign = -1.0 if higher_is_better(monitor, mode) else 1.0
        self.carry = carry
        self._state = self._read()
        self._pending = self._resuming = False

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # Before any callback has begun, so that it is the rate of `compile`.
        self._rate = fixed_rate(model)

    @property
    def initial_epoch(self) -> int:
        """First epoch that is still to be trained, for `fit(initial_epoch=...)`."""
        return int(self._state["epochs"])

    @property
    def history(self) -> dict[str, list[float]]:
        """All epochs so far, as `History.history`."""
        return dict(self._state["history"])

    @property
    def best_epoch(self) -> int | None:
        """Epoch, from 0, with the best `monitor`; `None` where no epoch had a finite one."""
        best = self._state["best_epoch"]
        return None if best is None else int(best)

    def restore_best(self, model: keras.Model) -> None:
        """Gives `model` the weights of the best epoch, or of the last where none was best."""
        name = self._state["best_file"] or self._state["file"]
        if name:
            # Files hold the model's variables first, so that they can be read without an optimizer.
            self._load(name, list(model.variables))

    def restore_last(self, model: keras.Model) -> None:
        """Gives `model` the weights of the last epoch, where there was one."""
        if self._state["file"]:
            self._load(self._state["file"], list(model.variables))

    def restore_carried(self) -> None:
        """Gives the carried callbacks their state back, as `fit` does when it goes on."""
        counts = self._state.get("arrays") or [0] * len(self.carry)
        # They stand behind the variables in the file, whose number a model that is not built yet does not know.
        arrays = read_arrays(Path(self.directory) / self._state["file"])[-sum(counts) :] if sum(counts) else []
        for callback, state, count in zip(self.carry, self._state["carried"], counts, strict=False):
            if isinstance(callback, CarriedWithArrays):
                own, arrays = arrays[:count], arrays[count:]
                callback.set_state(state, own)
            else:
                callback.set_state(state)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        # Anew: the same callback may serve a second fit, after the file has grown.
        self._state = self._read()
        self._pending = self._resuming = False
        if not self._state["file"]:
            self._state["rate"] = self._rate
            return
        self._load(self._state["file"], self._variables())
        if self._rate is not None and self._state.get("rate") not in (None, self._rate):
            self.model.optimizer.learning_rate = self._rate
            self._state["rate"] = self._rate
        self._resuming = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # By now every callback has begun, or has dealt with the epoch before, whatever their order.
        if self._resuming:
            self.restore_carried()
            self._resuming = False
        self._commit()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        for name, value in values.items():
            self._state["history"].setdefault(name, []).append(value)
        self._state["epochs"] = epoch + 1
        score = values.get(self.monitor)
        # Kept so that lower is better, whatever is monitored.
        if score is not None and np.isfinite(score) and self._sign * score < self._state["best"]:
            self._state.update(best=self._sign * score, best_epoch=epoch)
        # Written when the next epoch begins: callbacks after this one have not dealt with the epoch yet.
        self._pending = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._commit()

    def _commit(self) -> None:
        if not self._pending:
            return
        folder = Path(self.directory)
        last = self._state["epochs"] - 1
        name = f"epoch-{last}.npz"
        # A new name each epoch: the state on disk still speaks of the old file until it is replaced.
        own = [one.get_arrays() if isinstance(one, CarriedWithArrays) else [] for one in self.carry]
        values = [ops.convert_to_numpy(variable.value) for variable in self._variables()]
        write_arrays(folder / name, [*values, *(array for arrays in own for array in arrays)])
        kept = {name, f"epoch-{self._state['best_epoch']}.npz"}
        self._state.update(
            file=name,
            best_file=None if self._state["best_epoch"] is None else f"epoch-{self._state['best_epoch']}.npz",
            carried=[callback.get_state() for callback in self.carry],
            arrays=[len(arrays) for arrays in own],
        )
        write_json(folder / _STATE, self._state)
        for old in folder.glob("epoch-*.npz"):
            if old.name not in kept:
                old.unlink()
        self._pending = False

    def _variables(self) -> list[keras.Variable]:
        # Unbuilt, it has no slots yet: the file would lack them, or find nowhere to put them.
        self.model.optimizer.build(self.model.trainable_variables)
        return [*self.model.variables, *self.model.optimizer.variables]

    def _load(self, name: str, variables: list[keras.Variable]) -> None:
        arrays = read_arrays(Path(self.directory) / name)
        # A file may hold more: the optimizer's variables, where only the model's are asked for.
        wrong = [v.path for v, a in zip(variables, arrays, strict=False) if tuple(v.shape) != a.shape]
        if wrong or len(arrays) < len(variables):
            raise ValueError(
                f"{self.directory} holds the state of another model: {(wrong or ['a variable'])[0]} differs."
            )
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)

    def _read(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {
            "epochs": 0,
            "history": {},
            "best": float("inf"),
            "best_epoch": None,
            "file": None,
            "best_file": None,
            "carried": [],
            "arrays": [],
            "rate": None,
        }
        return read_json(Path(self.directory) / _STATE) or nothing
