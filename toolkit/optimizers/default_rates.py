"""The learning rates to try where nothing is known of the model: evenly spaced in their logarithm."""

from __future__ import annotations

import keras
import numpy as np

from ..checks import whole_number
from .lars import LARS
from .momentum import MomentumSGD
from .wrapping import known_optimizer

LADDER = 16
# Adam, AdamW and RMSprop divide each step by the size of the gradients, so their best rates lie lower.
_ADAPTIVE = (1e-5, 1e-1)
_PLAIN = (1e-4, 1.0)
# Adadelta scales its steps by those it has made, so its rate stands near 1.
_ADADELTA = (1e-3, 10.0)
# Their step is the gradient times the rate, or falls of itself.
_PLAIN_STEPS = (keras.optimizers.SGD, MomentumSGD, LARS, keras.optimizers.Adagrad, keras.optimizers.Ftrl)


def ladder(optimizer: str | keras.optimizers.Optimizer = "adam", count: int = LADDER) -> list[float]:
    """The learning rates that an architecture is judged at: log-spaced over four decades.

    From 1e-5 to 0.1 for optimizers that scale each weight's step (Adam, AdamW, RMSprop and their
    like), from 1e-4 to 1 for SGD, `MomentumSGD`, `LARS`, Adagrad and Ftrl, from 1e-3 to 10 for Adadelta.

    Args:
        optimizer: Keras optimizer or its name.
        count: How many, at least 1.

    Raises:
        TypeError: `count` is not a whole number.
        ValueError: `count` is below 1, or Keras does not know the optimizer.

    Example:

    >>> [float(f"{rate:.1e}") for rate in ladder("sgd", 5)]
    [0.0001, 0.001, 0.01, 0.1, 1.0]
    """
    # By kind, for a name in another case or a subclass is SGD too.
    given = known_optimizer("optimizer", optimizer)
    low, high = _PLAIN if isinstance(given, _PLAIN_STEPS) else _ADAPTIVE
    if isinstance(given, keras.optimizers.Adadelta):
        low, high = _ADADELTA
    if whole_number("count", count, 1, 10_000) == 1:
        return [float(np.sqrt(low * high))]
    return [float(rate) for rate in np.geomspace(low, high, count)]
