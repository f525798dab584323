"""A layer that keeps dropout on where the model around it is in inference."""

from __future__ import annotations

from typing import Any

import keras

from ..checks import instance_of


@keras.saving.register_keras_serializable(package="trainwise")
class DropoutSampling(keras.layers.Wrapper):
    """Calls a model or layer with `training=True`, always; `mc_dropout` stands on it.

    Keras hands the outer model's `training` down to every layer, so that an argument given when the graph is
    built does not last.

    Args:
        layer: The Keras model or layer.

    Raises:
        TypeError: `layer` is none.

    Input and output: those of the layer.

    Example:

    >>> always = DropoutSampling(keras.layers.Dropout(0.5, seed=0))
    >>> bool((keras.ops.convert_to_numpy(always(keras.ops.ones((1, 100)), training=False)) == 0).any())
    True
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(instance_of("layer", layer, keras.layers.Layer, "a Keras model or layer"), **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.layer(inputs, training=True)
