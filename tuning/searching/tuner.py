"""The search: an oracle proposes architectures, each is judged at its best rate, hopeless ones are stopped."""

from __future__ import annotations

import atexit
import inspect
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import number, whole_number
from ...toolkit.data.sealing import refuse_sealed
from ...toolkit.runtime.garbage import quick_collections
from ...toolkit.runtime.precision import fresh_session, precision
from ...toolkit.runtime.randomness import preserved
from ...toolkit.stopping import FirstEpochs, stopper_of
from ..spaces.space import Space
from . import trainables
from .driver import Run
from .member_settings import LADDER, ladder, members_of
from .oracles import ORACLE_ARGUMENTS, oracle_of, settled
from .plan import Outcome, Plan
from .result import SearchResult
from .rows import Rows, is_stream, rows_of
from .workers import let_memory_grow

_OBJECTIVE, _TRIALS = "val_loss", 20
_RESOURCES = ("num_cpus", "num_gpus")
# Settings of members that say nothing of a model's form.
_DECIDED_BY_MEMBERS = {"learning_rate", "momentum", "weight_decay"}
_NOT_TAKEN = {
    "max_retries_per_trial": "a trial that raises would raise again, since its seed is the same",
    "distribution_strategy": "a trial trains on one device; `workers` spreads the trials over processes and GPUs",
    "tuner_id": "one process owns the search; `workers` spreads the trials",
    "logger": "the search keeps a log of its own, `log.jsonl`",
}


