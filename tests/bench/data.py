"""Real data, as it comes: `run` with nothing set, beside boosting, a linear model and a plain Keras model.

`python tests/bench/data.py [SET ...] [--seeds N]`. All ways take the same rows of the same splits; each runs in a
process of its own, so that seconds (reading left out) and peak memory are its own. A way is level with the best where
it is within one standard error of it: of the bootstrap over the test rows, a mean over the seeds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from data_sets import SETS, DataSet
from threadpoolctl import threadpool_limits

WAYS = ("trainwise", "boosting", "linear", "keras")
_RESAMPLES = 200
_MOST_CATEGORIES = 254
_VALUES_PER_THREAD = 1_000_000


def score(metric: str, y: np.ndarray, answers: np.ndarray) -> float:
    """Accuracy, area under the ROC curve, or R2."""
    from sklearn.metrics import r2_score, roc_auc_score

    if metric == "accuracy":
        found = answers.argmax(axis=1) if answers.ndim == 2 else answers > 0.5
        return float(np.mean(found == y))
    return float((roc_auc_score if metric == "AUC" else r2_score)(y, answers))


def standard_error(metric: str, y: np.ndarray, answers: np.ndarray) -> float:
    """Of the score, by the bootstrap over the rows."""
    generator = np.random.default_rng(0)
    draws = (generator.integers(0, len(y), len(y)) for _ in range(_RESAMPLES))
    return float(np.std([score(metric, y[at], answers[at]) for at in draws if len(np.unique(y[at])) > 1]))


def one(name: str, way: str, seed: int, out: Path) -> None:
    """One way on one set: its answers to the test rows, its seconds and its memory."""
    import trainwise as tw

    known: DataSet = SETS[name]
    source = known.read()
    splits = tw.data.load(source, seed=seed, **known.options)
    start = time.perf_counter()
    if way == "trainwise":
        answers, y, parts = _trainwise(source, known.options, seed)
    else:
        train, validation, test = splits.train, splits.validation, splits.test.open("benchmark")
        fit = {"boosting": _boosting, "linear": _linear, "keras": _keras}[way]
        answers, y, parts = fit(splits, train, validation, test, seed), test.y, {}
    seconds = time.perf_counter() - start
    y, answers = np.ravel(y), answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers
    found = {
        "score": score(known.metric, y, answers),
        "error": standard_error(known.metric, y, answers),
        "seconds": seconds,
        "GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "rows": len(splits.train),
        **parts,
    }
    out.write_text(json.dumps(found))


def _trainwise(source: Any, options: dict[str, Any], seed: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    from trainwise.toolkit.models.columns_in import model_inputs
    from trainwise.tuning.data_options import DataOptions
    from trainwise.tuning.main_job import Job, Settings

    with tempfile.TemporaryDirectory() as folder:
        read = DataOptions(**options)
        job = Job(source, folder, Settings(seed=seed), read, say=lambda line: print(line, file=sys.stderr))
        result = job.run()
    with warnings.catch_warnings():
        # Opened a second time, for the answers themselves.
        warnings.simplefilter("ignore")
        test = job.raw.test.open("benchmark")
    answers = np.asarray(result.model.predict(model_inputs(test.x), verbose=0))
    return answers, test.y, {"parts": result.report["seconds"]}


def _frame(splits: Any, rows: Any) -> pd.DataFrame:
    """Rows as pandas has them: gaps as NaN, words as objects, dates as their parts."""
    if not isinstance(rows.x, dict):
        return pd.DataFrame(np.asarray(rows.x).reshape(len(rows.y), -1)).add_prefix("f")
    kinds = {column.name: column for column in splits.columns if column.used}
    parts: dict[str, Any] = {}
    for name, values in rows.x.items():
        column = kinds[name]
        if column.kind == "date":
            when = pd.to_datetime(pd.Series(values).replace("", None), format="ISO8601", errors="coerce", utc=True)
            for part in ("year", "month", "dayofyear", "dayofweek", "hour"):
                parts[f"{name} {part}"] = getattr(when.dt, part).astype("float64")
        elif values.dtype == object:
            parts[name] = pd.Series(values, dtype=object).replace("", None) if column.kind != "text" else values
        else:
            parts[name] = values
    return pd.DataFrame(parts)


def _texts(splits: Any) -> list[str]:
    return [column.name for column in splits.columns if column.used and column.kind == "text"]


def _classes(splits: Any) -> bool:
    return splits.task != "regression"


def _answers(model: Any, x: Any, task: str) -> np.ndarray:
    if task == "regression":
        return np.asarray(model.predict(x))
    found = np.asarray(model.predict_proba(x))
    return found[:, 1] if task == "binary" else found


def _without_fill(splits: Any, rows: Any) -> Any:
    """Series of unequal length as flat rows: what is filled up is a gap."""
    from trainwise.toolkit.data.splits import Split

    x = rows.x
    if isinstance(x, dict) or not np.any(x == -1e9):
        return rows
    return Split(np.where(x == -1e9, np.nan, x), rows.y)


def _boosting(splits: Any, train: Any, validation: Any, test: Any, seed: int) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, test = (_without_fill(splits, rows) for rows in (train, test))
    x, later = _frame(splits, train), _frame(splits, test)
    for name in _texts(splits):
        terms = TfidfVectorizer(min_df=2).fit(x[name])
        small = TruncatedSVD(min(50, len(terms.vocabulary_) - 1), random_state=seed).fit(terms.transform(x[name]))
        x, later = (
            frame.drop(columns=name).join(pd.DataFrame(small.transform(terms.transform(frame[name]))).add_prefix(name))
            for frame in (x, later)
        )
    for name in x.columns[x.dtypes.map(lambda kind: not pd.api.types.is_numeric_dtype(kind))]:
        common = x[name].value_counts().index[:_MOST_CATEGORIES]
        x[name], later[name] = (pd.Categorical(frame[name], categories=common) for frame in (x, later))
    kind = HistGradientBoostingClassifier if _classes(splits) else HistGradientBoostingRegressor
    # Threads that wait for one another take longer than a small table does, the more so where others work too.
    with threadpool_limits(1 if x.size < _VALUES_PER_THREAD else None, user_api="openmp"):
        model = kind(categorical_features="from_dtype", random_state=seed).fit(x, np.ravel(train.y))
        return _answers(model, later, splits.task)


def _features(splits: Any, most_terms: int | None) -> Any:
    """The usual pipeline: gaps by the median and told, numbers standardised, categories one by one, words by TF-IDF."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    texts = _texts(splits)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = make_pipeline(
        FunctionTransformer(lambda frame: frame.astype(object).fillna("missing")),
        OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist"),
    )

    def categories(frame: pd.DataFrame) -> list[str]:
        return [name for name in make_column_selector(dtype_exclude="number")(frame) if name not in texts]

    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, categories),
            *((name, TfidfVectorizer(ngram_range=(1, 2), max_features=most_terms), name) for name in texts),
        ]
    )


