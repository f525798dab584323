"""The arithmetic of votes: many answers become one, in `keras.ops` and float32.

`answers` are one tensor a member, or, of many draws of one model, one tensor `(batch, draws, ...)`, which is a graph of
the same size for any number of draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from keras import ops

from ..checks import items_of, number

# What answers mean. "classes": probabilities that sum to 1 over the last axis. "labels": one probability a label.
# "values": quantities. "gaussian": mean and variance of one quantity, side by side.
KINDS = ("classes", "labels", "values", "gaussian")

# Shares closer than this count as tied: sums of float weights such as 0.1 + 0.2 and 0.3 differ by rounding.
_TIE = 1e-6
# A few units in the last place of float32: enough for `argmax` to see the winner of a tie, too little to matter.
_LIFT = 4e-7
# Far above the smallest float32, so that its logarithm is finite; float16 would make it 0.
_SMALLEST = 1e-30


def checked_weights(weights: Sequence[float] | None, members: int) -> list[float]:
    """Weights that sum to 1, one a member.

    Raises:
        ValueError: Their number is wrong, or one is NaN or negative, or all are 0.

    Example:

    >>> checked_weights([1, 3], 2)
    [0.25, 0.75]
    """
    if weights is None:
        return [1 / members] * members
    array = np.array([number("weights", one, 0, np.inf, open_high=True) for one in items_of("weights", weights)])
    if array.shape != (members,):
        raise ValueError(f"`weights` must hold {members} values, one a member, got shape {array.shape}.")
    if not np.all(np.isfinite(array)) or np.any(array < 0) or array.sum() == 0:
        raise ValueError(f"`weights` must be finite, at least 0 and not all 0, got {array.tolist()}.")
    return [float(value) for value in array / array.sum()]


def probabilities(answer: Any, kind: str, from_logits: bool) -> Any:
    """One member's answer in float32, logits turned into probabilities."""
    # Averages in bfloat16 change 0.6 % of the labels.
    answer = ops.cast(answer, "float32")
    if not from_logits:
        return answer
    return ops.softmax(answer, axis=-1) if kind == "classes" else ops.sigmoid(answer)


def soft(answers: Any, weights: Sequence[float], kind: str = "classes") -> Any:
    """Weighted mean; of Gaussians the mean and variance of their mixture.

    Reference: Lakshminarayanan et al. 2017, arXiv:1612.01474, section 2.4 for the mixture.

    Example:

    >>> print(ops.convert_to_numpy(soft([ops.array([[1.0, 0.0]]), ops.array([[0.0, 1.0]])], [0.25, 0.75])))
    [[0.25 0.75]]
    """
    if kind != "gaussian":
        return _weighted_sum(answers, weights)
    mean = _weighted_sum(_each(answers, lambda answer: answer[..., :1]), weights)
    against = _beside(mean, answers)
    # Members that differ about the mean add to the variance, each sure as it may be.
    squares = _each(answers, lambda answer: answer[..., 1:] + ops.square(answer[..., :1] - against))
    return ops.concatenate([mean, _weighted_sum(squares, weights)], axis=-1)


def median(answers: Sequence[Any], weights: Sequence[float], kind: str) -> Any:
    """Weighted median of each value; class probabilities are scaled to sum to 1 again.

    Where the medians of all classes are 0 there is no median vote, and the mean stands in.

    Example:

    >>> print(ops.convert_to_numpy(median([ops.array([[v]]) for v in (1.0, 2.0, 9.0)], [1 / 3] * 3, "values")))
    [[2.]]
    """
    stacked = ops.stack(answers, axis=-1)
    order = ops.argsort(stacked, axis=-1)
    ranked = ops.take_along_axis(stacked, order, axis=-1)
    shares = ops.take(ops.convert_to_tensor(weights, dtype="float32"), order)
    below = ops.cumsum(shares, axis=-1)
    last = len(answers) - 1
    # The first member to pass the half from below, and the first to pass it by more than rounding.
    low = ops.minimum(ops.sum(ops.cast(below < 0.5 - _TIE, "int32"), axis=-1, keepdims=True), last)
    high = ops.minimum(ops.sum(ops.cast(below < 0.5 + _TIE, "int32"), axis=-1, keepdims=True), last)
    found = (ops.take_along_axis(ranked, low, axis=-1) + ops.take_along_axis(ranked, high, axis=-1)) / 2
    # A sum with a NaN is NaN, which sorting would hide.
    found = ops.where(ops.isnan(ops.sum(stacked, axis=-1)), np.nan, found[..., 0])
    if kind != "classes":
        return found
    # Medians class by class need not sum to 1.
    total = ops.sum(found, axis=-1, keepdims=True)
    return ops.where(total <= _TIE, _weighted_sum(answers, weights), found / ops.maximum(total, _TIE))


