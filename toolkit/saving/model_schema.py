"""What `trainwise run` writes beside a model of its columns, looked over before it is believed."""

from __future__ import annotations

import math
from typing import Any

from ..data import Splits
from ..data.columns import Column
from ..data.forecasts import Forecast
from ..data.sequences import SequenceColumns
from ..data.tokens import are_tokens
from ..metrics.decision_threshold import Threshold
from ..metrics.prediction_intervals import PredictionIntervals
from ..models.columns_in import column_inputs
from ..models.table_encoder import vocabulary
from ..tasks import TASKS

_KINDS = ("number", "category", "ordered", "boolean", "date", "text")


def wrong_part(schema: Any) -> str:
    """The first part of a schema that is not as `trainwise run` writes it; empty where all are.

    Example:

    >>> schema = {"features": ["a"], "target": "t", "task": "ranking", "classes": None, "columns": None, "shape": [1]}
    >>> wrong_part(schema)
    'task'
    """
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
    forms = schema.get("forms", {})
    right = {
        "features": named,
        "target": isinstance(schema.get("target"), str),
        "task": schema.get("task") in TASKS,
        "classes": _are_words(classes) and len(classes) >= 2 if classified else classes is None or _are_words(classes),
        "columns": columns is None or pairs,
        "shape": named and sides and len(features) in (0, math.prod(shape)) if columns is None else shape is None,
        "images": schema.get("images", False) is False or (schema["images"] is True and sides and len(shape) == 3),
        "tokens": schema.get("tokens", False) is False or (schema["tokens"] is True and sides and len(shape) == 1),
        "sequences": "sequences" not in schema or _are_sequences(schema["sequences"], shape),
        "forecast": "forecast" not in schema or _is_forecast(schema["forecast"], shape),
        "intervals": "intervals" not in schema or PredictionIntervals.of_dict(schema["intervals"]) is not None,
        "threshold": "threshold" not in schema
        or (schema.get("task") == "binary" and Threshold.of_dict(schema["threshold"]) is not None),
        "forms": forms == {} or (named and _are_forms(forms, features)),
    }
    return next((name for name, good in right.items() if not good), "")


def _are_sequences(values: Any, shape: Any) -> bool:
    columns = SequenceColumns.of_dict(values)
    return columns is not None and shape == [columns.steps, len(columns.channels)]


def _is_forecast(values: Any, shape: Any) -> bool:
    forecast = Forecast.of_dict(values)
    return forecast is not None and shape == [forecast.window, forecast.width]


def _are_forms(forms: Any, features: list[str]) -> bool:
    return isinstance(forms, dict) and set(forms) == set(features) and all(map(_is_form, forms.values()))


def _is_form(form: Any) -> bool:
    if not isinstance(form, dict) or form.get("kind") not in _KINDS:
        return False
    number = form.get("form", {})
    return (
        isinstance(number, dict)
        and set(number) <= {"decimal", "thousands", "currency", "percent"}
        and number.get("decimal", ".") in (".", ",")
        and isinstance(number.get("currency", ""), str)
        and isinstance(form.get("date_format", ""), str)
        and _are_words(form.get("words", []))
        and _are_words(form.get("known", []))
    )


def _are_words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


# Longer lists of known values would make the schema larger than the model.
_MOST_KNOWN = 5_000


def schema_part(splits: Splits) -> dict[str, Any]:
    """What `trainwise predict` must know to read a table for the exported model.

    Args:
        splits: The rows of the run.
    """
    x = splits.train.x
    columns = None
    if isinstance(x, dict):
        kinds = {name: "words" if column.dtype == object else "numbers" for name, column in x.items()}
        # The model's inputs have names that Keras allows, the file's columns those of the user.
        inputs = column_inputs(x)
        columns = {name: [inputs[name], kind] for name, kind in kinds.items()}
    schema: dict[str, Any] = {
        "features": list(splits.features),
        "target": splits.target,
        "task": splits.task,
        "classes": None if splits.classes is None else list(splits.classes),
        "columns": columns,
        "shape": None if isinstance(x, dict) else list(x.shape[1:]),
    }
    if splits.sequences is not None:
        schema["sequences"] = splits.sequences.as_dict()
    if splits.images:
        schema["images"] = True
    if are_tokens(x):
        schema["tokens"] = True
    if splits.forecast is not None:
        schema["forecast"] = splits.forecast.as_dict()
    if splits.columns:
        schema["forms"] = {one.name: _form(one, x) for one in splits.columns if one.used}
    return schema


def _form(column: Column, x: Any) -> dict[str, Any]:
    form: dict[str, Any] = {"kind": column.kind}
    if column.is_number:
        return {**form, "form": column.form.as_dict()}
    if column.kind == "date":
        return {**form, "date_format": column.date_format}
    known = vocabulary(column, x[column.name]) if column.kind != "text" else []
    return {**form, "words": list(column.words), "known": known if len(known) <= _MOST_KNOWN else []}
