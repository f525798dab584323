"""The face of the search: a KerasTuner tuner, and one function for those who come without one."""

from __future__ import annotations

import atexit
import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_tuner

from ...toolkit.runtime.garbage import quick_collections
from ...toolkit.runtime.keras_internals import put_oracle
from ...toolkit.runtime.own_folders import WorkFolder
from ...toolkit.runtime.precision import precision
from ...toolkit.runtime.randomness import preserved
from . import announcing, trainables
from .driver import Driver
from .former_search import reopened
from .identity import identity_of
from .journal import Journal, clear
from .options import OBJECTIVE, TRIALS, SearchOptions
from .oracles import ORACLE_ARGUMENTS, oracle_of
from .plan import Assignment, Outcome, Plan
from .preparing import FitArguments, Preparation, adapt, changed_plan, check_further, told_and_rows
from .result import SearchResult
from .search_line import SearchLine
from .trial import entries_since, names_of, outcome_of, run_trial
from .tuner_hooks import TunerHooks, overrides
from .workers import Train, let_memory_grow

# What KerasTuner's own loop over a trial's trainings consists of; who changes a part of it means that loop.
_LOOP = (
    "_build_and_fit_model",
    "_build_hypermodel",
    "_configure_tensorboard_dir",
    "_deepcopy_callbacks",
    "_override_compile_args",
    "_try_build",
)
_CHIEF = "KERASTUNER_ORACLE_IP"


class _Handed(NamedTuple):
    """What a subclass's `run_trial` is about to train, for the `super().run_trial` in it."""

    plan: Plan
    told: FitArguments
    assignment: Assignment


