"""The one look at the test rows: what the run's models reach, the models beside them, and what the winner answers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..toolkit.data import Split
from ..toolkit.data.sequences import is_padded
from ..toolkit.data.tokens import are_tokens
from ..toolkit.ensembles.evaluation import Answers, evaluate
from ..toolkit.metrics.class_scores import class_scores
from ..toolkit.metrics.permutation_importance import permutation_importance
from ..toolkit.metrics.scores import score_of
from ..toolkit.models.first import is_image
from ..toolkit.models.series import is_grey
from ..toolkit.report.answers import AnsweredRows, answers_part
from ..toolkit.report.inputs import inputs_part
from .answer_rules import AnswerRules
from .member_choice import answers
from .open_run import OpenRun
from .reference_models import Reference, compared
from .run_references import RunReferences

# What the importance of all columns may take; of many columns some are then left out.
_SECONDS_TO_SHUFFLE = 10.0


@dataclass(frozen=True)
class Measured:
    """What was measured on the test rows, in plain values for the report.

    Args:
        evaluation: Of the run's models, with the winner's `answers` and its `inputs`.
        beside: Of the simple models.
    """

    evaluation: dict[str, Any]
    beside: dict[str, Any]


@dataclass(frozen=True)
class Measurement:
    """Models that are to be measured.

    Args:
        run: The run.
        models: By name, the best member first.
        winner: Name of the one that is exported.
        members: All members, each measured alone.
        rules: How `predict` will make answers of the winner's outputs.
        references: The simple models.
    """

    run: OpenRun
    models: dict[str, keras.Model]
    winner: str
    members: Sequence[keras.Model]
    rules: AnswerRules
    references: Sequence[Reference]

    def measured(self) -> Measured:
        """Opens the test rows and measures, once: a resumed run tells what was measured before."""
        run = self.run
        if run.state.measured is not None:
            evaluation, beside = run.state.measured
            run.say(f"test: measured before the interruption. {evaluation['sentence']}")
            return Measured(evaluation, beside)
        raw = _opened(run)
        test = run.rows.encoded(raw)
        values = {name: answers(model, test.x) for name, model in self.models.items()}
        evaluation = self._evaluation(values, raw, test)
        beside = self._beside(values[self.winner], raw, test)
        run.state.note_measured(evaluation, beside)
        for line in (*_lines_of(evaluation), *_lines_beside(beside)):
            run.say(line)
        return Measured(evaluation, beside)

    def _evaluation(self, values: dict[str, np.ndarray], raw: Split, test: Split) -> dict[str, Any]:
        settings, network = self.run.settings, values[self.winner]
        named = [Answers(name, one) for name, one in values.items()]
        found = evaluate(named, test.y, self.run.task, self.winner, settings.seed, settings.balanced)
        # The table of classes is of what `predict` answers; models are compared at 0.5.
        at_threshold = self.rules.of_classes(network, test.y)
        importance = self._importance()
        return {
            **found,
            **({} if at_threshold is None else {"of_classes": at_threshold}),
            "members": [self._alone(place, test) for place in range(len(self.members))],
            "answers": self._answers(network, raw, importance),
            "inputs": inputs_part(self.run.rows.raw, importance),
            "said": self.rules.said_of(network, test.y),
        }

    def _beside(self, network: np.ndarray, raw: Split, test: Split) -> dict[str, Any]:
        settings = self.run.settings
        seen, features = RunReferences(self.run.rows, settings).inputs(raw, test)
        winner = Answers(self.winner, network)
        return compared(self.references, seen, features, self.run.task, winner, settings.seed, settings.balanced)

    def _alone(self, place: int, test: Split) -> dict[str, Any]:
        """What a member alone scores on the test rows, by the measure of the evaluation."""
        values = answers(self.members[place], test.x)
        if self.run.settings.balanced:
            score = float(class_scores(values, test.y)["balanced_accuracy"])
        else:
            score = score_of(values, test.y, self.run.task)
        return {"name": f"member_{place}", "value": score}

    def _importance(self) -> list[dict[str, Any]]:
        """What each column counts for the winner, on validation rows; empty where the inputs are no columns."""
        rows, raw, model = self.run.rows, self.run.rows.raw, self.models[self.winner]
        x = raw.validation.x
        if is_image(x) or is_grey(x) or raw.forecast is not None or is_padded(x) or are_tokens(x):
            return []
        names = list(x) if isinstance(x, dict) else _names_of(x, raw.features)

        def score(inputs: Any, y: np.ndarray) -> float:
            return score_of(answers(model, rows.encoded(Split(inputs, y)).x), y, self.run.task)

        seed = self.run.settings.seed
        return permutation_importance(score, x, raw.validation.y, names, seconds=_SECONDS_TO_SHUFFLE, seed=seed)

    def _answers(self, values: np.ndarray, test: Split, importance: list[dict[str, Any]]) -> dict[str, Any]:
        held_out = self.run.rows.splits.validation
        return answers_part(
            self.run.task,
            # Where no row may be kept beside the model, none is shown.
            AnsweredRows(values, test.y, test.x if self.run.keep_rows else None),
            AnsweredRows(answers(self.models[self.winner], held_out.x), held_out.y),
            self.run.rows.raw.features,
            [one["name"] for one in importance],
            self.rules.threshold,
        )


def _opened(run: OpenRun) -> Split:
    """The test rows as read; that they were seen is written down before anything is measured."""
    splits = run.rows.raw
    with warnings.catch_warnings(record=True) as caught:
        # Opening a split a second time warns, and the log of the run must say so.
        warnings.simplefilter("always")
        test = splits.test.open("final evaluation")
    for warning in caught:
        run.say(f"  warning: {warning.message}")
    run.state.note_openings(splits)
    return test


def _lines_of(evaluation: dict[str, Any]) -> list[str]:
    lines = [
        f"test: {result['name']}: {evaluation['metric']} {result['value']:.4f}, "
        f"{evaluation['interval']} {result['low']:.4f} to {result['high']:.4f}"
        + (f"; {result['classes']}" if result.get("classes") else "")
        for result in evaluation["results"]
    ]
    return [*lines, *(f"  {sentence}" for sentence in (evaluation["sentence"], *evaluation["said"]))]


def _lines_beside(beside: dict[str, Any]) -> list[str]:
    lines = [
        f"beside: {result['name']}: {beside['metric']} {result['value']:.4f} in {result['seconds']:.1f} s"
        + "".join(f"; {result[part]}" for part in ("note", "classes") if result.get(part))
        for result in beside["results"]
    ]
    return [*lines, f"  {beside['sentence']}"]


def _names_of(x: Any, features: Sequence[str]) -> list[str]:
    count = np.shape(x)[-1]
    return list(features) if len(features) == count else [f"column {k}" for k in range(count)]
