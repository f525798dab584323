"""What a constant, a linear model and gradient boosting reach on the same splits: the marks beside every network."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from ..toolkit.data import Split
from ..toolkit.data.columns import Column
from ..toolkit.data.dates import days_of, parsed
from ..toolkit.data.splits import take
from ..toolkit.ensembles.evaluation import Answers, evaluate
from ..toolkit.models.table_encoder import Layout
from ..toolkit.tasks import Task

# Rows times stored values of a row times outputs: what a fit takes at most. More rows are drawn from.
_MOST_VALUES = 20_000_000
# Boosting has so many bins; one is left for what is rare or missing.
_MOST_CATEGORIES = 254
_MOST_TERMS = 200
_ITERATIONS = 200
# Threads that wait for one another take longer than such a table does, the more so where others work too.
_VALUES_PER_THREAD = 1_000_000

Predict = Callable[[Any, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reference:
    """A simple model that was fitted to the training rows.

    Args:
        name: What it is.
        predict: From raw rows and features to answers, as the network gives them.
        seconds: What its fit took.
        note: What was left out, in words.
    """

    name: str
    predict: Predict
    seconds: float
    note: str = ""


def fit_references(
    raw: Split,
    features: np.ndarray,
    task: Task,
    columns: Sequence[Column] = (),
    layout: Layout | None = None,
    seed: int = 0,
    balanced: bool = False,
) -> list[Reference]:
    """Fits a constant, a linear model and gradient boosting.

    The linear model takes the features that the network takes, categories one by one; boosting takes the raw columns,
    gaps and categories as they are. Both are scikit-learn's, at its own settings. Where rows, features and classes are
    so many that it would take long, they are fitted to a part of the rows, and the note says so.

    Args:
        raw: Training rows as read.
        features: The same as the network takes them, `(rows, ...)`.
        task: The task.
        columns: Of a table, what its columns are.
        layout: Of a table, what its features are.
        seed: Decides which rows are drawn, and boosting's own draws.
        balanced: Whether classes are weighed alike.

    Example:

    >>> x = np.arange(60.0, dtype="float32")[:, None]
    >>> found = fit_references(Split(x, (x[:, 0] > 30).astype(int)), x, "binary")
    >>> [one.name for one in found], found[0].predict(x, x)[:2].round(2).tolist()
    (['constant', 'linear model', 'gradient boosting'], [0.48, 0.48])
    """
    y = raw.y
    outputs = int(y.max()) + 1 if task == "multiclass" else (y.shape[1] if y.ndim == 2 else 1)
    found = [timed("constant", lambda: _constant(y, task, outputs))]
    linear = _Features(layout)
    found.append(timed("linear model", lambda: _linear(linear, features, y, task, outputs, seed, balanced)))
    if task == "multilabel" or (outputs > 1 and task == "regression"):
        return found
    prepare = _Columns(raw.x, columns, layout, features)
    found.append(
        timed("gradient boosting", lambda: _boosting(prepare, raw.x, features, y, task, outputs, seed, balanced))
    )
    return found


def boosted_windows(raw: Split, seed: int = 0) -> Reference:
    """Gradient boosting of windows that answer one value.

    Args:
        raw: Training windows `(rows, window, channels)`.
        seed: Decides which rows are drawn, and boosting's own draws.
    """
    x = np.asarray(raw.x)
    prepare = _Columns(x, (), None, x)
    return timed("gradient boosting", lambda: _boosting(prepare, x, x, raw.y, "regression", 1, seed))


def timed(name: str, fit: Callable[[], tuple[Predict, str]]) -> Reference:
    """A reference with the seconds of its fit."""
    start = time.perf_counter()
    predict, note = fit()
    return Reference(name, predict, round(time.perf_counter() - start, 3), note)


def _constant(y: np.ndarray, task: Task, outputs: int) -> tuple[Predict, str]:
    answer = np.bincount(y.astype(int), minlength=outputs) / len(y) if task == "multiclass" else y.mean(axis=0)
    return lambda raw, features: np.broadcast_to(answer, (len(features), *np.shape(answer))), ""


def _rows(count: int, width: int, outputs: int, seed: int) -> tuple[np.ndarray, str]:
    most = max(1_000, _MOST_VALUES // max(1, width * outputs))
    if count <= most:
        return np.arange(count), ""
    return np.random.default_rng(seed).permutation(count)[:most], f"fitted to {most:,} of {count:,} training rows"


class _Features:
    """The features that the network takes, as a linear model takes them: terms and categories as sparse float32."""

    def __init__(self, layout: Layout | None) -> None:
        self._layout = layout
        self._sparse = layout is not None and bool(layout.embeddings or layout.text)

    def __call__(self, features: np.ndarray) -> Any:
        flat = features.reshape(len(features), -1)
        if self._layout is None:
            return flat.astype("float64")
        straight = np.concatenate(self._straight(flat), axis=1)
        if not self._sparse:
            return straight.astype("float64")
        parts = [scipy.sparse.csr_matrix(straight)]
        rows, first = np.arange(len(flat)), self._layout.plain + self._layout.text
        for place, (size, _) in enumerate(self._layout.embeddings):
            numbers = np.clip(np.round(flat[:, first + place] * size), 0, size - 1).astype(int)
            ones = np.ones(len(flat), dtype="float32")
            parts.append(scipy.sparse.csr_matrix((ones, (rows, numbers)), shape=(len(flat), size)))
        return scipy.sparse.hstack(parts).tocsr()

    def values_of_a_row(self, features: np.ndarray) -> int:
        """How many are stored of a row, on average."""
        flat = features.reshape(len(features), -1)
        if self._layout is None:
            return flat.shape[1]
        parts = self._straight(flat)
        if not self._sparse:
            return sum(part.shape[1] for part in parts)
        stored = sum(int(np.count_nonzero(part)) for part in parts)
        return -(-stored // len(flat)) + len(self._layout.embeddings)

    def _straight(self, flat: np.ndarray) -> list[np.ndarray]:
        # With the intervals it would bend, and be no linear model any more.
        layout = self._layout or Layout(flat.shape[1])
        first, end = layout.intervals
        return [flat[:, :first], flat[:, end : layout.plain + layout.text]]


def _linear(
    prepare: _Features,
    features: np.ndarray,
    y: np.ndarray,
    task: Task,
    outputs: int,
    seed: int,
    balanced: bool = False,
) -> tuple[Predict, str]:
    at, note = _rows(len(features), prepare.values_of_a_row(features), outputs, seed)
    x, y = prepare(features[at]), y[at]
    # Arrays that are no table come as they are.
    center, scale = (0.0, 1.0) if scipy.sparse.issparse(x) else (x.mean(axis=0), x.std(axis=0))
    scale = np.where(scale == 0, 1.0, scale)

    def scaled(rows: Any) -> Any:
        return rows if scipy.sparse.issparse(rows) else (rows - center) / scale

    classes = task in ("binary", "multiclass")
    model = (
        LogisticRegression(max_iter=_ITERATIONS, class_weight="balanced" if balanced else None)
        if classes
        else Ridge(1.0)
    )
    with warnings.catch_warnings():
        # A fit that is cut short is a mark as well.
        warnings.simplefilter("ignore")
        model.fit(scaled(x), y)

    def predict(raw: Any, rows: np.ndarray) -> np.ndarray:
        given = scaled(prepare(rows))
        if classes:
            return _probabilities(model, given, task, outputs)
        answers: np.ndarray = model.predict(given)
        return answers

    return predict, note


def _probabilities(model: Any, x: Any, task: Task, outputs: int) -> np.ndarray:
    found = np.asarray(model.predict_proba(x))
    if task == "binary":
        return found[:, 1]
    # A class that a part of the rows lacks is never answered.
    whole = np.zeros((len(found), outputs))
    whole[:, model.classes_.astype(int)] = found
    return whole


class _Columns:
    """Raw rows as boosting takes them: numbers with gaps, categories as codes, dates as their parts."""

    def __init__(self, x: Any, columns: Sequence[Column], layout: Layout | None, features: np.ndarray) -> None:
        self.columns = [column for column in columns if column.used] if isinstance(x, dict) else []
        self.layout = layout
        self.known = {
            column.name: {
                word: code
                for code, word in enumerate(pd.Series(x[column.name]).value_counts().index[:_MOST_CATEGORIES])
            }
            for column in self.columns
            if column.kind in ("category", "ordered", "boolean")
        }
        self.categorical: list[bool] = []

    def __call__(self, x: Any, features: np.ndarray) -> np.ndarray:
        if not isinstance(x, dict):
            return np.asarray(x).reshape(len(x), -1)
        parts: list[np.ndarray] = []
        self.categorical = []
        for column in self.columns:
            values = x[column.name]
            if column.name in self.known:
                added = [pd.Series(values).map(self.known[column.name]).to_numpy("float64")]
            elif column.kind == "date":
                times = parsed(pd.Series(values, dtype=object), column.date_format)
                parts_of = (times.dt.year, times.dt.month, times.dt.day_of_year, times.dt.day_of_week, times.dt.hour)
                added = [one.to_numpy("float64") for one in (days_of(times), *parts_of)]
            elif column.kind == "text":
                continue
            else:
                added = [np.asarray(values, "float64")]
            parts += added
            self.categorical += [column.name in self.known] * len(added)
        if self.layout and self.layout.text:
            # Terms stand by how often they occur.
            terms = features[:, self.layout.plain : self.layout.plain + min(self.layout.text, _MOST_TERMS)]
            parts += list(terms.T)
            self.categorical += [False] * terms.shape[1]
        return np.column_stack(parts)


def _boosting(
    prepare: _Columns,
    x: Any,
    features: np.ndarray,
    y: np.ndarray,
    task: Task,
    outputs: int,
    seed: int,
    balanced: bool = False,
) -> tuple[Predict, str]:
    width = prepare(take(x, slice(1)), features[:1]).shape[1]
    at, note = _rows(len(features), width, outputs, seed)
    table = prepare(take(x, at), features[at])
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    weighed = {"class_weight": "balanced"} if balanced else {}
    model = kind(categorical_features=prepare.categorical or None, random_state=seed, **weighed)
    with _few_threads(table.size):
        model.fit(table, y[at])

    def predict(raw: Any, rows: np.ndarray) -> np.ndarray:
        given = prepare(raw, rows)
        with _few_threads(given.size):
            if task != "regression":
                return _probabilities(model, given, task, outputs)
            answers: np.ndarray = model.predict(given)
            return answers

    return predict, note


def _few_threads(values: int) -> Any:
    # A system that does not tell what libraries are loaded has boosting take the threads that it takes.
    try:
        return threadpool_limits(1 if values < _VALUES_PER_THREAD else None, user_api="openmp")
    except OSError:
        return nullcontext()


def compared(
    references: Sequence[Reference],
    raw: Split,
    features: np.ndarray,
    task: Task,
    network: Answers,
    seed: int = 0,
    balanced: bool = False,
) -> dict[str, Any]:
    """What the references reach on the test rows, beside the network.

    Args:
        references: Fitted to the training rows.
        raw: Test rows as read.
        features: The same as the network takes them.
        task: The task.
        network: What the network answers to them.
        seed: Decides the bootstrap's draws.
        balanced: Whether classes count alike.

    Returns:
        Plain values for the report: `metric`, `results` with seconds each, and a `sentence`.

    Example:

    >>> x = np.arange(60.0, dtype="float32")[:, None]
    >>> rows = Split(x, (x[:, 0] > 30).astype(int))
    >>> right = Answers("vote", rows.y.astype(float))
    >>> compared(fit_references(rows, x, "binary"), rows, x, "binary", right)["sentence"]
    'The network is not better than the linear model: it fixes 0 and breaks 0 of 60 answers.'
    """
    answers = [Answers(one.name, one.predict(raw.x, features)) for one in references]
    measured = evaluate(answers, raw.y, task, network.name, seed, balanced)
    results = [
        {"name": one.name, "value": result["value"], "low": result["low"], "high": result["high"],
         "seconds": one.seconds, "note": one.note, "classes": result.get("classes", "")}
        for one, result in zip(references, measured["results"], strict=True)
    ]  # fmt: skip
    best = max(range(len(results)), key=lambda place: results[place]["value"])
    # The same rows were asked, so the two are compared row by row.
    pair = evaluate([answers[best], Answers("network", network.values)], raw.y, task, network.name, seed, balanced)
    sentence = str(pair["sentence"]).replace("the best member", f"the {answers[best].name}")
    if pair["results"][1]["value"] < pair["results"][0]["value"]:
        sentence += f" On rows like these the {answers[best].name} serves as well."
    return {"metric": measured["metric"], "results": results, "sentence": sentence}
