"""Looks at a compiled model and its rows before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..data.reading import read_rows
from ..data.rows import is_number, spread_places, spread_rows
from ..diagnosis.findings import Finding, rank
from ..diagnosis.thresholds import limit
from ..models.reading import loss_name
from .architecture import architecture_findings
from .first_look import few_rows, first_look
from .heads import unfit_head
from .initial_weights import weight_findings
from .rows import class_sizes, non_finite, shared, targets_of, unadapted, unlike, unscaled

# With one of these the model cannot be called, or gives NaN, and a look into it would fail or mislead.
_CANNOT_RUN = ("label_shape", "label_range", "output_units", "non_finite_data", "unadapted_normalization")


def check(
    model: keras.Model, x: Any, y: Any = None, validation_data: Any = None, thorough: bool = False
) -> list[Finding]:
    """Looks at a compiled model and its data for what cannot work or will go badly.

    The rows: NaN (with the columns), scale, labels outside the range of the loss, classes of very unequal
    size, targets that are all equal, validation rows that were prepared otherwise or stand among the
    training rows. The model: loss, output activation and units that do not fit the labels, softmax
    between layers, frozen layers, starting weights that are alike or far too small or large, dead
    units, gradients that do not reach the first layer and penalties that outweigh the loss, looked at
    on a few rows. The model stays bit-identical, and so do the random states.

    Args:
        model: A built, compiled Keras model with a single output. Of an uncompiled model only the data are
            checked.
        x: Training inputs: array `(rows, ...)`, dict or list of arrays, or a finite `tf.data.Dataset` of
            pairs, with `y=None`.
        y: Training targets, as given to `fit`.
        validation_data: Pair `(x, y)`, to look for rows that stand in both.
        thorough: Whether to look at all rows, else at the first 100,000, and to try whether a copy of the
            model can learn 8 rows by heart, which takes seconds.

    Returns:
        Findings, surest first; no warning and no error where nothing is wrong.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: There are no rows, or inputs and targets differ in their number.

    Reference: Karpathy 2019, "A recipe for training neural networks", for the loss at the start and the
    few rows; Braiek and Khomh 2023, "Testing feedforward neural networks training programs", TOSEM.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="softmax")])
    >>> model.compile(loss="binary_crossentropy")
    >>> [finding.symptom for finding in check(model, np.ones((4, 2)), np.array([0, 1, 0, 1]))]
    ['wrong_output_activation']
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model, got {type(model).__name__}.")
    most = None if thorough else int(limit("rows_looked_at"))
    x, y = _arrays(x, y)
    columns, targets, places = _rows(x, y, most)
    findings = [*non_finite(columns, targets, places), *unadapted(model), *unscaled(model, columns)]
    others = None
    if validation_data is not None:
        others, other_targets, _ = _rows(*_arrays(validation_data[0], validation_data[1]), most)
        findings += [*shared(columns, others), *unlike(columns, others)]
    if is_number(targets):
        findings += [*unfit_head(model, targets), *targets_of(model, targets)]
        findings += class_sizes(model, targets, None if others is None else other_targets)
    # What is not built has no weights to look at.
    if loss_name(model) and model.built:
        findings += architecture_findings(model)
        findings += weight_findings(model)
        if not any(finding.symptom in _CANNOT_RUN for finding in findings) and _fits(model, x, columns, targets):
            # Spread over all rows here, for rows may be sorted by class.
            findings += first_look(model, *spread_rows(x, y, int(limit("rows_first_look"))))
            if thorough:
                findings += few_rows(model, *spread_rows(x, y, int(limit("rows_by_heart"))))
    return rank(_first_of_each(findings))


def _first_of_each(findings: list[Finding]) -> Iterator[Finding]:
    """One finding per symptom and layer; of several the first of the highest level."""
    seen = set()
    for finding in rank(findings):
        # Layers without statistics must each be adapted; of dead layers the first explains those behind it.
        key = (finding.symptom, finding.layer if finding.symptom == "unadapted_normalization" else finding.message)
        if finding.symptom in ("dead_relu", "vanishing_gradient"):
            key = (finding.symptom, "")
        if key not in seen:
            seen.add(key)
            yield finding


def _arrays(x: Any, y: Any) -> tuple[Any, Any]:
    # A `tf.data.Dataset` of pairs carries its own targets.
    if hasattr(x, "element_spec"):
        rows = read_rows(x)
        return rows.x, rows.y
    return x, y


def _rows(x: Any, y: Any, most: int | None) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
    """Inputs, targets, and where these rows stand among all; `None` where they are all."""
    columns = [np.asarray(column) for column in keras.tree.flatten(x)]
    targets = np.asarray(y)
    # The rules compare and subtract, which numpy refuses for booleans.
    if targets.dtype == bool:
        targets = targets.astype("int8")
    if not columns or targets.ndim == 0 or len(targets) == 0:
        raise ValueError(f"There are no rows to check: `y` has shape {targets.shape}.")
    lengths = {len(column) for column in columns}
    if lengths != {len(targets)}:
        raise ValueError(f"`x` has {sorted(lengths)} rows, `y` has {len(targets)}.")
    if most is None or len(targets) <= most:
        return columns, targets, None
    # Spread over all, for rows may be sorted: the first of them could be of one class alone.
    places = spread_places(len(targets), most)
    return [column[places] for column in columns], targets[places], places


def _fits(model: keras.Model, x: Any, columns: list[np.ndarray], targets: np.ndarray) -> bool:
    """Whether the rows can go through the model as they are: numbers, in the shapes of its inputs."""
    inputs = getattr(model, "inputs", None)
    if not inputs or not getattr(model, "outputs", None) or keras.backend.backend() != "tensorflow":
        return False
    if len(model.outputs) != 1 or len(inputs) != len(columns) or not all(map(is_number, (*columns, targets))):
        return False
    if isinstance(x, dict) and {tensor.name for tensor in inputs} != set(x):
        return False
    pairs = zip(inputs, columns, strict=True)
    if isinstance(x, dict):
        # Columns were flattened by name in sorted order, as `keras.tree` does.
        pairs = zip(sorted(inputs, key=lambda tensor: tensor.name), (x[name] for name in sorted(x)), strict=True)
    return all(_same_shape(tensor.shape[1:], np.asarray(column).shape[1:]) for tensor, column in pairs)


def _same_shape(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    # `None` is a length that may vary.
    return len(wanted) == len(given) and all(w in (None, g) for w, g in zip(wanted, given, strict=True))
