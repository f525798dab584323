"""Copies of models and layers that share nothing with them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import keras
import numpy as np

from ..layers.cloning import recreated
from ..runtime.keras_internals import flat_layers

_LOOKUPS = (keras.layers.StringLookup, keras.layers.IntegerLookup, keras.layers.TextVectorization)


def copied(
    model: keras.Model, weights: Sequence[np.ndarray] | None = None, dropout: float | None = None
) -> keras.Model:
    """An uncompiled copy of a model, which shares nothing with it.

    Args:
        model: Functional or Sequential model, built.
        weights: Weights of the copy, or `None` for those of the model.
        dropout: Rate of every Dropout layer of the copy, or `None` for their own.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5)])
    >>> copied(model, dropout=0.25).layers[0].rate
    0.25
    """
    made = _cloned(model, dropout)
    made.set_weights(model.get_weights() if weights is None else weights)
    for layer in flat_layers(made):
        # It computes with values taken out of its weights, which `set_weights` does not renew.
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return made


def restarted(model: keras.Model) -> keras.Model:
    """A copy of a model with new starting weights, drawn from Keras' random state, compiled as the model is.

    What a layer has adapted to data stays: the statistics of a Normalization, the vocabulary of a lookup.

    Args:
        model: Functional or Sequential model, built.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Normalization(mean=1.0, variance=4.0)])
    >>> keras.ops.convert_to_numpy(restarted(model)(np.ones((1, 2)))).tolist()
    [[0.0, 0.0]]
    """
    made = _cloned(model, None)
    for old, new in zip(flat_layers(model), flat_layers(made), strict=True):
        # Only these hold in their weights what is neither drawn nor learnt.
        if isinstance(old, keras.layers.Normalization):
            new.set_weights(old.get_weights())
            new.finalize_state()
    if getattr(model, "compiled", False):
        made.compile_from_config(model.get_compile_config())
    return made


def _cloned(model: keras.Model, dropout: float | None) -> keras.Model:
    """The layers anew; Keras' own clone of a compiled model would write its losses down, which lambdas cannot be."""
    if isinstance(model, keras.Sequential):
        first = model.inputs[0]
        layers = [
            _cloned(one, dropout) if isinstance(one, keras.Model) else _layer(one, dropout) for one in model.layers
        ]
        inputs = keras.Input(batch_shape=first.shape, dtype=first.dtype, name=first.name)
        return keras.Sequential([inputs, *layers], name=model.name)
    # Not compiled, so that no loss is written down.
    plain = keras.Model(model.input, model.output, name=model.name)
    return keras.models.clone_model(plain, clone_function=lambda layer: _layer(layer, dropout), recursive=True)


def _layer(layer: keras.Operation, dropout: float | None) -> keras.Operation:
    # An operation of `keras.ops` in the graph has nothing to copy.
    if not isinstance(layer, keras.layers.Layer):
        return layer
    # A vocabulary that was adapted stands neither in the weights nor in the configuration.
    if isinstance(layer, _LOOKUPS):
        return copy.deepcopy(layer)
    if type(layer) is keras.layers.Dropout and dropout is not None:
        return recreated(layer, rate=dropout)
    return recreated(layer)
