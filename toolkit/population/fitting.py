"""`fit_population`: compare settings side by side in one fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from ..checks import function_of, instance_of, items_of, number, refuse_no_rows, whole_number
from ..diagnosis.baselines import known_of
from ..diagnosis.run_reader import RunReader
from ..metrics.directions import Direction
from ..models.lazy_models import LazyModels
from ..models.reading import named_loss, structure_of
from ..models.structure import Structure
from ..optimizers.memberwise import memberwise
from ..runtime.fit_arguments import brings_batches, rows_before_split
from ..runtime.randomness import preserved
from . import memory, starting_weights
from .advice_trials import MemberTrials
from .lone import given_or_compiled, plateau_callbacks, sorted_callbacks
from .model import Population, functional_form
from .result import PopulationResult
from .settings import MemberSettings, read_settings
from .tracking import Tracking
from .unlucky_starts import with_unlucky_starts

# What Keras' `fit` takes where no batch size is given; here it only estimates memory.
_ROWS_IN_A_BATCH = 32
# What each remembers of a weight, for the estimate of memory; RMSprop at most, with momentum and centred.
_SLOTS_OF = {"MemberSGD": 1, "MemberAdagrad": 1, "MemberLion": 1, "MemberRMSprop": 3}
_SLOTS = 2


def fit_population(
    build_model: Callable[[], keras.Model],
    x: Any,
    y: Any = None,
    *,
    size: int | None = None,
    learning_rate: Any = None,
    momentum: Any = None,
    weight_decay: Any = None,
    dropout: Any = None,
    seed: Any = None,
    optimizer: Any = None,
    loss: Any = None,
    loss_weights: Any = None,
    metrics: Any = None,
    weighted_metrics: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_data: Any = None,
    validation_split: float = 0.0,
    callbacks: Any = None,
    shuffle: bool = True,
    verbose: Any = "auto",
    sample_weight: Any = None,
    class_weight: Any = None,
    steps_per_execution: int | None = None,
    run_eagerly: bool = False,
    jit_compile: Any = "auto",
    memory_limit: int | None = None,
    confirm: bool = True,
    **fit_arguments: Any,
) -> PopulationResult:
    """Trains K members of one architecture as one graph, each with settings of its own.

    Each of `learning_rate`, `momentum`, `weight_decay`, `dropout` and `seed` is one value for all
    members or a sequence of one value a member. Member `k` starts as
    `keras.utils.set_random_seed(seed[k]); build_model()` would, all members see the same batches in
    the same order, and each ends as it would alone. The caller's random state is left as it was.

    Args:
        build_model: Returns a new Functional or Sequential model, compiled or not.
        x: Inputs, as for `model.fit`.
        y: Targets, as for `model.fit`.
        size: Number of members where no setting is a sequence; at least 1.
        learning_rate: Learning rate, > 0, or a Keras schedule.
        momentum: Momentum of SGD, in [0, 1].
        weight_decay: Weight decay, at least 0.
        dropout: Rate of every Dropout layer, in [0, 1).
        seed: Whole number, at least 0. By default 0 for all where a setting is a sequence, else
            0, 1, ... size - 1.
        optimizer: Any optimizer of Keras but Muon and ScheduleFreeAdamW, by name or object, or
            `LayerwiseLearningRate` around one; that of the compiled model or `"sgd"` by default.
        loss: Loss, or one for each output; that of the compiled model by default.
        loss_weights: Weights of the outputs' losses.
        metrics: Metrics; those of the compiled model by default.
        weighted_metrics: Metrics that sample weights count for.
        batch_size: Rows of a batch, 32 by default.
        epochs: Number of epochs, at least 1.
        validation_data: As for `model.fit`.
        validation_split: As for `model.fit`, in [0, 1).
        callbacks: Keras callbacks. `EarlyStopping` stops each member by itself, and `ReduceLROnPlateau` cuts each
            member's rate by itself; the others see the mean over the members. Other callbacks that set the learning
            rate are refused.
        shuffle: Whether rows are shuffled before each epoch.
        verbose: As for `model.fit`.
        sample_weight: Weights `(rows,)`, or `(rows, members)` for weights of each member, as for
            bootstrap samples.
        class_weight: As for `model.fit`.
        steps_per_execution: Batches in one call, at least 1. By default all of an epoch, where the rows are
            arrays and no callback looks at single batches, else one.
        run_eagerly: Whether to run without a graph.
        jit_compile: Whether to compile with XLA; on a CPU `"auto"` does so for epochs that are one call, of layers
            where it pays.
        memory_limit: Bytes that training may use; by default half of what is free. Members that do
            not fit at once are trained in chunks, which changes no result.
        confirm: Whether a warning of a member's rate is tried out before it is said, where the rows are arrays: some
            updates at other rates, from which all is put back to where it was. It takes at most 2 % of the updates
            of the fit, and fits of fewer than 2,000 updates are too short for it. A warning that its trial disproves
            is said as information.
        **fit_arguments: Further arguments of `model.fit`, such as `steps_per_epoch`.

    Returns:
        `PopulationResult` with `.histories`, `.models`, `.findings`, `.leaderboard()`, `.plot()`.

    Raises:
        TypeError: A setting of the wrong kind, or a model whose layers cannot be seen.
        ValueError: Settings of unlike length, none, or out of range; a model that cannot be stacked.

    Example:

    >>> import keras, numpy as np
    >>> def build_model():
    ...     return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> result = fit_population(build_model, x, 3 * x, learning_rate=[0.001, 0.3], loss="mse", epochs=5, verbose=0)
    >>> result.leaderboard()["learning_rate"]
    [0.3, 0.001]
    """
    function_of("build_model", build_model)
    _refuse_bad_data(x, y, sample_weight, validation_data)
    whole_number("epochs", epochs, low=1)
    if steps_per_execution is not None:
        whole_number("steps_per_execution", steps_per_execution, low=1)
    if batch_size is not None:
        whole_number("batch_size", batch_size, low=1)
    if memory_limit is not None:
        whole_number("memory_limit", memory_limit, low=1, high=None)
    number("validation_split", validation_split, 0, 1, open_high=True)
    if class_weight is not None:
        instance_of("class_weight", class_weight, dict, "a dictionary from class to weight")
    given = {
        "learning_rate": learning_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "dropout": dropout,
        "seed": seed,
    }
    settings = read_settings(size, given)
    with preserved():
        template, weights = starting_weights.members(build_model, settings.seeds)
        # For its errors alone, before anything is asked of a model that is not built or cannot be seen into.
        functional_form(template)
        objectives = _objectives(
            template,
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
        )
        running = {"steps_per_execution": steps_per_execution, "run_eagerly": run_eagerly, "jit_compile": jit_compile}
        others, stoppers = sorted_callbacks(callbacks)
        others, plateaus = plateau_callbacks(others)
        data = {
            "x": x,
            "y": y,
            "batch_size": batch_size,
            "epochs": epochs,
            "validation_data": validation_data,
            "validation_split": validation_split,
            "verbose": verbose,
            "class_weight": class_weight,
            **fit_arguments,
        }
        # Keras warns of `shuffle` where the data bring their own order.
        data["shuffle"] = shuffle and not (hasattr(x, "element_spec") or inspect.isgenerator(x))
        each = _need(template, objectives["optimizer"], settings, x, batch_size)
        chunks = memory.chunks(settings.members, each, memory_limit)
        _refuse_second_reading(x, chunks)
        populations, trackings = [], []
        for start, count in _places(chunks):
            population = _population(template, settings, start, count, weights, {**objectives, **running})
            # Of weights with a column a member the population takes those of its own members.
            own_weight = _columns(sample_weight, settings.members, start, count)
            makes = _makes(template, settings, start, count, objectives)
            readers = _readers(data, own_weight, objectives["loss"], makes, population.metric_directions())
            if confirm:
                _let_try(population, data, sample_weight, readers)
            tracking = Tracking(readers, stoppers, plateaus=plateaus)
            if plateaus:
                population.optimizer.let_rates_be_set()
            # Every chunk shuffles the rows as the first did, or its members would see other batches.
            keras.utils.set_random_seed(settings.seeds[0])
            population.fit(**data, sample_weight=sample_weight, callbacks=[tracking, *others])
            populations.append(population)
            trackings.append(tracking)
    histories = [history for tracking in trackings for history in tracking.histories]
    found = [findings for tracking in trackings for findings in tracking.findings]
    return PopulationResult(
        histories=histories,
        findings=with_unlucky_starts(settings, histories, found),
        models=LazyModels([partial(one.member, k) for one in populations for k in range(one.members)], "members"),
        populations=tuple(populations),
        settings=settings,
        chunks=tuple(chunks),
        unrolled=populations[0].unrolled,
        memory_per_member=each,
    )


def _let_try(population: Population, data: dict[str, Any], sample_weight: Any, readers: list[RunReader]) -> None:
    """Has the advice of each member tried out before it is said, where the rows are arrays that are used as given."""
    x, y, others = data["x"], data["y"], ("class_weight", "validation_split", "steps_per_epoch")
    leaves = keras.tree.flatten((x, y))
    if brings_batches(x) or y is None or any(data.get(name) for name in others):
        return
    if not all(isinstance(leaf, np.ndarray) for leaf in leaves):
        return
    batch_size = data["batch_size"] or _ROWS_IN_A_BATCH
    total = data["epochs"] * -(-len(leaves[0]) // batch_size)
    trials = MemberTrials(population, x, y, batch_size, total, sample_weight)
    for k, reader in enumerate(readers):
        reader.judged = partial(trials.judged, k)


def _refuse_bad_data(x: Any, y: Any, sample_weight: Any, validation_data: Any) -> None:
    if validation_data is not None and not brings_batches(validation_data):
        held = items_of("validation_data", validation_data)
        if len(held) not in (2, 3):
            raise ValueError(f"`validation_data` must be `(x, y)` or `(x, y, weights)`, got {len(held)} parts.")
        for part in held[:2]:
            refuse_no_rows("validation_data", part)
    if brings_batches(x):
        return
    refuse_no_rows("x", x)
    refuse_no_rows("y", y)
    if sample_weight is not None:
        refuse_no_rows("sample_weight", sample_weight)


def _population(
    template: keras.Model,
    settings: MemberSettings,
    start: int,
    count: int,
    weights: Sequence[Sequence[np.ndarray]],
    compiling: dict[str, Any],
) -> Population:
    population = Population(
        template, count, settings.part("dropout", start, count), population=settings.members, offset=start
    )
    population.set_members(weights[start : start + count])
    own = {name: settings.part(name, start, count) for name in ("learning_rate", "momentum", "weight_decay")}
    # Said here, for `compile` leaves an optimizer that is one of members already as it is.
    scaling = keras.config.dtype_policy().name == "mixed_float16"
    optimizer = memberwise(compiling["optimizer"], count, **own, loss_scaling=scaling)
    population.compile(**{**compiling, "optimizer": optimizer})
    return population


def _objectives(template: keras.Model, **given: Any) -> dict[str, Any]:
    """What was given, else what the model was compiled with; a loss there must be."""
    chosen = given_or_compiled(template, **given)
    if chosen["loss"] is None:
        raise ValueError("`loss` must be given, or `build_model` must return a compiled model.")
    chosen["optimizer"] = "sgd" if chosen["optimizer"] is None else chosen["optimizer"]
    return chosen


def _need(
    template: keras.Model,
    optimizer: str | keras.optimizers.Optimizer,
    settings: MemberSettings,
    x: Any,
    batch_size: int | None,
) -> int:
    form = type(memberwise(optimizer, 1, momentum=settings.momentum and settings.momentum[:1])).__name__
    shape = getattr(keras.tree.flatten(x)[0] if not hasattr(x, "element_spec") else None, "shape", None)
    # The second axis of the data stands for any axis that the model leaves open, such as time.
    length = int(shape[1]) if shape is not None and len(shape) > 1 and shape[1] else 1
    return memory.per_member(template, _SLOTS_OF.get(form, _SLOTS), batch_size or _ROWS_IN_A_BATCH, length)


def _places(chunks: Sequence[int]) -> list[tuple[int, int]]:
    return [(sum(chunks[:place]), count) for place, count in enumerate(chunks)]


def _refuse_second_reading(x: Any, chunks: Sequence[int]) -> None:
    if len(chunks) > 1 and inspect.isgenerator(x):
        raise ValueError(
            f"The members do not fit into memory at once and need {len(chunks)} passes, but a generator can be read "
            "only once; give arrays or a `keras.utils.PyDataset`, or raise `memory_limit`."
        )


def _columns(sample_weight: Any, members: int, start: int, count: int) -> Any:
    """The part of weights `(rows, members)` that belongs to a chunk."""
    shape: Any = getattr(sample_weight, "shape", ())
    if len(shape) < 2 or shape[1] != members:
        return sample_weight
    return sample_weight[:, start : start + count]


def _makes(
    template: keras.Model, settings: MemberSettings, start: int, count: int, objectives: dict[str, Any]
) -> list[Structure]:
    """The make of each member: that of the template, with the member's optimizer and rate."""
    rates = settings.part("learning_rate", start, count)
    chosen = objectives["optimizer"]
    name = chosen if isinstance(chosen, str) else type(chosen).__name__
    made = replace(structure_of(template), optimizer=name.lower())
    if rates is None:
        return [made] * count
    return [replace(made, learning_rate=None if callable(rate) else float(rate)) for rate in rates]


