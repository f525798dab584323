"""The task decides the head: output units, output activation, loss and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .checks import one_of

Task = Literal["regression", "binary", "multiclass", "multilabel"]
TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass", "multilabel")

_MOST_CLASSES_BY_DEFAULT = 20


@dataclass(frozen=True)
class Head:
    """What the end of a model looks like for a task.

    Args:
        task: One of `TASKS`.
        units: Number of output units, >= 1.
        activation: Output activation.
        loss: Loss, by its Keras name.
        metrics: Metrics, by their Keras names.
    """

    task: Task
    units: int
    activation: str
    loss: str
    metrics: tuple[str, ...]


def find_task(y: Any) -> Task:
    """Finds the task from the targets.

    A column of words or booleans, or of whole numbers that repeat, is a class; other numbers are
    a quantity. Whole numbers are classes where they count from 0 without a gap, or where there
    are at most 20 different ones. A matrix of zeros and ones is one-hot (multiclass) where every
    row has exactly one 1, and multilabel else.

    Args:
        y: Targets of shape `(rows,)`, `(rows, 1)` or `(rows, outputs)`.

    Returns:
        `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.

    Raises:
        ValueError: There are no rows, the targets have more than two dimensions, all are equal,
            or every whole number or word is different, so that the task cannot be told.

    Example:

    >>> find_task(["cat", "dog", "cat"])
    'binary'
    >>> find_task([0.1, 2.5, 7.25])
    'regression'
    """
    y = as_targets(y)
    if y.ndim == 2:
        return _task_of_matrix(y)
    values = np.unique(y)
    if len(values) == 1:
        only = values.tolist()[0]
        raise ValueError(f"All {len(y)} targets are {only!r}: there is one class only, and nothing to learn.")
    if not _is_number(y):
        return _task_of_classes(values, len(y))
    whole = bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    if not whole:
        return "regression"
    if np.issubdtype(y.dtype, np.integer) and len(values) == len(y):
        raise ValueError(
            f"There are as many classes as rows ({len(y)}): every target is a different whole number. "
            "If the target is a quantity, say so with task='regression'."
        )
    counts_up = values[0] == 0 and values[-1] == len(values) - 1
    if len(values) <= len(y) // 2 and (counts_up or len(values) <= _MOST_CLASSES_BY_DEFAULT):
        return _task_of_classes(values, len(y))
    return "regression"


def head(task: Task, y: Any, classes: int | None = None) -> Head:
    """Gives output units, output activation, loss and metrics for a task.

    Args:
        task: One of `TASKS`.
        y: Targets as the model is given them: class numbers of shape `(rows,)` or one-hot
            `(rows, classes)` for `"multiclass"`; `(rows, outputs)` for `"multilabel"`.
        classes: Number of classes where the targets may lack some; at least 2.

    Returns:
        The `Head`. Regression: identity and mean squared error; binary: one sigmoid unit and binary
        cross-entropy; multiclass: softmax and cross-entropy; multilabel: sigmoids and binary
        cross-entropy.

    Raises:
        ValueError: `task` is unknown, or the targets of a binary task have several columns.

    Example:

    >>> head("multiclass", [0, 1, 2, 1]).loss
    'sparse_categorical_crossentropy'
    """
    one_of("task", task, TASKS)
    y = as_targets(y)
    outputs = y.shape[1] if y.ndim == 2 else 1
    if task == "regression":
        return Head(task, outputs, "linear", "mean_squared_error", ("mean_absolute_error",))
    if task == "binary":
        if outputs > 1:
            raise ValueError(
                f"Binary targets are one column of 0 and 1, got {outputs}; take task='multiclass' for one-hot rows."
            )
        return Head(task, 1, "sigmoid", "binary_crossentropy", ("accuracy",))
    if task == "multilabel":
        return Head(task, outputs, "sigmoid", "binary_crossentropy", ("binary_accuracy",))
    if outputs > 1:
        return Head(task, outputs, "softmax", "categorical_crossentropy", ("accuracy",))
    units = classes or int(np.max(y)) + 1
    return Head(task, units, "softmax", "sparse_categorical_crossentropy", ("accuracy",))


def check_labels(task: Task, y: Any) -> None:
    """Refuses class labels that the head of a task does not count by.

    Args:
        task: One of `TASKS`.
        y: Targets of shape `(rows,)` or `(rows, outputs)`.

    Raises:
        ValueError: Binary targets outside 0 to 1, or class numbers below 0 or between whole numbers.

    Example:

    >>> check_labels("binary", [0, 1, 1])
    """
    y = as_targets(y)
    if task not in ("binary", "multiclass") or y.ndim == 2:
        return
    values = np.unique(y).astype("float64")
    wrong = values[(values < 0) | ((values > 1) if task == "binary" else (values != np.round(values)))]
    if len(wrong):
        expected = "0 and 1" if task == "binary" else "whole numbers from 0"
        raise ValueError(
            f"The classes of a {task} task must be {expected}, got {', '.join(f'{v:g}' for v in values[:5])}; "
            "number them before: `names, y = np.unique(y, return_inverse=True)`."
        )


def as_targets(y: Any) -> np.ndarray:
    """Targets as an array of shape `(rows,)` or `(rows, outputs >= 2)`.

    Raises:
        ValueError: There is no row, or there are more than two dimensions.

    Example:

    >>> as_targets([[1], [2]]).shape
    (2,)
    """
    array = np.asarray(y)
    if array.size == 0:
        raise ValueError(f"The targets are empty (shape {array.shape}).")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise ValueError(f"Targets must have shape (rows,) or (rows, outputs), got {array.shape}.")
    return array


def _is_number(y: np.ndarray) -> bool:
    return bool(np.issubdtype(y.dtype, np.number))


def _task_of_classes(values: np.ndarray, rows: int) -> Task:
    if len(values) == rows:
        raise ValueError(f"There are as many classes as rows ({rows}): every target is different.")
    return "binary" if len(values) == 2 else "multiclass"


def _task_of_matrix(y: np.ndarray) -> Task:
    if not _is_number(y) and y.dtype != bool:
        raise ValueError(f"A matrix of targets must hold numbers, got dtype {y.dtype}.")
    if not np.all((y == 0) | (y == 1)):
        return "regression"
    return "multiclass" if np.all(y.sum(axis=1) == 1) else "multilabel"
