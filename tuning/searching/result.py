"""What a search found: the best models, their hyperparameters, and the leaderboard of all trials."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import whole_number
from ...toolkit.population import Leaderboard
from ...toolkit.report.event_files import write_events
from ...toolkit.report.page import write
from ...toolkit.runtime.files import read_arrays, read_lines
from ...toolkit.runtime.precision import precision
from ...toolkit.runtime.randomness import preserved
from . import analysis, search_page, summary, trainables
from .plan import Record
from .rows import TrialRows, given_rows, is_stream


@dataclass
class SearchResult(Record):
    """The outcome of a search.

    Args:
        plan: What was the same for all trials.
        outcomes: How each trial went, by number.
        order: The completed trials, best first.
        seconds: Time of this call, s.
        notes: Sentences on how it ended.
        space: The hyperparameters of the space.
        folder: Where the search is kept.
        trial_folders: Where each trial is kept.
    """

    folder: Path
    trial_folders: dict[int, Path]
    _models: dict[int, keras.Model] = field(default_factory=dict)

    # Models

    @property
    def best_model(self) -> keras.Model:
        """The best trial's best model, compiled, with the weights of its best epoch.

        With `folds` or `executions_per_trial` the score is a mean of several trainings, the model that of the
        first of them; `refit` trains one on all rows.
        """
        return self.model_of(self.order[0])

    @property
    def best_hyperparameters(self) -> keras_tuner.HyperParameters:
        """The best trial's `keras_tuner.HyperParameters`."""
        return self.hyperparameters_of(self.order[0])

    @property
    def best_settings(self) -> dict[str, Any]:
        """Rate, and whatever else differed between members, of the best member of the best trial."""
        return dict(self.best.settings)

    def models(self, count: int = 5) -> list[keras.Model]:
        """The models of the best trials, best first; ready for `tw.vote`.

        Args:
            count: At most so many; trials whose weights are no longer kept are left out.
        """
        kept = [number for number in self.order if self._weights(number).is_file()]
        return [self.model_of(number) for number in kept[:count]]

    def model_of(self, number: int) -> keras.Model:
        """The trained model of a trial, with the weights of its best epoch.

        Args:
            number: Of the trial.

        Raises:
            KeyError: There is no such trial.
            ValueError: Its weights were not kept.
        """
        self._check_number(number)
        if number not in self._models:
            path = self._weights(number)
            if not path.is_file():
                raise ValueError(f"The weights of trial {number} were not kept; give the search a larger `keep`.")
            with preserved(), precision(self.plan.precision):
                model = self._built(number)
            model.set_weights(read_arrays(path))
            self._models[number] = model
        return self._models[number]

    def _check_number(self, number: int) -> None:
        if number not in self.outcomes:
            raise KeyError(f"There is no trial {number}; the trials are {sorted(self.outcomes)}.")

    def _weights(self, number: int) -> Path:
        folder = self.trial_folders[number]
        return next(iter(sorted(folder.rglob("best.npz"))), folder / "best.npz")

    def hyperparameters_of(self, number: int) -> keras_tuner.HyperParameters:
        """A trial's `keras_tuner.HyperParameters`.

        Args:
            number: Of the trial.

        Raises:
            KeyError: There is no such trial.
        """
        self._check_number(number)
        hp = keras_tuner.HyperParameters.from_config(self.space.get_config())
        hp.values = dict(self.outcomes[number].values)
        return hp

    def _built(self, number: int) -> keras.Model:
        """A new model of the trial's make, compiled at its best settings."""
        plan, outcome = self.plan, self.outcomes[number]
        model = plan.hypermodel.build(self.hyperparameters_of(number))
        if not model.built and plan.rows.x is None:
            raise ValueError("The model is built by its rows, which are not known here; call `search` with them again.")
        if not model.built:
            model(plan.rows.first())
        compiling = trainables.compiling_of(model, plan.hypermodel, plan.rows.y, plan.compiling)
        settings = dict(outcome.settings)
        if not settings and "learning_rate" in outcome.values and not compiling.own:
            settings["learning_rate"] = outcome.values["learning_rate"]
        return trainables.alone(model, compiling, plan.compiling, settings)

    def refit(
        self, x: Any = None, y: Any = None, *, epochs: int | None = None, seed: int | None = None, **fit_arguments: Any
    ) -> keras.Model:
        """Trains a new model of the best architecture at its best rate, on training and validation rows together.

        Args:
            x: Inputs; by default all rows of the search.
            y: Targets.
            epochs: At least 1; by default up to the best trial's best epoch.
            seed: Decides starting weights and batches; the search's by default.
            **fit_arguments: As for `fit`; the search's `class_weight` counts unless another is given.

        Returns:
            The trained model, compiled.

        Raises:
            TypeError: `epochs` is no whole number.
            ValueError: `epochs` is below 1, or the rows of the search cannot be joined; give `x` and `y`.
        """
        if x is None and self.plan.rows.x is None:
            raise ValueError(
                "This search was reopened, or trained by code of yours, and has no rows; give `x` and `y`."
            )
        rows = _joined(self.plan.rows) if x is None else given_rows(x, y)
        told = self.plan.fit_arguments
        arguments: dict[str, Any] = {
            "batch_size": int(self.best.values.get("batch_size", self.plan.batch_size)),
            "verbose": 0,
            "epochs": self._epochs_of_a_refit(epochs),
            "sample_weight": rows.sample_weight,
        }
        if is_stream(rows.x):
            arguments["shuffle"] = False
            if x is None and "steps_per_epoch" in told:
                arguments["steps_per_epoch"] = told["steps_per_epoch"]
        if "class_weight" in told:
            arguments["class_weight"] = told["class_weight"]
        with preserved():
            keras.utils.set_random_seed(self.plan.seed if seed is None else seed)
            with precision(self.plan.precision):
                model = self._built(self.order[0])
            model.fit(rows.x, rows.y, **{**arguments, **fit_arguments})
        return model

    def _epochs_of_a_refit(self, given: int | None) -> int:
        if given is not None:
            return whole_number("epochs", given, low=1)
        # A trial of a `run_trial` of the user's own may know no best epoch.
        return 1 if self.best.best_epoch is None else self.best.best_epoch

    # Trials

    def leaderboard(self) -> Leaderboard:
        """The trials as a table, best first, the failed ones last: one list for each column."""
        return summary.leaderboard(self)

    def to_csv(self, path: str | Path) -> None:
        """Writes the leaderboard as a CSV file in UTF-8, whole or not at all.

        Args:
            path: Where to.

        Raises:
            OSError: The file cannot be written; an old one is then still there.
        """
        summary.write_csv(self.leaderboard(), path)

    def history(self, number: int | None = None) -> dict[str, list[float]]:
        """What the best member of a trial logged after each epoch, as in Keras' `History.history`.

        Args:
            number: Of the trial; the best one by default.

        Raises:
            KeyError: There is no such trial.
        """
        number = self.order[0] if number is None else number
        self._check_number(number)
        settings = list(self.plan.settings)
        if settings and self.outcomes[number].settings not in settings:
            return {}  # it failed before any training
        # The members of a setting stand side by side, and the first of them stands for it.
        member = settings.index(self.outcomes[number].settings) * self.plan.executions if settings else 0
        path = next(iter(sorted(self.trial_folders[number].rglob("curve.jsonl"))), None)
        found: dict[str, list[float]] = {}
        for line in read_lines(path) if path else ():
            for logs in line["members"]:
                if logs.pop("member") == member:
                    for name, value in logs.items():
                        found.setdefault(name, []).append(value)
        return found

    # What the stopping did, and what counted

    @property
    def epochs_saved(self) -> float:
        """Share of the planned epochs that stopping spared, in [0, 1)."""
        return analysis.epochs_saved(self)

    def rank_correlation(self, epoch: int = 1) -> float | None:
        """Spearman's correlation of the best value up to `epoch` with the final best, over the trials that ran on.

        Args:
            epoch: From 1.

        Returns:
            A number in [-1, 1], or `None` where fewer than three trials went beyond that epoch.
        """
        return analysis.rank_correlation(self, epoch)

    def importance(self) -> dict[str, float] | None:
        """How much of the score's spread each hyperparameter alone explains, largest first.

        A random forest learns the score; for each hyperparameter the forest's mean prediction over all
        trials is taken at each of its values, and the variance of these means is divided by that of
        the forest's predictions.

        Returns:
            Shares in [0, 1] by name, or `None` where fewer than ten trials were completed.

        Reference: Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance", ICML.
        """
        return analysis.importance(self)

    def baseline(self) -> dict[str, float]:
        """What "one epoch for all, then the best three" would have saved and cost on the curves of this search.

        Curves that were stopped count as far as they go, so the figures are those of the trials that were
        seen whole where nothing was stopped, and a bound elsewhere.
        """
        found = analysis.baseline(self)
        return {"saved": found.saved, "regret": found.regret}

    # Words and pages

    def __str__(self) -> str:
        after = "Next: `.best_model`, `.refit()` on all rows, `.models(3)` for `tw.vote`, `.report(folder)` for a page."
        return f"{self.summary()}\n{after}"

    def to_tensorboard(self, folder: str | Path) -> None:
        """Writes each trial with its hyperparameters, curve and score for TensorBoard, under HParams, and the charts.

        Args:
            folder: Where to; `tensorboard --logdir FOLDER` shows it.

        Raises:
            OSError: The folder cannot be written.
        """
        write_events(self.as_report(), folder)

    def summary(self) -> str:
        """Leaderboard, best trial, and what stopping saved, in words."""
        return summary.in_words(self)

    def plot(self) -> Any:
        """The objective of each trial after each epoch as a matplotlib Figure, the best one drawn bold."""
        return summary.figure(self)

    def as_dict(self) -> dict[str, Any]:
        """The figures of the search, for a report."""
        return search_page.figures(self)

    def as_report(self, title: str = "Search") -> dict[str, Any]:
        """All that the report page shows, as plain values.

        Args:
            title: Heading of the page.
        """
        return search_page.report(self, title, self.history())

    def report(self, directory: str | Path, title: str = "Search") -> Path:
        """Writes `report.html`, a page with leaderboard, curves and findings, and `report.json` beside it.

        Args:
            directory: Where to.
            title: Heading of the page.

        Returns:
            The path of the page.

        Raises:
            OSError: The files cannot be written.
        """
        return write(self.as_report(title), directory)[0]


def _joined(rows: TrialRows) -> TrialRows:
    """Training and validation rows together."""
    if rows.validation is None:
        return rows
    if not rows.are_arrays or not isinstance(rows.validation, tuple):
        raise ValueError("The rows of this search cannot be joined with its validation rows; give `x` and `y`.")

    def both(some: Any, others: Any) -> Any:
        if some is None:
            return None
        parts = zip(keras.tree.flatten(some), keras.tree.flatten(others), strict=True)
        return keras.tree.pack_sequence_as(some, [np.concatenate(pair) for pair in parts])

    weights, held = rows.sample_weight, len(keras.tree.flatten(rows.validation[0])[0])
    if weights is not None:
        # Rows without a weight count as `fit` counts them.
        ones = keras.tree.map_structure(lambda own: np.ones((held, *own.shape[1:]), own.dtype), weights)
        weights = both(weights, rows.validation[2] if len(rows.validation) > 2 else ones)
    x, y = both(rows.x, rows.validation[0]), both(rows.y, rows.validation[1])
    return replace(rows, x=x, y=y, sample_weight=weights, validation=None)
