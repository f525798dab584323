"""The training of a run: the first check, its members, and the same members again with the validation rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from rich.console import Console

from ..callbacks.progress import Progress
from ..toolkit.data import Split
from ..toolkit.diagnosis.findings import Finding
from ..toolkit.metrics.balanced_weights import balanced_weights
from ..toolkit.preflight import check
from .ensemble_training import Member, Plan, train_members
from .open_run import OpenRun
from .refitting import fitting_epochs, joined, refit_members
from .run_settings import fitted


@dataclass(frozen=True)
class Training:
    """Trains the members of a run.

    Args:
        run: The run.
        console: Where to show the progress of each epoch; nowhere by default.
    """

    run: OpenRun
    console: Console | None = None

    def checked(self) -> list[Finding]:
        """What is wrong with data and model before any training."""
        train, validation = self.run.rows.splits.train, self.run.rows.splits.validation
        # A model of its own, since each member is built from its own seed.
        findings = check(self._builder(train)(), train.x, train.y, (validation.x, validation.y))
        self.run.say(f"check: {'nothing wrong' if not findings else f'{len(findings)} finding(s)'}")
        for finding in findings:
            self.run.say(f"  {finding}")
        return findings

    def trained(self) -> list[Member]:
        """The members, each with the weights of its best epoch."""
        run, plan, splits = self.run, self._plan(self.run.rows.splits.train), self.run.rows.splits
        run.say(
            f"train: {len(plan.seeds)} members side by side, {run.rows.architecture}, at most {plan.epochs} epochs, "
            f"batches of {plan.batch_size}, Adam at {fitted(run.settings.learning_rate):.2g}, seed {plan.seeds[0]}"
        )
        progress = Progress("  mean of the members", self.console) if self.console else None

        def report(name: str, finding: Finding) -> None:
            run.say(f"  {name}: {finding}")
            if progress:
                progress.tell(finding)

        try:
            members = train_members(self._builder(splits.train), splits, plan, run.state.folder, report, progress)
        finally:
            # An interrupt must leave the terminal as it was.
            if progress:
                progress.stop()
        for member in members:
            best = "none" if member.best_epoch is None else str(member.best_epoch + 1)
            run.say(f"  {member.name}: seed {member.seed}, best epoch {best}, {_last_line(member)}")
        return members

    def refitted(self, members: list[Member]) -> list[Member]:
        """The same members, which have learnt from the validation rows too.

        Args:
            members: As trained on the training rows.
        """
        rows, validation = self.run.rows, self.run.rows.splits.validation
        together, epochs = joined(rows.splits.train, validation), fitting_epochs(members)
        if rows.on_disk is not None:
            rows.on_disk.add(np.asarray(validation.x), validation.y)
        self.run.say(
            f"refit: {rows.training_rows + len(validation)} training and validation rows together, {epochs} epochs, "
            "the same members chosen"
        )
        build, folder = self._builder(together), self.run.state.folder / "refit"
        return refit_members(build, rows.splits, together, self._plan(together), epochs, folder)

    def _plan(self, held: Split) -> Plan:
        settings = self.run.settings
        # One seed for all would give equal members.
        seeds = [settings.seed + k for k in range(settings.members)]
        weights = balanced_weights(held.y) if settings.balanced else None
        batch_size = fitted(settings.batch_size)
        return Plan(seeds, settings.epochs, settings.patience, batch_size, weights, self.run.rows.on_disk)

    def _builder(self, held: Split) -> Callable[[], keras.Model]:
        return self.run.rows.builder(held, fitted(self.run.settings.learning_rate), self.run.augmentation)


def _last_line(member: Member) -> str:
    if member.best_epoch is None:
        return "no finite validation loss"
    return ", ".join(
        f"{name} {values[member.best_epoch]:.4f}" for name, values in member.history.items() if name.startswith("val_")
    )
