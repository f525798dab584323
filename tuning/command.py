"""What `trainwise search` does: data in, a search, the test split opened once, the best model exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..toolkit.checks import one_of
from ..toolkit.data import load
from ..toolkit.export import export
from ..toolkit.storing import write_json, write_whole
from .searching import search
from .spaces import CNN, MLP, RNN

_SPACES = {"mlp": MLP, "cnn": CNN, "rnn": RNN}


class SearchJob:
    """A search over the rows of a data set, by name or file.

    Args:
        data: A data set's name, a .csv of numbers or an .npz file.
        out: Folder for the trials, `leaderboard.csv`, `search.json`, `curves.svg` and the exported model.
        space: `"mlp"`, `"cnn"` or `"rnn"`.
        workers: Number of processes, as text, or `"ray"`.
        target: CSV column to predict, or `None` for the last.
        task: The task, or `None` to tell it from the targets.
        seed: Decides splits, proposals, starting weights and batches.
        verbose: Whether each trial is said.
        **settings: `oracle`, `objective`, `trials`, `epochs`, `time_budget`, as for `search`.

    Raises:
        ValueError: An unknown space, or workers that are no number.
    """

    def __init__(
        self, data: str, out: Path, *, space: str, workers: str, target: str | None, task: Any, seed: int,
        verbose: bool, **settings: Any,
    ) -> None:  # fmt: skip
        self.space = _SPACES[one_of("space", space, tuple(_SPACES))]
        if workers != "ray" and not workers.isdecimal():
            raise ValueError(f"`workers` must be a whole number or 'ray', got {workers!r}.")
        self.workers: Any = workers if workers == "ray" else int(workers)
        self.data, self.out, self.target, self.task = data, Path(out), target, task
        self.seed, self.verbose, self.settings = seed, verbose, settings

    def run(self) -> str:
        """Searches, evaluates the best model on the test rows once, and exports it; answers what to say.

        Raises:
            SearchFailedError: No trial could be completed.
            ValueError: Data of another form than the space takes.
        """
        splits = load(self.data, target=self.target, task=self.task, seed=self.seed)
        for part in (splits.train.x, splits.validation.x):
            if isinstance(part, dict):
                raise ValueError(
                    "A search takes columns of numbers; encode the columns of words, or use `trainwise run`."
                )
        made = self.space(task=splits.task)
        result = search(
            made, splits.train.x, splits.train.y, validation_data=(splits.validation.x, splits.validation.y),
            seed=self.seed, directory=self.out, project_name="trials", workers=self.workers,
            verbose=int(self.verbose), **self.settings,
        )  # fmt: skip
        test = splits.test.open("evaluation of the search's best model")
        measured = result.best_model.evaluate(test.x, test.y, verbose=0, return_dict=True)
        exported = export(
            result.best_model, self.out / "model", np.asarray(splits.validation.x), classes=splits.classes
        )
        result.to_csv(self.out / "leaderboard.csv")
        write_json(self.out / "search.json", {**result.as_dict(), "test": measured, "seed": self.seed})
        write_whole(self.out / "curves.svg", lambda file: result.plot().savefig(file, format="svg"))
        shown = ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
        return f"{result}\nOn the test rows: {shown}.\nThe best model is in {exported.path}."