class Search(keras_tuner.Tuner):
    """A KerasTuner tuner whose trials are populations over learning rates, stopped by their curves.

    Code written for `keras_tuner.RandomSearch` and its like moves over by changing the class: `search`,
    `get_best_models`, `get_best_hyperparameters`, `results_summary` are there, and a `build(hp)` works
    unchanged. Where `build` answers an uncompiled model, the search owns loss, optimizer and rates and
    trains one population a trial; a compiled model is trained as it is.

    Everything is kept in `directory/project_name`, in files that are whole or not there: `log.jsonl`
    (what was proposed and ended), and for each trial `curve.jsonl`, `outcome.json` and, while it runs,
    its state. A search that was interrupted at any moment goes on when it is made and called again.

    What differs from KerasTuner: hopeless trials are stopped unless `stopper=None`; without `directory` nothing
    is kept beyond the process; a trial that raises is not tried again, since the same seed would raise again;
    `distribution_strategy`, `tuner_id`, `logger` are not taken, `workers` spreads trials instead.

    Args:
        hypermodel: A space such as `MLP()`, any `keras_tuner.HyperModel`, or a function `build(hp)`.
        objective: What to look for, such as `"val_accuracy"`; as KerasTuner takes it.
        max_trials: Most trials, at least 1; Hyperband has a number of its own.
        oracle: `"random"`, `"grid"`, `"bayesian"`, `"hyperband"` or a `keras_tuner.Oracle`.
        seed: Whole number, at least 0: decides proposals, starting weights and batches.
        population: `"auto"`: 16 rates where the model is not compiled; True for 16 rates; a number of rates;
            the rates; a dictionary of values of `learning_rate`, `momentum`, `weight_decay`, `dropout`, every
            combination of which is tried; `False` for one model a trial. A hyperparameter of the space that
            bears the name of one of the first three is then no question any more.
        stopper: `"halving"`, `"median"`, `"percentile"`, `"extrapolation"`, `"first_epochs"`, a rule of
            `trainwise.toolkit.stopping`, several, or `None`.
        drop_losers: Whether the lagging half of a population is dropped after 1, 2, 4, 8, ... epochs.
        target: The search ends as soon as the objective reaches this value.
        time_budget: Seconds, > 0; the search ends with the epoch after it.
        initial_trials: Dictionaries of hyperparameters to try first.
        folds: Number of folds to validate on instead of validation rows, at least 2; a space takes the statistics
            that it standardises by from all rows, those of the validating fold among them.
        executions_per_trial: Trainings of each setting from different starting weights, at least 1.
        workers: Processes on this machine, at least 1, or `"ray"` for a Ray cluster.
        resources: What a trial takes on Ray: `{"num_cpus": 1, "num_gpus": 0.5}`.
        optimizer: Optimizer of uncompiled models.
        loss: Loss of uncompiled models; by default that of the task.
        metrics: Metrics of uncompiled models; by default those of the task.
        max_model_size: Models with more parameters fail.
        jit_compile: Whether to compile with XLA; `"auto"` as Keras does.
        precision: Keras policy to build and train under, such as `"mixed_bfloat16"`; by default the one that is set.
        keep: Trials whose weights are kept on disk, the best ones, at least 1.
        max_consecutive_failed_trials: The search gives up when its first trials, so many of them, all failed.
        directory: Where the project's folder is; by default a temporary one, gone when the process ends.
        project_name: Name of the project's folder.
        overwrite: Whether what is there is removed first.
        **oracle_arguments: What KerasTuner's tuner of that kind hands on to its oracle: `hyperparameters`,
            `tune_new_entries`, `allow_new_entries`, `max_epochs`, `factor`, `hyperband_iterations`,
            `num_initial_points`, `alpha`, `beta`.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range.

    Example:

    >>> import keras, numpy as np
    >>> def build(hp):
    ...     units = hp.Choice("units", [2, 4])
    ...     return keras.Sequential([keras.Input((1,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1)])
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> tuner = Search(build, objective="val_loss", max_trials=2, loss="mse")
    >>> result = tuner.search(x, x[:, 0] ** 2, epochs=2, verbose=0)
    >>> len(result.outcomes), sorted(result.best_settings)
    (2, ['learning_rate'])
    """

    def __init__(
        self,
        hypermodel: Any,
        objective: Any = _OBJECTIVE,
        max_trials: int | None = _TRIALS,
        oracle: Any = "random",
        *,
        seed: int = 0,
        population: Any = "auto",
        stopper: Any = "halving",
        drop_losers: bool = True,
        target: float | None = None,
        time_budget: float | None = None,
        initial_trials: Sequence[dict[str, Any]] = (),
        folds: int | None = None,
        executions_per_trial: int = 1,
        workers: Any = 1,
        resources: dict[str, float] | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        max_model_size: int | None = None,
        jit_compile: Any = "auto",
        precision: str | None = None,
        keep: int = 10,
        max_consecutive_failed_trials: int = 3,
        directory: str | Path | None = None,
        project_name: str = "search",
        overwrite: bool = False,
        **oracle_arguments: Any,
    ) -> None:
        for name in set(oracle_arguments) & set(_NOT_TAKEN):
            raise TypeError(f"A search does not take `{name}`: {_NOT_TAKEN[name]}.")
        if isinstance(hypermodel, (type, keras.Model)):
            named = hypermodel.__name__ if isinstance(hypermodel, type) else "a model"
            raise TypeError(f"A search takes a space such as `MLP()` or a function `build(hp)`, got {named}.")
        self.seed = whole_number("seed", seed, low=0)
        trials = None if max_trials is None else whole_number("trials", max_trials, low=1)
        self.executions = whole_number("executions_per_trial", executions_per_trial, low=1)
        self.keep = whole_number("keep", keep, low=1)
        self.most_failures = whole_number("max_consecutive_failed_trials", max_consecutive_failed_trials, low=1)
        self.workers = workers if workers == "ray" else whole_number("workers", workers, low=1)
        self.resources = _resources(resources)
        self.target = None if target is None else number("target", target, -np.inf, np.inf)
        self.time_budget = None if time_budget is None else number("time_budget", time_budget, 0, np.inf, open_low=True)
        self.stopper = stopper_of(stopper)
        if not _is_alone(population) and not _is_auto(population):
            members_of(population, "adam")  # refuses what it does not know before any training
        self.population, self.drop_losers, self.folds = population, bool(drop_losers), folds
        self.precision = keras.DTypePolicy(precision).name if precision else None
        if jit_compile not in (True, False, "auto"):
            raise ValueError(f"`jit_compile` must be True, False or 'auto', got {jit_compile!r}.")
        self.initial_trials, self.jit_compile = initial_trials, jit_compile
        self._objective = objective
        if isinstance(oracle, keras_tuner.Oracle):
            _check_oracle(oracle, objective, trials)
        self._given_oracle, self._oracle_arguments = oracle, oracle_arguments
        self.outcomes: dict[int, Outcome] = {}
        self._result: SearchResult | None = None
        self.lasting = directory is not None
        self.hint = ""
        self._run: Run | None = None
        home = str(directory) if directory is not None else _temporary_folder()
        Path(home).mkdir(parents=True, exist_ok=True)
        made = oracle_of(oracle, objective, trials, 100, self.seed, oracle_arguments)
        self._filling = False
        if not overwrite and (Path(home) / project_name / "oracle.json").is_file():
            raise ValueError(
                f"{Path(home) / project_name} holds a search of KerasTuner's own, which cannot be gone on with; "
                "read it with `trainwise.tuning.read_folder`, and give another `project_name`."
            )
        super().__init__(
            made, hypermodel, max_model_size=max_model_size, optimizer=optimizer, loss=loss, metrics=metrics,
            directory=home, project_name=project_name, overwrite=overwrite, executions_per_trial=executions_per_trial,
        )  # fmt: skip
        self._silence(made)

    # What KerasTuner's own files would keep stands in the journal

    def _silence(self, oracle: Any) -> None:
        oracle.save = lambda: None
        oracle._save_trial = lambda trial: None
        oracle._display.verbose = 0

    def reload(self) -> None:
        """Nothing: `search` goes on from the journal."""

    def save(self) -> None:
        """Nothing: the journal keeps all."""

    def _populate_initial_space(self) -> None:
        if self._filling:
            super()._populate_initial_space()

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints the hyperparameters; of a space that learns the form of the rows, once it has seen them.

        Args:
            extended: Whether to show those that hang on others too.
        """
        if getattr(self.hypermodel, "adapted", True) and not self.oracle.get_space().space:
            self._ask()
        super().search_space_summary(extended)

    # The search

    def search(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 20,
        batch_size: int | None = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        sample_weight: Any = None,
        callbacks: Any = None,
        verbose: Any = "auto",
        **fit_arguments: Any,
    ) -> SearchResult:
        """Runs the trials, or goes on with them.

        Args:
            x: Inputs, as for `fit`.
            y: Targets, as for `fit`.
            epochs: Epochs of a whole training, at least 1; a hyperparameter `"epochs"` goes before it.
            batch_size: Rows of a batch, 32 by default; a hyperparameter `"batch_size"` goes before it.
            validation_data: As for `fit`; by default a fifth of the rows is held out.
            validation_split: As for `fit`, in [0, 1).
            sample_weight: As for `fit`.
            callbacks: Keras callbacks, copied for each training; `EarlyStopping` stops each member by itself.
            verbose: 0 is silent, else one line a trial.
            **fit_arguments: Further arguments of `fit`, such as `class_weight`.

        Returns:
            `SearchResult` with `.best_model`, `.best_hyperparameters`, `.leaderboard()`, `.refit()`, `.plot()`.

        Raises:
            ObjectiveError: The objective is not among the logs.
            SearchFailedError: No trial could be completed.
            TypeError: An argument of the wrong kind.
            ValueError: An argument out of range, sealed rows, NaN, or a folder of another search.
        """
        let_memory_grow()
        whole_number("epochs", epochs, low=1)
        listed = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
        self._check_for_fit(listed, fit_arguments)
        size = 32 if batch_size is None else whole_number("batch_size", batch_size, low=1)
        held = validation_data[0] if isinstance(validation_data, (tuple, list)) else None
        for given in (x, held):
            if not is_stream(given):
                refuse_sealed("A search trains and chooses", given)
        self.given = (
            (x,) if y is None else (x, y),
            {
                "epochs": epochs, "batch_size": size, "validation_data": validation_data, "callbacks": list(listed),
                "verbose": verbose, **({} if sample_weight is None else {"sample_weight": sample_weight}),
                **({"validation_split": validation_split} if validation_split else {}), **fit_arguments,
            },
        )  # fmt: skip
        if self.trains_itself and self.workers != 1:
            raise ValueError("A subclass with a `run_trial` of its own trains in this process; give `workers=1`.")
        if self.workers != 1 and any(hasattr(given, "element_spec") for given in (x, validation_data)):
            raise TypeError("A `tf.data` set cannot be sent to workers; give arrays, or `workers=1`.")
        rows = rows_of(x, y, sample_weight, validation_data, validation_split, self.folds, self.seed)
        self._check_rows(rows, epochs, fit_arguments)
        with preserved(), quick_collections(), precision(self.precision or keras.config.dtype_policy().name):
            plan = self._plan(rows, epochs, size, listed, fit_arguments)
            if batch_size is not None and trainables.fits_by_itself(self.hypermodel):
                plan = replace(plan, fit_arguments={"batch_size": size, **fit_arguments})
            self._run = Run(self, plan, verbose)
            try:
                return self._run.whole()
            finally:
                self._run = None

    def _check_for_fit(self, callbacks: Sequence[Any], fit_arguments: dict[str, Any]) -> None:
        for callback in callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(f"`callbacks` must hold Keras callbacks, got {callback!r}.")
        if self.trains_itself or trainables.fits_by_itself(self.hypermodel):
            return
        unknown = sorted(set(fit_arguments) - set(inspect.signature(keras.Model.fit).parameters))
        if unknown:
            raise TypeError(f"Neither a search nor `fit` takes {', '.join(unknown)}.")
        if "initial_epoch" in fit_arguments:
            raise ValueError("A search trains from the first epoch on; leave out `initial_epoch`.")

    def _check_rows(self, rows: Rows, epochs: int, fit_arguments: dict[str, Any]) -> None:
        if rows.are_arrays and fit_arguments.get("steps_per_epoch") is not None:
            raise ValueError("`steps_per_epoch` is for data sets; over arrays an epoch is all their rows.")
        for name, given, steps in (("x", rows.x, "steps_per_epoch"), ("validation_data", rows.validation, "")):
            if hasattr(given, "__next__") and steps not in fit_arguments:
                endless = f", or `{steps}` where it has no end" if steps else ""
                raise TypeError(
                    f"`{name}` is a generator, which can be read once, and every trial reads it; give arrays, a "
                    f"`tf.data` set or a `PyDataset`{endless}."
                )
        every = fit_arguments.get("validation_freq", 1)
        if isinstance(every, int) and every > epochs and self.oracle.objective.name.startswith("val_"):
            raise ValueError(f"`validation_freq` must be at most the number of epochs, {epochs}, got {every}.")

    def _plan(self, rows: Rows, epochs: int, batch_size: int, callbacks: Any, fit_arguments: dict[str, Any]) -> Plan:
        self._adapt(rows)
        self._fill_space(epochs)
        compiling = {
            "optimizer": self.optimizer, "loss": self.loss, "metrics": self.metrics, "jit_compile": self.jit_compile,
        }  # fmt: skip
        settings = self._settings(rows, batch_size, compiling)
        decided = {name for one in settings for name in one} & _DECIDED_BY_MEMBERS
        if decided & {hp.name for hp in self.oracle.get_space().space}:
            self.oracle.hyperparameters = settled(self.oracle.get_space(), decided)
        if settings:
            _refuse_owners_of_the_rate(callbacks)
        if not settings and not self._questions():
            raise ValueError(
                "There is nothing to search: the space has no hyperparameters and there is one rate; "
                "give `population=16`, or let `build(hp)` ask for hyperparameters."
            )
        hyperband = isinstance(self.oracle, keras_tuner.oracles.HyperbandOracle)
        first = isinstance(self.stopper, FirstEpochs)
        return Plan(
            hypermodel=self.hypermodel, rows=rows, objective=self.oracle.objective, epochs=epochs,
            batch_size=batch_size, settings=settings, executions=self.executions, folds=self.folds,
            stopper=None if hyperband or first else self.stopper, drop_losers=self.drop_losers, target=self.target,
            seed=self.seed, compiling=compiling, callbacks=tuple(callbacks), fit_arguments=fit_arguments,
            most_parameters=self.max_model_size, precision=keras.config.dtype_policy().name,
        )  # fmt: skip

    def _adapt(self, rows: Rows) -> None:
        """Shows the rows to a space that learns their form; one that knows it need not see a stream."""
        known = getattr(self.hypermodel, "adapted", False)
        if callable(getattr(self.hypermodel, "adapt", None)) and not (known and is_stream(rows.x)):
            held = rows.validation[1] if rows.are_arrays and isinstance(rows.validation, tuple) else None
            further = {"held_y": held} if isinstance(self.hypermodel, Space) and isinstance(held, np.ndarray) else {}
            self.hypermodel.adapt(rows.x, rows.y, **further)

    def _fill_space(self, epochs: int) -> None:
        if isinstance(self._given_oracle, str):
            self.oracle: Any = oracle_of(
                self._given_oracle, self._objective, self.oracle.max_trials, epochs, self.seed, self._oracle_arguments
            )
            self.oracle._set_project_dir(self.directory, self.project_name)
            self._silence(self.oracle)
        elif self.oracle.trials:
            raise ValueError("The oracle has proposed trials in an earlier search; give a new one to a new `Search`.")
        self._ask()

    def _ask(self) -> None:
        """Lets `build` name its hyperparameters to the oracle."""
        self._filling = True
        try:
            self._populate_initial_space()
        finally:
            self._filling = False

    def _questions(self) -> list[str]:
        return [hp.name for hp in self.oracle.get_space().space if type(hp).__name__ != "Fixed"]

    def _settings(self, rows: Rows, batch_size: int, compiling: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """The settings of the members, or none where each trial is one ordinary model."""
        given = self.population
        if _is_alone(given):
            return self._alone(compiling, own=False)
        fresh_session()
        model = self.hypermodel.build(self.oracle.get_space())
        if not isinstance(model, keras.Model):
            raise TypeError(f"`build` must answer a Keras model, got {type(model).__name__}.")
        chosen = trainables.compiling_of(model, self.hypermodel, rows.y, compiling)
        possible = trainables.can_be_many(model, chosen.optimizer) and not trainables.fits_by_itself(self.hypermodel)
        if _is_auto(given):
            if chosen.own or not possible or not trainables.fits_at_once(model, LADDER, batch_size):
                if chosen.own and possible:
                    self.hint = f"as `build` compiled it; `population={LADDER}` would judge each at {LADDER} rates"
                return self._alone(compiling, own=chosen.own)
            given = ladder(chosen.optimizer)
        if not possible:
            raise ValueError(
                "`population` needs a Functional or Sequential model whose optimizer is SGD, Adam, AdamW or RMSprop "
                "at a plain rate; leave it out, or give `population=False`."
            )
        return members_of(given, chosen.optimizer)

    def _alone(self, compiling: dict[str, Any], own: bool) -> tuple[()]:
        """One model a trial; where the search owns the rate, it becomes a hyperparameter."""
        model = None if own else self.hypermodel.build(self.oracle.get_space())
        if model is not None and not model.compiled:
            low, high = ladder(compiling["optimizer"] or "adam", 2)
            hp = self.oracle.get_space()
            hp.Float("learning_rate", low, high, sampling="log", default=float(np.sqrt(low * high)))
            self.oracle.update_space(hp)
        return ()

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Trains a trial; for subclasses, which change the arguments before, or train in a way of their own.

        Args:
            trial: `keras_tuner` trial, with `.hyperparameters`.
            *fit_args: Inputs and targets, as `search` was given them.
            **fit_kwargs: What `fit` is told, such as `batch_size`, as `search` was given it.

        Returns:
            How the trial went. A subclass may also answer what KerasTuner allows: a score, a dictionary of
            metrics or a `History`.

        Raises:
            RuntimeError: No search is under way.
        """
        if self._run is None:
            raise RuntimeError("No search is under way; `search` calls `run_trial` for each trial.")
        return self._run.trained(trial, fit_args, fit_kwargs)

    @property
    def result(self) -> SearchResult:
        """What the last call of `search` found.

        Raises:
            RuntimeError: `search` was not called yet.
        """
        if self._result is None:
            raise RuntimeError("Call `search` first; where its folder holds a finished search, it trains nothing anew.")
        return self._result

    @property
    def trains_itself(self) -> bool:
        """Whether a subclass wrote `run_trial`."""
        return type(self).run_trial is not Search.run_trial

    def load_model(self, trial: Any) -> Any:
        """The trained model of a trial, with the weights of its best epoch, compiled."""
        return self.result.model_of(int(trial.trial_id))

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[Any]:
        """The hyperparameters of the best trials, best first, with what the best member of each was trained at."""
        return [self.result.hyperparameters_of(number) for number in self.result.order[:num_trials]]

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """The models of the best trials, best first."""
        return self.result.models(num_models)


