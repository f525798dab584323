"""Reads off a model what it takes, what stands between, and what its output ends in."""

from __future__ import annotations

import math
import re
from typing import Any

import keras
from keras import ops

from ..metrics.directions import Direction
from ..metrics.kinds import kind_of
from ..runtime.keras_internals import (
    compiled_with,
    direction_of,
    flat_layers,
    source_inputs,
    source_operation,
    symbolic_calls,
)
from .model_ends import only_loss, operation_activation, output_activation
from .structure import Structure

# What they give is no linear map of what goes in, even after linear layers.
_MERGES = (keras.layers.Multiply, keras.layers.Dot)
_JOINS = (keras.layers.Concatenate, keras.layers.Add, keras.layers.Average)
DROPOUTS = (
    keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D,
)  # fmt: skip


def input_structure(model: keras.Model) -> Any:
    """The symbolic inputs of a built model as `predict` takes rows: one tensor, a list or a dict.

    Example:

    >>> import keras
    >>> input_structure(keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1)])).name
    'point'
    """
    # A Sequential model has no `input` before its first call.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def structure_of(model: keras.Model) -> Structure:
    """Reads a built model; what cannot be told is left out.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    >>> structure_of(model).hidden
    ('tanh',)
    """
    hidden = _hidden(model)
    outputs = getattr(model, "outputs", None)
    optimizer = getattr(model, "optimizer", None)
    return Structure(
        hidden=tuple(name for _, name, _ in hidden),
        widths=tuple(width for _, _, width in hidden if width),
        outputs=int(outputs[0].shape[-1]) if outputs and len(outputs) == 1 and outputs[0].shape[-1:][0] else None,
        activation=output_activation(model),
        loss=loss_name(model),
        penalised=any(getattr(layer, "kernel_regularizer", None) for layer in _leaves(model)),
        optimizer=type(innermost(optimizer)).__name__.lower() if optimizer is not None else "",
        learning_rate=_rate(innermost(optimizer)),
        dropout=max((float(layer.rate) for layer in _leaves(model) if isinstance(layer, DROPOUTS)), default=0.0),
    )


def hidden_layers(model: keras.Model) -> list[tuple[keras.layers.Layer, str]]:
    """The hidden layers with weights and the activation of each, first to last.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    >>> [name for _, name in hidden_layers(model)]
    ['tanh']
    """
    return [(layer, name) for layer, name, _ in _hidden(model)]


def hidden_softmaxes(model: keras.Model) -> list[keras.Operation]:
    """Layers that end in softmax and whose values go into a layer with weights.

    Where they are multiplied with other values, as the shares of an attention or a gate, a softmax is what it should
    be, and so it is at an output.

    Example:

    >>> import keras
    >>> layers = [keras.layers.Dense(3, "softmax", name="early"), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    >>> [layer.name for layer in hidden_softmaxes(keras.Sequential([keras.Input((2,)), *layers]))]
    ['early']
    """
    takers = [layer for layer in getattr(model, "layers", []) if _kind(layer) is not None]
    left = [tensor for layer in takers for call in symbolic_calls(layer) for tensor in call.input_tensors]
    outputs = {id(tensor) for tensor in getattr(model, "outputs", None) or []}
    found: dict[int, keras.Operation] = {}
    seen: set[int] = set()
    while left:
        tensor = left.pop(0)
        operation = source_operation(tensor)
        # An answer that other answers build on is a softmax for its own sake.
        if id(tensor) in seen or id(tensor) in outputs:
            continue
        seen.add(id(tensor))
        if operation_activation(operation) == "softmax":
            found[id(operation)] = operation
        elif _passes_values(operation, source_inputs(tensor)):
            left += source_inputs(tensor)
    return list(found.values())


def _passes_values(operation: keras.Operation, inputs: list[keras.KerasTensor]) -> bool:
    """Whether values go through as they are, or averaged, normalised, in another shape, or beside or upon others."""
    if isinstance(operation, _JOINS):
        return True
    one = isinstance(operation, keras.layers.Layer) and len(inputs) == 1
    return one and _kind(operation) is None and _alone(operation) is None


