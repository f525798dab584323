"""What a metric is, whatever it is called: only like is compared with like."""

from __future__ import annotations

import re
from typing import Any

# Each has a chance level or a simple model to compare with; others are watched, and not judged by either.
_ACCURACIES = ("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")
_ABSOLUTE_ERRORS = ("mae", "mean_absolute_error")


def metric_kind(name: str) -> str:
    """What a metric is, by its name in the logs.

    Names of outputs before it and numbers behind it are looked through.

    Returns:
        `"accuracy"` (the share of rows, or of places, answered right), `"auc"` (under the curve of true and false
        positives), `"absolute_error"`, or `""` for all others, such as `top_k_categorical_accuracy` or `recall`.

    Example:

    >>> metric_kind("val_kind_accuracy"), metric_kind("auc_1"), metric_kind("top_k_categorical_accuracy")
    ('accuracy', 'auc', '')
    """
    name = re.sub(r"_\d+$", "", name.removeprefix("val_")).lower()
    if "top_k" in name or "top_5" in name or "balanced" in name or "pr_auc" in name:
        return ""
    for kind, words in (("accuracy", _ACCURACIES), ("absolute_error", _ABSOLUTE_ERRORS), ("auc", ("auc", "roc_auc"))):
        if any(name == word or name.endswith(f"_{word}") for word in words):
            return kind
    return ""


def kind_of(metric: Any) -> str:
    """What a Keras metric is, by class and settings; `"other"` for one that is not judged, `""` where its name tells.

    Example:

    >>> import keras
    >>> kind_of(keras.metrics.BinaryAccuracy(name="hits")), kind_of(keras.metrics.AUC(curve="PR"))
    ('accuracy', 'other')
    """
    name = type(metric).__name__
    if name in ("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"):
        return "accuracy"
    if name == "AUC":
        # Several labels are averaged, or each has a curve of its own; a constant reaches one half of both.
        return "auc" if str(getattr(metric, "curve", "")).upper().endswith("ROC") else "other"
    if name == "MeanAbsoluteError":
        return "absolute_error"
    # A mean of whatever function, or a class of the user's: what it is called is all that is known.
    named = name in ("Mean", "MeanMetricWrapper") or not type(metric).__module__.startswith("keras.")
    return "" if named else "other"
