"""A model as the rows will meet it: built, with inputs and outputs that can be looked at."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from ..diagnosis.findings import Advice, Finding, not_judged
from ..models.reading import as_inputs, input_structure
from ..runtime.keras_internals import calls_forgotten, flat_layers
from ..runtime.randomness import preserved


@contextmanager
def viewed(model: keras.Model, x: Any) -> Iterator[tuple[keras.Model | None, list[Finding]]]:
    """The model itself where it has inputs and outputs; else a copy that is built from the rows.

    A subclassed model is traced from symbolic inputs, as far as its `call` is made of layers and operations; where it
    is built already, on its own layers, which forget it afterwards.

    Args:
        model: Any Keras model.
        x: Some rows, as `fit` takes them.

    Returns:
        The model to look at, `None` where there is none, and what could not be seen.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
    >>> with viewed(model, np.ones((2, 3))) as (view, _):
    ...     view.inputs[0].shape, model.built
    ((None, 3), False)
    """
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        yield model, []
        return
    with calls_forgotten([model, *flat_layers(model)]):
        yield _view(model, x)


def _view(model: keras.Model, x: Any) -> tuple[keras.Model | None, list[Finding]]:
    with preserved(), warnings.catch_warnings():
        # What building says, it says to the user in the fit.
        warnings.simplefilter("ignore")
        try:
            built = model if model.built else _built_copy(model, x)
            view = _as_graph(built, x)
            # Layers that work on data of the model's own, as on a graph of which the rows name nodes.
            if built.trainable_weights and not view.trainable_weights:
                return None, [not_judged("the model, whose weights do not stand between its inputs and its outputs")]
            if getattr(model, "compiled", False):
                optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
                view.compile(optimizer=optimizer, loss=model.loss)
            return view, []
        # Models of users may do anything when they are built, copied or called.
        except Exception as error:
            what = (
                "the model, which has no known inputs and outputs and could not be built on a copy: call it on a batch "
                "before it is checked"
            )
            return None, [not_judged(what, error)]


def _built_copy(model: keras.Model, x: Any) -> keras.Model:
    """A copy from the model's configuration, built for the rows."""
    # Classes of the user need not be registered to be copied.
    known = {type(one).__name__: type(one) for one in flat_layers(model)}
    with keras.utils.custom_object_scope(known):
        made = type(model).from_config(model.get_config())
    # Symbolic rows: from real ones a Sequential model takes the number of rows for fixed.
    made(_symbolic(x))
    return made


def _as_graph(model: keras.Model, x: Any) -> keras.Model:
    if getattr(model, "inputs", None):
        return model
    symbolic = _symbolic(x)
    return keras.Model(symbolic, model.call(symbolic))


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
    # Of too many, Keras takes the first for a model with one input.
    if len(given) < len(wanted) or len(given) > len(wanted) > 1:
        yield _unfit(f"The model takes {len(wanted)} inputs, and there are {len(given)}.")
        return
    for tensor, column in zip(wanted, given, strict=False):
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


def _symbolic(x: Any) -> Any:
    """Inputs of the shapes and types that the rows have as tensors."""
    tensors = keras.tree.map_structure(lambda column: ops.convert_to_tensor(column[:1]), x)
    return keras.tree.map_structure(lambda values: keras.Input(values.shape[1:], dtype=values.dtype), tensors)
