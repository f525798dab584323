"""From the graph of one model to the graph of K members of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from ..layers.folded import Folded, Merged, Place, Unrolled
from ..layers.normalization import MinMax, Robust, Standardize
from ..layers.stacked import Stacked, known_activation
from ..layers.stacked_convolution import StackedConv1D, StackedConv2D, StackedDepthwiseConv2D
from ..layers.stacked_dense import StackedDense, StackedDropout, StackedEmbedding
from ..layers.stacked_normalization import StackedBatchNormalization, StackedLayerNormalization
from ..layers.stacked_recurrent import RECURRENT, StackedBidirectional
from ..runtime.keras_internals import flat_layers, is_functional, mask_of, symbolic_calls, walked

# Where the member axis of a tensor stands: nowhere (all members see the same), in front, or before the channels.
SHARED, FRONT, CHANNELS = "shared", "front", "channels"

_L = keras.layers
# Each value by itself: they work wherever the members stand.
_ELEMENTWISE = (_L.ReLU, _L.LeakyReLU, _L.ELU, _L.Rescaling, _L.Identity)
_MERGES = (_L.Add, _L.Subtract, _L.Multiply, _L.Average, _L.Maximum, _L.Minimum)
# Each channel by itself: members may stand among the channels.
_PER_CHANNEL = (
    _L.MaxPooling1D, _L.MaxPooling2D, _L.AveragePooling1D, _L.AveragePooling2D,
    _L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D,
    _L.ZeroPadding1D, _L.ZeroPadding2D, _L.UpSampling1D, _L.UpSampling2D, _L.Cropping1D, _L.Cropping2D,
)  # fmt: skip
# Each row by itself, with nothing to train: members may stand as rows.
_BY_ROW = (
    _L.Flatten, _L.Reshape, _L.Permute, _L.RepeatVector, _L.Softmax, _L.Concatenate, _L.Dot,
    _L.MaxPooling3D, _L.AveragePooling3D, _L.GlobalMaxPooling3D, _L.GlobalAveragePooling3D,
    _L.ZeroPadding3D, _L.UpSampling3D, _L.Cropping3D,
    _L.Normalization, _L.Discretization, _L.Hashing, _L.StringLookup, _L.IntegerLookup, _L.Resizing, _L.CenterCrop,
    Standardize, MinMax, Robust,
)  # fmt: skip


@dataclass
class StackSettings:
    """What a graph of members needs to know beside the model.

    Args:
        members: Number of members, at least 1.
        dropout: Rate of each member for every Dropout layer, or `None` to keep the layers' own.
        population: Number of members of the whole, where these are a part of it.
        offset: Place of the first of these members in the whole.

    Example:

    >>> StackSettings(members=4).offset
    0
    """

    members: int
    dropout: tuple[float, ...] | None = None
    population: int | None = None
    offset: int = 0


@dataclass
class Graph:
    """The graph of K members, as `stack` makes it.

    Args:
        model: Keras model from the inputs of one member to outputs with a member axis.
        places: For each output `"front"` or `"channels"`, where its member axis stands.
        stacked: The stacked layers, each once.
        unrolled: Names of the layers that are called once for each member.
    """

    model: keras.Model
    places: list[str]
    stacked: list[Stacked] = field(default_factory=list)
    unrolled: list[str] = field(default_factory=list)


def stack(template: keras.Model, settings: StackSettings) -> Graph:
    """Turns a Functional model into the graph of K members of it.

    Args:
        template: Built Functional model.
        settings: Number of members and the like.

    Example:

    >>> import keras
    >>> inputs = keras.Input((4,))
    >>> graph = stack(keras.Model(inputs, keras.layers.Dense(2)(inputs)), StackSettings(members=3))
    >>> graph.model.output_shape, graph.unrolled
    ((3, None, 2), [])
    """
    return _Stacking(template, settings).graph()


class _Stacking:
    """One pass over a template's graph."""

    def __init__(self, template: keras.Model, settings: StackSettings) -> None:
        self.template = template
        self.settings = settings
        self.members = settings.members
        self.made: dict[int, Any] = {}
        self.places: dict[int, tuple[Any, str]] = {}
        self.unrolled: list[str] = []
        self.names: dict[str, Any] = {}

    def graph(self) -> Graph:
        inputs = keras.tree.map_structure(
            lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), self.template.input
        )
        if any(_makes_masks(layer) for layer in _flat_layers(self.template)):
            # Masks differ from tensor to tensor; a member called whole keeps Keras' own rules for them.
            outputs = self._unroll(self.template, (inputs,), {})
        else:
            outputs = self._run(self.template, inputs)
        flat = [self._whole(output) for output in keras.tree.flatten(outputs)]
        places = [self.places[id(output)][1] for output in flat]
        model = keras.Model(inputs, keras.tree.pack_sequence_as(self.template.output, flat), name="graph")
        stacked = [layer for layer in self.made.values() if isinstance(layer, Stacked)]
        return Graph(model, places, stacked, self.unrolled)

    def _run(self, model: keras.Model, inputs: Any) -> Any:
        return walked(model, inputs, self._call)

    def _whole(self, output: keras.KerasTensor) -> keras.KerasTensor:
        """An output that no weight has touched is given to each member."""
        if self._place(output) == SHARED:
            output = self._at(output, FRONT)
        return self._repeated(output, self._place(output))

    def _call(self, operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        # Only a call with its tensors in one argument has a stacked form.
        tensors = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        plain = len(args) == 1 and not any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(kwargs))
        if _is_nested(operation):
            return self._run(_functional(operation), args[0])
        places = {self._place(x) for x in tensors}
        # Before the first weight all members have the same values, which are worked out once.
        if plain and places == {SHARED} and _is_rowwise(operation, args[0]):
            self.names[operation.name] = operation
            return self._noted(operation(*args, **kwargs), SHARED)
        if plain:
            for fits, apply in self._forms():
                if fits(operation, args[0]):
                    return apply(operation, args[0])
        return self._unroll(operation, args, kwargs)

    def _forms(
        self,
    ) -> Sequence[tuple[Callable[[keras.layers.Layer, Any], bool], Callable[[keras.layers.Layer, Any], Any]]]:
        # The first that fits is taken; the last takes pooling and merges too, so it stands behind theirs.
        return (
            (_is_elementwise, self._elementwise),
            (_is_dropout, self._dropout),
            (_is_batch_normalization, self._batch_normalization),
            (_is_convolution, lambda layer, x: self._stacked(_CONVOLUTIONS[type(layer)], layer, x, CHANNELS)),
            (_has_stacked_form, lambda layer, x: self._stacked(_STACKED[type(layer)], layer, x, FRONT)),
            (_is_merge, self._merge),
            (_is_per_channel, self._per_channel),
            (_is_rowwise, lambda layer, x: self._stacked(Folded, layer, x, FRONT)),
        )

    def _elementwise(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        return self._noted(self._memo(layer, lambda: _copy(layer))(x), self._place(x))

    def _merge(self, layer: keras.layers.Layer, xs: Sequence[keras.KerasTensor]) -> Any:
        places = [self._place(x) for x in xs]
        ranks = {len(x.shape) - (place != SHARED) for x, place in zip(xs, places, strict=True)}
        if len(ranks) > 1:
            # Merges of unlike ranks widen behind the batch axis.
            return self._stacked(Folded, layer, xs, FRONT)
        place = CHANNELS if all(place in (CHANNELS, SHARED) for place in places) else FRONT
        xs = [self._repeated(self._at(x, place), place) for x in xs]
        return self._noted(self._memo(layer, lambda: _copy(layer))(xs), place)

    def _repeated(self, x: keras.KerasTensor, place: str) -> keras.KerasTensor:
        """The tensor with all members, for layers that do not broadcast."""
        axis = 0 if place == FRONT else len(x.shape) - 2
        if x.shape[axis] == self.members:
            return x
        return self._note(ops.repeat(x, self.members, axis=axis), place)

    def _per_channel(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> Any:
        place = self._place(x)
        return self._stacked(
            Merged if place == CHANNELS else Folded, layer, x, CHANNELS if place == CHANNELS else FRONT
        )

    def _dropout(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> Any:
        place = CHANNELS if self._place(x) == CHANNELS else FRONT
        own = self.settings
        return self._stacked(
            StackedDropout,
            layer,
            x,
            place,
            rates=own.dropout,
            population=own.population,
            offset=own.offset,
            member_axis=-2 if place == CHANNELS else 0,
            seed=self._seed(layer),
        )

    def _seed(self, layer: keras.layers.Layer) -> int:
        """What the layer would draw from; a layer of rate 0 has nothing to draw from."""
        generator = getattr(layer, "seed_generator", None)
        return len(self.made) if generator is None else int(ops.convert_to_numpy(generator.state)[0])

    def _batch_normalization(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> Any:
        place = CHANNELS if self._place(x) == CHANNELS else FRONT
        return self._stacked(StackedBatchNormalization, layer, x, place, member_axis=-2 if place == CHANNELS else 0)

    def _stacked(self, make: type[Stacked], layer: keras.layers.Layer, x: Any, place: str, **settings: Any) -> Any:
        stacked = self._memo(layer, lambda: make(layer, self.members, **settings))
        # The layer was met before in another form: unrolled, which serves here too, or stacked, which is refused.
        if type(stacked) is not make or stacked.member_axis != settings.get("member_axis", make.member_axis):
            return self._unroll(layer, (x,), {})
        outputs = stacked(keras.tree.map_structure(lambda tensor: self._at(tensor, place), x))
        return self._noted(outputs, place)

    def _unroll(self, operation: keras.Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(operation, _L.SpectralNormalization):
            raise ValueError(
                f"Layer {operation.name!r} (SpectralNormalization) sets its weights while it is called, which members "
                "in one graph cannot do; use a kernel constraint such as `keras.constraints.UnitNorm()`."
            )
        if isinstance(self.made.get(id(operation)), Stacked) and not isinstance(self.made[id(operation)], Unrolled):
            raise ValueError(
                f"Layer {operation.name!r} is used in two ways that have no common stacked form; make two layers of it."
            )
        # A part of a population draws what it would draw within the whole.
        seeds = range(self.settings.offset, self.settings.offset + self.members)
        unrolled = self._memo(operation, lambda: Unrolled(operation, self.members, seeds=seeds))
        if operation.name not in self.unrolled:
            self.unrolled.append(operation.name)
        tensors: list[Any] = []

        def take(leaf: Any) -> Any:
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            tensors.append(self._at(leaf, FRONT))
            return Place(len(tensors) - 1)

        args, kwargs = keras.tree.map_structure(take, (args, kwargs))
        return self._noted(unrolled(tensors, site=unrolled.add_site(args, kwargs)), FRONT)

    def _memo(self, operation: keras.Operation, make: Callable[[], keras.layers.Layer]) -> keras.layers.Layer:
        if id(operation) not in self.made:
            made = make()
            # Two nested models may each have a layer of one name; one graph may not.
            if made.name in self.names:
                made.name = f"{made.name}_{len(self.names)}"
            self.made[id(operation)] = self.names[made.name] = made
        return self.made[id(operation)]

    def _place(self, x: Any) -> str:
        if isinstance(x, (list, tuple, dict)):
            return self._place(keras.tree.flatten(x)[0])
        return self.places[id(x)][1] if id(x) in self.places else SHARED

    def _note(self, x: keras.KerasTensor, place: str) -> keras.KerasTensor:
        # The tensor is kept beside its place, so that its id stays its own.
        self.places[id(x)] = (x, place)
        return x

    def _noted(self, outputs: Any, place: str) -> Any:
        return keras.tree.map_structure(lambda x: self._note(x, place), outputs)

    def _at(self, x: keras.KerasTensor, place: str) -> keras.KerasTensor:
        """The tensor with its member axis at `place`."""
        now = self._place(x)
        if now == place:
            return x
        if now == SHARED:
            moved = ops.expand_dims(x, 0 if place == FRONT else -2)
        else:
            moved = ops.moveaxis(x, 0, -2) if place == CHANNELS else ops.moveaxis(x, -2, 0)
        return self._note(moved, place)


_CONVOLUTIONS = {
    _L.Conv1D: StackedConv1D,
    _L.Conv2D: StackedConv2D,
    _L.DepthwiseConv2D: StackedDepthwiseConv2D,
}
_STACKED = {
    _L.Dense: StackedDense,
    _L.Embedding: StackedEmbedding,
    _L.LayerNormalization: StackedLayerNormalization,
    _L.Bidirectional: StackedBidirectional,
    **RECURRENT,
}


def _is_elementwise(layer: keras.layers.Layer, x: Any) -> bool:
    if type(layer) is _L.Activation:
        return known_activation(layer.activation) and layer.activity_regularizer is None
    if type(layer) is _L.Softmax:
        return layer.axis == -1
    return type(layer) in _ELEMENTWISE


def _is_dropout(layer: keras.layers.Layer, x: Any) -> bool:
    return type(layer) is _L.Dropout and layer.noise_shape is None


def _is_batch_normalization(layer: keras.layers.Layer, x: Any) -> bool:
    if type(layer) is not _L.BatchNormalization or layer.synchronized or getattr(layer, "renorm", False):
        return False
    return layer.axis in (-1, layer.input_spec.ndim - 1)


def _is_convolution(layer: keras.layers.Layer, x: Any) -> bool:
    if type(layer) not in _CONVOLUTIONS or layer.data_format != "channels_last":
        return False
    return known_activation(layer.activation) and not getattr(layer, "lora_rank", None)


def _has_stacked_form(layer: keras.layers.Layer, x: Any) -> bool:
    kind = type(layer)
    if getattr(layer, "lora_rank", None) or getattr(layer, "quantization_mode", None):
        return False
    if kind is _L.Bidirectional:
        inner = layer.forward_layer
        simple = layer.merge_mode in ("concat", "sum", "ave", "mul") and not layer.return_state
        return simple and type(inner) is type(layer.backward_layer) and _is_plain_recurrent(inner)
    if kind in RECURRENT:
        return _is_plain_recurrent(layer)
    if kind is _L.LayerNormalization:
        # Keras makes a list of the axis when it builds the layer.
        return layer.axis in (-1, [-1])
    return kind in _STACKED and known_activation(getattr(layer, "activation", None))


def _is_plain_recurrent(layer: keras.layers.Layer) -> bool:
    if type(layer) not in RECURRENT:
        return False
    cell = layer.cell
    activations = (cell.activation, getattr(cell, "recurrent_activation", None))
    plain = not (layer.stateful or cell.dropout or cell.recurrent_dropout)
    return plain and all(known_activation(activation) for activation in activations)


def _is_merge(layer: keras.layers.Layer, xs: Any) -> bool:
    concatenates = type(layer) is _L.Concatenate and layer.axis == -1
    return type(layer) in _MERGES or concatenates


def _is_per_channel(layer: keras.layers.Layer, x: Any) -> bool:
    return type(layer) in _PER_CHANNEL and getattr(layer, "data_format", "channels_last") == "channels_last"


def _is_rowwise(layer: keras.layers.Layer, x: Any) -> bool:
    """Whether the layer has no weights to train and no row of its output depends on another row."""
    if getattr(layer, "activity_regularizer", None) is not None:
        return False
    return type(layer) in (*_BY_ROW, *_PER_CHANNEL, *_MERGES) or _is_elementwise(layer, x)


def _is_nested(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.Sequential) or is_functional(operation)


def _functional(model: keras.Model) -> keras.Model:
    return keras.Model(model.inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model


def _flat_layers(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in flat_layers(model) if not is_functional(layer)]


def _makes_masks(layer: keras.layers.Layer) -> bool:
    # By what came out of it: any layer may make a mask, also one of the user's own.
    return any(mask_of(y) is not None for call in symbolic_calls(layer) for y in call.output_tensors)


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    return type(layer).from_config(layer.get_config())
