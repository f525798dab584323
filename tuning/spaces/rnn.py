"""Recurrent networks as a space."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner

from ...toolkit.checks import one_of, whole_number
from .choices import choice, several
from .forms import Form
from .space import Space

_CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class RNN(Space):
    """Recurrent networks over series `(time, channels)` or token ids `(time,)`; images are read row by row.

    Sequences of unequal length may be a list: they are filled up, and what is filled up is masked. Whole numbers
    `(rows, time)` are token ids, 0 filling up, and are embedded.

    Args:
        cell: `"rnn"` (SimpleRNN), `"lstm"`, `"gru"`.
        depth: Numbers of stacked layers, at least 1.
        units: Units of each layer, at least 1.
        bidirectional: Whether the series is also read backwards.
        embedding: Widths of the embedding of token ids, at least 1.
        pooling: What the head sees of the last layer: its `"last"` state, or the `"average"` over time.
        **kwargs: As for every space; the cells keep their own activation, so `activation` counts for
            nothing and `normalization` is done between the layers.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = RNN(cell=("lstm", "gru"), depth=2, units=8, bidirectional=True)
    >>> space.adapt(np.zeros((20, 5, 2)), np.arange(20) / 7)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 1)
    """

    def __init__(
        self,
        *,
        cell: Any = ("rnn", "lstm", "gru"),
        depth: Any = (1, 2),
        units: Any = (16, 32, 64),
        bidirectional: Any = (False, True),
        embedding: Any = (16, 64),
        pooling: Any = ("last", "average"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"activation": "tanh", **kwargs})
        self.cell = [one_of("cell", value, tuple(_CELLS)) for value in several("cell", cell)]
        self.depth = [whole_number("depth", value, low=1) for value in several("depth", depth)]
        self.units = [whole_number("units", value, low=1) for value in several("units", units)]
        self.embedding = [whole_number("embedding", value, low=1) for value in several("embedding", embedding)]
        self.bidirectional = [bool(value) for value in several("bidirectional", bidirectional)]
        self.pooling = [one_of("pooling", value, ("last", "average")) for value in several("pooling", pooling)]

    _takes_tokens = True

    def _embedded(self, hp: keras_tuner.HyperParameters, inputs: keras.KerasTensor, form: Form) -> keras.KerasTensor:
        return form.embedded(inputs, choice(hp, "embedding", self.embedding))

    def _check_form(self, shape: tuple[int, ...]) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(
                f"A recurrent network takes series (rows, time, channels), got shape {shape}; "
                "reshape the rows, give token ids as whole numbers, or use `MLP()`."
            )

    def _body(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor) -> keras.KerasTensor:
        # An image is a series of its rows, the channels of a row side by side.
        if len(features.shape) == 4:
            time = features.shape[1]
            features = keras.layers.Reshape((time, features.shape[2] * features.shape[3]), name="rows")(features)
        kind, units = choice(hp, "cell", self.cell), choice(hp, "units", self.units)
        both, depth = choice(hp, "bidirectional", self.bidirectional), choice(hp, "depth", self.depth)
        average = choice(hp, "pooling", self.pooling) == "average"
        for place in range(depth):
            whole = average or place < depth - 1  # whoever comes next reads the whole series
            name = f"{kind}_{place}"
            layer = _CELLS[kind](units, return_sequences=whole, kernel_regularizer=self._penalty(hp), name=name)
            features = keras.layers.Bidirectional(layer, name=f"{name}_both")(features) if both else layer(features)
            features = self._dropped(hp, self._normalized(hp, features, name), name)
        return keras.layers.GlobalAveragePooling1D(name="average")(features) if average else features

    def _normalized(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor, name: str) -> keras.KerasTensor:
        kind = choice(hp, "normalization", self.normalization)
        if kind == "batch":
            return keras.layers.BatchNormalization(name=f"{name}_norm")(features)
        return keras.layers.LayerNormalization(name=f"{name}_norm")(features) if kind == "layer" else features
