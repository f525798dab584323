"""What a report tells of the inputs: each column's type, gaps, range and share, and how much its values count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data import Splits
from ..data.tokens import are_tokens

_MOST_COLUMNS = 200


def inputs_part(splits: Splits, importance: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The columns of a table, or of an array of features, by their training rows; empty for other rows.

    Args:
        splits: The rows.
        importance: What `permutation_importance` gave.

    Returns:
        `columns`, a dictionary each with `name`, `kind`, `missing` (a share), `range` (least and greatest number),
        `most` (the commonest word and its share), `used`; `left_out`, how many more there are; `importance`, and
        `could_count`, how many columns the model is given.

    Example:

    >>> from trainwise.toolkit.data import load
    >>> inputs_part(load("iris"))["columns"][0]["range"]
    [4.3, 7.7]
    """
    x = splits.train.x
    could_count = len(x) if isinstance(x, Mapping) else np.shape(x)[-1]
    if isinstance(x, Mapping):
        kinds = {column.name: column for column in splits.columns}
        rows = [
            _column(name, values, kinds[name].kind if name in kinds else "number") for name, values in x.items()
        ] + [_unused(column.name, column.kind) for column in splits.columns if column.name not in x]
    elif isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype != object and not are_tokens(x):
        names = splits.features or [f"column {k}" for k in range(x.shape[1])]
        rows = [_column(name, x[:, k], "number") for k, name in enumerate(names[:_MOST_COLUMNS])]
        rows += [_unused(name, "number") for name in names[_MOST_COLUMNS:]]
    else:
        return {}
    return {
        "columns": rows[:_MOST_COLUMNS],
        "left_out": max(0, len(rows) - _MOST_COLUMNS),
        "importance": [dict(one) for one in importance],
        "could_count": could_count,
    }


def _unused(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "missing": None, "range": None, "most": None, "used": False}


def _column(name: str, values: np.ndarray, kind: str) -> dict[str, Any]:
    column = {**_unused(name, kind), "used": True}
    if values.dtype != object:
        there = values[np.isfinite(values)]
        limits = [_six_digits(there.min()), _six_digits(there.max())] if len(there) else None
        return {**column, "missing": 1 - len(there) / len(values), "range": limits}
    words, counts = np.unique(values[values != ""].astype(str), return_counts=True)
    column["missing"] = float(np.mean(values == ""))
    # Of a text each cell is its own; its commonest one says nothing.
    if len(words) and kind != "text":
        top = int(counts.argmax())
        column["most"] = {"word": str(words[top]), "share": float(counts[top] / len(values)), "different": len(words)}
    return column


def _six_digits(value: Any) -> float:
    # float32 says 4.300000190734863 of 4.3.
    return float(f"{value:.6g}")
