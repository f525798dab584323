"""A finished run into MLflow: settings, scores, curves, findings, leaderboard, report and exported model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .curve_points import curve_points, is_finite
from .side_by_side import read_report

# MLflow takes longer values of parameters no more.
_LONGEST = 500


def log_run(run: str | Path, tracking_uri: str | None = None, experiment: str | None = None) -> str:
    """Logs a run of `trainwise run`, `demo` or `search` into MLflow.

    Args:
        run: Folder of the run, or its `report.json`.
        tracking_uri: Where MLflow keeps its runs, such as `sqlite:///mlflow.db`; what MLflow is set to by default.
        experiment: Its name; MLflow's own default by default.

    Returns:
        MLflow's id of the run.

    Raises:
        FileNotFoundError: There is no report, or not the model that it tells of.
        ImportError: MLflow is not installed.
        OSError: MLflow does not take the run, or nothing answers at its address.
        ValueError: The file is no report, or its model lies outside the run's folder.
    """
    try:
        import mlflow
    except ImportError:
        raise ImportError("MLflow is not installed: pip install 'trainwise[mlflow]'.") from None
    report, folder = read_report(run), Path(run) if Path(run).is_dir() else Path(run).parent
    model = _model_of(report, folder)
    try:
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        if experiment is not None:
            mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=str(report["title"])) as started:
            _log(report, folder, model)
            return str(started.info.run_id)
    except mlflow.exceptions.MlflowException as error:
        raise OSError(f"MLflow at {mlflow.get_tracking_uri()} does not take the run: {error}") from error


def _model_of(report: Mapping[str, Any], folder: Path) -> Path | None:
    """The folder of the exported model; refused outside the run's, which a report by someone else may name."""
    told = (report.get("export") or {}).get("path")
    if not told:
        return None
    path = (folder / str(told)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"The report says that its model is in {told!r}, which is not within {folder}.")
    if not path.is_dir():
        raise FileNotFoundError(f"The report says that its model is in {told}, and {folder} holds no such folder.")
    return path


def _log(report: Mapping[str, Any], folder: Path, model: Path | None) -> None:
    import mlflow

    mlflow.log_params({name: str(value)[:_LONGEST] for name, value in (report.get("settings") or {}).items()})
    for name, value, step in metrics_of(report):
        mlflow.log_metric(name, value, step=step)
    mlflow.log_dict(_findings(report), "findings.json")
    board = (report.get("search") or {}).get("leaderboard")
    if board:
        mlflow.log_table({name: [str(value) for value in column] for name, column in board.items()}, "leaderboard.json")
    for file in ("report.html", "report.json", "run.toml"):
        if (folder / file).is_file():
            mlflow.log_artifact(str(folder / file))
    if model is not None:
        mlflow.log_dict(report["export"].get("signatures") or {}, "signature.json")
        mlflow.log_artifacts(str(model), "model")


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
        if is_finite(result.get("value")):
            yield _allowed(f"test/{result['name']}/{evaluation.get('metric')}"), float(result["value"]), 0
    for member in report.get("members") or []:
        for name, value, epoch in curve_points(member):
            yield _allowed(f"{member.get('name')}/{name}"), value, epoch


def _allowed(name: str) -> str:
    # Names of MLflow hold no other signs.
    return "".join(one if one.isalnum() or one in "_-. /" else "_" for one in name)
