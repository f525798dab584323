"""The random state of the process: left as it was found."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .keras_internals import (
    keras_random_state,
    set_keras_random_state,
    set_tensorflow_random_state,
    tensorflow_random_state,
)

# Two threads inside would each put back what the other had set.
_ONE_THREAD = threading.RLock()


@contextmanager
def preserved() -> Iterator[None]:
    """Inside it seeds may be set at will; afterwards Python, numpy, Keras and TensorFlow draw on as before.

    The random state belongs to the process, so one thread at a time is inside; the others wait. A thread that
    is inside may enter again.

    Example:

    >>> import keras, random
    >>> random.seed(1)
    >>> expected = random.Random(1).random()
    >>> with preserved():
    ...     keras.utils.set_random_seed(7)
    >>> random.random() == expected
    True
    """
    with _ONE_THREAD:
        python, numpy_state = random.getstate(), np.random.get_state()
        of_tensorflow, of_keras = tensorflow_random_state(), keras_random_state()
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)
            set_tensorflow_random_state(of_tensorflow)
            set_keras_random_state(of_keras)
