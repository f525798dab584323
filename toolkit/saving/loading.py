"""Loads saved Keras models that hold layers of trainwise."""

from __future__ import annotations

from pathlib import Path

import keras

from .. import layers as layers  # registers the layers with Keras
from .. import optimizers as optimizers
from .. import population as population
from .. import schedules as schedules
from ..checks import path_of
from .keras_files import refuse_hostile

# Keras tells the whole configuration of the layer that failed.
_LONGEST = 400


def load_model(path: str | Path, compiled: bool = True) -> keras.Model:
    """Loads a model saved with `model.save("name.keras")`, layers of trainwise included.

    `keras.models.load_model` does the same once `trainwise.layers` has been imported.

    Args:
        path: A `.keras` file.
        compiled: Whether loss and optimizer come along where the model has them.

    Returns:
        The Keras model.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be loaded: it is damaged, holds layers that Keras does not know, or code, which is
            not run; or it unpacks to far more than it is.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), layers.Standardize()])
    >>> model.save(tempfile.gettempdir() + "/scaled.keras")
    >>> type(load_model(tempfile.gettempdir() + "/scaled.keras").layers[0]).__name__
    'Standardize'
    """
    file = path_of("path", path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    refuse_hostile(file)
    try:
        return keras.models.load_model(path, compile=compiled)
    # Keras raises whatever a damaged file leads it to: KeyError, TypeError, RecursionError, ...
    except Exception as error:
        told = " ".join(str(error).split())
        told = told if len(told) <= _LONGEST else f"{told[:_LONGEST]} ..."
        raise ValueError(f"{path} cannot be loaded as a Keras model: {type(error).__name__}: {told}") from error
