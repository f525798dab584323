"""Where activations are flat: outputs there pass next to no gradient back."""

from __future__ import annotations

import math

# Outputs below the first or above the second number lie where the slope is at most 4 % of its largest: for tanh it is
# 1 - y^2, for softsign (1 - |y|)^2, below zero for elu and celu y + 1, for selu y + 1.758.
ENDS = {
    "sigmoid": (0.01, 0.99),
    "hard_sigmoid": (0.01, 0.99),
    "tanh": (-0.99, 0.99),
    "hard_tanh": (-0.99, 0.99),
    "softsign": (-0.86, 0.86),
    "elu": (-0.98, math.inf),
    "celu": (-0.98, math.inf),
    "selu": (-1.737, math.inf),
}
# A unit whose outputs all lie between minus this and zero is turned off by every row: the slope is at most 2 % there.
# One that outputs so little because its inputs are all next to zero does as little for the layers after it.
OFF = {
    "relu": 0.0,
    "relu6": 0.0,
    "hard_silu": 0.0,
    "gelu": 0.0055,
    "silu": 0.0224,
    "mish": 0.0224,
}


def at_its_ends(activation: str) -> str:
    """The words for where a saturated layer sits.

    Example:

    >>> at_its_ends("tanh"), at_its_ends("elu")
    ('at the ends of its tanh', 'at the flat end of its elu')
    """
    return f"at the {'flat end' if math.inf in ENDS.get(activation, ()) else 'ends'} of its {activation}"
