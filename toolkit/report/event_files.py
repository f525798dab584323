"""A report as event files of TensorBoard: curves, settings and scores under HParams, findings, charts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..diagnosis.findings import Finding
from ..diagnosis.wording import words
from .curve_points import curve_points, is_finite
from .drawing import charts_kept
from .sections import Sections

# What a row of a comparison holds beside its settings.
_NO_SETTINGS = frozenset({"mean", "spread", "updates", "diverged", "curves", "losses"})
# Ends the names of our files; before it stands whose points they hold.
_OURS = ".trainwise"
_REPORT = "report"


@dataclass(frozen=True)
class Trial:
    """One training with its settings.

    Args:
        name: Of its folder.
        settings: Numbers, words and truth values by name; `None` is left out.
        scores: What it came to, by name.
        points: Name, value and epoch, from 1, of what it logged.
    """

    name: str
    settings: Mapping[str, Any]
    scores: Mapping[str, float | None]
    points: tuple[tuple[str, float, int], ...]


def write_events(report: Mapping[str, Any], folder: str | Path) -> int:
    """Writes a report for TensorBoard: `tensorboard --logdir FOLDER` shows it.

    Of a run the curves of each member under Scalars, findings under Text and the page's charts under Images; of a
    search each trial, of a comparison each seed of each setting, with its settings and scores under HParams.

    Args:
        report: Plain values, as in `report.json` or `compare.json`.
        folder: Where to; a folder for each training is made in it. The same report written again takes the place of
            what it wrote before.

    Returns:
        The number of trainings written.

    Raises:
        FileExistsError: A folder of a training holds events of something else, which TensorBoard would mix with these.
        OSError: The folder cannot be written.

    Example:

    >>> import tempfile
    >>> member = {"name": "member_0", "seed": 0, "history": {"loss": [0.5, 0.25]}, "validation": {"loss": 0.25}}
    >>> write_events({"title": "digits", "members": [member]}, tempfile.mkdtemp())
    1
    """
    trials = list(_trials(report))
    # By what is told and not by when: a report that is made again is the same one.
    suffix = f".{sha256(repr(trials).encode('utf-8', 'surrogatepass')).hexdigest()[:12]}{_OURS}"
    _make_room(Path(folder), [*(trial.name for trial in trials), _REPORT], suffix)
    for trial in trials:
        _write_trial(trial, Path(folder) / trial.name, suffix)
    if "rows" not in report:
        _write_findings(report, Path(folder) / _REPORT, suffix)
        _write_charts(report, Path(folder) / _REPORT, suffix)
    return len(trials)


def _make_room(folder: Path, names: list[str], suffix: str) -> None:
    """Removes what the same report wrote before; refuses before anything is changed where something else stands."""
    there = [path for name in names for path in (folder / name).glob("*tfevents*")]
    for path in there:
        if not path.name.endswith(suffix):
            raise FileExistsError(
                f"{path.parent} holds events of another run, which TensorBoard would mix with these: name another "
                "folder, or remove it"
            )
    for path in there:
        path.unlink()


def _trials(report: Mapping[str, Any]) -> Iterator[Trial]:
    if "rows" in report:
        yield from _of_comparison(report)
    elif report.get("search"):
        yield from _of_search(report["search"])
    else:
        for number, member in enumerate(report.get("members") or []):
            name = str(member.get("name") or f"member_{number}")
            points = tuple(curve_points(member))
            yield Trial(_as_folder(name), {"seed": member.get("seed")}, member.get("validation") or {}, points)


def _of_comparison(report: Mapping[str, Any]) -> Iterator[Trial]:
    metric = str(report["metric"])
    for number, row in enumerate(report["rows"]):
        settings = {name: value for name, value in row.items() if name not in _NO_SETTINGS}
        for seed, curve in enumerate(row.get("curves") or []):
            scores = {metric: curve[-1] if len(curve) else None}
            points = tuple(curve_points({"history": {metric: curve}}))
            yield Trial(f"setting_{number}-seed_{seed}", {**settings, "seed": seed}, scores, points)


def _of_search(search: Mapping[str, Any]) -> Iterator[Trial]:
    board, objective = search["leaderboard"], str(search["objective"])
    names = [*(search.get("hyperparameters") or []), "learning_rate", "momentum"]
    for place, number in enumerate(board["trial"]):
        settings = {name: board[name][place] for name in names if name in board}
        curve = (search.get("curves") or {}).get(str(number)) or []
        points = tuple(curve_points({"history": {objective: curve}}))
        yield Trial(f"trial_{number}", settings, {objective: board[objective][place]}, points)


def _as_folder(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)


def _writer(folder: Path, suffix: str) -> Any:
    import tensorflow as tf

    return tf.summary.create_file_writer(str(folder), filename_suffix=suffix)


def _write_trial(trial: Trial, folder: Path, suffix: str) -> None:
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    writer = _writer(folder, suffix)
    with writer.as_default():
        settings = {
            name: value if isinstance(value, bool | int | float) else str(value)
            for name, value in trial.settings.items()
            if value is not None
        }
        hparams.hparams(settings, trial_id=trial.name)
        for name, value, epoch in trial.points:
            tf.summary.scalar(name, value, step=epoch)
        for name, score in trial.scores.items():
            if is_finite(score):
                # Under another name: the last point of a curve is not the score of the best epoch.
                tf.summary.scalar(f"score/{name}", score, step=0)
    writer.close()


def _write_findings(report: Mapping[str, Any], folder: Path, suffix: str) -> None:
    import tensorflow as tf

    members = [("before training", report.get("checks") or [])]
    members += [(str(one.get("name")), one.get("findings") or []) for one in report.get("members") or []]
    found = [(name, Finding.from_dict(finding)) for name, findings in members for finding in findings]
    if not found:
        return
    writer = _writer(folder, suffix)
    with writer.as_default():
        for name, finding in found:
            tf.summary.text(f"findings/{_as_folder(name)}/{finding.symptom}", words(finding), step=finding.epoch or 0)
    writer.close()


def _write_charts(report: Mapping[str, Any], folder: Path, suffix: str) -> None:
    import tensorflow as tf

    with charts_kept() as kept:
        Sections(report).whole()
    writer = _writer(folder, suffix)
    with writer.as_default():
        for name, figure in kept.items():
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=150, facecolor="white")
            tf.summary.image(f"charts/{name}", tf.io.decode_png(file.getvalue(), channels=3)[None], step=0)
    writer.close()