def _linear(splits: Any, train: Any, validation: Any, test: Any, seed: int) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline

    train, test = (_without_fill(splits, rows) for rows in (train, test))
    model = LogisticRegression(max_iter=1000) if _classes(splits) else RidgeCV(np.logspace(-3, 3, 13))
    pipeline = make_pipeline(_features(splits, None), model).fit(_frame(splits, train), np.ravel(train.y))
    return _answers(pipeline, _frame(splits, test), splits.task)


def _keras(splits: Any, train: Any, validation: Any, test: Any, seed: int) -> np.ndarray:
    """What a tutorial writes: two layers of 64, Adam, batches of 32, 30 epochs, early stopping."""
    import keras

    keras.utils.set_random_seed(seed)
    y, held = (np.ravel(rows.y) for rows in (train, validation))
    center, scale = (y.mean(), y.std()) if not _classes(splits) else (0, 1)
    raw = not isinstance(train.x, dict) and np.ndim(train.x) > 2
    if raw:
        parts = [np.asarray(rows.x) for rows in (train, validation, test)]
        there = parts[0][parts[0] != -1e9]
        x, x_held, x_test = (np.where(part == -1e9, 0, (part - there.mean()) / there.std()) for part in parts)
    else:
        prepare = _features(splits, 2000).fit(_frame(splits, train))
        x, x_held, x_test = (_dense(prepare, splits, rows) for rows in (train, validation, test))
    layers: list[Any] = []
    if x.ndim == 4:
        layers = [keras.layers.Conv2D(32, 3, activation="relu"), keras.layers.MaxPooling2D(),
                  keras.layers.Conv2D(64, 3, activation="relu", padding="same"), keras.layers.Flatten()]  # fmt: skip
    elif x.ndim == 3:
        layers = [keras.layers.LSTM(64)]
    hidden = [keras.layers.Dense(64, activation="relu") for _ in range(1 if layers else 2)]
    units, end, loss = {
        "regression": (1, None, "mse"),
        "binary": (1, "sigmoid", "binary_crossentropy"),
        "multiclass": (len(splits.classes or ()), "softmax", "sparse_categorical_crossentropy"),
    }[splits.task]
    model = keras.Sequential([*layers, *hidden, keras.layers.Dense(units, activation=end)])
    model.compile("adam", loss)
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    model.fit(
        x, (y - center) / scale, batch_size=32, epochs=30, verbose=0, callbacks=[stop],
        validation_data=(x_held, (held - center) / scale),
    )  # fmt: skip
    return np.asarray(model.predict(x_test, verbose=0)) * scale + center


