"""What is wrong with a model and its data, said before the first epoch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from .data.reading import read
from .findings import Advice, Finding, rank
from .outputs import output_activation
from .thresholds import Threshold

THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "largest_input": Threshold(
            50.0, "own measurement on healthy programs", "standardised shipped data: at most 12; raw digits: 16"
        ),
        "shared_rows": Threshold(
            0.05, "deepchecks, train-test samples mix", "shipped data, split at random: at most 0.042 (iris)"
        ),
        "rows_looked_at": Threshold(100_000, "a second of work on one core", "no healthy run is affected"),
    }
)

_CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
_QUANTITY_LOSSES = (
    "mean_squared_error", "mean_absolute_error", "huber", "log_cosh",
    "mean_squared_logarithmic_error", "mean_absolute_percentage_error",
)  # fmt: skip
_RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
_NORMALIZERS = (
    keras.layers.Normalization, keras.layers.Rescaling, keras.layers.BatchNormalization,
    keras.layers.LayerNormalization, keras.layers.GroupNormalization,
)  # fmt: skip


def check(model: Any, x: Any, y: Any = None, validation_data: Any = None, thorough: bool = False) -> list[Finding]:
    """Looks at a compiled model and its data for what cannot work or will go badly.

    Nothing is trained or predicted, and the model stays as it is.

    Args:
        model: A built, compiled Keras model with a single output. Of an uncompiled model only the data are
            checked.
        x: Training inputs: array `(rows, ...)`, dict or list of arrays, or a finite `tf.data.Dataset` of
            pairs, with `y=None`.
        y: Training targets, as given to `fit`.
        validation_data: Pair `(x, y)`, to look for rows that stand in both.
        thorough: Whether to look at all rows; else at the first 100,000.

    Returns:
        Findings, surest first; an empty list where nothing is wrong.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: There are no rows, or inputs and targets differ in their number.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="softmax")])
    >>> model.compile(loss="binary_crossentropy")
    >>> [finding.symptom for finding in check(model, np.ones((4, 2)), np.array([0, 1, 0, 1]))]
    ['wrong_output_activation']
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model, got {type(model).__name__}.")
    most = None if thorough else int(THRESHOLDS["rows_looked_at"].value)
    columns, targets = _rows(x, y, most)
    findings = [*_non_finite(columns, targets), *_unadapted(model), *_unscaled(model, columns)]
    if np.issubdtype(targets.dtype, np.number):
        findings += _head(model, targets)
    if validation_data is not None:
        others, _ = _rows(validation_data[0], validation_data[1], most)
        findings += _shared(columns, others)
    return rank(findings)


def _rows(x: Any, y: Any, most: int | None) -> tuple[list[np.ndarray], np.ndarray]:
    if hasattr(x, "element_spec"):
        rows = read(x)
        x, y = rows.x, rows.y
    columns = [np.asarray(column) for column in keras.tree.flatten(x)]
    targets = np.asarray(y)
    if targets.dtype == bool:
        targets = targets.astype("int8")
    if not columns or targets.ndim == 0 or len(targets) == 0:
        raise ValueError(f"There are no rows to check: `y` has shape {targets.shape}.")
    lengths = {len(column) for column in columns}
    if lengths != {len(targets)}:
        raise ValueError(f"`x` has {sorted(lengths)} rows, `y` has {len(targets)}.")
    return [column[:most] for column in columns], targets[:most]


def _is_number(array: np.ndarray) -> bool:
    return bool(np.issubdtype(array.dtype, np.number))


def _non_finite(columns: list[np.ndarray], targets: np.ndarray) -> Iterator[Finding]:
    named = [
        *((f"input {i}" if len(columns) > 1 else "inputs", c) for i, c in enumerate(columns)),
        ("targets", targets),
    ]
    for name, array in named:
        if not _is_number(array) or np.all(np.isfinite(array)):
            continue
        bad = ~np.isfinite(array)
        row = int(np.argwhere(bad)[0][0])
        yield Finding(
            "non_finite_data", "error",
            f"The {name} hold {int(bad.sum())} NaN or infinite values, first in row {row}.",
            evidence={"values": float(bad.sum()), "row": float(row)}, causes=("nan_in_inputs",),
            advice=(Advice("rows", "drop or fill in"),),
        )  # fmt: skip


def _unadapted(model: Any) -> Iterator[Finding]:
    for layer in model._flatten_layers(include_self=False):
        ours = getattr(layer, "adapted", None)
        if ours is False or (isinstance(layer, keras.layers.Normalization) and _keras_unadapted(layer)):
            effect = "answers NaN" if ours is False else "passes its inputs on unchanged"
            yield Finding(
                "unadapted_normalization", "error" if ours is False else "warning",
                f"The layer {layer.name!r} was never adapted, so it {effect}: call its `adapt` on the training rows.",
                layer=layer.name, causes=("input_not_normalized",), advice=(Advice("layer.adapt", "call", layer.name),),
            )  # fmt: skip


