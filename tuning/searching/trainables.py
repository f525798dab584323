"""What a trial trains in one call of `fit`: many members of one architecture, or one model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import keras_tuner
import numpy as np
from keras import ops

from ...toolkit.models.copying import copied
from ...toolkit.optimizers.member_forms import MEMBER_FORMS
from ...toolkit.optimizers.memberwise import memberwise
from ...toolkit.population import Population
from ...toolkit.population.lone import given_or_compiled
from ...toolkit.population.memory import chunks, per_member
from ...toolkit.population.model import functional_form
from ...toolkit.population.shrinking import survivors
from ...toolkit.runtime.keras_internals import flat_layers, given_learning_rate, own_weights, symbolic_calls
from ...toolkit.tasks import check_labels, find_task, head
from .plan import Logs

_SETTINGS = ("learning_rate", "momentum", "weight_decay", "dropout")
# Multiplications that take about as long as tracing a smaller graph does.
_WORTH_A_TRACE = 2e10


@dataclass(frozen=True)
class Compiling:
    """How the models of a trial are compiled.

    Args:
        optimizer: Keras optimizer or its name.
        loss: Keras loss, its name, or several.
        metrics: Keras metrics or their names.
        loss_weights: Weights of the outputs' losses.
        weighted_metrics: Metrics that sample weights count for.
        jit_compile: As for `compile`.
        own: Whether the build function compiled the model itself.
    """

    optimizer: Any
    loss: Any
    metrics: Any
    loss_weights: Any = None
    weighted_metrics: Any = None
    jit_compile: bool | str = "auto"
    own: bool = False

    def besides_optimizer(self) -> dict[str, Any]:
        """The arguments of `compile` but for the optimizer, which differs from member to member."""
        names = ("loss", "metrics", "loss_weights", "weighted_metrics", "jit_compile")
        return {name: getattr(self, name) for name in names}


def compiling_of(model: keras.Model, hypermodel: keras_tuner.HyperModel, y: Any, given: Mapping[str, Any]) -> Compiling:
    """What was given, else what the model was compiled with, else what the task asks for.

    Args:
        model: What `build` returned.
        hypermodel: The space; its `head` counts where it has one.
        y: Training targets.
        given: `optimizer`, `loss`, `metrics`, `jit_compile`; `None` where not given.

    Raises:
        ValueError: There is no loss, and the targets cannot tell one.
    """
    names = ("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics")
    chosen = given_or_compiled(model, **{name: given.get(name) for name in names})
    if chosen["loss"] is None and not model.compiled:
        end = getattr(hypermodel, "head", None) or _head_of(y)
        chosen["loss"] = end.loss
        chosen["metrics"] = list(end.metrics) if chosen["metrics"] is None else chosen["metrics"]
    if chosen["optimizer"] is None:
        chosen["optimizer"] = "adam"
    jit = given.get("jit_compile")
    # Not `jit or "auto"`: False says without XLA, also where Keras would use it.
    return Compiling(jit_compile="auto" if jit is None else jit, own=bool(model.compiled), **chosen)


def _head_of(y: Any) -> Any:
    if not isinstance(y, np.ndarray):
        raise ValueError("The model is not compiled and its targets tell no loss; give `loss` to the search.")
    task = find_task(y)
    check_labels(task, y)
    return head(task, y)


def refuse_no_model(model: Any) -> None:
    """Refuses what `build` returned where it is no Keras model, by the error that KerasTuner raises for it.

    Args:
        model: What `build` returned.

    Raises:
        FatalTypeError: It is no Keras model.
    """
    if not isinstance(model, keras.Model):
        raise keras_tuner.errors.FatalTypeError(
            "Expected the model-building function, or HyperModel.build() to return a valid Keras Model instance: "
            f"`build` must return a Keras model, got {type(model).__name__}."
        )


def fits_by_itself(hypermodel: keras_tuner.HyperModel) -> bool:
    """Whether the hypermodel has a `fit` of its own, so that no other may take its place."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def can_be_many(model: keras.Model, optimizer: Any) -> bool:
    """Whether a population can be made of the model under this optimizer."""
    try:
        functional_form(model)
    except (TypeError, ValueError):
        return False
    given = keras.optimizers.get(optimizer)
    # Members differ in a number, which a schedule is not; `learning_rate` would give its value of this moment.
    rate = given_learning_rate(given)
    return type(given) in MEMBER_FORMS and (not callable(rate) or hasattr(rate, "assign"))


