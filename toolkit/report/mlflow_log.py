"""A finished run into MLflow: settings, scores, curves, findings, leaderboard, report and exported model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .side_by_side import read_report

# MLflow takes longer values of parameters no more.
_LONGEST = 500


def log_run(folder: str | Path, tracking_uri: str | None = None, experiment: str | None = None) -> str:
    """Logs a run of `trainwise run`, `demo` or `search` into MLflow.

    Args:
        folder: Of the run.
        tracking_uri: Where MLflow keeps its runs, such as `sqlite:///mlflow.db`; what MLflow is set to by default.
        experiment: Its name; MLflow's own default by default.

    Returns:
        MLflow's id of the run.

    Raises:
        FileNotFoundError: There is no report.
        ImportError: MLflow is not installed.
        ValueError: The file is no report.
    """
    try:
        import mlflow
    except ImportError:
        raise ImportError("MLflow is not installed: pip install 'trainwise[mlflow]'.") from None
    report, path = read_report(folder), Path(folder)
    if tracking_uri is not None:
        mlflow.set_tracking_uri(tracking_uri)
    if experiment is not None:
        mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=str(report["title"])) as run:
        mlflow.log_params({name: str(value)[:_LONGEST] for name, value in (report.get("settings") or {}).items()})
        for name, value, step in metrics_of(report):
            mlflow.log_metric(name, value, step=step)
        mlflow.log_dict(_findings(report), "findings.json")
        board = (report.get("search") or {}).get("leaderboard")
        if board:
            mlflow.log_table(
                {name: [str(value) for value in column] for name, column in board.items()}, "leaderboard.json"
            )
        for file in ("report.html", "report.json", "run.toml"):
            if (path / file).is_file():
                mlflow.log_artifact(str(path / file))
        export = report.get("export") or {}
        if export.get("path"):
            mlflow.log_dict(export.get("signatures") or {}, "signature.json")
            mlflow.log_artifacts(str(path / export["path"]), "model")
        return str(run.info.run_id)


def _findings(report: Mapping[str, Any]) -> dict[str, Any]:
    members = {str(one.get("name")): one.get("findings") or [] for one in report.get("members") or []}
    return {"before training": report.get("checks") or [], **members}


def metrics_of(report: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of every number that is measured.

    Args:
        report: Plain values, as in `report.json`.

    Example:

    >>> list(metrics_of({"members": [{"name": "member_0", "history": {"loss": [0.5, None]}}]}))
    [('member_0/loss', 0.5, 1)]
    """
    evaluation = report.get("evaluation") or {}
    for result in evaluation.get("results") or []:
        yield from _finite(f"test/{result['name']}/{evaluation.get('metric')}", result.get("value"), 0)
    for member in report.get("members") or []:
        for name, curve in (member.get("history") or {}).items():
            epochs = member.get("epochs_shown") or range(len(curve))
            for epoch, value in zip(epochs, curve, strict=False):
                yield from _finite(f"{member.get('name')}/{name}", value, epoch + 1)


def _finite(name: str, value: Any, step: int) -> Iterator[tuple[str, float, int]]:
    # Names of MLflow hold no other signs.
    if isinstance(value, int | float) and math.isfinite(value):
        yield "".join(one if one.isalnum() or one in "_-. /" else "_" for one in name), float(value), step
