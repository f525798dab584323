"""Gives dead units new starting weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import seed_of
from ..data.rows import spread_rows
from .reading import as_inputs

_ROWS = 512


def revive(model: keras.Model, name: str, x: Any, seed: int = 0) -> int:
    """Gives the units of a ReLU layer that output zero for every row new starting weights.

    Their kernels are drawn by He's rule, their biases and what the optimizer remembers of them are set
    to zero; all other units stay bit-identical.

    Args:
        model: A Functional or Sequential model.
        name: Name of a layer with a kernel and ReLU.
        x: Training inputs; at most 512 rows are looked at.
        seed: Decides the new weights.

    Returns:
        Number of units that start again.

    Raises:
        ValueError: The model has no such layer, or it has no kernel.

    Reference: He et al. 2015, "Delving deep into rectifiers", arXiv:1502.01852.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, "relu", name="d"), keras.layers.Dense(1)])
    >>> model.layers[0].set_weights([np.ones((1, 3)), np.array([0.0, -9.0, 0.0])])
    >>> revive(model, "d", np.linspace(0, 1, 8)[:, None])
    1
    """
    seed_of("seed", seed)
    names = [layer.name for layer in model.layers]
    if name not in names:
        raise ValueError(f"`name` must be a layer of the model, one of {names}, got {name!r}.")
    layer = model.layers[names.index(name)]
    if getattr(layer, "kernel", None) is None:
        raise ValueError(f"The layer {name!r} has no kernel, so its units cannot start again.")
    rows, _ = spread_rows(x, x, _ROWS)
    answers = ops.convert_to_numpy(keras.Model(model.inputs, layer.output)(as_inputs(model, rows), training=False))
    # After ReLU nothing is below zero, so a unit is dead where even its largest value is none above it.
    dead = answers.reshape(-1, answers.shape[-1]).max(axis=0) <= 0
    if dead.any():
        _renew(layer.kernel, dead, keras.initializers.HeNormal(seed))
        if getattr(layer, "bias", None) is not None:
            _renew(layer.bias, dead, keras.initializers.Zeros())
        for weight in layer.trainable_weights:
            _forget(getattr(model, "optimizer", None), weight, dead)
    return int(dead.sum())


def _renew(weight: keras.Variable, dead: np.ndarray, initializer: keras.initializers.Initializer) -> None:
    fresh = ops.convert_to_numpy(initializer(weight.shape, dtype="float32"))
    # Units stand along the last axis, over which the mask spreads.
    weight.assign(np.where(dead, fresh, ops.convert_to_numpy(weight)))


def _forget(optimizer: keras.optimizers.Optimizer | None, weight: keras.Variable, dead: np.ndarray) -> None:
    """Sets to zero what an optimizer keeps for the dead units: its variables bear the path of the weight."""
    mark = weight.path.replace("/", "_")
    for variable in getattr(optimizer, "variables", []):
        if variable.shape == weight.shape and variable.path.rpartition("/")[2].startswith(mark):
            variable.assign(np.where(dead, 0.0, ops.convert_to_numpy(variable)))
