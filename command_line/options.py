"""The options that several commands share, and those about data as one dictionary."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from .configs import take_config
from .endings import refusals

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
        help="Hold at most so many rows of a table, drawn fairly (0: all); by default all that fit into free memory. "
        "`run` learns from the other rows too, a block at a time from disk."
    ),
]
Rare = Annotated[str, typer.Option(help="Classes with fewer than 3 rows: refuse, drop or merge (into 'other').")]
Tokens = Annotated[
    bool,
    typer.Option("--tokens", help="Whole numbers of an .npz file stand for words: they are embedded, 0 fills up."),
]
DataDir = Annotated[Path | None, typer.Option(help="Where tensorflow-datasets keeps its files.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]
Language = Annotated[str, typer.Option(help="Of the words: en or ko.")]
Config = Annotated[
    Path | None,
    typer.Option(
        is_eager=True,
        callback=take_config,
        help="run.toml of an earlier run; options given beside it count before it.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else, for scripts.")]


OfData = Mapping[str, Any]
NONE_GIVEN: OfData = MappingProxyType({})
# What is said of the data, by the names of the options.
_OF_DATA = {
    "target": Target,
    "task": Asked,
    "drop": Drop,
    "header": Header,
    "column": Columns,
    "group": Group,
    "time": Time,
    "forecast": Forecast,
    "window": Window,
    "sequence": Sequence,
    "data_dir": DataDir,
    "in_memory": InMemory,
    "rare": Rare,
    "tokens": Tokens,
}
_DEFAULTS = {"rare": "refuse", "tokens": False}


def with_data_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say how data are read, in place of its argument `options`.

    It gets them as the arguments that `load` takes.
    """
    shown = inspect.signature(command, eval_str=True).parameters.values()
    own = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS.get(name), annotation=kind)
        for name, kind in _OF_DATA.items()
    ]
    place = [one.name for one in shown].index("options")
    taken = [*list(shown)[:place], *own, *list(shown)[place + 1 :]]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        options = {name: given.pop(name) for name in _OF_DATA}
        with refusals():
            options["columns"] = _kinds(options.pop("column"))
        options["drop"] = options["drop"] or ()
        with _telling_which(given["data"], given["quiet"]):
            command(**given, options=options)

    # What typer reads.
    with_options.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in taken}
    return with_options


@contextmanager
def _telling_which(data: str, quiet: bool) -> Iterator[None]:
    """Within it the warning that a folder is read which bears the name of a data set is a line of the command."""
    # Seconds of imports, for the few whose data are there under such a name.
    if not data.isidentifier() or not Path(data).exists():
        yield
        return
    from ..toolkit.data.shipped import named_beside

    said, before = named_beside(data), warnings.showwarning

    def show(message: Warning | str, *rest: Any, **more: Any) -> None:
        if str(message) != said:
            before(message, *rest, **more)
        elif not quiet:
            print(f"trainwise: {said}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _kinds(column: list[str] | None) -> dict[str, str] | None:
    """The kinds of columns that --column names; `None` where it was not given."""
    kinds = {}
    for one in column or ():
        # A name may hold the sign itself, a kind does not.
        name, sign, kind = one.rpartition("=")
        if not sign or not kind:
            raise ValueError(f"--column takes NAME=KIND, such as --column title=text, got {one!r}.")
        kinds[name] = kind
    return kinds or None
