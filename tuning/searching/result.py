"""What a search found: the best model, the leaderboard, what was saved by stopping, which hyperparameters counted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from scipy import stats

from ...toolkit.population import Leaderboard
from ...toolkit.report.page import write
from ...toolkit.report.parts import device, versions
from ...toolkit.runtime.files import read_arrays, read_lines
from ...toolkit.runtime.precision import precision
from ...toolkit.runtime.randomness import preserved
from ...toolkit.stopping import FirstEpochs, replay
from . import trainables
from .analysis import coded, marginal
from .plan import Outcome, Plan, at_rate
from .rows import given_rows, is_stream

_FEWEST_FOR_IMPORTANCE = 10
_BASELINE = FirstEpochs(epochs=1, keep=3)


@dataclass
class SearchResult:
    """The outcome of a search.

    Args:
        plan: What was the same for all trials.
        outcomes: How each trial went, by number.
        order: The completed trials, best first.
        folder: Where the search is kept.
        seconds: Time of this call, s.
        notes: Sentences on how it ended.
        space: The hyperparameters of the space.
        trial_folders: Where each trial is kept.
    """

    plan: Plan
    outcomes: dict[int, Outcome]
    order: list[int]
    folder: Path
    seconds: float
    notes: tuple[str, ...]
    space: Any
    trial_folders: dict[int, Path]
    _models: dict[int, Any] = field(default_factory=dict)

    @property
    def best(self) -> Outcome:
        """How the best trial went."""
        return self.outcomes[self.order[0]]

    @property
    def best_score(self) -> float:
        """The best value of the objective."""
        return float(self.best.score or 0.0)

    @property
    def best_model(self) -> Any:
        """The best trial's best model, compiled, with the weights of its best epoch.

        With `folds` or `executions_per_trial` the score is a mean of several trainings, the model that of the
        first of them; `refit` trains one on all rows.
        """
        return self.model_of(self.order[0])

    @property
    def best_hyperparameters(self) -> Any:
        """The best trial's `keras_tuner.HyperParameters`."""
        return self.hyperparameters_of(self.order[0])

    @property
    def best_settings(self) -> dict[str, Any]:
        """Rate, and whatever else differed between members, of the best member of the best trial."""
        return dict(self.best.settings)

    def models(self, count: int = 5) -> list[Any]:
        """The models of the best trials, best first; ready for `tw.vote`.

        Args:
            count: At most so many; trials whose weights are no longer kept are left out.
        """
        kept = [number for number in self.order if self._weights(number).is_file()]
        return [self.model_of(number) for number in kept[:count]]

    def model_of(self, number: int) -> Any:
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

    def hyperparameters_of(self, number: int) -> Any:
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

    def _built(self, number: int) -> Any:
        """A new model of the trial's make, compiled at its best settings."""
        plan, outcome = self.plan, self.outcomes[number]
        model = plan.hypermodel.build(self.hyperparameters_of(number))
        if not model.built:
            model(plan.rows.first())
        compiling = trainables.compiling_of(model, plan.hypermodel, plan.rows.y, plan.compiling)
        settings = dict(outcome.settings)
        if not settings and "learning_rate" in outcome.values and not compiling.own:
            settings["learning_rate"] = outcome.values["learning_rate"]
        if settings or not model.compiled:
            model = trainables.with_settings(model, compiling, settings)
        return model

    def leaderboard(self) -> Leaderboard:
        """The trials as a table, best first, the failed ones last: one list for each column."""
        failed = [number for number in self.outcomes if number not in self.order]
        numbers = [*self.order, *failed]
        shown = [self.outcomes[number] for number in numbers]
        board = Leaderboard(trial=numbers)
        board[self.plan.objective.name] = [math.nan if o.score is None else o.score for o in shown]
        if any(outcome.spread is not None for outcome in shown):
            board["spread"] = [outcome.spread for outcome in shown]
        for part in ("settings", "values"):
            names = list(dict.fromkeys(name for outcome in shown for name in getattr(outcome, part)))
            for name in names:
                if name not in board:
                    board[name] = [getattr(outcome, part).get(name) for outcome in shown]
        board["parameters"] = [outcome.parameters for outcome in shown]
        board["seconds"] = [round(outcome.seconds, 2) for outcome in shown]
        board["best_epoch"] = [outcome.best_epoch for outcome in shown]
        board["epochs"] = [outcome.epochs for outcome in shown]
        board["epochs_saved"] = [0 if o.status == "unfinished" else o.planned - o.epochs for o in shown]
        board["findings"] = [", ".join(f["symptom"] for f in outcome.findings) for outcome in shown]
        board["status"] = [outcome.status + (f": {outcome.reason}" if outcome.reason else "") for outcome in shown]
        return board

    def to_csv(self, path: str | Path) -> None:
        """Writes the leaderboard as a CSV file.

        Args:
            path: Where to.
        """
        import csv

        board = self.leaderboard()
        with Path(path).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(board)
            writer.writerows(zip(*board.values(), strict=True))

    # What the stopping did

    @property
    def epochs_saved(self) -> float:
        """Share of the planned epochs that stopping spared, in [0, 1)."""
        ended = [outcome for outcome in self.outcomes.values() if outcome.status != "unfinished"]
        planned = sum(outcome.planned for outcome in ended)
        return 1 - sum(outcome.epochs for outcome in ended) / planned if planned else 0.0

    def rank_correlation(self, epoch: int = 1) -> float | None:
        """Spearman's correlation of the best value up to `epoch` with the final best, over the trials that ran on.

        Args:
            epoch: From 1.

        Returns:
            A number in [-1, 1], or `None` where fewer than three trials went beyond that epoch.
        """
        sign = self.plan.sign
        curves = [[sign * v for v in self.outcomes[n].curve] for n in self.order]
        longer = [curve for curve in curves if len(curve) > epoch]
        if len(longer) < 3:
            return None
        found = stats.spearmanr([min(curve[:epoch]) for curve in longer], [min(curve) for curve in longer])
        return None if math.isnan(found.statistic) else float(found.statistic)

    def importance(self) -> dict[str, float] | None:
        """How much of the score's spread each hyperparameter alone explains, largest first.

        A random forest learns the score; for each hyperparameter the forest's mean answer over all
        trials is taken at each of its values, and the variance of these means is divided by that of
        the forest's answers.

        Returns:
            Shares in [0, 1] by name, or `None` where fewer than ten trials were completed.

        Reference: Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance", ICML.
        """
        names = [hp.name for hp in self.space.space if len({str(self._value(n, hp.name)) for n in self.order}) > 1]
        if len(self.order) < _FEWEST_FOR_IMPORTANCE or not names:
            return None
        from sklearn.ensemble import RandomForestRegressor

        columns = [coded([self._value(number, name) for number in self.order]) for name in names]
        table = np.array(columns, dtype="float64").T
        scores = stats.rankdata([self.plan.sign * (self.outcomes[n].score or 0.0) for n in self.order])
        forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=0).fit(table, scores)
        total = float(np.var(forest.predict(table)))
        shares = {name: marginal(forest, table, place) / total if total else 0.0 for place, name in enumerate(names)}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def _value(self, number: int, name: str) -> Any:
        return self.outcomes[number].values.get(name)

    def baseline(self) -> dict[str, float]:
        """What "one epoch for all, then the best three" would have saved and cost on the curves of this search.

        Curves that were stopped count as far as they go, so the figures are those of the trials that were
        seen whole where nothing was stopped, and a bound elsewhere.
        """
        sign = self.plan.sign
        curves = [[sign * value for value in self.outcomes[n].curve] for n in self.order if self.outcomes[n].curve]
        found = replay(curves, _BASELINE)
        return {"saved": found.saved, "regret": found.regret}

    def as_dict(self) -> dict[str, Any]:
        """The figures of the search, for a report."""
        best = self.best
        return {
            "objective": self.plan.objective.name,
            "higher_is_better": self.plan.objective.direction == "max",
            "best_trial": self.order[0],
            "best": best.as_dict(),
            "facts": self._facts(),
            "sentence": self._sentence(),
            "leaderboard": dict(self.leaderboard()),
            "hyperparameters": list(
                dict.fromkeys(
                    name for outcome in self.outcomes.values() for name in outcome.values if name not in best.settings
                )
            ),
            "epochs_saved": self.epochs_saved,
            "rank_correlation": self.rank_correlation(),
            "one_epoch_then_best_three": self.baseline(),
            "importance": self.importance(),
            "curves": {str(number): outcome.curve for number, outcome in self.outcomes.items()},
            "seconds": self.seconds,
            "device": device(self.plan.precision),
            "notes": list(self.notes),
        }

    def _facts(self) -> dict[str, Any]:
        """What was trained, on what, for how long."""
        plan, rates = self.plan, [one["learning_rate"] for one in self.plan.settings if "learning_rate" in one]
        rows = plan.rows
        held = len(rows.validation[1]) if rows.are_arrays and isinstance(rows.validation, tuple) else None
        facts = {
            "training rows": rows.count if rows.are_arrays else None, "validation rows": held, "folds": plan.folds,
            "models of a trial": len(plan.settings) * plan.executions or 1,
            "learning rates": f"{min(rates):.3g} to {max(rates):.3g}" if rates else None,
            "epochs of a whole training": plan.epochs, "seconds of all trials": sum(
                outcome.seconds for outcome in self.outcomes.values()
            ),
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value is not None}

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
        member = settings.index(self.outcomes[number].settings) * self.plan.executions if settings else 0
        path = next(iter(sorted(self.trial_folders[number].rglob("curve.jsonl"))), None)
        found: dict[str, list[float]] = {}
        for line in read_lines(path) if path else ():
            for logs in line["members"]:
                if logs.pop("member") == member:
                    for name, value in logs.items():
                        found.setdefault(name, []).append(value)
        return found

    def as_report(self, title: str = "Search") -> dict[str, Any]:
        """All that the report page shows, as plain values.

        Args:
            title: Heading of the page.
        """
        best = self.best
        return {
            "title": title, "created": datetime.now(UTC).isoformat(timespec="seconds"), "seed": self.plan.seed,
            "settings": {
                "epochs": self.plan.epochs, "batch_size": self.plan.batch_size, "stopper": repr(self.plan.stopper),
                "members_of_a_trial": len(self.plan.settings) * self.plan.executions or 1,
                "folds": self.plan.folds,
            },
            "versions": versions(), "search": self.as_dict(),
            "members": [{
                "name": f"trial {self.order[0]}, the best", "seed": self.plan.seed, "parameters": best.parameters,
                "best_epoch": None if best.best_epoch is None else best.best_epoch - 1, "history": self.history(),
                "findings": best.findings,
                "validation": {n.removeprefix("val_"): v for n, v in best.metrics.items() if n.startswith("val_")},
            }],
        }  # fmt: skip

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

    def __str__(self) -> str:
        after = "Next: `.best_model`, `.refit()` on all rows, `.models(3)` for `tw.vote`, `.report(folder)` for a page."
        return f"{self.summary()}\n{after}"

    def _sentence(self) -> str:
        best = self.best
        return (
            f"Best: trial {self.order[0]}, {self.plan.objective.name} {self.best_score:.4g}{at_rate(best)} "
            f"after epoch {best.best_epoch}."
        )

    def summary(self) -> str:
        """Leaderboard, best trial, and what stopping saved, in words."""
        base, known = self.baseline(), self.rank_correlation()
        lines = [
            str(self.leaderboard()),
            self._sentence(),
            f"Stopping saved {self.epochs_saved:.0%} of the epochs.",
        ]
        if len(self.order) > _BASELINE.keep:
            lines[-1] += (
                f" One epoch for every trial and then the best three in full would have saved {base['saved']:.0%} and "
                f"missed the best score by {base['regret']:.4g}, as far as these curves go."
            )
        if known is not None and len(self.order) >= _FEWEST_FOR_IMPORTANCE:
            lines.append(f"Scores after one epoch rank the trials as the final ones do with correlation {known:.2f}.")
        lines += [f"Run on {device(self.plan.precision)}.", *self.notes]
        return "\n".join(lines)

    def plot(self) -> Any:
        """The objective of each trial after each epoch as a matplotlib Figure, the best one drawn bold."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for number, outcome in self.outcomes.items():
            if not outcome.curve:
                continue
            best = number == self.order[0]
            epochs = range(1, len(outcome.curve) + 1)
            style: dict[str, Any] = {"linewidth": 2.5, "label": f"trial {number}", "zorder": 3} if best else {
                "linewidth": 0.8, "alpha": 0.6,
            }  # fmt: skip
            axes.plot(epochs, outcome.curve, marker="." if len(outcome.curve) == 1 else None, **style)
        axes.set(xlabel="epoch", ylabel=self.plan.objective.name)
        axes.legend()
        return figure

    def refit(
        self, x: Any = None, y: Any = None, *, epochs: int | None = None, seed: int | None = None, **fit_arguments: Any
    ) -> Any:
        """Trains a new model of the best architecture at its best rate, on training and validation rows together.

        Args:
            x: Inputs; by default all rows of the search.
            y: Targets.
            epochs: By default up to the best trial's best epoch.
            seed: Decides starting weights and batches; the search's by default.
            **fit_arguments: As for `fit`; the search's `class_weight` counts unless another is given.

        Returns:
            The trained model, compiled.

        Raises:
            ValueError: The rows of the search cannot be joined; give `x` and `y`.
        """
        rows = self.plan.rows
        rows = _joined(rows) if x is None else given_rows(x, y)
        streamed: dict[str, Any] = {"shuffle": False} if is_stream(rows.x) else {}
        if x is None and is_stream(rows.x) and "steps_per_epoch" in self.plan.fit_arguments:
            streamed["steps_per_epoch"] = self.plan.fit_arguments["steps_per_epoch"]
        arguments: dict[str, Any] = {
            **streamed, "batch_size": int(self.best.values.get("batch_size", self.plan.batch_size)), "verbose": 0,
            "epochs": epochs or self.best.best_epoch or 1, "sample_weight": rows.sample_weight,
            **{name: value for name, value in self.plan.fit_arguments.items() if name == "class_weight"},
            **fit_arguments,
        }  # fmt: skip
        with preserved():
            keras.utils.set_random_seed(self.plan.seed if seed is None else seed)
            with precision(self.plan.precision):
                model = self._built(self.order[0])
            model.fit(rows.x, rows.y, **arguments)
        return model


def _joined(rows: Any) -> Any:
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
        ones = keras.tree.map_structure(lambda own: np.ones((held, *own.shape[1:]), own.dtype), weights)
        weights = both(weights, rows.validation[2] if len(rows.validation) > 2 else ones)
    return replace(
        rows, x=both(rows.x, rows.validation[0]), y=both(rows.y, rows.validation[1]), sample_weight=weights,
        validation=None,
    )  # fmt: skip