def fits_at_once(model: keras.Model, members: int, batch_size: int) -> bool:
    """Whether the memory that is free holds so many members; else a population does not pay."""
    return len(chunks(members, per_member(model, 2, batch_size), None)) == 1


def work_per_row(model: keras.Model) -> float:
    """Multiplications for one row, forward: weights times the places that each is used at."""
    # A kernel is used at every place of the picture or series that it gets, weights of a Dense layer once a row.
    total = 0.0
    for layer in flat_layers(model):
        weights = sum(math.prod(weight.shape) for weight in own_weights(layer))
        inputs = keras.tree.flatten(layer.input) if symbolic_calls(layer) else []
        total += weights * math.prod(axis or 1 for axis in inputs[0].shape[1:-1]) if inputs else weights
    return total


class Trainable(Protocol):
    """What a training trains: the models of some members, all in one call of `fit`.

    Attributes:
        model: Compiled Keras model that `fit` is called on.
        ids: The number of each member in the trial.
        logs_hold_all: Whether Keras' own logs say all that there is to know; else the members are asked.
    """

    model: keras.Model
    ids: list[int]
    logs_hold_all: bool

    def values(self, logs: Any) -> list[Logs]:
        """What each member's loss and metrics are at this moment."""
        ...

    def losses(self, logs: Any) -> np.ndarray:
        """The running mean of each member's loss after each batch of the last call, shape `(batches, members)`."""
        ...

    def weights(self, member: int) -> list[np.ndarray]:
        """The weights of member `member` of the trial."""
        ...

    def variables(self) -> list[Any]:
        """All that changes while training."""
        ...

    def pays_to_shrink(self, alive: Sequence[int], updates: int, batch_size: int) -> bool:
        """Whether the work that is saved by training these members alone outweighs making a smaller graph."""
        ...

    def keep(self, alive: Sequence[int]) -> Trainable:
        """These members alone, which go on where they are."""
        ...


def _numbers(logs: Mapping[str, Any]) -> Logs:
    """The entries that are single numbers; a score for each class is no objective and no curve."""
    return {name: float(value) for name, value in logs.items() if len(getattr(value, "shape", ())) == 0}


