"""Larger batches than fit into memory: gradients of several batches make one update."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ..checks import number, whole_number
from ..runtime.keras_internals import trained_variables, update_counter, variable_place
from .wrapping import Wrapper, learning_rate_of, read_optimizer


@keras.saving.register_keras_serializable(package="trainwise")
class AccumulatedGradients(Wrapper):
    """Makes one update of the inner optimizer from the gradients of several batches.

    How many is a variable: `optimizer.steps = 4` takes effect at the next batch with no new trace.
    `iterations` counts updates, so schedules see updates too. Batch normalisation sees the single
    batches ("ghost" batches).

    Args:
        inner_optimizer: Keras optimizer, or its name.
        steps: Batches of an update, at least 1.
        name: Name of the optimizer.

    Attributes:
        rows: Weight of the next batch in the mean, 1 at first; set it to the number of its rows
            where batches differ.

    Raises:
        TypeError: `inner_optimizer` is none, or `steps` is not a whole number.
        ValueError: `steps` below 1.

    Example:

    >>> import keras
    >>> weight = keras.Variable([1.0])
    >>> optimizer = AccumulatedGradients(keras.optimizers.SGD(0.1), steps=2)
    >>> for gradient in (1.0, 3.0):
    ...     optimizer.apply([keras.ops.array([gradient])], [weight])
    >>> weight.numpy().round(3).tolist(), int(optimizer.iterations)
    ([0.800000011920929], 1)
    """

    def __init__(
        self,
        inner_optimizer: str | keras.optimizers.Optimizer | dict[str, Any],
        steps: int = 1,
        name: str = "accumulated",
    ) -> None:
        given = read_optimizer(inner_optimizer)
        # Keras asks for a rate; the one that counts is the inner optimizer's, behind the property.
        super().__init__(0.0, name=name)
        self._inner = given
        self._steps = self._counter("steps", whole_number("steps", steps, low=1))
        self._rows = self._counter("rows", 1)
        self._batches = self._counter("batches", 0)
        self._weight = self._counter("weight", 0)
        self._sums: list[Any] = []

    def _counter(self, name: str, value: float) -> keras.Variable:
        variable = self.add_variable((), dtype="float32", name=name)
        variable.assign(float(value))
        return variable

    def inner(self) -> list[keras.optimizers.Optimizer]:
        """The inner optimizer."""
        return [self._inner]

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's."""
        return self._inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._inner.learning_rate = value

    @property
    def iterations(self) -> keras.Variable:
        """Updates made so far."""
        return self._inner.iterations

    @property
    def steps(self) -> int:
        """Batches of an update."""
        return int(ops.convert_to_numpy(self._steps))

    @steps.setter
    def steps(self, value: int) -> None:
        self._steps.assign(float(whole_number("steps", value, low=1)))

    @property
    def rows(self) -> float:
        """Weight of the next batch in the mean."""
        return float(ops.convert_to_numpy(self._rows))

    @rows.setter
    def rows(self, value: float) -> None:
        self._rows.assign(number("rows", value, 0, float("inf"), open_low=True))

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._inner.build(variables)
        self._sums = self.add_optimizer_variables(variables, "sum")

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        variables = trained_variables(self) if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        sums = [self._sums[variable_place(self, variable)] for variable in variables]
        for gradient, total in zip(grads, sums, strict=True):
            if gradient is not None:
                # Weighed by its rows, where they are told: a short batch then counts for less in the mean.
                total.assign_add(
                    ops.cast(ops.convert_to_tensor(gradient), total.dtype) * ops.cast(self._rows, total.dtype)
                )
        self._weight.assign_add(ops.convert_to_tensor(self._rows))
        self._batches.assign_add(1.0)
        update_counter(self).assign_add(1)
        due = ops.convert_to_tensor(self._batches) >= ops.convert_to_tensor(self._steps)
        # Weights that have no gradient must not get a zero instead: the inner optimizer would decay and move them.
        given = [gradient is not None for gradient in grads]
        ops.cond(due, lambda: self._update(variables, sums, given), lambda: None)

    def _update(self, variables: list[keras.Variable], sums: list[keras.Variable], given: list[bool]) -> None:
        weight = ops.convert_to_tensor(self._weight)
        used = [(total, variable) for total, variable, some in zip(sums, variables, given, strict=True) if some]
        means = [ops.convert_to_tensor(total) / ops.cast(weight, total.dtype) for total, _ in used]
        self._inner.apply(means, [variable for _, variable in used])
        for total in sums:
            total.assign(ops.zeros_like(total))
        self._weight.assign(0.0)
        self._batches.assign(0.0)

    def flush(self) -> bool:
        """Makes an update of what is left over, as after the last batch; returns whether there was any."""
        if not self.built or not float(ops.convert_to_numpy(self._batches)):
            return False
        self._update(trained_variables(self), self._sums, [True] * len(self._sums))
        return True

    def scale_loss(self, loss: Any) -> Any:
        # Gradients come scaled as the inner optimizer expects them.
        return self._inner.scale_loss(loss)

    def get_config(self) -> dict[str, Any]:
        settings = self._inner.get_config()
        if "learning_rate" in settings:
            settings["learning_rate"] = learning_rate_of(self._inner)
        inner = type(self._inner).from_config(settings)
        return {"inner_optimizer": keras.saving.serialize_keras_object(inner), "steps": self.steps, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, type] | None = None) -> AccumulatedGradients:
        return cls(**config)
