"""A layer that marks the steps behind the end of a sequence, so that no layer behind it counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number


@keras.saving.register_keras_serializable(package="trainwise")
class PaddingMask(keras.layers.Layer):
    """Masks the steps that are padding, and puts values of no weight in their place.

    `keras.layers.Masking` puts zeros there, which are far from everything once they are standardised.

    Args:
        padding: What all channels of such a step hold.
        fill: What they hold behind this layer, one value a channel; 0 by default.

    Input and output: `(batch, steps, channels)`, with a mask `(batch, steps)`.

    Raises:
        TypeError: `padding` is not a number.
        ValueError: `fill` does not hold a value for each channel.

    Example:

    >>> layer = PaddingMask(padding=-1.0, fill=[5.0])
    >>> x = ops.convert_to_tensor([[[2.0], [-1.0]]])
    >>> ops.convert_to_numpy(layer(x)).tolist(), ops.convert_to_numpy(layer.compute_mask(x)).tolist()
    ([[[2.0], [5.0]]], [[True, False]])
    """

    def __init__(self, padding: float = -1e9, fill: Sequence[float] | None = None, **kwargs: Any) -> None:
        # In half precision the padding would not be told any more.
        super().__init__(autocast=False, **kwargs)
        self.padding = number("padding", padding, -np.inf, np.inf)
        self.fill = None if fill is None else items_of("fill", fill)
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        if self.fill is not None and len(self.fill) != input_shape[-1]:
            raise ValueError(f"`fill` must hold {input_shape[-1]} values, one a channel, got {len(self.fill)}.")
        self.built = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Which steps are no padding, `(batch, steps)`."""
        return ops.any(ops.not_equal(ops.cast(inputs, "float32"), self.padding), axis=-1)

    def call(self, inputs: Any) -> Any:
        values = ops.cast(inputs, "float32")
        there = self.compute_mask(values)[..., None]
        fill = ops.zeros_like(values) + ops.convert_to_tensor(self.fill or 0.0, "float32")
        return ops.cast(ops.where(there, values, fill), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "fill": self.fill}
