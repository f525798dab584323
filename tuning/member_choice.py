"""Which members vote and which model is exported, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np

from ..toolkit.ensembles import select_members, vote
from ..toolkit.metrics.balanced_weights import balanced_rows
from ..toolkit.models.batch_answers import batch_answers
from ..toolkit.models.columns_in import model_inputs
from ..toolkit.tasks import Task
from .ensemble_training import Member
from .open_run import OpenRun

_VOTE = "soft vote"
# Rows that a model answers at once: as many as pay, few enough for wide images.
_ROWS_TO_ANSWER = 256


@dataclass(frozen=True)
class Choice:
    """What was chosen of the members.

    Args:
        weights: Of each member in the vote; 0 of those left out.
        best: Place of the member that does best alone.

    Example:

    >>> Choice(np.array([0.0, 1.0]), best=1).is_alone, Choice(np.array([0.25, 0.75]), best=1).is_alone
    (True, False)
    """

    weights: np.ndarray
    best: int

    @property
    def is_alone(self) -> bool:
        """Whether one member does better alone than with any other."""
        return int(np.sum(self.weights > 0)) == 1

    def winner(self, members: Sequence[Member]) -> str:
        """Name of the model to be exported."""
        return self._best_name(members) if self.is_alone else _VOTE

    def models(self, members: Sequence[Member], task: Task) -> dict[str, keras.Model]:
        """The best member and the votes by name.

        Args:
            members: Those that were chosen from, or the same trained again.
            task: Quantities have no majority, and so no hard vote.
        """
        # Where one member does better alone, all of them vote, so that there is a vote to compare it with.
        shares = np.full(len(members), 1 / len(members)) if self.is_alone else self.weights
        voters = [(member.model, float(share)) for member, share in zip(members, shares, strict=True) if share > 0]
        voting, kept = [model for model, _ in voters], [share for _, share in voters]
        models = {self._best_name(members): members[self.best].model, _VOTE: vote(voting, "soft", kept)}
        return models if task == "regression" else {**models, "hard vote": vote(voting, "hard", kept)}

    def said(self, members: Sequence[Member]) -> str:
        """The choice in one line."""
        heaviest_first = sorted(np.flatnonzero(self.weights > 0).tolist(), key=lambda k: (-self.weights[k], k))
        chosen = ", ".join(f"{members[k].name} x {self.weights[k]:.2f}" for k in heaviest_first)
        compared = f"; all {len(members)} members vote for comparison" if self.is_alone else ""
        return f"vote: {chosen} chosen on validation rows{compared}; to be exported: {self.winner(members)}"

    def _best_name(self, members: Sequence[Member]) -> str:
        return f"{members[self.best].name} (best on validation)"


def choose(run: OpenRun, members: Sequence[Member]) -> Choice:
    """Chooses members on validation rows alone.

    Args:
        run: The run.
        members: As trained.

    Raises:
        ArithmeticError: A member outputs NaN.
    """
    validation = run.rows.splits.validation
    values, y = np.array([answers(member.model, validation.x) for member in members]), validation.y
    if not np.all(np.isfinite(values)):
        raise ArithmeticError(
            "Training broke down: a member outputs NaN. See the findings above, and change that first."
        )
    if run.settings.balanced:
        at = balanced_rows(y)
        values, y = values[:, at], y[at]
    metric: Literal["mse", "nll"] = "mse" if run.task == "regression" else "nll"
    select = partial(select_members, values, y, metric=metric, seed=run.settings.seed, rows=run.rows.raw.validation)
    # One greedy step is the best single member by the same measure.
    return Choice(select().weights, select(size=1).members[0])


def answers(model: keras.Model, x: Any) -> np.ndarray:
    """What a model answers, as scores take it: `(rows,)` where it has one output.

    Args:
        model: The model.
        x: Its inputs.
    """
    values = np.asarray(batch_answers(model, model_inputs(x), _ROWS_TO_ANSWER))
    return values[:, 0] if values.shape[1] == 1 else values