def _keras_unadapted(layer: Any) -> bool:
    if layer.input_mean is not None or not hasattr(layer, "adapt_mean"):
        return False
    mean, variance = (keras.ops.convert_to_numpy(layer.adapt_mean), keras.ops.convert_to_numpy(layer.adapt_variance))
    return bool(np.all(mean == 0) and np.all(variance == 1))


def _unscaled(model: Any, columns: list[np.ndarray]) -> Iterator[Finding]:
    layers = list(model._flatten_layers(include_self=False))
    if any(isinstance(layer, _NORMALIZERS) or hasattr(layer, "adapted") for layer in layers):
        return
    if any(isinstance(layer, keras.layers.Embedding) for layer in layers):
        return
    limit = THRESHOLDS["largest_input"].value
    sizes = [float(np.max(np.abs(c[np.isfinite(c)]), initial=0)) for c in columns if _is_number(c)]
    if sizes and max(sizes) > limit:
        yield Finding(
            "unscaled_inputs", "warning",
            f"Inputs reach {max(sizes):g} and nothing in the model normalises them; put `layers.Standardize` first.",
            evidence={"largest": max(sizes), "limit": limit}, causes=("input_not_normalized",),
            advice=(Advice("normalization", "set", "Standardize"),),
        )  # fmt: skip


def _shared(train: list[np.ndarray], validation: list[np.ndarray]) -> Iterator[Finding]:
    seen = [hash(row) for row in _row_bytes(train)]
    known = set(seen)
    others = [hash(row) for row in _row_bytes(validation)]
    share = float(np.mean([row in known for row in others]))
    repeated = 1 - len(known) / len(seen)
    if share <= THRESHOLDS["shared_rows"].value:
        return
    # Data whose rows repeat by nature share rows however they are split.
    honest = share <= 2 * repeated
    yield Finding(
        "shared_rows", "info" if honest else "warning",
        f"{share:.0%} of the validation rows stand among the training rows too"
        + (f", which themselves repeat ({repeated:.0%})." if honest else ": validation looks better than new data."),
        evidence={"share": share, "repeated_in_train": repeated}, causes=("train_val_leakage",),
        advice=(Advice("validation rows", "split again without duplicates"),),
    )  # fmt: skip


def _row_bytes(columns: list[np.ndarray]) -> Iterator[bytes]:
    flat = [np.ascontiguousarray(c.reshape(len(c), -1)) if _is_number(c) else c.astype("U") for c in columns]
    flat = [c.astype("float32") if _is_number(c) else c for c in flat]
    for pieces in zip(*flat, strict=True):
        yield b"\0".join(piece.tobytes() if isinstance(piece, np.ndarray) else str(piece).encode() for piece in pieces)


@dataclass(frozen=True)
class _End:
    """The end of a model and its targets, as far as they can be told."""

    activation: str | None
    units: int
    loss: str
    from_logits: bool
    scaled_back: bool
    y: np.ndarray

    @property
    def columns(self) -> int:
        return int(self.y.shape[-1]) if self.y.ndim > 1 else 1


def _head(model: Any, y: np.ndarray) -> Iterator[Finding]:
    name, from_logits = _loss_of(model)
    outputs = getattr(model, "outputs", None)
    finite = y[np.isfinite(y.reshape(len(y), -1)).all(axis=1)]
    if name is None or not outputs or len(outputs) != 1 or outputs[0].shape[-1] is None or not len(finite):
        return
    scaled_back = bool(getattr(outputs[0]._keras_history.operation, "inverse", False))
    end = _End(output_activation(model), int(outputs[0].shape[-1]), name, from_logits, scaled_back, finite)
    shape = list(_labels(end, model.outputs[0].shape))
    yield from shape
    if name in _CROSS_ENTROPIES:
        yield from _cross_entropy(end, shape_fits=not shape)
    elif name in _QUANTITY_LOSSES and not scaled_back:
        yield from _quantity(end)


def _loss_of(model: Any) -> tuple[str | None, bool]:
    loss = getattr(model, "loss", None)
    if isinstance(loss, list | tuple) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", type(loss).__name__).lower()
        return snake, bool(getattr(loss, "from_logits", False))
    return getattr(loss, "__name__", None), False


def _labels(end: _End, output_shape: Any) -> Iterator[Finding]:
    if end.loss == "sparse_categorical_crossentropy":
        if end.y.ndim == len(output_shape) and end.columns > 1:
            yield _wrong_shape(end, "expects class numbers, and the labels look one-hot", "categorical_crossentropy")
        elif np.any(end.y != np.round(end.y)):
            yield _out_of_range(end, "class labels must be whole numbers", ("labels_scaled", "labels_corrupted"))
        elif end.y.min() < 0 or end.y.max() >= end.units:
            yield _out_of_range(end, f"class numbers must be in 0 to {end.units - 1}", ("output_units_mismatch",))
        return
    if len(output_shape) != 2 or end.columns == end.units:
        return
    if end.loss == "categorical_crossentropy" and end.columns == 1:
        yield _wrong_shape(
            end, "expects one-hot labels, and these are class numbers", "sparse_categorical_crossentropy"
        )
    else:
        yield Finding(
            "output_units", "error",
            f"The model answers {end.units} values a row, and the labels have {end.columns}.",
            evidence={"units": float(end.units), "columns": float(end.columns)},
            causes=("output_units_mismatch", "labels_shape_mismatch"),
            advice=(Advice("units", "set", float(end.columns)),),
        )  # fmt: skip


