"""The command line: arguments in, calls into the library, an exit code out."""

from __future__ import annotations

import io
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130
# Where the results go and how much is said; not what is done.
_NOT_OF_THE_RUN = frozenset({"out", "quiet", "resume", "overwrite", "as_json", "config", "language"})
_REPEATABLE = ("demo", "run", "search", "compare", "range-test", "repair")
_ENDINGS = (".csv", ".tsv", ".tab", ".parquet", ".pq", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json", ".npz")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train Keras models that tell you what is wrong, vote, and leave as one verified SavedModel.",
)

Out = Annotated[Path, typer.Option(help="Folder for the report and the exported model.")]
Seed = Annotated[int, typer.Option(help="Decides splits, starting weights and batches.")]
Epochs = Annotated[int, typer.Option(help="Epochs a member at most; the best one is kept.")]
Members = Annotated[int, typer.Option(help="Members of the ensemble.")]
Data = Annotated[
    str,
    typer.Option(
        help="A data set's name, a table (.csv, .tsv, .csv.gz, .parquet, .xlsx, .jsonl), an .npz file, or a folder of "
        "images."
    ),
]
Target = Annotated[str | None, typer.Option(help="Column of the table to predict; the last by default.")]
Asked = Annotated[str | None, typer.Option(help="regression, binary, multiclass or multilabel.")]
Header = Annotated[bool | None, typer.Option(help="Whether the table's first row names the columns.")]
Drop = Annotated[list[str] | None, typer.Option(help="Column of the table to leave out; may be repeated.")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="NAME=KIND: what a column is (number, category, ordered, text, date, identifier, drop); may be repeated.",
    ),
]
Group = Annotated[str | None, typer.Option(help="Column whose rows of one value stay in one split.")]
Time = Annotated[
    str | None,
    typer.Option(help="Column by which the splits follow one another; the latest rows test. A forecast's times."),
]
Forecast = Annotated[
    int | None, typer.Option(help="Answer so many values of the target that come next, instead of a value a row.")
]
Window = Annotated[int | None, typer.Option(help="Values that a forecast looks back at; two seasons or 12 by default.")]
Sequence = Annotated[
    str | None,
    typer.Option(help="Column that tells series of a forecast apart; else a sequence is one row."),
]
InMemory = Annotated[
    int | None,
    typer.Option(
        help="Rows of a table that are held at most, the others are learnt from disk; by its size by default."
    ),
]
Rare = Annotated[str, typer.Option(help="Classes with fewer than 3 rows: refuse, drop or merge.")]
DataDir = Annotated[Path | None, typer.Option(help="Where tensorflow-datasets keeps its files.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]
Language = Annotated[str, typer.Option(help="Of the words: en or ko.")]
Config = Annotated[
    Path | None,
    typer.Option(
        is_eager=True,
        callback=lambda context, value: _take_config(context, value),
        help="run.toml of an earlier run; options given beside it count before it.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else, for scripts.")]


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
def run(
    context: typer.Context,
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/NAME by default.")] = None,
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
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
    data_dir: DataDir = None,
    in_memory: InMemory = None,
    rare: Rare = "refuse",
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
    with _refusals():
        options = _data_options(target, task, drop, header, column, group, time, data_dir, forecast, window, sequence)
        options |= {"keep_rows": not private, "in_memory": in_memory, "rare": rare}
    _work(context, data, out or Path("runs") / _short_name(data), quiet, resume, settings, language, as_json, options)


def _short_name(data: str) -> str:
    from .toolkit.runtime.own_folders import folder_name

    if Path(data).is_dir():
        return folder_name(Path(data).resolve().name)
    # A data set's name is `name/config:version`, a file's has endings.
    file = Path(data)
    for ending in (".gz", ".bz2", ".xz", *_ENDINGS):
        if file.name.lower().endswith(ending):
            file = file.with_name(file.name[: -len(ending)] or file.name)
    name = file.name if file.name != Path(data).name else data.split("/")[0].split(":")[0]
    return folder_name(name)


def _data_options(
    target: str | None,
    task: str | None,
    drop: list[str] | None,
    header: bool | None,
    column: list[str] | None,
    group: str | None,
    time: str | None,
    data_dir: Path | None,
    forecast: int | None,
    window: int | None,
    sequence: str | None,
) -> dict[str, Any]:
    """What is said of the data, as `load` takes it."""
    columns = {}
    for one in column or ():
        # A name may hold the sign itself, a kind does not.
        name, sign, kind = one.rpartition("=")
        if not sign or not kind:
            raise ValueError(f"--column takes NAME=KIND, such as --column title=text, got {one!r}.")
        columns[name] = kind
    return {
        "target": target,
        "task": task,
        "drop": drop or (),
        "header": header,
        "columns": columns or None,
        "group": group,
        "time": time,
        "data_dir": data_dir,
        "forecast": forecast,
        "window": window,
        "sequence": sequence,
    }


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
) -> None:
    """Answer the rows of a table with an exported model."""
    _quiet_tensorflow()
    from .toolkit.runtime.files import beside
    from .toolkit.saving.predicting import predict_parts, write_csv, write_parts

    with _refusals():
        given = [one for one in (file, data) if one is not None]
        if len(given) != 1:
            raise ValueError(
                "Give the rows to answer once: a table, an image or a folder of images, here or by --data."
            )
        parts = predict_parts(model, given[0], header, trust=trust, row_id=row_id)
        if out is None:
            write_csv(_telling(parts), sys.stdout)
            return
        with beside(out) as draft:
            for note in write_parts(parts, draft, out.suffix.lower() == ".parquet"):
                print(f"trainwise: {note}", file=sys.stderr)


def _telling(parts: Iterator[Any]) -> Iterator[Any]:
    """The same parts; what is to be said of them is said as they come."""
    told: set[str] = set()
    for part in parts:
        for note in part.notes:
            if note not in told:
                print(f"trainwise: {note}", file=sys.stderr)
        told.update(part.notes)
        yield part


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
) -> None:
    """Turn a .keras file into a SavedModel that is proved to answer alike, or prove a published one again."""
    _quiet_tensorflow()
    from .toolkit.runtime.own_folders import folder_name
    from .toolkit.saving.exporting import export as write
    from .toolkit.saving.loading import load_model
    from .toolkit.saving.verifying import verify as prove

    with _refusals():
        if (model is None) == (verify is None):
            raise ValueError("Give a .keras file to export, or --verify DIR to prove a published version again.")
        if verify is not None:
            if out is not None or formats:
                raise ValueError("--verify writes nothing: leave out --out and --format.")
            verified = prove(verify, trust=trust)
            print("\n".join([f"{verified.path} is proved.", *(f"  {line}" for line in verified.proof)]))
            return
        if trust:
            raise ValueError("--trust goes with --verify: code in a .keras file is not run.")
        file = Path(str(model))
        found = load_model(file, compiled=False)
        report = write(found, out or Path("models") / folder_name(file.stem), formats=formats or ())
        print("\n".join([f"{report.path} is proved.", *(f"  {line}" for line in report.proof)]))
        for name, one in report.formats.items():
            print(f"  {name}: {one['file']}, {one['bytes']:,} bytes, {one['max_difference']:.1e} off. {one['note']}")


@app.command()
def check(
    model: Annotated[
        Path | None, typer.Argument(help="A compiled model, saved as .keras; none looks at the data.")
    ] = None,
    data: Data = "",
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
    data_dir: DataDir = None,
    thorough: Annotated[bool, typer.Option("--thorough", help="Also try to learn a few rows by heart.")] = False,
    seed: Seed = 0,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Say what is wrong with data, or with a model and its data before a fit."""
    _quiet_tensorflow()
    from .toolkit.data import load
    from .toolkit.data.table_check import table_lines, table_warnings
    from .toolkit.diagnosis.wording import words
    from .toolkit.models.columns_in import model_inputs
    from .toolkit.models.first import described
    from .toolkit.preflight import check as look
    from .toolkit.report.parts import data_part
    from .toolkit.saving.loading import load_model

    with _refusals():
        _refuse_unspeakable(language)
        if not data:
            raise ValueError("`--data` must name the data to look at, such as --data flowers.csv.")
        splits = load(
            data,
            seed=seed,
            **_data_options(target, task, drop, header, column, group, time, data_dir, forecast, window, sequence),
        )
        about = {"data": data_part(splits, described(splits)[0])} if as_json else None
        if model is None:
            if about is None:
                print("\n".join(table_lines(splits)))
            else:
                _print_json({**about, "task": splits.task, "target": splits.target, "warnings": table_warnings(splits)})
            return
        held = (model_inputs(splits.validation.x), splits.validation.y)
        findings = look(load_model(model), model_inputs(splits.train.x), splits.train.y, held, thorough=thorough)
        lines = [words(finding, language) for finding in findings]
    _tell(findings, lines, "Nothing stands in the way of a fit.", about)


@app.command()
def diagnose(
    history: Annotated[Path, typer.Argument(help="A CSVLogger file, or a TensorBoard folder.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Say what the curves of a finished fit show."""
    from .toolkit.diagnosis.histories import diagnose as read
    from .toolkit.diagnosis.histories import read_history
    from .toolkit.diagnosis.shapes import shape
    from .toolkit.diagnosis.wording import words

    with _refusals():
        _refuse_unspeakable(language)
        curves = read_history(history)
        # What has no loss has a shape by its accuracies, and nothing else that could be told.
        whole = any(name.endswith("loss") for name in curves)
        findings = read(curves) if whole else []
        # Losses under names of the user's own have no shape of one run.
        found = shape(curves) if "loss" in curves or not whole else None
        lines = [words(finding, language) for finding in findings]
    if as_json:
        told = None if found is None else {"name": found.name, "words": found.words(language)}
        _tell(findings, lines, "", {"shape": told})
        return
    _tell(findings, [*([] if found is None else [found.words(language)]), *lines], "The curves are healthy.")


@app.command()
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
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where --out holds a search.")] = False,
    quiet: Quiet = False,
    language: Language = "en",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Find the best architecture, each judged at its best learning rate; the same command goes on with it."""
    _quiet_tensorflow()
    from .tuning.searching.command import SearchJob

    with _refusals():
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
            options=_data_options(
                target, task, drop, header, column, group, time, data_dir, forecast, window, sequence
            ),
            seed=seed,
            verbose=not (quiet or as_json),
            language=language,
            command=" ".join(["trainwise", *sys.argv[1:]]),
            precision=precision,
            jit_compile=xla or "auto",
            batch_size=batch_size,
            stopper=None if stopper == "none" else stopper,
            overwrite=overwrite,
        )
        _write_run_file(context, job.out)
    with _refusals(FAILED, "the same command goes on with it"):
        said = job.run()
        if as_json:
            _print_json(job.report)
        elif not quiet:
            print(said)


@app.command()
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
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Decides the splits.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Compare momenta, or learning rates, side by side over several seeds, on the first model for the data."""
    _quiet_tensorflow()
    from .tuning.comparing_job import CompareJob

    with _refusals():
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
            options=_data_options(
                target, task, drop, header, column, group, time, data_dir, forecast, window, sequence
            ),
            command=" ".join(["trainwise", *sys.argv[1:]]),
        )
        _write_run_file(context, job.out)
    with _refusals(FAILED):
        silent = quiet or as_json
        if not silent:
            print(job.said(), flush=True)
        found, report = job.run()
        if as_json:
            _print_json(report)
        elif not silent:
            print(f"{found}\ncompare.json and compare.png are in {job.out}.")
    if not any(math.isfinite(row["mean"]) for row in found.rows):
        raise typer.Exit(FAILED)


@app.command("range-test")
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
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Try learning rates side by side on the first model for the data, and suggest one."""
    _quiet_tensorflow()
    from .tuning.range_test_job import RangeTestJob, in_words

    with _refusals():
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
            options=_data_options(
                target, task, drop, header, column, group, time, data_dir, forecast, window, sequence
            ),
            command=" ".join(["trainwise", *sys.argv[1:]]),
        )
        _write_run_file(context, job.out)
    with _refusals(FAILED):
        silent = quiet or as_json
        if not silent:
            print(job.said(), flush=True)
        found, report = job.run()
        if as_json:
            _print_json(report)
        elif not silent:
            print(f"{in_words(found)}\nrange_test.json and range_test.png are in {job.out}.")
    if found.suggestion is None:
        raise typer.Exit(FAILED)


@app.command()
def repair(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A compiled model with one input and one output, saved as .keras.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for repaired.keras and repair.json.")] = Path("runs/repair"),
    epochs: Annotated[int, typer.Option(help="Epochs of the untouched program and of each variant.")] = 20,
    batch_size: Annotated[int, typer.Option(help="Rows a batch.")] = 32,
    variants: Annotated[int, typer.Option(help="Variants to try at most.")] = 6,
    target: Target = None,
    task: Asked = None,
    drop: Drop = None,
    header: Header = None,
    column: Columns = None,
    group: Group = None,
    time: Time = None,
    forecast: Forecast = None,
    window: Window = None,
    sequence: Sequence = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    config: Config = None,
) -> None:
    """Change a model that does not train, its loss, optimizer or rate, until it does, with proof."""
    _quiet_tensorflow()
    from .tuning.repair_job import RepairJob, in_words

    with _refusals():
        job = RepairJob(
            model,
            data,
            out,
            epochs=epochs,
            batch_size=batch_size,
            most_variants=variants,
            seed=seed,
            options=_data_options(
                target, task, drop, header, column, group, time, data_dir, forecast, window, sequence
            ),
            command=" ".join(["trainwise", *sys.argv[1:]]),
        )
        _write_run_file(context, job.out)
    with _refusals(FAILED):
        silent = quiet or as_json
        if not silent:
            print(job.said(), flush=True)
        found, report = job.run()
        if as_json:
            _print_json(report)
        elif not silent:
            print(f"{in_words(found)}\nrepaired.keras and repair.json are in {job.out}.")


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
) -> None:
    """Write a run's page again from its report.json, or set several runs side by side."""
    from .toolkit.checks import path_of
    from .toolkit.report.side_by_side import as_page, as_table, page_again, run_row
    from .toolkit.runtime.files import write_text

    with _refusals():
        _refuse_unspeakable(language)
        rows = [run_row(run) for run in runs]
        page = None if out is None else path_of("out", str(out))
        if len(runs) == 1 and page is None:
            page = (runs[0] if runs[0].is_dir() else runs[0].parent) / "report.html"
        if page is not None:
            # A name may hold halves of characters, which are no text.
            text = page_again(runs[0], language) if len(runs) == 1 else as_page(rows, language)
            write_text(page, text, errors="xmlcharrefreplace")
        for run in runs if tensorboard is not None or mlflow is not None else ():
            _track(run, tensorboard, mlflow)
        if as_json:
            _print_json({"page": page, "runs": rows})
            return
        print(as_table(rows) if page is None else f"The report is in {page}.")


def _track(run: Path, tensorboard: Path | None, mlflow: str | None) -> None:
    """Puts a run where people keep theirs."""
    if tensorboard is not None:
        _quiet_tensorflow()
        from .toolkit.report.event_files import write_events
        from .toolkit.report.side_by_side import read_report

        folder = run if run.is_dir() else run.parent
        write_events(read_report(run), tensorboard / folder.resolve().name)
    if mlflow is not None:
        from .toolkit.report.mlflow_log import log_run

        log_run(run, mlflow)


@app.command()
def reproduce(
    run: Annotated[Path, typer.Argument(help="Folder of a run that has ended, with its run.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the second run; one that is removed by default.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run again what a run.toml says, and say whether the same comes out, or which number differs."""
    import tempfile

    from .toolkit.report.reproducing import differences, in_words
    from .toolkit.runtime.output_folders import opened
    from .toolkit.runtime.run_files import NAME, read_run_file

    with _refusals():
        command, _ = read_run_file(run)
        if command not in _REPEATABLE:
            raise ValueError(f"{run / NAME} is of `{command}`, and only {', '.join(_REPEATABLE)} can be run again.")
        differences(run, run)
        if out is not None and any(opened(out).iterdir()):
            raise ValueError(f"--out must be a new or empty folder, and {out} holds something.")
    with _refusals(FAILED), tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch) / "again"
        if not (quiet or as_json):
            print(
                f"Running {command} again, into {folder if out else 'a folder that is removed afterwards'}.", flush=True
            )
        code = app([command, "--config", str(_file_of(run)), "--out", str(folder), "--quiet"], standalone_mode=False)
        if code:
            raise RuntimeError(f"the second run ended with exit code {code}")
        counted, found = differences(run, folder)
    if as_json:
        _print_json({"identical": not found, "compared": counted, "differences": found})
    elif not quiet:
        print(in_words(counted, found))
    if found:
        raise typer.Exit(FAILED)


def _file_of(run: Path) -> Path:
    from .toolkit.runtime.run_files import NAME

    return run / NAME if run.is_dir() else run


def _take_config(context: typer.Context, config: Path | None) -> Path | None:
    """Lets the options of an earlier run stand in for those that are not given."""
    if config is not None:
        from .toolkit.runtime.run_files import read_run_file

        with _refusals():
            command, options = read_run_file(config)
            if command != context.info_name:
                raise ValueError(f"{config} is of `trainwise {command}`, not of `trainwise {context.info_name}`.")
            known = {str(one.name) for one in context.command.params} - _NOT_OF_THE_RUN
            unknown = [name for name in options if name not in known]
            if unknown:
                raise ValueError(f"{config} holds {', '.join(unknown)}, which `trainwise {command}` does not take.")
        context.default_map = {**(context.default_map or {}), **options}
    return config


def _write_run_file(context: typer.Context, out: Path) -> None:
    from .toolkit.runtime.run_files import lasting, write_run_file

    options = {name: value for name, value in context.params.items() if name not in _NOT_OF_THE_RUN}
    # Data and models may be files, which are then named from anywhere.
    options |= {name: lasting(options[name]) for name in ("data", "model", "data_dir") if options.get(name)}
    write_run_file(out, str(context.info_name), {name: value for name, value in options.items() if value != []})


def _print_json(report: dict[str, Any]) -> None:
    from .toolkit.report.page import as_json

    # Its last line is ended already.
    print(as_json(report), end="")


def _tell(findings: Any, lines: list[str], nothing_found: str, about: dict[str, Any] | None = None) -> None:
    """Prints findings, each in its words, or as one JSON object that begins with what they are about."""
    from .toolkit.diagnosis.findings import healthy

    if about is not None:
        told = [{**finding.as_dict(), "words": line} for finding, line in zip(findings, lines, strict=True)]
        _print_json({**about, "healthy": healthy(findings), "findings": told})
    else:
        print("\n".join([*lines, *([nothing_found] if healthy(findings) else [])]))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(FAILED)


def _refuse_unspeakable(language: str) -> None:
    from .toolkit.checks import one_of
    from .toolkit.diagnosis.wording import LANGUAGES

    one_of("language", language, LANGUAGES)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "한국어".encode(encoding)
    except UnicodeEncodeError:
        if language == "ko":
            raise ValueError(
                f"This terminal's encoding, {encoding}, has no Korean: set PYTHONIOENCODING=utf-8, or leave out "
                "--language ko."
            ) from None


def _work(
    context: typer.Context,
    data: str,
    out: Path,
    quiet: bool,
    resume: bool,
    settings: dict[str, Any],
    language: str,
    as_json: bool,
    options: dict[str, Any] | None = None,
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

    command = " ".join(["trainwise", *sys.argv[1:]])
    with _refusals(going_on="the same command with --resume goes on from here"):
        _refuse_unspeakable(language)
        _quiet_tensorflow()
        # Stands here, for it takes seconds to import.
        from .tuning.main_job import Job, Settings

        # All that bad input can break.
        job = Job(
            data,
            out,
            Settings(**settings),
            resume=resume,
            command=command,
            say=say,
            console=None if silent else console,
            language=language,
            **(options or {}),
        )
        _write_run_file(context, job.out)
    with _refusals(FAILED, "the same command with --resume goes on from here"):
        result = job.run()
        if as_json:
            _print_json(result.report)


@contextmanager
def _refusals(failure: int = BAD_INPUT, going_on: str = "") -> Iterator[None]:
    """Ends the command in one sentence, whatever the library refuses or the machine denies.

    Args:
        failure: Exit code where the machine denies something.
        going_on: How to go on with what was done.
    """
    kept = f" What was done is kept; {going_on}." if going_on else ""
    try:
        yield
    except KeyboardInterrupt:
        _stop(INTERRUPTED, f"interrupted.{kept}")
    except BrokenPipeError:
        _nowhere(sys.stdout)
        _stop(FAILED, f"the output was closed before all was said.{kept}")
    except MemoryError as error:
        _stop(FAILED, f"the memory does not suffice: {error or 'take fewer rows or a smaller batch'}.")
    except OSError as error:
        _stop(failure, f"{error}.{kept}" if failure == FAILED else error)
    except (ValueError, TypeError, ImportError) as error:
        _stop(BAD_INPUT, error)
    except (ArithmeticError, RuntimeError) as error:
        _stop(FAILED, error)


def _nowhere(stream: Any) -> None:
    """Lets the end of the process write its last bytes into nothing where nobody reads them any more."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())


def _quiet_tensorflow() -> None:
    """Imports TensorFlow without its notes about the processor, which go to the error stream by themselves."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    tf.get_logger().setLevel("ERROR")


def _stop(code: int, error: object) -> NoReturn:
    _say_error(error)
    raise typer.Exit(code)


def _say_error(error: object) -> None:
    # One line, however many the error has.
    print(f"trainwise: {' '.join(str(error).split())}", file=sys.stderr)


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
            _nowhere(sys.stdout)
            _say_error("the output was closed before all was said.")
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
