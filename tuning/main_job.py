"""The whole job: load, check, train members, vote, measure once, export, report."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from rich.console import Console

from ..callbacks.progress import Progress
from ..toolkit.checks import instance_of, number, path_of, whole_number
from ..toolkit.data import Opening, load
from ..toolkit.data.splits import take
from ..toolkit.diagnosis.findings import Finding
from ..toolkit.ensembles import select_members, vote
from ..toolkit.ensembles.evaluation import Answers, evaluate
from ..toolkit.models.first import constant_features, describe, first_model, model_inputs
from ..toolkit.preflight import check
from ..toolkit.report.page import write
from ..toolkit.report.parts import data_part, export_part, schema_part, versions
from ..toolkit.runtime.files import write_json
from ..toolkit.saving.exporting import ExportReport, export
from ..toolkit.tasks import Task, head
from .member_training import Member, train_member

_FREE_BYTES = 32 * 2**20
_STATE = "state"


@dataclass(frozen=True)
class Settings:
    """What a run trains, and how long.

    Args:
        members: Number of members of the ensemble, >= 1; each has a seed of its own.
        epochs: Epochs a member, >= 1; the best one by validation loss is kept.
        batch_size: Rows an update, >= 1.
        learning_rate: Of the Adam optimizer, > 0.
        seed: Decides the splits, the starting weights and the order of the batches, >= 0.

    Raises:
        TypeError: A setting is not a number.
        ValueError: A setting is out of range.

    Example:

    >>> Settings(members=0)
    Traceback (most recent call last):
    ValueError: `members` must be at least 1, got 0.
    """

    members: int = 5
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("members", 1), ("epochs", 1), ("batch_size", 1), ("seed", 0)):
            whole_number(name, getattr(self, name), low)
        number("learning_rate", self.learning_rate, 0, np.inf, open_low=True, open_high=True)


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Args:
        model: The winner: the vote, or the best member.
        report: The numbers of `report.json`.
        directory: The folder with `report.html`, `report.json` and `models/`.
    """

    model: keras.Model
    report: dict[str, Any]
    directory: Path


