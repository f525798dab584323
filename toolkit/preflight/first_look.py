"""How a model stands before its first update: weights, activations, gradients, penalties, and whether it can learn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ..diagnosis.catalogue import Level
from ..diagnosis.constants import constant_loss
from ..diagnosis.findings import Advice, Finding
from ..diagnosis.layer_measurements import Prober
from ..diagnosis.layer_rules import dead_causes
from ..diagnosis.layer_state import Probe
from ..diagnosis.thresholds import limit
from ..models.copying import copied
from ..models.reading import structure_of
from ..runtime.randomness import preserved


def first_look(model: keras.Model, x: Any, y: Any) -> Iterator[Finding]:
    """What a few rows show on their way through the model and back.

    Example:

    >>> keras.utils.set_random_seed(0)
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> [one.symptom for one in first_look(model, np.eye(2, dtype="float32"), np.array([[0.0], [1.0]]))]
    []
    """
    # A single look: to trace a graph would take longer than the look.
    probe = Prober(model, x, y, compiled=False).look(step=0, epoch=0)
    targets = keras.tree.flatten(y)
    # The loss of several outputs is a sum, and has no constant of its own.
    constant = constant_loss(np.asarray(targets[0]), model.loss) if len(targets) == 1 else None
    yield from _dead(probe)
    yield from _vanishing(probe)
    yield from _penalty(probe)
    # A constant of 0 leaves nothing to compare with.
    if constant and math.isfinite(probe.data_loss) and probe.data_loss > limit("start_loss") * constant:
        yield Finding(
            "poor_initialization",
            "info",
            f"The loss starts at {probe.data_loss:.4g}; always answering the mean gives {constant:.4g}, so that the "
            "first updates only undo the start.",
            evidence={"loss": probe.data_loss, "constant": constant},
            causes=("large_init", "target_not_normalized"),
            advice=(Advice("bias_initializer", "set", "the mean of the targets"),),
        )


def _dead(probe: Probe) -> Iterator[Finding]:
    dead = [layer for layer in probe.layers if (layer.dead or 0.0) >= limit("dead_units")]
    if dead:
        yield Finding(
            "dead_relu",
            "warning",
            f"{dead[0].dead:.0%} of the units of layer {dead[0].name!r} output zero for every row before training "
            "begins.",
            layer=dead[0].name,
            evidence={"dead_share": float(dead[0].dead or 0.0)},
            causes=dead_causes(probe, dead[0], from_start=True),
            advice=(Advice("kernel_initializer", "set", "he_normal"), Advice("activation", "set", "leaky_relu")),
        )


def _vanishing(probe: Probe) -> Iterator[Finding]:
    slopes = [layer.slope for layer in probe.layers if layer.slope is not None]
    # Behind a dead layer there is no gradient at all, and that is said already.
    if len(slopes) < 3 or not slopes[-1] or any(layer.dead == 1.0 for layer in probe.layers):
        return
    ratio = slopes[0] / slopes[-1]
    if ratio < limit("vanishing_start"):
        yield Finding(
            "vanishing_gradient",
            "warning",
            f"The gradient that reaches the first layer is {ratio:.1e} of that of the last, relative to their weights.",
            layer=probe.layers[0].name,
            evidence={"gradient_ratio": ratio},
            causes=("vanishing_gradient", "too_deep", "wrong_hidden_activation"),
            advice=(
                Advice("activation", "set", "relu"),
                Advice("kernel_initializer", "set", "he_normal"),
                Advice("batch_normalization", "add"),
            ),
        )


def _penalty(probe: Probe) -> Iterator[Finding]:
    if not probe.penalty > 0 or not probe.data_loss > 0:
        return
    strength = probe.penalty / probe.data_loss
    if strength < limit("penalty_share"):
        return
    level: Level = "warning" if strength >= limit("penalty_start") else "info"
    yield Finding(
        "regularizer_dominates",
        level,
        f"The penalty on the weights starts at {strength:.3g} times the loss on the data.",
        evidence={"penalty_share": strength},
        causes=("over_regularized", "capacity_too_small"),
        # The power of ten that brings the penalty to a tenth of the data's loss or less.
        advice=(Advice("regularization", "lower", 10.0 ** max(1, math.ceil(math.log10(strength * 10)))),),
    )


def few_rows(model: keras.Model, x: Any, y: Any, seed: int = 0) -> Iterator[Finding]:
    """Whether a copy of the model can learn a few rows by heart, as every model should that has hidden layers."""
    made = structure_of(model)
    # A linear model need not be able to fit any rows.
    if not made.hidden or not getattr(model, "inputs", None):
        return
    first = _learn(model, x, y, model.optimizer, seed)
    if first is None or first < limit("learnt_share"):
        return
    # The same with an optimizer known to work tells a wrong rate from a wrong architecture.
    second = _learn(model, x, y, keras.optimizers.Adam(1e-3), seed)
    mended = second is not None and second < limit("learnt_share")
    yield Finding(
        "not_learning",
        "warning",
        f"{limit('rows_by_heart'):g} rows could not be learnt by heart in {limit('updates_by_heart'):g} updates: "
        f"{first:.0%} of the first loss is left" + (", and Adam(0.001) can." if mended else "."),
        # Evidence holds numbers only; -1 stands for none.
        evidence={"left": first, "left_with_adam": -1.0 if second is None else second},
        causes=("lr_too_high", "lr_too_low", "optimizer_unsuited")
        if mended
        else ("wrong_output_activation", "vanishing_gradient", "capacity_too_small"),
        advice=(Advice("optimizer", "set", "Adam"),) if mended else (Advice("activation", "set", "relu"),),
    )


def _learn(model: keras.Model, x: Any, y: Any, optimizer: keras.optimizers.Optimizer, seed: int) -> float | None:
    """Share of the first loss that is left after training a copy on a few rows; `None` where it starts solved."""
    with preserved():
        keras.utils.set_random_seed(seed)
        # Dropout hides from few rows what it is to learn.
        copy = copied(model, dropout=0.0)
        # A new one: the state of the user's belongs to the user's weights.
        config = optimizer.get_config()
        copy.compile(type(optimizer).from_config(config), loss=model.loss)
        start = float(copy.test_on_batch(x, y))
        for _ in range(int(limit("updates_by_heart"))):
            copy.train_on_batch(x, y)
        end = float(copy.test_on_batch(x, y))
    penalty = float(ops.convert_to_numpy(sum(copy.losses))) if copy.losses else 0.0
    # What breaks down has learnt nothing.
    if not math.isfinite(end):
        return 1.0
    # The start holds the penalty, the end does not: shrinking weights is no learning by heart.
    return None if start <= 1e-6 else max(0.0, end - penalty) / start
