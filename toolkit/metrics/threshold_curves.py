"""What each threshold of a two-class model would give: the ROC and the precision-recall curve, of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from .even_places import even_places

# More corners than a picture has pixels say nothing more.
_MOST_CORNERS = 200


def threshold_curves(values: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The ROC and the precision-recall curve of the probabilities of class 1.

    Args:
        values: Probabilities `(rows,)` of class 1.
        y: 0 and 1, `(rows,)`.

    Returns:
        `roc`, with `false_positive_rate` and `true_positive_rate`; `precision_recall`, with `recall` and `precision`;
        lists of at most 200 values each, ends included. Empty where only one class occurs.

    Reference: Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves".

    Example:

    >>> found = threshold_curves(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> found["roc"]["true_positive_rate"], found["roc"]["false_positive_rate"]
    ([0.0, 0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 1.0])
    """
    from sklearn import metrics

    if len(np.unique(y)) < 2:
        return {}
    wrong, right, _ = metrics.roc_curve(y, values)
    precision, recall, _ = metrics.precision_recall_curve(y, values)
    return {
        "roc": {"false_positive_rate": _thinned(wrong), "true_positive_rate": _thinned(right)},
        "precision_recall": {"recall": _thinned(recall), "precision": _thinned(precision)},
    }


def _thinned(values: np.ndarray) -> list[float]:
    at = even_places(len(values), _MOST_CORNERS)
    return [float(value) for value in values[at]]
