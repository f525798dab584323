"""The driver of a search: has trials proposed, has them trained, tells the oracle, and keeps what happened."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import keras_tuner

from ...toolkit.runtime.files import write_json, write_text
from ...toolkit.runtime.keras_internals import number_trial
from ...toolkit.runtime.live_line import LiveLine
from . import announcing, former_search, oracles
from .journal import Journal
from .options import SearchOptions
from .plan import Assignment, ObjectiveError, Outcome, Plan, best_first
from .result import SearchResult
from .resuming import going_on, proposed_again, worker_name
from .search_line import SearchLine
from .workers import MOST_DEATHS, Pool, Train, WorkerDiedError, pool_of

# No other trial could be kept either: the disk is full, read-only, not ours, or its quota is used up.
_DISK = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT)


class SearchFailedError(RuntimeError):
    """No trial of a search could be completed; the first trial's cause is its cause too."""


class Hooks(Protocol):
    """What KerasTuner calls of a tuner beside the trainings, for subclasses to override."""

    def on_search_begin(self) -> None:
        """The search begins."""

    def pre_create_trial(self) -> None:
        """The oracle is about to be asked for a trial."""

    def on_trial_begin(self, trial: Any) -> None:
        """A trial begins."""

    def on_trial_end(self, trial: Any) -> None:
        """A trial has ended, and the oracle knows how it went."""

    def on_search_end(self) -> None:
        """The search has ended."""