def _readers(
    data: dict[str, Any], sample_weight: Any, loss: Any, makes: list[Structure], directions: dict[str, Direction]
) -> list[RunReader]:
    """One reader a member; what the data can tell is worked out once for all that weigh the rows alike."""
    x, y, validation = data["x"], data["y"], data["validation_data"]
    name = named_loss(loss)
    arrays = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    held: Any = validation[:2] if isinstance(validation, (tuple, list)) else ()
    pair = held if len(held) == 2 and all(isinstance(part, np.ndarray) for part in held) else None
    by_member = len(getattr(sample_weight, "shape", ())) == 2 and sample_weight.shape[1] == len(makes)
    weights = [sample_weight[:, k] for k in range(len(makes))] if by_member else [sample_weight]
    known = [known_of(x, y, pair, loss, data["class_weight"], own) if arrays else {} for own in weights]
    for own in known:
        if pair is not None:
            own.setdefault("validation_rows", len(pair[1]))
        elif arrays and data["validation_split"]:
            own["validation_rows"] = (len(y) - rows_before_split(len(y), data["validation_split"])) or None
    known = known if by_member else known * len(makes)
    return [
        RunReader(epochs=data["epochs"], structure=replace(made, loss=name), directions=directions, **own)
        for made, own in zip(makes, known, strict=True)
    ]
