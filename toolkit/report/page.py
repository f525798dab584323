"""Writes what a run did and found: one self-contained HTML page, and the same numbers as JSON."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ..diagnosis.catalogue import CAUSES, LEVELS, SYMPTOMS
from ..diagnosis.findings import Advice
from ..diagnosis.shapes import shape
from ..diagnosis.wording import reason
from ..runtime.files import write_text
from .charts import curves_chart, results_chart, trials_chart
from .thinning import thinned

HEALTHY = "No warnings: this run looks healthy."

Values = dict[str, Any]

# What a part may hold; a partial report lacks some of it, and the page then leaves it out.
_REPORT = dict.fromkeys(("title", "command", "created", "seed", "settings", "versions", "head", "seconds"))
_DATA = dict.fromkeys(("name", "inputs", "rows", "classes", "fingerprint", "test_openings", "notes", "columns"))
_EVALUATION = dict.fromkeys(("metric", "interval", "rows", "sentence", "mends", "breaks", "higher_is_better"))
_RESULT = dict.fromkeys(("name", "value", "low", "high", "winner"))
_SEARCH = dict.fromkeys(
    (
        "objective",
        "higher_is_better",
        "best_trial",
        "epochs_saved",
        "rank_correlation",
        "importance",
        "notes",
        "device",
        "one_epoch_then_best_three",
        "facts",
        "sentence",
    )
)
_MOST_TRIALS = 20
_MOST_CLASSES = 20
_OF_ALL = ("balanced_accuracy", "f1", "roc_auc", "pr_auc")
# A list of numbers, one a line: half of a long history would be blanks.
_NUMBERS = re.compile(r"\[\n(?:\s*(?:-?[\d.][\deE.+-]*|null),?\n)+\s*\]")
_EXPORT = dict.fromkeys(("path", "max_difference", "tolerance", "rows", "signatures", "proof"))


def as_json(report: Mapping[str, Any]) -> str:
    """Gives a report as strict JSON, in which NaN and infinities are null.

    Args:
        report: Plain values, numpy scalars and arrays, nested in mappings and sequences.

    Returns:
        The text, indented by two spaces, lists of numbers on one line, with a newline at its end. Of members that
        trained longer than 300 epochs the histories hold some of the epochs, and say which: `epochs_shown`.

    Raises:
        TypeError: A value is none of these.

    Example:

    >>> as_json({"loss": [0.5, float("nan")]}).split()
    ['{', '"loss":', '[0.5,', 'null]', '}']
    """
    # `NaN` is no JSON: browsers and other languages refuse the whole file.
    return _NUMBERS.sub(_on_one_line, json.dumps(thinned(_plain(report)), indent=2, allow_nan=False)) + "\n"


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def as_html(report: Mapping[str, Any]) -> str:
    """Gives a report as one page that needs no network: styles and charts stand in it.

    What the report does not hold is left out. A report read back from its JSON gives the same page.

    Args:
        report: What the recipe collected: `title`, `data`, `members`, `checks`, `evaluation`, `search`,
            `export` and more.

    Returns:
        The page, with every text of the report escaped.

    Raises:
        TypeError: A value is no plain value, numpy scalar or array.

    Example:

    >>> "<h1>digits</h1>" in as_html({"title": "digits"})
    True
    """
    # Through the same types as the JSON, so that a report read back gives the same page.
    plain = {**_REPORT, **thinned(_plain(report))}
    findings = _findings(plain)
    names = [str(name) for name in (plain.get("data") or {}).get("classes") or []]
    evaluation = _evaluation(plain.get("evaluation") or {}, names)
    return ENVIRONMENT.get_template("report.html").render(
        title=plain["title"] or "Training report",
        report=plain,
        data={**_DATA, **plain["data"]} if plain.get("data") else {},
        evaluation=evaluation,
        beside=_beside(plain.get("beside") or {}),
        export=_export(plain.get("export") or {}),
        search=_search(plain.get("search") or {}),
        findings=sorted(findings, key=lambda finding: int(finding["number"])),
        members=_members(plain, findings),
        verdict=_verdict(plain, evaluation, findings),
        healthy=HEALTHY,
    )


def write(report: Mapping[str, Any], directory: str | PathLike[str]) -> tuple[Path, Path]:
    """Writes `report.html` and `report.json`, each whole or not at all.

    Args:
        report: As for `as_html`.
        directory: Where to write; made where it does not exist.

    Returns:
        The paths of the page and of the JSON.

    Raises:
        OSError: The files cannot be written; earlier ones then stay as they were.
        TypeError: A value is no plain value, numpy scalar or array.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     [path.name for path in write({"title": "digits"}, directory)]
    ['report.html', 'report.json']
    """
    # Both are made before either is written: a value that cannot be shown leaves the old pair.
    pages = {"report.html": as_html(report), "report.json": as_json(report)}
    folder = Path(directory)
    for name, text in pages.items():
        # A name may hold halves of characters, which are no text; HTML shows them as a replacement character.
        write_text(folder / name, text, errors="xmlcharrefreplace")
    return folder / "report.html", folder / "report.json"


def _plain(value: Any) -> Any:
    """The value in the types that JSON knows."""
    # Before whole numbers: a bool is an int in Python.
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PathLike):
        return str(value)
    raise TypeError(f"A report must hold plain values, got {type(value).__name__}. Turn it into a number or a text.")


def _shown(value: Any) -> str:
    """A value as the page shows it: four significant digits; a dash where there is none."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    return str(value)


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _findings(report: Values) -> list[Values]:
    """Every finding with its source and its number in the page: errors first, then as the run met them."""
    found = [_finding(finding, None) for finding in report.get("checks") or []]
    for index, member in enumerate(report.get("members") or []):
        found += [_finding(finding, index, member.get("name")) for finding in member.get("findings") or []]
    # Numbers in the order a reader should look; the list itself stays by source.
    order = sorted(found, key=lambda f: (LEVELS.index(f["level"]), f["member"] is not None, f["epoch"] or 0))
    for number, finding in enumerate(order, start=1):
        finding["number"] = number
    return found


