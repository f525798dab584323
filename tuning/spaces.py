"""Spaces of architectures for KerasTuner: MLPs, CNNs and recurrent networks, for any task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from ..toolkit.checks import number, one_of, whole_number
from ..toolkit.layers.normalization import Standardize
from ..toolkit.tasks import TASKS, Head, Task, find_task, head

_NORMALIZATIONS = ("none", "batch", "layer")
_CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
# What `cardinality` of a `tf.data` set answers that is repeated for ever.
_ENDLESS = -1
_MOST_ROWS_READ = 10_000
_AUGMENTATIONS = ("none", "noise", "shift", "flip", "shift_flip")


class Space(keras_tuner.HyperModel):
    """What the spaces share: they learn the form of the data, and answer uncompiled models with the right head.

    Every argument of several values is a choice of the search; one value alone is fixed. Rate and
    batch size are no part of the space: the search judges each architecture at its own best rate.

    Args:
        activation: Activations to choose from, by Keras name.
        normalization: `"none"`, `"batch"`, `"layer"`: between a layer and its activation.
        dropout: Dropout rates, in [0, 1), before the output and between wide layers.
        l2: L2 penalties on kernels, at least 0.
        augmentation: `"none"`, `"noise"` (Gaussian, a tenth of a standard deviation), and for images
            `"shift"`, `"flip"` (left to right) and `"shift_flip"`.
        most_parameters: No architecture has more parameters, at least 1; `None` for no limit.
        task: One of regression, binary, multiclass, multilabel; by default told from the targets.
        standardize: Whether inputs (and the targets of a regression) are standardised inside the model.

    Raises:
        TypeError: A setting of the wrong kind.
        ValueError: A setting out of range, or without a value.
    """

    def __init__(
        self,
        *,
        activation: Any = ("relu", "gelu", "tanh"),
        normalization: Any = _NORMALIZATIONS,
        dropout: Any = (0.0, 0.25, 0.5),
        l2: Any = (0.0, 1e-4, 1e-3),
        augmentation: Any = "none",
        most_parameters: int | None = None,
        task: Task | None = None,
        standardize: bool = True,
    ) -> None:
        super().__init__(name=type(self).__name__.lower())
        self.activation = [_activation(name) for name in _several("activation", activation)]
        self.normalization = [
            one_of("normalization", n, _NORMALIZATIONS) for n in _several("normalization", normalization)
        ]
        self.dropout = [number("dropout", rate, 0, 1, open_high=True) for rate in _several("dropout", dropout)]
        self.l2 = [number("l2", penalty, 0, np.inf) for penalty in _several("l2", l2)]
        self.augmentation = [
            one_of("augmentation", a, self._augmentations()) for a in _several("augmentation", augmentation)
        ]
        self.most_parameters = None if most_parameters is None else whole_number("most_parameters", most_parameters, 1)
        if task is not None:
            one_of("task", task, TASKS)
        self.task: Task | None = task
        self.standardize = bool(standardize)
        self._form: _Form | None = None

    @classmethod
    def _augmentations(cls) -> Sequence[str]:
        return ("none", "noise")

    @property
    def head(self) -> Head:
        """Output units, activation, loss and metrics for the task.

        Raises:
            ValueError: The space has seen no data yet.
        """
        return self._known().head

    def adapt(self, x: Any, y: Any = None) -> None:
        """Learns the form of the inputs and the task from training rows.

        A `tf.data` set is read once: all its targets, and of its inputs the first 10 000 rows.

        Args:
            x: Training inputs, array `(rows, ...)`, or a `tf.data` set of batches `(inputs, targets)` that ends.
            y: Training targets.

        Raises:
            TypeError: Inputs that are neither.
            ValueError: No rows, inputs of a form that the architecture cannot take, or targets
                whose task cannot be told.
        """
        if hasattr(x, "element_spec"):
            x, y = _read(x)
        x = _array(x)
        if y is None:
            raise ValueError("A space needs the targets to tell the task; give `y`.")
        self._check_form(x.shape)
        task = self.task or find_task(y)
        self._form = _Form(x, np.asarray(y), head(task, y), self.standardize)

    @property
    def adapted(self) -> bool:
        """Whether the space has seen rows."""
        return self._form is not None

    def _known(self) -> _Form:
        if self._form is None:
            raise ValueError(
                f"The space {type(self).__name__} has seen no data; call `adapt(x, y)` with training rows."
            )
        return self._form

    def _check_form(self, shape: tuple[int, ...]) -> None:
        """Refuses inputs that the architecture cannot take."""

    def build(self, hp: Any) -> Any:
        """The uncompiled model for these hyperparameters.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Raises:
            FailedTrialError: The model has more than `most_parameters`; a search then counts the trial as failed.
            ValueError: The space has seen no data yet.
        """
        form = self._known()
        inputs = keras.Input(form.shape, name="features")
        features = form.standardized(inputs)
        features = self._augmented(features, _choice(hp, "augmentation", self.augmentation))
        outputs = form.answer(self._body(hp, features))
        model = keras.Model(inputs, outputs, name=self.name)
        if self.most_parameters is not None and model.count_params() > self.most_parameters:
            raise keras_tuner.errors.FailedTrialError(
                f"The model has {model.count_params()} parameters, more than `most_parameters`={self.most_parameters}."
            )
        return model

    def _body(self, hp: Any, features: Any) -> Any:
        raise NotImplementedError

    def _augmented(self, features: Any, kind: str) -> Any:
        if kind == "noise":
            return keras.layers.GaussianNoise(0.1, name="noise")(features)
        if "shift" in kind:
            features = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", name="shift")(features)
        if "flip" in kind:
            features = keras.layers.RandomFlip("horizontal", name="flip")(features)
        return features

    def _finished(self, hp: Any, features: Any, name: str) -> Any:
        """Normalisation and activation after a linear layer."""
        kind = _choice(hp, "normalization", self.normalization)
        if kind == "batch":
            features = keras.layers.BatchNormalization(name=f"{name}_norm")(features)
        elif kind == "layer":
            features = keras.layers.LayerNormalization(name=f"{name}_norm")(features)
        activation = _choice(hp, "activation", self.activation)
        return keras.layers.Activation(activation, name=f"{name}_activation")(features)

    def _dropped(self, hp: Any, features: Any, name: str) -> Any:
        rate = _choice(hp, "dropout", self.dropout)
        return keras.layers.Dropout(rate, name=f"{name}_dropout")(features) if rate else features

    def _penalty(self, hp: Any) -> Any:
        penalty = _choice(hp, "l2", self.l2)
        return keras.regularizers.L2(penalty) if penalty else None


class MLP(Space):
    """Fully connected networks; inputs of more than one axis are flattened.

    Args:
        depth: Numbers of hidden layers, at least 1.
        units: Units of each hidden layer, at least 1.
        **kwargs: As for every space: `activation`, `normalization`, `dropout`, `l2`, `augmentation`,
            `most_parameters`, `task`, `standardize`.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = MLP(depth=2, units=(16, 32), normalization="none")
    >>> space.adapt(np.zeros((20, 4)), np.arange(20) % 3)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 3)
    """

    def __init__(self, *, depth: Any = (1, 2, 3), units: Any = (16, 32, 64, 128, 256), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = [whole_number("depth", depth, low=1) for depth in _several("depth", depth)]
        self.units = [whole_number("units", units, low=1) for units in _several("units", units)]

    def _body(self, hp: Any, features: Any) -> Any:
        if len(features.shape) > 2:
            features = keras.layers.Flatten(name="flatten")(features)
        units = _choice(hp, "units", self.units)
        for place in range(_choice(hp, "depth", self.depth)):
            name = f"hidden_{place}"
            features = keras.layers.Dense(units, kernel_regularizer=self._penalty(hp), name=name)(features)
            features = self._dropped(hp, self._finished(hp, features, name), name)
        return features


class CNN(Space):
    """Convolutional networks for images `(height, width)` or `(height, width, channels)`, or series `(time, channels)`.

    Each block is one or two convolutions and a pooling by two; the filters double from block to block.

    Args:
        blocks: Numbers of blocks, at least 1; fewer where the image is too small to be halved so often.
        filters: Filters of the first block, at least 1.
        kernel: Sizes of the kernels, at least 1.
        convolutions: Convolutions in a block, at least 1.
        pooling: Before the head: `"flatten"` or `"average"` (global).
        units: Units of a hidden layer before the output; 0 for none.
        series: Whether inputs `(rows, time, channels)` are series; else a third axis is no channel.
        **kwargs: As for every space; `augmentation` also `"shift"`, `"flip"`, `"shift_flip"`.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = CNN(blocks=2, filters=8)
    >>> space.adapt(np.zeros((20, 8, 8)), np.arange(20) % 3)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 3)
    """

    def __init__(
        self,
        *,
        blocks: Any = (1, 2, 3),
        filters: Any = (8, 16, 32),
        kernel: Any = (3, 5),
        convolutions: Any = (1, 2),
        pooling: Any = ("flatten", "average"),
        units: Any = (0, 64),
        series: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blocks = [whole_number("blocks", value, low=1) for value in _several("blocks", blocks)]
        self.filters = [whole_number("filters", value, low=1) for value in _several("filters", filters)]
        self.kernel = [whole_number("kernel", value, low=1) for value in _several("kernel", kernel)]
        self.convolutions = [
            whole_number("convolutions", value, low=1) for value in _several("convolutions", convolutions)
        ]
        self.pooling = [one_of("pooling", value, ("flatten", "average")) for value in _several("pooling", pooling)]
        self.units = [whole_number("units", value, low=0) for value in _several("units", units)]
        self.series = bool(series)

    @classmethod
    def _augmentations(cls) -> Sequence[str]:
        return _AUGMENTATIONS

    def _check_form(self, shape: tuple[int, ...]) -> None:
        if self.series and len(shape) != 3:
            raise ValueError(f"A CNN over series takes inputs (rows, time, channels), got shape {shape}; use `MLP()`.")
        if not self.series and len(shape) not in (3, 4):
            raise ValueError(
                f"A CNN takes images (rows, height, width) or (rows, height, width, channels), got shape {shape}; "
                "reshape the rows, or use `MLP()`."
            )

    def _body(self, hp: Any, features: Any) -> Any:
        flat = "1D" if self.series else "2D"
        if not self.series and len(features.shape) == 3:
            features = keras.layers.Reshape((*features.shape[1:], 1), name="channel")(features)
        filters, kernel = _choice(hp, "filters", self.filters), _choice(hp, "kernel", self.kernel)
        convolutions = _choice(hp, "convolutions", self.convolutions)
        for block in range(_choice(hp, "blocks", self.blocks)):
            if min(features.shape[1:-1]) < 2:
                break
            for place in range(convolutions):
                name = f"convolution_{block}_{place}"
                layer = getattr(keras.layers, f"Conv{flat}")
                features = layer(
                    filters * 2**block, kernel, padding="same", kernel_regularizer=self._penalty(hp), name=name
                )(features)
                features = self._finished(hp, features, name)
            features = getattr(keras.layers, f"MaxPooling{flat}")(name=f"pool_{block}")(features)
        if _choice(hp, "pooling", self.pooling) == "average":
            features = getattr(keras.layers, f"GlobalAveragePooling{flat}")(name="average")(features)
        else:
            features = keras.layers.Flatten(name="flatten")(features)
        units = _choice(hp, "head_units", self.units)
        if units:
            features = keras.layers.Dense(units, kernel_regularizer=self._penalty(hp), name="hidden")(features)
            features = self._finished(hp, features, "hidden")
        return self._dropped(hp, features, "head")


class RNN(Space):
    """Recurrent networks over series `(time, channels)`; images are read row by row.

    Args:
        cell: `"rnn"` (SimpleRNN), `"lstm"`, `"gru"`.
        depth: Numbers of stacked layers, at least 1.
        units: Units of each layer, at least 1.
        bidirectional: Whether the series is also read backwards.
        pooling: What the head sees of the last layer: its `"last"` state, or the `"average"` over time.
        **kwargs: As for every space; the cells keep their own activation, so `activation` counts for
            nothing and `normalization` is done between the layers.

    Example:

    >>> import keras_tuner, numpy as np
    >>> space = RNN(cell=("lstm", "gru"), depth=2, units=8, bidirectional=True)
    >>> space.adapt(np.zeros((20, 5, 2)), np.arange(20) / 7)
    >>> space.build(keras_tuner.HyperParameters()).output_shape
    (None, 1)
    """

    def __init__(
        self,
        *,
        cell: Any = ("rnn", "lstm", "gru"),
        depth: Any = (1, 2),
        units: Any = (16, 32, 64),
        bidirectional: Any = (False, True),
        pooling: Any = ("last", "average"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"activation": "tanh", **kwargs})
        self.cell = [one_of("cell", value, tuple(_CELLS)) for value in _several("cell", cell)]
        self.depth = [whole_number("depth", value, low=1) for value in _several("depth", depth)]
        self.units = [whole_number("units", value, low=1) for value in _several("units", units)]
        self.bidirectional = [bool(value) for value in _several("bidirectional", bidirectional)]
        self.pooling = [one_of("pooling", value, ("last", "average")) for value in _several("pooling", pooling)]

    def _check_form(self, shape: tuple[int, ...]) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(
                f"A recurrent network takes series (rows, time, channels), got shape {shape}; "
                "reshape the rows, or use `MLP()`."
            )

    def _body(self, hp: Any, features: Any) -> Any:
        if len(features.shape) == 4:
            time = features.shape[1]
            features = keras.layers.Reshape((time, features.shape[2] * features.shape[3]), name="rows")(features)
        kind, units = _choice(hp, "cell", self.cell), _choice(hp, "units", self.units)
        both, depth = _choice(hp, "bidirectional", self.bidirectional), _choice(hp, "depth", self.depth)
        average = _choice(hp, "pooling", self.pooling) == "average"
        for place in range(depth):
            whole = average or place < depth - 1
            name = f"{kind}_{place}"
            layer = _CELLS[kind](units, return_sequences=whole, kernel_regularizer=self._penalty(hp), name=name)
            features = keras.layers.Bidirectional(layer, name=f"{name}_both")(features) if both else layer(features)
            features = self._dropped(hp, self._normalized(hp, features, name), name)
        return keras.layers.GlobalAveragePooling1D(name="average")(features) if average else features

    def _normalized(self, hp: Any, features: Any, name: str) -> Any:
        kind = _choice(hp, "normalization", self.normalization)
        if kind == "batch":
            return keras.layers.BatchNormalization(name=f"{name}_norm")(features)
        return keras.layers.LayerNormalization(name=f"{name}_norm")(features) if kind == "layer" else features


class _Form:
    """The form of the data: shapes, the head, and what standardising needs."""

    def __init__(self, x: np.ndarray, y: np.ndarray, head: Head, standardize: bool) -> None:
        self.shape = x.shape[1:] or (1,)
        self.head = head
        self._inputs = _statistics(x) if standardize else None
        self._targets = _statistics(y) if standardize and head.task == "regression" else None

    def standardized(self, inputs: Any) -> Any:
        return inputs if self._inputs is None else Standardize(**self._inputs, name="standardize")(inputs)

    def answer(self, features: Any) -> Any:
        answer = "values" if self.head.task == "regression" else "probabilities"
        name = "standardized_values" if self._targets else answer
        outputs = keras.layers.Dense(self.head.units, activation=self.head.activation, dtype="float32", name=name)(
            features
        )
        if self._targets is None:
            return outputs
        return Standardize(**self._targets, invert=True, dtype="float32", name=answer)(outputs)


def _statistics(values: np.ndarray) -> dict[str, Any]:
    import warnings

    layer = Standardize()
    with warnings.catch_warnings():
        # A constant column is harmless inside, and `check` says it.
        warnings.simplefilter("ignore", UserWarning)
        layer.adapt(values if values.ndim > 1 else values[:, None])
    config = layer.get_config()
    return {"center": config["center"], "scale": config["scale"]}


def _read(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """The first inputs and all targets of a data set of batches."""
    if not isinstance(data.element_spec, tuple) or len(data.element_spec) < 2:
        raise TypeError(f"The data set must hold batches `(inputs, targets)`, got {data.element_spec}.")
    if len(data.element_spec[1].shape) == 0:
        raise ValueError("The data set holds single rows; call `batch(32)` on it.")
    if int(data.cardinality()) == _ENDLESS:
        raise ValueError("The data set has no end; call `adapt` with rows of it before the search, or leave `repeat`.")
    inputs: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for batch in data:
        if sum(map(len, inputs)) < _MOST_ROWS_READ:
            inputs.append(_array(batch[0]))
        targets.append(np.asarray(batch[1]))
    if not targets:
        raise ValueError("The data set holds no rows.")
    return np.concatenate(inputs)[:_MOST_ROWS_READ], np.concatenate(targets)


def _array(x: Any) -> np.ndarray:
    if isinstance(x, (dict, list, tuple)) or not hasattr(x, "__array__"):
        raise TypeError(
            f"The space takes one array of inputs, got {type(x).__name__}; write a `build(hp)` of your own for others, "
            "or call `adapt(x, y)` of the space with rows before."
        )
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Inputs must be numbers, got dtype {array.dtype}; encode words before.")
    if array.ndim == 0 or not len(array):
        raise ValueError(f"There must be at least one row, got shape {array.shape}.")
    return array


def _several(name: str, values: Any) -> list[Any]:
    alone = isinstance(values, (str, bool, int, float, np.generic))
    listed = [values] if alone else list(values)
    if not listed:
        raise ValueError(f"`{name}` must hold at least one value, got none.")
    return [value.item() if isinstance(value, np.generic) else value for value in dict.fromkeys(listed)]


def _choice(hp: Any, name: str, values: list[Any]) -> Any:
    """One of the values; one value alone is no question to the search."""
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, bool) for value in values):
        return hp.Boolean(name, default=values[0])
    return hp.Choice(name, values, default=values[0], ordered=None if isinstance(values[0], str) else True)


def _activation(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"`activation` must hold names, got {name!r}.")
    try:
        keras.activations.get(name)
    except ValueError as error:
        raise ValueError(f"`activation` must be known to Keras, got {name!r}.") from error
    return name
