"""Starting weights: what `build_model()` gives after each seed, without building it each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

# How Keras draws the seed of an initializer that was given none.
_LARGEST_SEED = 10**9


def members(build_model: Callable[[], Any], seeds: Sequence[int]) -> tuple[Any, list[list[np.ndarray]]]:
    """The model after the first seed, and the starting weights of every member.

    The model is built once for the first seed and once for another. For the other seeds the draws
    of its initializers are repeated alone, where that gives the second build exactly; else the
    model is built for each seed.

    Args:
        build_model: Answers a Keras model, a new one at each call.
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
    with _recorded() as drawn:
        template = _built(build_model, seeds[0])
    first = template.get_weights()
    if len(seeds) == 1:
        return template, [first]
    other = next((seed for seed in seeds if seed != seeds[0]), seeds[0])
    second = _built(build_model, other)
    _refuse_shared_layers(template, second)
    known = {seeds[0]: first, other: second.get_weights()}
    _refuse_other_shapes(first, known[other])
    replay = _Replay(template, drawn, seeds[0])
    exact = _same(replay.weights(other), known[other])
    for seed in seeds:
        if seed not in known:
            known[seed] = replay.weights(seed) if exact else _built(build_model, seed).get_weights()
            _refuse_other_shapes(first, known[seed])
    return template, [known[seed] for seed in seeds]


def _built(build_model: Callable[[], Any], seed: int) -> Any:
    keras.utils.set_random_seed(seed)
    model = build_model()
    if not isinstance(model, keras.Model):
        raise TypeError(f"`build_model` must answer a Keras model, got {type(model).__name__}.")
    return model


class _Replay:
    """Draws the weights of a model again for another seed."""

    def __init__(self, template: Any, drawn: dict[int, tuple[Any, Any]], seed: int) -> None:
        self.template = template
        places = {value: place for place, value in reversed(list(enumerate(_seeds_after(seed, 4 * len(drawn) + 64))))}
        self.initializers = {
            key: (initializer, places[initializer.seed])
            for key, (_, initializer) in drawn.items()
            if getattr(initializer, "_init_seed", 0) is None and initializer.seed in places
        }
        self.length = 1 + max((place for _, place in self.initializers.values()), default=0)

    def weights(self, seed: int) -> list[np.ndarray]:
        """The weights after `seed`, in the order of `template.weights`."""
        seeds = _seeds_after(seed, self.length)
        return [self._value(weight, seeds) for weight in self.template.weights]

    def _value(self, weight: Any, seeds: list[int]) -> np.ndarray:
        if id(weight) not in self.initializers:
            return ops.convert_to_numpy(weight)
        initializer, place = self.initializers[id(weight)]
        again = type(initializer).from_config({**initializer.get_config(), "seed": seeds[place]})
        return ops.convert_to_numpy(again(weight.shape, dtype=weight.dtype))


def _seeds_after(seed: int, count: int) -> list[int]:
    generator = random.Random(seed)
    return [generator.randint(1, _LARGEST_SEED) for _ in range(count)]


@contextmanager
def _recorded() -> Iterator[dict[int, tuple[Any, Any]]]:
    """Notes the initializer of each weight that is added meanwhile: `id` to the weight and its initializer."""
    drawn: dict[int, tuple[Any, Any]] = {}
    original = keras.layers.Layer.add_weight

    def add_weight(layer: Any, shape: Any = None, initializer: Any = None, *args: Any, **kwargs: Any) -> Any:
        if initializer is not None:
            initializer = keras.initializers.get(initializer)
        weight = original(layer, shape, initializer, *args, **kwargs)
        drawn[id(weight)] = (weight, initializer)
        return weight

    keras.layers.Layer.add_weight = add_weight
    try:
        yield drawn
    finally:
        keras.layers.Layer.add_weight = original


def _same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(some, others, strict=True))


def _refuse_shared_layers(first: Any, second: Any) -> None:
    theirs = {id(layer) for layer in second._flatten_layers(include_self=False)}
    for layer in first._flatten_layers(include_self=False):
        if id(layer) in theirs and layer.trainable_weights:
            raise ValueError(
                f"Layer {layer.name!r} is made outside `build_model`, so all members would share its weights; "
                "make it inside `build_model`."
            )


def _refuse_other_shapes(first: list[np.ndarray], other: list[np.ndarray]) -> None:
    shapes, others = [w.shape for w in first], [w.shape for w in other]
    if shapes != others:
        raise ValueError(
            f"`build_model` must answer the same architecture each time: weights of shapes {shapes}, then {others}. "
            "A setting that changes shapes, such as units, cannot differ between members; "
            "fit one population for each value."
        )
