"""How often answers of each confidence are right: the reliability diagram in numbers; numpy only."""

from __future__ import annotations

import numpy as np

_BINS = 10


def reliability(answers: np.ndarray, targets: np.ndarray, exclusive: bool) -> list[dict[str, float]]:
    """Confidence, share of right answers and number of answers in each tenth of confidence that occurs.

    Args:
        answers: Probabilities `(rows, classes)`, or `(rows, labels)`.
        targets: As `truth` gives them, in the same shape.
        exclusive: Whether the classes exclude each other; else each label is an answer of its own.

    Reference: DeGroot and Fienberg 1983, "The comparison and evaluation of forecasters".

    Example:

    >>> answers = np.array([[0.95, 0.05], [0.95, 0.05]])
    >>> reliability(answers, np.array([[1.0, 0.0], [0.0, 1.0]]), exclusive=True)
    [{'confidence': 0.95, 'right': 0.5, 'rows': 2}]
    """
    if exclusive:
        confidence, right = answers.max(axis=-1), answers.argmax(axis=-1) == targets.argmax(axis=-1)
    else:
        # A label answered "no" at 0.1 is 0.9 sure.
        confidence, right = np.maximum(answers, 1 - answers).ravel(), ((answers > 0.5) == (targets > 0.5)).ravel()
    # Open below and closed above, as in the expected calibration error.
    bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    return [
        {
            "confidence": float(confidence[bins == place].mean()),
            "right": float(right[bins == place].mean()),
            "rows": int(np.sum(bins == place)),
        }
        for place in np.unique(bins)
    ]
