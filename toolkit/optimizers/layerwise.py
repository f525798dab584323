"""A learning rate for each layer, from one learning rate and a multiplier a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import instance_of, number, seed_of, whole_number
from ..models.copying import copied
from ..models.reading import innermost, largest_weight
from ..runtime.keras_internals import (
    clip_gradients,
    compiled_with,
    decay_exclusions,
    trained_variables,
    update_counter,
    variable_key,
)
from ..runtime.randomness import preserved
from .layer_multipliers import factors_of, layers_of
from .wrapping import Wrapper, learning_rate_of, read_optimizer

# Probing is repeated until the largest ratio is at most this much above the smallest.
_ALIKE = 1.03
_ROUNDS = 8


@keras.saving.register_keras_serializable(package="trainwise")
class LayerwiseLearningRate(Wrapper):
    """Gives each layer the learning rate times a multiplier of its own, with any Keras optimizer inside.

    There is one `.learning_rate`, which schedules and Keras' callbacks drive. Weight decay is scaled
    with it; a global clip norm is taken over all layers. The layers of each multiplier have a copy
    of the inner optimizer, so that its rule needs no change. Keras' `ScheduleFreeAdamW` must be built before
    the fit, `optimizer.build(model.trainable_variables)`, here as by itself.

    Args:
        inner_optimizer: Keras optimizer, or its name; never used itself, only its settings.
        multipliers: For names of layers, or patterns with `*` and `?`, a multiplier of at least 0. A
            name goes before a pattern, and patterns in their order. A layer within another is also
            named by the outer one's name. 0 stops updates, though not batch-norm statistics.
        default: Multiplier of the other layers, at least 0.
        name: Name of the optimizer.

    Raises:
        TypeError: `inner_optimizer` is none, or a multiplier is not a number.
        ValueError: A LossScaleOptimizer inside, which belongs outside; a negative multiplier; a name or
            pattern that no layer has (when it is built); accumulation together with a global clip norm,
            which would be taken of each part.

    Reference: Howard and Ruder 2018, arXiv:1801.06146, section 3.2 (discriminative fine-tuning).

    Example:

    >>> import keras, numpy as np
    >>> layers = [keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name=n) for n in ("a", "b")]
    >>> model = keras.Sequential([keras.Input((1,)), *layers])
    >>> model.compile(LayerwiseLearningRate(keras.optimizers.SGD(0.1), {"b": 0.5}), "mse")
    >>> _ = model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    >>> [round(float(w[0, 0]), 3) for w in model.get_weights()]
    [0.8, 0.9]
    """

    def __init__(
        self,
        inner_optimizer: str | keras.optimizers.Optimizer | dict[str, Any],
        multipliers: Mapping[str, float] | None = None,
        default: float = 1.0,
        name: str = "layerwise",
    ) -> None:
        given = read_optimizer(inner_optimizer)
        if isinstance(given, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "A LossScaleOptimizer inside LayerwiseLearningRate would scale each group of layers by itself; put it "
                "outside: `LossScaleOptimizer(LayerwiseLearningRate(inner, ...))`."
            )
        if multipliers is not None:
            instance_of("multipliers", multipliers, Mapping, "a dictionary from layers to numbers")
        settings = given.get_config()
        # Clipping and the scale of the loss are the wrapper's: each copy sees only its part of the gradients.
        clip = settings.pop("global_clipnorm", None)
        if clip and settings.get("gradient_accumulation_steps"):
            raise ValueError(
                "`global_clipnorm` and `gradient_accumulation_steps` cannot both be set inside "
                "LayerwiseLearningRate; wrap it in AccumulatedGradients instead."
            )
        super().__init__(learning_rate_of(given), name=name, global_clipnorm=clip)
        self.loss_scale_factor = settings.pop("loss_scale_factor", None)
        self._kind = type(given)
        self._inner_name = settings["name"]
        self._settings = {key: value for key, value in settings.items() if key not in ("learning_rate", "name")}
        self._exclusions = decay_exclusions(given)
        self.multipliers = {
            str(key): number(f"multipliers[{key!r}]", value, 0, np.inf, open_high=True)
            for key, value in (multipliers or {}).items()
        }
        self.default = number("default", default, 0, np.inf, open_high=True)
        self._clones: list[Any] = []
        self._places: dict[Any, int] = {}

    def inner(self) -> list[keras.optimizers.Optimizer]:
        """One optimizer for each distinct multiplier, in rising order."""
        return list(self._clones)

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        factors = self._factors(variables)
        for place, factor in enumerate(sorted(set(factors))):
            clone = self._clone(factor, place)
            own = [variable for variable, given in zip(variables, factors, strict=True) if given == factor]
            clone.build(own)
            self._clones.append(clone)
            self._places.update({variable_key(self, variable): place for variable in own})

    def _clone(self, factor: float, place: int) -> keras.optimizers.Optimizer:
        # A function, so that the copies follow whatever a schedule or a callback sets here.
        settings = {**self._settings, "name": f"{self.name}_{place}", "learning_rate": lambda: self._part(factor)}
        clone = self._kind(**settings)
        clone.exclude_from_weight_decay(var_names=self._exclusions)
        return clone

    def _part(self, factor: float) -> Any:
        return ops.cast(self.learning_rate, keras.backend.floatx()) * factor

    def _factors(self, variables: list[keras.Variable]) -> list[float]:
        return factors_of([str(variable.path) for variable in variables], self.multipliers, self.default)

    def layer_multipliers(self) -> dict[str, float]:
        """The multiplier of each layer that holds weights, once built."""
        variables = trained_variables(self)
        factors = zip(variables, self._factors(variables), strict=True)
        return {layers_of(str(variable.path))[-1]: factor for variable, factor in factors}

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        variables = trained_variables(self) if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        gradients = [g for g, _ in pairs]
        if self.loss_scale_factor is not None:
            gradients = [g / self.loss_scale_factor for g in gradients]
        if self.global_clipnorm:
            gradients = clip_gradients(self, gradients)
        for place, clone in enumerate(self._clones):
            own = [
                (gradient, variable)
                for gradient, (_, variable) in zip(gradients, pairs, strict=True)
                if self._places[variable_key(self, variable)] == place
            ]
            if own:
                clone.apply([gradient for gradient, _ in own], [variable for _, variable in own])
        update_counter(self).assign_add(1)

    def plain(self) -> keras.optimizers.Optimizer:
        """The inner optimizer as it was given: with its rate, its clipping and the scale of its loss, without state."""
        settings = {**self._settings, "learning_rate": learning_rate_of(self), "name": self._inner_name}
        inner = self._kind(**settings)
        inner.global_clipnorm, inner.loss_scale_factor = self.global_clipnorm, self.loss_scale_factor
        inner.exclude_from_weight_decay(var_names=self._exclusions)
        return inner

    def get_config(self) -> dict[str, Any]:
        return {
            "inner_optimizer": keras.saving.serialize_keras_object(self.plain()),
            "multipliers": self.multipliers,
            "default": self.default,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, type] | None = None
    ) -> LayerwiseLearningRate:
        return cls(**config)


def decay(model: keras.Model, rate: float = 0.75) -> dict[str, float]:
    """Multipliers that fall from the last layer, which has 1, to the first.

    Args:
        model: Built Keras model; its layers with weights to train are counted.
        rate: Multiplier from one layer to the one before it, in (0, 1].

    Raises:
        ValueError: `rate` out of range, or a model with no weights to train.

    Reference: Clark et al. 2020, arXiv:2003.10555 (layer-wise learning-rate decay).

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, name=n) for n in "abc")])
    >>> decay(model, 0.5)
    {'a': 0.25, 'b': 0.5, 'c': 1.0}
    """
    number("rate", rate, 0, 1, open_low=True)
    names = _trained_layers(model)
    return {name: rate ** (len(names) - 1 - place) for place, name in enumerate(names)}


def discriminative(model: keras.Model, lowest: float, highest: float) -> dict[str, float]:
    """Multipliers evenly spaced in the logarithm from the first layer to the last.

    Args:
        model: Built Keras model; its layers with weights to train are counted.
        lowest: Multiplier of the first layer, > 0.
        highest: Multiplier of the last layer, at least `lowest`.

    Raises:
        ValueError: An argument out of range, or a model with no weights to train.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, name=n) for n in "abc")])
    >>> {name: round(value, 3) for name, value in discriminative(model, 0.01, 1.0).items()}
    {'a': 0.01, 'b': 0.1, 'c': 1.0}
    """
    number("lowest", lowest, 0, np.inf, open_low=True)
    number("highest", highest, lowest, np.inf)
    names = _trained_layers(model)
    return dict(zip(names, np.geomspace(lowest, highest, len(names)).tolist(), strict=True))


def equal_update_ratio(
    model: keras.Model, x: Any, y: Any, batches: int = 8, batch_size: int = 32, seed: int = 0
) -> dict[str, float]:
    """Multipliers with which the weights of all layers move at a like pace.

    A copy of the model is trained on a few batches, again and again from the same weights, until
    the mean of |update| / |weights| of every layer's largest weight is alike. Their product is 1, so
    that the middle pace stays. The model, its optimizer and the random state stay as they are.

    Args:
        model: Compiled Functional or Sequential Keras model.
        x: Inputs, arrays as for `fit`.
        y: Targets.
        batches: Batches of a probe, at least 1.
        batch_size: Rows of a batch, at least 1.
        seed: Whole number, at least 0, for the choice of rows.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: A model that is not compiled or has no weights to train, or an argument out of
            range, or a layer that no batch moves.

    Reference: the update-to-weight ratio as a measure of a layer's pace, You et al. 2017, arXiv:1708.03888.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4, name=n) for n in "ab")])
    >>> model.compile("sgd", "mse")
    >>> factors = equal_update_ratio(model, np.ones((64, 4)), np.zeros((64, 4)))
    >>> round(factors["a"] * factors["b"], 6)
    1.0
    """
    whole_number("batches", batches, low=1)
    whole_number("batch_size", batch_size, low=1)
    if not getattr(model, "compiled", False):
        raise ValueError("`model` must be compiled: the probe needs its loss and its optimizer.")
    names = _trained_layers(model)
    factors = dict.fromkeys(names, 1.0)
    with preserved():
        keras.utils.set_random_seed(seed_of("seed", seed))
        for _ in range(_ROUNDS):
            ratios = update_ratios(model, x, y, factors, batches, batch_size, seed)
            still = [name for name, ratio in ratios.items() if not 0 < ratio < math.inf]
            if still:
                raise ValueError(f"No batch moved the layers {still}; check data and learning rate with `tw.check`.")
            if max(ratios.values()) / min(ratios.values()) < _ALIKE:
                break
            middle = _geometric_mean(ratios)
            # Each batch finds weights that the last one moved, so ratios go with rates only roughly: hence the rounds.
            factors = {name: factors[name] * middle / ratios[name] for name in names}
    return _product_one(factors)


def update_ratios(
    model: keras.Model,
    x: Any,
    y: Any,
    multipliers: Mapping[str, float],
    batches: int = 8,
    batch_size: int = 32,
    seed: int = 0,
) -> dict[str, float]:
    """Mean of |update| / |weights| of each layer's largest weight over a few batches, on a copy of the model.

    Arguments as for `equal_update_ratio`; `multipliers` as for `LayerwiseLearningRate`.
    """
    one = copied(model)
    inner = innermost(model.optimizer)
    plain = type(inner).from_config(inner.get_config())
    one.compile(LayerwiseLearningRate(plain, multipliers), loss=compiled_with(model).get("loss"))
    rows = len(keras.tree.flatten(x)[0])
    generator = np.random.default_rng(seed)
    sums = dict.fromkeys(multipliers, 0.0)
    kernels = {name: largest_weight(_layer(one, name)) for name in multipliers}
    for _ in range(batches):
        take = generator.integers(0, rows, min(batch_size, rows))
        before = {name: ops.convert_to_numpy(kernel).copy() for name, kernel in kernels.items()}
        one.train_on_batch(*keras.tree.map_structure(lambda values, t=take: np.asarray(values)[t], (x, y)))
        for name, kernel in kernels.items():
            moved = np.linalg.norm(ops.convert_to_numpy(kernel) - before[name])
            # Weights that are all zero at first must not divide by zero.
            sums[name] += float(moved) / max(float(np.linalg.norm(before[name])), 1e-12) / batches
    return sums


def _product_one(factors: dict[str, float]) -> dict[str, float]:
    middle = _geometric_mean(factors)
    return {name: factor / middle for name, factor in factors.items()}


def _geometric_mean(values: Mapping[str, float]) -> float:
    return math.exp(sum(math.log(value) for value in values.values()) / len(values))


def _trained_layers(model: keras.Model) -> list[str]:
    """Names of the layers that hold weights to train themselves, in the order of the model."""
    names = [layer.name for layer in model.layers if layer.trainable_weights]
    if not names:
        raise ValueError("`model` has no weights to train.")
    return names


def _layer(model: keras.Model, name: str) -> keras.layers.Layer:
    return next(layer for layer in model.layers if layer.name == name)
