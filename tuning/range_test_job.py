"""What `trainwise range-test` does: data in, learning rates tried on the first model, a suggestion and picture out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..toolkit.checks import number, one_of, seed_of, whole_number
from ..toolkit.models.first_sizes import fitting_batch_size
from ..toolkit.optimizers.memberwise import memberwise
from ..toolkit.optimizers.wrapping import known_optimizer
from ..toolkit.population.range_test import METHODS, RangeResult, range_test
from ..toolkit.report.page import as_json
from ..toolkit.report.parts import data_part, title_part, versions
from ..toolkit.runtime.files import write_text, write_whole
from ..toolkit.runtime.output_folders import opened
from ..toolkit.runtime.randomness import preserved
from .data_options import DataOptions
from .encoded_rows import EncodedRows
from .large_rows import drawn_alone

# What a machine can do and a person can mean; above, a slip of the keyboard.
_MOST = {"rates": 10_000, "updates": 10**6, "batch_size": 2**31 - 1}
_FEWEST = {"rates": 2, "updates": 10, "batch_size": 1}


class RangeTestJob:
    """A range test of learning rates on the first model that a run would build for the data.

    Args:
        data: A data set's name, a table, an .npz file or a folder of images.
        out: Folder for `range_test.json` and `range_test.png`.
        lowest: Smallest rate, > 0.
        highest: Largest rate, above `lowest`.
        rates: Number of rates, evenly spaced in the logarithm, in [2, 10000].
        updates: Updates of each rate, in [10, 1000000].
        method: Rule of the suggestion: `"minimum"`, `"valley"`, `"steep"` or `"slide"`.
        optimizer: Keras optimizer, by name.
        batch_size: Rows of a batch; by the number of rows by default.
        seed: Decides the splits, the starting weights and the order of the rows.
        options: What is said of the data: `DataOptions`, or a mapping of what `trainwise.data.load` takes.
        command: The command line, for `range_test.json`.

    Raises:
        OSError: A file is missing, or the folder cannot be written.
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, an optimizer that cannot train many rates side by side, or data that
            cannot be learnt from.

    Example:

    >>> import tempfile
    >>> job = RangeTestJob("iris", Path(tempfile.mkdtemp()), rates=4, options={})
    >>> job.said()[:76]
    'range-test: iris, rows of 4 numbers, MLP 128-128, adam; 4 rates from 1e-05 t'
    """

    def __init__(
        self,
        data: str,
        out: Path,
        *,
        lowest: float = 1e-5,
        highest: float = 10.0,
        rates: int = 32,
        updates: int = 100,
        method: str = "minimum",
        optimizer: str = "adam",
        batch_size: int | None = None,
        seed: int = 0,
        options: DataOptions | Mapping[str, Any],
        command: str = "",
    ) -> None:
        number("lowest", lowest, 0, np.inf, open_low=True, open_high=True)
        number("highest", highest, lowest, np.inf, open_low=True, open_high=True)
        for name, value in (("rates", rates), ("updates", updates), ("batch_size", batch_size)):
            if value is not None:
                whole_number(name, value, _FEWEST[name], _MOST[name])
        one_of("method", method, METHODS)
        seed_of("seed", seed)
        # Refused here, and not after the data were read.
        memberwise(known_optimizer("optimizer", optimizer), 1, learning_rate=[lowest])
        self.tried: dict[str, Any] = {
            "lowest": lowest,
            "highest": highest,
            "rates": rates,
            "updates": updates,
            "method": method,
        }
        self.optimizer, self.seed, self.command = optimizer.lower(), seed, command
        self.rows = EncodedRows(DataOptions.of(options).load(data, seed))
        self.batch_size = batch_size or fitting_batch_size(len(self.rows.splits.train), self.rows.are_images)
        # After the data: what cannot be read leaves no folder behind.
        self.out = opened(out)

    def said(self) -> str:
        """What is about to be done, in a sentence, and in another from which rows where these are not all."""
        tried, unit = self.tried, f"; {self.rows.unit}" if self.rows.unit else ""
        told = (
            f"range-test: {self.rows.raw.name}, {self.rows.inputs}, {self.rows.architecture}, {self.optimizer}; "
            f"{tried['rates']} rates from {tried['lowest']:g} to {tried['highest']:g}, {tried['updates']} updates "
            f"each, batches of {self.batch_size}{unit}"
        )
        return "\n".join(filter(None, [told, drawn_alone(self.rows.raw)]))

    def run(self) -> tuple[RangeResult, dict[str, Any]]:
        """Tries the rates, and writes both files whole or not at all; returns the result and what its file holds."""
        train = self.rows.splits.train
        with preserved():
            keras.utils.set_random_seed(self.seed)
            model = self.rows.builder(train)()
            model.compile(self.optimizer, self.rows.head.loss, loss_weights=self.rows.loss_weights)
            found = range_test(model, train.x, train.y, batch_size=self.batch_size, seed=self.seed, **self.tried)
        report = {
            **title_part(f"Range test on {self.rows.raw.name}", self.command),
            "seed": self.seed,
            "settings": {
                **self.tried,
                "optimizer": self.optimizer,
                "batch_size": self.batch_size,
                "architecture": self.rows.architecture,
            },
            "data": data_part(self.rows.raw, self.rows.inputs),
            "versions": versions(),
            **found.as_dict(),
        }
        # The picture first: where it cannot be drawn there are no numbers of this test beside one of another.
        write_whole(self.out / "range_test.png", lambda file: found.plot().savefig(file, format="png", dpi=120))
        write_text(self.out / "range_test.json", as_json(report))
        return found, report


def range_in_words(found: RangeResult) -> str:
    """The suggestion, or why there is none, and the limit, in sentences.

    Args:
        found: What `range_test` returned.

    Example:

    >>> found = RangeResult((0.1, 1.0, 10.0), (0.5, 0.2, float("nan")), 1.0, "population", "minimum", None)
    >>> print(range_in_words(found))
    Begin with a learning rate of 1 (rule "minimum"); the loss was 1 before training.
    Training breaks down from a rate of 10 on.
    >>> print(range_in_words(RangeResult((0.1, 1.0), (0.5, 0.2), 1.0, "population", "minimum", None)).splitlines()[1])
    It is the highest rate that was tried: another --highest may lead to a better one.
    """
    if found.suggestion is None:
        return f"No learning rate is suggested: {found.reason}"
    begin = f'Begin with a learning rate of {found.suggestion:.2g} (rule "{found.method}")'
    told = [f"{begin}; the loss was {found.start:.4g} before training."]
    # The best of all that were tried need not be the best that there is.
    for end, rate in (("lowest", found.rates[0]), ("highest", found.rates[-1])):
        if found.suggestion == rate:
            told.append(f"It is the {end} rate that was tried: another --{end} may lead to a better one.")
    if found.limit is None:
        told.append(f"No rate up to {found.rates[-1]:.2g} breaks training down.")
    else:
        told.append(f"Training breaks down from a rate of {found.limit:.2g} on.")
    return "\n".join(told)
