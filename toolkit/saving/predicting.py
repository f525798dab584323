"""Predicts the rows of a table with an exported model, without Keras or the code that trained it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from ..data.columns import as_written
from ..data.forecasts import Forecast, last_windows
from ..data.images import ENDINGS, images_in, is_image_file, read_images
from ..data.sequences import SequenceColumns, named_sequences
from ..data.table_files import Table, read_table, table_parts
from ..data.table_inputs import UnknownWords, table_inputs
from ..metrics.decision_threshold import Threshold
from ..metrics.prediction_intervals import PredictionIntervals
from .checksums import has_changed
from .exporting import SCHEMA
from .model_schema import wrong_part
from .numbering import latest_version
from .outward_operations import refuse_outward

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Predicted:
    """Answers to the rows of a table.

    Args:
        names: Of the columns of answers.
        rows: One for each row of the table, as text.
        notes: What is to be said of the rows, a sentence each.
        words: How many of the first columns name something: identifiers, times, classes. The further ones are numbers.
    """

    names: list[str]
    rows: list[list[str]]
    notes: list[str]
    words: int = 0

    def after(self, names: list[str], rows: Sequence[Sequence[str]]) -> Predicted:
        """The same with columns of words before it."""
        joined = [[*before, *row] for before, row in zip(rows, self.rows, strict=True)]
        return replace(self, names=[*names, *self.names], rows=joined, words=len(names) + self.words)


def predict_table(
    model: str | Path, file: str | Path, header: bool | None = None, *, trust: bool = False, row_id: str | None = None
) -> Predicted:
    """Predicts each row of a table; `predict_parts` does so without holding all rows.

    Args:
        model: A SavedModel written by `trainwise run`, or the folder of its versions (the latest
            is used).
        file: Rows in the columns of the training data, in any kind that `run` reads; the target and further columns
            may be there and are ignored. With a header the columns may come in any order. An image, or a folder of
            images, for a model of images.
        header: Whether the first row names the columns; found out by default.
        trust: Whether to run a model whose operations touch files, the network or Python.
        row_id: Column that is written before the answers, as it is.

    Returns:
        Column names and rows of text: the class and the probability of each class; for regression
        the value and the interval around it; for multilabel the probability of each label. A forecast looks at the
        latest rows, and answers the times that follow, a row each.

    Raises:
        FileNotFoundError: There is no such model or file.
        ValueError: The model was not written by `trainwise run` or is damaged, it holds operations that need
            trust, or the columns do not fit it.
    """
    parts = list(predict_parts(model, file, header, trust=trust, row_id=row_id))
    rows = [row for part in parts for row in part.rows]
    return replace(parts[0], rows=rows, notes=[note for part in parts for note in part.notes])


def predict_parts(
    model: str | Path, file: str | Path, header: bool | None = None, *, trust: bool = False, row_id: str | None = None
) -> Iterator[Predicted]:
    """As `predict_table`, some ten thousand rows at a time, so that a file may be larger than memory.

    Args: as for `predict_table`.

    Yields:
        The answers to the next rows, in the order of the file; what is to be said of all of them comes with the last.
    """
    folder = latest_version(model)
    schema = _schema(folder)
    # By hand, as to rename a class: it may be meant, and may be a mistake.
    changed = (
        f"{folder / SCHEMA} has changed since the model was published; the columns and classes are as it says now."
    )
    notes = [changed] if has_changed(folder, SCHEMA) else []
    for part in _predicted(folder, schema, file, header, trust, row_id):
        yield replace(part, notes=[*notes, *part.notes])
        notes = []


def _predicted(
    folder: Path, schema: dict[str, Any], file: str | Path, header: bool | None, trust: bool, row_id: str | None
) -> Iterator[Predicted]:
    if schema.get("images"):
        yield from _of_images(folder, schema, Path(file), row_id, trust)
        return
    if Path(file).is_dir() or is_image_file(file):
        raise ValueError(f"{file} holds images, and {folder} takes {len(schema['features']) or 'rows of'} columns.")
    forecast = Forecast.of_dict(schema.get("forecast"))
    sequences = SequenceColumns.of_dict(schema.get("sequences"))
    named = next(iter(schema["features"]), schema["target"] if forecast else None)
    if forecast is not None or sequences is not None:
        # What is answered hangs on rows that may stand anywhere in the file.
        table = read_table(file, header, named)
        _refuse_id(table, file, row_id)
        if row_id is not None:
            raise ValueError(_without_id(file, row_id, sequences))
        refuse_outward(folder, trust)
        yield (
            _of_forecast(folder, table, file, forecast, schema)
            if forecast
            else _of_sequences(folder, table, file, sequences, schema)
        )
        return
    serve: Callable[[Any], np.ndarray] | None = None
    waiting: Predicted | None = None
    unknown = UnknownWords()
    for table in table_parts(file, header, named):
        _refuse_id(table, file, row_id)
        inputs = table_inputs(table, schema, Path(file), unknown)
        if serve is None:
            refuse_outward(folder, trust)
            serve = _server(folder)
        if waiting is not None:
            yield waiting
        waiting = _as_text(serve(inputs), schema, folder)
        if row_id is not None:
            waiting = waiting.after([row_id], [[one] for one in _identifiers(table.frame[row_id])])
    if waiting is not None:
        yield replace(waiting, notes=unknown.notes)


def _identifiers(cells: pd.Series) -> list[str]:
    return [as_written(cell) for cell in cells.astype(object).where(cells.notna(), "")]


def _refuse_id(table: Table, file: str | Path, row_id: str | None) -> None:
    if row_id is not None and row_id not in table.columns:
        raise ValueError(f"{file} has no column {row_id!r}; its columns are {', '.join(table.columns[:20])}.")


def _without_id(file: str | Path, row_id: str, sequences: SequenceColumns | None) -> str:
    if sequences is not None:
        return f"{sequences.sequence!r} is written before each answer: leave out the column {row_id!r}."
    return f"A forecast answers times that are not in {file}: leave out the column {row_id!r} to write."


def _of_sequences(
    folder: Path, table: Table, file: str | Path, sequences: SequenceColumns | None, schema: dict[str, Any]
) -> Predicted:
    if sequences is None:
        raise TypeError("There must be sequences.")
    inputs, told, notes = named_sequences(table, sequences, str(file))
    found = _as_text(_server(folder)(inputs), schema, folder).after([sequences.sequence], [[one] for one in told])
    return replace(found, notes=notes)


def _of_images(
    folder: Path, schema: dict[str, Any], file: Path, row_id: str | None, trust: bool
) -> Iterator[Predicted]:
    """Answers to one image or to all of a folder, with the file's name before each."""
    if row_id is not None:
        raise ValueError(f"A model of images writes the file before its answer: leave out the column {row_id!r}.")
    if not file.exists():
        raise FileNotFoundError(f"There is no file or folder {file}.")
    paths = images_in(file)[0] if file.is_dir() else [file]
    if not paths or not is_image_file(paths[0]):
        raise ValueError(f"{file} is no image or folder of images ({', '.join(ENDINGS)}), which the model takes.")
    height, width, channels = schema["shape"]
    refuse_outward(folder, trust)
    serve = _server(folder)
    for start in range(0, len(paths), _IMAGES_AT_ONCE):
        some = paths[start : start + _IMAGES_AT_ONCE]
        answers = _as_text(serve(read_images(some, (height, width, channels))[0]), schema, folder)
        yield answers.after(["file"], [[str(path)] for path in some])


