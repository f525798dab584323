"""Layers that change sequences and rows of tables at random, in training alone: what Keras has for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..checks import number, seed_of, whole_number


class _InTrainingAlone(keras.layers.Layer):
    """Passes its input on as it is, but in training."""

    def __init__(self, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else seed_of("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.changed(inputs) if training else inputs

    def changed(self, inputs: Any) -> Any:
        """The input as training sees it, in the same shape."""
        raise NotImplementedError(f"{type(self).__name__} must override `changed(self, inputs)`.")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="trainwise")
class SwapNoise(_InTrainingAlone):
    """In training replaces some values by those that other rows of the batch hold in the same place.

    For tables: each value that a column gets is one that the column really holds, which added noise is not, and its
    distribution stays. `keras.layers.GaussianNoise` adds noise, `keras.layers.Dropout` puts zeros.

    Args:
        rate: Share of the values that are replaced, in [0, 1].
        seed: Decides the draws; by default Keras' own random state does.

    Input and output: `(batch, ...)`, numbers; the mask is passed on.

    Raises:
        TypeError: `rate` is not a number, or `seed` not a whole one.
        ValueError: `rate` is outside [0, 1], or `seed` below 0.

    Reference: Bahri et al. 2022, "SCARF: Self-Supervised Contrastive Learning using Random Feature Corruption",
    arXiv:2106.15147.

    Example:

    >>> x = ops.convert_to_tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> layer = SwapNoise(0.5, seed=0)
    >>> bool(ops.all(layer(x) == x)), bool(ops.all((layer(x, training=True) >= 10) == (x >= 10)))
    (True, True)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = number("rate", rate, 0, 1)

    def changed(self, inputs: Any) -> Any:
        shape = ops.shape(inputs)
        others = keras.random.randint(shape, 0, shape[0], seed=self.seed_generator)
        swapped = keras.random.uniform(shape, seed=self.seed_generator) < self.rate
        return ops.where(swapped, ops.take_along_axis(inputs, others, axis=0), inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="trainwise")
class TimeMasking(_InTrainingAlone):
    """In training hides runs of steps of a sequence, all channels of a step at once, elsewhere in each row.

    For series and spectrograms: the network learns not to hang on one moment.

    Args:
        longest: Most steps of a run, >= 1; each is of 0 to `longest` steps, all as likely.
        runs: How many in each row, >= 1; they may lie one over another.
        fill: What the hidden steps hold; 0 is the mean of standardised channels.
        seed: Decides the draws; by default Keras' own random state does.

    Input and output: `(batch, steps, channels)`; the mask is passed on.

    Raises:
        TypeError: `fill` is not a number, or another argument not a whole one.
        ValueError: `longest` or `runs` is below 1, or `seed` below 0.

    Reference: Park et al. 2019, "SpecAugment", arXiv:1904.08779.

    Example:

    >>> x = ops.ones((2, 6, 3))
    >>> layer = TimeMasking(longest=2, seed=0)
    >>> bool(ops.all(layer(x) == x)), bool(ops.all(ops.sum(layer(x, training=True), axis=(1, 2)) >= (6 - 2) * 3))
    (True, True)
    """

    def __init__(self, longest: int, runs: int = 1, fill: float = 0.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.longest = whole_number("longest", longest, 1)
        self.runs = whole_number("runs", runs, 1)
        self.fill = number("fill", fill, -float("inf"), float("inf"))

    def changed(self, inputs: Any) -> Any:
        batch, steps = ops.shape(inputs)[0], ops.shape(inputs)[1]
        # In float32, also where the layer computes in half precision, which counts to 256 alone.
        count = ops.cast(steps, "float32")
        length = ops.floor(self._drawn(batch) * (self.longest + 1))
        length = ops.minimum(length, count)
        start = ops.floor(self._drawn(batch) * (count - length + 1))
        places = ops.cast(ops.arange(steps), "float32")[None, None, :]
        hidden = ops.any((places >= start) & (places < start + length), axis=1)
        return ops.where(hidden[..., None], ops.cast(self.fill, inputs.dtype), inputs)

    def _drawn(self, batch: Any) -> Any:
        """One number of [0, 1) for each run, `(batch, runs, 1)`."""
        return keras.random.uniform((batch, self.runs, 1), dtype="float32", seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "longest": self.longest, "runs": self.runs, "fill": self.fill}
