"""What a run says of its data before it trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..toolkit.data import Splits
from ..toolkit.data.table_check import leaks
from ..toolkit.data.tokens import are_tokens
from ..toolkit.metrics.balanced_weights import balanced_weights, rare_class
from ..toolkit.models.first import constant_features
from .encoded_rows import EncodedRows

_MOST_NAMES = 5
_AUGMENTED = {
    "shift": "images shifted by a tenth of their sides at most",
    "flip": "images mirrored left to right",
    "shift_flip": "images shifted by a tenth of their sides at most and mirrored left to right",
}


@dataclass(frozen=True)
class DataSummary:
    """The data of a run in words.

    Args:
        lines: For the log.
        notes: What is suspicious or of no use, for the report.
    """

    lines: tuple[str, ...]
    notes: tuple[str, ...]


def summarised(rows: EncodedRows, augmentation: str, balanced: bool) -> DataSummary:
    """Says what was read, how it is encoded, and what is suspicious in it.

    Args:
        rows: Of the run.
        augmentation: How images are changed in training.
        balanced: Whether unequal classes count alike.

    Example:

    >>> from ..toolkit.data import load
    >>> summarised(EncodedRows(load("iris")), "none", False).lines[0]
    'load: iris, rows of 4 numbers; 102 rows to train, 24 to validate, 24 sealed for the test'
    """
    raw, end = rows.raw, rows.head
    leaking, constant = leaks(raw), _constant(raw)
    lines = [
        f"load: {raw.name}, {rows.inputs}; {rows.training_rows} rows to train, {len(raw.validation)} to validate, "
        f"{len(raw.test)} sealed for the test",
        f"head: {end.task}, {end.units} output unit(s), {end.activation}, {end.loss}",
        *(f"  {line}" for line in (*raw.notes, *(column.said for column in raw.columns))),
    ]
    if augmentation != "none":
        lines.append(f"augment: {_AUGMENTED[augmentation]}, in training only")
    lines += [*_classes(rows, balanced), *_on_disk(rows)]
    if rows.long_tailed:
        lines.append(
            f"target: {raw.target!r} has a long tail and nothing below 0: learnt through its logarithm, "
            "answered in its own units"
        )
    lines += [f"  warning: {note}" for note in leaking]
    if are_tokens(raw.train.x):
        lines.append("embed: inside the model, a vector for each token id; 0 fills up and is masked.")
    else:
        lines.append(" ".join(["normalise: inside the model, by the training rows only.", *constant]))
    return DataSummary(tuple(lines), (*leaking, *constant))


def _constant(raw: Splits) -> list[str]:
    found = constant_features(raw.train.x, raw.features)
    if not found:
        return []
    return [f"Constant in the training rows, and so of no use: {', '.join(found[:_MOST_NAMES])}{_more(len(found))}."]


def _more(count: int) -> str:
    return f" and {count - _MOST_NAMES} more" if count > _MOST_NAMES else ""


def _classes(rows: EncodedRows, balanced: bool) -> list[str]:
    train, names = rows.raw.train, rows.raw.classes or ()
    if rows.head.task not in ("binary", "multiclass") or train.y.ndim > 1:
        return []
    if balanced:
        weights = balanced_weights(train.y)
        pairs = zip(names[:_MOST_NAMES], weights, strict=False)
        listed = ", ".join(f"{name!r} x {weight:.2f}" for name, weight in pairs) + _more(len(names))
        return [f"classes: weighed alike, {listed}; probabilities are those of equally common classes"]
    rare = rare_class(train.y, len(names))
    if rare is None:
        return []
    return [
        f"classes: {names[rare]!r} has {np.mean(train.y == rare):.1%} of the training rows, so accuracy says little of "
        "it; --class-weights balanced lets all classes count alike"
    ]


def _on_disk(rows: EncodedRows) -> list[str]:
    if rows.on_disk is None:
        return []
    lost = rows.without_target
    left_out = f"; {lost:,} rows whose class does not occur in the sample are skipped" if lost else ""
    return [f"blocks: {rows.training_rows:,} training rows on disk, {len(rows.splits.train):,} of them held{left_out}"]
