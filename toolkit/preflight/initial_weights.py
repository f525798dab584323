"""Starting weights that are all alike, or far from the size that keeps signals alive."""

from __future__ import annotations

import math
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from ..diagnosis.findings import Advice, Finding
from ..diagnosis.layer_measurements import kernels
from ..diagnosis.thresholds import limit


def weight_findings(model: keras.Model) -> Iterator[Finding]:
    """Starting weights that are all alike, or far from the size that keeps signals alive.

    Example:

    >>> layers = [keras.layers.Dense(4, kernel_initializer="ones"), keras.layers.Dense(1)]
    >>> [one.symptom for one in weight_findings(keras.Sequential([keras.Input((3,)), *layers]))]
    ['symmetric_weights']

    Reference: He et al. 2015, "Delving deep into rectifiers", arXiv:1502.01852.
    """
    # Output layers may start at zero, as is usual where a constant is the best first answer.
    hidden = kernels(model)[:-1]
    for name, kernel in hidden:
        values = ops.convert_to_numpy(kernel).astype("float64")
        # Other weights, such as the slopes of a PReLU, may start alike.
        if kernel.name != "kernel" or values.ndim < 2 or values.shape[-1] < 2 or not np.all(np.isfinite(values)):
            continue
        size = float(np.abs(values).max())
        # Spread over units, the last axis: rows of one kernel may differ and its units still be alike.
        if float(values.std(axis=-1).max()) <= limit("alike_units") * size:
            yield Finding(
                "symmetric_weights",
                "warning",
                f"All units of layer {name!r} start with the same weights, so that at first they count as one.",
                layer=name,
                evidence={"largest_weight": size},
                causes=("constant_init", "bad_init"),
                advice=(Advice("kernel_initializer", "set", "he_normal"),),
            )
            return
        # A gate or an embedding has its own scale; a matrix or a stack of filters has this one.
        usual = math.sqrt(2 / np.prod(values.shape[:-1]))
        ratio = float(values.std()) / usual
        if not 1 / limit("init_far") <= ratio <= limit("init_far") and values.size >= limit("init_values"):
            yield Finding(
                "poor_initialization",
                "warning",
                f"The starting weights of layer {name!r} are {ratio:.2g} times as large as signals need to pass "
                f"(about {usual:.2g}).",
                layer=name,
                evidence={"ratio": ratio},
                causes=("tiny_init", "bad_init") if ratio < 1 else ("large_init", "bad_init"),
                advice=(Advice("kernel_initializer", "set", "he_normal"),),
            )
            # One finding says it: the cure is the same for all layers.
            return