def search(
    space: Any,
    x: Any,
    y: Any = None,
    *,
    objective: Any = _OBJECTIVE,
    oracle: Any = "random",
    trials: int | None = _TRIALS,
    time_budget: float | None = None,
    target: float | None = None,
    epochs: int = 20,
    batch_size: int | None = None,
    validation_data: Any = None,
    initial_trials: Sequence[dict[str, Any]] = (),
    folds: int | None = None,
    executions_per_trial: int = 1,
    seed: int = 0,
    verbose: Any = "auto",
    directory: str | Path | None = None,
    population: Any = "auto",
    stopper: Any = "halving",
    workers: Any = 1,
    **arguments: Any,
) -> SearchResult:
    """Finds the best architecture of a space for these rows, each judged at its own best learning rate.

    Args:
        space: A space such as `MLP()`, any `keras_tuner.HyperModel`, or a function `build(hp)`.
        x: Inputs, as for `fit`.
        y: Targets, as for `fit`.
        objective: What to look for, such as `"val_accuracy"`.
        oracle: `"random"`, `"grid"`, `"bayesian"`, `"hyperband"` or a `keras_tuner.Oracle`.
        trials: Most trials, at least 1.
        time_budget: Seconds, > 0; the search ends with the epoch after it.
        target: The search ends as soon as the objective reaches this value.
        epochs: Epochs of a whole training, at least 1.
        batch_size: Rows of a batch, 32 by default.
        validation_data: As for `fit`; by default a fifth of the rows is held out.
        initial_trials: Dictionaries of hyperparameters to try first.
        folds: Number of folds to validate on instead of validation rows, at least 2.
        executions_per_trial: Trainings of each setting from different starting weights, at least 1.
        seed: Whole number, at least 0: decides proposals, starting weights and batches.
        verbose: 0 is silent, else one line a trial.
        directory: Where the search is kept, so that the same call goes on with it; a temporary one by default.
        population: `"auto"`: 16 rates where the model is not compiled; a number of rates; the rates; a
            dictionary of `learning_rate`, `momentum`, `weight_decay`, `dropout`; `False` for one model a trial.
        stopper: `"halving"`, `"median"`, `"percentile"`, `"extrapolation"`, `"first_epochs"`, a rule of
            `trainwise.toolkit.stopping`, several, or `None`.
        workers: Processes on this machine, at least 1, or `"ray"` for a Ray cluster.
        **arguments: Further ones of `Search` (`optimizer`, `loss`, `metrics`, `resources`, `precision`,
            `project_name`, `overwrite`, ...) and of `fit` (`callbacks`, `class_weight`, `sample_weight`, ...).

    Returns:
        `SearchResult` with `.best_model`, `.best_hyperparameters`, `.leaderboard()`, `.refit()`, `.plot()`.

    Raises:
        ObjectiveError: The objective is not among the logs.
        SearchFailedError: No trial could be completed.
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, sealed rows, NaN, or a folder of another search.

    Example:

    >>> import numpy as np
    >>> from trainwise.tuning import MLP
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> space = MLP(depth=1, units=(4, 8), activation="relu", normalization="none", dropout=0, l2=0)
    >>> result = search(space, x, (x[:, 0] > 0).astype(int), objective="val_accuracy", trials=2, epochs=2, verbose=0)
    >>> result.best_model.output_shape
    (None, 1)
    """
    names = {*(Search.__init__.__kwdefaults__ or ()), *ORACLE_ARGUMENTS, *_NOT_TAKEN}
    own = {name: arguments.pop(name) for name in list(arguments) if name in names}
    tuner = Search(
        space, objective, trials, oracle, time_budget=time_budget, target=target, initial_trials=initial_trials,
        folds=folds, executions_per_trial=executions_per_trial, seed=seed, directory=directory, population=population,
        stopper=stopper, workers=workers, **own,
    )  # fmt: skip
    return tuner.search(
        x, y, epochs=epochs, batch_size=batch_size, validation_data=validation_data, verbose=verbose, **arguments
    )


