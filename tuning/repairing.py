"""Mends a model that does not train: applies the advice of its findings to its configuration, with proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..callbacks.curve_watch import CurveWatch
from ..callbacks.gradient_watch import GradientWatch
from ..toolkit.checks import function_of, refuse_no_rows, seed_of, whole_number
from ..toolkit.data.holdout import held_out_places
from ..toolkit.data.sealing import refuse_sealed
from ..toolkit.diagnosis.baselines import simple_baseline
from ..toolkit.diagnosis.curves import binomial_error
from ..toolkit.diagnosis.findings import Advice, Finding, rank
from ..toolkit.models.batch_answers import batch_answers
from ..toolkit.models.reading import loss_name, structure_of
from ..toolkit.population import Leaderboard, fit_population
from ..toolkit.preflight import check
from ..toolkit.runtime.randomness import preserved
from ..toolkit.tasks import Task, find_task
from .model_repairs import Variant, in_units, rates_of, scaled, variants_of, without_rate

_UNREPAIRABLE = ("non_finite_data",)
# What Keras and TensorFlow raise where shapes or labels do not fit; such a program can still be mended.
_CANNOT_RUN: tuple[type[Exception], ...] = (ValueError, tf.errors.InvalidArgumentError)


@dataclass(frozen=True)
class Repair:
    """The outcome of `repair`.

    Args:
        model: The best model found, compiled and trained; the untouched one where nothing was better.
        changes: What was changed to get it; empty for the untouched one.
        rows: One dictionary a variant, in the order they were tried: `changes`, `learning_rate`,
            `score`, `loss`, `epochs` (of all its members together).
        metric: What `score` is: `"accuracy"`, or `"mean_squared_error"` for a quantity.
        findings: What was found wrong with the untouched program, surest first.
        sentence: The proof in a sentence.
    """

    model: keras.Model
    changes: tuple[Advice, ...]
    rows: list[dict[str, Any]]
    metric: str
    findings: list[Finding]
    sentence: str

    def table(self) -> Leaderboard:
        """The variants as a table: one list for each column."""
        return Leaderboard({name: [row[name] for row in self.rows] for name in self.rows[0]})

    def __str__(self) -> str:
        return f"{self.table()}\n{self.sentence}"


def repair(
    build_model: Callable[[], keras.Model],
    x: Any,
    y: Any,
    *,
    validation_data: Any = None,
    epochs: int = 20,
    batch_size: int = 32,
    most_variants: int = 6,
    seed: int = 0,
    verbose: int = 0,
) -> Repair:
    """Finds out what is wrong with a program and changes its model, loss, optimizer or rate until it trains.

    The untouched program is trained first, under `check`, `CurveWatch` and `GradientWatch`. What they
    are sure of is changed at once; further variants follow their advice, then what usually helps. Each
    variant is a population over learning rates, and its best member by validation rows, at its best epoch, stands for
    it. The test split is no part of this.

    Args:
        build_model: Returns a new compiled Functional or Sequential model with one input and one output.
        x: Training inputs, array `(rows, ...)`.
        y: Training targets, array.
        validation_data: Pair `(x, y)`; by default a fifth of the rows is kept out.
        epochs: Epochs of the untouched program and of each variant, at least 1; three times as many where
            findings say that the budget was too short.
        batch_size: Rows of a batch, at least 1.
        most_variants: Variants to try, at least 1.
        seed: Decides starting weights, batches and the rows kept out.
        verbose: 1 says each variant as it is done.

    Returns:
        `Repair` with `.model`, `.changes`, `.table()`, `.findings`, `.sentence`.

    Raises:
        TypeError: A count that is not a whole number, or inputs that are no array.
        ValueError: A count below 1, rows that hold NaN, or a model that is not compiled.

    Reference: Zhang et al. 2021, "AUTOTRAINER", ICSE, for repair by a list of changes, which is here
    judged against the untouched program and at each variant's best rate.

    Example:

    >>> import keras, numpy as np
    >>> def build_model():
    ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
    ...     model.compile(keras.optimizers.SGD(0.01), "mse")
    ...     return model
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> found = repair(build_model, x, 3 * x[:, 0], epochs=5, most_variants=1)
    >>> found.model.layers[-1].activation.__name__
    'linear'
    """
    function_of("build_model", build_model)
    refuse_no_rows("x", x)
    refuse_no_rows("y", y)
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("most_variants", most_variants)):
        whole_number(name, value, low=1)
    seed_of("seed", seed)
    x, y = _array("x", x), _array("y", y)
    for given in (x, None if validation_data is None else validation_data[0]):
        refuse_sealed("A repair is trained and chosen", given)
    if len(x) != len(y):
        raise ValueError(f"`x` has {len(x)} rows, `y` has {len(y)}.")
    with preserved():
        rows = _rows(x, y, validation_data, seed)
        job = _Job(build_model, rows, epochs, batch_size, seed, verbose)
        return job.run(most_variants)


def _array(name: str, values: Any) -> np.ndarray:
    if isinstance(values, dict | list | tuple) or hasattr(values, "element_spec"):
        raise TypeError(f"`{name}` must be one array, got {type(values).__name__}.")
    return np.asarray(values)


def _rows(x: np.ndarray, y: np.ndarray, validation_data: Any, seed: int) -> tuple[np.ndarray, ...]:
    if validation_data is not None:
        return x, y, _array("validation_data", validation_data[0]), _array("validation_data", validation_data[1])
    train, held = held_out_places(len(x), seed)
    return x[train], y[train], x[held], y[held]


@dataclass(frozen=True)
class _Outcome:
    """A trained model and how well it predicts the rows that were kept out."""

    model: keras.Model
    changes: tuple[Advice, ...]
    score: float
    tie: float
    errors: np.ndarray

    @property
    def key(self) -> tuple[float, float]:
        return self.score, self.tie


class _Job:
    """One repair: the rows, and what was tried on them."""

    def __init__(
        self,
        build: Callable[[], keras.Model],
        rows: tuple[np.ndarray, ...],
        epochs: int,
        batch_size: int,
        seed: int,
        verbose: int,
    ) -> None:
        self.build, self.rows = build, rows
        self.epochs, self.batch_size, self.seed, self.verbose = epochs, batch_size, seed, verbose
        self.tried: list[dict[str, Any]] = []

    def run(self, most: int) -> Repair:
        x, y, held_x, held_y = self.rows
        keras.utils.set_random_seed(self.seed)
        model = self.build()
        if not getattr(model, "compiled", False):
            raise ValueError("`build_model` must return a compiled model; call `model.compile(...)` in it.")
        findings = check(model, x, y, (held_x, held_y))
        for finding in findings:
            # Labels divided like inputs are lost as classes; no model can bring them back.
            if finding.symptom in _UNREPAIRABLE or finding.causes[:1] == ("labels_scaled",):
                raise ValueError(f"The rows must be mended first: {finding.message}")
        self.task = _task(model, y)
        # The untouched program is one of the candidates: nothing is put in its place that is not better.
        seen, untouched = self._untouched(model)
        findings = rank([*findings, *seen])
        outcomes = [] if untouched is None else [untouched]
        mark = _mark(self.task, self.rows)
        for variant in variants_of(self._program(model), model, self.task, self.rows, findings)[:most]:
            before = max((outcome.key for outcome in outcomes), default=(-math.inf, 0.0))
            found = self._tried(variant)
            outcomes += found
            best = max(outcomes, key=lambda one: one.key, default=None)
            # Where a simple model is beaten and the last change brought nothing, more capacity is not what is missing.
            stalls = bool(found) and len(self.tried) > 2 and not _beyond(best, before[0], len(held_y))
            if best is not None and (best.score >= _solved(self.task, held_y) or (stalls and best.score >= mark)):
                break
        best = max(outcomes, key=lambda one: one.key, default=None)
        if best is None or not math.isfinite(best.score):
            raise ValueError("Neither the program nor any change of it gave finite answers.")
        metric = "mean_squared_error" if self.task == "regression" else "accuracy"
        sentence = _proof(metric, untouched, best, len(held_y))
        return Repair(best.model, best.changes, self.tried, metric, findings, sentence)

    def _program(self, model: keras.Model) -> Variant:
        return Variant((), self.build, model.loss, model.optimizer, self.batch_size, self.epochs)

    def _untouched(self, model: keras.Model) -> tuple[list[Finding], _Outcome | None]:
        x, y, held_x, held_y = self.rows
        curves = CurveWatch(x=x, y=y, validation_data=(held_x, held_y), report=_silent)
        health = GradientWatch(x, y, report=_silent)
        try:
            history = model.fit(
                x,
                y,
                validation_data=(held_x, held_y),
                epochs=self.epochs,
                batch_size=self.batch_size,
                verbose=0,
                callbacks=[curves, health],
            ).history
        except _CANNOT_RUN as error:
            self._note((), float("nan"), None, float("nan"), 0, f"cannot run: {str(error).splitlines()[0][:60]}")
            return [], None
        outcome = self._judged(model, (), _from_logits(model.loss))
        rate = structure_of(model).learning_rate or float("nan")
        self._note((), rate, outcome, history["val_loss"][-1], self.epochs)
        return [*curves.findings, *health.findings], outcome

    def _tried(self, variant: Variant) -> list[_Outcome]:
        x, y, held_x, held_y = self.rows
        targets, held = (y, held_y) if variant.scale is None else (scaled(y, variant), scaled(held_y, variant))
        rates = rates_of(variant.optimizer)
        # Patience as long as the training: it never stops, and keeps each member's best epoch.
        keeping = keras.callbacks.EarlyStopping("val_loss", patience=variant.epochs, restore_best_weights=True)
        result = fit_population(
            variant.build,
            x,
            targets,
            learning_rate=rates,
            seed=self.seed,
            # Each member gets a rate of its own, and a schedule could not be one.
            optimizer=without_rate(variant.optimizer),
            loss=variant.loss,
            metrics=[] if self.task == "regression" else ["accuracy"],
            epochs=variant.epochs,
            batch_size=variant.batch_size,
            validation_data=(held_x, held),
            class_weight=variant.class_weight,
            callbacks=[keeping],
            verbose=0,
        )
        places = [_place(history) for history in result.histories]
        best = max(range(len(rates)), key=lambda k: places[k])
        spent = sum(len(history["loss"]) for history in result.histories)
        changes = variant.changes
        # The rate the program had anyway is no change.
        if not math.isclose(rates[best], structure_of(self.build()).learning_rate or -1.0, rel_tol=1e-3):
            changes = (*changes, Advice("learning_rate", "set", rates[best]))
        if not math.isfinite(places[best][1]):
            self._note(changes, rates[best], None, float("nan"), spent)
            return []
        model = result.models[best]
        if variant.scale is not None:
            model = in_units(model, variant.scale)
        # Judged anew and in the units of the targets: losses of unlike loss functions cannot be compared.
        outcome = self._judged(model, changes, _from_logits(variant.loss))
        self._note(changes, rates[best], outcome, -places[best][1], spent)
        return [outcome] if math.isfinite(outcome.score) else []

    def _judged(self, model: keras.Model, changes: tuple[Advice, ...], from_logits: bool) -> _Outcome:
        held_x, held_y = self.rows[2:]
        answers = np.asarray(batch_answers(model, held_x), "float64").reshape(len(held_y), -1)
        if not np.all(np.isfinite(answers)):
            # Worse than any finite one, so that it is never chosen.
            return _Outcome(model, changes, -math.inf, -math.inf, np.full(len(held_y), np.inf))
        if self.task == "regression":
            errors = np.mean((answers - held_y.reshape(len(held_y), -1)) ** 2, axis=1)
            return _Outcome(model, changes, -float(errors.mean()), 0.0, errors)
        right, surprise = _classified(answers, held_y, self.task, from_logits)
        # Equal accuracies, frequent on few rows, are told apart by the cross-entropy.
        return _Outcome(model, changes, float(right.mean()), -surprise, 1.0 - right)

    def _note(
        self, changes: Sequence[Advice], rate: float, outcome: _Outcome | None, loss: float, spent: int, why: str = ""
    ) -> None:
        words = "; ".join(advice.sentence for advice in changes) or "untouched"
        # Inside larger is better, so errors are negative; the table shows them as they are known.
        score = float("nan") if outcome is None else abs(outcome.score)
        row = {"changes": why or words, "learning_rate": rate, "score": score, "loss": float(loss), "epochs": spent}
        self.tried.append(row)
        if self.verbose:
            print(f"repair: {row['changes']}: {score:.4g}")


def _silent(finding: Finding) -> None:
    """Findings are collected, not printed."""


def _task(model: keras.Model, y: np.ndarray) -> Task:
    """The task that targets and loss together speak of."""
    matrix = y.ndim > 1 and y.shape[-1] > 1
    zeros_and_ones = bool(np.all((y == 0) | (y == 1)))
    if matrix and zeros_and_ones:
        return "multiclass" if np.all(y.sum(axis=-1) == 1) else "multilabel"
    if not matrix and zeros_and_ones:
        return "binary"
    # Whole numbers may be counts; only all of 0 to the largest look like class numbers.
    classes = not matrix and bool(np.all(y == np.round(y))) and y.min() == 0 and len(np.unique(y)) == y.max() + 1
    if "crossentropy" in loss_name(model) and classes:
        return "multiclass"
    return "regression" if matrix or not classes else find_task(y)


def _place(history: dict[str, list[float]]) -> tuple[float, float]:
    """Accuracy, where there is one, and loss below zero at a member's best epoch; larger is better."""
    losses = np.asarray(history["val_loss"])
    losses = np.where(np.isfinite(losses), losses, np.inf)
    best = int(losses.argmin())
    accuracies = [values for name, values in history.items() if name.startswith("val_") and "accuracy" in name]
    return (accuracies[0][best] if accuracies and math.isfinite(losses[best]) else 0.0), -float(losses[best])


