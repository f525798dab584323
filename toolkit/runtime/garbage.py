"""Keeps garbage collection quick, and memory bounded, while many models are made and dropped."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from .keras_internals import drop_step_gradients


@contextmanager
def quick_collections() -> Iterator[None]:
    """Lets the collector pass over all that is there already, for as long as the block runs.

    TensorFlow, once imported, is half a million objects, and every collection looks at each of them: a
    quarter of a second, for which a small model could train several epochs. What is made within the block is
    collected as ever. Nothing changes where the caller has frozen objects already.

    Example:

    >>> with quick_collections():
    ...     gc.get_freeze_count() > 0
    True
    >>> gc.get_freeze_count()
    0
    """
    # `unfreeze` thaws all, also what the caller froze for a purpose of its own.
    own = gc.get_freeze_count() == 0
    if own:
        gc.freeze()
    try:
        yield
    finally:
        if own:
            gc.unfreeze()


@contextmanager
def forgotten_graphs() -> Iterator[None]:
    """Lets go, at its end, of the graphs of the training steps that were traced.

    TensorFlow keeps the graph of every training step that it traces for as long as the process lives: two
    megabytes for the smallest model. What is let go of, `keras_internals.drop_step_gradients` says; models
    can be trained on afterwards, and a fit in another thread is not disturbed.

    Example:

    >>> with forgotten_graphs():
    ...     pass
    """
    try:
        yield
    finally:
        drop_step_gradients()
