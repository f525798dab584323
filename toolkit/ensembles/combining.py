"""A trained combiner of members, beside their plain vote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import refuse_unusable_rows, seed_of, whole_number
from ..data.sealing import refuse_sealed
from ..metrics import vote_arithmetic
from ..metrics.intervals import mean_margin
from ..metrics.scores import row_scores, squashed, truth
from ..models.batch_answers import batch_answers
from .members import copied_member, fresh_inputs, gathered, meaning_of
from .votes import vote

# Far above what float32 rounds to 0, so that one sure member does not outweigh all.
_SMALLEST = 1e-6
# Penalties on the weights of the combiner, of which cross-validation takes one.
_STRENGTHS = (0.01, 0.1, 1.0)
_FOLDS = 5


@dataclass(frozen=True)
class Combination:
    """A combiner trained on validation rows, and how it compares with the plain vote.

    Args:
        model: Keras model that outputs the combiner's answer.
        plain: The soft vote of the same members.
        metric: What is compared: `"nll"`, mean negative log likelihood, or `"mse"`; lower is better.
        score: The combiner's, on rows that it was not trained on, by cross-validation.
        plain_score: The plain vote's, on the same rows.
        margin: Half the 95 % interval of their difference, paired by row.

    Attributes:
        chosen: `model` where its gain is beyond the margin, else `plain`.
    """

    model: keras.Model
    plain: keras.Model
    metric: str
    score: float
    plain_score: float
    margin: float

    @property
    def better(self) -> bool:
        """Whether the combiner beats the plain vote beyond the noise."""
        return self.plain_score - self.score > self.margin

    @property
    def chosen(self) -> keras.Model:
        """The combiner where it is better beyond the noise, else the plain vote."""
        return self.model if self.better else self.plain

    def __str__(self) -> str:
        told = "is better than" if self.better else "is not better, beyond the noise, than"
        return (
            f"The trained combiner {told} the plain vote: {self.metric} {self.score:.4f} beside "
            f"{self.plain_score:.4f}, a gain of {self.plain_score - self.score:.4f} +- {self.margin:.4f} by "
            "cross-validation."
        )


def combine(
    models: Sequence[Any],
    x: Any,
    y: Any,
    *,
    task: str = "auto",
    from_logits: Any = "auto",
    batch_size: int = 256,
    seed: int = 0,
    name: str = "combined",
) -> Combination:
    """Trains a combiner of members on validation rows (stacking), and compares it with their plain vote.

    For classes the combiner is a softmax over the members' log probabilities, for labels a sigmoid over their logits,
    both penalised; for quantities a weighted sum with weights of at least 0. What it scores is measured on rows that it
    was not trained on.

    Args:
        models: As for `vote`.
        x: Rows that the members were not trained on, arrays as for `predict`, or a validation `Split`.
        y: Their targets; may be left out for a `Split`.
        task: As for `vote`.
        from_logits: As for `vote`.
        batch_size: Rows of a batch, at least 1.
        seed: Draws the folds.
        name: Name of the new model.

    Returns:
        The `Combination`; `.chosen` is the model to go on with.

    Raises:
        TypeError: `x` is a sealed test split, or `models` is no list of models.
        ValueError: The members differ, or output mixtures or sequences; rows and targets do not fit; a class has fewer
            than 5 rows; or the rows are sealed ones.

    Reference: Wolpert 1992, "Stacked generalization"; Breiman 1996, "Stacked regressions".

    Example:

    >>> def member(kernel):
    ...     made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid", use_bias=False)])
    ...     made.set_weights([np.array(kernel)])
    ...     return made
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> good, noise = member([[3.0], [0.0]]), member([[0.0], [9.0]])
    >>> combine([good, noise], x, x[:, 0] > 0).better
    True
    """
    refuse_sealed("A combiner is trained", x)
    whole_number("batch_size", batch_size, low=1)
    seed_of("seed", seed)
    refuse_unusable_rows(x, y)
    if y is None and hasattr(x, "x") and hasattr(x, "y"):
        x, y = x.x, x.y
    members = gathered(models)
    meaning = meaning_of(members, task, from_logits)
    if meaning.kind == "gaussian" or len(members[0].outputs[0].shape) != 2:
        raise ValueError(
            "Members of a trained combiner output `(batch, classes)`, `(batch, labels)` or `(batch, outputs)`, no "
            f"mixtures and no sequences; these give {tuple(members[0].outputs[0].shape)}."
        )
    inputs = fresh_inputs(members[0])
    raw = [copied_member(model, number)(inputs) for number, model in enumerate(members)]
    answers = [
        vote_arithmetic.probabilities(answer, meaning.kind, logit)
        for answer, logit in zip(raw, meaning.logits, strict=True)
    ]
    # Places side by side: member after member of the first class, label or output, then of the second.
    features = ops.stack([_spread_out(answer, meaning.kind) for answer in answers], axis=-1)
    plain = vote(members, task=task, from_logits=from_logits)
    given, voted = (
        batch_answers(keras.Model(inputs, what), x, batch_size).astype("float64") for what in (features, plain(inputs))
    )
    if y is None or len(np.asarray(y)) != len(given):
        raise ValueError(f"`y` must hold a target for each of {len(given)} rows.")
    targets = truth(voted, y) if meaning.kind != "values" else np.reshape(np.asarray(y, "float64"), voted.shape)
    learner = _LEARNERS[meaning.kind]
    losses = _losses(learner, given, targets, meaning.kind, seed)
    beside = _row_losses(voted, targets, meaning.kind)
    layer = keras.layers.Dense(voted.shape[1], activation=_ENDS[meaning.kind], dtype="float32", name="combiner")
    joined = layer(ops.reshape(features, (-1, int(np.prod(given.shape[1:])))))
    kernel, bias = learner(given, targets)
    layer.set_weights([kernel, bias])
    main = "values" if meaning.kind == "values" else "probabilities"
    output = keras.layers.Identity(dtype="float32", name=main)(joined)
    return Combination(
        model=keras.Model(inputs, output, name=name),
        plain=plain,
        metric="mse" if meaning.kind == "values" else "nll",
        score=float(losses.mean()),
        plain_score=float(beside.mean()),
        margin=float(mean_margin(beside - losses) or 0.0),
    )


def _spread_out(answer: Any, kind: str) -> Any:
    if kind == "values":
        return answer
    logs = ops.log(ops.maximum(answer, _SMALLEST))
    return logs if kind == "classes" else logs - ops.log(ops.maximum(1 - answer, _SMALLEST))


def _row_losses(answers: np.ndarray, targets: np.ndarray, kind: str) -> np.ndarray:
    if kind == "values":
        return np.asarray(np.square(answers - targets).mean(axis=1))
    losses = row_scores(answers, targets, kind == "classes")["nll"]
    return np.asarray(losses.reshape(len(answers), -1).mean(axis=1))


def _losses(learner: Callable[..., Any], given: np.ndarray, targets: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """The loss of each row by a combiner that was trained on the others' folds."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds: Any = KFold(_FOLDS, shuffle=True, random_state=seed)
    strata = None
    if kind == "classes" or (kind == "labels" and targets.shape[1] == 1):
        strata = targets.argmax(axis=1) if kind == "classes" else targets[:, 0].astype(int)
        _refuse_rare(strata, max(given.shape[1], 2))
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    losses = np.empty(len(given))
    for learnt, left in folds.split(given, strata):
        kernel, bias = learner(given[learnt], targets[learnt])
        raw = given[left].reshape(len(left), -1) @ kernel + bias
        losses[left] = _row_losses(raw if kind == "values" else squashed(raw, kind == "classes"), targets[left], kind)
    return losses


