"""What is wrong with the rows themselves: NaN, scale, classes, rows that stand in both splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ..data.rows import is_array, is_number, spread_places
from ..diagnosis.catalogue import Level
from ..diagnosis.class_balance import class_shares, uneven_classes
from ..diagnosis.findings import Advice, Finding
from ..diagnosis.outcome_rules import equal_targets
from ..diagnosis.thresholds import limit
from ..models.reading import loss_name
from ..runtime.keras_internals import flat_layers
from .first_inputs import first_inputs
from .heads import End

_NORMALIZERS = (
    keras.layers.Normalization, keras.layers.Rescaling, keras.layers.BatchNormalization,
    keras.layers.LayerNormalization, keras.layers.GroupNormalization,
)  # fmt: skip
_QUANTITIES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")


def non_finite(
    columns: list[np.ndarray], targets: list[np.ndarray], places: np.ndarray | None = None
) -> Iterator[Finding]:
    """NaN and infinite values, with the row that holds the first.

    Args:
        columns: Inputs, `(rows, ...)` each.
        targets: Targets of these rows, of each output.
        places: Where these rows stand among all, where they are a part of them.

    Example:

    >>> [finding.symptom for finding in non_finite([np.array([[1.0], [np.nan]])], [np.array([0, 1])])]
    ['non_finite_data']
    """
    named = [
        *((f"input {i}" if len(columns) > 1 else "inputs", c) for i, c in enumerate(columns)),
        *((f"targets {i}" if len(targets) > 1 else "targets", one) for i, one in enumerate(targets)),
    ]
    for name, array in named:
        if not is_number(array) or np.all(np.isfinite(array)):
            continue
        bad = ~np.isfinite(array)
        first = int(np.argwhere(bad)[0][0])
        row = first if places is None else int(places[first])
        wrong = np.flatnonzero(bad.reshape(-1, bad.shape[-1]).any(axis=0)).tolist() if bad.ndim > 1 else []
        # All columns bad is a matter of rows, where a list of columns would tell nothing.
        where = f", in column {', '.join(map(str, wrong[:5]))}" if 0 < len(wrong) < bad.shape[-1] else ""
        yield Finding(
            "non_finite_data",
            "error",
            f"The {name} hold {int(bad.sum())} NaN or infinite values, first in row {row}{where}.",
            evidence={"values": float(bad.sum()), "row": float(row)},
            causes=("nan_in_inputs",),
            advice=(Advice("rows", "drop or fill in"),),
        )


def unadapted(model: keras.Model) -> Iterator[Finding]:
    """Normalisation layers without statistics."""
    for layer in flat_layers(model):
        ours = getattr(layer, "adapted", None)
        if ours is False or (isinstance(layer, keras.layers.Normalization) and _keras_unadapted(layer)):
            # Keras' own starts with mean 0 and variance 1; ours starts without any.
            effect = "outputs NaN" if ours is False else "passes its inputs on unchanged"
            yield Finding(
                "unadapted_normalization",
                "error" if ours is False else "warning",
                f"The layer {layer.name!r} was never adapted, so it {effect}: call its `adapt` on the training rows.",
                layer=layer.name,
                causes=("input_not_normalized",),
                advice=(Advice("layer.adapt", "call", layer.name),),
            )


def _keras_unadapted(layer: keras.layers.Layer) -> bool:
    # Given at construction, there is nothing to adapt; not built, nothing can be told.
    if layer.input_mean is not None or not hasattr(layer, "adapt_mean"):
        return False
    mean, variance = (keras.ops.convert_to_numpy(layer.adapt_mean), keras.ops.convert_to_numpy(layer.adapt_variance))
    # Keras does not say whether `adapt` was called; no real column has exactly these.
    return bool(np.all(mean == 0) and np.all(variance == 1))


def unscaled(model: keras.Model, columns: list[np.ndarray]) -> Iterator[Finding]:
    """Inputs that are large where nothing in the model normalises them."""
    most = limit("largest_input")
    if max(map(_size, columns), default=0.0) <= most:
        return
    layers = flat_layers(model)
    # Word numbers are large by nature.
    if any(isinstance(layer, keras.layers.Embedding) for layer in layers):
        return
    met = first_inputs(model, [column[spread_places(len(column), int(limit("rows_first_look")))] for column in columns])
    # Without a graph to follow, what its layers are must tell.
    if met is None and any(isinstance(layer, _NORMALIZERS) or hasattr(layer, "adapted") for layer in layers):
        return
    # One whole number a row may be that of a word or a node, which nothing but a graph could tell from a quantity.
    values = [column for column in columns if not _may_be_numbers_of_things(column)] if met is None else met
    sizes = list(map(_size, values))
    if sizes and max(sizes) > most:
        yield Finding(
            "unscaled_inputs",
            "warning",
            f"Inputs reach {max(sizes):g} and nothing in the model normalises them; put `layers.Standardize` first.",
            evidence={"largest": max(sizes), "limit": most},
            causes=("input_not_normalized",),
            advice=(Advice("normalization", "set", "Standardize"),),
        )


def _may_be_numbers_of_things(column: np.ndarray) -> bool:
    return np.issubdtype(column.dtype, np.integer) and column.size == len(column)


def _size(values: np.ndarray) -> float:
    """Largest size of a number; NaN and infinity are a finding of their own."""
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0)) if is_number(values) else 0.0


def what_is_unscaled(model: keras.Model, x: Any, y: Any) -> str:
    """`"inputs"` or `"targets"` where these are large and nothing in the model normalises them, else `""`."""
    columns = [np.asarray(column) for column in keras.tree.flatten(x)] if x is not None else []
    if any(True for _ in unscaled(model, [column for column in columns if column.ndim])):
        return "inputs"
    targets = np.asarray(y) if y is not None and is_array(y) else np.zeros(0)
    if targets.ndim and len(targets) and is_number(targets) and loss_name(model) in _QUANTITIES:
        found = [
            finding for finding in targets_of(model, End.of(model, targets)) if finding.symptom == "unscaled_targets"
        ]
        return "targets" if any(finding.level == "warning" for finding in found) else ""
    return ""


def shared(train: list[np.ndarray], validation: list[np.ndarray]) -> Iterator[Finding]:
    """Validation rows that stand among the training rows."""
    # Hashes and not rows, so that wide rows cost eight bytes each.
    seen = [hash(row) for row in _row_bytes(train)]
    known = set(seen)
    others = [hash(row) for row in _row_bytes(validation)]
    share = float(np.mean([row in known for row in others]))
    repeated = 1 - len(known) / len(seen)
    if share <= limit("shared_rows"):
        return
    # Data whose rows repeat by nature share rows however they are split; and who gives the training rows
    # for validation, all of them in their order, only wants the curve.
    same = all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(train, validation, strict=True))
    # Rows that repeat are shared about as often as they repeat; twice leaves room for chance.
    honest = share <= 2 * repeated or same
    yield Finding(
        "shared_rows",
        "info" if honest else "warning",
        f"{share:.0%} of the validation rows stand among the training rows too"
        + (f", which themselves repeat ({repeated:.0%})." if honest else ": validation looks better than new data."),
        evidence={"share": share, "repeated_in_train": repeated},
        causes=("train_val_leakage",),
        advice=(Advice("validation rows", "split again without duplicates"),),
    )


def _row_bytes(columns: list[np.ndarray]) -> Iterator[bytes]:
    flat = [np.ascontiguousarray(c.reshape(len(c), -1)) if is_number(c) else c.astype("U") for c in columns]
    # Equal rows may come as float64 on one side and float32 on the other.
    flat = [c.astype("float32") if is_number(c) else c for c in flat]
    for pieces in zip(*flat, strict=True):
        # The separator keeps ("ab", "c") and ("a", "bc") apart.
        yield b"\0".join(piece.tobytes() if isinstance(piece, np.ndarray) else str(piece).encode() for piece in pieces)


def targets_of(model: keras.Model, end: End) -> Iterator[Finding]:
    """Targets of one end that are all the same, and large quantities that nothing scales."""
    name, y = end.loss, end.y
    finite = y[np.isfinite(y.reshape(len(y), -1)).all(axis=1)]
    if len(finite) > 1 and np.all(finite == finite[:1]):
        # A loss of the user's may do without targets, as one on three rows does, and be given placeholders.
        yield equal_targets("error" if name else "info", {"rows": float(len(finite))})
    elif name in _QUANTITIES and len(finite):
        yield from _unscaled_targets(model, finite)


def _unscaled_targets(model: keras.Model, y: np.ndarray) -> Iterator[Finding]:
    # A layer that scales the answers back: training sees targets of about 1.
    if any(getattr(layer, "inverse", False) for layer in flat_layers(model)):
        return
    spread = float(np.max(np.std(y.reshape(len(y), -1).astype("float64"), axis=0)))
    if spread <= limit("spread_targets_info"):
        return
    level: Level = "warning" if spread > limit("spread_targets") else "info"
    yield Finding(
        "unscaled_targets",
        level,
        f"The targets have a standard deviation of {spread:.4g}: the loss starts in the order of {spread**2:.1e}, and "
        "the usual learning rates are made for targets of about 1.",
        evidence={"spread": spread},
        causes=("target_not_normalized", "lr_too_high"),
        advice=(Advice("targets", "standardize"), Advice("learning_rate", "lower", 10.0)),
    )


def class_sizes(end: End, others: np.ndarray | None) -> Iterator[Finding]:
    """Classes of very unequal size; a warning where the validation rows say that the data are not like that."""
    name = end.loss
    shares = class_shares(end.y, name)
    if shares is None:
        return
    theirs = None if others is None else class_shares(others, name, len(shares))
    finding = uneven_classes(shares, theirs)
    if finding is not None:
        yield finding


def unlike(train: Sequence[np.ndarray], validation: Sequence[np.ndarray]) -> Iterator[Finding]:
    """Validation inputs of another scale or place than the training inputs, in the middle feature of all."""
    for place, (inputs, others) in enumerate(zip(train, validation, strict=True)):
        if not is_number(inputs) or not is_number(others) or len(others) < limit("few_rows"):
            continue
        mine, theirs = (part.reshape(len(part), -1).astype("float64") for part in (inputs, others))
        if mine.shape[1] != theirs.shape[1] or not (np.all(np.isfinite(mine)) and np.all(np.isfinite(theirs))):
            continue
        spread, other = mine.std(axis=0), theirs.std(axis=0)
        used = spread > 0
        if not used.any():
            continue
        # The middle feature: a few columns, such as a clock, drift in healthy splits too.
        ratio = float(np.median(other[used] / spread[used]))
        shift = float(np.median(np.abs(theirs.mean(axis=0) - mine.mean(axis=0))[used] / spread[used]))
        # Too small is as telling as too large: divided by 255 on one side only.
        apart = max(ratio, 1 / max(ratio, 1e-12))
        if apart < limit("scale_apart") and shift < limit("shift_apart"):
            continue
        name = f"input {place}" if len(train) > 1 else "inputs"
        yield Finding(
            "validation_mismatch",
            "warning",
            f"The validation {name} have {ratio:.3g} times the spread of the training {name}, and lie {shift:.3g} "
            "standard deviations away: they were not prepared in the same way.",
            evidence={"spread_ratio": ratio, "shift": shift},
            causes=("val_not_preprocessed", "train_val_mismatch"),
            advice=(Advice("validation rows", "prepare like the training rows"),),
        )
