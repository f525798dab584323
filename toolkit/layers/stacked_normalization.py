"""Stacked forms of BatchNormalization and LayerNormalization."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .stacked import Stacked


@keras.saving.register_keras_serializable(package="trainwise")
class StackedBatchNormalization(Stacked):
    """K members of a `keras.layers.BatchNormalization`, each with statistics of its own.

    Args:
        layer: The layer; features last, not synchronised, no renormalisation.
        members: Number of members, at least 1.
        member_axis: Axis of the members: 0, or -2 among channels.
        **kwargs: `name` and the like.

    Input shape: `(members or 1, batch, ..., features)`, or `(batch, ..., members or 1, features)`
    with `member_axis=-2`. Output shape: the same, with all members.

    Reference: Ioffe and Szegedy 2015, arXiv:1502.03167.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedBatchNormalization(keras.layers.BatchNormalization(epsilon=0.0), members=2)
    >>> x = np.array([[[0.0], [2.0]], [[0.0], [20.0]]], "float32")
    >>> np.asarray(stacked(x, training=True)).ravel().tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """

    def __init__(self, layer: keras.layers.Layer, members: int, member_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(layer, members, **kwargs)
        self.member_axis = member_axis

    def compute(self, inputs: Any, training: bool) -> Any:
        # Keras computes the statistics in float32 in half precision too: sums over a batch overflow.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        rank = len(x.shape)
        member = self.member_axis % rank
        moving_mean, moving_variance = self.named("moving_mean"), self.named("moving_variance")
        # A frozen layer uses its moving statistics in training too, as Keras' does.
        if training and self.trainable:
            axes = tuple(axis for axis in range(rank - 1) if axis != member)
            mean, variance = ops.moments(x, axes=axes)
            momentum = self.layer.momentum
            for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
                moving.assign(ops.cast(moving, dtype) * momentum + batch * (1.0 - momentum))
        else:
            mean, variance = ops.cast(moving_mean, dtype), ops.cast(moving_variance, dtype)
        scale = ops.rsqrt(variance + self.layer.epsilon)
        gamma, beta = self.named("gamma"), self.named("beta")
        if gamma is not None:
            scale = scale * ops.cast(gamma, dtype)
        shift = -mean * scale
        if beta is not None:
            shift = shift + ops.cast(beta, dtype)
        outputs = x * self._across(scale, rank, member) + self._across(shift, rank, member)
        return ops.cast(outputs, self.compute_dtype)

    def _across(self, values: Any, rank: int, member: int) -> Any:
        shape = [1] * rank
        shape[member], shape[-1] = values.shape[0], values.shape[1]
        return ops.reshape(values, shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "member_axis": self.member_axis}


@keras.saving.register_keras_serializable(package="trainwise")
class StackedLayerNormalization(Stacked):
    """K members of a `keras.layers.LayerNormalization` over the last axis.

    Input shape: `(members or 1, batch, ..., features)`. Output shape: `(members, batch, ..., features)`.

    Reference: Ba et al. 2016, arXiv:1607.06450.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedLayerNormalization(keras.layers.LayerNormalization(epsilon=1e-9), members=2)
    >>> np.asarray(stacked(np.array([[[1.0, 3.0]]], "float32"))).round(3).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """

    def compute(self, inputs: Any, training: bool) -> Any:
        outputs = ops.layer_normalization(
            inputs, axis=-1, epsilon=self.layer.epsilon, rms_scaling=getattr(self.layer, "rms_scaling", False)
        )
        for name, combine in (("gamma", ops.multiply), ("beta", ops.add)):
            weight = self.named(name)
            if weight is not None:
                outputs = combine(outputs, ops.reshape(weight, self._across(len(inputs.shape), weight)))
        return ops.cast(outputs, self.compute_dtype)

    def _across(self, rank: int, weight: keras.Variable) -> tuple[int, ...]:
        return (self.members, *(1,) * (rank - 2), weight.shape[-1])
