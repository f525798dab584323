"""Members of layers without weights of their own, and of layers without a stacked form."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .stacked import Stack, Stacked, fold, unfold


@keras.saving.register_keras_serializable(package="trainwise")
class Folded(Stacked):
    """A layer without weights to train: members become rows of one larger batch.

    Input shape: `(members or 1, batch, ...)`, one or a list. Output shape: `(members, batch, ...)`.

    Example:

    >>> import keras, numpy as np
    >>> Folded(keras.layers.Flatten(), members=3)(np.ones((3, 5, 2, 2), "float32")).shape.as_list()
    [3, 5, 4]
    """

    def __init__(self, layer: Any, members: int, **kwargs: Any) -> None:
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

    def compute(self, inputs: Any, training: bool) -> Any:
        members = inputs.shape[-2]
        shape = ops.shape(inputs)
        outputs = self.layer(ops.reshape(inputs, (*shape[:-2], members * inputs.shape[-1])))
        return ops.reshape(outputs, (*ops.shape(outputs)[:-1], members, outputs.shape[-1] // members))


@keras.saving.register_keras_serializable(package="trainwise")
class Unrolled(Stacked):
    """Any layer or operation, called once for each member inside one graph.

    For layers that have no stacked form. Each member has a copy of the layer, with variables of its
    own that bear its number as `member`.

    Args:
        layer: A built Keras layer or model, or an operation of `keras.ops`.
        members: Number of members, at least 1.
        seeds: One whole number a member, from which random layers draw.
        **kwargs: `name` and the like.

    Call arguments: a list of tensors of shape `(members or 1, batch, ...)`, and `site`, which of the
    calls noted by `add_site` it is.

    Example:

    >>> import keras, numpy as np
    >>> layer = keras.layers.PReLU()
    >>> layer.build((None, 4))
    >>> unrolled = Unrolled(layer, members=3)
    >>> site = unrolled.add_site((Place(0),), {})
    >>> unrolled([np.ones((1, 5, 4), "float32")], site=site).shape.as_list()
    [3, 5, 4]
    """

    def __init__(self, layer: Any, members: int, seeds: Any = None, **kwargs: Any) -> None:
        super().__init__(layer, members, autocast=False, **kwargs)
        self.seeds = tuple(int(seed) for seed in (range(members) if seeds is None else seeds))
        self._sites: list[tuple[Any, Any]] = []
        self.copies = self._copies()

    def add_site(self, args: Any, kwargs: Any) -> int:
        """Notes the arguments of one call, a `Place` standing for each tensor; answers its number."""
        self._sites.append((args, kwargs))
        return len(self._sites) - 1

    def build(self, input_shape: Any) -> None:
        """The copies are built already."""

    def _copies(self) -> list[Any]:
        layer = self.layer
        if not getattr(layer, "variables", ()):
            return [layer] * self.members
        copies = [_built_copy(layer) for _ in range(self.members)]
        for k, one in enumerate(copies):
            one.set_weights(layer.get_weights())
            for variable in one.variables:
                variable.member = k
                if variable.name == "seed_generator_state":
                    variable.assign(ops.cast([self.seeds[k], 0], variable.dtype))
        return copies

    def stacks(self) -> list[Stack]:
        """What the members have for each weight of `layer`."""
        if not getattr(self.layer, "weights", ()):
            return []
        weights = zip(*(one.weights for one in self.copies), strict=True)
        return [Stack(own, theirs, self.members) for own, theirs in zip(self.layer.weights, weights, strict=True)]

    def member_losses(self) -> list[Any]:
        """Regularisation of activities and weights, each entry of shape `(members,)`."""
        if not getattr(self.layer, "variables", ()):
            return list(self.losses)
        losses = [one.losses for one in self.copies]
        return [ops.stack([sum(own[1:], own[0]) for own in losses])] if losses[0] else []

    def call(self, inputs: Any, site: int = 0, training: bool | None = None) -> Any:
        outputs = [self._member(inputs, site, k, training) for k in range(self.members)]
        return keras.tree.map_structure(_stacked_with_masks, *outputs)

    def _member(self, inputs: Any, site: int, k: int, training: bool | None) -> Any:
        own = [x[k if x.shape[0] > 1 else 0] for x in inputs]
        args, kwargs = _filled(self._sites[site], own)
        if getattr(self.copies[k], "_call_has_training_arg", False):
            kwargs = {**kwargs, "training": training}
        return self.copies[k](*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "seeds": self.seeds}
        config.pop("autocast", None)
        return config


class Place:
    """Stands for the tensor number `place` of a call."""

    def __init__(self, place: int) -> None:
        self.place = place


def broadcast(x: Any, members: int) -> Any:
    """`(1, batch, ...)` to `(members, batch, ...)`."""
    return x if x.shape[0] == members else ops.broadcast_to(x, (members, *ops.shape(x)[1:]))


def _filled(site: tuple[Any, Any], tensors: list[Any]) -> tuple[Any, Any]:
    return keras.tree.map_structure(lambda leaf: tensors[leaf.place] if isinstance(leaf, Place) else leaf, site)


def _built_copy(layer: Any) -> Any:
    if hasattr(layer, "_run_through_graph") or isinstance(layer, keras.Sequential):
        return keras.models.clone_model(layer)
    made = type(layer).from_config(layer.get_config())
    made.build_from_config(layer.get_build_config())
    made.trainable = layer.trainable
    return made


def _stacked_with_masks(*outputs: Any) -> Any:
    stacked = ops.stack(outputs)
    for note in ("_keras_logits", "_keras_mask"):
        noted = [getattr(output, note, None) for output in outputs]
        if all(one is not None for one in noted):
            setattr(stacked, note, ops.stack(noted))
    return stacked
