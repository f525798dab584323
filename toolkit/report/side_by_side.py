"""Reports of finished runs, read back: their pages written again, several runs side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2

from ..diagnosis.catalogue import LEVELS
from .page import as_html
from .templating import environment

# What a file of another make breaks with, once it is taken for a report.
_OF_ANOTHER_MAKE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    jinja2.TemplateError,
)
_COLUMNS = ("run", "data", "seed", "score", "interval", "seconds", "findings", "exported")


def read_report(run: str | PathLike[str]) -> dict[str, Any]:
    """What a run has written down.

    Args:
        run: Folder of the run, or its `report.json`.

    Raises:
        FileNotFoundError: There is no report.
        ValueError: The file is no report.

    Example:

    >>> import tempfile
    >>> from trainwise.toolkit.report.page import write
    >>> page, data = write({"title": "digits"}, tempfile.mkdtemp())
    >>> read_report(page.parent)["title"]
    'digits'
    """
    path = _file_of(run)
    if not path.is_file():
        raise FileNotFoundError(f"There is no report {path}: name the folder of a run that has ended.")
    try:
        report = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is no report of a run: it holds no whole JSON.") from None
    if not isinstance(report, dict) or not isinstance(report.get("title"), str):
        raise ValueError(f"{path} is no report of a run: it has no title.")
    return report


def page_again(run: str | PathLike[str], language: str = "en") -> str:
    """The page of a run, made anew from its `report.json`.

    Args:
        run: Folder of the run, or its `report.json`.
        language: Of the page, `"en"` or `"ko"`.

    Raises:
        FileNotFoundError: There is no report.
        ValueError: The file is no report, or another language.

    Example:

    >>> import tempfile
    >>> from trainwise.toolkit.report.page import write
    >>> page, data = write({"title": "digits"}, tempfile.mkdtemp())
    >>> page_again(data) == page.read_text(encoding="utf-8")
    True
    """
    report = read_report(run)
    try:
        return as_html(report, language)
    except _OF_ANOTHER_MAKE as error:
        raise _unknown(run, error) from None


def names_apart(runs: Sequence[str | PathLike[str]]) -> list[str]:
    """A name for each run: that of its folder, with as many of the folders above as tell the runs apart.

    Args:
        runs: Folders of runs, or their `report.json`; each one once.

    Raises:
        ValueError: A run is named twice.

    Example:

    >>> names_apart(["runs/iris", "a/digits", "b/digits"])
    ['iris', 'a-digits', 'b-digits']
    """
    paths = [Path(run).resolve() for run in runs]
    folders = [(path.parent if path.is_file() else path).parts for path in paths]
    if len(set(folders)) < len(folders):
        raise ValueError("A run is named twice: name each run once.")

    def name(folder: tuple[str, ...]) -> str:
        # The root alone has no name, and is the start of no two.
        shared = next(k for k in range(1, len(folder) + 1) if [one[-k:] for one in folders].count(folder[-k:]) == 1)
        return "-".join(folder[-shared:]).replace("/", "")

    return [name(folder) for folder in folders]


def run_row(run: str | PathLike[str]) -> dict[str, Any]:
    """A run in a row of plain values, `None` where its report does not say.

    Args:
        run: Folder of the run, or its `report.json`.

    Returns:
        `run`, `data`, `fingerprint`, `seed`, `metric`, `score` of the winner on the test rows with `low` and `high`,
        `test_rows`, `seconds` of all steps together, the numbers of `errors` and `warnings`, `exported`.

    Raises:
        FileNotFoundError: There is no report.
        ValueError: The file is no report.
    """
    report = read_report(run)
    try:
        return _row(str(run), report)
    except _OF_ANOTHER_MAKE as error:
        raise _unknown(run, error) from None


def _row(run: str, report: Mapping[str, Any]) -> dict[str, Any]:
    data, evaluation = report.get("data") or {}, report.get("evaluation") or {}
    winner: Mapping[str, Any] = next((one for one in evaluation.get("results") or [] if one.get("winner")), {})
    seconds = report.get("seconds") or {}
    found = [*(report.get("checks") or [])]
    for member in report.get("members") or []:
        found += member.get("findings") or []
    counts = Counter(str(finding["level"]) for finding in found)
    row = {
        "run": run,
        "data": data.get("name") or report["title"],
        "fingerprint": data.get("fingerprint"),
        "seed": report.get("seed"),
        "metric": evaluation.get("metric"),
        "score": winner.get("value"),
        "low": winner.get("low"),
        "high": winner.get("high"),
        "test_rows": evaluation.get("rows"),
        "seconds": round(sum(seconds.values()), 3) if seconds else None,
        **{f"{level}s": counts[level] for level in LEVELS if level != "info"},
        "exported": (report.get("export") or {}).get("path"),
    }
    # What is shown must be what it is taken for; a report of another make fails here.
    kinds = {float: ("score", "low", "high", "seconds"), int: ("seed", "test_rows"), str: ("metric", "fingerprint")}
    for kind, names in kinds.items():
        row.update({name: kind(row[name]) for name in names if row[name] is not None})
    return row


def _file_of(run: str | PathLike[str]) -> Path:
    path = Path(run)
    return path / "report.json" if path.is_dir() else path


def _unknown(run: str | PathLike[str], error: Exception) -> ValueError:
    return ValueError(f"{_file_of(run)} is no report that this version writes ({type(error).__name__}: {error}).")


def comparable(rows: Sequence[Mapping[str, Any]]) -> str:
    """What stands in the way of comparing the scores, in a sentence; empty where nothing is known to.

    Args:
        rows: Runs, as `run_row` gives them.

    Example:

    >>> rows = [{"metric": "accuracy", "fingerprint": "a", "seed": seed, "test_rows": 9} for seed in (0, 1)]
    >>> comparable(rows)
    'The runs were tested on different rows (another seed): their scores are no comparison.'
    """
    if len({row["metric"] for row in rows}) > 1:
        return "The runs have scores of different kinds, which are no comparison."
    names = {"fingerprint": "other data", "seed": "another seed", "test_rows": "another split"}
    # The same seed parts the same data alike.
    unlike = [words for name, words in names.items() if len({row[name] for row in rows}) > 1]
    return f"The runs were tested on different rows ({unlike[0]}): their scores are no comparison." if unlike else ""


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    counts = {level: row[f"{level}s"] for level in LEVELS if level != "info"}
    told = [f"{count} {level}{'s' * (count > 1)}" for level, count in counts.items() if count]
    low, high = row["low"], row["high"]
    return {
        "run": row["run"],
        "data": str(row["data"]),
        "seed": "-" if row["seed"] is None else str(row["seed"]),
        "score": "-" if row["score"] is None else f"{row['metric'] or 'score'} {row['score']:.4g}",
        "interval": "-" if low is None or high is None else f"{low:.4g} to {high:.4g}",
        "seconds": "-" if row["seconds"] is None else f"{row['seconds']:.1f}",
        "findings": ", ".join(told) or "none",
        "exported": str(row["exported"] or "-"),
    }


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Runs side by side as text, a line a run.

    Args:
        rows: Runs, as `run_row` gives them.

    Example:

    >>> import tempfile
    >>> from trainwise.toolkit.report.page import write
    >>> page, data = write({"title": "digits", "seed": 3}, tempfile.mkdtemp())
    >>> as_table([{**run_row(data), "run": "runs/digits"}]).splitlines()[1].split()
    ['runs/digits', 'digits', '3', '-', '-', '-', 'none', '-']
    """
    lines = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *map(_cells, rows)]
    widths = {name: max(len(line[name]) for line in lines) for name in _COLUMNS}
    table = ["  ".join(line[name].ljust(widths[name]) for name in _COLUMNS).rstrip() for line in lines]
    return "\n".join([*table, comparable(rows)]).rstrip()


def as_page(rows: Sequence[Mapping[str, Any]], language: str = "en") -> str:
    """Runs side by side as one page that needs no network.

    Args:
        rows: Runs, as `run_row` gives them.
        language: Of the page, `"en"` or `"ko"`.

    Raises:
        ValueError: Another language.

    Example:

    >>> "0 runs side by side" in as_page([])
    True
    """
    return (
        environment(language)
        .get_template("side_by_side.html")
        .render(columns=_COLUMNS, rows=[_cells(row) for row in rows], sentence=comparable(rows))
    )