class Search(keras_tuner.Tuner):
    """A KerasTuner tuner whose trials are populations over learning rates, stopped by their curves.

    Code written for `keras_tuner.RandomSearch` and its like moves over by changing the class: `search`,
    `get_best_models`, `get_best_hyperparameters`, `results_summary` are there, and a `build(hp)` works
    unchanged. Where `build` returns an uncompiled model, the search owns loss, optimizer and rates and
    trains one population a trial; a compiled model is trained as it is.

    Everything is kept in `directory/project_name`, in files that are whole or not there: `log.jsonl`
    (what was proposed and ended), and for each trial `curve.jsonl`, `outcome.json` and, while it runs,
    its state. A search that was interrupted at any moment goes on when it is made and called again.

    Subclasses override what they do of a KerasTuner tuner: `run_trial`, which may train anything, in any way, on
    what `search` was given or on nothing, and return a score, a dictionary of metrics, a `History` or several of
    these; `on_trial_begin`, `on_epoch_end` and the other hooks; `load_model`, `save_model`; `_build_and_fit_model`,
    which KerasTuner's own loop then calls.

    What differs from KerasTuner: hopeless trials are stopped unless `stopper=None`; without `directory` nothing
    is kept beyond the process; `workers` spreads trials instead of a chief and workers of its own.

    Args:
        hypermodel: A space such as `MLP()`, any `keras_tuner.HyperModel`, or a function `build(hp)`; needless where
            a subclass's `run_trial` asks for the hyperparameters itself.
        objective: What to look for, such as `"val_accuracy"`; as KerasTuner takes it. `"parameters"`, `"seconds"` (of
            training) and `"latency"` (seconds for one row) may be named too, and several together with what each is
            multiplied with: `{"val_loss": 1, "parameters": 1e-6}`. `None` where `run_trial` or `HyperModel.fit`
            returns one number, which is to be low.
        max_trials: Most trials, at least 1; Hyperband has a number of its own.
        oracle: `"random"`, `"grid"`, `"bayesian"`, `"hyperband"` or a `keras_tuner.Oracle`.
        seed: Whole number, at least 0: decides proposals, starting weights and batches; `None` is 0.
        population: `"auto"`: 16 rates where the model is not compiled; True for 16 rates; a number of rates;
            the rates; a dictionary of values of `learning_rate`, `momentum`, `weight_decay`, `dropout`, every
            combination of which is tried; `False` for one model a trial. A hyperparameter of the space that
            bears the name of one of the first three, or whose value `build` compiles with as such, is then no
            question any more: it comes back as what the best member was trained at.
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
        overwrite: Whether an earlier search there is removed first; other files in its folder stay.
        distribution_strategy: A strategy of `tf.distribute`; each trial is then trained by KerasTuner's own loop.
        tuner_id: A name for this tuner, which means nothing here.
        logger: As KerasTuner takes it, and ignores it.
        **oracle_arguments: What KerasTuner's tuner of that kind hands on to its oracle: `hyperparameters`,
            `tune_new_entries`, `allow_new_entries`, `max_retries_per_trial`, `max_epochs`, `factor`,
            `hyperband_iterations`, `num_initial_points`, `alpha`, `beta`.

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
        hypermodel: Any = None,
        objective: Any = OBJECTIVE,
        max_trials: int | None = TRIALS,
        oracle: Any = "random",
        *,
        seed: int | None = 0,
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
        project_name: str | None = "search",
        overwrite: bool = False,
        distribution_strategy: Any = None,
        tuner_id: str | None = None,
        logger: Any = None,
        **oracle_arguments: Any,
    ) -> None:
        seed = 0 if seed is None else seed
        project_name = "search" if project_name is None else project_name
        if isinstance(hypermodel, (type, keras.Model)):
            named = hypermodel.__name__ if isinstance(hypermodel, type) else "a model"
            raise TypeError(f"A search takes a space such as `MLP()` or a function `build(hp)`, got {named}.")
        if hypermodel is None and not self.trains_itself:
            raise ValueError(
                "Received `hypermodel=None`, which is for a subclass whose `run_trial` asks for the hyperparameters; "
                "give a space such as `MLP()` or a function `build(hp)`."
            )
        if distribution_strategy is not None and not hasattr(distribution_strategy, "scope"):
            raise TypeError(
                f"`distribution_strategy` must be a strategy of `tf.distribute`, got {distribution_strategy!r}."
            )
        if _CHIEF in os.environ:
            raise ValueError(
                f"{_CHIEF} is set, which asks for KerasTuner's chief and workers; here one process owns the search: "
                'unset it, and give `workers=4`, or `workers="ray"` for several machines.'
            )
        self.options = SearchOptions(
            objective=objective,
            max_trials=max_trials,
            oracle=oracle,
            seed=seed,
            population=population,
            stopper=stopper,
            drop_losers=drop_losers,
            target=target,
            time_budget=time_budget,
            initial_trials=initial_trials,
            folds=folds,
            executions_per_trial=executions_per_trial,
            workers=workers,
            resources=resources,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            max_model_size=max_model_size,
            jit_compile=jit_compile,
            precision=precision,
            keep=keep,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            directory=directory,
            project_name=project_name,
            overwrite=overwrite,
            oracle_arguments=oracle_arguments,
        )
        self._result: SearchResult | None = None
        self._handed: _Handed | None = None
        self._by_strategy = distribution_strategy is not None
        if self.by_keras_tuner and not (self.options.is_auto or self.options.is_alone):
            raise ValueError("KerasTuner's own loop trains one model a trial; leave out `population`.")
        let_memory_grow()  # before anything is put on a GPU, as TensorFlow asks
        home = _temporary_folder() if directory is None else str(directory)
        Path(home).mkdir(parents=True, exist_ok=True)
        if overwrite:
            clear(Path(home) / project_name)
        # KerasTuner would find its own file there and take up what this package did not write.
        if not overwrite and (Path(home) / project_name / "oracle.json").is_file():
            raise ValueError(
                f"{Path(home) / project_name} holds a search of KerasTuner's own, which cannot be gone on with; "
                "read it with `trainwise.tuning.read_folder`, and give another `project_name`."
            )
        super().__init__(
            # Hyperband is to know how many epochs there will be, which only `search` is told; it gets another one then.
            self._new_oracle(epochs=100),
            hypermodel,
            max_model_size=max_model_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            distribution_strategy=distribution_strategy,
            directory=home,
            project_name=project_name,
            logger=logger,
            tuner_id=tuner_id,
            # It would remove the whole folder, whatever else it holds and whoever works in it.
            overwrite=False,
            executions_per_trial=executions_per_trial,
        )
        self._pristine = _copied(self.oracle)
        if (self._folder / "log.jsonl").is_file():
            self.reload()

    @property
    def _folder(self) -> Path:
        return Path(self.directory) / self.project_name

    def _new_oracle(self, epochs: int) -> keras_tuner.Oracle:
        given = self.options
        return oracle_of(given.oracle, given.objective, given.max_trials, epochs, given.seed, given.oracle_arguments)

    # What KerasTuner's own files would keep stands in the journal

    def reload(self) -> None:
        """Takes up what the project's folder holds, to be looked at; `search` goes on with it all the same."""
        self.oracle = self._fresh_oracle()
        self._result = reopened(self._folder, self.oracle, self.hypermodel, self.options)

    def save(self) -> None:
        """Nothing: the journal keeps all."""

    def _populate_initial_space(self) -> None:
        """Asks a space that knows its form; another one learns it from the rows, so that `search` asks."""
        if getattr(self.hypermodel, "adapted", not self._learns):
            with preserved(), precision(self._policy):
                self._ask()

    def _ask(self) -> None:
        """Lets `build` name its hyperparameters to the oracle."""
        super()._populate_initial_space()

    @property
    def _learns(self) -> bool:
        """Whether the space learns its form from the rows."""
        return callable(getattr(self.hypermodel, "adapt", None))

    @property
    def _policy(self) -> str:
        given = self.options.precision
        return str(keras.config.dtype_policy().name) if given is None else given

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints the hyperparameters; of a space that learns the form of the rows, once it has seen them.

        Args:
            extended: Whether to show those that hang on others too.
        """
        if getattr(self.hypermodel, "adapted", False) and not self.oracle.get_space().space:
            self._ask()
        super().search_space_summary(extended)

    # The search

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> SearchResult:
        """Runs the trials, or goes on with them.

        What is given is what `fit` takes. A `run_trial` or a `HyperModel.fit` of the user's own is handed it as it
        stands, and may take anything else, or nothing.

        Args:
            *fit_args: Inputs and targets, as for `fit`.
            **fit_kwargs: Further arguments of `fit`: `epochs` of a whole training, 20 by default, and `batch_size`,
                32 by default, before which hyperparameters of these names go; `validation_data` or
                `validation_split`, by default a fifth of the rows is held out; `sample_weight`, `class_weight`;
                `callbacks`, copied for each training, of which `EarlyStopping` stops each member by itself;
                `verbose`: 0 is silent, else one line a trial.

        Returns:
            `SearchResult` with `.best_model`, `.best_hyperparameters`, `.leaderboard()`, `.refit()`, `.plot()`.

        Raises:
            ObjectiveError: The objective is not among the logs.
            SearchFailedError: No trial could be completed.
            TypeError: An argument of the wrong kind.
            ValueError: An argument out of range, sealed rows, NaN, or a folder of another search.
        """
        self._refuse_workers()
        own = self.trains_itself or self.by_keras_tuner or self._fits_by_itself
        told, rows = told_and_rows(fit_args, fit_kwargs, self.options, own)
        if not own:
            check_further(told, self.hypermodel)
        with preserved(), quick_collections(), precision(self._policy):
            adapt(self.hypermodel, rows)
            self._learn_space(told.epochs_of_a_training)
            plan, hint = Preparation(
                self.hypermodel, self.oracle, self.options, told, rows, self.trains_itself, self.by_keras_tuner
            ).plan()
            journal = Journal(self._folder, identity_of(plan, self.options, self.oracle))
            say = announcing.speaker(told.verbose)
            line = SearchLine(plan, self.oracle.max_trials) if told.verbose else None
            driver = Driver(plan, self.options, self.oracle, self._train(plan, told), journal, say, self, line)
            self._result = driver.run(announcing.opening(plan, self.oracle, hint))
        return self._result

    def _refuse_workers(self) -> None:
        if self.options.workers == 1:
            return
        if self.trains_itself or self.by_keras_tuner:
            raise ValueError("A subclass with a `run_trial` of its own trains in this process; give `workers=1`.")
        if overrides(self):
            raise ValueError(f"`{overrides(self)[0]}` of a subclass is called in this process; give `workers=1`.")

    @property
    def _fits_by_itself(self) -> bool:
        return self.hypermodel is not None and trainables.fits_by_itself(self.hypermodel)

    def _fresh_oracle(self, epochs: int = 100) -> keras_tuner.Oracle:
        """An oracle that has proposed nothing, of the name or the make that was given."""
        if self._pristine is None or self._pristine.trials:
            raise ValueError("The oracle has proposed trials in an earlier search; give a new one to a new `Search`.")
        oracle = copy.deepcopy(self._pristine)
        if isinstance(self.options.oracle, str):
            oracle = self._new_oracle(epochs)
            oracle.hyperparameters = self._pristine.get_space()
        oracle.max_trials = self.oracle.max_trials
        put_oracle(oracle, self.directory, self.project_name)
        return oracle

    def _learn_space(self, epochs: int) -> None:
        """Has the space named to an oracle that has proposed nothing and knows how many epochs there will be."""
        if self.oracle.trials or self.options.oracle == "hyperband":
            self.oracle = self._fresh_oracle(epochs)
        if self._learns:
            self._ask()

    # Trials

    def _train(self, plan: Plan, told: FitArguments) -> Train:
        """What trains a trial: the same function everywhere, but for a subclass with a way of its own."""
        if self.trains_itself or self.by_keras_tuner:
            return partial(self._train_by_own, plan, told)
        return partial(self._train_watched, plan) if overrides(self) else partial(run_trial, plan)

    def _watched(self, assignment: Assignment) -> Assignment:
        """With what calls the hooks of a subclass while the trial trains."""
        hooks = (TunerHooks(self, assignment.trial),) if overrides(self) else ()
        return replace(assignment, watchers=hooks)

    def _train_watched(self, plan: Plan, assignment: Assignment) -> Outcome:
        return run_trial(plan, self._watched(assignment))

    def _train_by_own(self, plan: Plan, told: FitArguments, assignment: Assignment) -> Outcome:
        trial, known = assignment.trial, names_of(assignment.hp)
        self._handed = _Handed(plan, told, assignment)
        places, names = told.given
        try:
            # A list of their own: a `run_trial` may add callbacks to it.
            found = self.run_trial(
                trial, *places, **{name: list(v) if name == "callbacks" and v else v for name, v in names.items()}
            )
        finally:
            self._handed = None
        outcome = outcome_of(found, trial, plan.objective)
        # What it asked for before it called `super().run_trial` is new too.
        outcome.entries = entries_since(trial.hyperparameters, known)
        return outcome

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Trains a trial; for subclasses, which change the arguments before, or train in a way of their own.

        Args:
            trial: `keras_tuner` trial, with `.hyperparameters`.
            *fit_args: Inputs and targets, as `search` was given them.
            **fit_kwargs: What `fit` is told, such as `batch_size`, as `search` was given it.

        Returns:
            How the trial went. A subclass may also return what KerasTuner allows: a score, a dictionary of
            metrics or a `History`, or several of these. Outside of a search the trial is trained by KerasTuner's
            own loop, whose result is returned.

        Raises:
            RuntimeError: No search is under way, and `trial` is none.
        """
        if self._handed is None and not isinstance(trial, keras_tuner.engine.trial.Trial):
            raise RuntimeError(f"No search is under way to train a trial for, and {trial!r} is none.")
        if self._handed is None or self.by_keras_tuner:
            return super().run_trial(trial, *fit_args, **fit_kwargs)
        plan, told, assignment = self._handed
        return run_trial(changed_plan(plan, told, fit_args, fit_kwargs), self._watched(assignment))

    @property
    def trains_itself(self) -> bool:
        """Whether a subclass wrote `run_trial`."""
        return type(self).run_trial is not Search.run_trial

    @property
    def by_keras_tuner(self) -> bool:
        """Whether KerasTuner's own loop trains the trials: a subclass changes a part of it, or there is a strategy."""
        return self._by_strategy or any(
            getattr(type(self), name) is not getattr(keras_tuner.Tuner, name) for name in _LOOP
        )

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """For subclasses: a trial has ended, and the oracle knows how it went.

        Args:
            trial: `keras_tuner` trial.
        """

    # What was found

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
    def outcomes(self) -> dict[int, Outcome]:
        """How each trial of the last search went, by number; empty before."""
        return {} if self._result is None else self._result.outcomes

    def load_model(self, trial: keras_tuner.engine.trial.Trial) -> Any:
        """The trained model of a trial, with the weights of its best epoch, compiled."""
        if self.by_keras_tuner:
            return super().load_model(trial)
        return self.result.model_of(int(trial.trial_id))

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The hyperparameters of the best trials, best first, with what the best member of each was trained at."""
        if self._result is None:
            return []
        return [self._result.hyperparameters_of(number) for number in self._result.order[:num_trials]]

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """The models of the best trials, best first; those whose weights were not kept are left out."""
        if self._result is None:
            return []
        if self.by_keras_tuner or type(self).load_model is not Search.load_model:
            return [self.load_model(trial) for trial in self.oracle.get_best_trials(num_models)]
        return self._result.models(num_models)


def search(
    space: Any,
    x: Any,
    y: Any = None,
    *,
    objective: Any = OBJECTIVE,
    oracle: Any = "random",
    trials: int | None = TRIALS,
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
        objective: What to look for, such as `"val_accuracy"`; also `"parameters"`, `"seconds"` or `"latency"`, and
            several with what each is multiplied with, such as `{"val_loss": 1, "parameters": 1e-6}`.
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
    names = {*(Search.__init__.__kwdefaults__ or ()), *ORACLE_ARGUMENTS}
    own = {name: arguments.pop(name) for name in list(arguments) if name in names}
    # What is left is for `fit`, and `Search.search` refuses what `fit` does not know.
    tuner = Search(
        space,
        objective,
        trials,
        oracle,
        time_budget=time_budget,
        target=target,
        initial_trials=initial_trials,
        folds=folds,
        executions_per_trial=executions_per_trial,
        seed=seed,
        directory=directory,
        population=population,
        stopper=stopper,
        workers=workers,
        **own,
    )
    # A `HyperModel.fit` of the user's own is handed what was given, and no more.
    given = {"batch_size": batch_size, "validation_data": validation_data}
    arguments |= {name: value for name, value in given.items() if value is not None}
    return tuner.search(*((x,) if y is None else (x, y)), epochs=epochs, verbose=verbose, **arguments)


def _temporary_folder() -> str:
    """A folder that is gone when the process ends."""
    work = WorkFolder("trainwise-search-")
    atexit.register(work.close)
    return str(work.path)


def _copied(oracle: keras_tuner.Oracle) -> keras_tuner.Oracle | None:
    """A copy of an oracle; `None` of one of the user's own that cannot be copied."""
    try:
        return copy.deepcopy(oracle)
    except TypeError:
        return None
