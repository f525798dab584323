"""Averages of weights: only for models that stand in one valley, and never without measuring it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import refuse_unusable_rows
from ..data.sealing import refuse_sealed
from ..metrics.scores import row_scores, truth
from ..metrics.vote_arithmetic import checked_weights
from ..models.batch_answers import batch_answers
from ..models.batch_norm import batch_norms, recalibrate
from .members import Meaning, copied_member, gathered, meaning_of


@dataclass(frozen=True)
class Soup:
    """Models averaged into one of their kind.

    Args:
        model: The average, uncompiled; as fast and as large as one member.
        members: Numbers of the models that went in, in the order they did.
        losses: Loss of each model alone: NLL in nats, or MSE.
        loss: Loss of the average.
        sentence: The same in words.
    """

    model: keras.Model
    members: tuple[int, ...]
    losses: tuple[float, ...]
    loss: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def average_weights(
    models: Sequence[Any],
    x: Any,
    y: Any = None,
    weights: Sequence[float] | None = None,
    *,
    recalibrate_on: Any = None,
    task: str = "auto",
    from_logits: Any = "auto",
) -> Soup:
    """Averages the weights of models of one trajectory: snapshots, or fine-tunings of one start.

    Models from different starts have their units in different orders, and their mean is no model: the average
    is measured, and refused where it is worse than the worst member.

    Args:
        models: Models of one make, or paths of `.keras` files.
        x: Validation rows to measure on, or a `Split`. Those of a sealed test split are refused.
        y: Their targets.
        weights: One weight a model, >= 0, not all 0; equal by default.
        recalibrate_on: Training rows on which batch normalisation's statistics are computed anew; needed where the
            models have it.
        task: As for `vote`.
        from_logits: As for `vote`.

    Returns:
        The `Soup`.

    Raises:
        TypeError: `x` is a sealed test split, or `models` no list of models.
        ValueError: The models differ in make; the average is worse than the worst of them (the measured losses
            are told); `recalibrate_on` is missing; rows and targets do not fit.

    Reference: Izmailov et al. 2018, arXiv:1803.05407; Wortsman et al. 2022, arXiv:2203.05482.

    Example:

    >>> one = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> other = keras.models.clone_model(one)
    >>> one.set_weights([np.array([[1.0]])]); other.set_weights([np.array([[3.0]])])
    >>> soup = average_weights([one, other], np.ones((4, 1)), np.full((4, 1), 2.0))
    >>> float(soup.model.weights[0][0, 0]), soup.loss
    (2.0, 0.0)
    """
    pot = _Pot(models, x, y, recalibrate_on, task, from_logits)
    shares = checked_weights(weights, len(pot.models))
    members = [k for k, share in enumerate(shares) if share > 0]
    average = pot.average(shares)
    loss = pot.loss(average)
    # Models of one valley average to something between them or better; unrelated ones collapse (0.97 to 0.67).
    if loss > max(pot.losses[k] for k in members):
        raise ValueError(_unrelated(loss, [pot.losses[k] for k in members]))
    words = f"The average of {len(members)} models has loss {loss:.4f}; alone they have {_span(pot.losses)}."
    return Soup(average, tuple(members), tuple(pot.losses), loss, words)


def greedy_soup(
    models: Sequence[Any],
    x: Any,
    y: Any = None,
    *,
    recalibrate_on: Any = None,
    task: str = "auto",
    from_logits: Any = "auto",
) -> Soup:
    """Averages weights greedily: the best model first, then each that makes the average strictly better.

    Args:
        models: Models of one make, or paths of `.keras` files.
        x: Validation rows to choose on, or a `Split`. Those of a sealed test split are refused.
        y: Their targets.
        recalibrate_on: As for `average_weights`.
        task: As for `vote`.
        from_logits: As for `vote`.

    Returns:
        The `Soup`, never worse on these rows than the best model.

    Raises:
        TypeError: `x` is a sealed test split, or `models` no list of models.
        ValueError: The models differ in make; or none can be joined with the best, each average being worse than both
            its halves, as that of unrelated models is (the measured losses are told).

    Reference: Wortsman et al. 2022, "Model soups", arXiv:2203.05482, algorithm 1.

    Example:

    >>> models = [keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]) for _ in range(3)]
    >>> for model, slope in zip(models, (1.0, 2.5, 9.0)): model.set_weights([np.array([[slope]])])
    >>> greedy_soup(models, np.ones((4, 1)), np.full((4, 1), 2.0)).members
    (1, 0)
    """
    pot = _Pot(models, x, y, recalibrate_on, task, from_logits)
    order = [int(k) for k in np.argsort(pot.losses, kind="stable")]
    chosen, best = [order[0]], pot.losses[order[0]]
    soup = copied_member(pot.models[order[0]], order[0])
    tried: list[float] = []
    for candidate in order[1:]:
        shares = np.bincount([*chosen, candidate], minlength=len(pot.models)) / (len(chosen) + 1)
        made = pot.average([float(share) for share in shares])
        loss = pot.loss(made)
        # Above 0: worse than both halves, the mark of unrelated models.
        tried.append(loss - max(best, pot.losses[candidate]))
        if loss < best:
            chosen, best, soup = [*chosen, candidate], loss, made
    if tried and len(chosen) == 1 and min(tried) > 0:
        uniform = pot.loss(pot.average([1 / len(pot.models)] * len(pot.models)))
        raise ValueError(_unrelated(uniform, pot.losses))
    words = f"{len(chosen)} of {len(pot.models)} models went in: loss {best:.4f}; alone they have {_span(pot.losses)}."
    return Soup(soup, tuple(chosen), tuple(pot.losses), best, words)


class _Pot:
    """Models of one make, with the rows that their averages are measured on."""

    def __init__(self, models: Any, x: Any, y: Any, recalibrate_on: Any, task: str, from_logits: Any) -> None:
        refuse_sealed("Weights are averaged", x)
        refuse_unusable_rows(x, y)
        if y is None and hasattr(x, "x") and hasattr(x, "y"):
            x, y = x.x, x.y
        self.models = gathered(models)
        self._x, self._y, self._rows = x, y, recalibrate_on
        self._meaning: Meaning = meaning_of(self.models, task, from_logits)
        if self._meaning.kind == "gaussian":
            raise ValueError("Averages of Gaussian members are not measured: vote instead, with `tw.vote`.")
        _refuse_other_makes(self.models)
        if batch_norms(self.models[0]) and recalibrate_on is None:
            raise ValueError(
                "The models have batch normalisation, whose statistics belong to the weights they were taken with: "
                "give training rows, `recalibrate_on=x_train`."
            )
        self.losses = [self.loss(model) for model in self.models]

    def average(self, shares: Sequence[float]) -> keras.Model:
        # From the heaviest: what is not averaged, such as seeds and counters, is then its own.
        made = copied_member(self.models[int(np.argmax(shares))], 0)
        made.name = "average"
        columns = [[ops.convert_to_numpy(variable) for variable in model.weights] for model in self.models]
        for place, variable in enumerate(made.weights):
            # Seeds and counts are whole numbers and have no mean.
            if "float" in str(variable.dtype):
                mean = sum(
                    # In float64, since bfloat16 would round at each member.
                    share * column[place].astype("float64")
                    for share, column in zip(shares, columns, strict=True)
                )
                variable.assign(np.asarray(mean).astype(str(variable.dtype)))
        if self._rows is not None:
            recalibrate(made, self._rows)
        return made

    def loss(self, model: keras.Model) -> float:
        answers = np.asarray(batch_answers(model, self._x), dtype="float64")
        if self._y is None or len(np.asarray(self._y)) != len(answers):
            raise ValueError(f"`y` must hold a target for each of {len(answers)} rows.")
        if self._meaning.kind == "values":
            targets = np.asarray(self._y, dtype="float64").reshape(answers.shape)
            return float(np.mean((answers - targets) ** 2))
        exclusive = self._meaning.kind == "classes"
        if self._meaning.logits[0]:
            squash = keras.ops.softmax if exclusive else keras.ops.sigmoid
            answers = ops.convert_to_numpy(squash(answers))
        return float(row_scores(answers, truth(answers, self._y), exclusive)["nll"].mean())


def _refuse_other_makes(models: list[keras.Model]) -> None:
    wanted = [tuple(variable.shape) for variable in models[0].weights]
    for number, model in enumerate(models):
        shapes = [tuple(variable.shape) for variable in model.weights]
        if shapes != wanted:
            raise ValueError(
                f"Model {number} ({model.name!r}) has weights of shapes {shapes}, model 0 {wanted}: only models of one "
                "make can be averaged."
            )


def _unrelated(loss: float, losses: Sequence[float]) -> str:
    return (
        f"The average of the weights has loss {loss:.4f}, the models alone have {_span(losses)}: these models were "
        "trained from different starts, and their weights cannot be averaged. Average their answers: `tw.vote(models)`."
    )


def _span(losses: Sequence[float]) -> str:
    return f"{min(losses):.4f} to {max(losses):.4f}"
