"""A smaller population of some members of a larger one, which go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..layers.stacked import Stack
from ..optimizers.member_updates import SHARED, SLOTS, MemberRates
from ..runtime.keras_internals import decay_exclusions, update_counter
from .model import Population, _slot


def survivors(population: Population, places: Sequence[int]) -> Population:
    """A compiled population of the members at `places`, with their weights, carried states and their optimizer's state.

    Args:
        population: A compiled population.
        places: Which members, each in [0, members), at least one.

    Raises:
        IndexError: There is no such member.
        ValueError: No member is to be kept.

    Example:

    >>> import keras
    >>> population = Population(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), members=3)
    >>> population.compile("sgd", loss="mse")
    >>> survivors(population, [0, 2]).members
    2
    """
    if not len(places):
        raise ValueError("At least one member must be kept, got none.")
    if not all(0 <= place < population.members for place in places):
        raise IndexError(f"The population has members 0 to {population.members - 1}, got {list(places)}.")
    rates = population._settings.dropout
    kept = Population(population.template, len(places), None if rates is None else [rates[place] for place in places])
    kept.set_members([[values[place] for values in population.weights_by_member()] for place in places])
    carried = population.carried()
    for key, stack in kept.carried().items():
        values = carried[key].all()
        stack.write([values[place] for place in places])
    settings = population._compiled_with.content
    kept.compile(optimizer=_optimizer(population.optimizer, places), jit_compile=population.jit_compile, **settings)
    update_counter(kept.optimizer).assign(update_counter(population.optimizer))
    _move_slots(population, kept, places)
    return kept


def _optimizer(optimizer: Any, places: Sequence[int]) -> Any:
    config = optimizer.get_config()
    config["members"] = len(places)
    config["learning_rate"] = MemberRates([optimizer.rate(place) for place in places])
    for name in ("momentum", "weight_decay"):
        if isinstance(config.get(name), (list, tuple)):
            config[name] = [config[name][place] for place in places]
    made = type(optimizer)(**config)
    # Exclusions are no part of a Keras optimizer's configuration.
    made.exclude_from_weight_decay(var_names=decay_exclusions(optimizer))
    return made


def _move_slots(before: Population, after: Population, places: Sequence[int]) -> None:
    old, new = before.stacks(), after.stacks()
    for name in SLOTS:
        theirs, own = _by_variable(before, name), _by_variable(after, name)
        if not theirs or not own:
            continue
        for key, stack in new.items():
            if any(own.get(id(variable)) is None for variable in stack.variables):
                continue
            values = old[key].all(partial(_slot, theirs))
            slots = [own[id(variable)] for variable in stack.variables]
            # Slots are laid out like the weights they belong to, so a stack of them can be written alike.
            Stack(stack.weight, slots, after.members).write([values[place] for place in places])
    for name in SHARED:
        if hasattr(before.optimizer, name):
            getattr(after.optimizer, name).assign(getattr(before.optimizer, name))
    if before.optimizer.loss_scaling:
        for name in ("scale", "finite_steps"):
            values = getattr(before.optimizer, name).numpy()
            getattr(after.optimizer, name).assign(values[list(places)])


def _by_variable(population: Population, name: str) -> dict[int, Any]:
    slots = getattr(population.optimizer, name, None) or []
    return {id(v): slot for v, slot in zip(population.trainable_variables, slots, strict=False)}
