"""Models of another make: the same layers with other activations, starting weights, units, penalties or ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ..layers.cloning import recreated
from ..layers.normalization import Standardize
from .reading import DROPOUTS, hidden_layers
from .structure import Structure

_MOST_UNITS = 512
_PENALTIES = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "recurrent_regularizer")


def with_hidden(model: keras.Model, **changes: Any) -> keras.Model:
    """A new, freshly started model whose hidden Dense and convolutional layers have other settings.

    Args:
        model: Functional or Sequential model.
        **changes: Settings of the layers, such as `activation="relu"`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    >>> [layer.activation.__name__ for layer in with_hidden(model, activation="relu").layers]
    ['relu', 'linear']
    """
    names = _plain_hidden(model)
    return rebuilt(model, lambda layer: [recreated(layer, **changes) if layer.name in names else recreated(layer)])


def widened(model: keras.Model, factor: float, least: int = 1) -> keras.Model:
    """A new model whose hidden layers have `factor` times the units or filters, at least `least`, at most 512.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    >>> [layer.units for layer in widened(model, 4).layers]
    [12, 1]
    """
    names = _plain_hidden(model)

    def change(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        if layer.name not in names:
            return [recreated(layer)]
        name = "units" if hasattr(layer, "units") else "filters"
        now = getattr(layer, name)
        # Never narrower than it was, even where it is above the most already.
        return [recreated(layer, **{name: max(now, least, min(round(now * factor), _MOST_UNITS))})]

    return rebuilt(model, change)


def without_penalties(model: keras.Model, dropout: float | None = None) -> keras.Model:
    """A new model without penalties on weights, and with another dropout rate where `dropout` is given.

    Example:

    >>> dense = keras.layers.Dense(3, kernel_regularizer="l2")
    >>> without_penalties(keras.Sequential([keras.Input((2,)), dense])).layers[0].kernel_regularizer is None
    True
    """

    def change(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        if isinstance(layer, DROPOUTS) and dropout is not None:
            return [recreated(layer, rate=dropout)]
        config = layer.get_config()
        return [recreated(layer, **{name: None for name in _PENALTIES if config.get(name) is not None})]

    return rebuilt(model, change)


def with_dropout(model: keras.Model, rate: float) -> keras.Model:
    """A new model with dropout after each hidden layer, in place of any that it has.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    >>> [type(layer).__name__ for layer in with_dropout(model, 0.5).layers]
    ['Dense', 'Dropout', 'Dense']
    """
    names = _plain_hidden(model)

    def change(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        if isinstance(layer, DROPOUTS):
            return []
        same = recreated(layer)
        return [same, keras.layers.Dropout(rate)] if layer.name in names else [same]

    return rebuilt(model, change)


def with_more_layers(model: keras.Model, units: int) -> keras.Model:
    """A new model with two more ReLU layers before its last layer.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> [layer.units for layer in with_more_layers(model, 8).layers]
    [8, 8, 1]
    """
    last = _last_kernel(model)

    def change(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        more = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for _ in range(2)]
        return [*more, recreated(layer)] if layer.name == last else [recreated(layer)]

    return rebuilt(model, change)


def with_end(model: keras.Model, units: int, activation: str) -> keras.Model:
    """A new model whose last layer with weights outputs `units` values with another activation.

    Raises:
        ValueError: The model has no Dense or convolutional layer to end in.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "softmax")])
    >>> with_end(model, 1, "sigmoid").layers[-1].activation.__name__
    'sigmoid'
    """
    last = _last_kernel(model)
    after = False

    def change(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        nonlocal after
        if layer.name != last:
            # An activation of its own after the last weights would act on top of the new one.
            alone = after and isinstance(layer, keras.layers.Activation | keras.layers.Softmax | keras.layers.ReLU)
            return [] if alone else [recreated(layer)]
        after = True
        name = "units" if hasattr(layer, "units") else "filters"
        return [recreated(layer, **{name: units, "activation": activation})]

    return rebuilt(model, change)


def with_standardized_inputs(model: keras.Model, x: np.ndarray) -> keras.Model:
    """A new model that standardises its single input first, by the statistics of `x`.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> [type(layer).__name__ for layer in with_standardized_inputs(model, np.arange(4.0)[:, None]).layers]
    ['Standardize', 'Dense']
    """
    layer = Standardize()
    layer.adapt(x)
    config = layer.get_config()
    first = Standardize(center=config["center"], scale=config["scale"])
    made = rebuilt(model, lambda layer: [recreated(layer)])
    if isinstance(made, keras.Sequential):
        return keras.Sequential([_input_of(made), first, *made.layers])
    inputs = keras.Input(batch_shape=made.inputs[0].shape, dtype=made.inputs[0].dtype)
    return keras.Model(inputs, made(first(inputs)))


def rebuilt(model: keras.Model, change: Callable[[keras.layers.Layer], Sequence[keras.layers.Layer]]) -> keras.Model:
    """A new, freshly started model in which layers stand for each layer of the old one.

    Args:
        model: Functional or Sequential model.
        change: Gives the new layers for a layer, none to leave it out.

    Raises:
        TypeError: The model is neither Functional nor Sequential.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> rebuilt(model, lambda layer: [recreated(layer)]).count_params()
    3
    """
    if isinstance(model, keras.Sequential):
        return keras.Sequential([_input_of(model), *(new for layer in model.layers for new in change(layer))])
    if not getattr(model, "inputs", None):
        raise TypeError(f"The model must be Functional or Sequential, got {type(model).__name__}.")

    def one(layer: keras.Operation) -> keras.Operation:
        if isinstance(layer, keras.layers.InputLayer) or not isinstance(layer, keras.layers.Layer):
            return layer
        new = list(change(layer))
        if len(new) == 1:
            return new[0]
        # A graph wants one layer for one; under the old name, so that what finds layers by name still does.
        return keras.Sequential(new, name=layer.name) if new else keras.layers.Identity(name=layer.name)

    # A bare model: cloning a compiled one would write its losses down, which lambdas cannot be.
    return keras.models.clone_model(keras.Model(model.input, model.output), clone_function=one)


def _input_of(model: keras.Model) -> keras.KerasTensor:
    first = model.inputs[0]
    return keras.Input(batch_shape=first.shape, dtype=first.dtype, name=first.name)


def _plain_hidden(model: keras.Model) -> set[str]:
    """Names of the hidden Dense and convolutional layers."""
    return {layer.name for layer, _ in hidden_layers(model) if hasattr(layer, "units") or hasattr(layer, "filters")}


def _last_kernel(model: keras.Model) -> str:
    found = [layer.name for layer in model.layers if hasattr(layer, "kernel")]
    if not found:
        raise ValueError("The model has no Dense or convolutional layer to end in.")
    return str(found[-1])


def can_change(model: keras.Model, made: Structure) -> bool:
    """Whether the make of a model can be changed: one input, one output that a layer with a kernel gives."""
    single = len(getattr(model, "inputs", None) or ()) == 1 and len(getattr(model, "outputs", None) or ()) == 1
    return single and made.activation is not None and any(hasattr(layer, "kernel") for layer in model.layers)
