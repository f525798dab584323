"""Predicts the rows of a CSV file with an exported model, without Keras or the code that trained it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..data.reading import as_float32
from ..data.tables import Table, read_csv
from ..tasks import TASKS
from .exporting import SCHEMA, latest_version
from .outward_operations import outward_operations


def predict_csv(
    model: str | Path, file: str | Path, header: bool | None = None, *, trust: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Predicts each row of a CSV file.

    Args:
        model: A SavedModel written by `trainwise run`, or the folder of its versions (the latest
            is used).
        file: Rows in the columns of the training data; the target column may be there and is
            ignored. With a header the columns may come in any order.
        header: Whether the first row names the columns; found out by default.
        trust: Whether to run a model whose operations touch files, the network or Python.

    Returns:
        Column names and rows of text: the class and the probability of each class; for regression
        the value; for multilabel the probability of each label.

    Raises:
        FileNotFoundError: There is no such model or file.
        ValueError: The model was not written by `trainwise run` or is damaged, it holds operations that need
            trust, or the columns do not fit it.
    """
    folder = latest_version(model)
    schema = _schema(folder)
    inputs = _inputs(read_csv(file, header), schema, Path(file))
    outward = [] if trust else outward_operations(folder)
    if outward:
        raise ValueError(
            f"{folder} would touch files, the network or Python when it is loaded or asked ({', '.join(outward)}): "
            "give `trust=True` (`--trust` on the command line) where you know who made it."
        )
    return _as_text(_answers(folder, inputs), schema, folder)


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
    wrong = _wrong(schema)
    if wrong:
        raise ValueError(f"{file} is damaged, or not written by `trainwise run`: {wrong} is not as it should be.")
    found: dict[str, Any] = schema
    return found


def _wrong(schema: Any) -> str:
    """The first part of a schema that is not as `trainwise run` writes it; empty where all are."""
    if not isinstance(schema, dict):
        return "the whole"
    features, columns, shape, classes = (schema.get(name, 0) for name in ("features", "columns", "shape", "classes"))
    named = _are_words(features)
    of_columns = isinstance(columns, dict) and named and set(columns) == set(features)
    pairs = of_columns and all(
        _are_words(one) and len(one) == 2 and one[1] in ("words", "numbers") for one in columns.values()
    )
    sides = isinstance(shape, list) and all(type(side) is int and 0 < side < 2**31 for side in shape)
    classified = schema.get("task") in ("binary", "multiclass")
    right = {
        "features": named,
        "target": isinstance(schema.get("target"), str),
        "task": schema.get("task") in TASKS,
        "classes": _are_words(classes) and len(classes) >= 2 if classified else classes is None or _are_words(classes),
        "columns": columns is None or pairs,
        "shape": named and sides and len(features) in (0, math.prod(shape)) if columns is None else shape is None,
    }
    return next((name for name, good in right.items() if not good), "")


def _are_words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _inputs(table: Table, schema: dict[str, Any], file: Path) -> Any:
    columns = _columns_in_order(table, schema, file)
    if schema["columns"] is None:
        words = [name for name, column in columns.items() if column.dtype == object]
        if words:
            raise ValueError(f"{file}: the model takes numbers, and column {words[0]!r} holds words.")
        rows = np.stack([_numbers(file, name, column) for name, column in columns.items()], axis=1)
        return rows.reshape(len(rows), *schema["shape"])
    inputs = {}
    for name, (tensor, kind) in schema["columns"].items():
        column = columns[name]
        if kind == "numbers" and column.dtype == object:
            raise ValueError(f"{file}: the model takes numbers in column {name!r}, got {column[0]!r}.")
        column = column.astype("U") if kind == "words" else _numbers(file, name, column)
        inputs[tensor] = column[:, None]
    return inputs


def _numbers(file: Path, name: str, column: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(column)):
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise ValueError(f"{file}: column {name!r} holds NaN or infinite values, the first in row {row}.")
    return as_float32(name, column)


def _columns_in_order(table: Table, schema: dict[str, Any], file: Path) -> dict[str, np.ndarray]:
    wanted = schema["features"]
    # Names, where all are there, decide alone: order and further columns do not matter.
    if wanted and set(wanted) <= set(table.columns):
        return {name: table.columns[name] for name in wanted}
    count = len(wanted) or int(np.prod(schema["shape"]))
    named = bool(wanted) and table.has_header
    columns = dict(table.columns)
    if not named and len(columns) == count + 1:
        columns.popitem()  # the target, last as in the training file
    if named or len(columns) != count:
        missing = [name for name in wanted if name not in table.columns]
        lacking = f"column {missing[0]!r} is missing" if named else f"it has {len(table.columns)} columns"
        raise ValueError(f"{file} does not fit the model, which takes {count} columns: {lacking}.")
    return dict(zip(wanted or map(str, range(count)), columns.values(), strict=True))


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
