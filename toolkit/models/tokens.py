"""How a first model reads token ids: embedded, averaged and, where they are not too many, in their order."""

from __future__ import annotations

import keras
import numpy as np

_WIDTH, _UNITS = 32, 64
# Beyond, a recurrent layer takes minutes an epoch, and most of a text's subject is in its words.
_MOST_IN_ORDER = 200


def vocabulary_size(x: np.ndarray) -> int:
    """One more than the largest id that training rows have, for those that they have not, with 0 and that one.

    Args:
        x: Training rows of token ids.

    Example:

    >>> vocabulary_size(np.array([[5, 2]]))
    7
    """
    return int(x.max()) + 2


def embedded(inputs: keras.KerasTensor, size: int, width: int) -> keras.KerasTensor:
    """Token ids as vectors `(batch, steps, width)`, those of 0 masked, unknown ones as one.

    Args:
        inputs: `(batch, steps)` of int32.
        size: As `vocabulary_size` gives it.
        width: Of the vectors.

    Example:

    >>> embedded(keras.Input((9,), dtype="int32"), 100, 8).shape
    (None, 9, 8)
    """
    known = keras.ops.minimum(inputs, size - 1)
    return keras.layers.Embedding(size, width, mask_zero=True, name="embedding")(known)


def token_features(inputs: keras.KerasTensor, x: np.ndarray) -> keras.KerasTensor:
    """Token ids as features `(batch, features)`: the mean of their vectors, and what a recurrent layer reads of them.

    Args:
        inputs: Keras tensor `(batch, steps)` of int32.
        x: Training rows, which tell how many words there are.

    Example:

    >>> token_features(keras.Input((9,), dtype="int32"), np.arange(18).reshape(2, 9)).shape
    (None, 96)
    """
    words = embedded(inputs, vocabulary_size(x), _WIDTH)
    mean = keras.layers.GlobalAveragePooling1D(name="average")(words)
    if x.shape[1] > _MOST_IN_ORDER:
        return mean
    return keras.layers.Concatenate(name="average_and_order")([mean, keras.layers.GRU(_UNITS, name="gru")(words)])


def described(x: np.ndarray) -> tuple[str, str]:
    """Names the token ids and the architecture that fits them.

    Example:

    >>> described(np.array([[4, 2, 0]]))
    ('at most 3 token ids of 4', 'embedding, average and GRU 64')
    """
    order = f" and GRU {_UNITS}" if x.shape[1] <= _MOST_IN_ORDER else ""
    return f"at most {x.shape[1]} token ids of {int(x.max())}", f"embedding, average{order}"
