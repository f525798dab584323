"""From an ordinary optimizer to one of many members, and back to the one of a single member."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from ..runtime.keras_internals import decay_exclusions, given_learning_rate
from .layerwise import LayerwiseLearningRate
from .member_forms import MEMBER_FORMS, MemberAdamW, MemberSGD
from .member_updates import MemberRates, Memberwise
from .wrapping import known_optimizer


def memberwise(
    optimizer: str | keras.optimizers.Optimizer,
    members: int,
    learning_rate: Sequence[float | keras.optimizers.schedules.LearningRateSchedule] | None = None,
    momentum: Sequence[float] | None = None,
    weight_decay: Sequence[float] | None = None,
    loss_scaling: bool = False,
) -> Memberwise:
    """The optimizer of a population that does to each member what `optimizer` does to one model.

    Args:
        optimizer: Any optimizer of Keras but Muon and ScheduleFreeAdamW, by name or object, or
            `LayerwiseLearningRate` around one.
        members: Number of members, at least 1.
        learning_rate: One rate or schedule a member; `None` keeps the optimizer's own.
        momentum: One number in [0, 1] a member, for SGD; `None` keeps the optimizer's own.
        weight_decay: One number a member; `None` keeps the optimizer's own.
        loss_scaling: Whether each member's loss is scaled by itself.

    Raises:
        ValueError: Another kind of optimizer, or a momentum for one that is not SGD.

    Example:

    >>> import numpy as np
    >>> optimizer = memberwise("adam", 2, learning_rate=[0.5, 0.25])
    >>> np.asarray(optimizer.learning_rates).tolist()
    [0.5, 0.25]
    """
    if isinstance(optimizer, Memberwise):
        return optimizer
    given = known_optimizer("optimizer", optimizer)
    if isinstance(given, keras.optimizers.LossScaleOptimizer):
        given, loss_scaling = given.inner_optimizer, True
    layer_rates = None
    if isinstance(given, LayerwiseLearningRate):
        layer_rates = {"multipliers": given.multipliers, "default": given.default}
        given = given.plain()
    form = MEMBER_FORMS.get(type(given))
    if form is None:
        known = sorted(kind.__name__ for kind in MEMBER_FORMS)
        raise ValueError(f"`optimizer` must be one of {known} for a population, got {type(given).__name__}.")
    config = given.get_config()
    if momentum is not None and form is not MemberSGD:
        raise ValueError(f"`momentum` is a setting of SGD, got optimizer {type(given).__name__}; use optimizer='sgd'.")
    if form is MemberSGD:
        config["momentum"] = [config["momentum"]] * members if momentum is None else list(momentum)
    own = given_learning_rate(given)
    # A schedule or function stays as it is; a variable is read.
    own = own if callable(own) and not hasattr(own, "assign") else float(ops.convert_to_numpy(own))
    rates = [own] * members if learning_rate is None else list(learning_rate)
    config["learning_rate"] = MemberRates(rates)
    if weight_decay is not None:
        config["weight_decay"] = list(weight_decay)
    elif config.get("weight_decay") is not None:
        config["weight_decay"] = [config["weight_decay"]] * members
    made = form(members=members, loss_scaling=loss_scaling, layer_rates=layer_rates, **config)
    made.exclude_from_weight_decay(var_names=decay_exclusions(given))
    return made


def alone(optimizer: Memberwise, k: int) -> keras.optimizers.Optimizer:
    """The ordinary Keras optimizer of member `k`, without its state.

    Example:

    >>> optimizer = memberwise("sgd", 2, learning_rate=[0.5, 0.25], momentum=[0.0, 0.9])
    >>> alone(optimizer, 1).momentum, round(float(alone(optimizer, 1).learning_rate), 4)
    (0.9, 0.25)
    """
    plain = next(kind for kind, form in MEMBER_FORMS.items() if type(optimizer) is form)
    config = optimizer.get_config()
    for name in ("members", "loss_scaling"):
        config.pop(name)
    layer_rates = config.pop("layer_rates")
    config["learning_rate"] = optimizer.rate(k)
    if config["weight_decay"] is not None:
        config["weight_decay"] = config["weight_decay"][k]
    elif type(optimizer) is MemberAdamW:
        # Keras' AdamW refuses `None`.
        config["weight_decay"] = 0.0
    if type(optimizer) is MemberSGD:
        config["momentum"] = config["momentum"][k]
    made = plain(**config)
    made.exclude_from_weight_decay(var_names=decay_exclusions(optimizer))
    return LayerwiseLearningRate(made, **layer_rates) if layer_rates else made