def _wrong_shape(end: _End, why: str, loss: str) -> Finding:
    return Finding(
        "label_shape", "error", f"The loss {end.loss} {why} (shape {end.y.shape}).",
        evidence={"columns": float(end.columns), "units": float(end.units)}, causes=("labels_shape_mismatch",),
        advice=(Advice("loss", "set", loss),),
    )  # fmt: skip


def _out_of_range(end: _End, why: str, causes: tuple[str, ...]) -> Finding:
    low, high = float(end.y.min()), float(end.y.max())
    return Finding(
        "label_range", "error", f"For the loss {end.loss}, {why}; these lie in {low:g} to {high:g}.",
        evidence={"low": low, "high": high, "units": float(end.units)},
        causes=(*causes, "labels_outside_loss_range"), advice=(Advice("labels", "number from 0"),),
    )  # fmt: skip


def _cross_entropy(end: _End, shape_fits: bool) -> Iterator[Finding]:
    wanted = "sigmoid" if end.loss == "binary_crossentropy" else "softmax"
    if shape_fits and end.loss != "sparse_categorical_crossentropy" and (end.y.min() < 0 or end.y.max() > 1):
        yield _out_of_range(end, "labels must be in 0 to 1", ("wrong_loss",))
    one_hot = end.y.ndim == 2 and np.allclose(end.y.sum(axis=1), 1)
    if end.activation == "softmax" and end.units == 1:
        yield _activation(end, "error", "softmax over a single unit is always 1", "single_unit_softmax", "sigmoid")
    elif end.activation == "linear" and not end.from_logits:
        level = "warning" if end.loss == "binary_crossentropy" else "error"
        yield _activation(
            end, level, "the loss expects probabilities and gets raw numbers", "linear_output_with_ce", wanted
        )
    elif end.activation in ("softmax", "sigmoid") and end.from_logits:
        yield _activation(end, "info", "the loss says `from_logits=True`", "redundant_softmax", "linear")
    elif end.activation == "sigmoid" and wanted == "softmax":
        yield _activation(end, "warning", "the classes exclude each other", "sigmoid_with_cce", "softmax")
    elif end.activation == "softmax" and wanted == "sigmoid" and not one_hot:
        yield _activation(end, "error", "several labels can be true at once", "softmax_for_multilabel", "sigmoid")
    elif end.activation == "softmax" and wanted == "sigmoid" and end.units > 2:
        yield Finding(
            "wrong_loss", "warning", "Softmax with one-hot labels wants categorical, not binary cross-entropy.",
            causes=("wrong_loss",), advice=(Advice("loss", "set", "categorical_crossentropy"),),
        )  # fmt: skip
    elif end.activation not in (None, "linear", "softmax", "sigmoid"):
        cause = "relu_output_with_bce" if wanted == "sigmoid" else "relu_output_with_cce"
        yield _activation(end, "error", "the answers are no probabilities", cause, wanted)


def _quantity(end: _End) -> Iterator[Finding]:
    low, high = _RANGES.get(end.activation or "linear", (-np.inf, np.inf))
    if end.activation == "softmax" and end.units == 1:
        yield _activation(end, "error", "softmax over a single unit is always 1", "single_unit_softmax", "linear")
    elif end.y.min() < low or end.y.max() > high:
        cause = {"relu": "relu_output_regression", "sigmoid": "sigmoid_output_regression"}.get(end.activation or "")
        why = f"targets reach from {end.y.min():g} to {end.y.max():g}, answers only from {low:g} to {high:g}"
        yield _activation(end, "error", why, cause or "wrong_output_activation", "linear")
    elif end.activation in ("sigmoid", "softmax") and np.all((end.y == 0) | (end.y == 1)):
        loss = "binary_crossentropy" if end.activation == "sigmoid" else "categorical_crossentropy"
        yield Finding(
            "wrong_loss", "info", f"{end.loss} on {end.activation} stalls where the answer is surely wrong.",
            causes=(f"{end.activation}_with_mse",), advice=(Advice("loss", "set", loss),),
        )  # fmt: skip


def _activation(end: _End, level: Any, why: str, cause: str, cure: str) -> Finding:
    causes = (cause,) if cause == "wrong_output_activation" else (cause, "wrong_output_activation")
    return Finding(
        "wrong_output_activation", level,
        f"The output activation {end.activation} does not fit {end.loss}: {why}.",
        evidence={"units": float(end.units), "from_logits": float(end.from_logits)}, causes=causes,
        advice=(Advice("output activation", "set", cure),),
    )  # fmt: skip
