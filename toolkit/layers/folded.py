"""Members of layers without weights of their own, and of layers without a stacked form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..runtime.keras_internals import flat_layers, logits_of, mask_of, note_logits, note_mask, takes_training
from .stacked import Stack, Stacked, fold, unfold
from .stacked_convolution import windows

_MAX_POOLING = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D)


@keras.saving.register_keras_serializable(package="trainwise")
class Folded(Stacked):
    """A layer without weights to train: members become rows of one larger batch.

    Input shape: `(members or 1, batch, ...)`, one or a list. Output shape: `(members, batch, ...)`.

    Example:

    >>> import keras, numpy as np
    >>> Folded(keras.layers.Flatten(), members=3)(np.ones((3, 5, 2, 2), "float32")).shape.as_list()
    [3, 5, 4]
    """

    def __init__(self, layer: keras.layers.Layer, members: int, **kwargs: Any) -> None:
        super().__init__(layer, members, autocast=False, **kwargs)
        # Seen by Keras, unlike the layer of other stacked layers: its statistics are saved with it.
        self.inner = layer

    def build(self, input_shape: Any) -> None:
        """Has no weights of its own."""

    def stacks(self) -> list[Stack]:
        """None: what the layer knows, such as statistics, is the same for all members."""
        return []

    def compute(self, inputs: Any, training: bool) -> Any:
        folded = keras.tree.map_structure(lambda x: fold(broadcast(x, self.members)), inputs)
        return keras.tree.map_structure(lambda y: unfold(y, self.members), self.layer(folded))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="trainwise")
class Merged(Folded):
    """A layer that treats each channel alike, such as pooling: members become channels.

    Input shape: `(batch, ..., members or 1, channels)`. Output shape: `(batch, ..., members, channels)`.

    Example:

    >>> import keras, numpy as np
    >>> Merged(keras.layers.MaxPooling2D(), members=3)(np.ones((5, 4, 4, 3, 2), "float32")).shape.as_list()
    [5, 2, 2, 3, 2]
    """

    member_axis = -2
    # The gradient of max pooling is slow under XLA on CPUs; `Population.compile` sets this.
    for_xla = False

    def compute(self, inputs: Any, training: bool) -> Any:
        layer = self.layer
        known = None not in inputs.shape[1:]
        if self.for_xla and known and isinstance(layer, _MAX_POOLING) and layer.padding == "valid":
            return max_by_slices(inputs, layer.pool_size, layer.strides)
        members = inputs.shape[-2]
        shape = ops.shape(inputs)
        outputs = self.layer(ops.reshape(inputs, (*shape[:-2], members * inputs.shape[-1])))
        return ops.reshape(outputs, (*ops.shape(outputs)[:-1], members, outputs.shape[-1] // members))


def max_by_slices(x: Any, window: Sequence[int], strides: Sequence[int]) -> Any:
    """Max pooling as the larger of shifted slices; of equal values the first has the gradient, as in pooling.

    Args:
        x: Shape `(batch, *spatial, members, channels)`.
        window: Size along each spatial axis.
        strides: One for each spatial axis.

    Example:

    >>> import numpy as np
    >>> x = np.array([1.0, 4.0, 3.0, 2.0]).reshape(1, 4, 1, 1)
    >>> np.asarray(max_by_slices(x, [2], [2])).ravel().tolist()
    [4.0, 3.0]
    """
    x = ops.convert_to_tensor(x)
    first, *others = (x[(slice(None), *cut)] for cut in windows(x.shape[1:-2], window, strides, [1] * len(window)))
    for other in others:
        first = ops.where(ops.logical_or(other > first, ops.isnan(other)), other, first)
    return first


@keras.saving.register_keras_serializable(package="trainwise")
class Unrolled(Stacked):
    """Any layer or operation, called once for each member inside one graph.

    For layers that have no stacked form. Each member has variables of its own, which bear its number
    as `member` and stand in for the layer's.

    Args:
        layer: A built Keras layer or model, or an operation of `keras.ops`.
        members: Number of members, at least 1.
        seeds: One whole number a member, from which random layers draw.
        **kwargs: `name` and the like.

    Call arguments: a list of tensors of shape `(members or 1, batch, ...)`, and `site`, which of the
    calls noted by `add_site` it is.

    Raises:
        ValueError: The layer changes a variable that is not its own, when it is called.

    Example:

    >>> import keras, numpy as np
    >>> layer = keras.layers.PReLU()
    >>> layer.build((None, 4))
    >>> unrolled = Unrolled(layer, members=3)
    >>> site = unrolled.add_site((Place(0),), {})
    >>> unrolled([np.ones((1, 5, 4), "float32")], site=site).shape.as_list()
    [3, 5, 4]
    """

    def __init__(
        self, layer: keras.layers.Layer, members: int, seeds: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(layer, members, autocast=False, **kwargs)
        self.seeds = tuple(int(seed) for seed in (range(members) if seeds is None else seeds))
        self._sites: list[tuple[Any, Any]] = []
        self.own = [[self._own(variable, k) for variable in self._variables()] for k in range(members)]

    def add_site(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Notes the arguments of one call, a `Place` standing for each tensor; returns its number."""
        self._sites.append((args, kwargs))
        return len(self._sites) - 1

    def build(self, input_shape: Any) -> None:
        """The variables are there already."""

    def _variables(self) -> list[keras.Variable]:
        return [*getattr(self.layer, "variables", ()), *carried_states(self.layer)]

    def _own(self, like: keras.Variable, k: int) -> keras.Variable:
        start = ops.convert_to_numpy(like)
        if like.name == "seed_generator_state":
            start = np.array([self.seeds[k], 0], start.dtype)
        made = self.add_weight(
            name=like.name,
            shape=start.shape,
            dtype=like.dtype,
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype),
            trainable=like.trainable,
            constraint=like.constraint,
        )
        made.member = k
        return made

    def stacks(self) -> list[Stack]:
        """What the members have for each weight of `layer`."""
        return self._stacks_of(getattr(self.layer, "weights", ()))

    def carried(self) -> list[Stack]:
        """What the members have for each state that the layer carries from batch to batch."""
        return self._stacks_of(carried_states(self.layer))

    def _stacks_of(self, variables: Sequence[keras.Variable]) -> list[Stack]:
        places = {id(variable): place for place, variable in enumerate(self._variables())}
        return [
            Stack(variable, [own[places[id(variable)]] for own in self.own], self.members) for variable in variables
        ]

    def member_losses(self) -> list[Any]:
        """Regularisation of activities and weights, each entry of shape `(members,)`."""
        return list(self.losses)

    def call(self, inputs: Any, training: bool | None = None, site: int = 0) -> Any:
        results = [self._member(inputs, site, k, training) for k in range(self.members)]
        losses = [sum(own[1:], own[0]) for _, own in results if own]
        if losses:
            self.add_loss(ops.stack(losses))
        return keras.tree.map_structure(_stacked_with_notes, *(outputs for outputs, _ in results))

    def _member(self, inputs: Any, site: int, k: int, training: bool | None) -> tuple[Any, list[Any]]:
        own = [x[k if x.shape[0] > 1 else 0] for x in inputs]
        args, kwargs = _filled(self._sites[site], own)
        if takes_training(self.layer):
            kwargs = {**kwargs, "training": training}
        values = [(variable, ops.convert_to_tensor(mine)) for variable, mine in self._pairs(k)]
        with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
            outputs = self.layer(*args, **kwargs)
            losses = list(getattr(self.layer, "losses", ()))
        self._refuse_foreign_states(scope)
        for variable, mine in self._pairs(k):
            new = scope.get_current_value(variable)
            if not mine.trainable and new is not None:
                mine.assign(new)
        # The penalty on weights comes last, and counts once however often the layer is called.
        weighed = sum(getattr(v, "regularizer", None) is not None for v in self._variables() if v.trainable)
        return outputs, losses[: len(losses) - weighed] if site else losses

    def _refuse_foreign_states(self, scope: keras.StatelessScope) -> None:
        if set(scope.state_mapping) - {id(variable) for variable in self._variables()}:
            raise ValueError(
                f"Layer {self.layer.name!r} ({type(self.layer).__name__}) changes a variable that Keras does not count "
                "among its own, so members could not have one each; make it with `self.add_weight`, and draw random "
                "numbers from a `keras.random.SeedGenerator` that the layer holds."
            )

    def _pairs(self, k: int) -> zip[tuple[keras.Variable, keras.Variable]]:
        return zip(self._variables(), self.own[k], strict=True)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "seeds": self.seeds}
        config.pop("autocast", None)
        return config


