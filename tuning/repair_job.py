"""What `trainwise repair` does: a saved model and data in, the mended and trained model and its proof out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..toolkit.checks import seed_of, whole_number
from ..toolkit.diagnosis.wording import words
from ..toolkit.models.copying import restarted
from ..toolkit.models.first import described
from ..toolkit.report.page import as_json
from ..toolkit.report.parts import data_part, title_part, versions
from ..toolkit.runtime.files import beside, write_text
from ..toolkit.runtime.output_folders import opened
from ..toolkit.saving.loading import load_model
from .data_options import DataOptions
from .large_rows import drawn_alone
from .repairing import Repair, repair

# What a machine can do and a person can mean; above, a slip of the keyboard.
_MOST = {"epochs": 1_000_000, "batch_size": 2**31 - 1, "most_variants": 1_000}


class RepairJob:
    """A repair of a saved program on the rows of a data set; the test rows stay sealed.

    The model is taken as it was made and compiled, with new starting weights: what is mended is the program, not what
    it has learnt.

    Args:
        model: A compiled model with one input and one output, saved as `.keras`.
        data: A data set's name, a table of numbers, an .npz file or a folder of images.
        out: Folder for `repaired.keras` and `repair.json`.
        epochs: Epochs of the untouched program and of each variant, in [1, 1000000].
        batch_size: Rows of a batch, at least 1.
        most_variants: Variants to try, in [1, 1000].
        seed: Decides the splits, the starting weights and the batches.
        options: What is said of the data: `DataOptions`, or a mapping of what `trainwise.data.load` takes.
        command: The command line, for `repair.json`.

    Raises:
        OSError: A file is missing, or the folder cannot be written.
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, a model that cannot be loaded or is not compiled, or data of another form
            than it takes.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> folder = Path(tempfile.mkdtemp())
    >>> model.save(folder / "sound.keras")
    >>> RepairJob(folder / "sound.keras", "iris", folder, epochs=3, options={}).said()[:60]
    'repair: sound.keras on iris, rows of 4 numbers; at most 6 va'
    """

    def __init__(
        self,
        model: Path,
        data: str,
        out: Path,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        most_variants: int = 6,
        seed: int = 0,
        options: DataOptions | Mapping[str, Any],
        command: str = "",
    ) -> None:
        self.settings: dict[str, int] = {"epochs": epochs, "batch_size": batch_size, "most_variants": most_variants}
        for name, value in self.settings.items():
            whole_number(name, value, 1, _MOST[name])
        seed_of("seed", seed)
        self.file, self.seed, self.command = Path(model), seed, command
        self.model = load_model(self.file)
        if not getattr(self.model, "compiled", False):
            raise ValueError(f"{self.file} holds no loss and no optimizer: compile the model before it is saved.")
        if not getattr(self.model, "inputs", None) or len(self.model.inputs) != 1 or len(self.model.outputs) != 1:
            raise ValueError(f"{self.file} must be a Functional or Sequential model with one input and one output.")
        self.splits = DataOptions.of(options).load(data, seed)
        x = self.splits.train.x
        if not isinstance(x, np.ndarray):
            raise ValueError(f"A repair takes rows of numbers or images, and {self.splits.name} has columns.")
        wanted = tuple(self.model.inputs[0].shape[1:])
        if len(wanted) != x.ndim - 1 or any(a not in (None, b) for a, b in zip(wanted, x.shape[1:], strict=True)):
            raise ValueError(f"{self.file} takes rows of shape {wanted}, and {self.splits.name} has {x.shape[1:]}.")
        # After the data: what cannot be read leaves no folder behind.
        self.out = opened(out)

    def said(self) -> str:
        """What is about to be done, in a sentence, and in another from which rows where these are not all."""
        told = (
            f"repair: {self.file.name} on {self.splits.name}, {described(self.splits)[0]}; at most "
            f"{self.settings['most_variants']} variants, {self.settings['epochs']} epochs, "
            f"batches of {self.settings['batch_size']}"
        )
        return "\n".join(filter(None, [told, drawn_alone(self.splits)]))

    def run(self) -> tuple[Repair, dict[str, Any]]:
        """Repairs, and writes both files whole or not at all; returns the repair and what `repair.json` holds."""
        train, held = self.splits.train, self.splits.validation
        found = repair(
            lambda: restarted(self.model),
            train.x,
            train.y,
            validation_data=(held.x, held.y),
            seed=self.seed,
            **self.settings,
        )
        report = {
            **title_part(f"Repair of {self.file.name}", self.command),
            "seed": self.seed,
            "settings": self.settings,
            "data": data_part(self.splits, described(self.splits)[0]),
            "versions": versions(),
            "findings": [finding.as_dict() for finding in found.findings],
            "rows": found.rows,
            "metric": found.metric,
            "changes": [advice.as_dict() for advice in found.changes],
            "sentence": found.sentence,
        }
        with beside(self.out / "repaired.keras", ".keras") as draft:
            found.model.save(draft)
        write_text(self.out / "repair.json", as_json(report))
        return found, report


def repair_in_words(found: Repair, language: str = "en") -> str:
    """The findings, each variant in a line, and the proof.

    Args:
        found: What `repair` returned.
        language: Of the findings, `"en"` or `"ko"`.

    Example:

    >>> row = {"changes": "untouched", "learning_rate": 0.1, "score": 0.5, "loss": 0.7, "epochs": 5}
    >>> print(repair_in_words(Repair(None, (), [row], "accuracy", [], "No change was better.")))
      accuracy 0.5 at learning rate 0.1: untouched
    No change was better.
    """
    rows = [
        f"  {found.metric} {row['score']:.4g} at learning rate {row['learning_rate']:.3g}: {row['changes']}"
        for row in found.rows
    ]
    return "\n".join([*(words(finding, language) for finding in found.findings), *rows, found.sentence])
