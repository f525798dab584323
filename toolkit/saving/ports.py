"""What a model takes and gives, by the names of its signature."""

from __future__ import annotations

import itertools
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
from .words import texts_of

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
        form: A nest with the name of an input at each leaf, `None` at that of an optional one that is left out.
        inputs: The inputs, in the order of the leaves.
        left_out: The user's names of the optional inputs that had no rows.
    """

    form: Any
    inputs: tuple[Port, ...]
    left_out: tuple[str, ...] = ()

    def packed(self, columns: Sequence[Any]) -> Any:
        """One value an input, as the model takes them."""
        values = iter(columns)
        return filled(self.form, [None if name is None else next(values) for _, name in leaves(self.form)])

    def columns(self, rows: Any, most: int) -> dict[str, np.ndarray]:
        """The first rows as arrays by the names of the signature.

        Args:
            rows: As given to `predict`.
            most: How many at most.

        Raises:
            ValueError: The model does not take them; the input is named.
        """
        if isinstance(rows, Mapping) and not isinstance(self.form, Mapping):
            given = _by_names([port.own_name for port in self.inputs], rows)
        else:
            parts = zip(leaves(self.form), _parts(self.form, rows), strict=True)
            given = [part for (_, name), part in parts if name is not None]
        found = {port.name: _column(port, values, most) for port, values in zip(self.inputs, given, strict=True)}
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"`x` must hold equally many rows for each input, got {lengths}.")
        return found


def ports_of(model: keras.Model, rows: Any = None) -> Ports:
    """The inputs of a built model; of a subclassed one they are those of `rows`.

    An optional input for which the rows hold `None` is left out.

    Raises:
        ValueError: The model is not built, takes sparse, ragged or complex tensors, or says nothing of what it takes
            and no rows do; an input that is not optional has no rows.

    Example:

    >>> model = keras.Sequential([keras.Input((None, 2), name="self"), keras.layers.GRU(1)])
    >>> [(port.name, port.own_name, port.shape) for port in ports_of(model).inputs]
    [('self_column', 'self', (None, None, 2))]
    """
    if getattr(model, "inputs", None):
        form = input_structure(model)
        tensors = leaves(form)
        own = [_own_name(path, tensor.name) for path, tensor in tensors]
        with_rows = [True] * len(own) if rows is None else _with_rows(form, own, rows)
        for (_, tensor), name, has in zip(tensors, own, with_rows, strict=True):
            if not has and not getattr(source_operation(tensor), "optional", False):
                raise ValueError(f"`x` must hold rows for the input {name!r}, which is not optional, got None.")
        kinds = [_symbolic(tensor) for _, tensor in tensors]
    elif not model.built:
        raise ValueError(f"The model {model.name!r} is not built: call it on a batch first, or give it an Input.")
    elif rows is None:
        raise ValueError(
            f"The model {model.name!r} is a class of its own, which does not say what it takes: give `x`, some rows."
        )
    else:
        form = rows
        tensors = leaves(form)
        with_rows = [array is not None for _, array in tensors]
        kinds = [_concrete(array) if array is not None else ("", ()) for _, array in tensors]
        own = [_own_name(path, "input") for path, _ in tensors]
    if len(set(own)) < len(own):
        own = [f"inputs_{place}" for place in range(len(own))]
    if not any(with_rows):
        raise ValueError("`x` must hold rows for at least one input, got None for each.")
    names = input_names(own)
    return Ports(
        filled(form, [name if has else None for name, has in zip(names, with_rows, strict=True)]),
        tuple(
            Port(name, own_name, "float32" if dtype in _HALVES else dtype, shape, dtype)
            for name, own_name, (dtype, shape), has in zip(names, own, kinds, with_rows, strict=True)
            if has
        ),
        tuple(own_name for own_name, has in zip(own, with_rows, strict=True) if not has),
    )


def _parts(form: Any, rows: Any) -> list[Any]:
    """What stands in the rows at each leaf of a model's inputs."""
    if hasattr(rows, "element_spec"):
        raise ValueError("`x` must be arrays, as `predict` takes them, got a data set: give one of its batches.")
    return picked(form, rows, "x")


def _by_names(own: Sequence[str], rows: Mapping[str, Any]) -> list[Any]:
    """What a dictionary holds for each input of a model of one input or a list: Keras takes them by name too."""
    order = sorted(own)
    given = picked(dict.fromkeys(own), rows, "x")
    return [given[order.index(name)] for name in own]


def _with_rows(form: Any, own: Sequence[str], rows: Any) -> list[bool]:
    by_names = isinstance(rows, Mapping) and not isinstance(form, Mapping)
    return [part is not None for part in (_by_names(own, rows) if by_names else _parts(form, rows))]


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
    dtype = str(tensor.dtype)
    if dtype.startswith("complex"):
        raise ValueError(
            f"The input {tensor.name!r} is {dtype}, which no request can bring: give the model its real and its "
            "imaginary part as two inputs."
        )
    return dtype, (None, *tensor.shape[1:])


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
    if hasattr(values, "to_tensor"):
        raise ValueError(f"`x` must hold dense rows for the input {port.own_name!r}, got ragged: give `.to_tensor()`.")
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
        return texts_of(array)
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise ValueError(f"`x` must hold numbers for the input {port.own_name!r}, got {array.dtype}.")
    return array.astype(port.dtype)


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
        return _unlike(["_".join(path) for path in paths])
    tensors = list(getattr(model, "outputs", None) or [])
    if len(tensors) != len(found):
        return ["output"] if len(found) == 1 else [f"output_{place}" for place in range(len(found))]
    names = [_layer_name(tensor) for tensor in tensors]
    if len(names) == 1:
        return [names[0] or "output"]
    clear = all(names) and len(set(names)) == len(names)
    return [str(name) for name in names] if clear else [f"output_{place}" for place in range(len(names))]


def _unlike(names: list[str]) -> list[str]:
    """The names, and of those that are equal all but the first numbered."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found.append(name if name not in found else next(one for one in numbered if one not in (*found, *names)))
    return found


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
