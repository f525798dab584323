"""What all stacked layers share: K members of one layer, their weights on a leading member axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import instance_of, whole_number
from ..runtime.keras_internals import autocasts, logits_of, note_logits
from .cloning import recreated


class _Hidden:
    """Holds a layer out of sight of Keras, which would else count its weights as those of the holder."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        self.layer = layer


class Stack:
    """The values that K members have for one weight of their layer.

    They live in one variable, member after member along its first axis, or in one variable a member.

    Args:
        weight: The weight of the layer that each member is one of.
        variables: One variable that holds all members, or one for each.
        members: Number of members, at least 1.

    Example:

    >>> import keras, numpy as np
    >>> stack = Stack(keras.Variable([0.0, 0.0]), [keras.Variable(np.zeros((2, 2)))], members=2)
    >>> stack.write([[1.0, 2.0], [3.0, 4.0]])
    >>> stack.of(1).tolist()
    [3.0, 4.0]
    """

    def __init__(self, weight: keras.Variable, variables: Sequence[keras.Variable], members: int) -> None:
        self.weight = weight
        self.variables = list(variables)
        self.members = members

    def all(self, find: Callable[[keras.Variable], keras.Variable] = lambda variable: variable) -> np.ndarray:
        """The values of all members, `(members, *shape)`, or of what `find` knows for the variable."""
        values = [ops.convert_to_numpy(find(variable)) for variable in self.variables]
        if len(values) > 1:
            return np.stack(values)
        # What an optimizer keeps of rows or columns alone is laid out by members already.
        whole = values[0].shape == tuple(self.variables[0].shape)
        return values[0].reshape(self.members, *self.weight.shape) if whole else values[0]

    def of(self, k: int, find: Callable[[keras.Variable], keras.Variable] = lambda variable: variable) -> np.ndarray:
        """The values of member `k`, or of what `find` knows for the variable, such as an optimizer's slot."""
        return self.all(find)[k]

    def write(self, values: Sequence[Any]) -> None:
        """Sets the values, one array a member."""
        if len(self.variables) > 1:
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(value)
        else:
            self.variables[0].assign(np.stack(values).reshape(self.variables[0].shape))


class Stacked(keras.layers.Layer):
    """K members of one layer as one layer; every weight has the shape `(members, *shape)`.

    Tensors carry a member axis too: of length `members`, or of length 1 where all members see the
    same values. It stands in front, `(members, batch, ...)`, or, for the layers that work on
    channels, before the last axis, `(batch, ..., members, channels)`.

    Args:
        layer: The Keras layer. Where it is built, all members start from its weights; else each
            member draws its own.
        members: Number of members, at least 1.
        **kwargs: `name` and the like, as for any Keras layer.

    Raises:
        TypeError: `members` is not a whole number.
        ValueError: `members` is below 1.
    """

    member_axis = 0

    def __init__(self, layer: keras.layers.Layer, members: int, **kwargs: Any) -> None:
        instance_of("layer", layer, keras.Operation, "a Keras layer")
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", getattr(layer, "dtype_policy", None))
        kwargs.setdefault("trainable", getattr(layer, "trainable", True))
        super().__init__(**kwargs)
        self.members = whole_number("members", members, low=1)
        self._hidden = _Hidden(layer)
        self._variables_by_weight: list[Any] = []

    @property
    def layer(self) -> keras.layers.Layer:
        """The layer that each member is one of; its own weights are not used after `build`."""
        return self._hidden.layer

    def build(self, input_shape: Sequence[int | None]) -> None:
        layers = [self.layer] * self.members
        if not self.layer.built:
            layers = [recreated(self.layer) for _ in range(self.members)]
            for layer in layers:
                layer.build(self._member_shape(input_shape))
            # `stacks` names each variable by the weight it stands for, so there must be a built layer.
            self._hidden.layer = layers[0]
        stacks = zip(*(layer.weights for layer in layers), strict=True)
        self._variables_by_weight = [self._stack(weights) for weights in stacks]

    def _member_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        axis = self.member_axis % len(shape)
        return (*shape[:axis], *shape[axis + 1 :])

    def _stack(self, weights: Sequence[keras.Variable]) -> keras.Variable:
        return self._variable(weights[0], np.stack([ops.convert_to_numpy(weight) for weight in weights]))

    def _variable(self, like: keras.Variable, start: np.ndarray) -> keras.Variable:
        # Without the regulariser, which Keras would sum over all members: `member_losses` has each by itself.
        return self.add_weight(
            name=like.name,
            shape=start.shape,
            dtype=like.dtype,
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype),
            trainable=like.trainable,
            # Statistics of batch normalisation stay float32 in half precision.
            autocast=autocasts(like),
            constraint=like.constraint and MemberConstraint(like.constraint, self.members),
        )

    def stacks(self) -> list[Stack]:
        """What the members have for each weight of `layer`."""
        pairs = zip(self.layer.weights, self._variables_by_weight, strict=True)
        return [Stack(weight, [variable], self.members) for weight, variable in pairs]

    def member_losses(self) -> list[Any]:
        """Regularisation of activities and weights, each entry of shape `(members,)`."""
        penalties = [
            member_penalty(stack.weight.regularizer, self._by_member(stack))
            for stack in self.stacks()
            if stack.variables[0].trainable and getattr(stack.weight, "regularizer", None) is not None
        ]
        return [*self.losses, *penalties]

    def _by_member(self, stack: Stack) -> Any:
        return ops.reshape(stack.variables[0], (self.members, *stack.weight.shape))

    def named(self, name: str) -> Any:
        """The variable of the weight that the layer calls `name`, or `None`."""
        return next((stack.variables[0] for stack in self.stacks() if stack.weight.name == name), None)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self.compute(inputs, bool(training))
        regularizer = getattr(self.layer, "activity_regularizer", None)
        if regularizer is not None:
            for output in keras.tree.flatten(outputs):
                output = ops.moveaxis(output, self.member_axis, 0)
                # Keras divides by the rows of the batch, so that the penalty does not grow with them.
                rows = ops.cast(ops.shape(output)[1], output.dtype)
                self.add_loss(ops.divide_no_nan(member_penalty(regularizer, output), rows))
        return outputs

    def compute(self, inputs: Any, training: bool) -> Any:
        """The layer's work; `inputs` and outputs carry the member axis."""
        raise NotImplementedError(f"{type(self).__name__} must override `compute(inputs, training)`.")

    def get_config(self) -> dict[str, Any]:
        layer = keras.saving.serialize_keras_object(self.layer)
        config = {**super().get_config(), "layer": layer, "members": self.members}
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Stacked:
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


