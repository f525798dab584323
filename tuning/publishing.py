"""What a run publishes: the exported model with its card, and the numbers of its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from ..toolkit.data.splits import take
from ..toolkit.diagnosis.findings import Finding
from ..toolkit.metrics.scores import calibration_error, truth
from ..toolkit.models.batch_answers import batch_answers
from ..toolkit.models.columns_in import model_inputs
from ..toolkit.report.layers import layers_part
from ..toolkit.report.parts import data_part, export_part, scores_part, versions
from ..toolkit.runtime.own_folders import folder_name
from ..toolkit.saving.exporting import ExportReport, export, published_before
from ..toolkit.saving.model_schema import schema_part
from .answer_rules import AnswerRules
from .ensemble_training import Member
from .measuring import Measured
from .open_run import OpenRun

# Measured with the scores, once; sections of their own in the report.
_OF_THE_ANSWERS = ("answers", "inputs")


def card(run: OpenRun, findings: Sequence[Finding], measured: Measured, winner: keras.Model) -> dict[str, Any]:
    """What the model's card says beyond what its export knows.

    Args:
        run: The run.
        findings: Of the check and of all members.
        measured: On the test rows.
        winner: The model that takes encoded rows.
    """
    raw = run.rows.raw
    found: dict[str, Any] = {
        "task": run.task,
        "seed": run.settings.seed,
        "settings": {**asdict(run.settings), "optimizer": "adam"},
        "data": {
            "name": raw.name,
            "target": raw.target,
            "fingerprint": raw.fingerprint,
            "rows to train": run.rows.training_rows,
            "rows to validate": len(raw.validation),
            "rows to test": len(raw.test),
        },
        "scores": scores_part(measured.evaluation),
        "beside": {"sentence": measured.beside.get("sentence"), "models": scores_part(measured.beside)},
        "findings": [str(one) for one in findings if one.level != "info"] or ["No warnings."],
    }
    return found if run.task == "regression" else {**found, "calibration": _calibration(run, winner)}


def _calibration(run: OpenRun, winner: keras.Model) -> dict[str, Any]:
    validation = run.rows.splits.validation
    answers = np.asarray(batch_answers(winner, model_inputs(validation.x)))
    error = calibration_error(answers, truth(answers, validation.y), run.task == "multiclass")
    return {
        "expected calibration error": error,
        "rows": f"{len(answers)} validation rows, by which the model was chosen: expect a little more",
    }


def published(run: OpenRun, model: keras.Model, rules: AnswerRules, card_part: dict[str, Any]) -> ExportReport:
    """Exports the model, proves it and says so; a run that was interrupted behind this does not publish twice.

    Args:
        run: The run.
        model: Takes rows as they were read.
        rules: How `predict` makes answers of its outputs.
        card_part: What `card` gave.

    Raises:
        ExportRefusedError: The exported model does not output what the trained one does.
    """
    raw = run.rows.raw
    folder = run.out / "models" / folder_name(raw.name)
    before = published_before(folder, run.state.name)
    if before is not None:
        run.say(f"export: {before.path}, published and proved before the interruption")
        return before
    # Validation rows: the proof of an export needs some rows, and the test rows stay sealed.
    rows = model_inputs(take(raw.validation.x, slice(0, 32)))
    schema = {**schema_part(raw), "run": run.state.name, **rules.as_schema()}
    exported = export(model, folder, rows, raw.classes, schema, keep_rows=run.keep_rows, card=card_part)
    run.say(
        f"export: {exported.path}, proved in a fresh process on {exported.rows} rows, "
        f"largest difference {exported.max_difference:.1e}"
    )
    return exported


def report_part(
    run: OpenRun, members: Sequence[Member], weights: np.ndarray, measured: Measured, exported: ExportReport
) -> dict[str, Any]:
    """The numbers of the report: what was trained, measured and exported.

    Args:
        run: The run.
        members: As trained before the choice.
        weights: Of each in the vote.
        measured: On the test rows.
        exported: What was published.
    """
    rows, evaluation = run.rows, measured.evaluation
    parts = {name: evaluation[name] for name in _OF_THE_ANSWERS if name in evaluation}
    return {
        "seed": run.settings.seed,
        "settings": {**asdict(run.settings), "optimizer": "adam", "architecture": rows.architecture},
        "versions": versions(),
        "head": {**asdict(rows.head), "metrics": list(rows.head.metrics)},
        "members": [_member(one, weight) for one, weight in zip(members, weights, strict=True)],
        "evaluation": {name: part for name, part in evaluation.items() if name not in parts},
        **parts,
        "beside": measured.beside,
        "export": export_part(exported, run.out),
    }


def data_of(run: OpenRun, notes: Sequence[str]) -> dict[str, Any]:
    """The rows of the run, for the report: all that are learnt from, those on disk too.

    Args:
        run: The run.
        notes: What is suspicious in them.
    """
    found = data_part(run.rows.raw, run.rows.inputs, notes)
    return {**found, "rows": {**found["rows"], "train": run.rows.training_rows}}


def whole_model(run: OpenRun, winner: keras.Model) -> keras.Model:
    """The model that takes rows as they were read.

    Args:
        run: The run.
        winner: The model that takes encoded rows.
    """
    return winner if run.rows.encoder is None else run.rows.encoder.before(winner)


def _member(member: Member, weight: float) -> dict[str, Any]:
    at = member.best_epoch
    validation = {
        name.removeprefix("val_"): values[at]
        for name, values in (member.history.items() if at is not None else ())
        if at is not None and name.startswith("val_")
    }
    return {
        "name": member.name,
        "seed": member.seed,
        "parameters": int(member.model.count_params()),
        "best_epoch": at,
        "history": member.history,
        "layers": layers_part(member.probes),
        "chosen_weight": float(weight),
        "findings": [finding.as_dict() for finding in member.findings],
        "validation": validation,
    }
