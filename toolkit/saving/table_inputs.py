"""The rows of a table as an exported model takes them, by what its schema says of the columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.columns import as_written
from ..data.dates import parsed
from ..data.forecasts import Forecast
from ..data.gaps import looks_like_gap
from ..data.numerals import NumberForm, as_float32, as_numbers, find_form
from ..data.sequences import SequenceColumns
from ..data.table_files import Table
from ..metrics.decision_threshold import Threshold
from ..metrics.prediction_intervals import PredictionIntervals
from ..tasks import TASKS

_KINDS = ("number", "category", "ordered", "boolean", "date", "text")
_MOST_SHOWN = 3


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
    return forecast is not None and shape == [forecast.window, len(forecast.channels)]


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


def table_inputs(table: Table, schema: dict[str, Any], file: Path) -> tuple[Any, list[str]]:
    """What the model takes, and what is to be said of it: values that training had not.

    Args:
        table: The rows.
        schema: Of the model.
        file: Where the rows come from, for messages.

    Raises:
        ValueError: A column is missing, or holds what the model does not take.

    Example:

    >>> schema = {"features": ["size"], "shape": [1], "columns": None, "forms": {"size": {"kind": "number"}}}
    >>> table = Table(pd.DataFrame({"other": ["x", "y"], "size": ["2", ""]}, dtype=object))
    >>> table_inputs(table, schema, Path("rows.csv"))[0].tolist()
    [[2.0], [nan]]
    """
    frame = _columns_in_order(table, schema, file)
    forms = schema.get("forms", {})
    notes: list[str] = []
    if schema["columns"] is None:
        columns = [_numbers(table, file, name, frame[name], forms.get(name)) for name in frame]
        rows = np.stack(columns, axis=1)
        return rows.reshape(len(rows), *schema["shape"]), notes
    inputs = {}
    for name, (tensor, kind) in schema["columns"].items():
        cells, form = frame[name], forms.get(name)
        if kind == "numbers":
            column: np.ndarray = _numbers(table, file, name, cells, form)
        else:
            column = _words(table, file, name, cells, form)
            notes += _unknown(name, column, form)
            column = column.astype("U")
        inputs[tensor] = column[:, None]
    return inputs, notes


def _columns_in_order(table: Table, schema: dict[str, Any], file: Path) -> dict[str, pd.Series]:
    wanted, frame = schema["features"], table.frame
    # Names, where all are there, decide alone: order and further columns do not matter.
    if wanted and set(wanted) <= set(frame.columns):
        return {name: frame[name] for name in wanted}
    count = len(wanted) or int(np.prod(schema["shape"]))
    named = bool(wanted) and table.has_header
    columns = [frame[name] for name in frame.columns]
    if not named and len(columns) == count + 1:
        columns.pop()  # the target, last as in the training file
    if named or len(columns) != count:
        missing = [name for name in wanted if name not in frame.columns]
        lacking = f"column {missing[0]!r} is missing" if named else f"it has {len(frame.columns)} columns"
        raise ValueError(f"{file} does not fit the model, which takes {count} columns: {lacking}.")
    return dict(zip(wanted or map(str, range(count)), columns, strict=True))


def _numbers(table: Table, file: Path, name: str, cells: pd.Series, form: Any) -> np.ndarray:
    if cells.dtype != object and cells.dtype.kind in "iufb":
        values = cells.to_numpy(dtype="float64", na_value=np.nan)
        gaps = np.isnan(values)
    else:
        words = [word.strip() for word in cells.astype(object).where(cells.notna(), "").map(str)]
        # Models of before know no forms: their columns are read as those of a new table are.
        known = NumberForm(**form.get("form", {})) if form else find_form(words, table.comma)
        values = as_numbers(words, known)
        gaps = np.array([looks_like_gap(word) for word in words])
        wrong = np.flatnonzero(np.isnan(values) & ~gaps)
        if wrong.size:
            raise ValueError(
                f"{file}: the model takes numbers in column {name!r}, got {words[wrong[0]]!r} in row "
                f"{int(wrong[0]) + table.first_line}."
            )
    bad = np.isinf(values) | (gaps if form is None else False)
    if np.any(bad):
        row = int(np.flatnonzero(bad)[0]) + table.first_line
        raise ValueError(f"{file}: column {name!r} holds NaN or infinite values, the first in row {row}.")
    return as_float32(name, values)


def _words(table: Table, file: Path, name: str, cells: pd.Series, form: Any) -> np.ndarray:
    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        plain = cells.dt.tz_localize(None) if isinstance(cells.dtype, pd.DatetimeTZDtype) else cells
        written = plain.dt.strftime((form or {}).get("date_format") or "%Y-%m-%d").astype(object)
        return np.asarray(written.where(plain.notna(), ""), dtype=object)
    words = np.array([as_written(cell) for cell in cells.astype(object).where(cells.notna(), "")], dtype=object)
    if form is None:
        return words
    real = set(form.get("words", []))
    words = np.array(["" if looks_like_gap(word) and word not in real else word for word in words], dtype=object)
    if form["kind"] == "date":
        times = parsed(pd.Series(words, dtype=object), form.get("date_format", ""))
        wrong = np.flatnonzero(times.isna().to_numpy() & (words != ""))
        if wrong.size:
            raise ValueError(
                f"{file}: the model takes dates as {form.get('date_format')} in column {name!r}, got "
                f"{words[wrong[0]]!r} in row {int(wrong[0]) + table.first_line}."
            )
    return words


def _unknown(name: str, words: np.ndarray, form: Any) -> Iterator[str]:
    known = set((form or {}).get("known", []))
    strange = [word for word in words if word and word not in known] if known else []
    if strange:
        shown = list(dict.fromkeys(strange))
        more = len(shown) - _MOST_SHOWN
        listed = ", ".join(map(repr, shown[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")
        yield (
            f"{name!r}: {len(strange)} of {len(words)} rows hold a value that training had not, or rarely ({listed}); "
            "they are answered as unknown ones are."
        )