def _dense(prepare: Any, splits: Any, rows: Any) -> np.ndarray:
    found = prepare.transform(_frame(splits, rows))
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, "float32")


def measure(name: str, way: str, seeds: int) -> dict[str, Any]:
    """Means over the seeds, each in a process of its own."""
    found = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "found.json"
            command = [sys.executable, __file__, "--one", name, way, str(seed), str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            if not out.exists():
                return {"failed": done.stderr.strip().splitlines()[-1:]}
            found.append(json.loads(out.read_text()))
    numbers = ("score", "error", "seconds", "GiB", "rows")
    means = {key: float(np.mean([one[key] for one in found])) for key in numbers}
    return {**means, "scores": [one["score"] for one in found], "parts": found[0].get("parts")}


def level(results: dict[str, dict[str, Any]]) -> bool:
    """Whether trainwise is within one standard error of the best way, or better."""
    scores = {way: result["score"] for way, result in results.items() if "score" in result}
    best = max(scores, key=lambda way: scores[way])
    return scores["trainwise"] >= scores[best] - results[best]["error"]


def table(names: list[str], seeds: int, ways: tuple[str, ...] = WAYS) -> dict[str, Any]:
    """Each set's line is printed as soon as it is known."""
    print(f"| set (training rows) | score | {' | '.join(ways)} | one standard error | level or better |")
    print("|---|---|" + "---|" * (len(ways) + 2), flush=True)
    found: dict[str, Any] = {}
    for name in names:
        results = {way: measure(name, way, seeds) for way in ways}
        found[name] = results
        cells = [
            f"{one['score']:.3f}, {one['seconds']:.0f} s, {one['GiB']:.1f} GiB" if "score" in one else str(one)
            for one in results.values()
        ]
        known = [one for one in results.values() if "score" in one]
        if not known or "score" not in results.get("trainwise", {}):
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            continue
        best = max(known, key=lambda one: one["score"])
        told = "yes" if level(results) else "no"
        begin = f"| {name} ({best['rows']:,.0f}) | {SETS[name].metric}"
        print(f"{begin} | {' | '.join(cells)} | {best['error']:.3f} | {told} |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=4)
    given = parser.parse_args()
    if given.one:
        name, way, seed, out = given.one
        one(name, way, int(seed), Path(out))
        return
    found = table(given.sets or list(SETS), given.seeds, tuple(given.ways))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
