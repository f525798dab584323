"""What the exported model makes of the test rows: where it is wrong, how sure it is, how far it is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ensembles.calibration import is_extreme, temperature_of
from ..metrics.class_scores import answered
from ..metrics.decision_threshold import Threshold
from ..metrics.even_places import even_places
from ..metrics.prediction_intervals import covered_by_level
from ..metrics.reliability import reliability
from ..metrics.scores import calibration_error, row_scores, squashed, truth
from ..metrics.threshold_curves import threshold_curves
from ..tasks import Task
from .shown_rows import shown_row

_MOST_MISTAKES = 12
_MOST_WORST = 8
_MOST_DOTS = 400
_LEAST = 1e-12


@dataclass(frozen=True)
class AnsweredRows:
    """Rows with what a model answered them.

    Args:
        values: Probabilities `(rows,)` of class 1 or `(rows, classes)`, or quantities `(rows,)` or `(rows, outputs)`.
        y: Targets.
        x: Inputs as they came, for those that are shown; `None` where no row may be shown.
    """

    values: np.ndarray
    y: np.ndarray
    x: Any = None


def answers_part(
    task: Task,
    test: AnsweredRows,
    held_out: AnsweredRows,
    features: Sequence[str] = (),
    first: Sequence[str] = (),
    threshold: Threshold | None = None,
) -> dict[str, Any]:
    """What a report tells of a model's answers, in plain values.

    Args:
        task: The task.
        test: The test rows.
        held_out: Validation rows, which set the temperature of probabilities and the width of intervals.
        features: Names of the columns of `x` where it is an array.
        first: Names of the columns to show first of a row.
        threshold: From which probability on one of two classes is answered; 0.5 by default.

    Returns:
        For classes and labels `mistakes`, the surest first, `calibration`, and for two classes `curves`; for quantities
        `pairs` (what was predicted, what was true, of at most 400 rows), `residuals`, `worst` and `coverage`.

    Example:

    >>> rows = AnsweredRows(np.array([0.9, 0.2]), np.array([0, 0]), {"size": np.array([1.0, 2.0])})
    >>> answers_part("binary", rows, rows)["mistakes"]
    [{'row': 0, 'true': 0, 'answer': 1, 'confidence': 0.9, 'values': {'size': 1.0}, 'left_out': 0}]
    """
    if task == "regression":
        return _of_quantities(test, held_out, features, first)
    exclusive = task == "multiclass"
    mistakes = _label_mistakes(test) if task == "multilabel" else _mistakes(test, threshold)
    for mistake in mistakes:
        mistake |= {} if test.x is None else shown_row(test.x, mistake["row"], features, first)
    found = {"mistakes": mistakes, "calibration": _calibration(test, held_out, exclusive)}
    return {**found, "curves": threshold_curves(test.values, test.y)} if task == "binary" else found


def _mistakes(rows: AnsweredRows, threshold: Threshold | None) -> list[dict[str, Any]]:
    answers = answered(rows.values) if threshold is None else threshold.answered(rows.values)
    # Of the class that is answered, which by a moved threshold is not always the likelier one.
    sure = rows.values.max(axis=1) if rows.values.ndim == 2 else np.where(answers == 1, rows.values, 1 - rows.values)
    wrong = np.flatnonzero(answers != rows.y)
    surest = wrong[np.argsort(-sure[wrong], kind="stable")][:_MOST_MISTAKES]
    return [
        {"row": int(k), "true": int(rows.y[k]), "answer": int(answers[k]), "confidence": float(sure[k])} for k in surest
    ]


def _label_mistakes(rows: AnsweredRows) -> list[dict[str, Any]]:
    wrong = (rows.values > 0.5) != (rows.y > 0.5)
    sure = np.where(wrong, np.maximum(rows.values, 1 - rows.values), 0.0)
    surest = np.argsort(-sure.max(axis=1), kind="stable")[:_MOST_MISTAKES]
    labels = sure.argmax(axis=1)
    return [
        {
            "row": int(k),
            "label": int(labels[k]),
            "true": int(rows.y[k, labels[k]] > 0.5),
            "answer": int(rows.values[k, labels[k]] > 0.5),
            "confidence": float(sure[k].max()),
        }
        for k in surest
        if wrong[k].any()
    ]


def _calibration(test: AnsweredRows, held_out: AnsweredRows, exclusive: bool) -> dict[str, Any]:
    """Fitted on the held-out rows, told of the test rows: what a temperature is worth where it was not chosen."""
    answers, targets = _matrices(test)
    held, truths = _matrices(held_out)
    temperature = temperature_of(_logits(held, exclusive), truths, exclusive)
    told = not is_extreme(temperature)
    temperature = temperature if told else 1.0
    cooled = squashed(_logits(answers, exclusive) / temperature, exclusive)
    return {
        "temperature": temperature,
        "told": told,
        "bins": reliability(answers, targets, exclusive),
        "bins_at_temperature": reliability(cooled, targets, exclusive),
        **{
            name + end: value
            for end, values in (("", answers), ("_at_temperature", cooled))
            for name, value in (
                ("ece", calibration_error(values, targets, exclusive)),
                ("nll", float(row_scores(values, targets, exclusive)["nll"].mean())),
            )
        },
    }


def _matrices(rows: AnsweredRows) -> tuple[np.ndarray, np.ndarray]:
    answers = rows.values.astype("float64").reshape(len(rows.values), -1)
    return answers, truth(answers, rows.y)


def _logits(probabilities: np.ndarray, exclusive: bool) -> np.ndarray:
    logs = np.log(np.maximum(probabilities, _LEAST))
    return logs if exclusive else logs - np.log(np.maximum(1 - probabilities, _LEAST))


def _of_quantities(
    test: AnsweredRows, held_out: AnsweredRows, features: Sequence[str], first: Sequence[str]
) -> dict[str, Any]:
    off = np.asarray(test.values, "float64") - test.y
    # Of several outputs the one that is off most stands for the row.
    errors = np.abs(off).reshape(len(off), -1).max(axis=1)
    at = even_places(off.size, _MOST_DOTS)
    counts, edges = np.histogram(off.ravel(), bins="auto" if off.size < 10_000 else 60)
    return {
        "pairs": {"predicted": _listed(test.values, at), "true": _listed(test.y, at)},
        "residuals": {
            "mean": float(off.mean()),
            "median_size": float(np.median(np.abs(off))),
            "largest_size": float(errors.max()),
            "counts": counts.tolist(),
            "edges": edges.tolist(),
        },
        "worst": [_worst(test, int(k), features, first) for k in np.argsort(-errors, kind="stable")[:_MOST_WORST]],
        "coverage": covered_by_level((held_out.values, held_out.y), (test.values, test.y)),
    }


def _listed(values: np.ndarray, at: np.ndarray) -> list[float]:
    return [float(value) for value in np.asarray(values, "float64").ravel()[at]]


def _worst(rows: AnsweredRows, place: int, features: Sequence[str], first: Sequence[str]) -> dict[str, Any]:
    predicted, true = (np.atleast_1d(np.asarray(values[place], "float64")) for values in (rows.values, rows.y))
    most = int(np.abs(predicted - true).argmax())
    shown = {} if rows.x is None else shown_row(rows.x, place, features, first)
    return {"row": place, "true": float(true[most]), "predicted": float(predicted[most]), **shown}
