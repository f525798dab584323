"""What `trainwise search` does: data in, a search, the test split opened once, the best model exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...toolkit.checks import one_of, whole_number
from ...toolkit.data import Split
from ...toolkit.data.splits import take
from ...toolkit.data.tokens import are_tokens
from ...toolkit.diagnosis.wording import LANGUAGES
from ...toolkit.ensembles import vote
from ...toolkit.ensembles.evaluation import Answers, evaluate
from ...toolkit.models.batch_answers import batch_answers
from ...toolkit.models.columns_in import model_inputs
from ...toolkit.models.first import described
from ...toolkit.models.table_encoder import TableEncoder
from ...toolkit.report.answers import AnsweredRows, answers_part
from ...toolkit.report.inputs import inputs_part
from ...toolkit.report.page import write
from ...toolkit.report.parts import data_part, export_part, scores_part
from ...toolkit.runtime.output_folders import opened
from ...toolkit.runtime.own_folders import held_alone
from ...toolkit.saving.exporting import export
from ...toolkit.saving.model_schema import schema_part
from ..data_options import DataOptions
from ..large_rows import drawn_alone
from ..spaces import CNN, MLP, RNN
from .tuner import search

_SPACES = {"mlp": MLP, "cnn": CNN, "rnn": RNN}
_VOTERS = 3
# What a machine can do and a person can mean; above, a slip of the keyboard.
_MOST = {"trials": 1_000_000, "epochs": 1_000_000, "batch_size": 2**31 - 1}
_MOST_WORKERS = 1_000


class SearchJob:
    """A search over the rows of a data set, by name or file.

    Args:
        data: A data set's name, a table or an .npz file.
        out: Folder for the trials, `report.html`, `report.json`, `leaderboard.csv` and the exported model.
        space: `"mlp"`, `"cnn"` or `"rnn"`.
        workers: Number of processes, as text, or `"ray"`.
        options: What is said of the data: `DataOptions`, or a mapping of what `trainwise.data.load` takes.
        seed: Decides splits, proposals, starting weights and batches.
        verbose: Whether each trial is said.
        command: The command line, for the report.
        language: Of the page, `"en"` or `"ko"`.
        **settings: `oracle`, `objective`, `trials`, `epochs`, `batch_size`, `stopper`, `time_budget`, `precision`,
            `jit_compile`, `overwrite`, as for `search`.

    Attributes:
        report: The values of `report.json`, once the search has run.

    Raises:
        OSError: A file is missing, or the folder cannot be written.
        ValueError: An unknown space, workers that are no number, or data of another form than the space takes.
    """

    def __init__(
        self,
        data: str,
        out: Path,
        *,
        space: str,
        workers: str,
        options: DataOptions | Mapping[str, Any],
        seed: int,
        verbose: bool,
        command: str = "",
        language: str = "en",
        **settings: Any,
    ) -> None:
        self.space = _SPACES[one_of("space", space, tuple(_SPACES))]
        if workers != "ray" and not (workers.isdecimal() and workers.isascii()):
            raise ValueError(f"`workers` must be a whole number or 'ray', got {workers!r}.")
        self.workers: Any = workers if workers == "ray" else whole_number("workers", int(workers), 1, _MOST_WORKERS)
        whole_number("seed", seed, 0, 2**32 - 1)
        for name, most in _MOST.items():
            if name in settings:
                whole_number(name, settings[name], 1, most)
        self.language = one_of("language", language, LANGUAGES)
        self.report: dict[str, Any] = {}
        self.seed, self.verbose, self.command, self.settings = seed, verbose, command, settings
        self.raw = DataOptions.of(options).load(data, seed)
        if are_tokens(self.raw.train.x) and self.space is not RNN:
            raise ValueError(f"Token ids are read by a recurrent network: give `space` 'rnn', got {space!r}.")
        # Numbers without gaps are searched as they are, other columns as features, encoded once.
        plain = isinstance(self.raw.train.x, np.ndarray) and np.all(np.isfinite(self.raw.train.x))
        self.encoder = None if plain or not self.raw.columns else TableEncoder(self.raw.columns, self.raw.train.x)
        train, validation = self._encoded(self.raw.train), self._encoded(self.raw.validation)
        self.splits = replace(self.raw, train=train, validation=validation)
        # After the data: what cannot be read leaves no folder behind.
        self.out = opened(out)

    def _encoded(self, rows: Split) -> Split:
        return rows if self.encoder is None else Split(self.encoder.encode(rows.x), rows.y)

    def run(self) -> str:
        """Searches, evaluates the best model on the test rows once, and exports it; returns what to say.

        Raises:
            SearchFailedError: No trial could be completed.
            ValueError: Another run is at work in the folder.
        """
        with held_alone(self.out):
            return self._searched(self.splits)

    def _searched(self, splits: Any) -> str:
        # The task was told or found when the data were read; found anew from the training rows it might be another.
        made = self.space(task=splits.task)
        if self.verbose and splits.others is not None:
            print(drawn_alone(splits), flush=True)
        result = search(
            made,
            splits.train.x,
            splits.train.y,
            validation_data=(splits.validation.x, splits.validation.y),
            seed=self.seed,
            directory=self.out,
            project_name="trials",
            workers=self.workers,
            verbose=int(self.verbose),
            **self.settings,
        )
        # Measured before it is exported: where this fails, nothing is published.
        evaluation = self._measured(result, splits)
        schema = schema_part(self.raw)
        if self.encoder is None:
            # Without the encoding gaps are no numbers that the model takes.
            schema.pop("forms", None)
        exported = export(
            result.best_model if self.encoder is None else self.encoder.before(result.best_model),
            self.out / "model",
            model_inputs(take(self.raw.validation.x, slice(0, 32))),
            splits.classes,
            schema,
            card={
                "task": splits.task,
                "seed": self.seed,
                "data": {"name": splits.name, "target": splits.target, "fingerprint": splits.fingerprint},
                "scores": scores_part(evaluation),
                "settings": {**result.best_hyperparameters.values, **result.best_settings},
            },
        )
        result.to_csv(self.out / "leaderboard.csv")
        inputs, _ = described(self.raw)
        self.report = {
            **result.as_report(f"Search on {splits.name}"),
            "command": self.command,
            "answers": evaluation.pop("answers"),
            "inputs": inputs_part(self.raw),
            "evaluation": evaluation,
            "data": data_part(self.raw, inputs),
            "export": export_part(exported, self.out),
        }
        page, _ = write(self.report, self.out, self.language)
        told = [
            f"{one['name']}: {evaluation['metric']} {one['value']:.4g}, {evaluation['interval']} "
            f"{one['low']:.4g} to {one['high']:.4g}."
            for one in evaluation["results"]
        ]
        return "\n".join(
            [
                result.summary(),
                "On the test rows:",
                *told,
                evaluation.get("sentence", ""),
                f"The best model is in {exported.path}, the report in {page}.",
            ]
        )

    def _measured(self, result: Any, splits: Any) -> dict[str, Any]:
        """The best model, and the soft vote of the best few beside it, on the test rows, opened once."""
        models = {"best of the search": result.best_model}
        few = result.models(_VOTERS)
        if len(few) > 1:  # of one model a vote is that model
            models[f"soft vote of the best {len(few)}"] = vote(few)
        raw = splits.test.open("evaluation of the search's best model")
        test = self._encoded(raw)
        answers = [Answers(name, _values(model, test.x)) for name, model in models.items()]
        found = evaluate(answers, test.y, splits.task, "best of the search", self.seed)
        held = splits.validation
        on_held = _values(result.best_model, held.x)
        rows = AnsweredRows(answers[0].values, test.y, raw.x)
        found["answers"] = answers_part(splits.task, rows, AnsweredRows(on_held, held.y), self.raw.features)
        return found


def _values(model: Any, x: Any) -> np.ndarray:
    # One column is the probability of the second class, or a quantity; `evaluate` takes it as a vector.
    values = np.asarray(batch_answers(model, x))
    return values[:, 0] if values.shape[1] == 1 else values