def _of_forecast(folder: Path, table: Table, file: str | Path, forecast: Forecast, schema: dict[str, Any]) -> Predicted:
    """A row for each time that follows, and for each series its own."""
    inputs, ahead = last_windows(table, forecast, str(file))
    answers = _server(folder)(inputs)
    answers = answers.reshape(len(answers), -1)
    columns = [answers, *_ends(answers, schema)]
    told = [[f"{value:.6g}" for value in row] for row in np.stack([one.ravel() for one in columns], axis=1)]
    target = schema["target"]
    names = [target, *([f"{target}_low", f"{target}_high"] if len(columns) > 1 else [])]
    first = 0 if forecast.sequence else 1
    moments = [forecast.sequence or "", forecast.time or "step"][first:]
    return Predicted(names, told, []).after(moments, [moment[first:] for moment in ahead])


def _ends(answers: np.ndarray, schema: dict[str, Any]) -> list[np.ndarray]:
    """Where the intervals around answers begin and end; nothing where the run could not tell."""
    known = PredictionIntervals.of_dict(schema.get("intervals"))
    if known is None or len(known.below[0]) != answers.shape[1]:
        return []
    return list(known.around(answers))


def write_parts(parts: Iterable[Predicted], path: Path, parquet: bool) -> list[str]:
    """Writes answers as they come, as CSV or as Parquet, where probabilities and quantities are float64.

    Args:
        parts: What `predict_parts` gives.
        path: The file.
        parquet: Whether it is a Parquet file.

    Returns:
        What is to be said of the rows, each sentence once.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: Two columns of a Parquet file would have one name, such as the target given as identifier.
    """
    notes: dict[str, None] = {}

    def told() -> Iterator[Predicted]:
        for part in parts:
            notes.update(dict.fromkeys(part.notes))
            yield part

    if parquet:
        _write_parquet(told(), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as target:
            write_csv(told(), target)
    return list(notes)


def write_csv(parts: Iterable[Predicted], target: TextIO) -> None:
    """Writes answers as they come to an open text file."""
    writer = csv.writer(target, lineterminator="\n")
    for place, part in enumerate(parts):
        writer.writerows([part.names, *part.rows] if place == 0 else part.rows)


def as_records(parts: Iterable[Predicted]) -> list[dict[str, str | float]]:
    """Answers as JSON holds them: an object for each row, its words as text and its numbers as numbers.

    Args:
        parts: What `predict_parts` gives.

    Raises:
        ValueError: Two columns would have one name, such as the target given as identifier.

    Example:

    >>> as_records([Predicted(["kind", "probability_owl"], [["owl", "0.750000"]], [], words=1)])
    [{'kind': 'owl', 'probability_owl': 0.75}]
    """
    found: list[dict[str, str | float]] = []
    for part in parts:
        _refuse_doubled(part.names, "JSON")
        words, numbers = part.names[: part.words], part.names[part.words :]
        found += [
            dict(zip(words, row[: part.words], strict=True))
            | dict(zip(numbers, map(float, row[part.words :]), strict=True))
            for row in part.rows
        ]
    return found


def _refuse_doubled(names: Sequence[str], form: str) -> None:
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ValueError(f"The answers have two columns {doubled!r}, and {form} takes a name once: write CSV.")


def _write_parquet(parts: Iterator[Predicted], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError('Parquet needs the package pyarrow: pip install "trainwise[parquet]".') from None
    writer: Any = None
    try:
        for part in parts:
            _refuse_doubled(part.names, "Parquet")
            kinds = ["string"] * part.words + ["float64"] * (len(part.names) - part.words)
            cells = zip(*part.rows, strict=True)
            columns = [
                pyarrow.array(list(map(float, column)) if kind == "float64" else list(column), kind)
                for column, kind in zip(cells, kinds, strict=True)
            ]
            table = pyarrow.Table.from_arrays(columns, part.names)
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _server(folder: Path) -> Callable[[Any], np.ndarray]:
    """A function from inputs to answers, by the model that is loaded once."""
    import tensorflow as tf

    damaged = f"{folder} is damaged, or no model of `trainwise run`"
    try:
        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures["serving_default"]
        names = list(signature.structured_input_signature[1])
    # TensorFlow raises whatever a damaged file leads it to: its own errors, KeyError, AttributeError, ...
    except Exception as error:
        raise ValueError(f"{damaged}: {_told(error)}") from error

    def serve(inputs: Any) -> np.ndarray:
        columns = inputs if isinstance(inputs, dict) else {names[0]: inputs}
        try:
            answers = list(signature(**{name: tf.constant(column) for name, column in columns.items()}).values())
            rows = answers[0].numpy()
        except Exception as error:
            raise ValueError(f"{damaged}: {_told(error)}") from error
        count = len(next(iter(columns.values())))
        if len(answers) != 1 or rows.dtype.kind not in "fiu" or rows.shape[:1] != (count,):
            raise ValueError(
                f"{folder} is no model of `trainwise run`, which answers numbers, one row for each row given."
            )
        return np.asarray(rows)

    # The signature alone does not keep the variables that it reads.
    serve.loaded = loaded  # type: ignore[attr-defined]
    return serve


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[-1][:300]}"


def _schema(folder: Path) -> dict[str, Any]:
    file = folder / SCHEMA
    if not file.is_file():
        raise ValueError(
            f"{folder} does not say which columns it takes ({SCHEMA} is missing): export it with `trainwise run`."
        )
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        schema = None
    wrong = wrong_part(schema)
    if wrong:
        raise ValueError(f"{file} is damaged, or not written by `trainwise run`: {wrong} is not as it should be.")
    found: dict[str, Any] = schema
    return found


def _as_text(answers: np.ndarray, schema: dict[str, Any], folder: Path) -> Predicted:
    answers = answers.reshape(len(answers), -1)
    target = schema["target"]
    if schema["task"] in ("regression", "multilabel"):
        names = [target] if answers.shape[1] == 1 else [f"{target}_{i}" for i in range(answers.shape[1])]
        ends = _ends(answers, schema)
        columns = np.concatenate([answers, *ends], axis=1)
        names += [f"{name}_{end}" for end in ("low", "high")[: len(ends)] for name in names]
        return Predicted(names, [[f"{value:.6g}" for value in row] for row in columns], [])
    if answers.shape[1] == 1:
        answers = np.concatenate([1 - answers, answers], axis=1)
    classes = schema["classes"]
    if answers.shape[1] != len(classes):
        raise ValueError(
            f"{folder} answers {answers.shape[1]} probabilities, and its {SCHEMA} names {len(classes)} classes."
        )
    names = [target, *(f"probability_{name}" for name in classes)]
    threshold = Threshold.of_dict(schema.get("threshold"))
    places = answers.argmax(axis=1) if threshold is None else threshold.answered(answers[:, 1])
    told = zip(places, answers, strict=True)
    rows = [[classes[int(place)], *(f"{value:.6f}" for value in row)] for place, row in told]
    return Predicted(names, rows, [], words=1)
