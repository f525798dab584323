"""What `trainwise compare` does: momenta or learning rates compared on the first model, numbers and a picture out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..toolkit.checks import number, seed_of, whole_number
from ..toolkit.models.first_sizes import fitting_batch_size
from ..toolkit.optimizers.default_rates import ladder
from ..toolkit.optimizers.memberwise import memberwise
from ..toolkit.optimizers.wrapping import known_optimizer
from ..toolkit.report.page import as_json
from ..toolkit.report.parts import data_part, title_part, versions
from ..toolkit.runtime.files import write_text, write_whole
from ..toolkit.runtime.output_folders import opened
from .comparing import Comparison, compare_momentum, compare_rates
from .data_options import DataOptions
from .encoded_rows import EncodedRows
from .large_rows import drawn_alone

# What a machine can do and a person can mean; above, a slip of the keyboard.
_MOST = {"seeds": 1_000, "epochs": 1_000_000, "batch_size": 2**31 - 1}
# A default ladder: a rate every half decade of the four that an optimizer is tried over.
_RATES = 9


class CompareJob:
    """A comparison of momenta or learning rates on the first model that a run would build for the data.

    Args:
        data: A data set's name, a table, an .npz file or a folder of images.
        out: Folder for `compare.json` and `compare.png`.
        momenta: Momentum constants of SGD, in [0, 1); without any, the rates of `optimizer` are compared.
        nesterov: Whether Nesterov's form of each momentum is tried beside the classical one.
        learning_rates: Rates, > 0; by default nine over four decades. Each momentum is judged at its best one.
        optimizer: Whose rates are compared, `"adam"` by default; with momenta there is SGD alone.
        seeds: Starting weights and orders of batches for each setting, in [1, 1000].
        epochs: Epochs of each run, in [1, 1000000].
        batch_size: Rows of a batch; by the number of rows by default.
        seed: Decides the splits.
        options: What is said of the data: `DataOptions`, or a mapping of what `trainwise.data.load` takes.
        command: The command line, for `compare.json`.

    Raises:
        OSError: A file is missing, or the folder cannot be written.
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, an optimizer that cannot train many rates side by side, or data that
            cannot be learnt from.

    Example:

    >>> import tempfile
    >>> job = CompareJob("iris", Path(tempfile.mkdtemp()), momenta=[0.0, 0.9], learning_rates=[0.1], options={})
    >>> job.said().partition("; ")[2]
    '2 momenta x 1 learning rate x 3 seeds = 6 runs, 10 epochs, batches of 8'
    """

    def __init__(
        self,
        data: str,
        out: Path,
        *,
        momenta: Sequence[float] = (),
        nesterov: bool = False,
        learning_rates: Sequence[float] = (),
        optimizer: str | None = None,
        seeds: int = 3,
        epochs: int = 10,
        batch_size: int | None = None,
        seed: int = 0,
        options: DataOptions | Mapping[str, Any],
        command: str = "",
    ) -> None:
        self.momenta = [number("momentum", one, 0, 1, open_high=True) for one in momenta]
        rates = [number("learning_rate", one, 0, np.inf, open_low=True, open_high=True) for one in learning_rates]
        for name, value in (("seeds", seeds), ("epochs", epochs), ("batch_size", batch_size)):
            if value is not None:
                whole_number(name, value, 1, _MOST[name])
        seed_of("seed", seed)
        if nesterov and not self.momenta:
            raise ValueError("`nesterov` is a form of momentum: give one or more with it, such as --momentum 0.9.")
        self.optimizer = ("sgd" if self.momenta else "adam") if optimizer is None else optimizer
        if self.momenta and self.optimizer.lower() != "sgd":
            raise ValueError(f"`momentum` belongs to SGD, and `optimizer` is {self.optimizer!r}; leave one out.")
        # Refused here, and not after the data were read.
        memberwise(known_optimizer("optimizer", self.optimizer), 1, learning_rate=[0.1])
        self.rates = rates or ladder(self.optimizer, _RATES)
        self.forms = [False, True] if nesterov else [False]
        self.seeds, self.epochs, self.command = seeds, epochs, command
        self.rows = EncodedRows(DataOptions.of(options).load(data, seed))
        self.batch_size = batch_size or fitting_batch_size(len(self.rows.splits.train), self.rows.are_images)
        # After the data: what cannot be read leaves no folder behind.
        self.out = opened(out)

    @property
    def settings(self) -> dict[str, Any]:
        """What is compared, and how long it trains."""
        momenta = {"momenta": self.momenta, "nesterov": self.forms} if self.momenta else {}
        return {
            "optimizer": self.optimizer.lower(),
            **momenta,
            "learning_rates": self.rates,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "architecture": self.rows.architecture,
        }

    def said(self) -> str:
        """What is about to be done, in a sentence, and in another from which rows where these are not all."""
        parts = [_counted(len(self.momenta), "momentum", "momenta")] if self.momenta else []
        parts += ["2 forms"] if len(self.forms) > 1 else []
        parts += [_counted(len(self.rates), "learning rate"), _counted(self.seeds, "seed")]
        runs = max(1, len(self.momenta)) * len(self.forms) * len(self.rates) * self.seeds
        budget = f"{_counted(runs, 'run')}, {_counted(self.epochs, 'epoch')}, batches of {self.batch_size}"
        unit = f"; {self.rows.unit}" if self.rows.unit else ""
        told = (
            f"compare: {self.rows.raw.name}, {self.rows.inputs}, {self.rows.architecture}, {self.optimizer}; "
            f"{' x '.join(parts)} = {budget}{unit}"
        )
        return "\n".join(filter(None, [told, drawn_alone(self.rows.raw)]))

    def run(self) -> tuple[Comparison, dict[str, Any]]:
        """Compares, and writes both files whole or not at all; returns the comparison and the content of its file."""
        train, held = self.rows.splits.train, self.rows.splits.validation
        arguments: dict[str, Any] = {
            "seeds": self.seeds,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "validation_data": (held.x, held.y),
            "loss_weights": self.rows.loss_weights,
            "verbose": 0,
        }
        build = self.rows.builder(train)
        if self.momenta:
            found = compare_momentum(
                build,
                train.x,
                train.y,
                momenta=self.momenta,
                nesterov=self.forms,
                learning_rate=self.rates,
                **arguments,
            )
        else:
            found = compare_rates(
                build, train.x, train.y, learning_rates=self.rates, optimizer=self.optimizer, **arguments
            )
        report = {
            **title_part(f"Comparison on {self.rows.raw.name}", self.command),
            "settings": self.settings,
            "data": data_part(self.rows.raw, self.rows.inputs),
            "versions": versions(),
            **found.as_dict(),
        }
        # The picture first: where it cannot be drawn there are no numbers of this run beside one of another.
        write_whole(self.out / "compare.png", lambda file: found.plot().savefig(file, format="png", dpi=120))
        write_text(self.out / "compare.json", as_json(report))
        return found, report


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"