def carried_states(layer: Any) -> list[keras.Variable]:
    """The states that recurrent layers with `stateful=True` carry from batch to batch; Keras counts them nowhere.

    Args:
        layer: A built layer, model or operation.

    Example:

    >>> import keras
    >>> layer = keras.layers.GRU(2, stateful=True)
    >>> layer.build((3, 4, 1))
    >>> [tuple(state.shape) for state in carried_states(layer)]
    [(3, 2)]
    """
    layers = [layer, *flat_layers(layer)] if isinstance(layer, keras.layers.Layer) else []
    found = [one.states for one in layers if getattr(one, "stateful", False) and getattr(one, "states", None)]
    states = [state for state in keras.tree.flatten(found) if isinstance(state, keras.Variable)]
    return list({id(state): state for state in states}.values())


class Place:
    """Stands for the tensor number `place` of a call."""

    def __init__(self, place: int) -> None:
        self.place = place


def broadcast(x: Any, members: int) -> Any:
    """`(1, batch, ...)` to `(members, batch, ...)`."""
    return x if x.shape[0] == members else ops.broadcast_to(x, (members, *ops.shape(x)[1:]))


def _filled(site: tuple[Any, Any], tensors: list[Any]) -> tuple[Any, Any]:
    return keras.tree.map_structure(lambda leaf: tensors[leaf.place] if isinstance(leaf, Place) else leaf, site)


def _stacked_with_notes(*outputs: Any) -> Any:
    stacked = ops.stack(outputs)
    for read, note in ((logits_of, note_logits), (mask_of, note_mask)):
        noted = [read(output) for output in outputs]
        if all(one is not None for one in noted):
            note(stacked, ops.stack(noted))
    return stacked
