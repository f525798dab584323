"""Bootstrap weights: each member of a population learns from its own draw of the rows."""

from __future__ import annotations

import numpy as np

from ..checks import seed_of, whole_number


def bagging_weights(rows: int, members: int, seed: int = 0) -> np.ndarray:
    """How often each member's bootstrap draw holds each row, for `fit_population(sample_weight=...)`.

    Args:
        rows: Number of training rows, >= 1.
        members: Number of members, >= 1.
        seed: Decides the draws.

    Returns:
        Float32 array `(rows, members)` of counts; each column sums to `rows`.

    Raises:
        TypeError: An argument is no whole number.
        ValueError: An argument is below 1.

    Reference: Breiman 1996, "Bagging predictors".

    Example:

    >>> bagging_weights(100, 3).sum(axis=0).tolist()
    [100.0, 100.0, 100.0]
    """
    rows, members = whole_number("rows", rows, low=1), whole_number("members", members, 1, 100_000)
    generator = np.random.default_rng(seed_of("seed", seed))
    # Weights and not copies of rows, so that all members can train on one batch.
    return generator.multinomial(rows, np.full(rows, 1 / rows), size=members).T.astype("float32")
