"""Measures a vote against its members: how good, how sure, how different, and whether it is any better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..checks import number, one_of, refuse_unusable_rows, seed_of, whole_number
from ..metrics.scores import calibration_gaps, r2_losses, row_scores, truth, with_intervals
from ..models.batch_answers import batch_answers
from ..models.reading import input_structure
from ..population import Leaderboard
from .evaluation import Answers, evaluate

_TASKS = ("auto", "multiclass", "binary", "multilabel", "regression")
_RESAMPLES = 1000


@dataclass(frozen=True)
class VoteReport:
    """What a vote is worth.

    Args:
        rows: One dictionary for the vote, one for each member, one for the mean member: `name`, and of each
            score the value with the bounds of its interval, `SCORE_low` and `SCORE_high`.
        best: Number of the member that the vote is compared with.
        disagreement: Share of answers in which two members differ, mean over pairs; for quantities the mean
            correlation of their errors.
        mends: Rows that the vote gets right and the best member does not; `None` where no row is right or wrong.
        breaks: Rows that the best member gets right and the vote does not.
        sentence: Whether the vote is better than the best member, in words.
        note: How the best member was found.
    """

    rows: list[dict[str, Any]]
    best: int
    disagreement: float
    mends: np.ndarray | None
    breaks: np.ndarray | None
    sentence: str
    note: str

    def table(self) -> Leaderboard:
        """The scores as a table, intervals left out."""
        shown = [name for name in self.rows[0] if not name.endswith(("_low", "_high"))]
        return Leaderboard({name: [row[name] for row in self.rows] for name in shown})

    def __str__(self) -> str:
        return f"{self.table()}\n{self.sentence} {self.note}"


def evaluate_vote(
    vote: keras.Model,
    x: Any,
    y: Any = None,
    *,
    task: str = "auto",
    best: int | None = None,
    confidence: float = 0.95,
    batch_size: int = 256,
    seed: int = 0,
) -> VoteReport:
    """Scores of a vote, of each member and of the mean member, and the rows whose answers the vote fixes and breaks.

    Classes: accuracy, NLL (nats), Brier score and expected calibration error (15 bins); quantities: R2 and RMSE.
    Intervals are percentile bootstraps over rows. All answers come from one pass through one graph.

    Args:
        vote: A model that `tw.vote` made, reloaded or not, whose output is not `"label"`.
        x: Rows, or a `Split`, as `splits.test.open("final evaluation")` gives it.
        y: Targets: class numbers, one-hot rows, 0 and 1, or quantities.
        task: `"multiclass"`, `"binary"`, `"multilabel"`, `"regression"`, or found from outputs and targets.
        best: Number of the member to compare with, as chosen on validation rows; by default the one with the best
            NLL (or MSE) on these rows, which favours the member.
        confidence: Of the intervals, in (0, 1).
        batch_size: Rows of a batch, >= 1.
        seed: Decides the bootstrap's draws.

    Returns:
        The `VoteReport`.

    Raises:
        TypeError: `vote` is no Keras model.
        ValueError: The model is no vote, rows and targets do not fit, there are no rows, or a member outputs NaN
            (it is named).

    Reference: McNemar 1947 (vote against best member); Guo et al. 2017, arXiv:1706.04599.

    Example:

    >>> from trainwise.toolkit.ensembles.votes import vote
    >>> members = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax")]) for _ in range(2)]
    >>> report = evaluate_vote(vote(members), np.eye(2), [0, 2])
    >>> [row["name"] for row in report.rows]
    ['vote', 'member_0', 'member_1', 'mean member']
    """
    one_of("task", task, _TASKS)
    number("confidence", confidence, 0, 1, open_low=True, open_high=True)
    whole_number("batch_size", batch_size, low=1)
    seed_of("seed", seed)
    refuse_unusable_rows(x, y)
    if y is None and hasattr(x, "x") and hasattr(x, "y"):
        x, y = x.x, x.y
    joined, answers = _answers(vote, x, batch_size)
    names = list(answers)
    if best is not None and whole_number("best", best, low=0) >= len(names):
        raise ValueError(f"`best` must be a member, 0 to {len(names) - 1}, got {best}.")
    for name, values in answers.items():
        _refuse_nan(name, values)
    _refuse_nan("the vote", joined)
    if y is None or len(np.asarray(y)) != len(joined) or not len(joined):
        raise ValueError(f"`y` must hold a target for each of {len(joined)} rows, and there must be one row at least.")
    task = _task_of(vote, joined, y) if task == "auto" else task
    made = _quantities if task == "regression" else _classes
    return made(joined, answers, np.asarray(y), task, best, confidence, seed)


def _answers(vote: keras.Model, x: Any, batch_size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if not isinstance(vote, keras.Model):
        raise TypeError(f"`vote` must be a Keras model, got {type(vote).__name__}.")
    layers = {layer.name: layer for layer in vote.layers}
    numbers = sorted(int(name[7:]) for name in layers if name.startswith("answer_") and name[7:].isdigit())
    main = next((name for name in ("probabilities", "values") if name in layers), None)
    if not numbers or main is None:
        raise ValueError(
            f"{vote.name!r} is no vote with probabilities or values: make one with `tw.vote(models)`, not "
            "`output='label'`."
        )
    outputs = {f"member_{k}": layers[f"answer_{k}"].output for k in numbers} | {"vote": layers[main].output}
    # Keras 3 says that dictionaries of outputs and inputs must match in kind, not in name.
    together = keras.Model(input_structure(vote), outputs)
    found = batch_answers(together, x, batch_size)
    return found.pop("vote"), found


def _refuse_nan(name: str, values: np.ndarray) -> None:
    broken = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if broken.size:
        raise ValueError(f"{name} outputs NaN or infinite values in {broken.size} rows, the first in row {broken[0]}.")


def _task_of(vote: keras.Model, joined: np.ndarray, y: Any) -> str:
    if "values" in vote.output_names or any(layer.name == "values" for layer in vote.layers):
        return "regression"
    if joined.shape[-1] == 1:
        return "binary"
    sums_to_one = np.allclose(joined.sum(axis=-1), 1, atol=1e-3)
    # Class numbers have an axis less; one-hot rows look like labels, so the answers decide.
    return "multiclass" if np.ndim(y) < joined.ndim or sums_to_one else "multilabel"


def _classes(
    joined: np.ndarray,
    answers: dict[str, np.ndarray],
    y: np.ndarray,
    task: str,
    best: int | None,
    confidence: float,
    seed: int,
) -> VoteReport:
    exclusive = task == "multiclass"
    targets = truth(joined, y)
    scores = {name: row_scores(values, targets, exclusive) for name, values in (("vote", joined), *answers.items())}
    gaps = {name: calibration_gaps(values, targets, exclusive) for name, values in (("vote", joined), *answers.items())}
    rows = [_row(name, with_intervals(scores[name], gaps[name], confidence, _RESAMPLES, seed)) for name in scores]
    members = list(answers)
    mean = {key: np.mean([scores[name][key] for name in members], axis=0) for key in ("accuracy", "nll", "brier")}
    average = with_intervals(mean, None, confidence, _RESAMPLES, seed)
    # A mean of calibration errors has no rows of its own to draw from.
    errors = [row["ece"] for row in rows[1:]]
    rows.append(_row("mean member", {**average, "ece": (float(np.mean(errors)), min(errors), max(errors))}))
    chosen = best if best is not None else int(np.argmin([scores[name]["nll"].mean() for name in members]))
    # A row of several labels counts as right only where all are.
    right, best_right = scores["vote"]["accuracy"] == 1, scores[members[chosen]]["accuracy"] == 1
    compared = [Answers("best member", answers[members[chosen]]), Answers("vote", joined)]
    flat, kind = _flattened(compared, targets, exclusive)
    words = evaluate(flat, kind[0], kind[1], "vote", seed)["sentence"]
    labels = [values.argmax(axis=-1) if exclusive else values > 0.5 for values in answers.values()]
    return VoteReport(
        rows,
        chosen,
        _pairwise(labels),
        np.flatnonzero(right & ~best_right),
        np.flatnonzero(best_right & ~right),
        words,
        _note(members[chosen], best),
    )


def _flattened(compared: list[Answers], targets: np.ndarray, exclusive: bool) -> tuple[list[Answers], Any]:
    """Answers and targets as the comparison of two models takes them: one answer a row."""
    if not exclusive and targets.shape[-1] > 1:
        return [Answers(one.name, one.values.reshape(len(targets), -1)) for one in compared], (
            targets.reshape(len(targets), -1),
            "multilabel",
        )
    width = targets.shape[-1]
    flat = [one.values.reshape(-1, width) for one in compared]
    if not exclusive:
        return [Answers(one.name, values[:, 0]) for one, values in zip(compared, flat, strict=True)], (
            targets.ravel(),
            "binary",
        )
    named = [Answers(one.name, values) for one, values in zip(compared, flat, strict=True)]
    return named, (targets.reshape(-1, width).argmax(axis=1), "multiclass")


def _quantities(
    joined: np.ndarray,
    answers: dict[str, np.ndarray],
    y: np.ndarray,
    task: str,
    best: int | None,
    confidence: float,
    seed: int,
) -> VoteReport:
    count = len(joined)
    flat = {name: values.reshape(count, -1).astype("float64") for name, values in (("vote", joined), *answers.items())}
    targets = y.reshape(count, -1).astype("float64")
    if targets.shape != flat["vote"].shape:
        raise ValueError(f"`y` of shape {y.shape} does not fit answers of shape {joined.shape}.")
    squares = {name: np.mean((values - targets) ** 2, axis=1) for name, values in flat.items()}
    members = list(answers)
    lost = {name: r2_losses(values, targets) for name, values in flat.items()}
    for sums in (squares, lost):
        sums["mean member"] = np.mean([sums[name] for name in members], axis=0)
    rows = []
    for name, values in squares.items():
        found = with_intervals({"mse": values, "lost": lost[name]}, None, confidence, _RESAMPLES, seed)
        root = tuple(float(np.sqrt(one)) for one in found["mse"])
        # The spread of the targets is taken as known; a draw of its own would count it twice.
        value, low, high = found["lost"]
        rows.append(_row(name, {"r2": (1 - value, 1 - high, 1 - low), "rmse": root}))
    chosen = best if best is not None else int(np.argmin([squares[name].mean() for name in members]))
    compared = [Answers("best member", flat[members[chosen]]), Answers("vote", flat["vote"])]
    words = evaluate(compared, targets, "regression", "vote", seed)["sentence"]
    errors = np.array([(flat[name] - targets).ravel() for name in members])
    return VoteReport(rows, chosen, _correlation(errors), None, None, words, _note(members[chosen], best))


def _row(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    for score, (value, low, high) in scores.items():
        found |= {score: value, f"{score}_low": low, f"{score}_high": high}
    return found


def _pairwise(labels: list[np.ndarray]) -> float:
    pairs = [np.mean(a != b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
    return float(np.mean(pairs)) if pairs else 0.0


def _correlation(errors: np.ndarray) -> float:
    # Without spread there is no correlation; equal errors count as the same.
    if len(errors) < 2 or np.any(errors.std(axis=1) == 0):
        return 1.0
    table = np.corrcoef(errors)
    return float(table[np.triu_indices(len(errors), 1)].mean())


def _note(name: str, best: int | None) -> str:
    if best is not None:
        return f"The best member, {name}, was given."
    return f"The best member, {name}, was found on these very rows, which favours it."
