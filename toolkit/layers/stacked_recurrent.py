"""Stacked forms of SimpleRNN, LSTM, GRU and Bidirectional."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from .stacked import Stack, Stacked

# Short sequences are unrolled in the graph; a loop costs more than their steps.
_LONGEST_UNROLLED = 32


class _StackedRecurrent(Stacked):
    """K members of a recurrent layer: one product for the inputs of all steps, then step by step."""

    states = 1

    def compute(self, inputs: Any, training: bool) -> Any:
        layer, cell = self.layer, self.layer.cell
        inputs = ops.flip(inputs, axis=2) if layer.go_backwards else inputs
        members, time, features = inputs.shape[0], ops.shape(inputs)[2], inputs.shape[3]
        rows = ops.matmul(ops.reshape(inputs, (members, -1, features)), self.named("kernel"))
        # The bias goes in once, with the inputs of all steps, not at each step.
        bias = self._input_bias()
        rows = rows if bias is None else ops.add(rows, ops.expand_dims(bias, 1))
        steps = ops.moveaxis(ops.reshape(rows, (self.members, -1, time, rows.shape[-1])), 2, 0)
        start = ops.zeros((self.members, ops.shape(steps)[2], cell.units), dtype=steps.dtype)
        state = (start,) * self.states
        last, outputs = self._run(steps, state)
        answer = ops.moveaxis(outputs, 0, 2) if layer.return_sequences else last[0]
        return [answer, *last] if layer.return_state else answer

    def _run(self, steps: Any, state: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        recurrent = ops.convert_to_tensor(self.named("recurrent_kernel"))
        time = steps.shape[0]
        if time is not None and time <= _LONGEST_UNROLLED:
            outputs = []
            for step in range(time):
                state = self.step(steps[step], state, recurrent)
                outputs.append(state[0])
            return state, ops.stack(outputs) if self.layer.return_sequences else None

        def advance(carry: tuple[Any, ...], row: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            new = self.step(row, carry, recurrent)
            return new, new

        last, history = ops.scan(advance, state, steps)
        return last, history[0]

    def _input_bias(self) -> Any:
        return self.named("bias")

    def step(self, row: Any, state: tuple[Any, ...], recurrent: Any) -> tuple[Any, ...]:
        """One step: projected inputs `(members, batch, gates x units)` and state to the new state."""
        raise NotImplementedError(f"{type(self).__name__} must override `step(row, state, recurrent)`.")


@keras.saving.register_keras_serializable(package="trainwise")
class StackedSimpleRNN(_StackedRecurrent):
    """K members of a `keras.layers.SimpleRNN`.

    Input shape: `(members or 1, batch, time, features)`. Output shape: `(members, batch, units)`, or
    `(members, batch, time, units)` with `return_sequences`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedSimpleRNN(keras.layers.SimpleRNN(4), members=3)
    >>> stacked(np.ones((1, 2, 5, 6), "float32")).shape.as_list()
    [3, 2, 4]
    """

    def step(self, row: Any, state: tuple[Any, ...], recurrent: Any) -> tuple[Any, ...]:
        """One step."""
        return (self.layer.activation(row + ops.matmul(state[0], recurrent)),)


@keras.saving.register_keras_serializable(package="trainwise")
class StackedLSTM(_StackedRecurrent):
    """K members of a `keras.layers.LSTM`.

    Input shape: `(members or 1, batch, time, features)`. Output shape: `(members, batch, units)`, or
    `(members, batch, time, units)` with `return_sequences`.

    Reference: Hochreiter and Schmidhuber 1997, "Long short-term memory".

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedLSTM(keras.layers.LSTM(4, return_sequences=True), members=3)
    >>> stacked(np.ones((1, 2, 5, 6), "float32")).shape.as_list()
    [3, 2, 5, 4]
    """

    states = 2

    def step(self, row: Any, state: tuple[Any, ...], recurrent: Any) -> tuple[Any, ...]:
        """One step."""
        hidden, carry = state
        # Keras' order: input, forget, candidate, output.
        parts = ops.split(row + ops.matmul(hidden, recurrent), 4, axis=-1)
        gate, activate = self.layer.recurrent_activation, self.layer.activation
        carry = gate(parts[1]) * carry + gate(parts[0]) * activate(parts[2])
        return gate(parts[3]) * activate(carry), carry


@keras.saving.register_keras_serializable(package="trainwise")
class StackedGRU(_StackedRecurrent):
    """K members of a `keras.layers.GRU`, with `reset_after` or without.

    Input shape: `(members or 1, batch, time, features)`. Output shape: `(members, batch, units)`, or
    `(members, batch, time, units)` with `return_sequences`.

    Reference: Cho et al. 2014, arXiv:1406.1078.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedGRU(keras.layers.GRU(4), members=3)
    >>> stacked(np.ones((1, 2, 5, 6), "float32")).shape.as_list()
    [3, 2, 4]
    """

    def _input_bias(self) -> Any:
        bias = self.named("bias")
        # With `reset_after` Keras has a second bias, which goes through the reset gate with the state.
        return bias[:, 0] if bias is not None and self.layer.reset_after else bias

    def step(self, row: Any, state: tuple[Any, ...], recurrent: Any) -> tuple[Any, ...]:
        """One step."""
        hidden, units = state[0], self.layer.units
        gate, activate = self.layer.recurrent_activation, self.layer.activation
        if self.layer.reset_after:
            inner = ops.matmul(hidden, recurrent)
            bias = self.named("bias")
            inner = inner if bias is None else inner + ops.expand_dims(bias[:, 1], 1)
            update, reset = ops.split(gate(row[..., : 2 * units] + inner[..., : 2 * units]), 2, axis=-1)
            candidate = activate(row[..., 2 * units :] + reset * inner[..., 2 * units :])
        else:
            inner = ops.matmul(hidden, recurrent[..., : 2 * units])
            update, reset = ops.split(gate(row[..., : 2 * units] + inner), 2, axis=-1)
            candidate = activate(row[..., 2 * units :] + ops.matmul(reset * hidden, recurrent[..., 2 * units :]))
        return (update * hidden + (1 - update) * candidate,)


RECURRENT = {
    keras.layers.SimpleRNN: StackedSimpleRNN,
    keras.layers.LSTM: StackedLSTM,
    keras.layers.GRU: StackedGRU,
}


@keras.saving.register_keras_serializable(package="trainwise")
class StackedBidirectional(Stacked):
    """K members of a `keras.layers.Bidirectional` around a SimpleRNN, LSTM or GRU.

    Input shape: `(members or 1, batch, time, features)`. Output shape: as the wrapped layer's, with
    twice the units for `merge_mode="concat"`.

    Example:

    >>> import keras, numpy as np
    >>> stacked = StackedBidirectional(keras.layers.Bidirectional(keras.layers.GRU(4)), members=3)
    >>> stacked(np.ones((1, 2, 5, 6), "float32")).shape.as_list()
    [3, 2, 8]
    """

    def build(self, input_shape: Any) -> None:
        layers = (self.layer.forward_layer, self.layer.backward_layer)
        self.directions = [RECURRENT[type(layer)](layer, self.members) for layer in layers]
        for direction in self.directions:
            direction.build(input_shape)

    def stacks(self) -> list[Stack]:
        """What the members have for each weight of both directions."""
        return [stack for direction in self.directions for stack in direction.stacks()]

    def member_losses(self) -> list[Any]:
        """Regularisation, each entry of shape `(members,)`."""
        return [loss for direction in self.directions for loss in direction.member_losses()]

    def compute(self, inputs: Any, training: bool) -> Any:
        forward, backward = (direction(inputs, training=training) for direction in self.directions)
        if self.layer.forward_layer.return_sequences:
            # The backward layer gives its steps in the order in which it read them.
            backward = ops.flip(backward, axis=2)
        mode = self.layer.merge_mode
        if mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if mode == "mul":
            return forward * backward
        return (forward + backward) / (2 if mode == "ave" else 1)
