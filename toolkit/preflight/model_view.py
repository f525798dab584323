"""A model as the rows will meet it: built, with inputs and outputs that can be looked at."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from ..diagnosis.findings import Advice, Finding, not_judged
from ..models.reading import as_inputs, input_structure
from ..runtime.randomness import preserved


def viewed(model: keras.Model, x: Any) -> tuple[keras.Model | None, list[Finding]]:
    """The model itself where it has inputs and outputs, else a copy that is built from the rows.

    A subclassed model is traced from symbolic inputs, as far as its `call` is made of layers and operations.

    Args:
        model: Any Keras model.
        x: Some rows, as `fit` takes them.

    Returns:
        The model to look at, `None` where there is none, and what could not be seen.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
    >>> view, _ = viewed(model, np.ones((2, 3)))
    >>> view.inputs[0].shape, model.built
    ((None, 3), False)
    """
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        return model, []
    with preserved(), warnings.catch_warnings():
        # What building says, it says to the user in the fit.
        warnings.simplefilter("ignore")
        try:
            made = copy.deepcopy(model)
            made(_tensors(x, 2))
            if getattr(made, "inputs", None):
                return made, []
            symbolic = keras.tree.map_structure(
                lambda values: keras.Input(values.shape[1:], dtype=values.dtype), _tensors(x, 2)
            )
            view = keras.Model(symbolic, made.call(symbolic))
            if getattr(model, "compiled", False):
                view.compile(optimizer=copy.deepcopy(model.optimizer), loss=copy.deepcopy(model.loss))
            return view, []
        # Models of users may do anything when they are built, copied or called.
        except Exception as error:
            why = str(error).strip().splitlines()
            return None, [
                not_judged(
                    f"the model, which has no known inputs and outputs and could not be built on a copy "
                    f"({type(error).__name__}: {why[0] if why else ''})"
                )
            ]


def unfit_inputs(model: keras.Model, x: Any) -> Iterator[Finding]:
    """Rows that the model does not take: another number of inputs, names or shapes.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    >>> [finding.symptom for finding in unfit_inputs(model, np.ones((4, 2)))]
    ['input_shape']
    """
    wanted = model.inputs
    structure = input_structure(model)
    names = sorted(structure) if isinstance(structure, dict) else [tensor.name for tensor in wanted]
    try:
        given = as_inputs(model, x)
    except KeyError:
        yield _unfit(f"The model takes inputs named {sorted(names)}, and the rows are named {sorted(map(str, x))}.")
        return
    if len(given) != len(wanted):
        yield _unfit(f"The model takes {len(wanted)} inputs, and there are {len(given)}.")
        return
    for tensor, column in zip(wanted, given, strict=True):
        if not _takes(tuple(tensor.shape), tuple(ops.shape(column))):
            shapes = f"{_row(tensor.shape)}, and these have shape {_row(ops.shape(column))}"
            yield _unfit(f"The input {tensor.name!r} of the model takes rows of shape {shapes}.")


def _row(shape: Any) -> str:
    return str(tuple(shape)[1:])


def _takes(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    # Keras adds a last axis of one where it is missing, and takes it away where it is too many.
    if len(given) == len(wanted) - 1 and wanted[-1] == 1:
        given = (*given, 1)
    elif len(given) == len(wanted) + 1 and given[-1] == 1:
        given = given[:-1]
    # `None` is a length that may vary.
    same = (w is None or w == g for w, g in zip(wanted[1:], given[1:], strict=False))
    return len(wanted) == len(given) and all(same)


def _unfit(message: str) -> Finding:
    return Finding(
        "input_shape",
        "error",
        f"{message} `fit` would raise.",
        advice=(Advice("x", "set", "rows in the shapes of `model.inputs`"),),
    )


def _tensors(x: Any, rows: int) -> Any:
    return keras.tree.map_structure(lambda column: ops.convert_to_tensor(column[:rows]), x)
