"""The whole job: load, check, train members, vote, measure once, export, report."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from ..toolkit.checks import instance_of, one_of, path_of
from ..toolkit.data import Splits
from ..toolkit.diagnosis.wording import LANGUAGES
from ..toolkit.models.first import is_image
from ..toolkit.report.page import write
from ..toolkit.report.parts import title_part
from ..toolkit.runtime.output_folders import absent, opened
from ..toolkit.runtime.own_folders import held_alone, leave
from ..toolkit.runtime.randomness import preserved
from ..toolkit.tasks import Task, head
from .answer_rules import answer_rules
from .data_options import DataOptions
from .data_summary import summarised
from .encoded_rows import EncodedRows
from .measuring import Measurement
from .member_choice import choose
from .open_run import OpenRun
from .publishing import card, data_of, published, report_part, whole_model
from .run_options import write_options
from .run_references import RunReferences
from .run_settings import Settings as Settings
from .run_state import RunState, identity, rows_held_before
from .run_training import Training


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

    Args:
        source: As for `run`.
        out: As for `run`.
        settings: What to train.
        data: How the source is read and parted.
        resume: As for `run`, and so are all others.

    Example:

    >>> import tempfile
    >>> said: list[str] = []
    >>> _ = Job("iris", tempfile.mkdtemp(), Settings(members=2), say=said.append)
    >>> said[1]
    'head: multiclass, 3 output unit(s), softmax, sparse_categorical_crossentropy'
    """

    def __init__(
        self,
        source: Any,
        out: str | Path,
        settings: Settings,
        data: DataOptions | None = None,
        *,
        resume: bool = False,
        command: str = "",
        say: Callable[[str], None] = print,
        console: Console | None = None,
        keep_rows: bool = True,
        language: str = "en",
    ) -> None:
        self.language = one_of("language", language, LANGUAGES)
        self.command, self.say, self.console = command, say, console
        self.seconds: dict[str, float] = {}
        data = data or DataOptions()
        if resume and data.in_memory is None:
            data = replace(data, in_memory=rows_held_before(Path(out)))
        with self._timed("load"):
            self.raw = data.load(source, settings.seed)
        _refuse_unfit(settings, self.raw)
        held_rows = self.raw.in_memory if data.in_memory is None else data.in_memory
        self._given = (source, settings, replace(data, in_memory=held_rows))
        # After the data: what cannot be read leaves no folder behind.
        made = absent(out)
        self.out = opened(out)
        with ExitStack() as held:
            # From here on nobody else works in this folder, until this run ends or its process does.
            held.enter_context(held_alone(self.out))
            state = RunState(self.out, identity(settings, self.raw, keep_rows), resume)
            self.raw.test.openings.extend(state.openings)
            if resume and state.is_new:
                say(f"resume: there is no interrupted run in {self.out}; starting afresh")
            # Members learn from what is encoded, once; what is exported takes the raw rows.
            with self._timed("encode"), _left_as_before(state, made):
                self.rows = EncodedRows(self.raw, settings.text)
                held.callback(self.rows.close)
                count = self.rows.training_rows
            self.settings = settings.fitted_to(count, self.rows.are_images, self.rows.are_series)
            self._open = OpenRun(self.rows, self.settings, self.out, state, keep_rows, say)
            summary = summarised(self.rows, self._open.augmentation, self.settings.balanced)
            self._notes = summary.notes
            for line in summary.lines:
                say(line)
            if not resume and (self.out / "report.json").is_file():
                say(
                    f"out: {self.out} holds a run that has ended; its report is replaced, the model gets a next version"
                )
            self._held = held.pop_all()

    def run(self, *, noted: bool = True) -> RunResult:
        """Does the work, and leaves the random state of the process as it was.

        Args:
            noted: Whether how the run was started is written beside its results already, as a command does.
        """
        with self._held, preserved():
            if not noted:
                write_options(self.out, *self._given, self._open.keep_rows, self.say)
            return self._run()

    def _run(self) -> RunResult:
        run = self._open
        training = Training(run, self.console)
        with self._timed("check"):
            checks = training.checked()
        with self._timed("train"):
            members = training.trained()
        with self._timed("vote"):
            choice = choose(run, members)
            winner, models = choice.winner(members), choice.models(members, run.task)
            self.say(choice.said(members))
            rules = answer_rules(run, models[winner])
        last = members
        if self.settings.refit:
            with self._timed("refit"):
                last = training.refitted(members)
                models = choice.models(last, run.task)
        with self._timed("beside"):
            # Before the test rows are opened.
            references = RunReferences(self.rows, self.settings).fitted() if run.state.measured is None else []
        with self._timed("test"):
            alone = [one.model for one in last]
            measured = Measurement(run, models, winner, alone, rules, references).measured()
        findings = [*checks, *(one for member in members for one in member.findings)]
        with self._timed("export"):
            model = whole_model(run, models[winner])
            exported = published(run, model, rules, card(run, findings, measured, models[winner]))
        report = {
            **title_part(self.raw.name, self.command),
            **report_part(run, members, choice.weights, measured, exported),
            "data": data_of(run, self._notes),
            "checks": [finding.as_dict() for finding in checks],
            "seconds": self.seconds,
        }
        html, _ = write(report, self.out, self.language)
        self.say(f"report: {html}")
        # Last: whatever fails before, the run can go on from its state.
        try:
            run.state.discard()
        except OSError as error:
            self.say(f"  warning: {run.state.folder} is done with, and could not be removed: {error}")
        return RunResult(model, report, self.out)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = clock.perf_counter()
        yield
        self.seconds[step] = round(clock.perf_counter() - start, 3)


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
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    forecast: int | None = None,
    window: int | None = None,
    sequence: str | None = None,
    in_memory: int | None = None,
    rare: str = "refuse",
    keep_rows: bool = True,
    language: str = "en",
    tokens: bool = False,
) -> RunResult:
    """Loads data, checks it, trains members, lets them vote, measures once, exports and reports.

    Args:
        source: What `trainwise.data.load` takes.
        out: Folder for `report.html`, `report.json` and `models/NAME/VERSION/`; one run at a time works in it.
            Until the run ends its state stands there, in `trainwise-state`. Where `source` is a file or a name,
            `run.toml` says how the run was started, for `trainwise run --config` and `trainwise reproduce`.
        settings: What to train; see `Settings`.
        target: Column of a table to predict; the last one by default.
        task: The task; found from the targets by default.
        header: Whether the first row of a text table names the columns; found out by default.
        drop: Columns of a table to leave out.
        resume: Whether to go on with an interrupted run of the same settings and data in `out`.
        command: The command line, for the report.
        say: Takes each line about a step.
        console: Where to show the progress of each epoch; nowhere by default.
        data_dir: Where tfds keeps its files.
        columns: What columns of a table are, by name, where what is found is not right; as for `trainwise.data.load`.
        group: Column whose rows of one value stay in one split.
        time: Column by which the splits follow one another.
        forecast: How many values of the target that come next are to be answered, as for `trainwise.data.load`.
        window: How many values a forecast looks back at.
        sequence: Column that tells several series of a forecast apart.
        in_memory: Rows of a table that are held in memory at most, 0 for all, as for `trainwise.data.load`; members
            learn from the others too, out of blocks on disk. A resumed run holds what it held before.
        rare: What becomes of classes with fewer than 3 rows: `"refuse"`, `"drop"` or `"merge"`.
        keep_rows: Whether up to 32 validation rows are kept beside the exported model, for `tw.verify`, and test rows
            that are answered wrong are shown in the report.
        language: Of the report's page, `"en"` or `"ko"`.
        tokens: Whether whole numbers `(rows, steps)`, or sequences of them, stand for words, which are embedded.

    Returns:
        The `RunResult`.

    Raises:
        ArithmeticError: Training broke down: a member outputs NaN.
        ExportRefusedError: The exported model does not output what the trained one does.
        OSError: A file is missing, or `out` cannot be written.
        TypeError: The source is of no kind that can be read.
        ValueError: The data or an argument cannot be used, see `trainwise.data.load`; or another run is at work
            in `out`.
    """
    path_of("out", out)
    if settings is not None:
        instance_of("settings", settings, Settings, "a `Settings`")
    data = DataOptions(
        target, task, header, drop, data_dir, columns, group, time, forecast, window, sequence, in_memory, rare,
        tokens,
    )  # fmt: skip
    return Job(
        source,
        out,
        settings or Settings(),
        data,
        resume=resume,
        command=command,
        say=say,
        console=console,
        keep_rows=keep_rows,
        language=language,
    ).run(noted=False)


@contextmanager
def _left_as_before(state: RunState, made: Sequence[Path]) -> Iterator[None]:
    """Where the rows are refused, a state without any work in it goes, and so do the folders made for it.

    Args:
        state: Of the run.
        made: Folders that were not there before, innermost first.
    """
    try:
        yield
    except Exception:
        if state.is_new:
            state.discard()
            leave(made)
        raise


def _refuse_unfit(settings: Settings, raw: Splits) -> None:
    """Refuses, before anything is encoded or written, what does not fit the data."""
    task = head(raw.task, raw.train.y, len(raw.classes or ()) or None).task
    if settings.balanced and task not in ("binary", "multiclass"):
        raise ValueError(f"`class_weights` 'balanced' is for classes, and the task is {task}.")
    if settings.augmentation not in ("auto", "none") and not is_image(raw.train.x):
        raise ValueError(f"`augmentation` {settings.augmentation!r} is for images, and {raw.name} holds none.")
