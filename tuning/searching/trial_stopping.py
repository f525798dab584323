"""The race of the members of one training: who goes on after each epoch, which is best, and whether to end."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ...toolkit.diagnosis.run_reader import RunReader
from ...toolkit.stopping import in_epochs
from .plan import Logs, ObjectiveError, Plan, bad_last, best_of
from .trainables import fits_by_itself

# Symptoms that no further epoch cures; those that more epochs may cure are left to the rule that stops trials.
_HOPELESS = ("diverging", "non_finite", "not_learning")
_FEWEST_SETTINGS = 2
_KEPT = ("epoch", "curve", "reason", "ended_by_rule", "out_of_time", "concluded")
_BY_MEMBER = ("history", "objectives", "dropped", "bests")


class Race:
    """What the members of one training have reached; everything in it is plain numbers, and lower is better.

    It knows nothing of models and files: `Training` tells it what was logged and does what it decides.

    Args:
        plan: What is the same for all trials.
        settings: The settings, each of which `plan.executions` members have; empty for one ordinary model.
        members: The numbers of the members.
        readers: What reads each member's curves.
        epochs: Epochs of a whole training.
        last: Epoch to end at.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[dict[str, Any]],
        members: Sequence[int],
        readers: dict[int, RunReader],
        epochs: int,
        last: int,
    ) -> None:
        self.plan, self.settings, self.readers = plan, list(settings), readers
        self.epochs, self.last = epochs, last
        self.epoch = 0
        self.curve: list[float] = []
        self.reason: str | None = None
        self.ended_by_rule = False
        self.out_of_time = False
        self.concluded = False
        self.history: dict[int, dict[str, list[float | None]]] = {member: {} for member in members}
        self.objectives: dict[int, list[float]] = {member: [] for member in members}
        self.dropped: dict[int, str] = {}
        self.bests: dict[int, float] = {}

    def setting_of(self, member: int) -> int:
        """Which setting a member has."""
        return member // self.plan.executions if self.settings else 0

    def first_of(self, setting: int) -> int:
        """The first of the members that have a setting; its weights and its curves stand for the setting."""
        return setting * self.plan.executions if self.settings else 0

    def logs_at(self, member: int, epoch: int) -> Logs:
        """What a member logged in an epoch, from 0."""
        seen = {name: values[epoch] for name, values in self.history[member].items() if epoch < len(values)}
        return {name: value for name, value in seen.items() if value is not None}

    def line(self, epoch: int) -> dict[str, Any]:
        """An epoch, from 0, as it stands in the file of the curves."""
        members = [{"member": member, **logs} for member in self.history if (logs := self.logs_at(member, epoch))]
        return {"epoch": epoch + 1, self.plan.objective.name: self.plan.sign * self.curve[epoch], "members": members}

    def add(self, values: dict[int, Logs]) -> dict[int, int]:
        """Takes in an epoch: what each member logged.

        Args:
            values: Logs by member; of those that were dropped they count for nothing.

        Returns:
            Settings that have a new best epoch and may win, with the member whose weights are to be kept.

        Raises:
            ObjectiveError: The objective is not among the logs.
        """
        self.epoch += 1
        measured: dict[int, float] = {}
        going = [member for member in values if member not in self.dropped]
        for member in going:
            self._add_to_history(member, values[member])
            if "loss" in values[member]:  # a loop of the user's own may log something else
                self.readers[member].end_epoch(values[member])
            value = self._objective(values[member])
            if value is not None:
                measured[member] = value
            # An epoch without validation repeats the value before it, so that epochs and values stay side by side.
            earlier = self.objectives[member]
            earlier.append(value if value is not None else earlier[-1] if earlier else math.inf)
        self.curve.append(self._of_the_best_setting(going))
        self._drop_hopeless(measured)
        return self._new_bests(measured)

    @property
    def measured(self) -> bool:
        """Whether the objective was among what was logged."""
        return any(math.isfinite(value) for values in self.objectives.values() for value in values)

    def conclude(self, metrics: Logs) -> None:
        """Takes what a `fit` of the user's own has returned in place of what its epochs logged.

        Args:
            metrics: By name; the objective is among them.
        """
        value = self.plan.sign * float(self.plan.objective.get_value(metrics))
        if not self.measured:
            self.curve = [value]
        self.epoch = max(1, self.epoch)
        self.objectives[0] = [math.inf] * (self.epoch - 1) + [value]
        for name, found in metrics.items():
            before: list[float | None] = [None] * (self.epoch - 1)
            self.history[0][name] = [*self.history[0].get(name, before)[: self.epoch - 1], float(found)]

    def _add_to_history(self, member: int, logs: Logs) -> None:
        """One entry an epoch; `None` where it was not measured, as validation is with `validation_freq`."""
        history = self.history[member]
        for name in {**history, **logs}:  # in the order in which they were first seen, which the files keep
            before: list[float | None] = [None] * (self.epoch - 1)
            history.setdefault(name, before).append(logs.get(name))

    def _objective(self, logs: Logs) -> float | None:
        """The objective; `None` where it was not measured in this epoch."""
        objective = self.plan.objective
        try:
            return self.plan.sign * float(objective.get_value(logs))
        except KeyError:
            # A `fit` of the user's own may return it, and log something else or nothing.
            if self.plan.fit_arguments.get("validation_freq", 1) != 1 or fits_by_itself(self.plan.hypermodel):
                return None
            unseen = objective.name.startswith("val_") and self.plan.rows.validation is None
            cure = " Give `validation_data`: these rows cannot be split." if unseen else ""
            raise ObjectiveError(
                f"The objective {objective.name!r} is not among the logs, which hold {', '.join(sorted(logs))}.{cure}"
            ) from None

    def _of_the_best_setting(self, members: Sequence[int]) -> float:
        by_setting: dict[int, list[float]] = {}
        for member in members:
            by_setting.setdefault(self.setting_of(member), []).append(self.objectives[member][-1])
        return best_of([float(np.mean(values)) for values in by_setting.values()])

    def _new_bests(self, measured: dict[int, float]) -> dict[int, int]:
        better = {}
        for member, value in measured.items():
            setting = self.setting_of(member)
            if member == self.first_of(setting) and value < self.bests.get(setting, math.inf):
                self.bests[setting] = value
                better[setting] = member
        if self.judged_by_several:
            return better
        # Only the leader's weights can be wanted in the end: keeping those of all rates would double the memory.
        leader = min(self.bests, key=lambda s: (self.bests[s], s), default=None)
        return {setting: member for setting, member in better.items() if setting == leader}

    @property
    def judged_by_several(self) -> bool:
        """Whether which setting is best is known only when other trainings have been seen too."""
        return bool(self.settings) and (self.plan.executions > 1 or self.plan.folds is not None)

    # Who goes on

    def _drop_hopeless(self, measured: dict[int, float]) -> None:
        for member, reader in self.readers.items():
            if member in self.dropped:
                continue
            found = [f for f in reader.findings if f.symptom in _HOPELESS and f.level != "info"]
            if found:
                self.dropped[member] = found[0].symptom
            elif self.epoch > 1 and not math.isfinite(measured.get(member, 0.0)):
                self.dropped[member] = "non_finite"

    def drop(self, stopped: Collection[int]) -> None:
        """Leaves out members that stop early, and after 1, 2, 4, 8, ... epochs the worse half of the settings.

        Args:
            stopped: Members that EarlyStopping ends.
        """
        self.dropped.update({member: "early stopping" for member in stopped if member not in self.dropped})
        alive = [member for member in self.objectives if member not in self.dropped]
        power_of_two = not self.epoch & (self.epoch - 1)
        if not (self.plan.drop_losers and self.settings and power_of_two and self.epoch < self.last):
            return
        scores = {setting: self._mean_best(setting) for setting in sorted({self.setting_of(m) for m in alive})}
        if not math.isfinite(min(scores.values(), default=math.inf)):
            return  # nothing was measured yet, or nobody is left
        # Of 16 rates 8 go on after 1 epoch, 4 after 2, 2 after 4: each step spends about as much as the one before.
        kept = max(_FEWEST_SETTINGS, -(-len(self.settings) // (2 * self.epoch)))
        losers = sorted(scores, key=lambda setting: (scores[setting], setting))[kept:]
        self.dropped.update({member: "behind" for member in alive if self.setting_of(member) in losers})

    def _mean_best(self, setting: int) -> float:
        own = [values for member, values in self.objectives.items() if self.setting_of(member) == setting]
        return float(np.mean([best_of(values) for values in own]))

    # When to end

    def decide(self, peers: Sequence[Sequence[float]], halted: bool, late: bool) -> None:
        """Says in `reason` whether the training ends here, and why.

        Args:
            peers: Curves of the other trials.
            halted: Whether a callback of the user's ends `fit`.
            late: Whether the time is up.
        """
        plan, more = self.plan, self.epoch < self.last
        if more and all(member in self.dropped for member in self.objectives):
            causes = sorted(set(self.dropped.values()) - {"behind"}) or ["behind"]
            where = " at every rate" if self.settings else ""
            self.reason = f"{' and '.join(causes)}{where} after {in_epochs(self.epoch)}"
            self.ended_by_rule = causes != ["early stopping"]
        elif plan.target is not None and self._best_so_far() <= plan.sign * plan.target:
            self.reason = f"reached the target after {in_epochs(self.epoch)}"
        elif more and halted:
            self.end_by_callback()
        elif more and plan.stopper is not None and self.measured:
            self.reason = plan.stopper.reason(bad_last(self.curve), peers, self.epochs)
            self.ended_by_rule = self.reason is not None
        # Last, since a training that has come to its end counts as one, also when its time is up.
        if late and more and self.reason is None:
            self.reason, self.out_of_time = f"the time was up after {in_epochs(self.epoch)}", True

    def _best_so_far(self) -> float:
        return min(self._mean_best(setting) for setting in {self.setting_of(member) for member in self.objectives})

    def end_by_callback(self) -> None:
        """Says that a callback of the user's ended the training."""
        self.reason = f"ended by a callback after {in_epochs(self.epoch)}"

    # State

    def get_state(self) -> dict[str, Any]:
        """All of it as plain values, for a file."""
        return {
            **{name: getattr(self, name) for name in (*_KEPT, *_BY_MEMBER)},
            "readers": {member: reader.get_state() for member, reader in self.readers.items()},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned, also by way of JSON; a training that the time ended goes on.

        Args:
            state: From `get_state`.
        """
        for name in _KEPT:
            setattr(self, name, state.get(name, getattr(self, name)))  # states of before lack some
        for name in _BY_MEMBER:
            setattr(self, name, _by_number(state[name]))
        for member, seen in _by_number(state["readers"]).items():
            self.readers[member].set_state(seen)
        if self.out_of_time:
            self.reason, self.out_of_time = None, False


def _by_number(values: dict[Any, Any]) -> dict[int, Any]:
    """JSON knows no numbers as keys."""
    return {int(name): value for name, value in values.items()}
