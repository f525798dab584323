"""Stacked forms of Conv1D, Conv2D and DepthwiseConv2D: the members are groups of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from typing import Any

import keras
from keras import ops

from .stacked import Stacked


class _OnChannels(Stacked):
    """A stacked layer on tensors of shape `(batch, ..., members, channels)`."""

    member_axis = -2

    def merged(self, inputs: Any, everyone: bool) -> Any:
        """Members and channels as one axis; `everyone` repeats what members share."""
        if everyone and inputs.shape[-2] != self.members:
            shape = ops.shape(inputs)
            inputs = ops.broadcast_to(inputs, (*shape[:-2], self.members, shape[-1]))
        return ops.reshape(inputs, (*ops.shape(inputs)[:-2], inputs.shape[-2] * inputs.shape[-1]))

    def parted(self, merged: Any) -> Any:
        """The inverse of `merged`."""
        shape = ops.shape(merged)
        return ops.reshape(merged, (*shape[:-1], self.members, merged.shape[-1] // self.members))

    def finish(self, outputs: Any) -> Any:
        """Bias and activation."""
        bias = self.named("bias")
        if bias is not None:
            outputs = ops.add(outputs, bias)
        return self.layer.activation(outputs) if self.layer.activation is not None else outputs


class _StackedConvolution(_OnChannels):
    # XLA has no fast grouped convolution on CPUs, but fast matrix products; `Population.compile` sets this.
    for_xla = False

    def compute(self, inputs: Any, training: bool) -> Any:
        layer, kernel = self.layer, ops.convert_to_tensor(self.named("kernel"))
        # All members see one input: an ordinary convolution with the filters of all does it.
        shared = inputs.shape[-2] == 1 and layer.groups == 1
        known = None not in inputs.shape[1:]
        if self.for_xla and known and layer.groups == 1 and layer.padding != "causal":
            return self.finish(convolve_as_products(inputs, kernel, layer.strides, layer.padding, layer.dilation_rate))
        x = self.merged(inputs, everyone=not shared)
        groups = 1 if shared else self.members * layer.groups
        # A group's filters must stand together, so the member axis goes before that of the filters.
        kernel = ops.reshape(ops.moveaxis(kernel, 0, -2), (*kernel.shape[1:-1], self.members * kernel.shape[-1]))
        padding = layer.padding
        if padding == "causal":
            # No backend knows "causal": Keras' Conv1D pads in front too.
            x = ops.pad(x, ((0, 0), (layer.dilation_rate[0] * (layer.kernel_size[0] - 1), 0), (0, 0)))
            padding = "valid"
        outputs = convolve(x, kernel, layer.strides, padding, layer.dilation_rate, groups)
        return self.finish(self.parted(outputs))


@keras.saving.register_keras_serializable(package="trainwise")
class StackedConv1D(_StackedConvolution):
    """K members of a `keras.layers.Conv1D` as one grouped convolution.

    Input shape: `(batch, time, members or 1, channels)`. Output shape:
    `(batch, time, members, filters)`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedConv1D(keras.layers.Conv1D(4, 3), members=2)
    >>> stacked(np.ones((5, 8, 1, 3), "float32")).shape.as_list()
    [5, 6, 2, 4]
    """


@keras.saving.register_keras_serializable(package="trainwise")
class StackedConv2D(_StackedConvolution):
    """K members of a `keras.layers.Conv2D` as one grouped convolution.

    Input shape: `(batch, height, width, members or 1, channels)`. Output shape:
    `(batch, height, width, members, filters)`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedConv2D(keras.layers.Conv2D(4, 3), members=2)
    >>> stacked(np.ones((5, 8, 8, 1, 3), "float32")).shape.as_list()
    [5, 6, 6, 2, 4]
    """


@keras.saving.register_keras_serializable(package="trainwise")
class StackedDepthwiseConv2D(_OnChannels):
    """K members of a `keras.layers.DepthwiseConv2D` as one depthwise convolution.

    Input shape: `(batch, height, width, members or 1, channels)`. Output shape:
    `(batch, height, width, members, channels x depth_multiplier)`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedDepthwiseConv2D(keras.layers.DepthwiseConv2D(3), members=2)
    >>> stacked(np.ones((5, 8, 8, 1, 3), "float32")).shape.as_list()
    [5, 6, 6, 2, 3]
    """

    def compute(self, inputs: Any, training: bool) -> Any:
        layer, kernel = self.layer, ops.convert_to_tensor(self.named("kernel"))
        x = self.merged(inputs, everyone=True)
        kernel = ops.reshape(ops.moveaxis(kernel, 0, 2), (*kernel.shape[1:3], -1, kernel.shape[-1]))
        outputs = ops.depthwise_conv(
            x,
            kernel,
            strides=layer.strides,
            padding=layer.padding,
            data_format="channels_last",
            dilation_rate=layer.dilation_rate,
        )
        return self.finish(self.parted(outputs))


def convolve(
    x: Any, kernel: Any, strides: Sequence[int], padding: str, dilation: Sequence[int], groups: int = 1
) -> Any:
    """A convolution in groups, features last, in one or two dimensions.

    TensorFlow's own grouped convolution where it works, else one convolution for each group.

    Args:
        x: Shape `(batch, *spatial, channels)`.
        kernel: Shape `(*window, channels / groups, filters)`.
        strides: One for each spatial axis.
        padding: `"same"` or `"valid"`.
        dilation: One for each spatial axis.
        groups: Number of groups that the channels are split into.

    Example:

    >>> import numpy as np
    >>> x, kernel = np.ones((1, 4, 2), "float32"), np.ones((2, 1, 2), "float32")
    >>> np.asarray(convolve(x, kernel, [1], "valid", [1], groups=2))[0, 0].tolist()
    [2.0, 2.0]
    """
    if keras.backend.backend() != "tensorflow":
        # How many groups there are, Keras tells from the channels of input and kernel.
        return ops.conv(x, kernel, list(strides), padding, "channels_last", list(dilation))
    if len(strides) == 1:
        x, kernel = ops.expand_dims(x, 1), ops.expand_dims(kernel, 0)
        wide = convolve(x, kernel, (1, *strides), padding, (1, *dilation), groups)
        return ops.squeeze(wide, 1)
    kernel = ops.convert_to_tensor(kernel)
    settings = {"strides": list(strides), "padding": padding.upper(), "dilations": list(dilation)}
    if groups == 1 or grouped_convolution_works(kernel.dtype.name, tuple(dilation)):
        return _at_once(x, kernel, **settings)
    return _one_by_one(x, kernel, groups, **settings)


def convolve_as_products(x: Any, kernel: Any, strides: Sequence[int], padding: str, dilation: Sequence[int]) -> Any:
    """A convolution of each member, as one matrix product over all windows; spatial sizes must be known.

    Args:
        x: Shape `(batch, *spatial, members or 1, channels)`.
        kernel: Shape `(members, *window, channels, filters)`.
        strides: One for each spatial axis.
        padding: `"same"` or `"valid"`.
        dilation: One for each spatial axis.

    Returns:
        Shape `(batch, *spatial, members, filters)`.

    Example:

    >>> import numpy as np
    >>> x, kernel = np.ones((1, 4, 2, 1), "float32"), np.ones((2, 2, 1, 3), "float32")
    >>> np.asarray(convolve_as_products(x, kernel, [1], "valid", [1])).shape
    (1, 3, 2, 3)
    """
    window, spatial = kernel.shape[1:-2], x.shape[1:-2]
    x = ops.moveaxis(ops.convert_to_tensor(x), -2, 0)
    if padding == "same":
        x = ops.pad(x, ((0, 0), (0, 0), *_same_padding(spatial, window, strides, dilation), (0, 0)))
    cuts = windows(x.shape[2:-1], window, strides, dilation)
    patches = ops.concatenate([x[(slice(None), slice(None), *cut)] for cut in cuts], axis=-1)
    rows = ops.reshape(patches, (x.shape[0], -1, patches.shape[-1]))
    outputs = ops.matmul(rows, ops.reshape(kernel, (kernel.shape[0], -1, kernel.shape[-1])))
    outputs = ops.reshape(outputs, (kernel.shape[0], -1, *patches.shape[2:-1], kernel.shape[-1]))
    return ops.moveaxis(outputs, 0, -2)


def _same_padding(
    spatial: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    sizes = zip(spatial, window, strides, dilation, strict=True)
    totals = [max((-(-n // stride) - 1) * stride + (w - 1) * d + 1 - n, 0) for n, w, stride, d in sizes]
    # TensorFlow puts the odd one behind.
    return [(total // 2, total - total // 2) for total in totals]


def windows(
    spatial: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[slice, ...]]:
    """For each place in a window that slides over the spatial axes, the part of them that it meets.

    Example:

    >>> windows([4], [2], [2], [1])
    [(slice(0, 3, 2),), (slice(1, 4, 2),)]
    """
    sizes = zip(spatial, window, strides, dilation, strict=True)
    return list(product(*(_cuts(size, width, stride, spread) for size, width, stride, spread in sizes)))


def _cuts(size: int, width: int, stride: int, dilation: int) -> list[slice]:
    """For each place in the window, the inputs that it meets along one axis."""
    count = (size - (width - 1) * dilation - 1) // stride + 1
    return [slice(i * dilation, i * dilation + (count - 1) * stride + 1, stride) for i in range(width)]


def _at_once(x: Any, kernel: Any, **settings: Any) -> Any:
    import tensorflow as tf

    return tf.nn.convolution(x, kernel, **settings)


def _one_by_one(x: Any, kernel: Any, groups: int, **settings: Any) -> Any:
    import tensorflow as tf

    parts = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([tf.nn.convolution(part, weights, **settings) for part, weights in parts], axis=-1)


@cache
def grouped_convolution_works(dtype: str, dilation: tuple[int, ...] = (1, 1)) -> bool:
    """Whether TensorFlow can run a grouped convolution and its gradients on this machine.

    It can on GPUs and, for some types, on CPUs with oneDNN; without oneDNN the gradient fails.

    Example:

    >>> grouped_convolution_works("float32") in (True, False)
    True
    """
    # In a thread of its own, for in this one a graph may be being traced.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_probe, dtype, dilation).result()


def _probe(dtype: str, dilation: tuple[int, ...]) -> bool:
    import tensorflow as tf

    settings = {"strides": [1, 1], "padding": "SAME", "dilations": list(dilation)}
    x = tf.reshape(tf.cast(tf.range(128) % 7, dtype), (1, 4, 4, 8))
    kernel = tf.reshape(tf.cast(tf.range(192) % 5, dtype), (2, 2, 4, 12))
    try:
        together = _with_gradients(lambda: _at_once(x, kernel, **settings), x, kernel)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError):
        return False
    # It may run and still be wrong, so it must agree with one convolution a group.
    parted = _with_gradients(lambda: _one_by_one(x, kernel, 2, **settings), x, kernel)
    return all(bool(tf.reduce_all(tf.abs(a - b) < 1)) for a, b in zip(together, parted, strict=True))


def _with_gradients(function: Callable[[], Any], *inputs: Any) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        answer = function()
    return [answer, *tape.gradient(answer, inputs)]
