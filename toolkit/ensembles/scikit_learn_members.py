"""Fitted scikit-learn estimators as Keras models of the same answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..layers.decision_trees import DecisionTrees
from ..runtime.keras_internals import boosted_trees

# How far the Keras model may stand from the estimator, relative to answers above 1, before it is refused.
_ALIKE = 1e-4
_PROOF_ROWS = 256
_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax"}
_KNOWN = (
    "LogisticRegression, LinearRegression, Ridge, Lasso, ElasticNet, MLPClassifier, MLPRegressor, decision trees, "
    "random forests, extra trees, GradientBoosting and HistGradientBoosting without categories, alone or behind "
    "StandardScaler, MinMaxScaler or RobustScaler in a Pipeline"
)


def from_sklearn(estimator: Any) -> keras.Model:
    """A Keras model that answers as a fitted scikit-learn estimator does, so that it can vote and be exported.

    The weights or the trees are copied into layers, and the model is compared with the estimator on random rows before
    it is handed out. It is not meant to be trained on.

    Args:
        estimator: Fitted classifier or regressor over numbers: LogisticRegression, linear models, MLPs, decision
            trees, forests, gradient boosting; or a Pipeline of scalers that ends in one.

    Returns:
        A functional model of `(batch, features)` in float32. Of a classifier it outputs the probabilities
        `(batch, classes)` in the order of `estimator.classes_`, for two classes that of the second, `(batch, 1)`; of a
        regressor the values, `(batch, 1)` or `(batch, outputs)`.

    Raises:
        TypeError: There is no form for an estimator of this class.
        ValueError: It is not fitted, splits categories, or its answers could not be reproduced.

    Example:

    >>> from sklearn.linear_model import LogisticRegression
    >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> fitted = LogisticRegression().fit(x, y)
    >>> answers = from_sklearn(fitted).predict(x, verbose=0)
    >>> bool(np.allclose(answers[:, 0], fitted.predict_proba(x)[:, 1], atol=1e-6))
    True
    """
    from sklearn.base import is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    form = _form_of(steps[-1])
    try:
        check_is_fitted(steps[-1])
    except NotFittedError as reason:
        raise ValueError(f"`estimator` must be fitted first: `{type(estimator).__name__}(...).fit(x, y)`.") from reason
    features = int(steps[0].n_features_in_)
    inputs = keras.Input((features,), dtype="float32", name="inputs")
    values = inputs
    for step in steps[:-1]:
        values = _scaled(step, values)
    outputs = form(steps[-1], values)
    model = keras.Model(inputs, outputs, name=type(steps[-1]).__name__.lower())
    _prove(model, estimator, features, is_classifier(estimator))
    return model


def _form_of(estimator: Any) -> Callable[[Any, Any], Any]:
    for kind in type(estimator).__mro__:
        form = _FORMS.get(kind.__name__)
        if form is not None and kind.__module__.startswith("sklearn."):
            return form
    raise TypeError(f"`estimator` must be one of {_KNOWN}; got {type(estimator).__name__}.")


def _scaled(step: Any, values: Any) -> Any:
    if step == "passthrough":
        return values
    name = type(step).__name__
    if name == "StandardScaler":
        center, scale = step.mean_ if step.with_mean else 0.0, step.scale_ if step.with_std else 1.0
    elif name == "RobustScaler":
        center, scale = step.center_ if step.with_centering else 0.0, step.scale_ if step.with_scaling else 1.0
    elif name == "MinMaxScaler" and not step.clip:
        # It gives x * scale_ + min_.
        center, scale = -step.min_ / step.scale_, 1 / step.scale_
    else:
        raise TypeError(f"A step of the pipeline has no form: {step!r}. Known are {_KNOWN}.")
    width = int(step.n_features_in_)
    return _affine(values, np.diag(np.ones(width) / scale), -np.ones(width) * center / scale)


def _affine(values: Any, kernel: np.ndarray, bias: Any, activation: str = "linear") -> Any:
    layer = keras.layers.Dense(kernel.shape[1], activation=activation, dtype="float32", trainable=False)
    outputs = layer(values)
    layer.set_weights([kernel, np.broadcast_to(np.asarray(bias, "float64"), (kernel.shape[1],))])
    return outputs


def _linear(estimator: Any, values: Any) -> Any:
    coefficients = np.atleast_2d(estimator.coef_)
    return _affine(values, coefficients.T, estimator.intercept_)


def _logistic(estimator: Any, values: Any) -> Any:
    two = len(estimator.classes_) == 2
    coefficients = estimator.coef_
    # One row of coefficients speaks for the second of two classes.
    return _affine(values, coefficients.T, estimator.intercept_, "sigmoid" if two else "softmax")


def _network(estimator: Any, values: Any) -> Any:
    last = len(estimator.coefs_) - 1
    for place, (kernel, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        name = estimator.out_activation_ if place == last else estimator.activation
        values = _affine(values, kernel, bias, _ACTIVATIONS[name])
    return values


def _one_tree(estimator: Any, values: Any) -> Any:
    return _mean_of_trees([estimator], values)


def _forest(estimator: Any, values: Any) -> Any:
    return _mean_of_trees(estimator.estimators_, values)


def _mean_of_trees(trees: Sequence[Any], values: Any) -> Any:
    parts = []
    for one in trees:
        tree = one.tree_
        leaves = tree.value[:, 0, :] if hasattr(one, "classes_") else tree.value[:, :, 0]
        # Older versions of scikit-learn keep counts there, which proportions are as well.
        shares = leaves / leaves.sum(axis=1, keepdims=True) if hasattr(one, "classes_") else leaves
        parts.append(_arrays(tree, shares / len(trees)))
    outputs = _joined(parts)(values)
    two = hasattr(trees[0], "classes_") and outputs.shape[-1] == 2
    # The name by which a vote knows probabilities that no activation makes.
    return keras.layers.Identity(dtype="float32", name="probabilities")(outputs[:, 1:]) if two else outputs


def _boosting(estimator: Any, values: Any) -> Any:
    classes = len(getattr(estimator, "classes_", ()))
    width = classes if classes > 2 else 1
    parts = []
    for stage in estimator.estimators_:
        for column, one in enumerate(stage):
            leaves = np.zeros((one.tree_.node_count, width))
            leaves[:, column] = estimator.learning_rate * one.tree_.value[:, 0, 0]
            parts.append(_arrays(one.tree_, leaves))
    return _linked(_joined(parts), estimator, values, classes)


def _histogram_boosting(estimator: Any, values: Any) -> Any:
    classes = len(getattr(estimator, "classes_", ()))
    width = classes if classes > 2 else 1
    parts = []
    for stage in boosted_trees(estimator):
        for column, one in enumerate(stage):
            nodes = one.nodes
            if nodes["is_categorical"].any():
                raise ValueError(
                    "The trees split categories, which have no form here; fit with `categorical_features=None`."
                )
            leaves = np.zeros((len(nodes), width))
            leaves[:, column] = nodes["value"]
            leaf = nodes["is_leaf"].astype(bool)
            place = np.arange(len(nodes))
            parts.append({
                "feature": np.where(leaf, 0, nodes["feature_idx"]),
                "threshold": nodes["num_threshold"],
                "left": np.where(leaf, place, nodes["left"]),
                "right": np.where(leaf, place, nodes["right"]),
                "missing_left": nodes["missing_go_to_left"].astype(bool),
                "value": leaves,
                "depth": int(nodes["depth"].max()),
            })  # fmt: skip
    return _linked(_joined(parts), estimator, values, classes)


def _linked(trees: DecisionTrees, estimator: Any, values: Any, classes: int) -> Any:
    """The sum of the trees with what boosting starts from, through the function that makes answers of it."""
    row = np.zeros((1, int(estimator.n_features_in_)))
    whole = np.reshape(estimator.decision_function(row) if classes else estimator.predict(row), (1, -1))
    # What the trees do not add is where boosting began; a log-linear regression answers in exponentials.
    logarithmic = getattr(estimator, "loss", "") in ("poisson", "gamma")
    start = (np.log(whole) if logarithmic else whole) - ops.convert_to_numpy(trees(row))
    raw = trees(values) + ops.convert_to_tensor(start, "float32")
    if logarithmic:
        return ops.exp(raw)
    if not classes:
        return raw
    return keras.layers.Activation("softmax" if classes > 2 else "sigmoid", dtype="float32")(raw)


def _arrays(tree: Any, leaves: np.ndarray) -> dict[str, Any]:
    """The arrays of one tree of scikit-learn, its leaves their own children."""
    place, leaf = np.arange(tree.node_count), tree.children_left < 0
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return {
        "feature": np.where(leaf, 0, tree.feature),
        "threshold": tree.threshold,
        "left": np.where(leaf, place, tree.children_left),
        "right": np.where(leaf, place, tree.children_right),
        "missing_left": np.asarray(missing).astype(bool),
        "value": leaves,
        "depth": int(tree.max_depth),
    }


def _joined(parts: Sequence[dict[str, Any]]) -> DecisionTrees:
    sizes = [len(part["feature"]) for part in parts]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in ("feature", "threshold", "missing_left")}
    for name in ("left", "right"):
        arrays[name] = np.concatenate([part[name] + root for part, root in zip(parts, roots, strict=True)])
    value = np.concatenate([part["value"] for part in parts])
    return DecisionTrees.from_arrays(**arrays, value=value, roots=roots, depth=max(part["depth"] for part in parts))


def _prove(model: keras.Model, estimator: Any, features: int, classifies: bool) -> None:
    generator = np.random.default_rng(0)
    # Rows of many sizes, so that they fall on both sides of thresholds wherever these lie.
    rows = generator.normal(size=(_PROOF_ROWS, features)) * np.geomspace(0.1, 1000, _PROOF_ROWS)[:, None]
    rows = rows.astype("float32")
    if classifies:
        wanted = np.asarray(estimator.predict_proba(rows))
        wanted = wanted[:, 1:] if wanted.shape[1] == 2 else wanted
    else:
        wanted = np.reshape(estimator.predict(rows), (len(rows), -1))
    found = ops.convert_to_numpy(model(rows))
    difference = float(np.max(np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))))
    if found.shape != wanted.shape or not difference <= _ALIKE:
        raise ValueError(
            f"The answers of {type(estimator).__name__} could not be reproduced: they differ by {difference:.2g}."
        )


_FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "LogisticRegression": _logistic,
    "LinearRegression": _linear,
    "Ridge": _linear,
    "RidgeCV": _linear,
    "ElasticNet": _linear,
    "LassoCV": _linear,
    "ElasticNetCV": _linear,
    "BaseMultilayerPerceptron": _network,
    "BaseDecisionTree": _one_tree,
    "ForestClassifier": _forest,
    "ForestRegressor": _forest,
    "BaseGradientBoosting": _boosting,
    "BaseHistGradientBoosting": _histogram_boosting,
}
