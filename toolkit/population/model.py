"""A population: K members of one model as one Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import items_of, number, whole_number
from ..layers.folded import Unrolled, carried_states
from ..layers.stacked import Stack, Stacked, with_logits
from ..metrics.directions import Direction
from ..models.copying import copied
from ..models.reading import told_by
from ..optimizers.member_updates import SHARED, SLOTS
from ..optimizers.memberwise import alone, memberwise
from ..optimizers.rate_owners import rate_setters
from ..optimizers.wrapping import parts
from ..runtime.keras_internals import (
    flat_layers,
    is_functional,
    mask_of,
    note_mask,
    trained_variables,
    update_counter,
)
from ..runtime.machine import freed_memory_kept
from .crowd import Crowd
from .member_losses import MemberLoss, MemberMean, MemberMetric, MemberStates, twin
from .settings import MOST_MEMBERS
from .stacking import FRONT, StackSettings, stack
from .whole_epochs import ResidentRows, WholeEpochs, arguments_of_fit


class _Unseen:
    """Holds something out of sight of Keras, which would else count its weights or wrap it."""

    def __init__(self, content: Any) -> None:
        self.content = content


@keras.saving.register_keras_serializable(package="trainwise")
class Population(keras.Model):
    """K members of one architecture as one Keras model, each with weights of its own.

    `compile`, `fit`, `evaluate`, `predict`, `save` and loading work as for any model. Logs hold
    means over the members; `by_member()` has the values of each. `fit_population` is the short way.

    Args:
        template: Functional or Sequential model, built; all members start from its weights.
        members: Number of members, at least 1.
        dropout: Rate of each member for every Dropout layer, in [0, 1), or `None` for the layers' own.
        population: Number of members of a larger population that this is a part of.
        offset: Place of the first member in that population.
        name: Name of the model.
        **kwargs: As for any Keras model.

    Call arguments: inputs `(batch, ...)` as for the template. Returns `(batch, members, ...)`.

    Attributes:
        members: Number of members.
        unrolled: Names of the layers that have no stacked form and are called once for each member.

    Raises:
        TypeError: `template` is no Keras model, or a subclassed one.
        ValueError: `template` is not built, `members` below 1, or rates that do not fit.

    Example:

    >>> import keras, numpy as np
    >>> template = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> population = Population(template, members=3)
    >>> population.predict(np.ones((5, 4)), verbose=0).shape
    (5, 3, 2)
    >>> population.member(0).predict(np.ones((5, 4)), verbose=0).shape
    (5, 2)
    """

    def __init__(
        self,
        template: keras.Model,
        members: int,
        dropout: Sequence[float] | None = None,
        population: int | None = None,
        offset: int = 0,
        name: str = "population",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.members = whole_number("members", members, 1, MOST_MEMBERS)
        self._template = _Unseen(template)
        functional = functional_form(template)
        rates = _dropout_rates(template, dropout, self.members)
        self._settings = StackSettings(self.members, rates, population, offset)
        graph = stack(functional, self._settings)
        self.graph = graph.model
        self.unrolled = tuple(graph.unrolled)
        self._places = tuple(graph.places)
        self._stacked = _Unseen(graph.stacked)
        self._output_names = tuple(functional.output_names)
        self._objectives = _Unseen(([], []))
        self.trackers: list[Any] = []
        self.batch_means: Any = None
        self._whole = _Unseen(None)
        self.built = True

    @property
    def template(self) -> keras.Model:
        """The model that each member is one of."""
        return self._template.content

    @property
    def whole_epochs(self) -> WholeEpochs | None:
        """How epochs are one call; `None` where each batch is a call."""
        held: WholeEpochs | None = self._whole.content
        return held

    @property
    def resident(self) -> ResidentRows | None:
        """The rows of a fit whose epochs are one call; `None` where Keras hands over batch after batch."""
        return self.whole_epochs.training if self.whole_epochs else None

    @property
    def stacked_layers(self) -> list[Stacked]:
        """The stacked layers, each once."""
        return list(self._stacked.content)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self.graph(inputs, training=training)
        flat = [self._batch_first(y, place) for y, place in zip(keras.tree.flatten(outputs), self._places, strict=True)]
        return keras.tree.pack_sequence_as(outputs, flat)

    def _batch_first(self, y: Any, place: str) -> Any:
        moved = with_logits(lambda x: ops.moveaxis(x, 0 if place == FRONT else -2, 1), y)
        mask = mask_of(y)
        # Only a model called whole has masks, and its members stand in front, so no mask has them elsewhere.
        if mask is not None:
            note_mask(moved, ops.moveaxis(mask, 0, 1))
        return moved

    # Training

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | None = None,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """As `keras.Model.compile`; an ordinary optimizer gives its settings to every member.

        Args:
            optimizer: Any optimizer of Keras but Muon and ScheduleFreeAdamW, by name or object, `LayerwiseLearningRate`
                around one, or a `trainwise` member optimizer with settings for each member.
            loss: Loss, or one for each output (list, or dictionary by output name).
            loss_weights: Weights of the outputs' losses.
            metrics: Metrics, or a list of them for each output.
            weighted_metrics: Metrics that sample weights count for.
            run_eagerly: Whether to run without a graph.
            steps_per_execution: Batches in one call, at least 1. By default all of an epoch, where the rows are arrays
                and no callback looks at single batches, else one.
            jit_compile: Whether to compile with XLA. On a CPU `"auto"` does so for epochs that are one call of layers
                where it pays, and never for single batches, where it is slower.
            auto_scale_loss: Whether each member's loss is scaled by itself in half precision.

        Raises:
            ValueError: Another optimizer, or a loss that cannot be used.
        """
        # One scale for all members would let one that overflows skip the step of every other.
        scaling = auto_scale_loss and keras.config.dtype_policy().name == "mixed_float16"
        by_epoch = steps_per_execution is None and not run_eagerly and keras.backend.backend() == "tensorflow"
        self._whole = _Unseen(WholeEpochs(self, jit_compile) if by_epoch else None)
        if jit_compile == "auto" and keras.backend.backend() == "tensorflow" and not _has_accelerator():
            jit_compile = False
        super().compile(
            optimizer=memberwise(optimizer, self.members, loss_scaling=scaling),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution or 1,
            jit_compile=jit_compile,
            # Keras would wrap the optimizer in one that knows nothing of members.
            auto_scale_loss=False,
        )
        self.optimizer.stands_for({id(v): stack.weight for stack in self.stacks().values() for v in stack.variables})
        self.optimizer.build(self.trainable_variables)
        for layer in self.stacked_layers:
            if hasattr(layer, "for_xla"):
                # "auto" that is left standing means an accelerator, or another backend than TensorFlow.
                layer.for_xla = jit_compile is True
        self._compiled_with = _Unseen(
            {
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution or 1,
            }
        )
        self._objectives = _Unseen(self._read_objectives())
        losses, measures = self._objectives.content
        several = len(losses) > 1
        self.member_loss = MemberMean(self.members, "loss")
        self.output_losses = [MemberMean(self.members, f"{n}_loss") for n, *_ in losses] if several else []
        self.trackers = [self.member_loss, *self.output_losses, *(measure.tracker for measure in measures)]

    def metric_directions(self) -> dict[str, Direction]:
        """Whether the metrics are better high or low, by their names in the histories, as far as they say."""
        measures = self._objectives.content[1]
        return {one.tracker.name: way for one in measures if (way := told_by(one.given)) is not None}

    def _read_objectives(self) -> tuple[list[tuple[str, int, MemberLoss, float]], list[MemberMetric]]:
        given, names = self._compiled_with.content, self._output_names
        losses = by_output("loss", given["loss"], names, repeat=True)
        weights = by_output("loss_weights", given["loss_weights"], names, repeat=True)
        crowd = Crowd(self.members, self._settings.population, self._settings.offset)
        entries = [
            (
                name,
                index,
                MemberLoss(loss, crowd),
                1.0 if weight is None else number("loss_weights", weight, -np.inf, np.inf),
            )
            for index, (name, loss, weight) in enumerate(zip(names, losses, weights, strict=True))
            if loss is not None
        ]
        measures = []
        for kind in ("metrics", "weighted_metrics"):
            for index, listed in enumerate(_metrics_by_output(kind, given[kind], names)):
                measures += [MemberMetric(m, crowd, kind == "weighted_metrics", index) for m in listed]
        _name_as_keras_does(measures, names)
        return entries, measures

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Sum over the members of each one's loss, so that none sees another's gradient."""
        targets, outputs, weights = self._flat(y, y_pred, sample_weight)
        losses = []
        for place, (_, index, loss, weight) in enumerate(self._objectives.content[0]):
            value = loss(targets[index], outputs[index], weights[index])
            if self.output_losses:
                # Keras weighs the losses of outputs by the static batch size too, which is mostly unknown.
                self.output_losses[place].update_state(value, weight=outputs[index].shape[0] or 1)
            losses.append(value * weight)
        own = [loss for layer in self.stacked_layers for loss in layer.member_losses()]
        extra = [ops.cast(loss, keras.backend.floatx()) for loss in own]
        parts = losses + extra
        if not parts:
            raise ValueError("No loss to compute; give `loss` to `compile`.")
        total = sum(parts[1:], parts[0])
        # Noted before scaling: what is logged must not depend on the precision.
        self.member_loss.update_state(total, weight=ops.shape(keras.tree.flatten(x)[0])[0])
        return ops.sum(self.optimizer.scaled(total) if training else total)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Takes one batch in and returns the means over the members."""
        targets, outputs, weights = self._flat(y, y_pred, sample_weight)
        for measure in self._objectives.content[1]:
            measure.update(targets[measure.output], outputs[measure.output], weights[measure.output])
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Means over the members whose value is finite."""
        return {tracker.name: tracker.result() for tracker in self.trackers}

    def by_member(self) -> dict[str, np.ndarray]:
        """Loss and metrics of each member so far in this epoch or evaluation, each of shape `(members,)`."""
        return {tracker.name: tracker.by_member() for tracker in self.trackers}

    @property
    def metrics(self) -> list[MemberMean | MemberStates]:
        return list(self.trackers)

    def _flat(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[list[Any], list[Any], list[Any]]:
        outputs = keras.tree.flatten(y_pred)
        names = self._output_names
        targets = by_output("y", y, names)
        weights = by_output("sample_weight", sample_weight, names, repeat=True)
        return targets, outputs, weights

    def fit(self, *args: Any, callbacks: Any = None, **kwargs: Any) -> keras.callbacks.History:
        """As `keras.Model.fit`.

        Raises:
            ValueError: A callback that sets the learning rate.
        """
        for callback in rate_setters(callbacks):
            raise ValueError(
                f"{type(callback).__name__} sets one learning rate, and each member of a population has its own; "
                "give `learning_rate` a schedule for each member instead. (`tw.fit_population` gives each member a "
                "ReduceLROnPlateau of its own.)"
            )
        arguments = arguments_of_fit(args, {**kwargs, "callbacks": callbacks})
        whole = self._whole.content
        # Made anew by each call of `fit`, which may bring other rows; what was traced is kept.
        self.train_function = self.test_function = None
        try:
            with freed_memory_kept():
                return super().fit(**(whole.take(arguments) if whole else arguments))
        finally:
            self.train_function = self.test_function = None
            if whole:
                whole.release()

    def make_train_function(self, force: bool = False) -> None:
        """As Keras does, and for whole epochs where `fit` is given rows that stay on the device."""
        if self.train_function is None or force:
            super().make_train_function(force=True)
            if self._whole.content:
                self.train_function = self._whole.content.function(True, self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        """As Keras does, and for all batches at once where `fit` is given rows that stay on the device."""
        if self.test_function is None or force:
            super().make_test_function(force=True)
            if self._whole.content:
                self.test_function = self._whole.content.function(False, self.test_function)

    def batch_losses(self) -> np.ndarray:
        """Mean loss of each member after each batch of the last call, shape `(batches, members)`."""
        if self.batch_means is None:
            return self.member_loss.by_member()[None]
        return np.asarray(ops.convert_to_numpy(self.batch_means), "float64")

    # Members

    def stacks(self) -> dict[int, Stack]:
        """What the members have for each weight of the template, by the `id` of that weight."""
        return {id(stack.weight): stack for layer in self.stacked_layers for stack in layer.stacks()}

    def carried(self) -> dict[int, Stack]:
        """What the members have for each state that stateful layers of the template carry, by its `id`."""
        unrolled = [layer for layer in self.stacked_layers if isinstance(layer, Unrolled)]
        return {id(stack.weight): stack for layer in unrolled for stack in layer.carried()}

    def member_weights(self, k: int) -> list[np.ndarray]:
        """The weights of member `k`, in the order of `template.weights`."""
        stacks = self.stacks()
        return [
            stacks[id(weight)].of(k) if id(weight) in stacks else ops.convert_to_numpy(weight)
            for weight in self.template.weights
        ]

    def weights_by_member(self) -> list[np.ndarray]:
        """For each weight of the template its values for all members, shape `(members, *shape)`."""
        stacks = self.stacks()
        return [
            stacks[id(weight)].all()
            if id(weight) in stacks
            else np.stack([ops.convert_to_numpy(weight)] * self.members)
            for weight in self.template.weights
        ]

    def set_members(self, weights: Sequence[Sequence[np.ndarray]]) -> None:
        """Sets the weights of all members.

        Args:
            weights: For each member its weights, in the order of `template.weights`.
        """
        stacks = self.stacks()
        for weight, values in zip(self.template.weights, zip(*weights, strict=True), strict=True):
            # What has no stack, such as the statistics of Normalization, is the same for all members.
            if id(weight) in stacks:
                stacks[id(weight)].write(values)

    def member(self, k: int) -> keras.Model:
        """Member `k` as an ordinary Keras model, compiled where the population is.

        Args:
            k: Which member, in [0, members).

        Raises:
            IndexError: There is no such member.
        """
        # As in a list, -1 is the last member.
        if not -self.members <= k < self.members:
            raise IndexError(f"The population has members 0 to {self.members - 1}, got {k}.")
        k %= self.members
        rates = self._settings.dropout
        model = copied(self.template, self.member_weights(k), None if rates is None else rates[k])
        carried = self.carried()
        for theirs, state in zip(carried_states(model), carried_states(self.template), strict=True):
            theirs.assign(carried[id(state)].of(k))
        if self.compiled:
            self._compile_member(model, k)
        return model

    def _compile_member(self, model: keras.Model, k: int) -> None:
        # Metric objects hold state, which the members must not share.
        settings = keras.tree.map_structure(
            lambda value: twin(value) if isinstance(value, keras.metrics.Metric) else value,
            self._compiled_with.content,
        )
        model.compile(optimizer=alone(self.optimizer, k), **settings)
        model.optimizer.build(model.trainable_variables)
        weights = dict(zip(map(id, model.trainable_weights), self.template.trainable_weights, strict=True))
        for one in [model.optimizer, *parts(model.optimizer)]:
            # Schedules and Adam's bias correction go on from where the population is.
            update_counter(one).assign(update_counter(self.optimizer))
            self._copy_slots(one, k, weights)

    def _copy_slots(self, optimizer: keras.optimizers.Optimizer, k: int, weights: dict[int, keras.Variable]) -> None:
        """Fills what a member's optimizer remembers; `weights` has the template's weight for each of the member's."""
        stacks = self.stacks()
        places = {id(variable): place for place, variable in enumerate(self.trainable_variables)}
        for name in SLOTS:
            slots = getattr(self.optimizer, name, None)
            theirs_of = getattr(optimizer, name, None)
            # Keras' SGD keeps no velocities without momentum, so a member of momentum 0 has none to fill.
            if not slots or not theirs_of:
                continue
            own = {variable: slots[place] for variable, place in places.items()}
            for theirs, variable in zip(theirs_of, trained_variables(optimizer), strict=True):
                stack = stacks[id(weights[id(variable)])]
                # Adafactor keeps no rows and columns of a vector.
                if theirs is not None and own[id(stack.variables[0])] is not None:
                    theirs.assign(stack.of(k, partial(_slot, own)))
        for name in SHARED:
            if hasattr(optimizer, name):
                getattr(optimizer, name).assign(getattr(self.optimizer, name))

    # Saving

    def get_config(self) -> dict[str, Any]:
        return {
            "template": keras.saving.serialize_keras_object(self.template),
            "members": self.members,
            "dropout": self._settings.dropout,
            "population": self._settings.population,
            "offset": self._settings.offset,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Population:
        template = keras.saving.deserialize_keras_object(config["template"], custom_objects=custom_objects)
        return cls(**{**config, "template": template})

    def get_compile_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        settings = {name: serialize(value) for name, value in self._compiled_with.content.items()}
        return {"optimizer": serialize(self.optimizer), **settings}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})


def _slot(slots: dict[int, keras.Variable], variable: keras.Variable) -> keras.Variable:
    return slots[id(variable)]


def functional_form(model: keras.Model) -> keras.Model:
    """A Functional model over the layers of `model`.

    Raises:
        TypeError: `model` is no Keras model, or a subclassed one.
        ValueError: `model` is not built.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`build_model` must return, and `template` be, a Keras model, got {type(model).__name__}.")
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError("`build_model` must return a built model; begin the Sequential with `keras.Input(shape)`.")
        # Only a Functional model has a graph of its own to walk.
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not is_functional(model):
        raise TypeError(
            f"`build_model` answered the subclassed model {type(model).__name__}, whose layers cannot be seen; "
            "write it as a Functional model, `keras.Model(inputs, outputs)`, or as a Sequential."
        )
    return model


def by_output(what: str, given: Any, names: Sequence[str], repeat: bool = False) -> list[Any]:
    """What was given for each output: a list, a dictionary by output name, or one for all.

    Raises:
        ValueError: The number of entries or their names do not fit the outputs.

    Example:

    >>> by_output("loss", {"b": "mse"}, ["a", "b"])
    [None, 'mse']
    """
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ValueError(f"`{what}` names {unknown}; the model's outputs are {list(names)}.")
        return [given.get(name) for name in names]
    # With one output a list of another length is the value itself, such as targets given as a list.
    if isinstance(given, (list, tuple)) and not (len(names) == 1 and len(given) != 1):
        if len(given) != len(names):
            raise ValueError(f"`{what}` must have {len(names)} entries, one an output, got {len(given)}.")
        return list(given)
    if len(names) > 1 and not repeat and given is not None:
        raise ValueError(f"`{what}` must have {len(names)} entries, one an output, got one.")
    return [given] * len(names)


def _metrics_by_output(what: str, given: Any, names: Sequence[str]) -> list[list[Any]]:
    if given is None:
        return [[] for _ in names]
    if len(names) == 1 and not isinstance(given, dict):
        # With one output a list holds its metrics; with several, an entry for each output.
        return [list(given) if isinstance(given, (list, tuple)) else [given]]
    listed = by_output(what, given, names)
    return [list(m) if isinstance(m, (list, tuple)) else [] if m is None else [m] for m in listed]


def _name_as_keras_does(measures: Sequence[MemberMetric], outputs: Sequence[str]) -> None:
    """Names in the logs, each one once: a metric that is weighed too is `weighted_`, others are numbered."""
    count: dict[str, int] = {}
    for measure in measures:
        prefix = f"{outputs[measure.output]}_" if len(outputs) > 1 else ""
        name = prefix + measure.tracker.name
        if name in count and measure.weighted:
            name = f"{prefix}weighted_{measure.tracker.name}"
        count[name] = count.get(name, 0) + 1
        measure.tracker.name = name if count[name] == 1 else f"{name}_{count[name] - 1}"


def _dropout_rates(template: keras.Model, dropout: Sequence[float] | None, members: int) -> tuple[float, ...] | None:
    if dropout is None:
        return None
    rates = tuple(number("dropout", rate, 0, 1, open_high=True) for rate in items_of("dropout", dropout))
    if len(rates) != members:
        raise ValueError(f"`dropout` must hold {members} values, one a member, got {len(rates)}.")
    layers = flat_layers(template)
    if not any(type(layer) is keras.layers.Dropout for layer in layers):
        raise ValueError("`dropout` was given, but the model has no Dropout layer; add `keras.layers.Dropout(0.5)`.")
    return rates


def _has_accelerator() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
