"""Whether loss, output activation, output units and labels fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..diagnosis.findings import Advice, Finding
from ..models.reading import loss_name, output_activation
from ..runtime.keras_internals import source_operation

_CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
_QUANTITY_LOSSES = (
    "mean_squared_error", "mean_absolute_error", "huber", "log_cosh",
    "mean_squared_logarithmic_error", "mean_absolute_percentage_error",
)  # fmt: skip
_RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


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


def unfit_head(model: keras.Model, y: np.ndarray) -> Iterator[Finding]:
    """What does not fit at the end of a model with a single output; nothing where the loss is not known.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "softmax")])
    >>> model.compile("sgd", "binary_crossentropy")
    >>> [finding.causes[0] for finding in unfit_head(model, np.array([[0], [1]]))]
    ['single_unit_softmax']
    """
    name, loss = loss_name(model), getattr(model, "loss", None)
    from_logits = bool(getattr(loss, "from_logits", False))
    outputs = getattr(model, "outputs", None)
    # NaN targets are another finding, and would make every comparison below false.
    finite = y[np.isfinite(y.reshape(len(y), -1)).all(axis=1)]
    if not name or not outputs or len(outputs) != 1 or outputs[0].shape[-1] is None or not len(finite):
        return
    # A last layer that turns standardised answers back into units of the targets may reach any range.
    scaled_back = bool(getattr(source_operation(outputs[0]), "inverse", False))
    end = _End(output_activation(model), int(outputs[0].shape[-1]), name, from_logits, scaled_back, finite)
    shape = list(_labels(end, model.outputs[0].shape))
    yield from shape
    if name in _CROSS_ENTROPIES:
        yield from _cross_entropy(end, shape_fits=not shape)
    elif name in _QUANTITY_LOSSES and not scaled_back:
        yield from _quantity(end)


def _labels(end: _End, output_shape: tuple[int | None, ...]) -> Iterator[Finding]:
    if end.loss == "sparse_categorical_crossentropy":
        # Sequences have class numbers of as many axes as their outputs less one.
        if end.y.ndim == len(output_shape) and end.columns > 1:
            yield _wrong_shape(end, "expects class numbers, and the labels look one-hot", "categorical_crossentropy")
        elif np.any(end.y != np.round(end.y)):
            yield _out_of_range(end, "class labels must be whole numbers", ("labels_scaled", "labels_corrupted"))
        elif end.y.min() < 0 or end.y.max() >= end.units:
            yield _out_of_range(end, f"class numbers must be in 0 to {end.units - 1}", ("output_units_mismatch",))
        return
    # Outputs of more axes may be compared with targets in ways that the shapes alone do not tell.
    if len(output_shape) != 2 or end.columns == end.units:
        return
    if end.loss == "categorical_crossentropy" and end.columns == 1:
        yield _wrong_shape(
            end, "expects one-hot labels, and these are class numbers", "sparse_categorical_crossentropy"
        )
    else:
        yield Finding(
            "output_units",
            "error",
            f"The model outputs {end.units} values a row, and the labels have {end.columns}.",
            evidence={"units": float(end.units), "columns": float(end.columns)},
            causes=("output_units_mismatch", "labels_shape_mismatch"),
            advice=(Advice("units", "set", float(end.columns)),),
        )


def _wrong_shape(end: _End, why: str, loss: str) -> Finding:
    return Finding(
        "label_shape",
        "error",
        f"The loss {end.loss} {why} (shape {end.y.shape}).",
        evidence={"columns": float(end.columns), "units": float(end.units)},
        causes=("labels_shape_mismatch",),
        advice=(Advice("loss", "set", loss),),
    )


def _out_of_range(end: _End, why: str, causes: tuple[str, ...]) -> Finding:
    low, high = float(end.y.min()), float(end.y.max())
    return Finding(
        "label_range",
        "error",
        f"For the loss {end.loss}, {why}; these lie in {low:g} to {high:g}.",
        evidence={"low": low, "high": high, "units": float(end.units)},
        causes=tuple(dict.fromkeys((*causes, "labels_outside_loss_range"))),
        advice=(Advice("labels", "number from 0"),),
    )


def _cross_entropy(end: _End, shape_fits: bool) -> Iterator[Finding]:
    wanted = "sigmoid" if end.loss == "binary_crossentropy" else "softmax"
    if shape_fits and end.loss != "sparse_categorical_crossentropy" and (end.y.min() < 0 or end.y.max() > 1):
        yield _out_of_range(end, "labels must be in 0 to 1", ("labels_outside_loss_range", "output_units_mismatch"))
    one_hot = end.y.ndim == 2 and np.allclose(end.y.sum(axis=1), 1)
    if end.activation == "softmax" and end.units == 1:
        yield _activation(end, "error", "softmax over a single unit is always 1", "single_unit_softmax", "sigmoid")
    elif end.activation == "linear" and not end.from_logits:
        # Measured: binary still trains mostly, as Keras clips it (0.965 against 0.972); categorical does not (0.11).
        level = "warning" if end.loss == "binary_crossentropy" else "error"
        yield _activation(
            end, level, "the loss expects probabilities and gets raw numbers", "linear_output_with_ce", wanted
        )
    # Information: Keras takes the logits behind the activation, so that it trains alike.
    elif end.activation in ("softmax", "sigmoid") and end.from_logits:
        yield _activation(end, "info", "the loss says `from_logits=True`", "redundant_softmax", "linear")
    # A warning: Keras computes the loss from the logits, and the largest is still the right class.
    elif end.activation == "sigmoid" and wanted == "softmax":
        yield _activation(end, "warning", "the classes exclude each other", "sigmoid_with_cce", "softmax")
    # An error only without one-hot rows: with them one class is true, as softmax says.
    elif end.activation == "softmax" and wanted == "sigmoid" and not one_hot:
        yield _activation(end, "error", "several labels can be true at once", "softmax_for_multilabel", "sigmoid")
    # Of two units that exclude each other binary cross-entropy is right.
    elif end.activation == "softmax" and wanted == "sigmoid" and end.units > 2:
        yield Finding(
            "wrong_loss",
            "warning",
            "Softmax with one-hot labels wants categorical, not binary cross-entropy.",
            causes=("wrong_loss",),
            advice=(Advice("loss", "set", "categorical_crossentropy"),),
        )
    elif end.activation not in (None, "linear", "softmax", "sigmoid"):
        cause = "relu_output_with_bce" if wanted == "sigmoid" else "relu_output_with_cce"
        yield _activation(end, "error", "the answers are no probabilities", cause, wanted)


def _quantity(end: _End) -> Iterator[Finding]:
    low, high = _RANGES.get(end.activation or "linear", (-np.inf, np.inf))
    if end.activation == "softmax" and end.units == 1:
        # Zeros and ones are classes, trained here by a squared error.
        cure = "sigmoid" if np.all((end.y == 0) | (end.y == 1)) else "linear"
        yield _activation(end, "error", "softmax over a single unit is always 1", "single_unit_softmax", cure)
    elif end.activation == "softmax" and _many_labels(end.y):
        yield _activation(end, "error", "several labels can be true at once", "softmax_for_multilabel", "sigmoid")
    elif end.y.min() < low or end.y.max() > high:
        cause = {"relu": "relu_output_regression", "sigmoid": "sigmoid_output_regression"}.get(end.activation or "")
        why = f"targets reach from {end.y.min():g} to {end.y.max():g}, answers only from {low:g} to {high:g}"
        yield _activation(end, "error", why, cause or "wrong_output_activation", "linear")
    # Information: it trains, slowly where it saturates.
    elif end.activation in ("sigmoid", "softmax") and np.all((end.y == 0) | (end.y == 1)):
        loss = "binary_crossentropy" if end.activation == "sigmoid" else "categorical_crossentropy"
        yield Finding(
            "wrong_loss",
            "info",
            f"{end.loss} on {end.activation} stalls where the answer is surely wrong.",
            causes=(f"{end.activation}_with_mse",),
            advice=(Advice("loss", "set", loss),),
        )


def _many_labels(y: np.ndarray) -> bool:
    """Whether rows have none or several of several labels."""
    return y.ndim == 2 and y.shape[1] > 1 and bool(np.all((y == 0) | (y == 1)) and np.any(y.sum(axis=1) != 1))


def _activation(end: _End, level: Any, why: str, cause: str, cure: str) -> Finding:
    causes = (cause,) if cause == "wrong_output_activation" else (cause, "wrong_output_activation")
    return Finding(
        "wrong_output_activation",
        level,
        f"The output activation {end.activation} does not fit {end.loss}: {why}.",
        evidence={"units": float(end.units), "from_logits": float(end.from_logits)},
        causes=causes,
        advice=(Advice("output_activation", "set", cure),),
    )
