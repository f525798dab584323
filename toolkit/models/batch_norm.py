"""Batch normalisation's statistics computed anew, for weights that no batch has passed yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from ..checks import whole_number
from ..runtime.keras_internals import flat_layers

# What Keras' layers call the strength of their noise.
_NOISE = ("rate", "stddev", "dropout", "recurrent_dropout")


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The batch normalisation layers of a model, also those of models in it, which are not frozen.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    >>> len(batch_norms(model))
    1
    """
    layers = flat_layers(model)
    return [one for one in layers if isinstance(one, keras.layers.BatchNormalization) and one.trainable]


def recalibrate(model: keras.Model, x: Any, batch_size: int = 256) -> None:
    """Sets the moving statistics of batch normalisation to the means over all rows, dropout off.

    Every layer sees its input under the model's present weights. The variance is the mean of the batches' own,
    so it lies below that of all rows together by about 1 / `batch_size`.

    Args:
        model: A built Keras model; its moving statistics change, nothing else.
        x: Rows, as for `predict`.
        batch_size: Rows of a batch, >= 2.

    Raises:
        ValueError: There are no rows, or `batch_size` is below 2.

    Reference: Izmailov et al. 2018, arXiv:1803.05407, section 3.2.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> recalibrate(model, np.arange(8.0)[:, None], batch_size=8)
    >>> float(model.layers[0].moving_mean[0]), float(model.layers[0].moving_variance[0])
    (3.5, 5.25)
    """
    whole_number("batch_size", batch_size, low=2)
    norms = batch_norms(model)
    if not norms:
        return
    count = len(keras.tree.flatten(x)[0])
    if not count:
        raise ValueError("`x` must hold rows to compute the statistics on, got none.")
    momenta = [one.momentum for one in norms]
    with _noise_off(model):
        try:
            for start in range(0, count, batch_size):
                rows = min(batch_size, count - start)
                for one in norms:
                    # With this momentum the moving mean is the plain mean over all rows so far.
                    one.momentum = start / (start + rows)
                # A compiled function would have the momentum of its first batch built in.
                model(keras.tree.map_structure(lambda a, s=start: np.asarray(a[s : s + batch_size]), x), training=True)
        finally:
            for one, momentum in zip(norms, momenta, strict=True):
                one.momentum = momentum


@contextmanager
def _noise_off(model: keras.Model) -> Iterator[None]:
    held = [
        (layer, name, getattr(layer, name))
        for layer in flat_layers(model)
        for name in _NOISE
        # A recurrent layer shows its cell's rate as a property, which cannot be set; the cell is in this list itself.
        if isinstance(getattr(layer, name, None), float) and not isinstance(getattr(type(layer), name, None), property)
    ]
    try:
        for layer, name, _ in held:
            setattr(layer, name, 0.0)
        yield
    finally:
        for layer, name, value in held:
            setattr(layer, name, value)
