"""Optimizers of stacked weights: each member has its own rate, momentum, weight decay and clipping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..runtime.keras_internals import (
    OptimizerHooks,
    decay_exclusions,
    given_learning_rate,
    is_decayed,
    trained_variables,
    update_counter,
    variable_key,
    variable_place,
)
from .momentum import move_with_momentum
from .wrapping import known_optimizer

# Both as in Keras' LossScaleOptimizer.
_FIRST_SCALE = 2.0**15
_STEPS_TO_DOUBLE = 2000
# Where Keras' optimizers keep what they remember of each variable.
SLOTS = (
    "momentums", "_momentums", "_velocities", "_velocity_hats", "_average_gradients",
    "_model_variables_moving_average", "_accumulated_gradients",
)  # fmt: skip


@keras.saving.register_keras_serializable(package="trainwise")
class MemberRates(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate, or a schedule of one, for each member.

    Args:
        rates: One number or `LearningRateSchedule` a member.

    Example:

    >>> import numpy as np
    >>> np.asarray(MemberRates([0.5, 0.25])(0)).tolist()
    [0.5, 0.25]
    """

    def __init__(self, rates: Sequence[float | keras.optimizers.schedules.LearningRateSchedule]) -> None:
        self.rates = list(rates)

    def __call__(self, step: Any) -> Any:
        dtype = keras.backend.floatx()
        if not any(callable(rate) for rate in self.rates):
            return ops.convert_to_tensor(self.rates, dtype)
        answers = {id(rate): rate(step) for rate in self.rates if callable(rate)}
        return ops.stack([ops.cast(answers.get(id(rate), rate), dtype) for rate in self.rates])

    def get_config(self) -> dict[str, Any]:
        serialize = keras.optimizers.schedules.serialize
        return {"rates": [serialize(rate) if callable(rate) else float(rate) for rate in self.rates]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MemberRates:
        deserialize = keras.optimizers.schedules.deserialize
        return cls([deserialize(rate) if isinstance(rate, dict) else rate for rate in config["rates"]])


class _Memberwise(OptimizerHooks, keras.optimizers.Optimizer):
    """Mixed into one of Keras' optimizers: what it does to a weight, it does to each member's part of it.

    Args:
        members: Number of members, at least 1; every weight has the shape `(members, ...)`.
        learning_rate: `MemberRates`.
        weight_decay: One number a member, or `None`.
        loss_scaling: Whether each member's loss is scaled by itself, as half precision needs.
        **kwargs: As for the Keras optimizer.
    """

    def __init__(
        self,
        members: int,
        learning_rate: MemberRates | dict[str, Any],
        weight_decay: Sequence[float] | None = None,
        loss_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        # A saved optimizer brings its rates as a configuration.
        if isinstance(learning_rate, dict):
            learning_rate = keras.saving.deserialize_keras_object(learning_rate)
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.members = members
        self._owners: dict[Any, int | None] = {}
        self.loss_scaling = loss_scaling
        self.weight_decays = None if weight_decay is None else tuple(float(decay) for decay in weight_decay)
        # The one number that Keras knows of; each member's own stands beside it.
        self.weight_decay = self.weight_decays and max(self.weight_decays)

    @property
    def rates(self) -> MemberRates:
        """The learning rate or schedule of each member."""
        return given_learning_rate(self)

    @property
    def learning_rates(self) -> Any:
        """The learning rates at this update, shape `(members,)`."""
        return self.rates(update_counter(self))

    @property
    def learning_rate(self) -> Any:
        """Their mean: callbacks that log a learning rate need one number."""
        return ops.mean(self.learning_rates)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise ValueError(
            f"Each member has a learning rate of its own, so one learning rate, {value!r}, cannot be set; "
            "give each member a schedule instead."
        )

    def across(self, values: Any, variable: keras.Variable) -> Any:
        """`values`, one a member, in a shape and type that fit `variable`, which holds all members or one."""
        return self._laid_out(ops.cast(values, variable.dtype), variable, self._owner(variable))

    def _owner(self, variable: keras.Variable) -> int | None:
        return self._owners.get(variable_key(self, variable))

    def _laid_out(self, values: Any, like: Any, owner: int | None) -> Any:
        if owner is not None:
            return values[owner]
        # More than one where a table of all members stands in one axis, as an embedding's does.
        rows = like.shape[0] // self.members
        repeated = ops.repeat(values, rows, axis=0) if rows > 1 else values
        return ops.reshape(repeated, (-1, *(1,) * (len(like.shape) - 1)))

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        self._owners = {variable_key(self, variable): getattr(variable, "member", None) for variable in variables}
        super().build(variables)
        if self.loss_scaling:
            self.scale = self._member_variable(_FIRST_SCALE, "scale")
            self.finite_steps = self._member_variable(0.0, "finite_steps")

    def _member_variable(self, value: float, name: str) -> keras.Variable:
        variable = self.add_variable((self.members,), dtype="float32", name=name)
        variable.assign(ops.full((self.members,), value, "float32"))
        return variable

    def scaled(self, losses: Any) -> Any:
        """The losses `(members,)` as they are to be differentiated."""
        if not self.loss_scaling:
            return losses
        return losses * ops.cast(self.scale, losses.dtype)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        super().update_step(gradient, variable, self.across(self.learning_rates, variable))

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        variables = trained_variables(self) if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        given = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        # Clipping is told the gradients alone, in this order.
        self._order = tuple(self._owner(variable) for _, variable in given)
        if self.loss_scaling:
            self._apply_where_finite([g for g, _ in given], [v for _, v in given])
        else:
            super().apply(grads, None if trainable_variables is None else variables)

    def _apply_where_finite(self, grads: list[Any], variables: list[keras.Variable]) -> None:
        """A member whose gradients overflow skips the step; the others take theirs."""
        owners = [self._owner(variable) for variable in variables]
        grads = [ops.cast(ops.convert_to_tensor(gradient), "float32") for gradient in grads]
        # 0 for what is finite, NaN for all else, so that one sum a member tells of any.
        sums = sum(self._sums(gradient * 0, owner) for gradient, owner in zip(grads, owners, strict=True))
        finite = ops.isfinite(sums)
        clean = [
            ops.where(self._laid_out(finite, g, owner), g / self._laid_out(self.scale, g, owner), 0.0)
            for g, owner in zip(grads, owners, strict=True)
        ]
        kept = [*zip(variables, owners, strict=True), *self._slots(variables, owners)]
        # Keras' step is made for all members and taken back for those that skip it.
        before = [ops.copy(ops.convert_to_tensor(variable)) for variable, _ in kept]
        super().apply(clean, variables)
        for (variable, owner), old in zip(kept, before, strict=True):
            variable.assign(ops.where(self._laid_out(finite, variable, owner), variable, old))
        steps = ops.where(finite, self.finite_steps + 1, 0.0)
        grown = ops.where(steps >= _STEPS_TO_DOUBLE, self.scale * 2, self.scale)
        self.scale.assign(ops.where(finite, grown, ops.maximum(self.scale / 2, 1.0)))
        self.finite_steps.assign(ops.where(steps >= _STEPS_TO_DOUBLE, 0.0, steps))

    def _slots(
        self, variables: list[keras.Variable], owners: list[int | None]
    ) -> list[tuple[keras.Variable, int | None]]:
        """What the optimizer remembers of each variable, with whose it is."""
        found = []
        for name in SLOTS:
            for place, slot in enumerate(getattr(self, name, None) or []):
                if slot is not None:
                    found.append((slot, owners[place]))
        return found

    def _sums(self, values: Any, owner: int | None) -> Any:
        """Sum of a gradient-shaped tensor for each member: `(members,)`."""
        if owner is not None:
            return ops.where(ops.arange(self.members) == owner, ops.sum(values), ops.zeros((), values.dtype))
        return ops.sum(ops.reshape(values, (self.members, -1)), axis=1)

    def clipped(self, grads: list[Any]) -> list[Any]:
        if not (self.clipnorm or self.global_clipnorm):
            return super().clipped(grads)
        squares = [self._square_sums(g, owner) for g, owner in zip(grads, self._order, strict=True)]
        if self.clipnorm:
            norms = [ops.sqrt(square) for square in squares]
            scales = [self.clipnorm / ops.maximum(norm, self.clipnorm) for norm in norms]
        else:
            norm, most = ops.sqrt(sum(squares[1:], squares[0])), self.global_clipnorm
            # The difference makes an infinite norm NaN, as Keras does, for this member alone.
            scales = [most * ops.minimum(1.0 / norm, 1.0 / most) + (norm - norm)] * len(grads)
        return [self._times(g, scale, owner) for g, scale, owner in zip(grads, scales, self._order, strict=True)]

    def _square_sums(self, gradient: Any, owner: int | None) -> Any:
        if not hasattr(gradient, "indices"):
            return self._sums(ops.square(gradient), owner)
        # Rows that stand twice are squared before they are added up, as Keras does.
        squares = ops.sum(ops.square(gradient.values), axis=tuple(range(1, len(gradient.values.shape))))
        if owner is not None:
            return self._sums(squares, owner)
        return ops.segment_sum(squares, self._members_of_rows(gradient), num_segments=self.members)

    def _times(self, gradient: Any, scale: Any, owner: int | None) -> Any:
        if not hasattr(gradient, "indices"):
            return gradient * self._laid_out(ops.cast(scale, gradient.dtype), gradient, owner)
        own = scale[owner] if owner is not None else ops.take(scale, self._members_of_rows(gradient))
        values = gradient.values * ops.reshape(own, (-1, *(1,) * (len(gradient.values.shape) - 1)))
        return type(gradient)(values, gradient.indices, gradient.dense_shape)

    def _members_of_rows(self, gradient: Any) -> Any:
        rows = ops.cast(gradient.dense_shape[0], gradient.indices.dtype) // self.members
        return ops.cast(gradient.indices // rows, "int32")

    def decay_weights(self, variables: list[keras.Variable]) -> None:
        if self.weight_decays is None:
            return
        for variable in variables:
            if is_decayed(self, variable):
                decay = self.across(self.weight_decays, variable) * self.across(self.learning_rates, variable)
                self.assign_sub(variable, ops.convert_to_tensor(variable) * decay)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["learning_rate"] = keras.saving.serialize_keras_object(self.rates)
        own = {"members": self.members, "weight_decay": _listed(self.weight_decays), "loss_scaling": self.loss_scaling}
        return {**config, **own}


@keras.saving.register_keras_serializable(package="trainwise")
class MemberSGD(_Memberwise, keras.optimizers.SGD):
    """SGD with a learning rate, momentum and weight decay for each member.

    Args:
        members: Number of members, at least 1.
        learning_rate: `MemberRates`, or its configuration.
        momentum: One number in [0, 1] a member.
        **kwargs: As for `keras.optimizers.SGD`.

    Example:

    >>> import keras
    >>> weight = keras.Variable([[1.0], [1.0]])
    >>> optimizer = MemberSGD(2, MemberRates([0.1, 0.5]), momentum=[0.0, 0.9])
    >>> optimizer.apply([keras.ops.ones((2, 1))], [weight])
    >>> weight.numpy().round(2).ravel().tolist()
    [0.8999999761581421, 0.5]
    """

    def __init__(
        self, members: int, learning_rate: MemberRates | dict[str, Any], momentum: Sequence[float], **kwargs: Any
    ) -> None:
        # Not 0 where any member has momentum, or Keras would keep no velocities.
        super().__init__(members, learning_rate, momentum=float(max(momentum)), **kwargs)
        self.momenta = tuple(float(value) for value in momentum)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.multiply(gradient, self.across(self.learning_rates, variable))
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        velocity = self.momentums[variable_place(self, variable)]
        momentum = self.across(self.momenta, variable)
        move_with_momentum(self, variable, velocity, step, momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": list(self.momenta)}


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdam(_Memberwise, keras.optimizers.Adam):
    """Adam with a learning rate and weight decay for each member; arguments as for `MemberSGD` and Keras' Adam.

    Reference: Kingma and Ba 2015, arXiv:1412.6980.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdamW(_Memberwise, keras.optimizers.AdamW):
    """AdamW with a learning rate and weight decay for each member; arguments as for `MemberSGD` and Keras' AdamW.

    Reference: Loshchilov and Hutter 2019, arXiv:1711.05101.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberRMSprop(_Memberwise, keras.optimizers.RMSprop):
    """RMSprop with a learning rate and weight decay for each member.

    Arguments as for `MemberSGD` and `keras.optimizers.RMSprop`.
    """


def _listed(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else list(values)


MEMBER_FORMS = {
    keras.optimizers.SGD: MemberSGD,
    keras.optimizers.Adam: MemberAdam,
    keras.optimizers.AdamW: MemberAdamW,
    keras.optimizers.RMSprop: MemberRMSprop,
}


def memberwise(
    optimizer: str | keras.optimizers.Optimizer,
    members: int,
    learning_rate: Sequence[float | keras.optimizers.schedules.LearningRateSchedule] | None = None,
    momentum: Sequence[float] | None = None,
    weight_decay: Sequence[float] | None = None,
    loss_scaling: bool = False,
) -> _Memberwise:
    """The optimizer of a population that does to each member what `optimizer` does to one model.

    Args:
        optimizer: `"sgd"`, `"adam"`, `"adamw"`, `"rmsprop"`, or such a Keras optimizer.
        members: Number of members, at least 1.
        learning_rate: One rate or schedule a member; `None` keeps the optimizer's own.
        momentum: One number in [0, 1] a member, for SGD; `None` keeps the optimizer's own.
        weight_decay: One number a member; `None` keeps the optimizer's own.
        loss_scaling: Whether each member's loss is scaled by itself.

    Raises:
        ValueError: Another kind of optimizer, or a momentum for one that is not SGD.

    Example:

    >>> import numpy as np
    >>> optimizer = memberwise("adam", 2, learning_rate=[0.5, 0.25])
    >>> np.asarray(optimizer.learning_rates).tolist()
    [0.5, 0.25]
    """
    if isinstance(optimizer, _Memberwise):
        return optimizer
    given = known_optimizer("optimizer", optimizer)
    if isinstance(given, keras.optimizers.LossScaleOptimizer):
        given, loss_scaling = given.inner_optimizer, True
    form = MEMBER_FORMS.get(type(given))
    if form is None:
        raise ValueError(
            f"`optimizer` must be SGD, Adam, AdamW or RMSprop for a population, got {type(given).__name__}."
        )
    config = given.get_config()
    if momentum is not None and form is not MemberSGD:
        raise ValueError(f"`momentum` is a setting of SGD, got optimizer {type(given).__name__}; use optimizer='sgd'.")
    if form is MemberSGD:
        config["momentum"] = [config["momentum"]] * members if momentum is None else list(momentum)
    own = given_learning_rate(given)
    # A schedule or function stays as it is; a variable is read.
    own = own if callable(own) and not hasattr(own, "assign") else float(ops.convert_to_numpy(own))
    rates = [own] * members if learning_rate is None else list(learning_rate)
    config["learning_rate"] = MemberRates(rates)
    if weight_decay is not None:
        config["weight_decay"] = list(weight_decay)
    elif config.get("weight_decay") is not None:
        config["weight_decay"] = [config["weight_decay"]] * members
    made = form(members=members, loss_scaling=loss_scaling, **config)
    made.exclude_from_weight_decay(var_names=decay_exclusions(given))
    return made


def alone(optimizer: _Memberwise, k: int) -> keras.optimizers.Optimizer:
    """The ordinary Keras optimizer of member `k`, without its state.

    Example:

    >>> optimizer = memberwise("sgd", 2, learning_rate=[0.5, 0.25], momentum=[0.0, 0.9])
    >>> alone(optimizer, 1).momentum, round(float(alone(optimizer, 1).learning_rate), 4)
    (0.9, 0.25)
    """
    plain = next(kind for kind, form in MEMBER_FORMS.items() if type(optimizer) is form)
    config = optimizer.get_config()
    for name in ("members", "loss_scaling"):
        config.pop(name)
    config["learning_rate"] = optimizer.rates.rates[k]
    if config["weight_decay"] is not None:
        config["weight_decay"] = config["weight_decay"][k]
    elif type(optimizer) is MemberAdamW:
        # Keras' AdamW refuses `None`.
        config["weight_decay"] = 0.0
    if type(optimizer) is MemberSGD:
        config["momentum"] = config["momentum"][k]
    made = plain(**config)
    made.exclude_from_weight_decay(var_names=decay_exclusions(optimizer))
    return made