@keras.saving.register_keras_serializable(package="trainwise")
class MemberConstraint(keras.constraints.Constraint):
    """Applies a constraint to each member of a stacked weight by itself.

    Args:
        constraint: The Keras constraint of one member.
        members: Number of members along the first axis, at least 1.

    Example:

    >>> import keras, numpy as np
    >>> constraint = MemberConstraint(keras.constraints.MaxNorm(1.0, axis=0), members=2)
    >>> stacked = np.array([[[3.0], [4.0]], [[0.3], [0.4]]], "float32")
    >>> np.asarray(constraint(stacked)).round(3).ravel().tolist()
    [0.6000000238418579, 0.800000011920929, 0.30000001192092896, 0.4000000059604645]
    """

    def __init__(self, constraint: keras.constraints.Constraint, members: int) -> None:
        self.constraint = keras.constraints.get(constraint)
        self.members = members

    def __call__(self, w: Any) -> Any:
        value = ops.convert_to_tensor(w)
        if value.shape[0] == self.members:
            return ops.stack([self.constraint(value[k]) for k in range(self.members)])
        # The table of an embedding has the members one after another in its first axis.
        return ops.concatenate([self.constraint(part) for part in ops.split(value, self.members)])

    def get_config(self) -> dict[str, Any]:
        return {"constraint": keras.constraints.serialize(self.constraint), "members": self.members}


def member_penalty(regularizer: keras.regularizers.Regularizer, stacked: Any) -> Any:
    """The regulariser of each member by itself: `(members, ...)` to `(members,)`."""
    values = ops.convert_to_tensor(stacked)
    axes = tuple(range(1, len(values.shape)))
    # The common ones in one sum; another is called for each member, for what it sums over is not known.
    kind = type(regularizer)
    if kind is keras.regularizers.L2:
        return ops.cast(regularizer.l2, values.dtype) * ops.sum(ops.square(values), axis=axes)
    if kind is keras.regularizers.L1:
        return ops.cast(regularizer.l1, values.dtype) * ops.sum(ops.abs(values), axis=axes)
    return ops.stack([regularizer(values[k]) for k in range(values.shape[0])])


def known_activation(activation: Callable[..., Any] | None) -> bool:
    """Whether an activation works element by element or along the last axis, whatever stands before."""
    return activation is None or getattr(activation, "__module__", "").startswith("keras.")


def fold(x: Any) -> Any:
    """`(members, batch, ...)` to `(members x batch, ...)`."""
    return ops.reshape(x, (-1, *ops.shape(x)[2:]))


def unfold(x: Any, members: int) -> Any:
    """`(members x batch, ...)` to `(members, batch, ...)`."""
    return ops.reshape(x, (members, -1, *ops.shape(x)[1:]))


def with_logits(move: Callable[[Any], Any], x: Any) -> Any:
    """`move(x)`, which keeps the logits that Keras notes on a softmax or sigmoid for an exact loss."""
    moved = move(x)
    logits = logits_of(x)
    if logits is not None:
        note_logits(moved, move(logits))
    return moved
