"""What a repair tries: variants of a program, most promising first, by what was found wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from ..toolkit.diagnosis.findings import Advice, Finding
from ..toolkit.layers.normalization import Standardize
from ..toolkit.models.reading import structure_of
from ..toolkit.models.rebuilding import (
    can_change,
    widened,
    with_dropout,
    with_end,
    with_hidden,
    with_more_layers,
    with_standardized_inputs,
    without_penalties,
)
from ..toolkit.optimizers.default_rates import ladder
from ..toolkit.optimizers.member_forms import MEMBER_FORMS
from ..toolkit.optimizers.rate_owners import has_schedule
from ..toolkit.tasks import Task, head

# Half as many as a trial of the search has: a repair tries several variants, each at all of them.
_RATES = 8
_ENDS = ("wrong_output_activation", "wrong_loss", "output_units", "label_shape", "label_range")


@dataclass(frozen=True)
class Variant:
    """One way to change a program.

    Args:
        changes: What is changed, as advice.
        build: Returns a new model of the changed make.
        loss: Name or object of its loss.
        optimizer: Its optimizer.
        batch_size: Rows of a batch.
        epochs: Epochs that each member is trained.
        class_weight: As for `model.fit`, or `None`.
        scale: Center and scale of the targets, or `None` where they stay as they are.
    """

    changes: tuple[Advice, ...]
    build: Callable[[], keras.Model]
    loss: Any
    optimizer: keras.optimizers.Optimizer
    batch_size: int
    epochs: int
    class_weight: dict[int, float] | None = None
    scale: tuple[np.ndarray, np.ndarray] | None = None

    def changed(self, advice: Advice, **fields: Any) -> Variant:
        """The variant with one more change."""
        return replace(self, changes=(*self.changes, advice), **fields)

    def rebuilt(self, advice: Advice, change: Callable[[keras.Model], keras.Model]) -> Variant:
        """The variant with a change of its make."""
        build = self.build
        return self.changed(advice, build=lambda: change(build()))


def variants_of(
    program: Variant, model: keras.Model, task: Task, rows: tuple[np.ndarray, ...], findings: Sequence[Finding]
) -> list[Variant]:
    """What to try, most promising first: what is sure, then what usually helps, then more capacity."""
    x, y = rows[:2]
    # Information is no fault, and asks for no change.
    loud = [finding for finding in findings if finding.level != "info"]
    symptoms = {finding.symptom for finding in loud}
    # The likeliest cause of each alone: lists of causes share most of their names.
    causes = {cause for finding in loud for cause in finding.causes[:1]}
    # Changes build on one another: a single one is of no use where two faults meet.
    sure = _longer(_stacked(program), symptoms, len(x))
    # A make that cannot be rebuilt still has its optimizer, rate, batch and epochs.
    if not can_change(model, structure_of(model)):
        return [sure]
    # A loss that does not fit is only information, yet its cure is sure.
    ends = symptoms & set(_ENDS) or any(finding.symptom == "wrong_loss" for finding in findings)
    if ends:
        sure = _mended_end(sure, task, y)
    if symptoms & {"unscaled_inputs", "unadapted_normalization", "saturated_activation"}:
        sure = _standardized(sure, x)
    if task == "regression" and symptoms & {"unscaled_targets", "diverging", "learning_rate_too_high", "non_finite"}:
        sure = _scaled_targets(sure, y)
    if symptoms & {"symmetric_weights", "poor_initialization", "dead_relu"}:
        sure = sure.rebuilt(_HE, lambda made: with_hidden(made, kernel_initializer="he_normal"))
    if "vanishing_gradient" in symptoms or "wrong_hidden_activation" in causes:
        sure = sure.rebuilt(_RELU, _with_relu)
    if "regularizer_dominates" in symptoms:
        sure = sure.rebuilt(_NO_PENALTY, lambda made: without_penalties(made, 0.3))
    if "class_imbalance" in symptoms and task in ("binary", "multiclass"):
        sure = sure.changed(Advice("class_weight", "set", "balanced"), class_weight=_balanced(y))
    # From here on it need not be known what is wrong: this is what usually works.
    usual = sure if ends else _mended_end(sure, task, y)
    usual = usual.rebuilt(_RELU, _with_relu)
    # Inputs of about 1 need no normalising.
    if _input_spread(x) > 3 or _input_spread(x) < 0.3:
        usual = _standardized(usual, x)
    if task == "regression":
        usual = _scaled_targets(usual, y)
    if type(usual.optimizer).__name__ != "Adam":
        usual = usual.changed(Advice("optimizer", "set", "Adam"), optimizer=keras.optimizers.Adam())
    # Without dropout: what cannot fit the rows must not be held back.
    wide = usual.rebuilt(Advice("units", "raise", 4.0), lambda made: widened(without_penalties(made, 0.0), 4, 32))
    deep = wide.rebuilt(Advice("layers", "add"), lambda made: with_more_layers(made, 64))
    if symptoms & {"overfitting"} or "overfitting" in causes:
        dropout = Advice("dropout", "set", 0.5)
        narrow = sure.rebuilt(Advice("units", "lower", 8.0), lambda made: widened(made, 0.125, 8))
        return [
            sure,
            sure.rebuilt(dropout, lambda made: with_dropout(made, 0.5)),
            narrow.rebuilt(dropout, lambda made: with_dropout(made, 0.5)),
            usual,
        ]
    return [sure, usual, wide, deep]


_HE = Advice("kernel_initializer", "set", "he_normal")


_RELU = Advice("activation", "set", "relu")


_NO_PENALTY = Advice("regularization", "set", "none")


def _with_relu(model: keras.Model) -> keras.Model:
    return with_hidden(model, activation="relu", kernel_initializer="he_normal")


def _stacked(program: Variant) -> Variant:
    """Its optimizer where members can have it, else Adam; a schedule gives way to the ladder of rates."""
    if type(program.optimizer) in MEMBER_FORMS:
        return program
    return program.changed(Advice("optimizer", "set", "Adam"), optimizer=keras.optimizers.Adam())


def _longer(program: Variant, symptoms: set[str], rows: int) -> Variant:
    slow = symptoms & {"learning_rate_too_low", "not_learning", "underfitting", "unchanged_weights"}
    if slow and rows / program.batch_size < 8 and program.batch_size > 8:
        size = int(max(4, min(32, rows // 16)))
        if size < program.batch_size:
            factor = round(program.batch_size / size, 2)
            program = program.changed(Advice("batch_size", "lower", factor), batch_size=size)
    if symptoms & {"learning_rate_too_low", "unchanged_weights"}:
        program = program.changed(Advice("epochs", "raise", 3.0), epochs=3 * program.epochs)
    return program


def _mended_end(program: Variant, task: Task, y: np.ndarray) -> Variant:
    """The output units, activation and loss that the task asks for."""
    wanted = head(task, y)
    now = structure_of(program.build())
    # What is right already is no change, and must not be told as one.
    if (now.outputs, now.activation, now.loss) == (wanted.units, wanted.activation, wanted.loss):
        return program
    advice = Advice("output_activation", "set", wanted.activation)
    made = program.rebuilt(advice, lambda model: with_end(model, wanted.units, wanted.activation))
    return made.changed(Advice("loss", "set", wanted.loss), loss=wanted.loss)


def _standardized(program: Variant, x: np.ndarray) -> Variant:
    # Asked for by symptoms and by habit, but once is enough.
    if any(advice.parameter == "normalization" for advice in program.changes):
        return program
    return program.rebuilt(Advice("normalization", "set", "Standardize"), lambda m: with_standardized_inputs(m, x))


def _scaled_targets(program: Variant, y: np.ndarray) -> Variant:
    spread = y.std(axis=0)
    # Targets within a factor of 5 of 1 need no scaling; a constant one cannot be.
    if program.scale is not None or not np.all(spread > 0) or np.all((spread > 0.2) & (spread < 5)):
        return program
    return program.changed(
        Advice("targets", "standardize"), scale=(np.atleast_1d(y.mean(axis=0)), np.atleast_1d(spread))
    )


def _balanced(y: np.ndarray) -> dict[int, float]:
    classes = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1).astype(int)
    counts = np.bincount(classes)
    # As scikit-learn's "balanced": each class weighs as much as any other in all.
    return {label: len(classes) / (np.sum(counts > 0) * count) for label, count in enumerate(counts) if count}


def _input_spread(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x.astype("float64")))))


def scaled(y: np.ndarray, variant: Variant) -> np.ndarray:
    """Targets in the units of a variant that standardises them."""
    center, scale = variant.scale  # type: ignore[misc]
    return np.asarray(((y.reshape(len(y), -1) - center) / scale).reshape(y.shape), "float32")


def in_units(model: keras.Model, scale: tuple[np.ndarray, np.ndarray]) -> keras.Model:
    """The model with outputs in the units of the targets, compiled as it was."""
    layer = Standardize(center=scale[0].tolist(), scale=scale[1].tolist(), invert=True)
    whole = keras.Model(model.inputs, layer(model.outputs[0]))
    # A new optimizer: the state of the old one belongs to the model without this layer.
    whole.compile(optimizer=type(model.optimizer).from_config(model.optimizer.get_config()), loss=model.loss)
    return whole


def rates_of(optimizer: keras.optimizers.Optimizer) -> list[float]:
    """The learning rates that a variant is tried at: those of the ladder, and the program's own where it has one.

    Example:

    >>> len(rates_of(keras.optimizers.SGD(0.02)))
    9
    """
    rates = ladder(optimizer, _RATES)
    if has_schedule(optimizer):
        return rates
    own = float(ops.convert_to_numpy(optimizer.learning_rate))
    # The program's own rate is among them, so that a good one is not lost to the ladder's steps.
    return sorted({*rates, round(own, 12)}) if own > 0 else rates


def without_rate(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer at a plain rate: each member gets one of its own."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.01})
