"""Votes of several models as one Keras model, and members chosen by greedy selection."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from .checks import one_of, whole_number
from .outputs import input_structure, output_activation

# Shares closer than this count as tied: sums of float weights such as 0.1 + 0.2 and 0.3 differ by rounding.
_TIE = 1e-6
_PROBABILITIES = ("softmax", "sigmoid")


def vote(
    models: Sequence[Any],
    how: str = "soft",
    weights: Sequence[float] | None = None,
    ties: str = "soft",
    output: str = "probabilities",
    name: str = "ensemble",
) -> Any:
    """Joins trained models into one Keras model that answers with their vote.

    The members are deep copies, so that the originals stay as they are; the vote is made of Keras'
    own operations, in float32, and saves, reloads and exports like any functional model.

    Args:
        models: At least one built functional or Sequential model; all take the same inputs and
            answer one array of the same shape: class probabilities `(batch, classes)` from a softmax,
            `(batch, 1)` or `(batch, labels)` from a sigmoid, or quantities.
        how: `"soft"`: the mean of the answers. `"hard"`: each member votes for its likeliest class,
            or for every label above 0.5.
        weights: One weight a member, >= 0, not all 0; equal by default. Only their ratios matter.
        ties: Who wins a tied hard vote: `"soft"`, the class with the larger mean probability;
            `"first"`, the first of the classes (as scikit-learn does).
        output: `"probabilities"`: for a hard vote the share of the votes of each class. In a tied row the
            winner's share is raised by 2e-6, so that `argmax` (or `> 0.5`) gives the winner.
        name: Name of the new model.

    Returns:
        A functional model with the inputs of the members and one output.

    Raises:
        TypeError: `models` is not a list of Keras models.
        ValueError: There are no models, they differ in inputs or output shape, `weights` do not
            fit, or a hard vote is asked of models that answer no probabilities.

    Reference: Hansen and Salamon 1990, "Neural network ensembles", IEEE TPAMI 12(10); Lakshminarayanan
    et al. 2017, arXiv:1612.01474.

    Example:

    >>> import keras, numpy as np
    >>> def member():
    ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    >>> members = [member(), member()]
    >>> x = np.ones((4, 2))
    >>> mean = (members[0].predict(x, verbose=0) + members[1].predict(x, verbose=0)) / 2
    >>> bool(np.allclose(vote(members).predict(x, verbose=0), mean, atol=1e-6))
    True
    """
    one_of("how", how, ("soft", "hard"))
    one_of("ties", ties, ("soft", "first"))
    one_of("output", output, ("probabilities",))
    models = _checked_models(models)
    shares = _checked_weights(weights, len(models))
    if how == "hard":
        _refuse_hard_vote(models)
    inputs = _fresh_inputs(models[0])
    answers = [
        (ops.cast(_copy(model, k)(inputs), "float32"), float(share))
        for k, (model, share) in enumerate(zip(models, shares, strict=True))
        if share > 0
    ]
    mean = sum(answer * share for answer, share in answers)
    if how == "soft":
        result = mean
    else:
        count = _hard_labels if output_activation(models[0]) == "sigmoid" else _hard_classes
        result = count(answers, mean, ties)
    named = keras.layers.Identity(dtype="float32", name=_answer_name(models[0]))(result)
    return keras.Model(inputs, named, name=name)


@dataclass(frozen=True)
class Selection:
    """Members chosen greedily.

    Args:
        weights: One weight a candidate, summing to 1; 0 for those left out.
        members: Numbers of the chosen candidates, heaviest first.
        trajectory: Score of the vote after each step, up to the best.
    """

    weights: np.ndarray
    members: tuple[int, ...]
    trajectory: tuple[float, ...]


def select_members(
    predictions: Any,
    y: Any,
    size: int = 25,
    metric: Literal["nll", "accuracy", "mse"] = "nll",
    seed: int = 0,
    rows: Any = None,
) -> Selection:
    """Chooses members of a soft vote greedily, with replacement, cut at the best step.

    Never worse on the given rows than the best single candidate. Give it validation rows.

    Args:
        predictions: Array `(candidates, rows, classes)`, or `(candidates, rows, 1)` and
            `(candidates, rows)` for binary or regression, `(candidates, rows, labels)` for multilabel.
        y: Targets: class numbers `(rows,)`, 0 and 1, a matrix of labels, or quantities.
        size: Number of greedy steps, >= 1.
        metric: `"nll"`, mean negative log likelihood; `"accuracy"`; `"mse"` for regression.
        seed: Orders equal candidates that are not yet members.
        rows: The input rows behind `predictions`; a sealed split is refused.

    Returns:
        The `Selection`.

    Raises:
        TypeError: `rows` is a sealed test split, or `size` is no whole number.
        ValueError: Shapes do not fit, a prediction is not finite, `size` is below 1.

    Reference: Caruana et al. 2004, "Ensemble selection from libraries of models", ICML.

    Example:

    >>> good, bad = [[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.6, 0.4]]
    >>> select_members([bad, good], [0, 1]).members
    (1,)
    """
    one_of("metric", metric, ("nll", "accuracy", "mse"))
    size = whole_number("size", size, low=1)
    if hasattr(rows, "openings"):
        raise TypeError("Members are chosen on validation rows; `rows` is a sealed test split.")
    candidates, targets = _checked_predictions(predictions, y)
    if metric == "nll":
        candidates = _likelihoods(candidates, targets)
    order = np.random.default_rng(seed).permutation(len(candidates))
    counts = np.zeros(len(candidates), dtype=int)
    total = np.zeros(candidates.shape[1:])
    picks: list[int] = []
    scores: list[float] = []
    for step in range(1, size + 1):
        losses = np.array([_loss((total + candidate) / step, targets, metric) for candidate in candidates])
        best = min(order, key=lambda k: (round(float(losses[k]), 12), counts[k] == 0))
        picks.append(int(best))
        scores.append(float(losses[best]))
        counts[best] += 1
        total = total + candidates[best]
    end = int(np.argmin(np.round(scores, 12))) + 1
    weights = np.bincount(picks[:end], minlength=len(candidates)) / end
    members = sorted(np.flatnonzero(weights), key=lambda k: (-weights[k], k))
    sign = -1.0 if metric == "accuracy" else 1.0
    return Selection(weights, tuple(map(int, members)), tuple(sign * score for score in scores[:end]))


def _checked_models(models: Sequence[Any]) -> list[Any]:
    if isinstance(models, keras.Model) or not isinstance(models, Sequence):
        raise TypeError(f"`models` must be a list of Keras models, got {type(models).__name__}.")
    if not models:
        raise ValueError("`models` must hold at least one model, got none.")
    for model in models:
        if not isinstance(model, keras.Model):
            raise TypeError(f"`models` must hold Keras models, got {type(model).__name__}.")
        if not getattr(model, "inputs", None) or len(model.outputs) != 1:
            raise ValueError(f"The member {model.name!r} must be a built model with a single output.")
    wanted = _signature(models[0])
    for model in models[1:]:
        if _signature(model) != wanted:
            raise ValueError(
                f"The member {model.name!r} has inputs and output {_signature(model)}, the first member has {wanted}."
            )
    return list(models)


def _signature(model: Any) -> tuple[Any, Any]:
    return tuple(tuple(tensor.shape) for tensor in model.inputs), tuple(model.outputs[0].shape)


def _checked_weights(weights: Sequence[float] | None, members: int) -> np.ndarray:
    if weights is None:
        return np.full(members, 1 / members)
    array = np.asarray(weights, dtype="float64")
    if array.shape != (members,):
        raise ValueError(f"`weights` must hold {members} values, one a member, got shape {array.shape}.")
    if not np.all(np.isfinite(array)) or np.any(array < 0) or array.sum() == 0:
        raise ValueError(f"`weights` must be finite, at least 0 and not all 0, got {array.tolist()}.")
    return array / array.sum()


def _refuse_hard_vote(models: list[Any]) -> None:
    activations = {output_activation(model) for model in models}
    if len(activations) > 1 or not activations <= set(_PROBABILITIES):
        found = ", ".join(sorted(map(str, activations)))
        raise ValueError(f"A hard vote needs members that end in one of {_PROBABILITIES}, got {found}.")


def _fresh_inputs(model: Any) -> Any:
    def fresh(tensor: Any) -> Any:
        return keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)

    return keras.tree.map_structure(fresh, input_structure(model))


def _copy(model: Any, number: int) -> Any:
    with warnings.catch_warnings():
        # Keras warns of an optimizer that it cannot copy whole, and the copy is not to keep one.
        warnings.simplefilter("ignore", UserWarning)
        copied = copy.deepcopy(model)
    # The optimizer's slots would treble the file and are of no use in a vote.
    copied.optimizer = None
    copied.compiled = False
    copied.name = f"member_{number}"
    return copied


def _answer_name(model: Any) -> str:
    return "values" if output_activation(model) not in _PROBABILITIES else "probabilities"


def _hard_labels(answers: list[tuple[Any, float]], mean: Any, ties: str) -> Any:
    share = sum(ops.cast(answer > 0.5, "float32") * weight for answer, weight in answers)
    wins = mean > 0.5 if ties == "soft" else ops.zeros_like(mean) > 0
    is_tied = ops.abs(share - 0.5) <= _TIE
    return ops.where(is_tied, 0.5 + 2 * _TIE * ops.cast(wins, "float32"), share)


def _hard_classes(answers: list[tuple[Any, float]], mean: Any, ties: str) -> Any:
    classes = mean.shape[-1]
    share = sum(ops.one_hot(ops.argmax(answer, axis=-1), classes) * weight for answer, weight in answers)
    tied = share >= ops.max(share, axis=-1, keepdims=True) - _TIE
    favour = mean if ties == "soft" else ops.ones_like(mean)
    winner = ops.one_hot(ops.argmax(ops.where(tied, favour, -1.0), axis=-1), classes)
    is_tied = ops.sum(ops.cast(tied, "float32"), axis=-1, keepdims=True) > 1.5
    return share + ops.where(is_tied, 2 * _TIE * winner, 0.0)


def _checked_predictions(predictions: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    candidates, targets = np.asarray(predictions, dtype="float64"), np.asarray(y, dtype="float64")
    if candidates.ndim < 2 or candidates.size == 0:
        raise ValueError(f"`predictions` must have shape (candidates, rows, ...), got {candidates.shape}.")
    if candidates.ndim == 3 and candidates.shape[2] == 1:
        candidates = candidates[..., 0]
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if len(targets) != candidates.shape[1]:
        raise ValueError(f"`y` has {len(targets)} rows, `predictions` have {candidates.shape[1]}.")
    broken = np.flatnonzero(~np.isfinite(candidates).reshape(len(candidates), -1).all(axis=1))
    if broken.size:
        raise ValueError(f"The predictions of candidate {broken[0]} hold NaN or infinite values.")
    return candidates, targets


def _likelihoods(candidates: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Probability that each candidate gives to the truth; the mean of candidates keeps that meaning."""
    if candidates.ndim == targets.ndim + 2:
        return np.take_along_axis(candidates, targets[None, :, None].astype(int), axis=2)[..., 0]
    return np.where(targets == 1, candidates, 1 - candidates)


def _loss(answer: np.ndarray, targets: np.ndarray, metric: str) -> float:
    if metric == "nll":
        return float(-np.mean(np.log(np.clip(answer, 1e-7, 1))))
    if metric == "mse":
        return float(np.mean((answer - targets) ** 2))
    labels = answer.argmax(axis=-1) if answer.ndim > targets.ndim else answer > 0.5
    return float(-np.mean(labels == targets))
