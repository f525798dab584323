"""Traces a value that is no number to its batch, its layer and its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..models.reading import as_inputs
from ..runtime.files import write_arrays
from ..runtime.keras_internals import symbolic_calls


class BatchKeeper:
    """Keeps, inside the graph, the batch at which the loss of a fit or its first weights stop being finite.

    Works on one device without XLA, on models whose batches are plain numbers; elsewhere `keeps` is
    false and nothing is changed.

    Args:
        model: A built, compiled model that is about to be fitted.

    Attributes:
        keeps: Whether batches can be kept.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> keeper = BatchKeeper(model)
    >>> _ = model.fit(np.array([[1.0], [np.nan]]), np.ones((2, 1)), batch_size=1, shuffle=False, verbose=0)
    >>> keeper.release()
    >>> keeper.batch()["update"].item()
    1
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.keeps = _can_keep(model)
        if self.keeps:
            self._install()

    def _install(self) -> None:
        import tensorflow as tf

        model, original = self.model, self.model.train_step
        self._found = tf.Variable(False, trainable=False)
        self._update = tf.Variable(-1, trainable=False, dtype="int64")
        self._parts: list[Any] = []
        # NaN inputs that a fused ReLU turns into 0 leave the loss finite, but not the first kernel.
        first = next((weight for weight in model.trainable_weights if len(weight.shape) > 1), None)

        def keep(flat: list[Any]) -> Any:
            for part, value in zip(self._parts, flat, strict=True):
                part.assign(value)
            return self._update.assign_add(1)

        def train_step(data: Any) -> Any:
            flat = [value for value in keras.tree.flatten(data) if value is not None]
            if not self._parts:
                # This runs while the graph is traced; outside of it, the variables are made once and for all calls.
                with tf.init_scope():
                    self._parts = [
                        # No fixed sizes: the last batch of an epoch may be smaller.
                        tf.Variable(tf.zeros([0] * len(v.shape), v.dtype), shape=[None] * len(v.shape), trainable=False)
                        for v in flat
                    ]
            # Before the step, and never again once it went wrong: the first bad batch is the one that explains.
            tf.cond(self._found, lambda: self._update.read_value(), lambda: keep(flat))
            logs = original(data)
            good = tf.math.is_finite(tf.cast(logs["loss"], "float32")) if "loss" in logs else tf.constant(True)
            if first is not None:
                good = tf.logical_and(good, tf.math.is_finite(tf.reduce_sum(tf.cast(first.value, "float32"))))
            self._found.assign(tf.logical_or(self._found, tf.logical_not(good)))
            return logs

        self._own = train_step
        model.train_step = train_step
        # Keras may have built its function around the old step already.
        model.make_train_function(force=True)

    @property
    def found(self) -> bool:
        """Whether a batch with a bad end was seen."""
        return self.keeps and bool(self._found.numpy())

    def batch(self) -> dict[str, np.ndarray]:
        """The batch: `x0`, `x1`, ... and the targets after them, and `update`, its place in the fit from 0."""
        count = len(keras.tree.flatten(self.model.inputs))
        names = [f"x{place}" for place in range(count)] + [f"y{place}" for place in range(len(self._parts) - count)]
        values = {name: np.asarray(part.numpy()) for name, part in zip(names, self._parts, strict=True)}
        return {**values, "update": np.asarray(self._update.numpy())}

    def release(self) -> None:
        """Gives the model its own training step back."""
        # Someone may have put another step in its place meanwhile; that one is not ours to remove.
        if self.keeps and self.model.__dict__.get("train_step") is self._own:
            del self.model.train_step
            # The next fit builds it anew, around the model's own step.
            self.model.train_function = None


def _can_keep(model: keras.Model) -> bool:
    if keras.backend.backend() != "tensorflow" or model.jit_compile or not getattr(model, "inputs", None):
        return False
    # A step that was replaced on the instance may be another watch's; ours would end it on release.
    if "train_step" in model.__dict__ or getattr(model.distribute_strategy, "num_replicas_in_sync", 1) > 1:
        return False
    return all(tensor.dtype != "string" for tensor in model.inputs)


def write_batch(folder: str | Path, batch: dict[str, np.ndarray]) -> Path:
    """Writes a batch as `update-N.npz`, whole or not at all, and returns its path.

    Example:

    >>> import tempfile
    >>> write_batch(tempfile.mkdtemp(), {"x0": np.ones(2), "update": np.asarray(7)}).name
    'update-7.npz'
    """
    path = Path(folder) / f"update-{int(batch['update'])}.npz"
    write_arrays(path, batch)
    return path


def bad_columns(x: Any) -> list[int]:
    """Columns (places on the last axis) of an input that hold NaN or infinite values.

    Example:

    >>> bad_columns(np.array([[1.0, np.nan], [2.0, 3.0]]))
    [1]
    """
    found: set[int] = set()
    for column in keras.tree.flatten(x):
        values = np.asarray(column)
        if np.issubdtype(values.dtype, np.floating) and values.ndim > 1:
            found |= set(np.flatnonzero(~np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0)).tolist())
    return sorted(found)


def first_bad_layer(model: keras.Model, x: Any) -> str | None:
    """Name of the first layer that outputs NaN or infinity for rows; `None` where all outputs are finite.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="d")])
    >>> first_bad_layer(model, np.array([[np.nan]]))
    'd'
    """
    if not getattr(model, "inputs", None):
        return None
    layers = [
        layer
        for layer in model.layers
        # `layer.output` raises for a layer that is called more than once.
        if not isinstance(layer, keras.layers.InputLayer) and len(symbolic_calls(layer)) == 1
    ]
    # Layers with several outputs are passed over: one answer a layer is compared below.
    plain = [layer for layer in layers if isinstance(layer.output, keras.KerasTensor)]
    answers = keras.Model(model.inputs, [layer.output for layer in plain])(as_inputs(model, x), training=False)
    for layer, answer in zip(plain, answers if isinstance(answers, list) else [answers], strict=True):
        if not bool(ops.all(ops.isfinite(ops.cast(answer, "float32")))):
            return str(layer.name)
    return None