def geometric(answers: Sequence[Any], weights: Sequence[float], kind: str) -> Any:
    """Weighted geometric mean of probabilities (a product of experts), scaled to sum to 1.

    Reference: Hinton 2002, "Training products of experts by minimizing contrastive divergence".

    Example:

    >>> even = geometric([ops.array([[0.8, 0.2]]), ops.array([[0.2, 0.8]])], [0.5, 0.5], "classes")
    >>> print(ops.convert_to_numpy(even))
    [[0.5 0.5]]
    """
    # The logarithm of 0 is infinite, and a row where each class has a 0 from somebody would be NaN.
    logs = [ops.log(ops.maximum(answer, _SMALLEST)) for answer in answers]
    if kind == "classes":
        return ops.softmax(_weighted_sum(logs, weights), axis=-1)
    against = [ops.log(ops.maximum(1 - answer, _SMALLEST)) for answer in answers]
    return ops.sigmoid(_weighted_sum(logs, weights) - _weighted_sum(against, weights))


def shares(answers: Any, weights: Sequence[float], kind: str, threshold: float | Sequence[float] = 0.5) -> Any:
    """Share of the votes that each class, or each label's yes, gets; NaN where a member outputs NaN."""
    return _weighted_sum(_each(answers, lambda answer: _ballot(answer, kind, threshold)), weights)


def hard(
    answers: Sequence[Any],
    weights: Sequence[float],
    kind: str,
    ties: str = "soft",
    threshold: float | Sequence[float] = 0.5,
) -> Any:
    """Shares of the votes in which `argmax` (or `> 0.5`) gives the winner, tied rows too.

    Example:

    >>> members = [ops.array([[0.9, 0.1]]), ops.array([[0.4, 0.6]])]
    >>> answer = ops.convert_to_numpy(hard(members, [0.5, 0.5], "classes"))
    >>> [round(float(share), 6) for share in answer[0]], int(answer.argmax())
    ([0.5, 0.5], 0)
    """
    share, mean = shares(answers, weights, kind, threshold), _weighted_sum(answers, weights)
    if kind == "labels":
        # Compared with 2 no mean wins: "first" leaves a tie to "no", the first of two classes.
        wins = mean > ops.convert_to_tensor(threshold, dtype="float32") if ties == "soft" else mean > 2.0
        settled = 0.5 + _LIFT * ops.cast(wins, "float32")
        return ops.where(ops.abs(share - 0.5) <= _TIE, settled, share)
    top = ops.max(share, axis=-1, keepdims=True)
    tied = share >= top - _TIE
    # Equal favour for all tied ones: the first of equals is then taken.
    favour = mean if ties == "soft" else ops.ones_like(mean)
    winner = ops.one_hot(_first_largest(ops.where(tied, favour, -1.0)), mean.shape[-1], dtype="float32")
    return ops.where(tied, top * (1 + _LIFT * winner), share)


def labels(answer: Any, kind: str, threshold: float | Sequence[float] = 0.5) -> Any:
    """Class numbers in int32, or 0 and 1 for each label; -1 where the answer is NaN.

    Example:

    >>> ops.convert_to_numpy(labels(ops.array([[0.2, 0.8]]), "classes")).tolist()
    [1]
    """
    if kind == "classes":
        # `argmax` of a NaN gives some class, which nobody voted for.
        known = ops.isfinite(ops.sum(answer, axis=-1))
        return ops.where(known, _first_largest(answer), -1)
    yes = answer > ops.convert_to_tensor(threshold, dtype="float32")
    return single(ops.where(ops.isfinite(answer), ops.cast(yes, "int32"), -1))


