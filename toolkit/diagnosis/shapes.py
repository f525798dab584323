"""The shape of a run's curves in words, with what the course does about it; numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import one_of
from ..runtime.figures import in_one_style, panels
from .curves import noise_of
from .findings import Advice
from .histories import read_history
from .loss_shapes import BEYOND_NOISE, FEWEST, best_before_falling, loss_shape
from .wording import LANGUAGES, advice_sentence, advice_sentence_ko

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ANOTHER_START = Advice("seed", "set", "another one")
_LOWER, _RAISE = Advice("learning_rate", "lower", 3.0), Advice("learning_rate", "raise", 3.0)

# What each shape says, in English and Korean, and what is done about it, most promising first.
SHAPES: Mapping[str, tuple[str, str, tuple[Advice, ...]]] = MappingProxyType(
    {
        "straight_line": (
            "The loss falls in a straight line: steps are too short.",
            "손실이 직선으로 줄어듭니다. 갱신 폭이 너무 작습니다.",
            (_RAISE, Advice("epochs", "raise", 3.0)),
        ),
        "drops_and_stays": (
            "The loss drops and then stays high: steps are too long, or the start was unlucky.",
            "손실이 떨어진 뒤 높은 곳에 머뭅니다. 갱신 폭이 너무 크거나 시작 가중치가 좋지 않습니다.",
            (_LOWER, _ANOTHER_START, Advice("units", "raise", 2.0)),
        ),
        "stands_still": (
            "The loss stays where it began: nothing is learnt.",
            "손실이 처음 값에 머뭅니다. 아무것도 학습되지 않습니다.",
            (Advice("learning_rate", "lower", 10.0), _ANOTHER_START),
        ),
        "oscillates": (
            "The loss goes up and down: the gradient of so few rows is too noisy for steps of this length.",
            "손실이 오르내립니다. 이 갱신 폭에 비해 배치가 너무 작습니다.",
            (Advice("batch_size", "raise", 4.0), _LOWER),
        ),
        "rises": (
            "The loss rises: steps are far too long.",
            "손실이 커집니다. 갱신 폭이 지나치게 큽니다.",
            (Advice("learning_rate", "lower", 10.0),),
        ),
        "breaks_down": (
            "The loss grows without bound or is no number any more: steps are far too long.",
            "손실이 끝없이 커지거나 숫자가 아닙니다. 갱신 폭이 지나치게 큽니다.",
            (Advice("learning_rate", "lower", 10.0), Advice("clipnorm", "set", 1.0)),
        ),
        "gap": (
            "Training rows are learnt and validation rows are not: there is a gap, which is overfitting.",
            "훈련 데이터는 학습되지만 검증 데이터는 그렇지 않습니다. 둘 사이의 차이가 과적합입니다.",
            (Advice("dropout", "raise"), Advice("weight_decay", "raise"), Advice("rows", "add")),
        ),
        "falls_back": (
            "The validation accuracy has fallen back from its best: it was trained too long.",
            "검증 정확도가 최고점에서 다시 떨어졌습니다. 너무 오래 학습했습니다.",
            (Advice("epochs", "lower"), Advice("dropout", "raise")),
        ),
        "both_low": (
            "Training and validation accuracy are both low: the model is too small for the task; it underfits.",
            "훈련 정확도와 검증 정확도가 모두 낮습니다. 모델이 과제에 비해 작아 과소적합입니다.",
            (Advice("units", "raise", 2.0), Advice("layers", "add"), Advice("epochs", "raise", 3.0)),
        ),
        "bends_to_floor": (
            "The loss bends to its floor, as it should.",
            "손실이 완만하게 바닥에 이릅니다. 좋은 모양입니다.",
            (),
        ),
        "still_falls": (
            "The loss bends and still falls: the epochs ended before its floor.",
            "손실이 완만해지며 아직 줄어듭니다. 바닥에 이르기 전에 에포크가 끝났습니다.",
            (_RAISE, Advice("epochs", "raise", 2.0)),
        ),
        "too_short": (
            "There are too few epochs to see a shape; at least 4 are needed.",
            "모양을 보기에는 에포크가 너무 적습니다. 4개 이상이 필요합니다.",
            (Advice("epochs", "raise", 3.0),),
        ),
    }
)

_GAP, _LOW = 0.1, 0.7
_LOSS_GAP = 1.5


@dataclass(frozen=True)
class Shape:
    """The shape of a run, in words, with its cure.

    Args:
        name: One of `SHAPES`.
        advice: What to change, most promising first; empty where nothing is to be done.
        evidence: The numbers that it rests on.
        curves: The curves, by name.

    Example:

    >>> Shape("straight_line").sentence
    'The loss falls in a straight line: steps are too short.'
    """

    name: str
    advice: tuple[Advice, ...] = ()
    evidence: dict[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def sentence(self) -> str:
        """The shape in one English sentence."""
        return SHAPES[self.name][0]

    def words(self, language: str = "en") -> str:
        """The shape and its cure.

        Args:
            language: `"en"` or `"ko"`.

        Raises:
            ValueError: Another language.
        """
        korean = one_of("language", language, LANGUAGES) == "ko"
        english, in_korean, _ = SHAPES[self.name]
        told = in_korean if korean else english
        if not self.advice:
            return told
        if korean:
            return f"{told} 처방: {' 또는 '.join(map(advice_sentence_ko, self.advice))}."
        return f"{told} Cure: {', or '.join(map(advice_sentence, self.advice))}."

    @in_one_style
    def plot(self) -> Figure:
        """The curves as a matplotlib Figure, under a title that says the shape."""
        losses = [name for name in self.curves if name.endswith("loss")]
        groups = [group for group in (losses, [name for name in self.curves if name not in losses]) if group]
        figure, places = panels(rows=max(1, len(groups)), size=(7, 2.5 * max(1, len(groups))))
        for axes, group in zip(places, groups, strict=False):
            for name in group:
                axes.plot(range(1, len(self.curves[name]) + 1), self.curves[name], label=name)
            axes.set_xlabel("epoch")
            axes.legend()
        figure.suptitle(self.sentence, wrap=True)
        return figure


def shape(history: Any) -> Shape:
    """Says in one shape how a run went, from its curves alone, and what the course does about it.

    A loss that falls in a straight line wants a higher rate, one that drops and stays high a lower rate, one that goes
    up and down a bigger batch; accuracies show the gap of overfitting and the lack of underfitting. Every run has a
    shape, also where `diagnose` finds nothing to warn of.

    Args:
        history: As for `diagnose`: a Keras `History`, its dictionary, a `CSVLogger` file or a TensorBoard folder. It
            may hold accuracies alone, in [0, 1].

    Raises:
        FileNotFoundError: There is no such file or folder.
        TypeError: It is none of these, or an entry is not a number.
        ValueError: Neither a loss nor an accuracy, no epochs, or a file that cannot be read.

    Reference: Li et al., "CS231n: Convolutional Neural Networks for Visual Recognition", notes 3, for the shapes.

    Example:

    >>> shape({"loss": [2.3 - 0.02 * epoch for epoch in range(30)]}).name
    'straight_line'
    >>> str(shape({"accuracy": [0.5, 0.8, 0.9, 0.95], "val_accuracy": [0.5, 0.6, 0.64, 0.65]}).advice[0].parameter)
    'dropout'
    """
    curves = {name: values for name, values in read_history(history).items() if np.ndim(values) == 1}
    accuracy = next((name for name in curves if "acc" in name and not name.startswith("val_")), None)
    if "loss" not in curves and accuracy is None:
        raise ValueError(f"`history` must have a curve `loss` or an accuracy, got {sorted(curves)}.")
    rows = np.asarray(curves["loss"] if "loss" in curves else 1 - np.asarray(curves[str(accuracy)]), "float64")
    if not len(rows):
        raise ValueError("`history` must hold at least one epoch, got none.")
    name, evidence = loss_shape(rows)
    if name in ("bends_to_floor", "still_falls", "drops_and_stays", "straight_line"):
        name, evidence = _of_accuracies(curves, accuracy, name) or _of_losses(curves) or (name, evidence)
    shown = {key: curves[key] for key in ("loss", "val_loss", accuracy, f"val_{accuracy}") if key in curves}
    return Shape(name, SHAPES[name][2], evidence, shown)


def _of_accuracies(
    curves: Mapping[str, Sequence[float]], accuracy: str | None, loss_shape: str
) -> tuple[str, dict[str, float]] | None:
    if accuracy is None:
        return None
    train = np.asarray(curves[accuracy], "float64")
    held = np.asarray(curves.get(f"val_{accuracy}", ()), "float64")
    if not np.isfinite(train).all() or not np.isfinite(held).all() or len(train) < FEWEST:
        return None
    last = float(np.median(train[-max(2, len(train) // 5) :]))
    evidence = {"accuracy": last}
    if len(held) >= FEWEST:
        held_last = float(np.median(held[-max(2, len(held) // 5) :]))
        evidence["val_accuracy"] = held_last
        noise, best = noise_of(held), best_before_falling(held)
        if best is not None:
            return "falls_back", evidence | {"best": best}
        # Of training rows that are not learnt yet a few validation rows may lie far by chance, and their loss lower.
        learnt = last >= _LOW and not _loss_is_lower(curves)
        if learnt and last - held_last > max(_GAP, BEYOND_NOISE * noise):
            return "gap", evidence
    # One that still falls in a line is slow, not small; one whose loss stays high at once has another cure first.
    small = loss_shape == "bends_to_floor" or ("loss" not in curves and loss_shape == "drops_and_stays")
    return ("both_low", evidence) if last < _LOW and small else None


def _loss_is_lower(curves: Mapping[str, Sequence[float]]) -> bool:
    """Whether the validation rows end with a lower loss than the training rows, where both have one."""
    train, held = curves.get("loss", ()), curves.get("val_loss", ())
    return bool(len(train) and len(held)) and held[-1] <= train[-1]


def _of_losses(curves: Mapping[str, Sequence[float]]) -> tuple[str, dict[str, float]] | None:
    """A validation loss that has left the training loss behind, which has fallen."""
    if "loss" not in curves or len(curves.get("val_loss", ())) < FEWEST:
        return None
    loss, held = (np.asarray(curves[name], "float64") for name in ("loss", "val_loss"))
    if not np.isfinite(held).all():
        return None
    tail = max(2, len(held) // 5)
    last, held_last = float(np.median(loss[-tail:])), float(np.median(held[-tail:]))
    grown = held_last - float(held.min()) > max(BEYOND_NOISE * noise_of(held), 0.1 * abs(float(held.min())))
    if grown and held_last > _LOSS_GAP * last and held_last - last > 0.1 * abs(float(loss[0])):
        return "gap", {"loss": last, "val_loss": held_last, "best_val_loss": float(held.min())}
    return None
