"""Measures gradients, weights and activations of a model on a few rows, in one graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ..models.reading import as_inputs, largest_weight
from ..runtime.keras_internals import flat_layers, loss_trackers, symbolic_calls
from .flat_parts import ENDS, OFF
from .layer_state import LayerHealth, Probe

# Layers that are an activation, with its name where they have their usual slope.
_ACTIVATION_LAYERS = {
    keras.layers.ReLU: ("relu", "negative_slope", 0.0),
    keras.layers.ELU: ("elu", "alpha", 1.0),
}


class Prober:
    """Looks at a compiled model on fixed rows; leaves weights, metrics and random states as they are.

    The rows go through the model once, in inference mode, or as in training where it normalises
    batches, since the statistics of a young model say little there.

    Args:
        model: A built, compiled Keras model.
        x: Inputs `(rows, ...)`, arrays or a structure of them.
        y: Targets, as given to `fit`.
        compiled: Whether to build a graph, which pays where there are many looks.

    Attributes:
        traces: How often the graph was built; one is right.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu", name="d"), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> prober = Prober(model, np.ones((4, 2)), np.ones((4, 1)))
    >>> [layer.name for layer in prober.look(step=0, epoch=0).layers][0]
    'd'
    """

    def __init__(self, model: keras.Model, x: Any, y: Any, compiled: bool = True) -> None:
        self.model = model
        self.x, self.y = x, y
        self.traces = 0
        self._kernels = kernels(model)
        self._watched = _watched(model)
        self._inner = _with_hidden(model, self._watched)
        # Moving statistics of the first updates are nearly those of a start at 0 and 1.
        self._training = any(isinstance(layer, keras.layers.BatchNormalization) for layer in flat_layers(model))
        self._look = _graph(self._measure) if compiled else self._measure

    def look(self, step: int, epoch: int, moved: dict[str, float] | None = None) -> Probe:
        """Measures the model as it is.

        Args:
            step: Updates made so far.
            epoch: Epoch that runs.
            moved: Norm of the last update of each kernel, by layer.
        """
        # `compute_loss` updates these, and the fit's own means would count the rows looked at.
        metrics = _metric_variables(self.model)
        before = [ops.convert_to_numpy(variable) for variable in metrics]
        with warnings.catch_warnings():
            if not self.traces:
                # What Keras says of softmax and logits when it first sees them, it says to the user in the fit.
                warnings.simplefilter("ignore", UserWarning)
            raw = self._look(self.x, self.y)
        found = {name: np.asarray(ops.convert_to_numpy(value)) for name, value in raw.items()}
        for variable, value in zip(metrics, before, strict=True):
            variable.assign(value)
        return _probe(found, [name for name, _ in self._kernels], self._watched, step, epoch, moved or {})

    def _measure(self, x: Any, y: Any) -> dict[str, Any]:
        self.traces += 1
        # What the rows would change (moving statistics, seeds) stays in this scope; without being asked to, it drops
        # the losses that layers add.
        mapping = [(variable, variable.value) for variable in self.model.variables]
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
            loss, penalty, answers, activations, gradients = _forward_and_back(
                self.model, self._inner, [kernel for _, kernel in self._kernels], x, y, self._training
            )
        found = {"loss": loss, "penalty": penalty, "spread": _spread(answers)}
        for place, ((_, kernel), gradient) in enumerate(zip(self._kernels, gradients, strict=True)):
            found[f"weight/{place}"] = _norm(kernel)
            # `None` is a weight that the loss does not depend on.
            found[f"gradient/{place}"] = ops.zeros(()) if gradient is None else _norm(gradient)
            found[f"units/{place}"] = ops.convert_to_tensor(kernel.shape[-1] if len(kernel.shape) > 1 else 1)
            # Other weights, such as the slopes of a PReLU, may start alike.
            found[f"alike/{place}"] = _unit_spread(kernel) if kernel.name == "kernel" else ops.ones(())
        for place, (values, (_, activation)) in enumerate(zip(activations, self._watched, strict=True)):
            found |= {f"{name}/{place}": value for name, value in _activation_facts(values, activation).items()}
        return found


def kernels(model: keras.Model) -> list[tuple[str, keras.Variable]]:
    """The largest trainable weight of each layer that has one, by the layer's name, in the order of the layers.

    Example:

    >>> import keras
    >>> [name for name, _ in kernels(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")]))]
    ['d']
    """
    leaves = [layer for layer in flat_layers(model) if not _holds_layers(layer)]
    return [
        (layer.name, largest_weight(layer))
        for layer in leaves
        if layer.trainable_weights and not isinstance(layer, keras.layers.BatchNormalization)
    ]


def _holds_layers(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.Model) or bool(flat_layers(layer))


def _watched(model: keras.Model) -> list[tuple[keras.layers.Layer, str]]:
    """Hidden layers whose activation can die or saturate, with its name; empty for a subclassed model."""
    if not getattr(model, "inputs", None):
        return []
    ends = {id(tensor) for tensor in model.outputs}
    found = []
    for layer in model.layers:
        activation = _activation_name(layer)
        known = activation in (*OFF, *ENDS) and isinstance(layer.output, keras.KerasTensor)
        # A last layer at the ends of its range is only sure of itself.
        if known and id(layer.output) not in ends:
            found.append((layer, activation))
    return found


def _activation_name(layer: keras.layers.Layer) -> str:
    for kind, (name, setting, usual) in _ACTIVATION_LAYERS.items():
        if isinstance(layer, kind):
            return name if float(getattr(layer, setting)) == usual else ""
    # The activation of an RNN is inside its cell; a layer called twice has no one output.
    if isinstance(layer, keras.layers.RNN) or len(symbolic_calls(layer)) != 1:
        return ""
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _graph(measure: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
    if keras.backend.backend() != "tensorflow":
        return measure
    import tensorflow as tf

    # A look outside a graph would run every operation by itself.
    compiled: Callable[[Any, Any], dict[str, Any]] = tf.function(measure, reduce_retracing=True)
    return compiled


def _forward_and_back(
    model: keras.Model, inner: keras.Model | None, weights: list[keras.Variable], x: Any, y: Any, training: bool
) -> tuple[Any, Any, Any, list[Any], list[Any]]:
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"Gradients are measured on TensorFlow, not on {keras.backend.backend()}.")
    import tensorflow as tf

    with tf.GradientTape() as tape:
        # A subclassed model has no graph to take hidden answers from.
        if inner is None:
            answers, activations = model(x, training=training), []
        else:
            *activations, answers = inner(as_inputs(model, x), training=training)
        # The loss below holds these already; the rules want them apart.
        penalty = ops.cast(sum(model.losses) if model.losses else 0.0, "float32")
        loss = model.compute_loss(x=x, y=y, y_pred=answers, sample_weight=None, training=training)
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    return loss, penalty, answers, activations, gradients


def _with_hidden(model: keras.Model, watched: list[tuple[keras.layers.Layer, str]]) -> keras.Model | None:
    """The model with the outputs of its watched layers before its own, on the same weights."""
    if not watched:
        return None
    # A Sequential model has no `output` before its first call.
    answers = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    return keras.Model(model.inputs, [*(layer.output for layer, _ in watched), answers])


def _norm(values: Any) -> Any:
    # The gradient of an embedding is a list of rows and has no square of its own.
    dense = ops.convert_to_tensor(values)
    return ops.sqrt(ops.sum(ops.square(ops.cast(dense, "float32"))))


def _unit_spread(kernel: keras.Variable) -> Any:
    """How far the units of a layer differ, relative to the size of their weights; 1 for a single unit."""
    values = ops.cast(ops.convert_to_tensor(kernel), "float32")
    if len(values.shape) < 2 or values.shape[-1] < 2 or int(np.prod(values.shape[:-1])) < 1:
        return ops.ones(())
    return ops.max(ops.std(values, axis=-1)) / (ops.max(ops.abs(values)) + 1e-30)


def _spread(answers: Any) -> Any:
    """Largest standard deviation of an output over the rows, relative to its size where that is above 1."""
    spreads = []
    for answer in keras.tree.flatten(answers):
        values = ops.cast(answer, "float32")
        values = ops.reshape(values, (ops.shape(values)[0], -1))
        spreads.append(ops.max(ops.std(values, axis=0) / ops.maximum(1.0, ops.max(ops.abs(values), axis=0))))
    return ops.max(ops.stack(spreads))


def _activation_facts(values: Any, activation: str) -> dict[str, Any]:
    values = ops.cast(values, "float32")
    rows = list(range(len(values.shape) - 1))
    finite = ops.cast(ops.all(ops.isfinite(values)), "float32")
    # Dead is a unit that no row turns on; zeros for some rows are what a ReLU is for.
    if activation in OFF:
        off = ops.logical_and(values <= 0, values >= -OFF[activation])
        return {"finite": finite, "dead": ops.mean(ops.cast(ops.all(off, axis=rows), "float32"))}
    low, high = ENDS[activation]
    ends = ops.logical_or(values < low, values > high)
    return {"finite": finite, "saturated": ops.mean(ops.cast(ends, "float32"))}


def _metric_variables(model: keras.Model) -> list[keras.Variable]:
    """Variables that `compute_loss` changes: the trackers of a compiled loss of several outputs."""
    return [variable for metric in loss_trackers(model) for variable in metric.variables]


def _probe(
    found: dict[str, np.ndarray],
    names: list[str],
    watched: list[tuple[keras.layers.Layer, str]],
    step: int,
    epoch: int,
    moved: dict[str, float],
) -> Probe:
    health: dict[str, dict[str, Any]] = {}
    for place, (layer, activation) in enumerate(watched):
        facts = {name: float(found[f"{name}/{place}"]) for name in ("dead", "saturated") if f"{name}/{place}" in found}
        health[layer.name] = {"activation": activation, "finite": bool(found[f"finite/{place}"]), **facts}
    for place, name in enumerate(names):
        health.setdefault(name, {}).update(
            gradient=float(found[f"gradient/{place}"]),
            weight=float(found[f"weight/{place}"]),
            alike=float(found[f"alike/{place}"]),
            units=int(found[f"units/{place}"]),
            moved=moved.get(name),
        )
    order = {name: place for place, name in enumerate(names)}
    layers = [LayerHealth(name, **facts) for name, facts in health.items()]
    # Layers without weights, such as activations of their own, come last: the rules count from the first kernel.
    layers.sort(key=lambda layer: order.get(layer.name, len(order)))
    return Probe(
        step, epoch, float(found["loss"]), float(found["penalty"]), float(found["spread"]), layers=tuple(layers)
    )