def _check_oracle(oracle: Any, objective: Any, trials: int | None) -> None:
    """An oracle brings objective and number of trials of its own; others beside them would count for nothing."""
    name = objective.name if isinstance(objective, keras_tuner.Objective) else objective
    if name not in (_OBJECTIVE, oracle.objective.name):
        raise ValueError(f"The oracle looks for {oracle.objective.name}, not for {name}; give it to the oracle.")
    if trials not in (_TRIALS, None, oracle.max_trials):
        raise ValueError(f"The oracle proposes {oracle.max_trials} trials, not {trials}; give it to the oracle.")


def _refuse_owners_of_the_rate(callbacks: Sequence[Any]) -> None:
    for one in callbacks:
        if isinstance(one, (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)):
            raise ValueError(
                f"`{type(one).__name__}` sets the learning rate, and every member of a population has one of its own; "
                "leave it out, or give `population=False`."
            )


def _is_alone(population: Any) -> bool:
    return population is None or population is False


def _is_auto(population: Any) -> bool:
    return isinstance(population, str) and population == "auto"


def _temporary_folder() -> str:
    folder = tempfile.mkdtemp(prefix="trainwise-search-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _resources(given: Any) -> dict[str, float]:
    """What a trial takes on Ray, checked."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not set(given) <= set(_RESOURCES):
        raise ValueError(f"`resources` must be a dictionary of num_cpus and num_gpus, got {given!r}.")
    return {name: number(f"resources[{name!r}]", value, 0, np.inf) for name, value in given.items()}
