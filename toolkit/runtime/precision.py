"""Keras' global precision, kept where Keras itself forgets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Models that are built within the block compute at this precision; afterwards the caller's holds again.

    Args:
        name: `"float32"`, `"float64"`, `"mixed_bfloat16"`, `"mixed_float16"` or any other Keras policy.

    Raises:
        ValueError: Keras knows no such policy.

    Example:

    >>> with precision("mixed_bfloat16"):
    ...     keras.layers.Dense(1).compute_dtype
    'bfloat16'
    >>> keras.config.dtype_policy().name
    'float32'
    """
    # The policy itself, not its name: it may be a quantised or an own one.
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(name)
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fresh_session() -> None:
    """`keras.backend.clear_session()`, which also sets the precision back, without that.

    Example:

    >>> with precision("mixed_bfloat16"):
    ...     fresh_session()
    ...     keras.config.dtype_policy().name
    'mixed_bfloat16'
    """
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)
