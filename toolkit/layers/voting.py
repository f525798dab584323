"""Votes as layers, for those who build their own graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..checks import items_of, number, one_of
from ..metrics import vote_arithmetic

_TASKS = {"auto": "classes", "multiclass": "classes", "binary": "labels", "multilabel": "labels"}


class _Voting(keras.layers.Layer):
    """Takes a list of predictions of one shape and outputs one of that shape, in float32 whatever the policy."""

    def __init__(self, weights: Sequence[float] | None, **kwargs: Any) -> None:
        # The members' predictions must reach the arithmetic as they are: half precision moves labels.
        super().__init__(**{**kwargs, "autocast": False})
        self.vote_weights = (
            None
            if weights is None
            else [number("weights", one, 0, np.inf, open_high=True) for one in items_of("weights", weights)]
        )
        # Wrong weights are refused here; whether they fit the number of members, only `build` can tell.
        vote_arithmetic.checked_weights(self.vote_weights, 1 if self.vote_weights is None else len(self.vote_weights))

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list | tuple) or not all(isinstance(one, list | tuple) for one in input_shape):
            raise ValueError(f"{type(self).__name__} takes a list of answers, one a member, got shape {input_shape}.")
        shapes = {tuple(one) for one in input_shape}
        if len(shapes) != 1:
            raise ValueError(f"{type(self).__name__} needs answers of one shape, got {sorted(map(str, shapes))}.")
        self._shares = vote_arithmetic.checked_weights(self.vote_weights, len(input_shape))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def compute_output_spec(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        return keras.KerasTensor(inputs[0].shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.vote_weights}


@keras.saving.register_keras_serializable(package="trainwise")
class SoftVoting(_Voting):
    """The weighted mean of the members' predictions.

    Args:
        weights: One weight a member, >= 0, not all 0; equal by default. Only their ratios matter.

    Input: a list of tensors of one shape, such as `(batch, classes)`. Output: float32 of that shape.

    Raises:
        ValueError: The predictions differ in shape, or the weights do not fit them.

    Example:

    >>> import numpy as np
    >>> vote = SoftVoting(weights=[1, 3])
    >>> print(keras.ops.convert_to_numpy(vote([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])])))
    [[0.25 0.75]]
    """

    def __init__(self, weights: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(weights, **kwargs)

    def call(self, inputs: Any) -> Any:
        answers = [vote_arithmetic.probabilities(answer, "classes", False) for answer in inputs]
        return vote_arithmetic.soft(answers, self._shares)


@keras.saving.register_keras_serializable(package="trainwise")
class HardVoting(_Voting):
    """The share of the members' votes that each class gets; `argmax` of it is the winner.

    Args:
        weights: One weight a member, >= 0, not all 0; equal by default. Only their ratios matter.
        ties: Who wins a tie: `"soft"`, the class with the larger mean probability; `"first"`, the first
            class, as in scikit-learn.
        task: `"multiclass"`: the last axis holds class probabilities; `"binary"` and `"multilabel"`: each
            value is a probability of its own, and a vote is cast above 0.5. `"auto"`: binary where
            the last axis holds one value, else multiclass.

    Input: a list of tensors of one shape, such as `(batch, classes)`. Output: float32 of that shape.

    Raises:
        ValueError: The predictions differ in shape, or an argument is not among those named.

    Example:

    >>> import numpy as np
    >>> members = [np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]]), np.array([[0.3, 0.7]])]
    >>> print(keras.ops.convert_to_numpy(HardVoting()(members)).round(2))
    [[0.33 0.67]]
    """

    def __init__(
        self, weights: Sequence[float] | None = None, ties: str = "soft", task: str = "auto", **kwargs: Any
    ) -> None:
        super().__init__(weights, **kwargs)
        self.ties = one_of("ties", ties, ("soft", "first"))
        self.task = one_of("task", task, tuple(_TASKS))

    def call(self, inputs: Any) -> Any:
        one_value = self.task == "auto" and inputs[0].shape[-1] == 1
        kind = "labels" if one_value else _TASKS[self.task]
        answers = [vote_arithmetic.probabilities(answer, kind, False) for answer in inputs]
        return vote_arithmetic.hard(answers, self._shares, kind, self.ties)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ties": self.ties, "task": self.task}