class Job:
    """One run: everything that can be refused is refused while it is made, before any training.

    Args: as for `run`.
    """

    def __init__(
        self,
        source: Any,
        out: str | Path,
        settings: Settings,
        *,
        target: str | None = None,
        task: Task | None = None,
        header: bool | None = None,
        drop: Sequence[str] = (),
        resume: bool = False,
        command: str = "",
        say: Callable[[str], None] = print,
        console: Console | None = None,
        data_dir: str | Path | None = None,
    ) -> None:
        self.settings = settings
        self.command = command
        self.say = say
        self.console = console
        self.seconds: dict[str, float] = {}
        with self._timed("load"):
            self.splits = load(
                source, target=target, task=task, seed=settings.seed, header=header, drop=drop, data_dir=data_dir
            )
        # After the data: what cannot be read leaves no folder behind.
        self.out = _writable(Path(out))
        self.head = head(self.splits.task, self.splits.train.y, len(self.splits.classes or ()) or None)
        self._open_state(resume)
        self._say_data()

    def run(self) -> RunResult:
        """Does the work."""
        splits, settings = self.splits, self.settings
        inputs, architecture = describe(splits.train.x)
        build = first_model(splits.train.x, splits.train.y, self.head, settings.learning_rate)
        with self._timed("check"):
            checks = self._check(build)
        self.say(
            f"train: {settings.members} members, {architecture}, {settings.epochs} epochs, batches of "
            f"{settings.batch_size}, Adam at {settings.learning_rate:g}, seed {settings.seed}"
        )
        with self._timed("train"):
            members = self._train(build)
        with self._timed("vote"):
            weights, models, winner = self._vote(members)
        with self._timed("test"):
            evaluation = self._measure(members, weights, models, winner)
        with self._timed("export"):
            exported = self._export(models[winner])
        report = self._report(checks, members, weights, evaluation, exported, inputs, architecture)
        html, _ = write(report, self.out)
        self.say(f"report: {html}")
        # Last: whatever fails before, the run can go on from its state.
        shutil.rmtree(self.out / _STATE)
        return RunResult(models[winner], report, self.out)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)

    def _open_state(self, resume: bool) -> None:
        """Starts afresh, or makes sure that what is resumed is this very run."""
        state = self.out / _STATE
        wanted = {**asdict(self.settings), "fingerprint": self.splits.fingerprint, "task": self.splits.task}
        known = state / "run.json"
        if not resume:
            # A state left by another run must not be taken for this one's.
            shutil.rmtree(state, ignore_errors=True)
        elif not known.is_file():
            self.say(f"resume: there is no interrupted run in {self.out}; starting afresh")
        else:
            changed = [name for name, value in json.loads(known.read_text()).items() if wanted.get(name) != value]
            if changed:
                raise ValueError(
                    f"The interrupted run in {self.out} had another {', '.join(changed)}; use the same command, or "
                    "leave out --resume to start afresh."
                )
            # An opening stays one, also where the process that made it was killed.
            self.splits.test.openings.extend(Opening(**opening) for opening in self._opened())
        state.mkdir(exist_ok=True)
        write_json(known, wanted)

    def _opened(self) -> list[dict[str, str]]:
        file = self.out / _STATE / "openings.json"
        return list(json.loads(file.read_text())) if file.is_file() else []

    def _say_data(self) -> None:
        splits = self.splits
        inputs, _ = describe(splits.train.x)
        self.say(
            f"load: {splits.name}, {inputs}; {len(splits.train)} rows to train, {len(splits.validation)} to validate, "
            f"{len(splits.test)} sealed for the test"
        )
        end = self.head
        self.say(f"head: {end.task}, {end.units} output unit(s), {end.activation}, {end.loss}")
        constant = constant_features(splits.train.x, splits.features)
        self.notes = []
        if constant:
            listed = ", ".join(constant[:5]) + (f" and {len(constant) - 5} more" if len(constant) > 5 else "")
            self.notes = [f"Constant in the training rows, and so of no use: {listed}."]
        self.say(" ".join(["normalise: inside the model, by the training rows only.", *self.notes]))

    def _check(self, build: Callable[[], keras.Model]) -> list[Finding]:
        train, validation = self.splits.train, self.splits.validation
        # A model of its own, since each member is built from its own seed.
        findings = check(build(), train.x, train.y, (validation.x, validation.y))
        self.say(f"check: {'nothing wrong' if not findings else f'{len(findings)} finding(s)'}")
        for finding in findings:
            self.say(f"  {finding}")
        return findings

    def _train(self, build: Callable[[], keras.Model]) -> list[Member]:
        def report(name: str, finding: Finding) -> None:
            self.say(f"  {name}: {finding}")

        members = []
        for k in range(self.settings.members):
            progress = Progress(f"  member_{k}", self.console) if self.console else None
            try:
                member = train_member(
                    k,
                    build,
                    self.splits,
                    # One seed for all would give equal members.
                    seed=self.settings.seed + k,
                    epochs=self.settings.epochs,
                    batch_size=self.settings.batch_size,
                    directory=self.out / _STATE / f"member_{k}",
                    report=report,
                    progress=progress,
                )
            finally:
                # An interrupt must leave the terminal as it was.
                if progress:
                    progress.stop()
            best = "none" if member.best_epoch is None else str(member.best_epoch + 1)
            self.say(f"  {member.name}: seed {member.seed}, best epoch {best}, {_last_line(member)}")
            members.append(member)
        return members

    def _vote(self, members: list[Member]) -> tuple[np.ndarray, dict[str, keras.Model], str]:
        """Chooses members, and the winner, on validation rows only."""
        validation = self.splits.validation
        answers = np.array([_predict(member.model, validation.x) for member in members])
        if not np.all(np.isfinite(answers)):
            raise ArithmeticError(
                "Training broke down: a member outputs NaN. See the findings above, and change that first."
            )
        metric: Literal["mse", "nll"] = "mse" if self.head.task == "regression" else "nll"
        selection = select_members(answers, validation.y, metric=metric, seed=self.settings.seed, rows=validation)
        # One greedy step is the best single member by the same measure.
        best = select_members(answers, validation.y, size=1, metric=metric, seed=self.settings.seed).members[0]
        alone = len(selection.members) == 1
        # Where one member does better alone, all of them vote, so that there is a vote to compare it with.
        shares = np.full(len(members), 1 / len(members)) if alone else selection.weights
        voters = [(member.model, float(share)) for member, share in zip(members, shares, strict=True) if share > 0]
        voting, weights = [model for model, _ in voters], [share for _, share in voters]
        models = {f"{members[best].name} (best on validation)": members[best].model}
        models["soft vote"] = vote(voting, "soft", weights)
        if self.head.task != "regression":
            # Quantities have no majority.
            models["hard vote"] = vote(voting, "hard", weights)
        winner = next(iter(models)) if alone else "soft vote"
        chosen = ", ".join(f"{members[k].name} x {selection.weights[k]:.2f}" for k in selection.members)
        compared = f"; all {len(members)} members vote for comparison" if alone else ""
        self.say(f"vote: {chosen} chosen on validation rows{compared}; to be exported: {winner}")
        return selection.weights, models, winner

    def _measure(
        self, members: list[Member], weights: np.ndarray, models: dict[str, keras.Model], winner: str
    ) -> dict[str, Any]:
        known = self.out / _STATE / "evaluation.json"
        if known.is_file():
            # The test rows are measured once; a resumed run tells what was measured.
            kept: dict[str, Any] = json.loads(known.read_text())
            self.say(f"test: measured before the interruption. {kept['sentence']}")
            return kept
        with warnings.catch_warnings(record=True) as caught:
            # Opening a split a second time warns, and the log of the run must say so.
            warnings.simplefilter("always")
            test = self.splits.test.open("final evaluation")
        for warning in caught:
            self.say(f"  warning: {warning.message}")
        openings = [asdict(opening) for opening in self.splits.test.openings]
        # Before anything is measured: a kill from here on must not hide that the rows were seen.
        write_json(self.out / _STATE / "openings.json", openings)
        answers = [Answers(name, _predict(model, test.x)) for name, model in models.items()]
        evaluation = evaluate(answers, test.y, self.head.task, winner, self.settings.seed)
        write_json(known, evaluation)
        for result in evaluation["results"]:
            self.say(
                f"test: {result['name']}: {evaluation['metric']} {result['value']:.4f}, "
                f"{evaluation['interval']} {result['low']:.4f} to {result['high']:.4f}"
            )
        self.say(f"  {evaluation['sentence']}")
        return evaluation

    def _export(self, model: keras.Model) -> ExportReport:
        splits = self.splits
        # Validation rows: the proof of an export needs some rows, and the test rows stay sealed.
        rows = model_inputs(take(splits.validation.x, slice(0, 32)))
        exported = export(model, self.out / "models" / splits.name, rows, splits.classes, schema_part(splits))
        self.say(
            f"export: {exported.path}, proved in a fresh process on {exported.rows} rows, "
            f"largest difference {exported.max_difference:.1e}"
        )
        return exported

    def _report(
        self,
        checks: list[Finding],
        members: list[Member],
        weights: np.ndarray,
        evaluation: dict[str, Any],
        exported: ExportReport,
        inputs: str,
        architecture: str,
    ) -> dict[str, Any]:
        splits = self.splits
        return {
            "title": splits.name,
            "command": self.command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": self.settings.seed,
            "settings": {**asdict(self.settings), "optimizer": "adam", "architecture": architecture},
            "versions": versions(),
            "data": data_part(splits, inputs, self.notes),
            "head": {**asdict(self.head), "metrics": list(self.head.metrics)},
            "checks": [finding.as_dict() for finding in checks],
            "members": [_member_report(member, weight) for member, weight in zip(members, weights, strict=True)],
            "evaluation": evaluation,
            "export": export_part(exported, self.out),
            "seconds": self.seconds,
        }