def _refuse_rare(numbers: np.ndarray, classes: int) -> None:
    counts = np.bincount(numbers, minlength=classes)
    if counts.min() < _FOLDS:
        rare = int(counts.argmin())
        raise ValueError(
            f"Class {rare} has {counts[rare]} of the rows, and a trained combiner needs at least {_FOLDS} of each; "
            "take more validation rows, or `tw.vote`."
        )


def _for_classes(given: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel `(classes x members, classes)` and bias of a softmax."""
    fitted = _logistic(given.reshape(len(given), -1), targets.argmax(axis=1))
    if len(fitted.classes_) == 2:
        # Its one row speaks for the second class; a softmax of 0 and it is the same.
        kernel, bias = fitted.coef_[0], fitted.intercept_[0]
        return np.stack([np.zeros_like(kernel), kernel], axis=1), np.array([0.0, bias])
    return np.asarray(fitted.coef_.T), np.asarray(fitted.intercept_)


def _for_labels(given: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel `(labels x members, labels)`, in which each label sees its own places alone, and bias."""
    _, labels, members = given.shape
    kernel, bias = np.zeros((labels * members, labels)), np.zeros(labels)
    for label in range(labels):
        own = slice(label * members, (label + 1) * members)
        if len(np.unique(targets[:, label])) < 2:
            raise ValueError(f"Label {label} is the same in all rows; take more validation rows, or `tw.vote`.")
        fitted = _logistic(given[:, label], targets[:, label].astype(int))
        kernel[own, label], bias[label] = fitted.coef_[0], fitted.intercept_[0]
    return kernel, bias


def _for_values(given: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel `(outputs x members, outputs)` with weights of at least 0, and bias."""
    from sklearn.linear_model import LinearRegression

    _, outputs, members = given.shape
    kernel, bias = np.zeros((outputs * members, outputs)), np.zeros(outputs)
    for place in range(outputs):
        fitted = LinearRegression(positive=True).fit(given[:, place], targets[:, place])
        kernel[place * members : (place + 1) * members, place], bias[place] = fitted.coef_, fitted.intercept_
    return kernel, bias


def _logistic(features: np.ndarray, numbers: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(
        LogisticRegression(max_iter=2000), {"C": list(_STRENGTHS)}, scoring="neg_log_loss", cv=min(_FOLDS, 3)
    )
    return search.fit(features, numbers).best_estimator_


_LEARNERS = {"classes": _for_classes, "labels": _for_labels, "values": _for_values}
_ENDS = {"classes": "softmax", "labels": "sigmoid", "values": "linear"}
