"""A layer anew, from its configuration."""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import Any

import keras

from ..runtime.keras_internals import flat_layers


def recreated(layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
    """A new, unbuilt layer of the same configuration; functions in it may be lambdas, for they come from here.

    Example:

    >>> import keras
    >>> recreated(keras.layers.Dense(3), units=4).units
    4
    """
    if isinstance(layer, keras.layers.Lambda):
        # Keras refuses to make a Lambda from a configuration that holds a lambda: it takes it for unsafe code.
        made = keras.layers.Lambda(layer.function, mask=layer.mask, arguments=layer.arguments, name=layer.name)
    else:
        # Layers of the caller's own need not be registered with Keras: their classes are at hand.
        with warnings.catch_warnings(), keras.saving.custom_object_scope(_classes(layer)):
            warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
            config = layer.get_config()
            functions = {name: getattr(layer, name, None) for name in config}
            # A configuration holds a function as serialised code; the function itself goes in its place.
            functions = {name: value for name, value in functions.items() if isinstance(value, FunctionType)}
            made = type(layer).from_config({**config, **functions, **changes})
    made.trainable = layer.trainable
    return made


def _classes(layer: keras.layers.Layer) -> dict[str, type]:
    layers = [layer, *flat_layers(layer)]
    return {type(one).__name__: type(one) for one in layers if not type(one).__module__.startswith("keras.")}
