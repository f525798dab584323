"""What model, rows and the call of `fit` say about a run before and while it runs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..data.streams import calm_rows
from ..models.reading import has_masks, loss_weight, metric_directions, metric_kinds
from ..runtime.fit_arguments import UNKNOWN_WEIGHTS, brings_batches, row_weighting
from ..runtime.keras_internals import adds_losses
from .baselines import known_of, row_weights
from .findings import Finding, not_judged
from .thresholds import limit

_MARKS = ("constant_loss", "least_loss", "constant_val_loss", "least_val_loss")


def facts_of_run(model: keras.Model, x: Any, y: Any, validation_data: Any) -> dict[str, Any]:
    """What is known of the fit of this model that runs, as fields of `Curves`; called from a callback of it.

    Args:
        model: The compiled model.
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)`, triple with weights, or `None`.

    Returns:
        Fields of `Curves`; and `left_out`, what could not be judged, as findings.
    """
    # Weights of rows change what a constant reaches, so they must be known before anything is compared with it.
    weighting = row_weighting(model)
    known = known_of(x, y, validation_data, model.loss, **weighting)
    factor = loss_weight(model)
    known |= {name: known[name] * factor for name in _MARKS if known.get(name) is not None}
    # Steps that are masked count in no loss, and which they are the rows alone do not tell.
    if y is not None and np.ndim(_first(y)) > 1 and has_masks(model):
        known |= {name: None for name in _MARKS if name.startswith("constant")}
    spread = _spread_of_weights(y, **weighting)
    known["weight_spread"] = spread
    left_out = _left_out(y, known, spread)
    return {**known, "left_out": left_out}


def given_rows(x: Any, y: Any) -> tuple[Any, Any]:
    """Rows as a watch was given them, or some of a stream, read so that the fit is not disturbed."""
    if not brings_batches(x):
        return x, y
    return calm_rows(x, int(limit("rows_looked_at"))) or (None, None)


def unread_rows(given: Any, rows: Any) -> list[Finding]:
    """That a stream was given which could not be read."""
    if not brings_batches(given) or rows is not None:
        return []
    return [not_judged("the rows, which come from a stream that cannot be read without changing what the fit gets")]


def known_of_model(model: keras.Model) -> dict[str, Any]:
    """What a model tells once it has seen a batch: of its metrics, and whether its layers add losses of their own."""
    found: dict[str, Any] = {"directions": metric_directions(model), "kinds": metric_kinds(model)}
    # A constant prediction has no part in such losses, and the data's own part is not logged.
    if adds_losses(model):
        found |= dict.fromkeys(("constant_loss", "constant_val_loss"))
    return found


def weight_penalty(model: keras.Model) -> float | None:
    """The penalty on the weights as they are, which Keras adds to the loss; `None` for a model without.

    Example:

    >>> layer = keras.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(0.1))
    >>> round(weight_penalty(keras.Sequential([keras.Input((2,)), layer])), 6)
    0.2
    """
    penalised = [weight for weight in model.trainable_weights if getattr(weight, "regularizer", None) is not None]
    if not penalised:
        return None
    return float(sum(float(ops.convert_to_numpy(weight.regularizer(weight))) for weight in penalised))


def _first(y: Any) -> Any:
    return keras.tree.flatten(y)[0] if y is not None else None


def _spread_of_weights(y: Any, class_weight: Any, sample_weight: Any) -> float | None:
    """Standard deviation of what the rows count over its mean; `None` where they count, nobody knows how much."""
    if class_weight is None and sample_weight is None:
        return 0.0
    if isinstance(sample_weight, str) and sample_weight == UNKNOWN_WEIGHTS:
        return None
    if y is None or isinstance(y, dict):
        return None
    weights = row_weights(y, class_weight, sample_weight)
    mean = 0.0 if weights is None else float(np.mean(weights))
    return None if weights is None or not mean > 0 else float(np.std(weights)) / mean


def _left_out(y: Any, known: dict[str, Any], spread: float | None) -> list[Finding]:
    found = []
    if y is not None and known.get("constant_loss") is None:
        found.append("what a constant prediction would reach with this loss and these targets is not known")
    if spread is None:
        found.append("the rows are weighted, nobody knows how, so that losses of single batches are not compared")
    return [not_judged("; ".join(found))] if found else []