def _finding(finding: Values, member: int | None, name: Any = None) -> Values:
    epoch = finding.get("epoch")
    where = ["before training" if member is None else _shown(name)]
    where += [f"epoch {epoch + 1}"] if epoch is not None else []
    where += [f"{key} {_shown(finding[key])}" for key in ("step", "layer") if finding.get(key) is not None]
    return {
        "symptom": _words(finding["symptom"]),
        # A report of another version may know other levels.
        "level": finding["level"] if finding.get("level") in LEVELS else "info",
        "meaning": SYMPTOMS.get(finding["symptom"], ""),
        "message": finding.get("message") or "",
        "member": member,
        "epoch": epoch,
        "where": ", ".join(where),
        "why": reason(finding["symptom"]),
        "evidence": finding.get("evidence") or {},
        "causes": [CAUSES.get(cause, _words(cause)) for cause in finding.get("causes") or []],
        "advice": [_words(Advice(**advice).sentence) for advice in finding.get("advice") or []],
    }


def _members(report: Values, findings: Iterable[Values]) -> list[Values]:
    shown = []
    for index, member in enumerate(report.get("members") or []):
        own = sorted((f for f in findings if f["member"] == index), key=lambda f: (f["epoch"] or 0, f["number"]))
        marks = [finding for finding in own if finding["epoch"] is not None]
        chart = curves_chart(member, _metric(report, member), marks, f"curves-{index}")
        shown.append(
            {
                "name": member.get("name") or f"member {index}",
                "facts": _facts(member),
                "chart": Markup(chart),
                "shape": _shape_in_words(member),
                "findings": own,
            }
        )
    return shown


def _shape_in_words(member: Values) -> str:
    """The shape of a member's curves with its cure; empty where they have none."""
    history = member.get("history") or {}
    # JSON has no NaN.
    curves = {
        name: [math.nan if value is None else value for value in values]
        for name, values in history.items()
        if isinstance(values, list) and all(value is None or _is_number(value) for value in values)
    }
    try:
        return shape(curves).words()
    except ValueError:
        return ""


def _metric(report: Values, member: Values) -> str | None:
    """The key of the history that stands below the loss: a metric of the head, else one with a validation curve."""
    history = member.get("history") or {}
    asked = [name for name in (report.get("head") or {}).get("metrics") or [] if name in history]
    paired = [name for name in history if f"val_{name}" in history and name != "loss"]
    return next(iter(asked + paired), None)


