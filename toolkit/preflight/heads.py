"""Whether loss, output activation, output units and labels fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from ..diagnosis.constants import ignored_class
from ..diagnosis.findings import Advice, Finding
from ..models.model_ends import activation_of, output_activation
from ..models.reading import is_of_keras, named_loss
from ..runtime.keras_internals import source_operation

_CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
_QUANTITY_LOSSES = (
    "mean_squared_error", "mean_absolute_error", "huber", "log_cosh",
    "mean_squared_logarithmic_error", "mean_absolute_percentage_error",
)  # fmt: skip
_RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


@dataclass(frozen=True)
class End:
    """One end of a model and its targets, as far as they can be told.

    Args:
        activation: Activation it ends in, or `None`.
        shape: Of its output, `(None, ..., units)`; empty where it is not known.
        given: Loss as given to `compile`.
        scaled_back: Whether a last layer turns standardised answers back into units of the targets.
        y: Its targets.
        name: Of the output, `""` for the only one.
    """

    activation: str | None
    shape: tuple[int | None, ...]
    given: Any
    scaled_back: bool
    y: np.ndarray
    name: str = ""

    @classmethod
    def of(cls, model: keras.Model, y: np.ndarray) -> End:
        """The end of a model with one output, as far as it is known; without a graph nothing but the loss is."""
        outputs = getattr(model, "outputs", None) or []
        if len(outputs) != 1:
            return cls(None, (), getattr(model, "loss", None), False, y)
        return _end(outputs[0], output_activation(model), getattr(model, "loss", None), y, "")

    @property
    def units(self) -> int:
        """Values a row, or a place, that are predicted; 0 where it is not known."""
        return int(self.shape[-1] or 0) if self.shape else 0

    @property
    def loss(self) -> str:
        """Keras name of the loss; a loss of the user's is not known by whatever name it bears."""
        return named_loss(self.given) if is_of_keras(self.given) else ""

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        return bool(getattr(self.given, "from_logits", False))

    @property
    def columns(self) -> int:
        """Values a row, or a place, that the targets have."""
        return int(self.y.shape[-1]) if self.y.ndim > 1 else 1


def ends_of(model: keras.Model, y: Any) -> list[End]:
    """The ends of a model with their losses and targets; empty where these cannot be matched.

    Example:

    >>> inputs = keras.Input((2,))
    >>> model = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(3, "softmax")(inputs)])
    >>> model.compile("sgd", ["mse", "sparse_categorical_crossentropy"])
    >>> [(end.loss, end.units) for end in ends_of(model, [np.ones(4), np.ones(4)])]
    [('mean_squared_error', 1), ('sparse_categorical_crossentropy', 3)]
    """
    outputs = getattr(model, "outputs", None) or []
    if y is None or not outputs:
        return []
    if len(outputs) == 1:
        targets = keras.tree.flatten(y)
        return [End.of(model, np.asarray(targets[0]))] if len(targets) == 1 else []
    structure, loss = model.output, getattr(model, "loss", None)
    # By the names of a dictionary of outputs, else by those of the layers that they come from.
    names = sorted(structure) if isinstance(structure, dict) else [source_operation(one).name for one in outputs]

    def each(given: Any) -> list[Any] | None:
        if isinstance(given, dict):
            return [given.get(name) for name in names] if set(given) <= set(names) else None
        return list(given) if isinstance(given, list | tuple) and len(given) == len(outputs) else None

    targets, losses = each(y), [loss] * len(outputs) if isinstance(loss, str) else each(loss)
    if targets is None or losses is None:
        return []
    return [
        _end(output, activation_of(output), one, np.asarray(target), name)
        for output, one, target, name in zip(outputs, losses, targets, names, strict=True)
        if target is not None and one is not None
    ]


def _end(output: keras.KerasTensor, activation: str | None, loss: Any, y: np.ndarray, name: str) -> End:
    # A last layer that turns standardised answers back into units of the targets may reach any range.
    scaled_back = bool(getattr(source_operation(output), "inverse", False))
    loss = loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
    return End(activation, tuple(output.shape), loss, scaled_back, y, name)


def unfit_head(model: keras.Model, y: np.ndarray) -> Iterator[Finding]:
    """What does not fit at the end of a model with a single output; nothing where the loss is not known.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "softmax")])
    >>> model.compile("sgd", "binary_crossentropy")
    >>> [finding.causes[0] for finding in unfit_head(model, np.array([[0], [1]]))]
    ['single_unit_softmax']
    """
    yield from unfit_end(End.of(model, y))


