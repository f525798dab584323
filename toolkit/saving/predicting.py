"""Predicts the rows of a table with an exported model, without Keras or the code that trained it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.forecasts import Forecast, last_windows
from ..data.images import ENDINGS, images_in, is_image_file, read_images
from ..data.sequences import SequenceColumns, named_sequences
from ..data.tables import read_table
from .checksums import has_changed
from .exporting import SCHEMA
from .numbering import latest_version
from .outward_operations import refuse_outward
from .table_inputs import table_inputs, wrong_part

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Predicted:
    """Answers to the rows of a table.

    Args:
        names: Of the columns of answers.
        rows: One for each row of the table, as text.
        notes: What is to be said of the rows, a sentence each.
    """

    names: list[str]
    rows: list[list[str]]
    notes: list[str]


def predict_table(
    model: str | Path, file: str | Path, header: bool | None = None, *, trust: bool = False, row_id: str | None = None
) -> Predicted:
    """Predicts each row of a table.

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
        the value; for multilabel the probability of each label. A forecast looks at the latest rows, and answers the
        times that follow, a row each.

    Raises:
        FileNotFoundError: There is no such model or file.
        ValueError: The model was not written by `trainwise run` or is damaged, it holds operations that need
            trust, or the columns do not fit it.
    """
    folder = latest_version(model)
    schema = _schema(folder)
    found = _predicted(folder, schema, file, header, trust, row_id)
    # By hand, as to rename a class: it may be meant, and may be a mistake.
    if has_changed(folder, SCHEMA):
        note = (
            f"{folder / SCHEMA} has changed since the model was published; the columns and classes are as it says now."
        )
        return replace(found, notes=[note, *found.notes])
    return found


def _predicted(
    folder: Path, schema: dict[str, Any], file: str | Path, header: bool | None, trust: bool, row_id: str | None
) -> Predicted:
    if schema.get("images"):
        return _of_images(folder, schema, Path(file), row_id, trust)
    if Path(file).is_dir() or is_image_file(file):
        raise ValueError(f"{file} holds images, and {folder} takes {len(schema['features']) or 'rows of'} columns.")
    table = read_table(file, header, next(iter(schema["features"]), schema["target"] if "forecast" in schema else None))
    if row_id is not None and row_id not in table.columns:
        raise ValueError(f"{file} has no column {row_id!r}; its columns are {', '.join(table.columns[:20])}.")
    forecast = Forecast.of_dict(schema.get("forecast"))
    if forecast is not None and row_id is not None:
        raise ValueError(f"A forecast answers times that are not in {file}: leave out the column {row_id!r} to write.")
    sequences = SequenceColumns.of_dict(schema.get("sequences"))
    if sequences is not None and row_id is not None:
        raise ValueError(f"{sequences.sequence!r} is written before each answer: leave out the column {row_id!r}.")
    if sequences is not None:
        inputs, told, notes = named_sequences(table, sequences, str(file))
    elif forecast is None:
        inputs, notes = table_inputs(table, schema, Path(file))
    else:
        inputs, ahead = last_windows(table, forecast, str(file))
        notes = []
    refuse_outward(folder, trust)
    if forecast is not None:
        return _of_forecast(_answers(folder, inputs), ahead, forecast, schema["target"])
    names, rows = _as_text(_answers(folder, inputs), schema, folder)
    if sequences is not None:
        return Predicted(
            [sequences.sequence, *names], [[one, *row] for one, row in zip(told, rows, strict=True)], notes
        )
    if row_id is not None:
        names = [row_id, *names]
        rows = [[str(one), *row] for one, row in zip(table.frame[row_id], rows, strict=True)]
    return Predicted(names, rows, notes)


def _of_images(folder: Path, schema: dict[str, Any], file: Path, row_id: str | None, trust: bool) -> Predicted:
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
    names: list[str] = []
    rows: list[list[str]] = []
    for start in range(0, len(paths), _IMAGES_AT_ONCE):
        some = paths[start : start + _IMAGES_AT_ONCE]
        names, answers = _as_text(_answers(folder, read_images(some, (height, width, channels))[0]), schema, folder)
        rows += [[str(path), *row] for path, row in zip(some, answers, strict=True)]
    return Predicted(["file", *names], rows, [])


def _of_forecast(answers: np.ndarray, ahead: list[tuple[str, str]], forecast: Forecast, target: str) -> Predicted:
    """A row for each time that follows, and for each series its own."""
    rows = [[name, moment, f"{value:.6g}"] for (name, moment), value in zip(ahead, answers.ravel(), strict=True)]
    names = [forecast.sequence or "", forecast.time or "step", target]
    first = 0 if forecast.sequence else 1
    return Predicted(names[first:], [row[first:] for row in rows], [])


def write_parquet(found: Predicted, path: Path) -> None:
    """Writes answers as a Parquet file, numbers as numbers.

    Args:
        found: What `predict_table` gave.
        path: The file.

    Raises:
        ImportError: pyarrow is not installed.
    """
    import pandas as pd

    columns = {}
    for place, name in enumerate(found.names):
        cells = pd.Series([row[place] for row in found.rows], dtype=object)
        numbers = pd.to_numeric(cells, errors="coerce")
        columns[name] = numbers if numbers.notna().all() else cells.astype("str")
    try:
        pd.DataFrame(columns).to_parquet(path, engine="pyarrow", index=False)
    except ImportError:
        raise ImportError('Parquet needs the package pyarrow: pip install "trainwise[parquet]".') from None


def _answers(folder: Path, inputs: Any) -> np.ndarray:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        serve = loaded.signatures["serving_default"]
        names = list(serve.structured_input_signature[1])
        columns = inputs if isinstance(inputs, dict) else {names[0]: inputs}
        answers = list(serve(**{name: tf.constant(column) for name, column in columns.items()}).values())
        rows = answers[0].numpy()
    # TensorFlow raises whatever a damaged file leads it to: its own errors, KeyError, AttributeError, ...
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[-1][:300]
        raise ValueError(
            f"{folder} is damaged, or no model of `trainwise run`: {type(error).__name__}: {told}"
        ) from error
    count = len(next(iter(columns.values())))
    if len(answers) != 1 or rows.dtype.kind not in "fiu" or rows.shape[:1] != (count,):
        raise ValueError(f"{folder} is no model of `trainwise run`, which answers numbers, one row for each row given.")
    return np.asarray(rows)


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


def _as_text(answers: np.ndarray, schema: dict[str, Any], folder: Path) -> tuple[list[str], list[list[str]]]:
    answers = answers.reshape(len(answers), -1)
    target = schema["target"]
    if schema["task"] in ("regression", "multilabel"):
        names = [target] if answers.shape[1] == 1 else [f"{target}_{i}" for i in range(answers.shape[1])]
        return names, [[f"{value:.6g}" for value in row] for row in answers]
    if answers.shape[1] == 1:
        answers = np.concatenate([1 - answers, answers], axis=1)
    classes = schema["classes"]
    if answers.shape[1] != len(classes):
        raise ValueError(
            f"{folder} answers {answers.shape[1]} probabilities, and its {SCHEMA} names {len(classes)} classes."
        )
    names = [target, *(f"probability_{name}" for name in classes)]
    return names, [[classes[int(row.argmax())], *(f"{value:.6f}" for value in row)] for row in answers]
