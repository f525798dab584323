"""Long curves with fewer points, so that a page of many members stays one that can be opened and sent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

# More than the pixels of a chart; shorter curves stay whole.
MOST_POINTS = 300


def thinned(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report whose members' histories hold at most 300 epochs, peaks and troughs among them; others stand in no file.

    A member whose history was thinned says so: `epochs` counts what was trained, `epochs_shown` lists the epochs
    (from 0) that its history holds, the first, the last and the best among them. Where all is short the report
    stays as it is.

    Args:
        report: As `as_html` takes it, in plain values.

    Example:

    >>> member = {"history": {"loss": list(range(1000))}, "best_epoch": 7}
    >>> shown = thinned({"members": [member]})["members"][0]
    >>> shown["epochs"], len(shown["history"]["loss"]) <= 300, shown["history"]["loss"][-1]
    (1000, True, 999)
    """
    members = report.get("members")
    return {**report, "members": [_thinned_member(one) for one in members]} if members else dict(report)


def _thinned_member(member: Mapping[str, Any]) -> dict[str, Any]:
    history = member.get("history") or {}
    epochs = max((len(values) for values in history.values()), default=0)
    if epochs <= MOST_POINTS:
        return dict(member)
    best = member.get("best_epoch")
    shown = sorted({0, epochs - 1, *([] if best is None else [best]), *_extremes(history, epochs)})
    short = {name: [values[at] for at in shown if at < len(values)] for name, values in history.items()}
    return {**member, "history": short, "epochs": epochs, "epochs_shown": shown}


def _extremes(history: Mapping[str, Any], epochs: int) -> set[int]:
    """The epochs at which any curve is highest and lowest within each stretch of the training."""
    curves = [_numbers(values) for values in history.values()]
    # Three places are those of the first, the last and the best epoch.
    stretches = max(1, (MOST_POINTS - 3) // (2 * max(1, len(curves))))
    edges = np.linspace(0, epochs, stretches + 1).round().astype(int)
    found: set[int] = set()
    for low, high in pairwise(edges):
        for curve in curves:
            part = curve[low:high]
            if np.isfinite(part).any():
                found |= {int(low + np.nanargmin(part)), int(low + np.nanargmax(part))}
    return found


def _numbers(values: Any) -> np.ndarray:
    found = np.array([value if isinstance(value, int | float) else np.nan for value in values], dtype="float64")
    found[~np.isfinite(found)] = np.nan
    return found