def unfit_end(end: End) -> Iterator[Finding]:
    """What does not fit at one end of a model; see `unfit_head`."""
    # NaN targets are another finding, and would make every comparison below false.
    finite = end.y[np.isfinite(end.y.reshape(len(end.y), -1)).all(axis=1)]
    # What a loss leaves out is no class.
    ignored = ignored_class(end.given)
    if not end.loss or not end.units or not len(finite):
        return
    end = replace(end, y=finite)
    if ignored is not None and end.loss == "sparse_categorical_crossentropy":
        kept = finite[finite != ignored] if finite.ndim == 1 else np.where(finite == ignored, 0, finite)
        end = replace(end, y=kept)
    if not end.y.size:
        return
    shape = [_named(finding, end) for finding in _labels(end)]
    yield from shape
    if end.loss in _CROSS_ENTROPIES:
        yield from (_named(finding, end) for finding in _cross_entropy(end, shape_fits=not shape))
    elif end.loss in _QUANTITY_LOSSES and not end.scaled_back:
        yield from (_named(finding, end) for finding in _quantity(end))


def _named(finding: Finding, end: End) -> Finding:
    return replace(finding, message=f"Output {end.name!r}: {finding.message}") if end.name else finding


def _labels(end: End) -> Iterator[Finding]:
    if end.loss == "sparse_categorical_crossentropy":
        # Sequences have class numbers of as many axes as their outputs less one.
        if end.y.ndim == len(end.shape) and end.columns > 1:
            yield _wrong_shape(end, "expects class numbers, and the labels look one-hot", "categorical_crossentropy")
        elif np.any(end.y != np.round(end.y)):
            yield _out_of_range(end, "class labels must be whole numbers", ("labels_scaled", "labels_corrupted"))
        elif end.y.min() < 0 or end.y.max() >= end.units:
            yield _out_of_range(end, f"class numbers must be in 0 to {end.units - 1}", ("output_units_mismatch",))
        return
    # Outputs of more axes may be compared with targets in ways that the shapes alone do not tell; and what a loss of
    # another kind makes of targets, such as the triplets of a class number, is its own matter.
    known = end.loss in (*_CROSS_ENTROPIES, *_QUANTITY_LOSSES)
    if len(end.shape) != 2 or end.y.ndim > 2 or end.columns == end.units or not known:
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


def _wrong_shape(end: End, why: str, loss: str) -> Finding:
    return Finding(
        "label_shape",
        "error",
        f"The loss {end.loss} {why} (shape {end.y.shape}).",
        evidence={"columns": float(end.columns), "units": float(end.units)},
        causes=("labels_shape_mismatch",),
        advice=(Advice("loss", "set", loss),),
    )


def _out_of_range(end: End, why: str, causes: tuple[str, ...]) -> Finding:
    low, high = float(end.y.min()), float(end.y.max())
    return Finding(
        "label_range",
        "error",
        f"For the loss {end.loss}, {why}; these lie in {low:g} to {high:g}.",
        evidence={"low": low, "high": high, "units": float(end.units)},
        causes=tuple(dict.fromkeys((*causes, "labels_outside_loss_range"))),
        advice=(Advice("labels", "number from 0"),),
    )


def _cross_entropy(end: End, shape_fits: bool) -> Iterator[Finding]:
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
    elif end.activation in ("softmax", "sigmoid") and end.from_logits:
        yield _activation(end, "warning", "the loss says `from_logits=True`", "redundant_softmax", "linear")
    # Information: Keras normalises the answers, so that most such models learn; the curves say where one does not.
    elif end.activation == "sigmoid" and wanted == "softmax":
        yield _activation(end, "info", "the classes exclude each other", "sigmoid_with_cce", "softmax")
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


def _quantity(end: End) -> Iterator[Finding]:
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


def _activation(end: End, level: Any, why: str, cause: str, cure: str) -> Finding:
    causes = (cause,) if cause == "wrong_output_activation" else (cause, "wrong_output_activation")
    return Finding(
        "wrong_output_activation",
        level,
        f"The output activation {end.activation} does not fit {end.loss}: {why}.",
        evidence={"units": float(end.units), "from_logits": float(end.from_logits)},
        causes=causes,
        advice=(Advice("output_activation", "set", cure),),
    )
