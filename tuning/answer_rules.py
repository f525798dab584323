"""How `predict` makes answers of a model's outputs: intervals of quantities, the decision threshold of a rare class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..toolkit.metrics.class_scores import class_scores, in_words
from ..toolkit.metrics.decision_threshold import Threshold, dependable_threshold, of_class
from ..toolkit.metrics.prediction_intervals import PredictionIntervals, prediction_intervals
from .member_choice import answers
from .open_run import OpenRun

# Of two classes one has few rows below this share.
_FEW_OF_TWO = 0.2


@dataclass(frozen=True)
class AnswerRules:
    """What was found on validation rows, by a model that has not learnt from them.

    Args:
        intervals: Of quantities.
        threshold: Of a class of two that has few rows, where another one than 0.5 is shown to be better.
        rare: Name of that class.

    Example:

    >>> rules = AnswerRules(threshold=Threshold(1, 0.25), rare="ill")
    >>> found = rules.of_classes(np.array([0.1, 0.3, 0.4]), np.array([0, 1, 1]))
    >>> found["confusion"], found["decision_threshold"]
    ([[1, 0], [0, 2]], 0.25)
    """

    intervals: PredictionIntervals | None = None
    threshold: Threshold | None = None
    rare: str = ""

    def as_schema(self) -> dict[str, Any]:
        """What `predict` reads, in plain values."""
        parts = {"intervals": self.intervals, "threshold": self.threshold}
        return {name: part.as_dict() for name, part in parts.items() if part is not None}

    def of_classes(self, values: np.ndarray, y: np.ndarray) -> dict[str, Any] | None:
        """Scores class by class at the threshold, which is said; `None` where it is 0.5.

        Args:
            values: Probabilities of the second class, `(rows,)`.
            y: Class numbers.
        """
        if self.threshold is None:
            return None
        ones = self.threshold.at_a_half(of_class(values, self.threshold.place))
        # Of the rare class even where it is the first: scores take those of the second.
        moved = of_class(ones, self.threshold.place)
        return {**class_scores(moved, y), "decision_threshold": self.threshold.value}

    def said_of(self, values: np.ndarray, y: np.ndarray) -> list[str]:
        """What `predict` would make of these answers, beside the truth.

        Args:
            values: Of the exported model, `(rows,)` or `(rows, outputs)`.
            y: Targets.
        """
        said = []
        if self.intervals is not None:
            answered, truths = (np.reshape(part, (len(y), -1)) for part in (values, y))
            said.append(
                f"{self.intervals.hold(answered, truths):.1%} of the test rows lie in the intervals that `predict` "
                f"writes; {self.intervals.coverage:.0%} are meant to."
            )
        if self.threshold is not None:
            ones, is_rare = of_class(values, self.threshold.place), (y == self.threshold.place).astype(int)
            half, moved = (in_words(class_scores(one, is_rare)) for one in (ones, self.threshold.at_a_half(ones)))
            right = np.mean((ones > self.threshold.value) == is_rare)
            said.append(
                f"{self.rare!r} answered from {self.threshold.value:.3f} on, as `predict` does: "
                f"accuracy {right:.4f}, {moved}; from 0.5 on: {half}."
            )
        return said


def answer_rules(run: OpenRun, model: keras.Model) -> AnswerRules:
    """Finds them on the validation rows, and says a threshold that moved.

    Args:
        run: The run.
        model: The winner, before any refit: one that has learnt from the rows misses them by less than new ones.
    """
    validation = run.rows.splits.validation
    if run.task == "regression":
        return AnswerRules(intervals=prediction_intervals(answers(model, validation.x), validation.y))
    if run.task != "binary" or run.settings.balanced:
        return AnswerRules()
    train = run.rows.splits.train
    place = int(np.mean(train.y) < 0.5)
    share = np.mean(train.y == place)
    if share >= _FEW_OF_TWO:
        return AnswerRules()
    ones = of_class(answers(model, validation.x), place)
    value = dependable_threshold(ones, (validation.y == place).astype(int), run.settings.seed)
    if value == 0.5:
        return AnswerRules()
    rare = (run.rows.raw.classes or ())[place]
    run.say(
        f"threshold: {rare!r}, {share:.1%} of the training rows: decision threshold {value:.3f} "
        "(best F1 on validation rows)"
    )
    return AnswerRules(threshold=Threshold(place, value), rare=rare)
