"""What is wrong with a table before any model: leaks, gaps, duplicates, imbalance, drift between splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .columns import Column
from .dates import days_of, parsed
from .sources import Inputs
from .splits import Split, Splits

# A column alone that explains so much of the target is rather told by it than telling it.
LEAK = 0.98
_MANY_GAPS = 0.5
_DUPLICATES = 0.01
_FEWEST_SHARE = 0.1
# Distance of two distributions, and how unlikely it must be, before it is told.
_DRIFT, _CHANCE = 0.2, 1e-4
_LEAVES = 64
_MOST_ROWS = 20_000
# A tree a column: of more columns none is grown.
_MOST_COLUMNS = 500


def table_warnings(splits: Splits) -> list[str]:
    """What stands in the way of a good model, a sentence each, the worst first.

    Only training and validation rows are looked at: what is found in the test rows would be a choice by them. How far
    the test rows drift is told, for that is no choice.

    Args:
        splits: A table's.

    Example:

    >>> from .splits import load
    >>> size = np.tile(np.arange(40.0), 5)
    >>> table = pd.DataFrame({"size": size, "inch": size / 2.54})
    >>> table_warnings(load(table))[0][:62]
    "'size' is a copy of the target 'inch': alone it explains 100.0"
    """
    columns = _matrix(splits.train.x, splits.columns, splits.features)
    return [
        *leaks(splits),
        *_gaps(splits),
        *_duplicates(splits.train, splits.validation),
        *_imbalance(splits),
        *_drift(columns, _matrix(splits.validation.x, splits.columns, splits.features)),
    ]


def table_lines(splits: Splits) -> list[str]:
    r"""What a table is and what is wrong with it, in lines.

    Args:
        splits: A table's, or any other rows.

    Example:

    >>> from .splits import load
    >>> print("\n".join(table_lines(load("iris"))))
    iris: multiclass, target 'target'; 102 rows to train, 24 to validate, 24 sealed for the test
    Nothing stands in the way of a fit.
    """
    held = f"{len(splits.validation)} to validate, {len(splits.test)} sealed for the test"
    parts = f"{len(splits.train)} rows to train, {held}"
    classes = [f"classes: {', '.join(splits.classes[:10])}"] if splits.classes and splits.columns else []
    warnings = [f"warning: {line}" for line in table_warnings(splits)]
    return [
        f"{splits.name}: {splits.task}, target {splits.target!r}; {parts}",
        *classes,
        *splits.notes,
        *(f"  {column.said}" for column in splits.columns),
        *(warnings or ["Nothing stands in the way of a fit."]),
    ]


def leaks(splits: Splits) -> list[str]:
    """The columns that alone explain almost all of the target, a warning each, with the share.

    The share is measured on validation rows, by a tree of the one column: of the variance of a quantity, or of the
    errors that the commonest class makes.

    Args:
        splits: A table's.

    Example:

    >>> from .splits import load
    >>> kinds = ["a", "b"] * 50
    >>> table = pd.DataFrame({"code": [1, 2] * 50, "other": np.arange(100) % 7, "kind": kinds})
    >>> [line.split(":")[0] for line in leaks(load(table))]
    ["'code' is a copy of the target 'kind'"]
    """
    used = sum(column.used for column in splits.columns)
    if splits.train.y.ndim > 1 or not 0 < used <= _MOST_COLUMNS:
        return []
    train = _matrix(splits.train.x, splits.columns, splits.features, splits.train.y)
    held = _matrix(splits.validation.x, splits.columns, splits.features, splits.train.y, splits.train.x)
    found = []
    for name in train:
        share, copied = _share(train[name], held[name], splits)
        if share >= LEAK:
            what = f"is a copy of the target {splits.target!r}" if copied else f"tells the target {splits.target!r}"
            found.append(
                f"{name!r} {what}: alone it explains {share:.1%} of it. Where it is not known before the target is, "
                f"leave it out with `drop` (`--drop {name!r}` on the command line)."
            )
    return found


def _share(values: np.ndarray, held: np.ndarray, splits: Splits) -> tuple[float, bool]:
    y, truth = splits.train.y, splits.validation.y
    at = np.random.default_rng(0).permutation(len(y))[:_MOST_ROWS]
    regression = splits.task == "regression"
    kind = DecisionTreeRegressor if regression else DecisionTreeClassifier
    # A quantity needs a leaf for nearly each value.
    tree = kind(max_leaf_nodes=max(_LEAVES, len(y) // 4) if regression else _LEAVES, min_samples_leaf=2)
    tree.fit(values[at, None], y[at])
    answers = tree.predict(held[:, None])
    if regression:
        variance = float(np.var(truth))
        share = 1 - float(np.mean((answers - truth) ** 2)) / variance if variance else 0.0
        line = abs(np.corrcoef(np.nan_to_num(values), y)[0, 1]) if np.ptp(np.nan_to_num(values)) > 0 else 0.0
        return max(share, float(line**2) if line > 0.9999 else 0.0), bool(line > 0.999999)
    commonest = float(np.bincount(y.astype(int)).max() / len(y))
    missed = 1 - float(np.mean(truth == np.argmax(np.bincount(y.astype(int)))))
    share = 1 - float(np.mean(answers != truth)) / missed if missed and commonest < 1 else 0.0
    return share, share == 1 and len(np.unique(values[~np.isnan(values)])) == len(np.unique(y))


def _matrix(
    x: Inputs, columns: Any, features: tuple[str, ...], y: np.ndarray | None = None, of: Inputs | None = None
) -> dict[str, np.ndarray]:
    """Each column as numbers: dates as days, words as codes, in the order of the mean target where that is given."""
    named: Mapping[str, np.ndarray] = (
        x if isinstance(x, dict) else {name: x[:, place] for place, name in enumerate(features)} if x.ndim == 2 else {}
    )
    kinds = {column.name: column for column in columns}
    found = {}
    for name, values in named.items():
        if values.dtype != object:
            found[name] = values.astype("float64")
            continue
        column: Column | None = kinds.get(name)
        if column is not None and column.kind == "date":
            times = parsed(pd.Series(values, dtype=object), column.date_format)
            found[name] = days_of(times).to_numpy("float64")
            continue
        if column is not None and column.kind == "text":
            continue
        source = of[name] if isinstance(of, dict) else values
        if y is not None and len(source) == len(y):
            order = pd.Series(y).groupby(pd.Series(source, dtype=object)).mean().sort_values().index
        else:
            order = pd.Index(sorted(set(source)))
        found[name] = pd.Series(values).map({word: code for code, word in enumerate(order)}).to_numpy("float64")
    return found


def _gaps(splits: Splits) -> Iterator[str]:
    rows = len(splits.train) + len(splits.validation) + len(splits.test)
    for column in splits.columns:
        if column.used and column.gaps > _MANY_GAPS * rows:
            yield f"{column.name!r} has gaps in {column.gaps / rows:.0%} of the rows."


def _keys(split: Split) -> np.ndarray:
    if isinstance(split.x, dict):
        return pd.util.hash_pandas_object(pd.DataFrame(split.x), index=False).to_numpy()
    return pd.util.hash_pandas_object(pd.DataFrame(split.x.reshape(len(split), -1)), index=False).to_numpy()


def _duplicates(train: Split, validation: Split) -> Iterator[str]:
    own, held = _keys(train), _keys(validation)
    repeated = len(own) - len(np.unique(own))
    if repeated > _DUPLICATES * len(own):
        yield f"{repeated} of {len(own)} training rows repeat another in all columns."
    shared = int(np.isin(held, own).sum())
    if shared > _DUPLICATES * len(held):
        yield (
            f"{shared} of {len(held)} validation rows stand among the training rows too: what is measured on them is "
            "too good. Leave duplicates out, or keep them together by `group`."
        )


def _imbalance(splits: Splits) -> Iterator[str]:
    if splits.task not in ("binary", "multiclass") or not splits.classes:
        return
    counts = np.bincount(splits.train.y.astype(int), minlength=len(splits.classes))
    rare = int(counts.argmin())
    if counts[rare] < _FEWEST_SHARE * len(splits.train) / (len(counts) / 2):
        common = int(counts.argmax())
        yield (
            f"Class {splits.classes[rare]!r} has {counts[rare]} of {len(splits.train)} training rows "
            f"({counts[rare] / len(splits.train):.1%}): to answer {splits.classes[common]!r} always is right in "
            f"{counts[common] / len(splits.train):.1%}, so accuracy says little."
        )


def _drift(train: dict[str, np.ndarray], held: dict[str, np.ndarray]) -> Iterator[str]:
    for name, values in train.items():
        first, second = values[~np.isnan(values)], held[name][~np.isnan(held[name])]
        if len(first) < 20 or len(second) < 20:
            continue
        result = ks_2samp(first, second)
        if result.statistic > _DRIFT and result.pvalue < _CHANCE / len(train):
            yield (
                f"{name!r} differs between training and validation rows (Kolmogorov-Smirnov distance "
                f"{result.statistic:.2f}): the model is asked for what it did not learn from."
            )
