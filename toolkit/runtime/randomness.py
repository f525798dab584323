"""The random state of the process: left as it was found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


@contextmanager
def preserved() -> Iterator[None]:
    """Inside it seeds may be set at will; afterwards Python, numpy, Keras and TensorFlow draw on as before.

    Example:

    >>> import random
    >>> random.seed(1)
    >>> expected = random.Random(1).random()
    >>> with preserved():
    ...     keras.utils.set_random_seed(7)
    >>> random.random() == expected
    True
    """
    python, numpy_state = random.getstate(), np.random.get_state()
    tensorflow, of_keras = _tensorflow_state(), _keras_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
        _restore_tensorflow(tensorflow)
        _restore_keras(of_keras)


def _tensorflow_state() -> Any:
    if keras.backend.backend() != "tensorflow":
        return None
    from tensorflow.python.eager import context

    held = context.context()
    drawn = getattr(held, "_rng", None)
    return held._seed, drawn and drawn.getstate()


def _restore_tensorflow(state: Any) -> None:
    if state is None:
        return
    from tensorflow.python.eager import context

    seed, drawn = state
    held = context.context()
    held._set_global_seed(seed)
    if drawn is not None:
        held._rng.setstate(drawn)


_KEPT = ("global_random_seed", "global_seed_generator")


def _keras_state() -> dict[str, Any]:
    from keras.src.backend.common import global_state

    return {name: global_state.get_global_attribute(name) for name in _KEPT}


def _restore_keras(state: dict[str, Any]) -> None:
    from keras.src.backend.common import global_state

    for name, value in state.items():
        global_state.set_global_attribute(name, value)