def _facts(member: Values) -> Values:
    best = member.get("best_epoch")
    facts = {
        "seed": member.get("seed"),
        "parameters": member.get("parameters"),
        "best epoch": None if best is None else best + 1,
        "epochs": _epochs_in_words(member),
        **{f"validation {_words(key)}": value for key, value in (member.get("validation") or {}).items()},
        "weight in the vote": member.get("chosen_weight"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _epochs_in_words(member: Values) -> str | None:
    shown = member.get("epochs_shown")
    return f"{member.get('epochs'):,}, of which {len(shown)} are drawn and kept" if shown else None


def _evaluation(evaluation: Values, names: Sequence[str] = ()) -> Values:
    if not evaluation:
        return {}
    results = [{**_RESULT, **result} for result in evaluation.get("results") or []]
    chart = Markup(results_chart(evaluation))
    by_class = _class_by_class(evaluation.get("of_classes") or {}, names)
    return {"said": [], **_EVALUATION, **evaluation, "results": results, "chart": chart, "by_class": by_class}


def _class_by_class(scores: Values, names: Sequence[str]) -> Values:
    """What the winner makes of each class: the worst first where they are many, and then without the confusion."""
    rows = [
        {"name": names[k] if k < len(names) else str(k), **row} for k, row in enumerate(scores.get("classes") or [])
    ]
    if not rows:
        return {}
    words = [f"{name.replace('_', ' ')} {scores[name]:.3f}" for name in _OF_ALL if scores.get(name) is not None]
    many = len(rows) > _MOST_CLASSES
    shown = sorted(rows, key=lambda row: row["f1"])[:_MOST_CLASSES] if many else rows
    return {
        "rows": shown,
        "left_out": len(rows) - len(shown),
        "confusion": None if many else scores.get("confusion"),
        "words": ", ".join(words),
    }


def _beside(beside: Values) -> Values:
    results = [{**_RESULT, "seconds": None, "note": "", **result} for result in beside.get("results") or []]
    return {"metric": None, "sentence": "", **beside, "results": results}


def _search(search: Values) -> Values:
    if not search:
        return {}
    board = _with_architectures(search.get("leaderboard") or {}, search.get("hyperparameters") or [])
    # A column that is empty for all trials only costs width.
    shown = {name: column for name, column in board.items() if any(value not in (None, "") for value in column)}
    if "findings" in shown:
        shown["findings"] = [_words(symptoms) for symptoms in shown["findings"]]
    rows = [list(row) for row in zip(*shown.values(), strict=True)]
    objective, higher = str(search.get("objective") or "objective"), bool(search.get("higher_is_better"))
    # JSON knows keys that are texts only; a report that was not read from a file has them so too.
    chart = trials_chart(search.get("curves") or {}, str(search.get("best_trial")), objective, higher)
    numbers = [all(value is None or _is_number(value) for value in column) for column in shown.values()]
    return {
        **_SEARCH,
        **search,
        "chart": Markup(chart),
        "columns": list(shown),
        "rows": rows[:_MOST_TRIALS],
        "numbers": numbers,
        "more": max(0, len(rows) - _MOST_TRIALS),
        "trials": len(rows),
        "importance": _shares(search.get("importance") or {}),
    }


def _with_architectures(board: Values, names: Sequence[str]) -> Values:
    """The leaderboard with the hyperparameters of a trial in one column, which may be broken into lines."""
    inside = [name for name in names if name in board]
    rows = [
        ", ".join(f"{_words(name)} {_shown(board[name][place])}" for name in inside if board[name][place] is not None)
        for place in range(len(next(iter(board.values()), [])))
    ]
    shown: Values = {}
    for name, column in board.items():
        if name not in inside:
            shown[name] = column
        elif "architecture" not in shown:
            shown["architecture"] = rows
    return shown


def _shares(importance: Mapping[str, float]) -> Values:
    return {name: f"{share:.0%}" if share >= 0.005 else "below 1%" for name, share in importance.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _export(export: Values) -> Values:
    if not export:
        return {}
    difference, tolerance = export.get("max_difference"), export.get("tolerance")
    within = None if difference is None or tolerance is None else difference <= tolerance
    return {**_EXPORT, **export, "within": within}


def _verdict(report: Values, evaluation: Values, findings: Iterable[Values]) -> Values:
    counts = Counter(finding["level"] for finding in findings)
    told = [f"{counts[level]} {level}{'s' * (counts[level] > 1)}" for level in ("error", "warning") if counts[level]]
    return {
        "level": next((level for level in ("error", "warning") if counts[level]), "healthy"),
        "status": ", ".join(told),
        "trained": _trained(report),
        "winner": next((result for result in evaluation.get("results", []) if result["winner"]), None),
    }


def _trained(report: Values) -> str:
    """What was trained, in one sentence; empty where nothing was."""
    members = len(report.get("members") or [])
    trials = len(((report.get("search") or {}).get("leaderboard") or {}).get("trial") or [])
    if not members and not trials:
        return ""
    architecture = (report.get("settings") or {}).get("architecture")
    task = (report.get("head") or {}).get("task")
    data = report.get("data") or {}
    rows = (data.get("rows") or {}).get("train")
    parts = [f"{members} {'model' if members == 1 else 'models'}"]
    if trials:
        parts = [f"{trials} {'architecture' if trials == 1 else 'architectures'} in a search"]
    parts += [f"({architecture})"] if architecture else []
    parts += [f"for a {_words(task)} task"] if task else []
    parts += [f"on {data['name']}"] if data.get("name") else []
    parts += [f"with {rows:,} training rows"] if isinstance(rows, int) else []
    return f"Trained {' '.join(parts)}."


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    # Names of columns and files come from the user and may hold HTML.
    autoescape=True,
    # A field that the template asks for and nobody gives is a fault here, not a blank on the page.
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(shown=_shown, words=_words)
