"""How far back in time the gradient of a recurrent network reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from ..checks import instance_of, refuse_no_rows, refuse_unusable_rows, whole_number
from ..data.rows import spread_rows
from ..models.reading import as_inputs
from ..runtime.figures import in_one_style, panels
from ..runtime.keras_internals import loss_trackers, walked
from ..runtime.randomness import preserved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)


@dataclass(frozen=True)
class TimeGradient:
    """The gradient of a loss at each time step.

    Args:
        layer: Name of the recurrent layer.
        norms: Norm of the gradient with respect to what the layer gets at each time step, first to last.

    Example:

    >>> TimeGradient("lstm", (1e-4, 0.1, 2.0)).ratio
    5e-05
    """

    layer: str
    norms: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The norm at the first time step over that at the last: far below 1 it vanishes, far above it explodes."""
        first, last = self.norms[0], self.norms[-1]
        return first / last if last else (float("inf") if first else float("nan"))

    @property
    def sentence(self) -> str:
        """How far the gradient reaches, in words."""
        return (
            f"From the last of {len(self.norms)} time steps to the first, the gradient at {self.layer!r} changes by a "
            f"factor of {self.ratio:.2g}."
        )

    @in_one_style
    def plot(self) -> Figure:
        """The norm against the time step as a matplotlib Figure."""
        figure, (axes,) = panels()
        axes.plot(self.norms, label=self.layer)
        # Steps that a mask leaves out have no gradient, and a logarithm no place for it.
        axes.set(xlabel="time step", ylabel="norm of the gradient", yscale="log" if any(self.norms) else "linear")
        axes.set_title(self.sentence, wrap=True)
        axes.legend()
        return figure


def gradient_over_time(model: keras.Model, x: Any, y: Any, rows: int = 256) -> TimeGradient:
    """Measures how strongly the loss depends on each time step, at the input of the first recurrent layer.

    Where the norm falls with each step back, as in a plain RNN, early steps are not learnt from; LSTM and GRU keep it.
    Dropout is off. The model, its metrics and the random state stay as they are.

    Args:
        model: Built, compiled Functional or Sequential model with an RNN, LSTM, GRU, SimpleRNN or Bidirectional among
            its own layers.
        x: Inputs, such as `(rows, time, channels)`, or `(rows, time)` before an Embedding.
        y: Targets, as for `fit`.
        rows: Rows to look at, spread evenly, at least 1.

    Returns:
        `TimeGradient` with `.norms`, one a time step, `.ratio`, `.sentence` and `.plot()`.

    Raises:
        NotImplementedError: The backend is not TensorFlow.
        TypeError: `model` is no Keras model, or `rows` no whole number.
        ValueError: The model is not built, not compiled or has no recurrent layer, the rows cannot be used, or `rows`
            is below 1.

    Reference: Bengio et al. 1994, "Learning long-term dependencies with gradient descent is difficult"; Pascanu et
    al. 2013, arXiv:1211.5063.

    Example:

    >>> import keras, numpy as np
    >>> keep = keras.layers.SimpleRNN(1, "linear", kernel_initializer="ones", recurrent_initializer="ones")
    >>> model = keras.Sequential([keras.Input((3, 1)), keep])
    >>> model.compile("sgd", "mse")
    >>> gradient_over_time(model, np.ones((1, 3, 1)), np.zeros((1, 1))).norms
    (6.0, 6.0, 6.0)
    """
    instance_of("model", model, keras.Model, "a Keras model")
    whole_number("rows", rows, 1)
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"Gradients are measured on TensorFlow, not on {keras.backend.backend()}.")
    if not model.compiled:
        raise ValueError("`model` must be compiled: the gradient is that of its loss. Call `model.compile(...)` first.")
    layer = _first_recurrent(model)
    refuse_no_rows("y", y)
    refuse_unusable_rows(x, y)
    x, y = spread_rows(x, y, rows)
    # What the loss counts on its way is not of the user's fit.
    counters = [variable for metric in loss_trackers(model) for variable in metric.variables]
    before = [ops.convert_to_numpy(variable) for variable in counters]
    with preserved():
        gradient = _gradient_at(model, layer, x, y)
    for variable, value in zip(counters, before, strict=True):
        variable.assign(value)
    values = ops.convert_to_numpy(gradient).astype("float64")
    beside_time = (0, *range(2, values.ndim))
    return TimeGradient(layer.name, tuple(np.sqrt((values**2).sum(axis=beside_time)).tolist()))


def _first_recurrent(model: keras.Model) -> keras.layers.Layer:
    if not getattr(model, "inputs", None):
        raise ValueError("`model` must be a built Functional or Sequential model: begin it with `keras.Input(...)`.")
    found = next((layer for layer in model.layers if isinstance(layer, _RECURRENT)), None)
    if found is None:
        names = [layer.name for layer in model.layers]
        raise ValueError(
            f"`model` must have a recurrent layer, such as `keras.layers.LSTM`, among its own; got {names}."
        )
    return found


def _gradient_at(model: keras.Model, layer: keras.layers.Layer, x: Any, y: Any) -> Any:
    """The gradient of the loss with respect to the first input of a layer, in its shape."""
    import tensorflow as tf

    # A Sequential model has no graph of its own to walk, and no `output` before its first call.
    graph = keras.Model(model.inputs, model.outputs[0] if isinstance(model, keras.Sequential) else model.output)
    given = zip(as_inputs(model, x), model.inputs, strict=True)
    columns = [ops.convert_to_tensor(column, dtype=tensor.dtype) for column, tensor in given]
    met: list[Any] = []
    with tf.GradientTape() as tape:

        def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
            if operation is layer and not met:
                # Not only what comes from a weight: the steps may be the inputs themselves.
                tape.watch(arguments[0])
                met.append(arguments[0])
            return operation(*arguments, **keywords)

        answers = walked(graph, columns, call)
        loss = model.compute_loss(
            x=x, y=keras.tree.map_structure(ops.convert_to_tensor, y), y_pred=answers, training=False
        )
    return tape.gradient(loss, met[0])