def run(
    source: Any,
    out: str | Path,
    settings: Settings | None = None,
    *,
    target: str | None = None,
    task: Task | None = None,
    header: bool | None = None,
    drop: Sequence[str] = (),
    resume: bool = False,
    command: str = "",
    say: Callable[[str], None] = print,
    console: Console | None = None,
    data_dir: str | Path | None = None,
) -> RunResult:
    """Loads data, checks it, trains members, lets them vote, measures once, exports and reports.

    Args:
        source: What `trainwise.data.load` takes.
        out: Folder for `report.html`, `report.json` and `models/NAME/VERSION/`.
        settings: What to train; see `Settings`.
        target: Column of a CSV file to predict; the last one by default.
        task: The task; found from the targets by default.
        header: Whether the first row of a CSV file names the columns; found out by default.
        drop: Columns of a CSV file to leave out.
        resume: Whether to go on with an interrupted run of the same settings and data in `out`.
        command: The command line, for the report.
        say: Takes each line about a step.
        console: Where to show the progress of each epoch; nowhere by default.
        data_dir: Where tfds keeps its files.

    Returns:
        The `RunResult`.

    Raises:
        ArithmeticError: Training broke down: a member outputs NaN.
        ExportRefusedError: The exported model does not output what the trained one does.
        OSError: A file is missing, or `out` cannot be written.
        TypeError: The source is of no kind that can be read.
        ValueError: The data or an argument cannot be used; see `trainwise.data.load`.
    """
    path_of("out", out)
    if settings is not None:
        instance_of("settings", settings, Settings, "a `Settings`")
    job = Job(
        source,
        out,
        settings or Settings(),
        target=target,
        task=task,
        header=header,
        drop=drop,
        resume=resume,
        command=command,
        say=say,
        console=console,
        data_dir=data_dir,
    )
    return job.run()


