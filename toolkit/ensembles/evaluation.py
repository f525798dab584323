"""Measures the best member and the votes on the test rows, with intervals and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.class_scores import answered, class_scores, in_words, label_scores
from ..metrics.intervals import bootstrap, mcnemar, wilson
from ..metrics.scores import r2
from ..tasks import Task


@dataclass(frozen=True)
class Answers:
    """What one model predicts for the test rows: `(rows,)`, `(rows, classes)` or `(rows, outputs)`."""

    name: str
    values: np.ndarray


def evaluate(
    answers: list[Answers], y: np.ndarray, task: Task, winner: str, seed: int = 0, balanced: bool = False
) -> dict[str, Any]:
    """Accuracy with Wilson intervals, or R2 with bootstrap intervals, of each model, and who is better.

    Args:
        answers: The best member first, the vote second; or one model alone, which is compared with nothing.
        y: Test targets.
        task: The task.
        winner: Name of the model that is exported.
        seed: Decides the bootstrap's draws.
        balanced: Whether classes count alike, as by the weights that they were learnt by: balanced accuracy then stands
            in the place of accuracy, with a bootstrap interval.

    Returns:
        Plain values for the report. For classes, each result says in words what accuracy hides (`classes`), and of the
        winner there are the scores class by class (`of_classes`, see `class_scores`) or label by label
        (`of_labels`, see `label_scores`).

    Raises:
        ValueError: There is no model.

    Example:

    >>> y = np.array([0, 1, 1, 0])
    >>> right, wrong = np.array([0.1, 0.9, 0.8, 0.2]), np.array([0.1, 0.9, 0.2, 0.2])
    >>> report = evaluate([Answers("member", wrong), Answers("soft vote", right)], y, "binary", "soft vote")
    >>> report["mends"], report["breaks"]
    (1, 0)
    """
    if not answers:
        raise ValueError("There must be a best member and a vote to compare, or one model; got none.")
    pair = len(answers) > 1
    if task == "regression":
        # R2 is no share of rows, so it has no Wilson interval.
        metric, interval = "R2", "95 % bootstrap interval"
        results = [_r2_result(answer, y, seed) for answer in answers]
        comparison = _comparer2(answers, y, seed) if pair else {}
    elif task == "multilabel":
        metric, interval = "label accuracy", "95 % bootstrap interval"
        # Labels of one row hang together, so rows are drawn, not labels.
        hits = [((answer.values > 0.5) == (y > 0.5)).mean(axis=1) for answer in answers]
        results = [_mean_result(answer, hit, seed) for answer, hit in zip(answers, hits, strict=True)]
        comparison = _compare_means(answers, hits, seed) if pair else {}
    elif balanced:
        metric, interval = "balanced accuracy", "95 % bootstrap interval"
        right = [answered(answer.values) == y for answer in answers]
        results = [_balanced_result(answer, hit, y, seed) for answer, hit in zip(answers, right, strict=True)]
        comparison = _compare_balanced(answers, right, y, seed) if pair else {}
    else:
        metric, interval = "accuracy", "95 % Wilson interval"
        right = [answered(answer.values) == y for answer in answers]
        results = [_accuracy_result(answer, hit) for answer, hit in zip(answers, right, strict=True)]
        comparison = _compare_accuracy(answers, right) if pair else {}
    classes: dict[str, Any] = {}
    for result, answer in zip(results, answers, strict=True):
        result["winner"] = result["name"] == winner
        if task in ("binary", "multiclass") and y.ndim == 1:
            scores = class_scores(answer.values, y)
            result["classes"] = in_words(scores)
            if balanced:
                # Said already.
                accuracy = float((answered(answer.values) == y).mean())
                beside = {name: value for name, value in scores.items() if name != "balanced_accuracy"}
                result["classes"] = ", ".join(filter(None, [f"accuracy {accuracy:.4f}", in_words(beside)]))
            nll = _nll(answer.values, y)
            if nll is not None:
                # What a vote betters first, where no more rows are left to be right.
                result |= {"nll": nll, "classes": f"{result['classes']}, NLL {nll:.4f}"}
            classes = {"of_classes": scores} if result["winner"] else classes
        elif task == "multilabel" and y.shape[1] > 1 and result["winner"]:
            classes = {"of_labels": label_scores(answer.values, y)}
    return {
        "metric": metric,
        "higher_is_better": True,
        "interval": interval,
        "rows": len(y),
        "results": results,
        **classes,
        **comparison,
    }


def _nll(values: np.ndarray, y: np.ndarray) -> float | None:
    """Mean NLL in nats; `None` where a true class has no probability at all, as by the shares of a hard vote."""
    of_truth = values[np.arange(len(y)), y] if values.ndim == 2 else np.where(y == 1, values, 1 - values)
    return float(-np.log(of_truth.astype("float64")).mean()) if (of_truth > 0).all() else None


def _accuracy_result(answer: Answers, right: np.ndarray) -> dict[str, Any]:
    low, high = wilson(int(right.sum()), len(right))
    return {"name": answer.name, "value": float(right.mean()), "low": low, "high": high}


def _balanced(right: np.ndarray, y: np.ndarray) -> float:
    """Mean over the classes that occur of the share of their rows that is right."""
    return float(np.mean([right[y == one].mean() for one in np.unique(y)]))


def _balanced_result(answer: Answers, right: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    low, high = bootstrap(lambda rows: _balanced(right[rows], y[rows]), len(y), seed=seed)
    return {"name": answer.name, "value": _balanced(right, y), "low": low, "high": high}


def _compare_balanced(answers: list[Answers], right: list[np.ndarray], y: np.ndarray, seed: int) -> dict[str, Any]:
    best, soft = right[0], right[1]
    low, high = bootstrap(
        lambda rows: _balanced(soft[rows], y[rows]) - _balanced(best[rows], y[rows]), len(y), seed=seed
    )
    return _sentence(answers[1].name, "balanced accuracy", _balanced(soft, y) - _balanced(best, y), low, high)


def _mean_result(answer: Answers, hits: np.ndarray, seed: int) -> dict[str, Any]:
    low, high = bootstrap(lambda rows: float(hits[rows].mean()), len(hits), seed=seed)
    return {"name": answer.name, "value": float(hits.mean()), "low": low, "high": high}


def _r2_result(answer: Answers, y: np.ndarray, seed: int) -> dict[str, Any]:
    low, high = bootstrap(lambda rows: r2(answer.values[rows], y[rows]), len(y), seed=seed)
    rmse = float(np.sqrt(np.mean((answer.values - y) ** 2)))
    return {"name": answer.name, "value": r2(answer.values, y), "low": low, "high": high, "rmse": rmse}


def _compare_accuracy(answers: list[Answers], right: list[np.ndarray]) -> dict[str, Any]:
    best, soft = right[0], right[1]
    mends, breaks = int(np.sum(soft & ~best)), int(np.sum(best & ~soft))
    # Both were asked the same rows, so only those count on which they differ.
    chance, name = mcnemar(mends, breaks), answers[1].name
    counts = f"it fixes {mends} and breaks {breaks} of {len(best)} answers"
    if mends > breaks and chance < 0.05:
        sentence = f"The {name} is better than the best member: {counts} (McNemar p = {chance:.3f})."
    elif mends > breaks:
        sentence = (
            f"The {name} is not shown to be better than the best member: {counts}, a difference that chance alone "
            f"makes often (McNemar p = {chance:.2f})."
        )
    else:
        sentence = f"The {name} is not better than the best member: {counts}."
    return {"sentence": sentence, "mends": mends, "breaks": breaks}


def _comparer2(answers: list[Answers], y: np.ndarray, seed: int) -> dict[str, Any]:
    best, soft = answers[0].values, answers[1].values
    # Of the difference on the same rows: two intervals that overlap would hide a clear gain.
    low, high = bootstrap(lambda rows: r2(soft[rows], y[rows]) - r2(best[rows], y[rows]), len(y), seed=seed)
    return _sentence(answers[1].name, "R2", r2(soft, y) - r2(best, y), low, high)


def _compare_means(answers: list[Answers], hits: list[np.ndarray], seed: int) -> dict[str, Any]:
    gain = hits[1] - hits[0]
    low, high = bootstrap(lambda rows: float(gain[rows].mean()), len(gain), seed=seed)
    return _sentence(answers[1].name, "label accuracy", float(gain.mean()), low, high)


def _sentence(name: str, metric: str, gain: float, low: float, high: float) -> dict[str, Any]:
    numbers = f"{gain:+.4f} {metric}, 95 % bootstrap interval {low:+.4f} to {high:+.4f}"
    if low > 0:
        sentence = f"The {name} is better than the best member: {numbers}."
    elif gain > 0:
        sentence = f"The {name} is not shown to be better than the best member: {numbers}."
    else:
        sentence = f"The {name} is not better than the best member: {numbers}."
    return {"sentence": sentence, "mends": None, "breaks": None}
