"""Looks at a compiled model and its rows before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..data.rows import is_array, is_number, spread_places, spread_rows
from ..data.streams import rows_of
from ..diagnosis.findings import Finding, not_judged, rank
from ..diagnosis.thresholds import limit
from ..models.reading import fixed_batch, loss_name
from ..runtime.fit_arguments import brings_batches
from .architecture import architecture_findings
from .first_look import few_rows, first_look
from .heads import End, ends_of, unfit_end
from .initial_weights import weight_findings
from .model_view import unfit_inputs, viewed
from .rows import class_sizes, non_finite, shared, targets_of, unadapted, unlike, unscaled

# With one of these the model cannot be called, or gives NaN, and a look into it would fail or mislead.
_CANNOT_RUN = (
    "input_shape",
    "label_shape",
    "label_range",
    "output_units",
    "non_finite_data",
    "unadapted_normalization",
)


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
        model: A compiled Keras model. Of an uncompiled one only the data are checked; one that is not built is built
            from the rows on a copy.
        x: Training inputs as given to `fit`: array `(rows, ...)`, dict or list of arrays; or a `tf.data.Dataset` or
            `PyDataset`, with `y=None`.
        y: Training targets, as given to `fit`; a list or dict for several outputs.
        validation_data: Pair `(x, y)` or a data set, to look for rows that stand in both.
        thorough: Whether to look at all rows, else at the first 100,000, and to try whether a copy of the
            model can learn 8 rows by heart, which takes seconds.

    Returns:
        Findings, surest first; no warning and no error where nothing is wrong.

    Raises:
        TypeError: `model` is not a Keras model, `x` is a generator, or `validation_data` is no pair.
        ValueError: There are no rows, inputs and targets differ in their number, or a data set never ends and
            `thorough` asks for all of it.

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
    if validation_data is not None and not (
        isinstance(validation_data, tuple | list) or brings_batches(validation_data)
    ):
        raise TypeError(f"`validation_data` must be a pair (x, y) or a data set, got {type(validation_data).__name__}.")
    most = None if thorough else int(limit("rows_looked_at"))
    # A stream is read to the same number of rows as arrays are looked at.
    x, y = _arrays(x, y, most)
    rows = _rows(x, y, most)
    others = None if validation_data is None else _validation_rows(validation_data, most)
    with viewed(model, x) as (view, left_out):
        findings = [*left_out, *_of_rows(view or model, rows, others)]
        if view is not None:
            known = {finding.symptom for finding in findings}
            findings += _of_model(view, x, y, rows, others, thorough, known)
    return rank(_first_of_each(findings))


def _of_rows(model: keras.Model, rows: _Rows, others: _Rows | None) -> Iterator[Finding]:
    """What the rows show by themselves."""
    yield from non_finite(rows.columns, rows.targets, rows.places)
    yield from unadapted(model)
    yield from unscaled(model, rows.columns)
    if others is not None and len(others.columns) == len(rows.columns):
        yield from shared(rows.columns, others.columns)
        yield from unlike(rows.columns, others.columns)


def _of_model(
    model: keras.Model, x: Any, y: Any, rows: _Rows, others: _Rows | None, thorough: bool, known: set[str]
) -> Iterator[Finding]:
    """What the rows show of the model that is to learn them, where `known` symptoms are theirs alone."""
    unfit = list(unfit_inputs(model, x)) if model.built else []
    yield from unfit
    ends = ends_of(model, y)
    if y is not None and not ends and len(rows.targets) == 1 and rows.targets[0].dtype != object:
        ends = [End.of(model, rows.targets[0])]
    found = []
    for place, end in enumerate(ends):
        if is_number(end.y):
            theirs = others.targets[place] if others is not None and len(others.targets) == len(ends) else None
            found += [*unfit_end(end), *targets_of(model, end), *class_sizes(end, theirs)]
    yield from found
    # What is not compiled has nothing to learn by, and what is not built no weights to look at.
    if not model.built or not (loss_name(model) or ends):
        return
    yield from architecture_findings(model)
    yield from weight_findings(model)
    cannot = known.union(finding.symptom for finding in (*unfit, *found)).intersection(_CANNOT_RUN)
    if cannot or not rows.targets or not all(map(is_number, (*rows.columns, *rows.targets))) or not _can_look():
        return
    # Spread over all rows here, for rows may be sorted by class.
    try:
        yield from first_look(model, *spread_rows(x, y, fixed_batch(model) or int(limit("rows_first_look"))))
    # Losses and layers of users take what they like; the fit will show it.
    except Exception as error:
        yield not_judged("gradients and activations, since a look failed", error)
        return
    if thorough and fixed_batch(model) is None and len(ends) == 1:
        yield from few_rows(model, *spread_rows(x, y, int(limit("rows_by_heart"))))


def _can_look() -> bool:
    return keras.backend.backend() == "tensorflow"


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


@dataclass(frozen=True)
class _Rows:
    """Inputs and targets as flat lists, and where these rows stand among all; `None` where they are all."""

    columns: list[np.ndarray]
    targets: list[np.ndarray]
    places: np.ndarray | None


def _arrays(x: Any, y: Any, most: int | None) -> tuple[Any, Any]:
    """Structures of arrays, whatever form `fit` would take them in."""
    if brings_batches(x):
        if y is not None:
            raise ValueError("`y` must be None where `x` is a data set, which holds the targets itself.")
        x, y, _ = rows_of(x, most)
    return keras.tree.map_structure(_array, x), None if y is None else _targets(y)


def _targets(y: Any) -> Any:
    # A list of numbers or words is one output; a list of arrays is several.
    return np.asarray(y) if is_array(y) else keras.tree.map_structure(_array, y)


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    # The rules compare and subtract, which numpy refuses for booleans.
    return array.astype("int8") if array.dtype == bool else array


def _validation_rows(validation_data: Any, most: int | None) -> _Rows:
    x, y = (validation_data, None) if brings_batches(validation_data) else (*validation_data, None)[:2]
    return _rows(*_arrays(x, y, most), most, "validation_data")


def _rows(x: Any, y: Any, most: int | None, name: str = "x") -> _Rows:
    columns = keras.tree.flatten(x)
    targets = [_array(one) for one in keras.tree.flatten(y)] if y is not None else []
    if not columns or any(part.ndim == 0 or len(part) == 0 for part in (*columns, *targets)):
        shapes = ", ".join(str(part.shape) for part in (*columns, *targets))
        raise ValueError(f"There are no rows to check: `{name}` and its targets have the shapes {shapes}.")
    lengths, count = {len(column) for column in columns}, len(targets[0]) if targets else len(columns[0])
    if lengths != {count}:
        raise ValueError(f"`x` has {sorted(lengths)} rows, `y` has {count}.")
    if len({len(target) for target in targets}) > 1:
        raise ValueError(f"The outputs have {[len(target) for target in targets]} targets; they must have as many.")
    if most is None or count <= most:
        return _Rows(columns, targets, None)
    # Spread over all, for rows may be sorted: the first of them could be of one class alone.
    places = spread_places(count, most)
    return _Rows([column[places] for column in columns], [target[places] for target in targets], places)
