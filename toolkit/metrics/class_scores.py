"""What accuracy hides where classes are of unequal size: scores class by class, of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np


def class_scores(values: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Balanced accuracy, F1 and areas under curves of one model's answers, and precision and recall of each class.

    Args:
        values: Probabilities `(rows,)` of class 1, or `(rows, classes)`.
        y: Class numbers `(rows,)`.

    Returns:
        Plain values: `balanced_accuracy`, the mean recall of the classes that occur; `f1`, of class 1 or the mean over
        the classes; `roc_auc` and, for two classes, `pr_auc` (average precision), `None` where only one class occurs;
        `classes`, a dictionary each with `rows`, `precision`, `recall` and `f1`; `confusion`, rows by true class.

    Reference: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution"; Davis and Goadrich 2006,
    "The relationship between precision-recall and ROC curves".

    Example:

    >>> found = class_scores(np.array([0.1, 0.2, 0.3, 0.9]), np.array([0, 0, 1, 1]))
    >>> found["balanced_accuracy"], found["confusion"], found["classes"][1]["recall"]
    (0.75, [[2, 0], [1, 1]], 0.5)
    """
    from sklearn import metrics

    binary = values.ndim == 1
    labels = list(range(2 if binary else values.shape[1]))
    answers = answered(values)
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(y, answers, labels=labels, zero_division=0)
    there = rows > 0
    several = int(there.sum()) > 1
    found: dict[str, Any] = {
        "balanced_accuracy": float(recall[there].mean()),
        "f1": float(f1[1] if binary else f1[there].mean()),
        "roc_auc": _roc_auc(values, y, there) if several else None,
        "classes": [
            {"rows": int(count), "precision": float(p), "recall": float(r), "f1": float(f)}
            for count, p, r, f in zip(rows, precision, recall, f1, strict=True)
        ],
        "confusion": metrics.confusion_matrix(y, answers, labels=labels).tolist(),
    }
    if binary:
        found["pr_auc"] = float(metrics.average_precision_score(y, values)) if several else None
    return found


def label_scores(values: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """F1 of a multilabel model's answers, and precision and recall of each label, which accuracy hides where few hold.

    Args:
        values: Probabilities `(rows, labels)`; a label is answered above 0.5.
        y: 0 and 1, `(rows, labels)`.

    Returns:
        Plain values: `micro_f1`, of all labels of all rows together; `macro_f1`, the mean over the labels that occur;
        `labels`, a dictionary each with `rows` (that bear it), `precision`, `recall` and `f1`.

    Reference: Sorower 2010, "A literature survey on algorithms for multi-label learning".

    Example:

    >>> found = label_scores(np.array([[0.9, 0.2], [0.8, 0.1]]), np.array([[1, 1], [0, 0]]))
    >>> found["micro_f1"], found["labels"][0]
    (0.5, {'rows': 1, 'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666})
    """
    from sklearn import metrics

    truths, answers = np.asarray(y) > 0.5, values > 0.5
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truths, answers, average=None, zero_division=0)
    rows = truths.sum(axis=0)
    return {
        "micro_f1": float(metrics.f1_score(truths, answers, average="micro", zero_division=0)),
        "macro_f1": float(f1[rows > 0].mean()) if (rows > 0).any() else None,
        "labels": [
            {"rows": int(count), "precision": float(p), "recall": float(r), "f1": float(f)}
            for count, p, r, f in zip(rows, precision, recall, f1, strict=True)
        ],
    }


def answered(values: np.ndarray) -> np.ndarray:
    """The class that each row is answered with.

    Args:
        values: Probabilities `(rows,)` of class 1, or `(rows, classes)`.

    Example:

    >>> answered(np.array([0.2, 0.8])).tolist(), answered(np.array([[0.1, 0.7, 0.2]])).tolist()
    ([0, 1], [1])
    """
    return values.argmax(axis=1) if values.ndim == 2 else (values > 0.5).astype(int)


def _roc_auc(values: np.ndarray, y: np.ndarray, there: np.ndarray) -> float:
    """Of class 1, or the mean over the classes that occur, each against all others."""
    from sklearn.metrics import roc_auc_score

    if values.ndim == 1:
        return float(roc_auc_score(y, values))
    return float(np.mean([roc_auc_score(y == k, values[:, k]) for k in np.flatnonzero(there)]))


def in_words(scores: dict[str, Any]) -> str:
    """The scores of all classes together in one line.

    Example:

    >>> in_words({"balanced_accuracy": 0.75, "f1": 0.5, "roc_auc": None})
    'balanced accuracy 0.7500, F1 0.5000'
    """
    names = {"balanced_accuracy": "balanced accuracy", "f1": "F1", "roc_auc": "ROC AUC", "pr_auc": "PR AUC"}
    return ", ".join(f"{word} {scores[name]:.4f}" for name, word in names.items() if scores.get(name) is not None)