def _from_logits(loss: Any) -> bool:
    return bool(getattr(loss, "from_logits", False))


def _classified(answers: np.ndarray, y: np.ndarray, task: Task, from_logits: bool) -> tuple[np.ndarray, float]:
    """Which rows are predicted right, as Keras' accuracy counts it, and the mean cross-entropy."""
    if task == "multilabel" or answers.shape[1] == 1:
        truths = y.reshape(len(y), -1)
        shares = 1 / (1 + np.exp(-np.clip(answers, -50, 50))) if from_logits else np.clip(answers, 0, 1)
        right = (
            np.mean((shares > 0.5) == (truths > 0.5), axis=1) if task != "multiclass" else answers[:, 0] == truths[:, 0]
        )
        shares = np.clip(shares, 1e-7, 1 - 1e-7)
        return right.astype(float), float(-np.mean(truths * np.log(shares) + (1 - truths) * np.log(1 - shares)))
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1).astype(int)
    # A label beyond the units has no column; it counts as wrong below, and must not raise here.
    known = np.minimum(labels, answers.shape[1] - 1)
    shares = np.exp(answers - answers.max(axis=1, keepdims=True)) if from_logits else np.clip(answers, 1e-7, None)
    shares = shares / shares.sum(axis=1, keepdims=True)
    surprise = -float(np.mean(np.log(np.clip(shares[np.arange(len(known)), known], 1e-7, 1))))
    return (answers.argmax(axis=1) == labels).astype(float), surprise


