"""Predicts the rows of a CSV file with an exported model, without Keras or the code that trained it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..data.tables import Table, read_csv
from .exporting import SCHEMA, latest_version


def predict_csv(model: str | Path, file: str | Path, header: bool | None = None) -> tuple[list[str], list[list[str]]]:
    """Predicts each row of a CSV file.

    Args:
        model: A SavedModel written by `trainwise run`, or the folder of its versions (the latest
            is used).
        file: Rows in the columns of the training data; the target column may be there and is
            ignored. With a header the columns may come in any order.
        header: Whether the first row names the columns; found out by default.

    Returns:
        Column names and rows of text: the class and the probability of each class; for regression
        the value; for multilabel the probability of each label.

    Raises:
        FileNotFoundError: There is no such model or file.
        ValueError: The model was not written by `trainwise run`, or the columns do not fit it.
    """
    import tensorflow as tf

    folder = latest_version(model)
    schema = _schema(folder)
    inputs = _inputs(read_csv(file, header), schema, Path(file))
    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures["serving_default"]
    names = list(serve.structured_input_signature[1])
    tensors = {n: tf.constant(a) for n, a in (inputs if isinstance(inputs, dict) else {names[0]: inputs}).items()}
    (answers,) = serve(**tensors).values()
    return _as_text(answers.numpy(), schema)


def _schema(folder: Path) -> dict[str, Any]:
    file = folder / SCHEMA
    if not file.is_file():
        raise ValueError(
            f"{folder} does not say which columns it takes ({SCHEMA} is missing): export it with `trainwise run`."
        )
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _inputs(table: Table, schema: dict[str, Any], file: Path) -> Any:
    columns = _columns_in_order(table, schema, file)
    if schema["columns"] is None:
        words = [name for name, column in columns.items() if column.dtype == object]
        if words:
            raise ValueError(f"{file}: the model takes numbers, and column {words[0]!r} holds words.")
        rows = np.stack(list(columns.values()), axis=1).astype("float32")
        return rows.reshape(len(rows), *schema["shape"])
    inputs = {}
    for name, (tensor, kind) in schema["columns"].items():
        column = columns[name]
        if kind == "numbers" and column.dtype == object:
            raise ValueError(f"{file}: the model takes numbers in column {name!r}, got {column[0]!r}.")
        column = column.astype("U") if kind == "words" else column.astype("float32")
        inputs[tensor] = column[:, None]
    return inputs


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


def _as_text(answers: np.ndarray, schema: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    answers = answers.reshape(len(answers), -1)
    target = schema["target"]
    if schema["task"] in ("regression", "multilabel"):
        names = [target] if answers.shape[1] == 1 else [f"{target}_{i}" for i in range(answers.shape[1])]
        return names, [[f"{value:.6g}" for value in row] for row in answers]
    if answers.shape[1] == 1:
        answers = np.concatenate([1 - answers, answers], axis=1)
    classes = schema["classes"]
    names = [target, *(f"probability_{name}" for name in classes)]
    return names, [[classes[int(row.argmax())], *(f"{value:.6f}" for value in row)] for row in answers]
