"""Keras' optimizers for stacked weights, with settings for each member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..runtime.keras_internals import slots, variable_place
from .member_updates import MemberRates, Memberwise
from .momentum import move_with_momentum


@keras.saving.register_keras_serializable(package="trainwise")
class MemberSGD(Memberwise, keras.optimizers.SGD):
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
        step = ops.multiply(gradient, self.rates_of(variable))
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        velocity = self.momentums[variable_place(self, variable)]
        momentum = self.across(self.momenta, variable)
        move_with_momentum(self, variable, velocity, step, momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": list(self.momenta)}


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdam(Memberwise, keras.optimizers.Adam):
    """Adam with a learning rate and weight decay for each member; arguments as for `MemberSGD` and Keras' Adam.

    Reference: Kingma and Ba 2015, arXiv:1412.6980.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdamW(Memberwise, keras.optimizers.AdamW):
    """AdamW with a learning rate and weight decay for each member; arguments as for `MemberSGD` and Keras' AdamW.

    Reference: Loshchilov and Hutter 2019, arXiv:1711.05101.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberRMSprop(Memberwise, keras.optimizers.RMSprop):
    """RMSprop with a learning rate and weight decay for each member.

    Arguments as for `MemberSGD` and `keras.optimizers.RMSprop`.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdagrad(Memberwise, keras.optimizers.Adagrad):
    """Adagrad with a learning rate and weight decay for each member.

    Reference: Duchi et al. 2011, JMLR 12.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdadelta(Memberwise, keras.optimizers.Adadelta):
    """Adadelta with a learning rate and weight decay for each member.

    Reference: Zeiler 2012, arXiv:1212.5701.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdamax(Memberwise, keras.optimizers.Adamax):
    """Adamax with a learning rate and weight decay for each member.

    Reference: Kingma and Ba 2015, arXiv:1412.6980, section 7.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberNadam(Memberwise, keras.optimizers.Nadam):
    """Nadam with a learning rate and weight decay for each member.

    Reference: Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberLion(Memberwise, keras.optimizers.Lion):
    """Lion with a learning rate and weight decay for each member.

    Reference: Chen et al. 2023, arXiv:2302.06675.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberFtrl(Memberwise, keras.optimizers.Ftrl):
    """FTRL with a learning rate and weight decay for each member.

    Reference: McMahan et al. 2013, "Ad click prediction", KDD.
    """


@keras.saving.register_keras_serializable(package="trainwise")
class MemberLamb(Memberwise, keras.optimizers.Lamb):
    """Lamb with a learning rate and weight decay for each member; its norms are those of a member's part of a weight.

    Reference: You et al. 2020, arXiv:1904.00962.
    """

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable.dtype)
        place, owner = variable_place(self, variable), self.owner(variable)
        steps = ops.cast(self.iterations + 1, variable.dtype)
        momentum, velocity = (slots(self, name)[place] for name in ("_momentums", "_velocities"))
        self.assign_add(momentum, (gradient - momentum) * (1 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1 - self.beta_2))
        unbiased = momentum / (1 - ops.power(ops.cast(self.beta_1, variable.dtype), steps))
        spread = ops.sqrt(velocity / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), steps)))
        update = unbiased / (spread + self.epsilon)
        weights = ops.sqrt(self.sums(ops.square(ops.convert_to_tensor(variable)), owner))
        moves = ops.sqrt(self.sums(ops.square(update), owner))
        # Weights or updates that are all zero take the rate as it is.
        trust = ops.where((weights > 0) & (moves > 0), weights / ops.where(moves > 0, moves, 1.0), 1.0)
        self.assign_sub(variable, self.laid_out(trust, variable, owner) * self.rates_of(variable) * update)


@keras.saving.register_keras_serializable(package="trainwise")
class MemberAdafactor(Memberwise, keras.optimizers.Adafactor):
    """Adafactor with a learning rate and weight decay for each member.

    Rows and columns are those of a member's part of a weight, and so is the root of the mean square.

    Reference: Shazeer and Stern 2018, arXiv:1804.04235.
    """

    def make_slots(self, variables: list[keras.Variable]) -> None:
        # Not Adafactor's own, which takes the member axis for one of the weight's.
        keras.optimizers.Optimizer.build(self, variables)
        self._r, self._c, self._v = [], [], []
        for variable in variables:
            shape = self._parts(variable)
            # A member's own variable has slots of its shape, as in a lone model.
            first = 0 if self.owner(variable) is None else 1
            factored = len(shape) > 2
            self._r.append(self._slot(variable, shape[first:-1], "row") if factored else None)
            self._c.append(self._slot(variable, (*shape[first:-2], shape[-1]), "column") if factored else None)
            self._v.append(self._slot(variable, variable.shape, "velocity"))

    def _slot(self, variable: keras.Variable, shape: Sequence[int], name: str) -> keras.Variable:
        return self.add_variable(shape=tuple(shape), dtype=variable.dtype, name=f"{variable.name}_{name}")

    def _follow(self, slot: keras.Variable, values: Any, kept: Any) -> Any:
        """Moves a slot towards `values` and returns what it holds, in the shape of `values`."""
        now = kept * ops.reshape(ops.convert_to_tensor(slot), values.shape) + (1 - kept) * values
        self.assign(slot, ops.reshape(now, slot.shape))
        return now

    def _parts(self, variable: keras.Variable) -> tuple[int, ...]:
        """The shape of a variable with one axis of members in front, of length 1 where it is one member's."""
        return (self.members if self.owner(variable) is None else 1, *self.lone_shape(variable))

    def _root(self, squares: Any) -> Any:
        """The root of the mean of each member's squares, in a shape that fits them."""
        means = ops.mean(ops.reshape(squares, (squares.shape[0], -1)), axis=1)
        return ops.reshape(ops.sqrt(means), (-1, *(1,) * (len(squares.shape) - 1)))

    def _own_rates(self, variable: keras.Variable, steps: Any) -> Any:
        """The rates, those that are no schedules kept below the falling bound of `relative_step`."""
        rates = ops.cast(self.learning_rates, variable.dtype)
        # Keras' LayerwiseLearningRate hands down a function, which counts as a schedule too.
        if self.relative_step and not self.layer_rates:
            bounded = [not callable(rate) for rate in self.rates.rates]
            rates = ops.where(ops.convert_to_tensor(bounded), ops.minimum(rates, 1 / ops.sqrt(steps)), rates)
        return rates * self.factor(variable)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        shape, owner, place = self._parts(variable), self.owner(variable), variable_place(self, variable)
        gradient = ops.cast(gradient, variable.dtype)
        # Rows that stand twice in a batch are squared before they are added up, as Keras does.
        squares = ops.reshape(ops.convert_to_tensor(ops.square(gradient)), shape)
        gradient = ops.reshape(ops.convert_to_tensor(gradient), shape)
        weights = ops.reshape(ops.convert_to_tensor(variable), shape)
        steps = ops.cast(self.iterations + 1, variable.dtype)
        rates = self._own_rates(variable, steps)
        rates = ops.reshape(rates if owner is None else rates[owner], (-1, *(1,) * (len(shape) - 1)))
        pace = ops.maximum(ops.cast(self.epsilon_2, variable.dtype), self._root(ops.square(weights)))
        pace = pace * ops.minimum(rates, 1 / ops.sqrt(steps))
        kept = 1 - ops.power(steps, self.beta_2_decay)
        second = self._second_moment(place, squares + self.epsilon_1, kept)
        excess = ops.maximum(1.0, self._root(squares / second) / self.clip_threshold)
        self.assign_sub(variable, ops.reshape(pace * gradient / (ops.sqrt(second) * excess), variable.shape))

    def _second_moment(self, place: int, squares: Any, kept: Any) -> Any:
        """The estimate of the squared gradients, from rows and columns where a weight has them."""
        if self._r[place] is None:
            return self._follow(self._v[place], squares, kept)
        rows = self._follow(self._r[place], ops.mean(squares, axis=-1), kept)
        columns = self._follow(self._c[place], ops.mean(squares, axis=-2), kept)
        shares = rows / ops.mean(rows, axis=-1, keepdims=True)
        second = ops.expand_dims(shares, -1) * ops.expand_dims(columns, -2)
        self.assign(self._v[place], ops.reshape(second, self._v[place].shape))
        return second


MEMBER_FORMS = {
    keras.optimizers.SGD: MemberSGD,
    keras.optimizers.Adam: MemberAdam,
    keras.optimizers.AdamW: MemberAdamW,
    keras.optimizers.RMSprop: MemberRMSprop,
    keras.optimizers.Adagrad: MemberAdagrad,
    keras.optimizers.Adadelta: MemberAdadelta,
    keras.optimizers.Adamax: MemberAdamax,
    keras.optimizers.Nadam: MemberNadam,
    keras.optimizers.Lion: MemberLion,
    keras.optimizers.Ftrl: MemberFtrl,
    keras.optimizers.Lamb: MemberLamb,
    keras.optimizers.Adafactor: MemberAdafactor,
}
