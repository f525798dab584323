"""Keeps garbage collection quick, and memory bounded, while many models are made and dropped."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops


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
    """Lets go, at its end, of the graphs that were traced in the block.

    TensorFlow registers the gradient of each custom-gradient op that it traces, Keras' optimizers trace one
    in every training step, and the registry keeps the step's whole graph for as long as the process lives:
    two megabytes for the smallest model (tensorflow issue 61791). Models that outlive the block are to be
    traced again before they are trained on.

    Example:

    >>> with forgotten_graphs():
    ...     pass
    """
    known = getattr(ops.gradient_registry, "_registry", {})
    before = set(known)
    try:
        yield
    finally:
        for name in set(known) - before:
            if name.startswith("CustomGradient-"):
                del known[name]
