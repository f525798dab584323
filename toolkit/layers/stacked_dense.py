"""Stacked forms of Dense, Embedding and Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import number
from .stacked import Stack, Stacked


@keras.saving.register_keras_serializable(package="trainwise")
class StackedDense(Stacked):
    """K members of a `keras.layers.Dense` as one matrix product.

    Input shape: `(members or 1, batch, ..., features)`. Output shape: `(members, batch, ..., units)`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedDense(keras.layers.Dense(2), members=3)
    >>> stacked(np.ones((1, 5, 4), "float32")).shape.as_list()
    [3, 5, 2]
    """

    def compute(self, inputs: Any, training: bool) -> Any:
        kernel, bias = self.named("kernel"), self.named("bias")
        middle = ops.shape(inputs)[1:-1]
        # Members are the one batch axis that rows and kernels have in common.
        rows = ops.reshape(inputs, (inputs.shape[0], -1, inputs.shape[-1])) if len(middle) > 1 else inputs
        outputs = ops.matmul(rows, kernel)
        if bias is not None:
            outputs = ops.add(outputs, ops.expand_dims(bias, 1))
        if len(middle) > 1:
            outputs = ops.reshape(outputs, (self.members, *middle, self.layer.units))
        return self.layer.activation(outputs) if self.layer.activation is not None else outputs


@keras.saving.register_keras_serializable(package="trainwise")
class StackedEmbedding(Stacked):
    """K members of a `keras.layers.Embedding`.

    Input shape: whole numbers `(members or 1, batch, ...)`. Output shape:
    `(members, batch, ..., output_dim)`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedEmbedding(keras.layers.Embedding(10, 4), members=3)
    >>> stacked(np.array([[[1, 2, 3]]])).shape.as_list()
    [3, 1, 3, 4]
    """

    def _stack(self, weights: Sequence[keras.Variable]) -> keras.Variable:
        # One long table: TensorFlow then gives the gradient row by row, which Keras' optimizers square
        # before they add up repeated rows.
        first = weights[0]
        start = np.concatenate([ops.convert_to_numpy(weight) for weight in weights])
        return self._variable(first, start)

    def compute(self, inputs: Any, training: bool) -> Any:
        inputs = ops.cast(inputs, "int32")
        first = ops.arange(self.members, dtype="int32") * self.layer.input_dim
        rows = inputs + ops.reshape(first, (-1, *(1,) * (len(inputs.shape) - 1)))
        return ops.cast(ops.take(self.named("embeddings"), rows, axis=0), self.compute_dtype)


@keras.saving.register_keras_serializable(package="trainwise")
class StackedDropout(Stacked):
    """Dropout with a rate and draws of its own for each member.

    Args:
        layer: A `keras.layers.Dropout`; its rate holds for all members where `rates` is `None`.
        members: Number of members, at least 1.
        rates: Rate of each member, in [0, 1).
        population: Number of members of the whole population of which these are a part, so that
            a part draws what it would draw within the whole.
        offset: Place of the first member in that population.
        member_axis: Axis of the members: 0, or -2 among channels.
        seed: Whole number from which the draws come, or `None` for the layer's own.
        **kwargs: `name` and the like.

    Input shape: `(members or 1, batch, ...)`. Output shape: `(members, batch, ...)`.

    Raises:
        ValueError: A rate outside [0, 1), or not one a member.

    Reference: Srivastava et al. 2014, "Dropout", JMLR 15.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedDropout(keras.layers.Dropout(0.5, seed=0), members=2, rates=(0.0, 0.5))
    >>> answer = np.asarray(stacked(np.ones((1, 100, 1), "float32"), training=True))
    >>> bool((answer[0] == 1).all()), sorted(set(answer[1].ravel().tolist()))
    (True, [0.0, 2.0])
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        members: int,
        rates: Sequence[float] | None = None,
        population: int | None = None,
        offset: int = 0,
        member_axis: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, members, **kwargs)
        self.seed = seed
        self.rates = tuple(float(rate) for rate in (rates or [layer.rate] * members))
        if len(self.rates) != members:
            raise ValueError(f"`rates` must hold {members} values, one a member, got {len(self.rates)}.")
        for rate in self.rates:
            number("rates", rate, 0, 1, open_high=True)
        self.population = population or members
        self.offset = offset
        self.member_axis = member_axis
        self.draws = keras.random.SeedGenerator(getattr(layer, "seed", None) if seed is None else seed)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Has no weights."""

    def stacks(self) -> list[Stack]:
        """None."""
        return []

    def compute(self, inputs: Any, training: bool) -> Any:
        if not training or not any(self.rates):
            return inputs
        rank, axis = len(inputs.shape), self.member_axis % len(inputs.shape)
        shape = list(ops.shape(inputs))
        shape[axis] = self.population
        drawn = keras.random.uniform(tuple(shape), dtype="float32", seed=self.draws)
        if self.population != self.members:
            own = [slice(None)] * rank
            own[axis] = slice(self.offset, self.offset + self.members)
            drawn = drawn[tuple(own)]
        across = [1] * rank
        across[axis] = self.members
        rates = ops.reshape(ops.convert_to_tensor(self.rates, "float32"), across)
        scale = ops.cast(1 / (1 - rates), inputs.dtype)
        return ops.where(drawn >= rates, inputs * scale, ops.zeros((), inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        own = {"rates": self.rates, "population": self.population, "offset": self.offset}
        return {**super().get_config(), **own, "member_axis": self.member_axis, "seed": self.seed}
