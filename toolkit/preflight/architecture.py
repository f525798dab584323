"""What the configuration of a model shows: frozen layers, softmax between layers, no activation, an odd rate."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from ..diagnosis.findings import Advice, Finding
from ..diagnosis.thresholds import limit
from ..models.reading import hidden_softmaxes, structure_of
from ..models.structure import Structure


def architecture_findings(model: keras.Model) -> Iterator[Finding]:
    """What its configuration alone shows: frozen layers, softmax between layers, layers without activation.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.Adam(5.0), "mse")
    >>> [finding.symptom for finding in architecture_findings(model)]
    ['learning_rate_too_high']
    """
    made = structure_of(model)
    if not model.trainable_weights:
        yield Finding(
            "unchanged_weights",
            "error",
            "No weight of the model can train: every layer is frozen, or has none.",
            evidence={"trainable": 0.0},
            causes=("lr_too_low",),
            advice=(Advice("trainable", "set", "True"),),
        )
    for layer in hidden_softmaxes(model)[:1]:
        yield Finding(
            "vanishing_gradient",
            "warning",
            f"The hidden layer {layer.name!r} ends in softmax, which lets its units share one sum of 1 and passes "
            "hardly any gradient on.",
            layer=layer.name,
            causes=("wrong_hidden_activation", "vanishing_gradient"),
            advice=(Advice("activation", "set", "relu"),),
        )
    if made.linear:
        yield Finding(
            "underfitting",
            # Information: a linear model may be what is wanted.
            "info",
            f"None of the {len(made.hidden)} hidden layers has an activation, so that together they are one linear "
            "layer.",
            causes=("missing_hidden_activation",),
            advice=(Advice("activation", "set", "relu"),),
        )
    if made.dropout >= limit("most_dropout"):
        yield Finding(
            "regularizer_dominates",
            "warning",
            f"Dropout leaves out {made.dropout:.0%} of the units in each update, so that hardly anything gets through.",
            evidence={"dropout": made.dropout},
            causes=("over_regularized", "capacity_too_small"),
            advice=(Advice("dropout", "set", 0.3),),
        )
    yield from _rate(made)


def _rate(made: Structure) -> Iterator[Finding]:
    if not made.rate or made.learning_rate is None:
        return
    high = made.rate == "high"
    yield Finding(
        "learning_rate_too_high" if high else "learning_rate_too_low",
        "info",
        f"A learning rate of {made.learning_rate:g} is {'higher' if high else 'lower'} than is usual for "
        f"{made.optimizer}.",
        evidence={"learning_rate": made.learning_rate},
        causes=("lr_too_high" if high else "lr_too_low",),
        advice=(Advice("learning_rate", "lower" if high else "raise", 10.0),),
    )
