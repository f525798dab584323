"""What comes before the first trial: the rows, the plan, and every check that needs no training."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import whole_number
from ...toolkit.data.sealing import refuse_sealed
from ...toolkit.data.sequences import is_ragged, padded
from ...toolkit.optimizers.default_rates import LADDER, ladder
from ...toolkit.optimizers.rate_owners import rate_setters
from ...toolkit.runtime.precision import fresh_session
from ..spaces.space import Space
from . import trainables
from .member_settings import members_of
from .optimizer_questions import asked_by
from .options import SearchOptions
from .oracles import settled
from .plan import Given, Plan
from .rows import TrialRows, is_stream, rows_of

_BATCH_SIZE = 32
_EPOCHS = 20
_ROWS = ("x", "y", "sample_weight", "validation_data")
# Settings of members that say nothing of a model's form.
_DECIDED_BY_MEMBERS = {"learning_rate", "momentum", "weight_decay"}


@dataclass(frozen=True)
class FitArguments:
    """What `search` was told of the trainings, as `fit` is told it.

    Args:
        x: Inputs.
        y: Targets, or `None` where `x` brings them.
        epochs: Epochs of a whole training, at least 1, or `None` for 20.
        batch_size: Rows of a batch, at least 1, or `None` for 32.
        validation_data: As for `fit`.
        validation_split: As for `fit`.
        sample_weight: As for `fit`.
        callbacks: Keras callbacks; one alone, several, or `None`.
        verbose: As for `search`.
        further: Further arguments of `fit`.
        given: All of it by place and by name, as it was given.

    Raises:
        TypeError: A count that is no whole number, or a callback that is none.
        ValueError: A count below 1.
    """

    x: Any = None
    y: Any = None
    epochs: int | None = None
    batch_size: int | None = None
    validation_data: Any = None
    validation_split: float = 0.0
    sample_weight: Any = None
    callbacks: Any = ()
    verbose: Any = "auto"
    further: Mapping[str, Any] = field(default_factory=dict)
    given: Given = ((), {})

    @classmethod
    def of(cls, places: Sequence[Any], names: Mapping[str, Any]) -> FitArguments:
        """What `fit` would understand by these arguments.

        Args:
            places: What was given by place.
            names: What was given by name.

        Raises:
            TypeError: An argument given twice, or of the wrong kind.
            ValueError: A count below 1.

        Example:

        >>> FitArguments.of(("inputs", "targets", 16), {"epochs": 3, "class_weight": None}).further
        {'class_weight': None}
        """
        known = list(inspect.signature(keras.Model.fit).parameters)[1:]
        if len(places) > len(known):
            raise TypeError(f"`fit` takes at most {len(known)} arguments by place, got {len(places)}.")
        named = dict(zip(known, places, strict=False))
        for name in set(named) & set(names):
            raise TypeError(f"`{name}` was given twice, by place and by name; give it once.")
        named.update(names)
        own = {one.name: named.pop(one.name) for one in fields(cls)[:-2] if one.name in named}
        return cls(**_filled_up(own), further=named, given=(tuple(places), dict(names)))

    def __post_init__(self) -> None:
        if self.epochs is not None:
            whole_number("epochs", self.epochs, low=1)
        if self.batch_size is not None:
            whole_number("batch_size", self.batch_size, low=1)
        for callback in self.listed_callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(f"`callbacks` must hold Keras callbacks, got {callback!r}.")

    @property
    def listed_callbacks(self) -> list[Any]:
        """The callbacks as a list."""
        if isinstance(self.callbacks, (list, tuple)):
            return list(self.callbacks)
        return [] if self.callbacks is None else [self.callbacks]

    @property
    def rows_of_a_batch(self) -> int:
        """Rows of a batch, where no hyperparameter says otherwise."""
        return _BATCH_SIZE if self.batch_size is None else int(self.batch_size)

    @property
    def epochs_of_a_training(self) -> int:
        """Epochs of a whole training, where no hyperparameter says otherwise."""
        return _EPOCHS if self.epochs is None else int(self.epochs)


def _filled_up(own: dict[str, Any]) -> dict[str, Any]:
    """Sequences of unequal length as arrays, those of validation rows as long as those of training rows."""
    held = own.get("validation_data")
    held_x = held[0] if isinstance(held, tuple) and held else None
    if not is_ragged(own.get("x")) and not is_ragged(held_x):
        return own
    both = [one for one in (own["x"], held_x) if one is not None]
    steps = max(len(row) for one in both for row in one)
    found = [padded(one, steps) for one in both]
    own = {**own, "x": found[0]}
    return own if held_x is None or held is None else {**own, "validation_data": (found[1], *held[1:])}


# Rows


def told_and_rows(
    places: Sequence[Any], names: Mapping[str, Any], options: SearchOptions, own: bool
) -> tuple[FitArguments, TrialRows]:
    """What `search` was told, and the rows of it.

    Args:
        places: What was given by place.
        names: What was given by name.
        options: What the search was made with.
        own: Whether code of the user's own is handed all this, so that it may be anything.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, or sealed rows.
    """
    if not own:
        told = FitArguments.of(places, names)
        return told, rows_to_search(told, options)
    for given in (*places, *names.values()):
        if isinstance(given, np.ndarray) or hasattr(given, "openings"):
            refuse_sealed("A search trains and chooses", given)
    # It is the user's code that knows what to do with it. Where that asks for a training of this package's,
    # `changed_plan` reads it again and says what is wrong.
    try:
        told = FitArguments.of(places, names)
    except (TypeError, ValueError):
        known = {name: names[name] for name in ("callbacks", "verbose") if name in names}
        return FitArguments(**known, given=(tuple(places), dict(names))), TrialRows(None)
    try:
        return told, rows_to_search(told, options)
    except (TypeError, ValueError):
        return told, TrialRows(None)


def rows_to_search(told: FitArguments, options: SearchOptions) -> TrialRows:
    """The rows of a search, checked and with validation rows.

    Args:
        told: What `search` was told.
        options: What it was made with.

    Raises:
        TypeError: Rows of a kind that every trial cannot read.
        ValueError: Sealed rows, NaN, rows of unlike number, or a number of steps for arrays.
    """
    if told.x is None:
        raise ValueError(
            "`x` was not given; a search needs rows, unless `run_trial` of a subclass or `HyperModel.fit` has its own."
        )
    validation = told.validation_data
    held = validation[0] if isinstance(validation, (tuple, list)) else None
    for given in (told.x, held):
        # A stream is not looked at before it is read: it may be read once, or have no end.
        if not is_stream(given):
            refuse_sealed("A search trains and chooses", given)
    if options.workers != 1 and any(hasattr(given, "element_spec") for given in (told.x, validation)):
        raise TypeError("A `tf.data` set cannot be sent to workers; give arrays, or `workers=1`.")
    rows = rows_of(told.x, told.y, told.sample_weight, validation, told.validation_split, options.folds, options.seed)
    if rows.are_arrays and told.further.get("steps_per_epoch") is not None:
        raise ValueError("`steps_per_epoch` is for data sets; over arrays an epoch is all their rows.")
    for name, data, steps in (("x", rows.x, "steps_per_epoch"), ("validation_data", rows.validation, "")):
        if hasattr(data, "__next__") and steps not in told.further:
            endless = f", or `{steps}` where it has no end" if steps else ""
            raise TypeError(
                f"`{name}` is a generator, which can be read once, and every trial reads it; give arrays, a "
                f"`tf.data` set or a `PyDataset`{endless}."
            )
    return rows


def adapt(hypermodel: keras_tuner.HyperModel | None, rows: TrialRows) -> None:
    """Shows the rows to a space that learns their form; one that knows it need not see a stream.

    Args:
        hypermodel: A space of this package, or any hypermodel.
        rows: Of the search.
    """
    known = getattr(hypermodel, "adapted", False)
    if hypermodel is None or not callable(getattr(hypermodel, "adapt", None)) or (known and is_stream(rows.x)):
        return
    held = rows.validation[1] if rows.are_arrays and isinstance(rows.validation, tuple) else None
    # An `adapt` of the user's own need not take the targets that are held out.
    further = {"held_y": held} if isinstance(hypermodel, Space) and isinstance(held, np.ndarray) else {}
    hypermodel.adapt(rows.x, rows.y, **further)


# The plan


def check_further(told: FitArguments, hypermodel: keras_tuner.HyperModel | None) -> None:
    """Refuses what `fit` would refuse in every trial; a `fit` of the user's own takes what it likes.

    Args:
        told: What `search` was told.
        hypermodel: Whose models are trained.

    Raises:
        TypeError: An argument that neither a search nor `fit` takes.
        ValueError: `initial_epoch`.
    """
    if hypermodel is not None and trainables.fits_by_itself(hypermodel):
        return
    unknown = sorted(set(told.further) - set(inspect.signature(keras.Model.fit).parameters))
    if unknown:
        raise TypeError(f"Neither a search nor `fit` takes {', '.join(unknown)}.")
    if "initial_epoch" in told.further:
        raise ValueError("A search trains from the first epoch on; leave out `initial_epoch`.")


@dataclass(frozen=True)
class Preparation:
    """All that a plan is made of, once the oracle knows the space.

    Args:
        hypermodel: `keras_tuner.HyperModel`.
        oracle: Knows the hyperparameters of the space; of those that members decide it is told so.
        options: What the search was made with.
        told: What `search` was told.
        rows: Of the search.
        own_trials: Whether a `run_trial` of the user's own trains them.
        by_keras_tuner: Whether KerasTuner's own loop trains them.
    """

    hypermodel: keras_tuner.HyperModel | None
    oracle: keras_tuner.Oracle
    options: SearchOptions
    told: FitArguments
    rows: TrialRows
    own_trials: bool = False
    by_keras_tuner: bool = False

    def plan(self) -> tuple[Plan, str]:
        """What is the same for all trials, and a hint where the user might want something else.

        Raises:
            TypeError: `build` returned no Keras model, or settings of the wrong kind.
            ValueError: There is nothing to search, or a population cannot be made.
        """
        options, told = self.options, self.told
        self._check_validation_freq()
        settings, hint = self._settings()
        decided = self._decided({name for one in settings for name in one} & _DECIDED_BY_MEMBERS)
        self._settle({name for name, setting in decided.items() if setting})
        hint = self._check_rates(settings) or hint
        # Hyperband itself says how long each trial lasts, and the first epochs are cut by the driver.
        cut_by_others = options.first_epochs is not None or isinstance(self.oracle, keras_tuner.oracles.HyperbandOracle)
        plan = Plan(
            hypermodel=self.hypermodel,
            rows=self.rows,
            objective=self.oracle.objective,
            epochs=told.epochs_of_a_training,
            batch_size=told.rows_of_a_batch,
            settings=settings,
            executions=options.executions_per_trial,
            folds=options.folds,
            stopper=None if cut_by_others else options.rule,
            drop_losers=options.drop_losers,
            target=options.target,
            seed=options.seed,
            compiling=options.compiling,
            callbacks=tuple(told.listed_callbacks),
            fit_arguments=dict(told.further),
            # Only where it is needed: it holds rows, which are sent to workers.
            given=told.given if self._fits_by_itself else ((), {}),
            decided=decided,
            most_parameters=options.max_model_size,
            precision=keras.config.dtype_policy().name,
        )
        return plan, hint

    @property
    def _fits_by_itself(self) -> bool:
        return self.hypermodel is not None and trainables.fits_by_itself(self.hypermodel)

    def _check_validation_freq(self) -> None:
        every = self.told.further.get("validation_freq", 1)
        seen = not self.oracle.objective.name.startswith("val_")
        epochs = self.told.epochs_of_a_training
        if isinstance(every, int) and every > epochs and not seen:
            raise ValueError(f"`validation_freq` must be at most the number of epochs, {epochs}, got {every}.")

    def _decided(self, names: set[str]) -> dict[str, str]:
        """The hyperparameters that are known, each with the setting that it asks for and members decide, or `""`."""
        if not names or self.hypermodel is None:
            return {}
        space = self.oracle.get_space()
        known = {hp.name: hp.name if hp.name in names else "" for hp in space.space}
        # A model that the search compiles has no optimizer to look at.
        return known if self.options.is_auto else {**known, **asked_by(self.hypermodel.build, space, names)}

    def _settle(self, decided: set[str]) -> None:
        """What members decide is no question to the oracle, which would propose the same architecture again for it."""
        space = self.oracle.get_space()
        if decided & {hp.name for hp in space.space}:
            self.oracle.hyperparameters = settled(space, decided)

    def _check_rates(self, settings: Sequence[dict[str, Any]]) -> str:
        """Refuses callbacks that set the rates of members; returns a hint where there is but one setting to try."""
        if settings:
            for callback in rate_setters(self.told.listed_callbacks):
                raise ValueError(
                    f"`{type(callback).__name__}` sets the learning rate, and every member of a population has one of "
                    "its own; leave it out, or give `population=False`."
                )
            return ""
        asks = any(type(hp).__name__ != "Fixed" for hp in self.oracle.get_space().space)
        if asks or self.own_trials or self._fits_by_itself:
            return ""  # or they are asked for while a trial trains
        # As KerasTuner, which then tries the one setting that there is.
        return "though `build(hp)` asks for no hyperparameters, so that there is one to try"

    # The members

    def _settings(self) -> tuple[tuple[dict[str, Any], ...], str]:
        """The settings of the members, or none where each trial is one ordinary model; and a hint."""
        options = self.options
        if self.hypermodel is None or self.by_keras_tuner:
            return (), ""
        fresh_session()
        model = self.hypermodel.build(self.oracle.get_space())
        if self.own_trials and (self.rows.x is None or not isinstance(model, keras.Model)):
            return (), ""  # a subclass that trains by itself may search over what is no model at all
        trainables.refuse_no_model(model)
        if options.is_alone:
            self._add_rate(model)
            return (), ""
        chosen = trainables.compiling_of(model, self.hypermodel, self.rows.y, options.compiling)
        possible = trainables.can_be_many(model, chosen.optimizer) and not trainables.fits_by_itself(self.hypermodel)
        if options.is_auto:
            if chosen.own and possible:
                # The user's own rate is a part of the space, which a ladder would throw away.
                return (), f"as `build` compiled it; `population={LADDER}` would judge each at {LADDER} rates"
            if chosen.own or not possible or not trainables.fits_at_once(model, LADDER, self.told.rows_of_a_batch):
                self._add_rate(model)
                return (), ""
        elif not possible:
            raise ValueError(
                "`population` needs a Functional or Sequential model with an optimizer of Keras (not Muon, not "
                "ScheduleFreeAdamW) at a plain rate; leave it out, or give `population=False`."
            )
        given = ladder(chosen.optimizer) if options.is_auto else options.population
        return members_of(given, chosen.optimizer), ""

    def _add_rate(self, model: keras.Model) -> None:
        """Makes the rate of a model that the search compiles a hyperparameter: each trial then has one alone."""
        if model.compiled:
            return
        low, high = ladder("adam" if self.options.optimizer is None else self.options.optimizer, 2)
        hp = self.oracle.get_space()
        hp.Float("learning_rate", low, high, sampling="log", default=float(np.sqrt(low * high)))
        self.oracle.update_space(hp)


def changed_plan(plan: Plan, told: FitArguments, places: Sequence[Any], names: Mapping[str, Any]) -> Plan:
    """The plan with what a subclass has changed for one trial before it called `run_trial`.

    Args:
        plan: What is the same for all trials.
        told: What `search` was told.
        places: What `run_trial` was given by place.
        names: What `run_trial` was given by name.

    Raises:
        TypeError: An argument that no training takes, or of the wrong kind.
        ValueError: An argument out of range, or rows that no training takes.
    """
    now = FitArguments.of(places, names)
    check_further(now, plan.hypermodel)
    rows = plan.rows
    # By identity: the rows of the plan are kept, with what was held out of them, unless others came.
    if rows.x is None or any(getattr(now, name) is not getattr(told, name) for name in _ROWS):
        weight, held = now.sample_weight, now.validation_data
        rows = rows_of(now.x, now.y, weight, held, now.validation_split, plan.folds, plan.seed)
    return replace(
        plan,
        rows=rows,
        epochs=plan.epochs if now.epochs is None else int(now.epochs),
        batch_size=plan.batch_size if now.batch_size is None else int(now.batch_size),
        callbacks=tuple(now.listed_callbacks),
        fit_arguments={**plan.fit_arguments, **now.further},
        given=now.given,
    )