def _mark(task: Task, rows: tuple[np.ndarray, ...]) -> float:
    """What the better of a linear model and a nearest neighbour reaches, as a score."""
    losses = {"regression": "mean_squared_error", "binary": "binary_crossentropy", "multilabel": "binary_crossentropy"}
    x, y, held_x, held_y = rows
    matrix = y.ndim > 1 and y.shape[-1] > 1
    many = "categorical_crossentropy" if matrix else "sparse_categorical_crossentropy"
    found = simple_baseline(x, y, held_x, held_y, losses.get(task, many))
    if task == "regression":
        # Nothing to beat is beaten by anything, so only standing still ends the search.
        return -math.inf if found.loss is None else -found.loss
    return -math.inf if found.metric is None else found.metric


def _beyond(best: Any, before: float, rows: int) -> bool:
    """Whether the best score has got better by more than a standard error."""
    if not math.isfinite(before):
        return True
    # Scores of quantities are negative, those of classes are shares of rows.
    error = binomial_error(best.score, rows) if best.score >= 0 else float(np.std(best.errors)) / math.sqrt(rows)
    return bool(best.score - before > error)


def _solved(task: Task, y: np.ndarray) -> float:
    # What is left to gain here is not worth another training.
    return -1e-4 * float(np.var(y)) if task == "regression" else 0.999


def _proof(metric: str, untouched: _Outcome | None, best: _Outcome, rows: int) -> str:
    if untouched is None:
        return f"The program could not run; changed, it reaches a {metric} of {abs(best.score):.4g} on {rows} rows."
    if best is untouched:
        return f"No change was better than the untouched program ({metric} {abs(best.score):.4g} on {rows} rows)."
    if not math.isfinite(untouched.score):
        return f"The untouched program outputs NaN; changed, it reaches a {metric} of {abs(best.score):.4g}."
    if metric == "accuracy":
        error = math.hypot(binomial_error(untouched.score, rows), binomial_error(best.score, rows))
    else:
        # Paired by row: hard rows are hard for both.
        error = float(np.std(untouched.errors - best.errors)) / math.sqrt(rows)
    gain = best.score - untouched.score
    surely = "beyond" if gain > 2 * error else "within"
    return (
        f"The {metric} on {rows} validation rows went from {abs(untouched.score):.4g} to {abs(best.score):.4g}, "
        f"{surely} two standard errors ({error:.2g}) of the difference."
    )