class Many:
    """MemberStarts of one architecture with settings of their own, as one population.

    Args:
        population: Compiled population.
        ids: The number of each member in the trial.
    """

    # Keras' logs hold the means over the members.
    logs_hold_all = False

    def __init__(self, population: Population, ids: Sequence[int]) -> None:
        self.model: Any = population
        self.ids = list(ids)

    def values(self, logs: Any) -> list[Logs]:
        """What each member's loss and metrics are at this moment."""
        columns = self.model.by_member()
        return [_numbers({name: column[k] for name, column in columns.items()}) for k in range(len(self.ids))]

    def losses(self, logs: Any) -> np.ndarray:
        """The running mean of each member's loss after each batch of the last call, shape `(batches, members)`."""
        means: np.ndarray = self.model.batch_losses()
        return means

    def weights(self, member: int) -> list[np.ndarray]:
        """The weights of member `member` of the trial."""
        weights: list[np.ndarray] = self.model.member_weights(self.ids.index(member))
        return weights

    def variables(self) -> list[Any]:
        """All that changes while training."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def pays_to_shrink(self, alive: Sequence[int], updates: int, batch_size: int) -> bool:
        """Whether the work that is saved outweighs tracing a smaller graph."""
        spared = len(self.ids) - len(alive)
        # Backward takes about twice the work of forward.
        return 3 * spared * updates * batch_size * work_per_row(self.model.template) > _WORTH_A_TRACE

    def keep(self, alive: Sequence[int]) -> Many:
        """These members alone, which go on where they are."""
        return Many(survivors(self.model, [self.ids.index(member) for member in alive]), alive)


@dataclass(frozen=True)
class MemberStarts:
    """What the members of a trial start from, so that any of them can be put into one graph.

    Args:
        template: Built model of the architecture.
        weights: Starting weights of each member.
        settings: Settings of each member.
        compiling: How they are compiled.
        steps_per_execution: Batches in one call, at least 1; `None` for all of an epoch.
    """

    template: keras.Model
    weights: Sequence[Sequence[np.ndarray]]
    settings: Sequence[dict[str, Any]]
    compiling: Compiling
    steps_per_execution: int | None = None

    def many(self, ids: Sequence[int]) -> Many:
        """A population of the members `ids`, each with its settings and its starting weights."""
        own = [self.settings[k] for k in ids]
        # A setting that no member has stays the optimizer's.
        columns: dict[str, Any] = {name: [one[name] for one in own] if name in own[0] else None for name in _SETTINGS}
        population = Population(self.template, len(ids), columns.pop("dropout"))
        population.set_members([self.weights[k] for k in ids])
        scaling = keras.config.dtype_policy().name == "mixed_float16"
        optimizer = memberwise(self.compiling.optimizer, len(ids), **columns, loss_scaling=scaling)
        population.compile(
            optimizer=optimizer, steps_per_execution=self.steps_per_execution, **self.compiling.besides_optimizer()
        )
        return Many(population, ids)


class One:
    """One ordinary Keras model.

    Args:
        model: Compiled model.
        ids: Its number in the trial.
    """

    logs_hold_all = True

    def __init__(self, model: keras.Model, ids: Sequence[int] = (0,)) -> None:
        self.model = model
        self.ids = list(ids)

    def values(self, logs: Any) -> list[Logs]:
        """Its loss and metrics at this moment."""
        return [_numbers(logs or {})]

    def losses(self, logs: Any) -> np.ndarray:
        """The running mean of its loss after the last batch, shape `(1, 1)`."""
        return np.array([[float((logs or {}).get("loss", math.nan))]])

    def weights(self, member: int) -> list[np.ndarray]:
        """Its weights."""
        return [np.array(values) for values in self.model.get_weights()]

    def variables(self) -> list[Any]:
        """All that changes while training."""
        optimizer = self.model.optimizer
        # Keras makes an optimizer's variables in the first step; what is kept of them is put back before it.
        if hasattr(optimizer, "build") and not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return [*self.model.variables, *optimizer.variables]

    def pays_to_shrink(self, alive: Sequence[int], updates: int, batch_size: int) -> bool:
        """Never: there is nothing to shrink."""
        return False

    def keep(self, alive: Sequence[int]) -> One:
        """Itself."""
        return self


def arrays_of(trainable: Trainable) -> list[np.ndarray]:
    """The values of all that changes while training, to be kept in a file."""
    return [np.asarray(ops.convert_to_numpy(variable.value)) for variable in trainable.variables()]


def set_arrays(trainable: Trainable, arrays: Sequence[np.ndarray]) -> None:
    """Puts such values back.

    Raises:
        ValueError: They belong to another model.
    """
    variables = trainable.variables()
    if [tuple(v.shape) for v in variables] != [a.shape for a in arrays]:
        raise ValueError("The kept state belongs to another model; start the search anew with `overwrite=True`.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def with_settings(model: keras.Model, compiling: Compiling, settings: dict[str, Any]) -> keras.Model:
    """The model compiled with an optimizer of its own, at these settings.

    Args:
        model: Built or not.
        compiling: Optimizer, loss and metrics.
        settings: `learning_rate`, `momentum`, `weight_decay`, `dropout`, where they differ from the optimizer's.
    """
    given = keras.optimizers.get(compiling.optimizer)
    # A new one each time: an optimizer keeps variables for the weights of the model that it was compiled with.
    config = given.get_config()
    own = dict(settings)
    rate = own.pop("dropout", None)
    if rate is not None:
        model = copied(model, dropout=rate)
    made = type(given).from_config({**config, **own})
    model.compile(optimizer=made, **compiling.besides_optimizer())
    return model


def alone(model: keras.Model, compiling: Compiling, given: Mapping[str, Any], settings: dict[str, Any]) -> keras.Model:
    """The model as one by itself: as `build` compiled it, unless the search was given something else.

    Args:
        model: Built or not.
        compiling: How it is compiled where it is compiled anew.
        given: What the search was given of it: `optimizer`, `loss`, `metrics`, `jit_compile`.
        settings: Rate and whatever else was settled for it.
    """
    told = any(given.get(name) is not None for name in ("optimizer", "loss", "metrics"))
    if model.compiled and not settings and not told and given.get("jit_compile", "auto") == "auto":
        return model
    return with_settings(model, compiling, settings)
