"""Inputs and targets in their own units outside a model, in units of their spread inside it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from ..layers.normalization import Standardize
from ..tasks import Head

# Skewness: 2 for an exponential distribution, and few rows tell little of it.
_LONG_TAIL, _ROWS_OF_A_TAIL = 2.0, 100


def statistics(values: np.ndarray) -> dict[str, Any]:
    """Centre and scale of rows, as `Standardize` takes them.

    Args:
        values: Array `(rows,)` or `(rows, ...)`.

    Example:

    >>> {name: np.ravel(value).tolist() for name, value in statistics(np.array([1.0, 3.0])).items()}
    {'center': [2.0], 'scale': [1.0]}
    """
    layer = Standardize()
    with warnings.catch_warnings():
        # A constant column is harmless inside a model, and `check` and the main job say it in their own words.
        warnings.simplefilter("ignore", UserWarning)
        layer.adapt(values if values.ndim > 1 else values[:, None])
    config = layer.get_config()
    return {"center": config["center"], "scale": config["scale"]}


def logarithms(y: np.ndarray) -> dict[str, Any]:
    """Mean of positive targets, and the logarithm of the largest answer in shares of it: twice the largest target.

    Args:
        y: Targets, none below 0 and one above.

    Example:

    >>> logarithms(np.array([1.0, 3.0]))["mean"]
    2.0
    """
    mean = float(y.mean(dtype="float64"))
    return {"mean": mean, "highest": float(np.log(2 * float(y.max()) / mean))}


def is_long_tailed(y: np.ndarray) -> bool:
    """Whether targets are quantities without a negative one and with a tail so long that a few decide a squared error.

    Args:
        y: Targets `(rows,)` or `(rows, outputs)`.

    Example:

    >>> draws = np.random.default_rng(0).normal(0, 1.5, 1000)
    >>> is_long_tailed(np.exp(draws)), is_long_tailed(draws), is_long_tailed(np.exp(draws / 5))
    (True, False, False)
    """
    if y.ndim > 1 or y.min() < 0 or len(y) < _ROWS_OF_A_TAIL:
        return False
    values = y.astype("float64")
    spread = values.std()
    return bool(spread > 0 and np.mean(((values - values.mean()) / spread) ** 3) > _LONG_TAIL)


def through_a_logarithm(head: Head) -> Head:
    """The end of a model of quantities whose logarithm is what it learns, and whose mean is what it answers.

    The Poisson deviance asks for the mean as a squared error does, and takes misses as large as the answer for alike; a
    squared error of logarithms would answer about the median, far too little in sum where tails are long.

    Reference: Nelder and Wedderburn 1972, "Generalized linear models", section 3.

    Example:

    >>> from trainwise.toolkit.tasks import head
    >>> through_a_logarithm(head("regression", [1.5, 2.0, 90.0])).loss
    'poisson'
    """
    return replace(head, activation="exponential", loss="poisson")


def in_target_units(features: keras.KerasTensor, head: Head, targets: dict[str, Any] | None) -> keras.KerasTensor:
    """The end of a model on these features, which gives its outputs in the targets' own units.

    It is float32 under every precision policy: half precision would round the outputs that are measured.

    Args:
        features: Keras tensor `(batch, features)`.
        head: The end of the model, from `tasks.head`.
        targets: `statistics` of the targets, `logarithms` of them where the head is exponential, or `None` where the
            model learns them as they are.

    Example:

    >>> from trainwise.toolkit.tasks import head
    >>> y = np.array([100.0, 300.0, 250.5])
    >>> outputs = in_target_units(keras.Input((2,)), head("regression", y), statistics(y))
    >>> outputs.shape
    (None, 1)
    """
    name = "values" if head.task == "regression" else "probabilities"
    if targets is not None and head.activation == "exponential":
        logarithms = keras.layers.Dense(head.units, dtype="float32", name="logarithms")(features)
        # Beyond the largest target nothing was seen, and a float32 ends soon.
        bounded = keras.ops.minimum(logarithms, targets["highest"])
        shares = keras.layers.Activation("exponential", dtype="float32", name="shares_of_the_mean")(bounded)
        return keras.layers.Rescaling(targets["mean"], dtype="float32", name=name)(shares)
    outputs = keras.layers.Dense(
        head.units, activation=head.activation, dtype="float32", name="standardized_values" if targets else name
    )(features)
    if targets is None:
        return outputs
    return Standardize(**targets, invert=True, dtype="float32", name=name)(outputs)
