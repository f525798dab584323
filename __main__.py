"""The command line: arguments in, calls into the library, an exit code out."""

from __future__ import annotations

import io
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .command_line.configs import held_before, write_run_file
from .command_line.endings import FAILED, INTERRUPTED, nowhere, passing, refusals, say_error
from .command_line.options import (
    NONE_GIVEN,
    Config,
    Data,
    Epochs,
    Header,
    Json,
    Language,
    Members,
    OfData,
    Out,
    Quiet,
    Resume,
    Seed,
    with_data_options,
)
from .command_line.printing import print_json, quiet_tensorflow, refuse_unspeakable, tell

_REPEATABLE = ("demo", "run", "search", "compare", "range-test", "repair")
_ENDINGS = (".csv", ".tsv", ".tab", ".parquet", ".pq", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json", ".npz")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train Keras models that tell you what is wrong, vote, and leave as one verified SavedModel.",
)


@app.command()
def demo(
    context: typer.Context,
    out: Out = Path("runs/demo"),
    seed: Seed = 0,
    epochs: Epochs = 15,
    members: Members = 3,
    quiet: Quiet = False,
    resume: Resume = False,
    language: Language = "en",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Run the whole job on scikit-learn's digits, with small settings."""
    _work(
        context, "digits", out, quiet, resume, {"members": members, "epochs": epochs, "seed": seed}, language, as_json
    )


@app.command()
@with_data_options
def run(
    context: typer.Context,
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/NAME by default.")] = None,
    options: OfData = NONE_GIVEN,
    seed: Seed = 0,
    epochs: Epochs = 30,
    members: Members = 5,
    patience: Annotated[int, typer.Option(help="Epochs without a lower validation loss before a member stops.")] = 5,
    batch_size: Annotated[int | None, typer.Option(help="Rows an update; by the number of rows by default.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the Adam optimizer; by the number of updates by default.")
    ] = None,
    augmentation: Annotated[
        str, typer.Option(help="Of images, in training only: auto, none, shift, flip or shift_flip.")
    ] = "auto",
    class_weights: Annotated[
        str, typer.Option(help="none, or balanced: classes count alike however many rows they have.")
    ] = "none",
    refit: Annotated[
        bool, typer.Option("--refit", help="Train again on training and validation rows together after the choice.")
    ] = False,
    text: Annotated[
        str, typer.Option(help="How texts are read: terms (which words there are) or sequence (their order too).")
    ] = "terms",
    private: Annotated[bool, typer.Option("--private", help="Keep no rows beside the exported model.")] = False,
    quiet: Quiet = False,
    resume: Resume = False,
    language: Language = "en",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Load, check, train, vote, measure, export and report."""
    settings = {
        "members": members,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "augmentation": augmentation,
        "class_weights": class_weights,
        "refit": refit,
        "text": text,
    }
    folder = out or Path("runs") / _short_name(data)
    _work(context, data, folder, quiet, resume, settings, language, as_json, options, keep_rows=not private)


def _short_name(data: str) -> str:
    from .toolkit.runtime.own_folders import folder_name

    data = data.removeprefix("sklearn:")
    if Path(data).is_dir():
        return folder_name(Path(data).resolve().name)
    # A data set's name is `name/config:version`, a file's has endings.
    file = Path(data)
    for ending in (".gz", ".bz2", ".xz", *_ENDINGS):
        if file.name.lower().endswith(ending):
            file = file.with_name(file.name[: -len(ending)] or file.name)
    name = file.name if file.name != Path(data).name else data.split("/")[0].split(":")[0]
    return folder_name(name)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="An exported model, or the folder of its versions.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="Table with the rows to answer (.csv, .parquet, .xlsx, ...), image, or folder of images."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The same, as an option.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file for the answers; standard output by default.")
    ] = None,
    header: Header = None,
    row_id: Annotated[str | None, typer.Option("--id", help="Column to write before the answers.")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the model even where its operations touch files or call Python.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object: where the answers are, or without --out the answers, all held at once.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing of the rows: answers and errors only.")] = False,
) -> None:
    """Answer the rows of a table with an exported model."""
    quiet_tensorflow()
    from .command_line.answering import Told
    from .toolkit.runtime.files import beside
    from .toolkit.saving.numbering import latest_version
    from .toolkit.saving.predicting import as_records, predict_parts, write_csv, write_parts

    with refusals():
        given = [one for one in (file, data) if one is not None]
        if len(given) != 1:
            raise ValueError(
                "Give the rows to answer once: a table, an image or a folder of images, here or by --data."
            )
        told = Told(predict_parts(model, given[0], header, trust=trust, row_id=row_id), silent=quiet or as_json)
        answers: dict[str, Any] = {}
        if out is not None:
            with beside(out) as draft:
                write_parts(told, draft, out.suffix.lower() == ".parquet")
        elif as_json:
            answers = {"answers": as_records(told)}
        else:
            write_csv(told, sys.stdout)
        if as_json:
            print_json({"model": latest_version(model), "file": given[0], "out": out, **told.as_dict(), **answers})


@app.command()
def export(
    model: Annotated[Path | None, typer.Argument(help="A model saved as .keras.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the versions; models/NAME by default.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="Also keras, onnx, litert or litert_int8; may be repeated."),
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(help="A published version, or the folder of versions, to be proved again.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Verify a version even where its operations touch files or call Python.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a .keras file into a SavedModel that is proved to answer alike, or prove a published one again."""
    quiet_tensorflow()
    from .toolkit.runtime.own_folders import folder_name
    from .toolkit.saving.exporting import export as write
    from .toolkit.saving.loading import load_model
    from .toolkit.saving.verifying import verify as prove

    with refusals():
        if (model is None) == (verify is None):
            raise ValueError("Give a .keras file to export, or --verify DIR to prove a published version again.")
        if verify is not None:
            if out is not None or formats:
                raise ValueError("--verify writes nothing: leave out --out and --format.")
            _tell_proof(prove(verify, trust=trust), as_json, quiet)
            return
        if trust:
            raise ValueError("--trust goes with --verify: code in a .keras file is not run.")
        file = Path(str(model))
        found = load_model(file, compiled=False)
        written = write(found, out or Path("models") / folder_name(file.stem), formats=formats or ())
        further = [
            f"{name}: {one['file']}, {one['bytes']:,} bytes, {one['max_difference']:.1e} off. {one['note']}"
            for name, one in written.formats.items()
        ]
        _tell_proof(written, as_json, quiet, further)


def _tell_proof(proved: Any, as_json: bool, quiet: bool, further: Sequence[str] = ()) -> None:
    """What an export or a verification showed, a sentence each, or all of it as one JSON object."""
    if as_json:
        print_json(asdict(proved))
    elif not quiet:
        print("\n".join([f"{proved.path} is proved.", *(f"  {line}" for line in (*proved.proof, *further))]))


@app.command()
@with_data_options
def check(
    model: Annotated[
        Path | None, typer.Argument(help="A compiled model, saved as .keras; none looks at the data.")
    ] = None,
    data: Data = "",
    options: OfData = NONE_GIVEN,
    thorough: Annotated[bool, typer.Option("--thorough", help="Also try to learn a few rows by heart.")] = False,
    seed: Seed = 0,
    language: Language = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what is wrong with data, or with a model and its data before a fit."""
    quiet_tensorflow()
    from .toolkit.data.table_check import table_lines, table_warnings
    from .toolkit.diagnosis.wording import words
    from .toolkit.models.columns_in import model_inputs
    from .toolkit.models.first import described
    from .toolkit.preflight import check as look
    from .toolkit.report.parts import data_part
    from .toolkit.saving.loading import load_model
    from .tuning.data_options import DataOptions

    with refusals():
        refuse_unspeakable(language)
        if not data:
            raise ValueError("`--data` must name the data to look at, such as --data flowers.csv.")
        splits = DataOptions.of(options).load(data, seed)
        about = {"data": data_part(splits, described(splits)[0])} if as_json else None
        if model is None:
            if about is not None:
                print_json({**about, "task": splits.task, "target": splits.target, "warnings": table_warnings(splits)})
            elif not quiet:
                print("\n".join(table_lines(splits)))
            return
        held = (model_inputs(splits.validation.x), splits.validation.y)
        findings = look(load_model(model), model_inputs(splits.train.x), splits.train.y, held, thorough=thorough)
        lines = [words(finding, language) for finding in findings]
    tell(findings, lines, "Nothing stands in the way of a fit.", about, quiet=quiet)


@app.command()
def diagnose(
    history: Annotated[Path, typer.Argument(help="A CSVLogger file, or a TensorBoard folder.")],
    language: Language = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what the curves of a finished fit show."""
    from .toolkit.diagnosis.histories import diagnose as read
    from .toolkit.diagnosis.histories import read_history
    from .toolkit.diagnosis.shapes import shape
    from .toolkit.diagnosis.wording import words

    with refusals():
        refuse_unspeakable(language)
        curves = read_history(history)
        # What has no loss has a shape by its accuracies, and nothing else that could be told.
        whole = any(name.endswith("loss") for name in curves)
        findings = read(curves) if whole else []
        # Losses under names of the user's own have no shape of one run.
        found = shape(curves) if "loss" in curves or not whole else None
        lines = [words(finding, language) for finding in findings]
    if as_json:
        told = None if found is None else {"name": found.name, "words": found.words(language)}
        tell(findings, lines, "", {"shape": told})
        return
    shaped = [] if found is None else [found.words(language)]
    tell(findings, [*shaped, *lines], "The curves are healthy.", quiet=quiet)


@app.command()
@with_data_options
def search(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for trials, leaderboard and exported model.")] = Path("runs/search"),
    space: Annotated[str, typer.Option(help="mlp, cnn or rnn.")] = "mlp",
    oracle: Annotated[str, typer.Option(help="random, grid, bayesian or hyperband.")] = "random",
    objective: Annotated[str, typer.Option(help="What to look for, such as val_accuracy.")] = "val_loss",
    trials: Annotated[int, typer.Option(help="Most architectures.")] = 20,
    epochs: Annotated[int, typer.Option(help="Epochs of a whole training.")] = 20,
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = 32,
    stopper: Annotated[
        str, typer.Option(help="halving, median, percentile, extrapolation, first_epochs or none.")
    ] = "halving",
    time_budget: Annotated[float | None, typer.Option(help="Seconds after which the search ends.")] = None,
    precision: Annotated[str | None, typer.Option(help="Keras policy, such as mixed_bfloat16.")] = None,
    xla: Annotated[bool, typer.Option("--xla", help="Compile with XLA.")] = False,
    workers: Annotated[str, typer.Option(help="Processes on this machine, or ray.")] = "1",
    options: OfData = NONE_GIVEN,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where --out holds a search.")] = False,
    quiet: Quiet = False,
    language: Language = "en",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Find the best architecture, each judged at its best learning rate; the same command goes on with it."""
    quiet_tensorflow()
    from .tuning.data_options import DataOptions
    from .tuning.searching.command import SearchJob

    with refusals():
        if options["in_memory"] is None and not overwrite:
            options = {**options, "in_memory": held_before(out, data)}
        job = SearchJob(
            data,
            out,
            space=space,
            oracle=oracle,
            objective=objective,
            trials=trials,
            epochs=epochs,
            time_budget=time_budget,
            workers=workers,
            options=DataOptions.of(options),
            seed=seed,
            verbose=not (quiet or as_json),
            language=language,
            command=_as_typed(),
            precision=precision,
            jit_compile=xla or "auto",
            batch_size=batch_size,
            stopper=None if stopper == "none" else stopper,
            overwrite=overwrite,
        )
        write_run_file(context, job.out, job.raw.in_memory)
    with refusals(FAILED, "the same command goes on with it"):
        said = job.run()
        if as_json:
            print_json(job.report)
        elif not quiet:
            print(said)


@app.command()
@with_data_options
def compare(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for compare.json and compare.png.")] = Path("runs/compare"),
    momentum: Annotated[
        list[float] | None, typer.Option(help="Of SGD, in [0, 1); repeat it to compare several.")
    ] = None,
    nesterov: Annotated[
        bool, typer.Option("--nesterov", help="Try Nesterov's form of each momentum beside the classical one.")
    ] = False,
    learning_rate: Annotated[
        list[float] | None, typer.Option(help="May be repeated; nine rates over four decades by default.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="Whose rates are compared where no momentum is given; adam by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Starting weights and orders of batches for each setting.")] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs of each run.")] = 10,
    batch_size: Annotated[int | None, typer.Option(help="Rows a batch; by the number of rows by default.")] = None,
    options: OfData = NONE_GIVEN,
    seed: Annotated[int, typer.Option(help="Decides the splits.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Compare momenta, or learning rates, side by side over several seeds, on the first model for the data."""
    quiet_tensorflow()
    from .tuning.comparing_job import CompareJob
    from .tuning.data_options import DataOptions

    with refusals():
        job = CompareJob(
            data,
            out,
            momenta=momentum or (),
            nesterov=nesterov,
            learning_rates=learning_rate or (),
            optimizer=optimizer,
            seeds=seeds,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            options=DataOptions.of(options),
            command=_as_typed(),
        )
        write_run_file(context, job.out, job.rows.raw.in_memory)
    found = _finished(job, quiet, as_json, str, "compare.json and compare.png")
    if not any(math.isfinite(row["mean"]) for row in found.rows):
        raise typer.Exit(FAILED)


@app.command("range-test")
@with_data_options
def range_test(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for range_test.json and range_test.png.")] = Path("runs/range_test"),
    lowest: Annotated[float, typer.Option(help="Smallest learning rate.")] = 1e-5,
    highest: Annotated[float, typer.Option(help="Largest learning rate.")] = 10.0,
    rates: Annotated[int, typer.Option(help="Rates to try, evenly spaced in the logarithm.")] = 32,
    updates: Annotated[int, typer.Option(help="Updates of each rate.")] = 100,
    method: Annotated[str, typer.Option(help="Rule of the suggestion: minimum, valley, steep or slide.")] = "minimum",
    optimizer: Annotated[str, typer.Option(help="Keras optimizer, by name.")] = "adam",
    batch_size: Annotated[int | None, typer.Option(help="Rows a batch; by the number of rows by default.")] = None,
    options: OfData = NONE_GIVEN,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Try learning rates side by side on the first model for the data, and suggest one."""
    quiet_tensorflow()
    from .tuning.data_options import DataOptions
    from .tuning.range_test_job import RangeTestJob, range_in_words

    with refusals():
        job = RangeTestJob(
            data,
            out,
            lowest=lowest,
            highest=highest,
            rates=rates,
            updates=updates,
            method=method,
            optimizer=optimizer,
            batch_size=batch_size,
            seed=seed,
            options=DataOptions.of(options),
            command=_as_typed(),
        )
        write_run_file(context, job.out, job.rows.raw.in_memory)
    found = _finished(job, quiet, as_json, range_in_words, "range_test.json and range_test.png")
    if found.suggestion is None:
        raise typer.Exit(FAILED)


@app.command()
@with_data_options
def repair(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A compiled model with one input and one output, saved as .keras.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for repaired.keras and repair.json.")] = Path("runs/repair"),
    epochs: Annotated[int, typer.Option(help="Epochs of the untouched program and of each variant.")] = 20,
    batch_size: Annotated[int, typer.Option(help="Rows a batch.")] = 32,
    variants: Annotated[int, typer.Option(help="Variants to try at most.")] = 6,
    options: OfData = NONE_GIVEN,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    language: Language = "en",
    config: Config = None,
) -> None:
    """Change a model that does not train, its loss, optimizer or rate, until it does, with proof."""
    quiet_tensorflow()
    from .tuning.data_options import DataOptions
    from .tuning.repair_job import RepairJob, repair_in_words

    with refusals():
        refuse_unspeakable(language)
        job = RepairJob(
            model,
            data,
            out,
            epochs=epochs,
            batch_size=batch_size,
            most_variants=variants,
            seed=seed,
            options=DataOptions.of(options),
            command=_as_typed(),
        )
        write_run_file(context, job.out, job.splits.in_memory)
    _finished(job, quiet, as_json, lambda found: repair_in_words(found, language), "repaired.keras and repair.json")


def _as_typed() -> str:
    """The command line, for the report."""
    return " ".join(["trainwise", *sys.argv[1:]])


def _finished(job: Any, quiet: bool, as_json: bool, in_words: Callable[[Any], str], files: str) -> Any:
    """What a job of one result found, when it has been printed as the options ask."""
    silent = quiet or as_json
    with refusals(FAILED):
        if not silent:
            print(job.said(), flush=True)
        found, report = job.run()
        if as_json:
            print_json(report)
        elif not silent:
            print(f"{in_words(found)}\n{files} are in {job.out}.")
    return found


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs that have ended.")],
    out: Annotated[
        Path | None, typer.Option(help="The page; of one run RUN/report.html, of several the screen by default.")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Also write the runs for TensorBoard, in a folder each, HParams too.")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(help="Also log the runs into MLflow, at this address, such as sqlite:///mlflow.db.")
    ] = None,
    language: Language = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run's page again from its report.json, or set several runs side by side."""
    from .toolkit.checks import path_of
    from .toolkit.report.side_by_side import as_page, as_table, page_again, run_row
    from .toolkit.runtime.files import write_text

    with refusals():
        refuse_unspeakable(language)
        rows = [run_row(run) for run in runs]
        page = None if out is None else path_of("out", str(out))
        if len(runs) == 1 and page is None:
            page = (runs[0] if runs[0].is_dir() else runs[0].parent) / "report.html"
        if page is not None:
            # A name may hold halves of characters, which are no text.
            text = page_again(runs[0], language) if len(runs) == 1 else as_page(rows, language)
            write_text(page, text, errors="xmlcharrefreplace")
        if tensorboard is not None:
            _show_in_tensorboard(runs, tensorboard)
        if mlflow is not None:
            _log_into_mlflow(runs, mlflow)
        if as_json:
            print_json({"page": page, "runs": rows})
        elif not quiet:
            print(as_table(rows) if page is None else f"The report is in {page}.")


def _show_in_tensorboard(runs: list[Path], folder: Path) -> None:
    quiet_tensorflow()
    from .toolkit.report.event_files import write_events
    from .toolkit.report.side_by_side import names_apart, read_report

    for run, name in zip(runs, names_apart(runs), strict=True):
        write_events(read_report(run), folder / name)


def _log_into_mlflow(runs: list[Path], address: str) -> None:
    from .toolkit.report.mlflow_log import log_run

    for run in runs:
        log_run(run, address)


@app.command()
def reproduce(
    run: Annotated[Path, typer.Argument(help="Folder of a run that has ended, with its run.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the second run; one that is removed by default.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run again what a run.toml says, and say whether the same comes out, or which number differs."""
    import tempfile

    from .toolkit.report.reproducing import differences, verdict
    from .toolkit.runtime.output_folders import opened
    from .toolkit.runtime.run_files import NAME, read_run_file

    with refusals():
        command, _ = read_run_file(run)
        if command not in _REPEATABLE:
            raise ValueError(f"{run / NAME} is of `{command}`, and only {', '.join(_REPEATABLE)} can be run again.")
        differences(run, run)
        if out is not None and any(opened(out).iterdir()):
            raise ValueError(f"--out must be a new or empty folder, and {out} holds something.")
    with refusals(FAILED), tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch) / "again"
        if not (quiet or as_json):
            print(
                f"Running {command} again, into {folder if out else 'a folder that is removed afterwards'}.", flush=True
            )
        with passing():
            code = app(
                [command, "--config", str(_file_of(run)), "--out", str(folder), "--quiet"], standalone_mode=False
            )
        # What stopped it has said so. A command whose answer is that nothing learns ends with 1 too, and leaves it.
        if code and (code != FAILED or not any(folder.glob("*.json"))):
            raise typer.Exit(code)
        counted, found = differences(run, folder)
    if as_json:
        print_json({"identical": not found, "compared": counted, "differences": found})
    elif not quiet:
        print(verdict(counted, found))
    if found:
        raise typer.Exit(FAILED)


def _file_of(run: Path) -> Path:
    from .toolkit.runtime.run_files import NAME

    return run / NAME if run.is_dir() else run


def _work(
    context: typer.Context,
    data: str,
    out: Path,
    quiet: bool,
    resume: bool,
    settings: dict[str, Any],
    language: str,
    as_json: bool,
    options: OfData | None = None,
    keep_rows: bool = True,
) -> None:
    silent = quiet or as_json

    from rich.console import Console as Terminal

    class Console(Terminal):
        def on_broken_pipe(self) -> None:
            # Its own way is to end the process without a word.
            raise BrokenPipeError

    console = Console(highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        if not silent:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    with refusals(going_on="the same command with --resume goes on from here"):
        refuse_unspeakable(language)
        quiet_tensorflow()
        # Stands here, for it takes seconds to import.
        from .tuning.data_options import DataOptions
        from .tuning.main_job import Job, Settings

        # All that bad input can break.
        job = Job(
            data,
            out,
            Settings(**settings),
            DataOptions.of(options or {}),
            resume=resume,
            command=_as_typed(),
            say=say,
            console=None if silent else console,
            language=language,
            keep_rows=keep_rows,
        )
        write_run_file(context, job.out, job.raw.in_memory)
    with refusals(FAILED, "the same command with --resume goes on from here"):
        result = job.run()
        if as_json:
            print_json(result.report)


def main() -> None:
    """Entry point of the `trainwise` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a letter gets its number, and not a traceback.
            stream.reconfigure(errors="backslashreplace")
    # What a system's shutdown or a scheduler sends: ends as Ctrl-C does, so that files are closed and words said.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(prog_name="trainwise")
    except SystemExit as end:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            nowhere(sys.stdout)
            say_error("the output was closed before all was said.")
            end.code = FAILED
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def command() -> None:
    """The program: `main`, and where it was interrupted the end of the process at once.

    TensorFlow's threads may be in mid step then; at the interpreter's own end they meet what is gone, and crash.
    """
    try:
        main()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


if __name__ == "__main__":
    command()
