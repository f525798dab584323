"""Rows of data as a page shows them: an image drawn, words quoted, numbers as a small table."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..models.series import is_grey

# Pixels a side: more cannot be told apart at the size of the page, and make it heavy.
_MOST_PIXELS = 64
_MOST_VALUES = 8
_MOST_LETTERS = 300


def shown_row(x: Any, place: int, features: Sequence[str] = (), first: Sequence[str] = ()) -> dict[str, Any]:
    """One row in plain values.

    Args:
        x: Columns by name, `(rows,)` each, or an array `(rows, columns)`, grey images `(rows, height, width)` of
            whole numbers from 0 to 255, or images `(rows, height, width, channels)`.
        place: Of the row, from 0.
        features: Names of the columns of an array `(rows, columns)`.
        first: Names of the columns that are shown first; of many only some are.

    Returns:
        `image`, a PNG as a data address; or `values`, texts and numbers by name, and `left_out`, how many more there
        are; empty for rows of other forms.

    Example:

    >>> shown_row({"size": np.array([1.5]), "title": np.array(["A <b> tag"], dtype=object)}, 0)
    {'values': {'size': 1.5, 'title': 'A <b> tag'}, 'left_out': 0}
    """
    if isinstance(x, Mapping):
        return _values({name: column[place] for name, column in x.items()}, first)
    if not isinstance(x, np.ndarray) or x.dtype == object:
        return {}
    if x.ndim == 2:
        names = features if len(features) == x.shape[1] else [f"column {k}" for k in range(x.shape[1])]
        return _values(dict(zip(names, x[place], strict=True)), first)
    if is_grey(x):
        x = x[..., None]
    if x.ndim == 4 and x.shape[-1] in (1, 3, 4):
        return {"image": _as_png(x[place], float(np.nanmin(x)), float(np.nanmax(x)))}
    return {}


def _values(row: Mapping[str, Any], first: Sequence[str]) -> dict[str, Any]:
    order = [*(name for name in first if name in row), *(name for name in row if name not in set(first))]
    shown = {name: _plain(row[name]) for name in order[:_MOST_VALUES]}
    return {"values": shown, "left_out": len(order) - len(shown)}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _MOST_LETTERS else value[: _MOST_LETTERS - 1] + "…"
    return float(value) if math.isfinite(value) else None


def _as_png(image: np.ndarray, low: float, high: float) -> str:
    from matplotlib.image import imsave

    step = math.ceil(max(image.shape[:2]) / _MOST_PIXELS)
    small = np.nan_to_num((image[::step, ::step].astype("float64") - low) / ((high - low) or 1.0)).clip(0, 1)
    file = io.BytesIO()
    grey = small.shape[-1] == 1
    imsave(file, small[..., 0] if grey else small, format="png", cmap="gray" if grey else None, vmin=0, vmax=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
