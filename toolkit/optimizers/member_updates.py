"""What the optimizers of stacked weights share: each member has its own rate, weight decay, clipping and loss scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ..runtime.keras_internals import (
    OptimizerHooks,
    given_learning_rate,
    is_decayed,
    trained_variables,
    update_counter,
    variable_key,
)
from .layer_multipliers import factors_of

# Both as in Keras' LossScaleOptimizer.
_FIRST_SCALE = 2.0**15
_STEPS_TO_DOUBLE = 2000
# Where Keras' optimizers keep what they remember of each variable.
SLOTS = (
    "momentums", "_momentums", "_velocities", "_velocity_hats", "_average_gradients",
    "_model_variables_moving_average", "_accumulated_gradients", "_accumulators", "_accumulated_grads",
    "_accumulated_delta_vars", "_m", "_u", "_linears", "_r", "_c", "_v",
)  # fmt: skip
# What Nadam keeps of all variables together.
SHARED = ("_u_product",)


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


class Memberwise(OptimizerHooks, keras.optimizers.Optimizer):
    """Mixed into one of Keras' optimizers: what it does to a weight, it does to each member's part of it.

    Args:
        members: Number of members, at least 1; every weight has the shape `(members, ...)`.
        learning_rate: `MemberRates`.
        weight_decay: One number a member, or `None`.
        loss_scaling: Whether each member's loss is scaled by itself, as half precision needs.
        layer_rates: `{"multipliers": {layer: number}, "default": number}` as for `LayerwiseLearningRate`, or `None`.
        **kwargs: As for the Keras optimizer.
    """

    def __init__(
        self,
        members: int,
        learning_rate: MemberRates | dict[str, Any],
        weight_decay: Sequence[float] | None = None,
        loss_scaling: bool = False,
        layer_rates: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        # A saved optimizer brings its rates as a configuration.
        if isinstance(learning_rate, dict):
            learning_rate = keras.saving.deserialize_keras_object(learning_rate)
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.members = members
        self.layer_rates = layer_rates
        self.settable_rates: keras.Variable | None = None
        self._owners: dict[Any, int | None] = {}
        self._factors: dict[Any, float] = {}
        self._named: dict[int, keras.Variable] = {}
        self._lone: dict[Any, keras.Variable] = {}
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
        if self.settable_rates is not None:
            return ops.convert_to_tensor(self.settable_rates)
        return self.rates(update_counter(self))

    def let_rates_be_set(self) -> keras.Variable:
        """Has the rates kept in a variable from now on, so that `set_rate` can change them between updates.

        Returns:
            The variable, shape `(members,)`.

        Raises:
            ValueError: A member's rate follows a schedule.
        """
        if any(callable(rate) for rate in self.rates.rates):
            raise ValueError(
                "A member's learning rate follows a schedule, and ReduceLROnPlateau would set it too; leave the "
                "callback out, or give `learning_rate` numbers."
            )
        if self.settable_rates is None:
            self.settable_rates = self._member_variable(self.rates.rates, "learning_rates", keras.backend.floatx())
        return self.settable_rates

    def rate(self, k: int) -> Any:
        """The learning rate of member `k` as it stands: a number, or its schedule."""
        if self.settable_rates is None:
            return self.rates.rates[k]
        return float(ops.convert_to_numpy(self.settable_rates)[k])

    def set_rate(self, k: int, value: float) -> None:
        """Sets the learning rate of member `k`; before the fit `let_rates_be_set` must have been called."""
        held = self.let_rates_be_set()
        rates = ops.convert_to_numpy(held).copy()
        rates[k] = value
        held.assign(rates)

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
        return self.laid_out(ops.cast(values, variable.dtype), variable, self.owner(variable))

    def rates_of(self, variable: keras.Variable) -> Any:
        """The learning rates of a variable's layer, in a shape and type that fit the variable."""
        rates, factor = self.across(self.learning_rates, variable), self.factor(variable)
        return rates if factor == 1.0 else rates * factor

    def factor(self, variable: keras.Variable) -> float:
        """What `layer_rates` multiplies the rates of a variable's layer with."""
        return self._factors.get(variable_key(self, variable), 1.0)

    def stands_for(self, weights: Mapping[int, keras.Variable]) -> None:
        """Notes, before `build`, the weight of a lone model that each variable (by its `id`) holds for the members."""
        self._named = dict(weights)

    def lone_shape(self, variable: keras.Variable) -> tuple[int, ...]:
        """The shape that a variable has in a lone model."""
        lone = self._lone.get(variable_key(self, variable))
        if lone is not None:
            return tuple(lone.shape)
        return tuple(variable.shape) if self.owner(variable) is not None else tuple(variable.shape[1:])

    def owner(self, variable: keras.Variable) -> int | None:
        """The member that a variable belongs to; `None` where it holds all."""
        return self._owners.get(variable_key(self, variable))

    def laid_out(self, values: Any, like: Any, owner: int | None) -> Any:
        """`values`, one a member, in a shape that fits `like`, which holds all members or those of `owner` alone."""
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
        self._lone = {variable_key(self, v): self._named[id(v)] for v in variables if id(v) in self._named}
        if self.layer_rates:
            # By the names that the layers have in a lone model: those of its copies may differ.
            paths = [str(self._named.get(id(variable), variable).path) for variable in variables]
            factors = factors_of(paths, **self.layer_rates)
            self._factors = {variable_key(self, v): factor for v, factor in zip(variables, factors, strict=True)}
        self.make_slots(variables)
        if self.loss_scaling:
            self.scale = self._member_variable([_FIRST_SCALE] * self.members, "scale")
            self.finite_steps = self._member_variable([0.0] * self.members, "finite_steps")

    def make_slots(self, variables: list[keras.Variable]) -> None:
        """Makes what the optimizer remembers of each variable, as Keras' class does."""
        super().build(variables)

    def _member_variable(self, values: Sequence[float], name: str, dtype: str = "float32") -> keras.Variable:
        variable = self.add_variable((self.members,), dtype=dtype, name=name)
        variable.assign(ops.convert_to_tensor(values, dtype))
        return variable

    def scaled(self, losses: Any) -> Any:
        """The losses `(members,)` as they are to be differentiated."""
        if not self.loss_scaling:
            return losses
        return losses * ops.cast(self.scale, losses.dtype)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        super().update_step(gradient, variable, self.rates_of(variable))

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        variables = trained_variables(self) if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        given = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        # Clipping is told the gradients alone, in this order.
        self._order = tuple(self.owner(variable) for _, variable in given)
        if self.loss_scaling:
            self._apply_where_finite([g for g, _ in given], [v for _, v in given])
        else:
            super().apply(grads, None if trainable_variables is None else variables)

    def _apply_where_finite(self, grads: list[Any], variables: list[keras.Variable]) -> None:
        """A member whose gradients overflow skips the step; the others take theirs."""
        owners = [self.owner(variable) for variable in variables]
        grads = [ops.cast(ops.convert_to_tensor(gradient), "float32") for gradient in grads]
        # 0 for what is finite, NaN for all else, so that one sum a member tells of any.
        sums = sum(self.sums(gradient * 0, owner) for gradient, owner in zip(grads, owners, strict=True))
        finite = ops.isfinite(sums)
        clean = [
            ops.where(self.laid_out(finite, g, owner), g / self.laid_out(self.scale, g, owner), 0.0)
            for g, owner in zip(grads, owners, strict=True)
        ]
        kept = [*zip(variables, owners, strict=True), *self._slots(variables, owners)]
        # Keras' step is made for all members and taken back for those that skip it.
        before = [ops.copy(ops.convert_to_tensor(variable)) for variable, _ in kept]
        super().apply(clean, variables)
        for (variable, owner), old in zip(kept, before, strict=True):
            variable.assign(ops.where(self.laid_out(finite, variable, owner), variable, old))
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

    def sums(self, values: Any, owner: int | None) -> Any:
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
            return self.sums(ops.square(gradient), owner)
        # Rows that stand twice are squared before they are added up, as Keras does.
        squares = ops.sum(ops.square(gradient.values), axis=tuple(range(1, len(gradient.values.shape))))
        if owner is not None:
            return self.sums(squares, owner)
        return ops.segment_sum(squares, self._members_of_rows(gradient), num_segments=self.members)

    def _times(self, gradient: Any, scale: Any, owner: int | None) -> Any:
        if not hasattr(gradient, "indices"):
            return gradient * self.laid_out(ops.cast(scale, gradient.dtype), gradient, owner)
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
                decay = self.across(self.weight_decays, variable) * self.rates_of(variable)
                self.assign_sub(variable, ops.convert_to_tensor(variable) * decay)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["learning_rate"] = keras.saving.serialize_keras_object(self.rates)
        config["weight_decay"] = None if self.weight_decays is None else list(self.weight_decays)
        own = {"members": self.members, "loss_scaling": self.loss_scaling, "layer_rates": self.layer_rates}
        return {**config, **own}