def loss_name(model: keras.Model) -> str:
    """Keras name of a model's loss, such as `"mean_squared_error"`; `""` where it has none by name.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> loss_name(model)
    'mean_squared_error'
    """
    return named_loss(getattr(model, "loss", None))


def named_loss(loss: Any) -> str:
    """Keras name of a loss as it was given to `compile`; `""` for one that has none, such as several losses.

    Example:

    >>> named_loss("mse"), named_loss(keras.losses.Huber()), named_loss(["mse", "mae"])
    ('mean_squared_error', 'huber', '')
    """
    loss = only_loss(loss)
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            # A word that Keras does not know, which `compile` refuses.
            return ""
    if isinstance(loss, keras.losses.Loss):
        # As Keras writes the class into a name: MeanSquaredError is mean_squared_error.
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(loss).__name__).lower()
    return getattr(loss, "__name__", "") if callable(loss) else ""


def is_of_keras(loss: Any) -> bool:
    """Whether a loss is one of Keras' own: what users write may bear the same name and mean something else.

    Example:

    >>> is_of_keras("mse"), is_of_keras(keras.losses.Huber()), is_of_keras(lambda y, answers: y - answers)
    (True, True, False)
    """
    loss = only_loss(loss)
    owner = loss if callable(loss) and not isinstance(loss, keras.losses.Loss) else type(loss)
    return isinstance(loss, str) or getattr(owner, "__module__", "").split(".")[0] == "keras"


def told_by(metric: Any) -> Direction | None:
    """What a Keras metric says of itself, `None` for one that says nothing, such as a name or a function.

    Example:

    >>> told_by(keras.metrics.R2Score()), told_by("r2_score")
    ('max', None)
    """
    said = direction_of(metric)
    return None if said not in ("up", "down") else "max" if said == "up" else "min"


def metric_directions(model: keras.Model) -> dict[str, Direction]:
    """Whether the metrics of a compiled model are better high or low, as far as their objects say.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse", metrics=[keras.metrics.R2Score(name="fit")])
    >>> _ = model.evaluate(ops.ones((2, 2)), ops.ones((2, 1)), verbose=0)
    >>> metric_directions(model)
    {'fit': 'max'}
    """
    return {metric.name: way for metric in _metrics(model) if (way := told_by(metric)) is not None}


def _metrics(model: keras.Model) -> list[keras.metrics.Metric]:
    holders = getattr(model, "metrics", [])
    # Keras keeps the metrics that were given to `compile` inside one metric of its own.
    return [metric for holder in holders for metric in getattr(holder, "metrics", None) or [holder]]


def metric_kinds(model: keras.Model) -> dict[str, str]:
    """What the metrics of a compiled model are, as far as their objects say; see `metrics.kinds`.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    >>> model.compile(loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="area")])
    >>> _ = model.evaluate(ops.ones((2, 2)), ops.ones((2, 1)), verbose=0)
    >>> metric_kinds(model)
    {'area': 'auc'}
    """
    return {metric.name: kind for metric in _metrics(model) if (kind := kind_of(metric))}


def loss_weight(model: keras.Model) -> float:
    """What the loss of a model with one output is multiplied by, 1 where `compile` was given no `loss_weights`.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse", loss_weights=[2.0])
    >>> loss_weight(model)
    2.0
    """
    given = keras.tree.flatten(compiled_with(model).get("loss_weights"))
    return float(given[0]) if len(given) == 1 and given[0] is not None else 1.0


def fixed_batch(model: keras.Model) -> int | None:
    """The only number of rows that a model takes at once, as with stateful layers; `None` where any will do.

    Example:

    >>> import keras
    >>> fixed_batch(keras.Sequential([keras.Input(batch_shape=(4, 2)), keras.layers.Dense(1)]))
    4
    """
    inputs = getattr(model, "inputs", None)
    return inputs[0].shape[0] if inputs and len(inputs[0].shape) else None


def has_masks(model: keras.Model) -> bool:
    """Whether a layer makes a mask of steps that are left out.

    Example:

    >>> import keras
    >>> has_masks(keras.Sequential([keras.Input((3,)), keras.layers.Embedding(5, 2, mask_zero=True)]))
    True
    """
    return any(isinstance(one, keras.layers.Masking) or getattr(one, "mask_zero", False) for one in flat_layers(model))