class Driver:
    """One call of `search`: proposes, trains, tells the oracle, until there is no more to do.

    Args:
        plan: What is the same for all trials.
        options: What the search was made with.
        oracle: Proposes the trials; its space is known.
        train: Trains a trial.
        journal: Where what happens is kept.
        say: Says a line to the user.
        hooks: Is told when the search and each trial begin and end.
        line: Shown while the search goes on, where there is a terminal or a notebook.

    Attributes:
        outcomes: How each trial went, by number.
        trials: The `keras_tuner` trials, by number.
    """

    def __init__(
        self,
        plan: Plan,
        options: SearchOptions,
        oracle: keras_tuner.Oracle,
        train: Train,
        journal: Journal,
        say: Callable[[str], None],
        hooks: Hooks,
        line: SearchLine | None = None,
    ) -> None:
        self.plan, self.options, self.oracle = plan, options, oracle
        self.train, self.journal, self.say, self.hooks = train, journal, say, hooks
        self.line = line
        self.outcomes: dict[int, Outcome] = {}
        self.trials: dict[int, keras_tuner.engine.trial.Trial] = {}
        self._waiting: list[int] = []
        self._ends: dict[int, int] = {}
        self._retries: dict[int, int] = {}
        self._restarts: dict[int, int] = {}
        self._failures: list[str] = []
        self._first_error: BaseException | None = None
        self._exhausted = False
        self._ended = ""
        self._deadline: float | None = None

    def run(self, opening: str) -> SearchResult:
        """Runs it.

        Args:
            opening: What is said before the first trial.

        Raises:
            ObjectiveError: The objective is not among the logs.
            SearchFailedError: No trial could be completed.
            ValueError: The folder holds another search, or an initial trial is none.
        """
        started = time.time()
        if self.options.time_budget is not None:
            self._deadline = started + self.options.time_budget
        with self.journal, oracles.in_charge(self.oracle, self.options.initial_trials), self._interruption_said():
            self.journal.describe(former_search.description(self.plan, self.oracle.get_space()))
            self.say(opening)
            self.hooks.on_search_begin()
            self._replay()
            # A search that gave up gives up again, and trains nothing for it.
            self._check_failures()
            if self.line is not None:
                self.line.begin(self.outcomes)
            pool = pool_of(self.train, self.options.workers, self.options.resources or {})
            try:
                with self._line_shown():
                    self._train_all(pool, self._next_trial)
                    if not self._ended:
                        best = iter(self._to_go_on_with())
                        self._train_all(pool, lambda: next(best, None), whole=True)
            finally:
                pool.close()
            result = self._result(time.time() - started)
            self.journal.tidy(result.order[: self.options.keep])
            self.hooks.on_search_end()
        return result

    def _line_shown(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.line is None else LiveLine(self.line.words)

    @contextmanager
    def _interruption_said(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.say(announcing.interrupted(self.journal.folder, self.options.directory is not None))
            raise

    # Proposals

    def _replay(self) -> None:
        """Leads a fresh oracle through what it had proposed and been told; what was running goes on."""
        for event in self.journal.events:
            if event["event"] == "begin":
                number = event["number"]
                self.trials[number] = proposed_again(self.oracle, self.journal, number, event["values"])
            elif event["event"] == "retry":
                self._note_retry(event["number"], anew=event["anew"])
            elif event["event"] == "end":
                self._tell(event["number"], Outcome(**self.journal.outcome(event["number"])))
                self._count(event["number"])
        self._waiting = [number for number in self.trials if number not in self.outcomes]
        if self.journal.events:
            self.say(going_on(self.journal, len(self.outcomes), len(self._waiting)))

    def _next_trial(self) -> int | None:
        """The next trial to run: one that was interrupted, or a new one; `None` where there is none now."""
        if self._waiting:
            return self._waiting.pop(0)
        number = len(self.trials)
        self.hooks.pre_create_trial()
        trial = self.oracle.create_trial(worker_name(number))
        if trial.status == "STOPPED":
            most = self.oracle.max_trials
            self._exhausted = most is not None and number < most
        if trial.status != "RUNNING":
            return None
        self.trials[number] = trial
        number_trial(self.oracle, trial)
        self.journal.add({"event": "begin", "number": number, "values": trial.hyperparameters.values})
        return number

    # Trials

    def _train_all(self, pool: Pool, next_number: Callable[[], int | None], whole: bool = False) -> None:
        """Trains the trials that come, as many at once as the pool has room for.

        Args:
            pool: Where they are trained.
            next_number: Returns the next trial, or `None` where there is none now.
            whole: Whether to train them to the end, though the rule let them wait.
        """
        going: dict[Any, int] = {}
        deaths: dict[int, int] = {}
        again: list[int] = []
        while True:
            while len(going) < pool.room() and not self._is_over():
                number = again.pop() if again else next_number()
                if number is None:
                    break
                self.hooks.on_trial_begin(self.trials[number])
                going[pool.submit(self._assignment(number, whole))] = number
            if not going:
                return
            ticket = pool.wait(list(going))
            number = going.pop(ticket)
            retried = anew = False
            try:
                outcome = pool.result(ticket)
                retried = anew = outcome.status == "failed"
            except WorkerDiedError as error:
                deaths[number] = deaths.get(number, 0) + 1
                if deaths[number] < MOST_DEATHS:
                    again.append(number)
                    continue
                outcome = self._failed(number, error)
            except Exception as error:
                outcome = self._raised(number, error)
                retried = not isinstance(error, keras_tuner.errors.FailedTrialError)
            if retried and self._retries.get(number, 0) < self.oracle.max_retries_per_trial:
                self._retry(number, outcome, anew)
                again.append(number)
            else:
                self.done(number, outcome)

    def _is_over(self) -> bool:
        if self._deadline is not None and time.time() > self._deadline and not self._ended:
            self._ended = "The time was up."
        return bool(self._ended)

    def _assignment(self, number: int, whole: bool) -> Assignment:
        """What whoever trains this trial is told."""
        rule, values = self.options.first_epochs, self.trials[number].hyperparameters.values
        last = None
        if not whole:
            last = values.get("tuner/epochs", None if rule is None else rule.epochs)
        parent = values.get("tuner/trial_id")
        if parent is not None:
            # Under Hyperband a later round goes on with the weights and the optimizer of the round before.
            self.journal.inherit(int(parent), number)
        return Assignment(
            trial=self.trials[number],
            number=self._root(number),
            folder=self.journal.trial(number),
            peers=[[self.plan.sign * v for v in one.curve] for k, one in self.outcomes.items() if k != number],
            deadline=self._deadline,
            last=None if last is None else int(last),
            restarts=self._restarts.get(number, 0),
        )

    def _root(self, number: int) -> int:
        """The trial whose training this one goes on with, first of all; it has decided the seed."""
        parent = self.trials[number].hyperparameters.values.get("tuner/trial_id")
        return number if parent is None else self._root(int(parent))

    def _to_go_on_with(self) -> list[int]:
        """The best trials of those that got a few epochs only; those that were gone on with before have ended twice."""
        rule = self.options.first_epochs
        return [] if rule is None else [best for best in self._order()[: rule.keep] if self._ends[best] == 1]

    # Failures

    def _retry(self, number: int, outcome: Outcome, anew: bool) -> None:
        """Notes that a trial which failed is tried again.

        One that raised goes on where it stood, since the machine may have been the cause; one without a finite score
        is begun anew, from other weights.
        """
        self._note_retry(number, anew)
        self.trials[number].metrics.metrics.clear()
        if anew:
            self.journal.forget(number)
        self.journal.add({"event": "retry", "number": number, "anew": anew})
        count = f"{self._retries[number]} of {self.oracle.max_retries_per_trial}"
        self.say(f"Trial {number} failed ({outcome.reason}); it is tried again, {count}.")

    def _note_retry(self, number: int, anew: bool) -> None:
        self._retries[number] = self._retries.get(number, 0) + 1
        self._restarts[number] = self._restarts.get(number, 0) + int(anew)

    # Outcomes

    def _raised(self, number: int, error: Exception) -> Outcome:
        """The outcome of a trial that raised; what concerns the whole search is raised again."""
        fatal = isinstance(error, (ObjectiveError, keras_tuner.errors.FatalError))
        if fatal or (isinstance(error, OSError) and error.errno in _DISK):
            raise error
        return self._failed(number, error)

    def _failed(self, number: int, error: BaseException) -> Outcome:
        if self._first_error is None:
            self._first_error = error
        write_text(self.journal.trial(number) / "error.txt", "".join(traceback.format_exception(error)))
        reason = f"{type(error).__name__}: {error}"
        return Outcome(status="failed", reason=reason, values=dict(self.trials[number].hyperparameters.values))

    def done(self, number: int, outcome: Outcome) -> None:
        """Keeps and tells the outcome of a trial; one that the time cut off stays open, to be gone on with.

        Args:
            number: Of the trial.
            outcome: How it went.
        """
        if outcome.status != "unfinished":
            # The outcome before the event: a kill between the two leaves a trial to be taken up, not one to be missed.
            write_json(self.journal.trial(number) / "outcome.json", outcome.as_dict())
            self.journal.add({"event": "end", "number": number, "score": outcome.score})
        self._tell(number, outcome)
        self.hooks.on_trial_end(self.trials[number])
        if self.line is not None:
            self.line.end_trial(outcome)
        self.say(announcing.ended(number, outcome, self.plan.objective.name))
        self._count(number)
        self._check_failures()
        self.journal.tidy(self._order()[: self.options.keep], also=self._needed())

    def _tell(self, number: int, outcome: Outcome) -> None:
        again = number in self.outcomes
        self.outcomes[number] = outcome
        if again:
            oracles.tell_again(self.trials[number], outcome)
        else:
            oracles.tell(self.oracle, self.trials[number], outcome)

    def _count(self, number: int) -> None:
        """What the end of a trial means for the search."""
        outcome, target = self.outcomes[number], self.plan.target
        self._ends[number] = self._ends.get(number, 0) + 1
        if outcome.status == "failed":
            self._failures.append(outcome.reason or "")
        reached = target is not None and outcome.score is not None and self.plan.sign * (outcome.score - target) <= 0
        if reached and not self._ended:
            self._ended = f"The target {target:g} was reached by trial {number}."

    def _needed(self) -> list[int]:
        """Trials whose state may still be gone on with."""
        continuing = isinstance(self.oracle, keras_tuner.oracles.HyperbandOracle)
        return list(self.trials) if continuing or self.options.first_epochs is not None else []

    def _check_failures(self) -> None:
        """Gives up when nothing but failures came first; a failure after a success is that trial's own."""
        many = len(self._failures) >= self.options.max_consecutive_failed_trials
        if many and len(self._failures) == len(self.outcomes):
            most = self.options.max_consecutive_failed_trials
            # KerasTuner's own words, which its users look for.
            self._give_up(self._failures[0], f" Number of consecutive failures exceeded the limit of {most}.")

    def _give_up(self, reason: str, why: str = "") -> None:
        kept = sorted(self.journal.folder.rglob("error.txt"))
        where = f" The whole message is in {kept[0]}." if kept else ""
        raise SearchFailedError(
            f"No trial of {len(self.outcomes)} could be completed; the first failed with "
            f"{reason.rstrip('.')}.{where}{why}"
        ) from self._first_error

    # The end

    def _order(self) -> list[int]:
        return best_first(self.outcomes, self.plan.sign)

    def _result(self, seconds: float) -> SearchResult:
        order = self._order()
        if not order and self.outcomes:
            self._give_up(next(iter(self.outcomes.values())).reason or "")
        if not order:
            raise SearchFailedError("No trial was run: the time was up, or the space is empty.")
        notes = [self._ended] if self._ended else []
        if self._exhausted:
            notes.append(f"The space is exhausted: it holds no more than {len(self.trials)} different trials.")
        for note in notes:
            self.say(note)
        return SearchResult(
            plan=self.plan,
            outcomes=dict(sorted(self.outcomes.items())),
            order=order,
            seconds=seconds,
            notes=tuple(notes),
            space=self.oracle.get_space(),
            folder=self.journal.folder,
            trial_folders={number: self.journal.trial(number) for number in self.outcomes},
        )
