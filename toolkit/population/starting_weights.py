"""Starting weights: what `build_model()` gives after each seed, without building it each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..runtime.keras_internals import drew_its_seed, flat_layers

# How Keras draws the seed of an initializer that was given none.
_LARGEST_SEED = 10**9
# How many seeds are drawn while a model is built is not known; of more than this the weights are built instead.
_DRAWS_OF_A_WEIGHT = 4
_OTHER_DRAWS = 64


def members(build_model: Callable[[], keras.Model], seeds: Sequence[int]) -> tuple[keras.Model, list[list[np.ndarray]]]:
    """The model after the first seed, and the starting weights of every member.

    The model is built once for the first seed and once for another. For the other seeds the draws
    of its initializers are repeated alone, where that gives the second build exactly; else the
    model is built for each seed, as where a layer of the caller's own names an initializer and does not keep it.

    Args:
        build_model: Returns a Keras model, a new one at each call.
        seeds: One whole number a member; member `k` starts as after
            `keras.utils.set_random_seed(seeds[k])`.

    Raises:
        ValueError: The models share a layer with weights to train, or differ in shape.

    Example:

    >>> build = lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model, starts = members(build, [0, 1, 2])
    >>> [weights[0].shape for weights in starts]
    [(2, 1), (2, 1), (2, 1)]
    """
    template = _built(build_model, seeds[0])
    first = template.get_weights()
    if len(seeds) == 1:
        return template, [first]
    other = next((seed for seed in seeds if seed != seeds[0]), seeds[0])
    second = _built(build_model, other)
    _refuse_shared_layers(template, second)
    known = {seeds[0]: first, other: second.get_weights()}
    _refuse_other_shapes(first, known[other])
    replay = _Replay(template, seeds[0])
    exact = _same(replay.weights(other), known[other])
    for seed in seeds:
        if seed not in known:
            known[seed] = replay.weights(seed) if exact else _built(build_model, seed).get_weights()
            _refuse_other_shapes(first, known[seed])
    return template, [known[seed] for seed in seeds]


def _built(build_model: Callable[[], keras.Model], seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = build_model()
    if not isinstance(model, keras.Model):
        raise TypeError(f"`build_model` must return a Keras model, got {type(model).__name__}.")
    return model


class _Replay:
    """Draws the weights of a model again for another seed.

    An initializer that was given no seed draws one from Python's generator when it is made, and its values
    follow from that seed. Which initializer made which weight is seen by making the values once more.
    """

    def __init__(self, template: keras.Model, seed: int) -> None:
        self.template = template
        layers = flat_layers(template)
        drawn = _seeds_after(seed, _DRAWS_OF_A_WEIGHT * (len(template.weights) + len(layers)) + _OTHER_DRAWS)
        # In reverse, so that of a seed that is drawn twice the first place stands.
        places = {value: place for place, value in reversed(list(enumerate(drawn)))}
        self.sources: dict[int, tuple[Callable[[int], Any], int]] = {}
        for layer in reversed(layers):  # the innermost first, whose initializers are most likely its own
            known = [one for one in vars(layer).values() if drew_its_seed(one) and one.seed in places]
            for weight in layer.weights if known else ():
                for one in known:
                    maker = _maker(one, layer)
                    if id(weight) not in self.sources and _gives(maker(one.seed), weight):
                        self.sources[id(weight)] = (maker, places[one.seed])
        self.length = 1 + max((place for _, place in self.sources.values()), default=0)

    def weights(self, seed: int) -> list[np.ndarray]:
        """The weights after `seed`, in the order of `template.weights`."""
        seeds = _seeds_after(seed, self.length)
        return [self._value(weight, seeds) for weight in self.template.weights]

    def _value(self, weight: keras.Variable, seeds: list[int]) -> np.ndarray:
        if id(weight) not in self.sources:
            return ops.convert_to_numpy(weight)
        maker, place = self.sources[id(weight)]
        return ops.convert_to_numpy(maker(seeds[place])(weight.shape, dtype=weight.dtype))


def _maker(
    initializer: keras.initializers.Initializer, layer: keras.layers.Layer
) -> Callable[[int], keras.initializers.Initializer]:
    """Makes an initializer like the one that the layer uses, with another seed."""
    settings = initializer.get_config()
    if isinstance(layer, keras.layers.EinsumDense) and isinstance(initializer, keras.initializers.VarianceScaling):
        # Such a layer tells its initializer which axes of the kernel are inputs.
        kernel, output = layer.equation.replace(" ", "").split(",")[1].split("->")
        settings["input_axes"] = [place for place, axis in enumerate(kernel) if axis not in output]
        settings["output_axes"] = [place for place, axis in enumerate(kernel) if axis in output]
    return lambda seed: type(initializer).from_config({**settings, "seed": seed})


def _gives(initializer: keras.initializers.Initializer, weight: keras.Variable) -> bool:
    try:
        values = initializer(weight.shape, dtype=weight.dtype)
    except (ValueError, IndexError):  # some make no values of every shape
        return False
    return np.array_equal(ops.convert_to_numpy(values), ops.convert_to_numpy(weight))


def _seeds_after(seed: int, count: int) -> list[int]:
    generator = random.Random(seed)
    return [generator.randint(1, _LARGEST_SEED) for _ in range(count)]


def _same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    # Statistics that were never adapted are NaN.
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(some, others, strict=True))


def _refuse_shared_layers(first: keras.Model, second: keras.Model) -> None:
    theirs = {id(layer) for layer in flat_layers(second)}
    for layer in flat_layers(first):
        if id(layer) in theirs and layer.trainable_weights:
            raise ValueError(
                f"Layer {layer.name!r} is made outside `build_model`, so all members would share its weights; "
                "make it inside `build_model`."
            )


def _refuse_other_shapes(first: list[np.ndarray], other: list[np.ndarray]) -> None:
    shapes, others = [w.shape for w in first], [w.shape for w in other]
    if shapes != others:
        raise ValueError(
            f"`build_model` must return the same architecture each time: weights of shapes {shapes}, then {others}. "
            "A setting that changes shapes, such as units, cannot differ between members; "
            "fit one population for each value."
        )