def uncertainty(
    answers: Any, weights: Sequence[float], kind: str, threshold: float | Sequence[float] = 0.5
) -> dict[str, Any]:
    """How unsure the members are together, and how far they differ.

    Returns:
        For classes and labels `entropy` of the mean answer and `mutual_information`, in nats, and
        `disagreement`, how often two members drawn by weight answer differently, in [0, 1]; for
        quantities `standard_deviation` between the members, for Gaussians of their mixture.

    Reference: Houlsby et al. 2011, arXiv:1112.5745 (mutual information); Kuncheva and Whitaker 2003,
    "Measures of diversity in classifier ensembles" (disagreement).
    """
    mean = soft(answers, weights, kind)
    if kind == "gaussian":
        return {"standard_deviation": ops.sqrt(mean[..., 1:])}
    if kind == "values":
        against = _beside(mean, answers)
        squares = _weighted_sum(_each(answers, lambda answer: ops.square(answer - against)), weights)
        return {"standard_deviation": ops.sqrt(squares)}
    entropy = _entropy(mean, kind)
    # Draws keep their axis, which an entropy of one value a row would else be taken for.
    expected = _weighted_sum(_each(answers, lambda answer: _entropies(answer, kind)), weights)
    expected = expected if kind == "classes" else single(expected)
    share = shares(answers, weights, kind, threshold)
    if kind == "classes":
        agreement = ops.sum(ops.square(share), axis=-1)
    else:
        agreement = single(ops.square(share) + ops.square(1 - share))
    # The chance that two draws are two members: a member does not disagree with itself.
    pairs = 1 - float(np.sum(np.square(weights)))
    return {
        "entropy": entropy,
        "mutual_information": ops.maximum(entropy - expected, 0.0),
        "disagreement": ops.maximum(1 - agreement, 0.0) / pairs if pairs > 0 else ops.zeros_like(agreement),
    }


def single(tensor: Any) -> Any:
    """Without the last axis where that holds one value, as that of a binary task does."""
    return ops.squeeze(tensor, axis=-1) if tensor.shape[-1] == 1 else tensor


def _first_largest(values: Any) -> Any:
    """Place of the largest value, the first of equals, int32.

    Of whole numbers, since `argmax` of floats is made of operations that OpenVINO cannot read.
    """
    largest = values >= ops.max(values, axis=-1, keepdims=True)
    return ops.cast(ops.argmax(ops.cast(largest, "int32"), axis=-1), "int32")


def _each(answers: Any, change: Callable[[Any], Any]) -> Any:
    """`change` of each answer: of the tensors of a list, or of one tensor that holds them all."""
    return [change(answer) for answer in answers] if isinstance(answers, (list, tuple)) else change(answers)


def _beside(mean: Any, answers: Any) -> Any:
    """The mean in a shape that fits the answers."""
    return mean if isinstance(answers, (list, tuple)) else ops.expand_dims(mean, 1)


def _weighted_sum(tensors: Any, weights: Sequence[float]) -> Any:
    if isinstance(tensors, (list, tuple)):
        return reduce(add, (tensor * weight for tensor, weight in zip(tensors, weights, strict=True)))
    along = ops.reshape(ops.convert_to_tensor(weights, dtype="float32"), (1, -1, *(1,) * (len(tensors.shape) - 2)))
    return ops.sum(tensors * along, axis=1)


def _ballot(answer: Any, kind: str, threshold: float | Sequence[float]) -> Any:
    if kind == "labels":
        yes = ops.cast(answer > ops.convert_to_tensor(threshold, dtype="float32"), "float32")
        return ops.where(ops.isfinite(answer), yes, np.nan)
    vote = ops.one_hot(_first_largest(answer), answer.shape[-1], dtype="float32")
    # Nothing, or NaN where the answer is: a choice by a mask is mixed up by OpenVINO on CPUs without AVX-512.
    return vote + 0.0 * ops.sum(answer, axis=-1, keepdims=True)


def _entropy(p: Any, kind: str) -> Any:
    return _entropies(p, kind) if kind == "classes" else single(_entropies(p, kind))


def _entropies(p: Any, kind: str) -> Any:
    """The entropy of each row's classes, or of each label."""
    return -ops.sum(_p_log_p(p), axis=-1) if kind == "classes" else -_p_log_p(p) - _p_log_p(1 - p)


def _p_log_p(p: Any) -> Any:
    return ops.where(p > 0, p * ops.log(ops.maximum(p, _SMALLEST)), 0.0 * p)
