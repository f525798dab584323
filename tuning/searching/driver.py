"""One search under way: proposes trials, has them trained, tells the oracle, and keeps what happened."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner
import numpy as np
from keras_tuner.engine.hyperparameters import Fixed

from ...toolkit.runtime.files import digest, write_json
from ...toolkit.stopping import FirstEpochs
from .announcing import opening
from .identity import described
from .journal import Journal
from .oracles import queue
from .plan import ObjectiveError, Outcome, Plan, at_rate
from .result import SearchResult
from .rows import rows_of
from .trial import entries_since, names_of, run_trial
from .workers import spread

if TYPE_CHECKING:
    from .tuner import Search

_DISK = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT)


class SearchFailedError(RuntimeError):
    """No trial of a search could be completed; the first trial's cause is its cause too."""


class Run:
    """One call of `search`: proposes, trains, tells the oracle, until there is no more to do.

    Args:
        tuner: Whose oracle proposes.
        plan: What is the same for all trials.
        verbose: 0 is silent.
    """

    def __init__(self, tuner: Search, plan: Plan, verbose: Any) -> None:
        self.tuner, self.plan, self.oracle = tuner, plan, tuner.oracle
        self.folder = Path(tuner.directory) / tuner.project_name
        self.say: Callable[[str], None] = (
            (lambda line: None) if verbose == 0 else (lambda line: print(line, flush=True))
        )
        self.journal = Journal(self.folder, self._identity())
        self.outcomes: dict[int, Outcome] = {}
        self.trials: dict[int, Any] = {}
        self.waiting: list[int] = []
        self.ends: dict[int, int] = {}
        self.failures: list[str] = []
        self.exhausted = False
        self.ended = ""
        self.deadline: float | None = None
        self._whole = False

    def _identity(self) -> dict[str, str]:
        """What must be the same for a search to go on, each as a digest."""
        space = self.oracle.get_space().get_config()
        plan = self.plan
        rest = (plan.settings, plan.executions, plan.folds, plan.epochs, plan.batch_size, plan.drop_losers,
                plan.precision, plan.most_parameters, repr(self.tuner.stopper))  # fmt: skip
        return {
            "space": digest(space, described(plan.hypermodel)), "data": plan.rows.fingerprint(),
            "objective": str(self.oracle.objective), "oracle": type(self.oracle).__name__, "seed": str(plan.seed),
            "settings": digest(rest), "loss, optimizer or metrics": digest(described(plan.compiling)),
            "callbacks": digest(described(plan.callbacks)),
            "arguments of fit": digest(described(plan.fit_arguments)),
            "initial trials": digest(list(self.tuner.initial_trials)),
        }  # fmt: skip

    def whole(self) -> SearchResult:
        """Runs it."""
        started = time.time()
        self.deadline = None if self.tuner.time_budget is None else started + self.tuner.time_budget
        with self.journal:
            queue(self.oracle, self.tuner.initial_trials)
            self.say(opening(self.tuner, self.plan))
            self._replay()
            try:
                self._check_failures()
                spread(self, self.tuner.workers, self.tuner.resources)
                if not self.ended:
                    self._go_on_with_the_best()
            except KeyboardInterrupt:
                where = f"the same call goes on with {self.folder}" if self.tuner.lasting else (
                    "nothing is kept, since no `directory` was given"
                )  # fmt: skip
                self.say(f"Interrupted; {where}.")
                raise
            result = self._result(time.time() - started)
            self.journal.tidy(result.order[: self.tuner.keep])
        self.tuner._result = result
        self.tuner.outcomes = self.outcomes
        return result

    # Proposals

    def _replay(self) -> None:
        """Leads a fresh oracle through what it had proposed and been told; what was running goes on."""
        for event in self.journal.events:
            if event["event"] == "begin":
                trial = self.oracle.create_trial(f"trial{event['number']}")
                if trial.status != "RUNNING":
                    begun = sum(one["event"] == "begin" for one in self.journal.events)
                    raise ValueError(
                        f"{self.folder} holds {begun} trials, and this search would propose fewer; give `trials` of at "
                        f"least {begun}, or another folder."
                    )
                # An oracle of the user's may draw otherwise this time; what was trained counts.
                trial.hyperparameters.values = dict(event["values"])
                self.trials[event["number"]] = trial
            elif event["event"] == "end":
                self._tell(event["number"], Outcome(**self.journal.outcome(event["number"])))
                self._count(event["number"])
        self.waiting = [number for number in self.trials if number not in self.outcomes]
        if self.journal.events:
            begun = f"{len(self.outcomes)} trials are done, {len(self.waiting)} are taken up again"
            self.say(f"Going on with {self.folder}: {begun}.")

    def next_trial(self) -> int | None:
        """The next trial to run: one that was interrupted, or a new one; `None` where there is none now."""
        if self.waiting:
            return self.waiting.pop(0)
        number = len(self.trials)
        # KerasTuner gives a worker its unfinished trial again, so each trial has a worker's name of its own.
        trial = self.oracle.create_trial(f"trial{number}")
        if trial.status == "STOPPED":
            most = self.oracle.max_trials
            self.exhausted = bool(most) and number < most
        if trial.status != "RUNNING":
            return None
        self.trials[number] = trial
        self.journal.add({"event": "begin", "number": number, "values": trial.hyperparameters.values})
        return number

    # One trial

    def arguments(self, number: int) -> dict[str, Any]:
        """What `run_trial` is told for this trial."""
        rule = self.tuner.stopper
        values = self.trials[number].hyperparameters.values
        last = values.get("tuner/epochs") or (rule.epochs if isinstance(rule, FirstEpochs) else None)
        parent = values.get("tuner/trial_id")
        root = number
        if parent is not None:
            self.journal.inherit(int(parent), number)
            root = self._root(number)
        peers = [[self.plan.sign * value for value in other.curve] for k, other in self.outcomes.items() if k != number]
        return {
            "plan": self.plan, "hp": self.trials[number].hyperparameters, "folder": self.journal.trial(number),
            "number": root, "peers": peers, "deadline": self.deadline, "last": None if last is None else int(last),
        }  # fmt: skip

    def _root(self, number: int) -> int:
        parent = self.trials[number].hyperparameters.values.get("tuner/trial_id")
        return number if parent is None else self._root(int(parent))

    def run_here(self, number: int, whole: bool = False) -> Outcome:
        """Trains the trial in this process; a failure is an outcome, unless it concerns the search.

        Args:
            number: Of the trial.
            whole: Whether to train it to the end, though a rule would let it wait.
        """
        self._whole = whole
        trial = self.trials[number]
        known = names_of(trial.hyperparameters)
        try:
            found = self.tuner.run_trial(trial, *self.tuner.given[0], **self.tuner.given[1])
        except Exception as error:
            return self.raised(number, error)
        outcome = found if isinstance(found, Outcome) else self._taken(number, found)
        outcome.entries = entries_since(trial.hyperparameters, known)
        return outcome

    def trained(self, trial: Any, fit_args: Sequence[Any], fit_kwargs: dict[str, Any]) -> Outcome:
        """Trains a trial with what `fit` is told, which a subclass may have changed for it.

        Args:
            trial: `keras_tuner` trial.
            fit_args: Inputs and targets.
            fit_kwargs: Arguments of `fit`.
        """
        told, before = dict(fit_kwargs), self.tuner.given
        held = told.pop("validation_data", None)
        told.pop("verbose", None)
        rows = self.plan.rows
        now, then = (*fit_args, held), (*before[0], before[1]["validation_data"])
        if len(now) != len(then) or any(a is not b for a, b in zip(now, then, strict=True)):
            x, y = (*fit_args, None)[:2]
            share = told.pop("validation_split", 0.0)
            rows = rows_of(x, y, told.pop("sample_weight", None), held, share, self.plan.folds, self.plan.seed)
        told = {name: value for name, value in told.items() if name not in ("sample_weight", "validation_split")}
        plan = replace(
            self.plan, rows=rows, epochs=told.pop("epochs"), batch_size=told.pop("batch_size"),
            callbacks=tuple(told.pop("callbacks")), fit_arguments={**self.plan.fit_arguments, **told},
        )  # fmt: skip
        arguments = self.arguments(int(trial.trial_id))
        return run_trial(**{**arguments, "plan": plan, **({"last": None} if self._whole else {})})

    def raised(self, number: int, error: Exception) -> Outcome:
        """The outcome of a trial that raised; what concerns the whole search is raised again."""
        fatal = isinstance(error, (ObjectiveError, keras_tuner.errors.FatalError))
        if fatal or (isinstance(error, OSError) and error.errno in _DISK):
            raise error
        return self.failed(number, error)

    def failed(self, number: int, error: BaseException) -> Outcome:
        """The outcome of a trial that raised."""
        if not self.failures:
            self.first_error: BaseException = error
        trace = "".join(traceback.format_exception(error))
        (self.journal.trial(number) / "error.txt").write_text(trace)
        reason = f"{type(error).__name__}: {error}"
        return Outcome(status="failed", reason=reason, values=dict(self.trials[number].hyperparameters.values))

    def _taken(self, number: int, found: Any) -> Outcome:
        """The outcome of a `run_trial` that a subclass wrote."""
        from keras_tuner.src.engine import tuner_utils

        metrics = tuner_utils.convert_to_metrics_dict(found, self.oracle.objective)
        score = float(self.oracle.objective.get_value(metrics))
        metrics = {name: float(value) for name, value in metrics.items()}
        values = dict(self.trials[number].hyperparameters.values)
        return Outcome(score=score, metrics=metrics, curve=[score], epochs=1, planned=1, values=values)

    def done(self, number: int, outcome: Outcome) -> None:
        """Keeps and tells the outcome of a trial; one that the time cut off stays open, to be gone on with."""
        if outcome.status != "unfinished":
            write_json(self.journal.trial(number) / "outcome.json", outcome.as_dict())
            self.journal.add({"event": "end", "number": number, "score": outcome.score})
        self._tell(number, outcome)
        self.say(self._line(number, outcome))
        self._count(number)
        self._check_failures()
        self.journal.tidy(self._order()[: self.tuner.keep], also=self._needed())

    def _count(self, number: int) -> None:
        """What the end of a trial means for the search."""
        outcome = self.outcomes[number]
        self.ends[number] = self.ends.get(number, 0) + 1
        if outcome.status == "failed":
            self.failures.append(outcome.reason or "")
        if self._reached(outcome) and not self.ended:
            self.ended = f"The target {self.plan.target:g} was reached by trial {number}."

    def _check_failures(self) -> None:
        if len(self.failures) >= self.tuner.most_failures and len(self.failures) == len(self.outcomes):
            self._give_up()

    def _needed(self) -> list[int]:
        """Trials whose state may still be gone on with."""
        continuing = isinstance(self.oracle, keras_tuner.oracles.HyperbandOracle)
        return list(self.trials) if continuing or isinstance(self.tuner.stopper, FirstEpochs) else []

    def _reached(self, outcome: Outcome) -> bool:
        target, score = self.plan.target, outcome.score
        return target is not None and score is not None and self.plan.sign * (score - target) <= 0

    def _tell(self, number: int, outcome: Outcome) -> None:
        again = number in self.outcomes
        self.outcomes[number] = outcome
        trial = self.trials[number]
        trial.message = outcome.reason
        if outcome.entries:  # of a trial that trained elsewhere, or in an earlier process
            trial.hyperparameters.merge(
                keras_tuner.HyperParameters.from_config({"space": outcome.entries, "values": {}}), overwrite=False
            )
            asked = {entry["config"]["name"] for entry in outcome.entries}
            trial.hyperparameters.values.update({n: v for n, v in outcome.values.items() if n in asked})
        if again:
            trial.score, trial.best_step = outcome.score, (outcome.best_epoch or 1) - 1
            return
        if outcome.score is None:
            trial.status = "FAILED"
        else:
            metrics = {name: value for name, value in outcome.metrics.items() if np.isfinite(value)}
            objective = self.oracle.objective
            metrics[objective.name] = outcome.score
            if not trial.metrics.exists(objective.name):
                trial.metrics.register(objective.name, objective.direction)
            self.oracle.update_trial(trial.trial_id, metrics, step=(outcome.best_epoch or 1) - 1)
            trial.status = "COMPLETED"
        self.oracle.end_trial(trial)
        if outcome.score is not None:
            trial.score = outcome.score
        fixed = {hp.name for hp in trial.hyperparameters.space if isinstance(hp, Fixed)}
        # Only now: what the oracle has tried is known by the values that it proposed.
        trial.hyperparameters.values.update({n: v for n, v in outcome.settings.items() if n in fixed})

    def _line(self, number: int, outcome: Outcome) -> str:
        shown = "failed"
        if outcome.score is not None:
            shown = f"{self.plan.objective.name} {outcome.score:.4g}{at_rate(outcome)} at epoch {outcome.best_epoch}"
        why = f" ({outcome.reason})" if outcome.reason else ""
        values = ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in outcome.values.items()
        )
        spent = f"trained {outcome.epochs} of {outcome.planned} epochs in {outcome.seconds:.1f} s"
        return f"Trial {number}: {shown}, {spent}{why} | {values}"

    # The end

    def _go_on_with_the_best(self) -> None:
        rule = self.tuner.stopper
        if not isinstance(rule, FirstEpochs):
            return
        for best in self._order()[: rule.keep]:
            if self.ends[best] == 1 and not self.ended:
                self.done(best, self.run_here(best, whole=True))

    def _order(self) -> list[int]:
        """The completed trials, best first."""
        scored = [n for n, outcome in self.outcomes.items() if outcome.score is not None]
        return sorted(scored, key=lambda n: (self.plan.sign * (self.outcomes[n].score or 0.0), n))

    def _give_up(self) -> None:
        cause = getattr(self, "first_error", None)
        kept = sorted(self.folder.rglob("error.txt"))
        where = f" The whole message is in {kept[0]}." if kept else ""
        raise SearchFailedError(
            f"No trial of {len(self.outcomes)} could be completed; the first failed with "
            f"{self.failures[0].rstrip('.')}.{where}"
        ) from cause

    def _result(self, seconds: float) -> SearchResult:
        if not self._order():
            if self.outcomes:
                self.failures = [outcome.reason or "" for outcome in self.outcomes.values()]
                self._give_up()
            raise SearchFailedError("No trial was run: the time was up, or the space is empty.")
        notes = [self.ended] if self.ended else []
        if self.exhausted:
            notes.append(f"The space is exhausted: it holds no more than {len(self.trials)} different trials.")
        for note in notes:
            self.say(note)
        return SearchResult(
            plan=self.plan, outcomes=dict(sorted(self.outcomes.items())), order=self._order(), folder=self.folder,
            seconds=seconds, notes=tuple(notes), space=self.oracle.get_space(),
            trial_folders={number: self.journal.trial(number) for number in self.outcomes},
        )  # fmt: skip
