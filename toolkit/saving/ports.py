"""What a model takes and gives, by the names of its signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..models.input_names import input_names
from ..models.reading import input_structure
from ..runtime.keras_internals import flat_layers, source_operation
from .nests import filled, leaves, picked

# Names that Keras made up: their numbers depend on what else the process built.
_AUTOMATIC_INPUT = re.compile(r"^(keras_tensor|input_layer|input)(_\d+)?$")
_HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Port:
    """One input or output.

    Args:
        name: In the signature.
        own_name: As the user gave it.
        dtype: In the signature: half precision ends at the door, where it is float32.
        shape: With the axis of the rows, which is open; open axes are `None`.
        inner_dtype: Of the model.
    """

    name: str
    own_name: str
    dtype: str
    shape: tuple[int | None, ...]
    inner_dtype: str


@dataclass(frozen=True)
class Ports:
    """The inputs of a model, and the form in which it takes them.

    Args:
        form: A nest with a leaf an input.
        inputs: The leaves, in their order.
    """

    form: Any
    inputs: tuple[Port, ...]

    def packed(self, columns: Sequence[Any]) -> Any:
        """One value an input, as the model takes them."""
        return filled(self.form, columns)

    def columns(self, rows: Any, most: int) -> dict[str, np.ndarray]:
        """The first rows as arrays by the names of the signature.

        Args:
            rows: As given to `predict`.
            most: How many at most.

        Raises:
            ValueError: The model does not take them; the input is named.
        """
        if hasattr(rows, "element_spec"):
            raise ValueError("`x` must be arrays, as `predict` takes them, got a data set: give one of its batches.")
        # Keras takes a list's parts by the names of its inputs too.
        if isinstance(rows, Mapping) and not isinstance(self.form, Mapping):
            named = {port.own_name: port.own_name for port in self.inputs}
            given = picked(named, rows, "x")
            order = sorted(named, key=str)
            given = [given[order.index(port.own_name)] for port in self.inputs]
        else:
            given = picked(self.form, rows, "x")
        found = {port.name: _column(port, values, most) for port, values in zip(self.inputs, given, strict=True)}
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"`x` must hold equally many rows for each input, got {lengths}.")
        return found


def ports_of(model: keras.Model, rows: Any = None) -> Ports:
    """The inputs of a built model; of a subclassed one they are those of `rows`.

    Raises:
        ValueError: The model is not built, takes sparse or ragged tensors, or says nothing of what it takes and
            no rows do.

    Example:

    >>> model = keras.Sequential([keras.Input((None, 2), name="self"), keras.layers.GRU(1)])
    >>> [(port.name, port.own_name, port.shape) for port in ports_of(model).inputs]
    [('self_column', 'self', (None, None, 2))]
    """
    if getattr(model, "inputs", None):
        form = input_structure(model)
        tensors = leaves(form)
        kinds = [_symbolic(tensor) for _, tensor in tensors]
        own = [_own_name(path, tensor.name) for path, tensor in tensors]
    elif not model.built:
        raise ValueError(f"The model {model.name!r} is not built: call it on a batch first, or give it an Input.")
    elif rows is None:
        raise ValueError(
            f"The model {model.name!r} is a class of its own, which does not say what it takes: give `x`, some rows."
        )
    else:
        form = rows
        tensors = leaves(form)
        kinds = [_concrete(array) for _, array in tensors]
        own = [_own_name(path, "input") for path, _ in tensors]
    if len(set(own)) < len(own):
        own = [f"inputs_{place}" for place in range(len(own))]
    names = input_names(own)
    return Ports(
        filled(form, [None] * len(own)),
        tuple(
            Port(name, own_name, "float32" if dtype in _HALVES else dtype, shape, dtype)
            for name, own_name, (dtype, shape) in zip(names, own, kinds, strict=True)
        ),
    )


def _own_name(path: tuple[str, ...], tensor_name: str) -> str:
    # A key is what the user calls it; a place in a list says less than the tensor's name.
    if path and not all(step.isdigit() for step in path):
        return "_".join(path)
    return _AUTOMATIC_INPUT.sub("inputs", tensor_name)


def _symbolic(tensor: keras.KerasTensor) -> tuple[str, tuple[int | None, ...]]:
    for kind in ("sparse", "ragged"):
        if getattr(tensor, kind, False):
            raise ValueError(
                f"The input {tensor.name!r} is {kind}, which no signature takes: give the model a dense Input, and "
                "make it so inside."
            )
    return str(tensor.dtype), (None, *tensor.shape[1:])


def _concrete(array: Any) -> tuple[str, tuple[int | None, ...]]:
    values = np.asarray(array)
    if values.ndim == 0:
        raise ValueError(f"`x` must hold at least one row, got {array!r}.")
    if values.dtype.kind in "OSU":
        return "string", (None, *values.shape[1:])
    # As `predict` makes them.
    dtype = keras.config.floatx() if values.dtype.kind == "f" else values.dtype.name
    return dtype, (None, *values.shape[1:])


def _column(port: Port, values: Any, most: int) -> np.ndarray:
    array = np.asarray(values)
    # Keras takes `(rows,)` for `(rows, 1)`, a signature does not.
    array = array.reshape(-1, 1) if array.ndim == 1 and len(port.shape) == 2 else array
    sides = array.shape[1:]
    fits = array.ndim == len(port.shape) and all(
        want in (None, side) for want, side in zip(port.shape[1:], sides, strict=True)
    )
    if not fits or not len(array):
        rather = "" if fits else f" of shape {_shown(port.shape)} for the input {port.own_name!r}"
        raise ValueError(f"`x` must hold at least one row{rather}, got shape {np.shape(values)}.")
    array = array[:most]
    if port.dtype == "string":
        if array.dtype.kind not in "OSU":
            raise ValueError(f"`x` must hold words for the input {port.own_name!r}, got {array.dtype}.")
        # Plain .npz files hold no objects, so words go as text of fixed width.
        return np.array([_text(word) for word in array.ravel()], dtype="U").reshape(array.shape)
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise ValueError(f"`x` must hold numbers for the input {port.own_name!r}, got {array.dtype}.")
    return array.astype(port.dtype)


def _text(word: Any) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def _shown(shape: Sequence[int | None]) -> str:
    return f"(rows, {', '.join('any' if side is None else str(side) for side in shape[1:])})".replace(", )", ")")


def output_names(model: keras.Model, answers: Any) -> list[str]:
    """Names of the outputs: keys of a dictionary, else the layers that somebody named, else numbers.

    Args:
        model: A built model.
        answers: What it answered.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="value")])
    >>> output_names(model, [0])
    ['value']
    """
    found = leaves(answers)
    paths = [path for path, _ in found]
    if any(path and not all(step.isdigit() for step in path) for path in paths):
        return ["_".join(path) for path in paths]
    tensors = list(getattr(model, "outputs", None) or [])
    if len(tensors) != len(found):
        return ["output"] if len(found) == 1 else [f"output_{place}" for place in range(len(found))]
    names = [_layer_name(tensor) for tensor in tensors]
    if len(names) == 1:
        return [names[0] or "output"]
    clear = all(names) and len(set(names)) == len(names)
    return [str(name) for name in names] if clear else [f"output_{place}" for place in range(len(names))]


def _layer_name(tensor: keras.KerasTensor) -> str | None:
    # Keras numbers what nobody named, and the number depends on what else the process built.
    layer = source_operation(tensor)
    plain = re.sub(r"_\d+$", "", layer.name).replace("_", "")
    return None if plain == type(layer).__name__.lower() else str(layer.name)


def half_precision(model: keras.Model) -> str | None:
    """The half precision that a model computes in, where it does.

    Example:

    >>> half_precision(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="mixed_bfloat16")]))
    'bfloat16'
    """
    found = {str(layer.compute_dtype) for layer in flat_layers(model)}
    return next((half for half in _HALVES if half in found), None)


def stateful_layer(model: keras.Model) -> str | None:
    """The name of a layer whose answers depend on the requests before, where there is one.

    Example:

    >>> layers = [keras.Input(batch_shape=(4, 3, 2)), keras.layers.GRU(1, stateful=True, name="memory")]
    >>> stateful_layer(keras.Sequential(layers))
    'memory'
    """
    return next((str(layer.name) for layer in flat_layers(model) if getattr(layer, "stateful", False)), None)
