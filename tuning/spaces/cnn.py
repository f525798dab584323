"""Convolutional networks as a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner

from ...toolkit.checks import one_of, whole_number
from .choices import choice, several
from .space import Space

_AUGMENTATIONS = ("none", "noise", "shift", "flip", "shift_flip")


class CNN(Space):
    """Convolutional networks for images `(height, width)` or `(height, width, channels)`, or series `(time, channels)`.

    Each block is one or two convolutions and a pooling by two; the filters double from block to block.

    Args:
        blocks: Numbers of blocks, at least 1; fewer where the image is too small to be halved so often.
        filters: Filters of the first block, at least 1.
        kernel: Sizes of the kernels, at least 1.
        convolutions: Convolutions in a block, at least 1.
        pooling: Before the head: `"flatten"` or `"average"` (global).
        units: Units of a hidden layer before the output; 0 for none.
        series: Whether inputs `(rows, time, channels)` are series; else a third axis is no channel.
        **kwargs: As for every space; `augmentation` also `"shift"`, `"flip"`, `"shift_flip"`.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = CNN(blocks=2, filters=8)
    >>> space.adapt(np.zeros((20, 8, 8)), np.arange(20) % 3)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 3)
    """

    def __init__(
        self,
        *,
        blocks: Any = (1, 2, 3),
        filters: Any = (8, 16, 32),
        kernel: Any = (3, 5),
        convolutions: Any = (1, 2),
        pooling: Any = ("flatten", "average"),
        units: Any = (0, 64),
        series: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blocks = [whole_number("blocks", value, low=1) for value in several("blocks", blocks)]
        self.filters = [whole_number("filters", value, low=1) for value in several("filters", filters)]
        self.kernel = [whole_number("kernel", value, low=1) for value in several("kernel", kernel)]
        self.convolutions = [
            whole_number("convolutions", value, low=1) for value in several("convolutions", convolutions)
        ]
        self.pooling = [one_of("pooling", value, ("flatten", "average")) for value in several("pooling", pooling)]
        self.units = [whole_number("units", value, low=0) for value in several("units", units)]
        self.series = bool(series)

    @classmethod
    def _augmentations(cls) -> Sequence[str]:
        return _AUGMENTATIONS

    def _check_form(self, shape: tuple[int, ...]) -> None:
        if self.series and len(shape) != 3:
            raise ValueError(f"A CNN over series takes inputs (rows, time, channels), got shape {shape}; use `MLP()`.")
        if not self.series and len(shape) not in (3, 4):
            raise ValueError(
                f"A CNN takes images (rows, height, width) or (rows, height, width, channels), got shape {shape}; "
                "reshape the rows, or use `MLP()`."
            )

    def _body(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor) -> keras.KerasTensor:
        flat = "1D" if self.series else "2D"
        if not self.series and len(features.shape) == 3:
            features = keras.layers.Reshape((*features.shape[1:], 1), name="channel")(features)
        filters, kernel = choice(hp, "filters", self.filters), choice(hp, "kernel", self.kernel)
        convolutions = choice(hp, "convolutions", self.convolutions)
        for block in range(choice(hp, "blocks", self.blocks)):
            # Hyperparameters are asked alike for all sizes, so a block that does not fit is left out, not refused.
            if min(features.shape[1:-1]) < 2:
                break
            for place in range(convolutions):
                name = f"convolution_{block}_{place}"
                layer = getattr(keras.layers, f"Conv{flat}")
                features = layer(
                    filters * 2**block, kernel, padding="same", kernel_regularizer=self._penalty(hp), name=name
                )(features)
                features = self._finished(hp, features, name)
            features = getattr(keras.layers, f"MaxPooling{flat}")(name=f"pool_{block}")(features)
        if choice(hp, "pooling", self.pooling) == "average":
            features = getattr(keras.layers, f"GlobalAveragePooling{flat}")(name="average")(features)
        else:
            features = keras.layers.Flatten(name="flatten")(features)
        units = choice(hp, "head_units", self.units)
        if units:
            features = keras.layers.Dense(units, kernel_regularizer=self._penalty(hp), name="hidden")(features)
            features = self._finished(hp, features, "hidden")
        return self._dropped(hp, features, "head")
