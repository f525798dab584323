"""After the choice: members trained again on training and validation rows together, as long as was found best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from ..toolkit.data import Split, Splits
from .ensemble_training import Member, Plan, train_members


def joined(first: Split, second: Split) -> Split:
    """The rows of two splits as one.

    Example:

    >>> rows = Split({"a": np.array([1.0])}, np.array([0]))
    >>> joined(rows, rows).x["a"].tolist()
    [1.0, 1.0]
    """
    y = np.concatenate([first.y, second.y])
    if isinstance(first.x, dict) and isinstance(second.x, dict):
        return Split({name: np.concatenate([column, second.x[name]]) for name, column in first.x.items()}, y)
    return Split(np.concatenate([np.asarray(first.x), np.asarray(second.x)]), y)


def fitting_epochs(members: Sequence[Member]) -> int:
    """The mean of the members' best epochs, rounded, at least 1.

    Args:
        members: As trained before the choice.
    """
    return max(1, round(float(np.mean([one.best_epoch + 1 for one in members if one.best_epoch is not None] or [1]))))


def refit_members(
    build: Callable[[], keras.Model], splits: Splits, rows: Split, plan: Plan, epochs: int, directory: Path
) -> list[Member]:
    """Trains the members of a plan again on more rows, from the same starting seeds.

    Of the epochs the one of least loss on the validation rows is kept, which are learnt too by now: mostly the last.
    What the curves show is not told again, for no row is left that would tell of new ones.

    Args:
        build: Returns a new compiled model, fitted to these rows.
        splits: Of the run, whose validation rows are among the rows now.
        rows: Training and validation rows together.
        plan: How the members were trained.
        epochs: How long, at least 1.
        directory: Folder for the state.

    Reference: Goodfellow, Bengio and Courville 2016, "Deep Learning", algorithm 7.2.
    """
    whole = replace(plan, epochs=epochs, patience=epochs)
    return train_members(build, replace(splits, train=rows), whole, directory, lambda name, finding: None)