def _leaves(model: keras.Model) -> list[keras.layers.Layer]:
    return [
        layer
        for layer in flat_layers(model)
        if not isinstance(layer, keras.Model) and not isinstance(layer, keras.layers.InputLayer)
    ]


def _hidden(model: keras.Model) -> list[tuple[keras.layers.Layer, str, int]]:
    """Layers with a kernel but those that give an output, each with the activation before the next one."""
    found: list[list[Any]] = []
    layers = [layer for layer in getattr(model, "layers", []) if not isinstance(layer, keras.layers.InputLayer)]
    for layer in layers:
        kind = _kind(layer)
        if kind is not None:
            found.append([layer, kind, int(getattr(layer, "units", 0) or getattr(layer, "filters", 0) or 0)])
        # Dense, then batch normalisation, then ReLU: the activation counts for the Dense layer.
        elif found and found[-1][1] == "linear":
            found[-1][1] = _alone(layer) or "linear"
    last = _last_kernels(model) or {id(layer) for layer, _, _ in found[-1:]}
    return [(layer, kind, width) for layer, kind, width in found if id(layer) not in last]


def _last_kernels(model: keras.Model) -> set[int]:
    """Identities of the layers with a kernel that have no other between them and an output; none without a graph."""
    found, seen, left = set(), set(), list(getattr(model, "outputs", None) or [])
    while left:
        operation, inputs = source_operation(left[-1]), source_inputs(left.pop())
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        if isinstance(operation, keras.layers.Layer) and _kind(operation) is not None:
            found.add(id(operation))
        else:
            left += inputs
    return found


def _kind(layer: keras.layers.Layer) -> str | None:
    """Activation of a layer with a kernel; `"recurrent"` for one with gates, `None` for one without kernel."""
    if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
        return "recurrent"
    if isinstance(layer, keras.Model):
        return "model"
    if not hasattr(layer, "kernel"):
        return None
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _alone(layer: keras.layers.Layer) -> str | None:
    if isinstance(layer, keras.layers.Activation):
        return getattr(layer.activation, "__name__", "function")
    names = {keras.layers.ReLU: "relu", keras.layers.Softmax: "softmax"}
    others = (keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU, *_MERGES, keras.layers.Lambda)
    return names.get(type(layer), "function" if isinstance(layer, others) else None)


def innermost(optimizer: Any) -> Any:
    """The optimizer inside those that scale losses or accumulate gradients; without one, itself.

    Example:

    >>> import keras
    >>> type(innermost(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))).__name__
    'Adam'
    """
    # So Keras' LossScaleOptimizer and AccumulatedGradients call what they hold.
    for name in ("inner_optimizer", "_inner"):
        inside = getattr(optimizer, name, None)
        if isinstance(inside, keras.optimizers.Optimizer):
            return innermost(inside)
    return optimizer


def _rate(optimizer: Any) -> float | None:
    try:
        return float(ops.convert_to_numpy(optimizer.learning_rate))
    except (AttributeError, TypeError, ValueError):
        return None


def largest_weight(layer: keras.layers.Layer) -> keras.Variable:
    """The trainable weight of a layer with the most values, which for most layers is the kernel.

    Args:
        layer: A built layer with a weight to train.

    Example:

    >>> import keras
    >>> layer = keras.layers.Dense(3)
    >>> layer.build((None, 2))
    >>> largest_weight(layer).name
    'kernel'
    """
    return max(layer.trainable_weights, key=lambda weight: math.prod(weight.shape))


def as_inputs(model: keras.Model, x: Any) -> Any:
    """Rows as the list that a model made of `model.inputs` takes.

    Raises:
        KeyError: `x` is a dictionary that lacks an input.
    """
    if not isinstance(x, dict):
        return keras.tree.flatten(x)
    structure = input_structure(model)
    # A dictionary of inputs has names of its own; else the inputs themselves are named.
    names = sorted(structure) if isinstance(structure, dict) else [tensor.name for tensor in model.inputs]
    return [x[name] for name in names]