def _writable(out: Path) -> Path:
    """Makes the folder and tries it, so that a run does not fail at its end."""
    probe = out / f".probe-{time.time_ns()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Bytes and not only a name: a full disk takes names too.
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        raise OSError(f"The output folder {out} cannot be written: {error.strerror or error}.") from None
    finally:
        if probe.exists():
            probe.unlink()
    free = shutil.disk_usage(out).free
    if free < _FREE_BYTES:
        raise OSError(
            f"The output folder {out} has {free / 2**20:.1f} MiB free; a run needs at least {_FREE_BYTES // 2**20} MiB."
        )
    return out


def _predict(model: keras.Model, x: Any) -> np.ndarray:
    answers = np.asarray(model.predict(model_inputs(x), verbose=0))
    # The scores take a binary answer or a quantity as `(rows,)`.
    return answers[:, 0] if answers.shape[1] == 1 else answers


def _last_line(member: Member) -> str:
    if member.best_epoch is None:
        return "no finite validation loss"
    return ", ".join(
        f"{name} {values[member.best_epoch]:.4f}" for name, values in member.history.items() if name.startswith("val_")
    )


def _member_report(member: Member, weight: float) -> dict[str, Any]:
    at = member.best_epoch
    return {
        "name": member.name,
        "seed": member.seed,
        "parameters": int(member.model.count_params()),
        "best_epoch": at,
        "history": member.history,
        "chosen_weight": float(weight),
        "findings": [finding.as_dict() for finding in member.findings],
        "validation": {}
        if at is None
        else {
            name.removeprefix("val_"): values[at] for name, values in member.history.items() if name.startswith("val_")
        },
    }
