"""A published version proved again: its files by their sums, its answers by the rows kept beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import path_of
from ..runtime.files import DamagedFileError, read_json
from .card import CARD
from .checksums import changed_files, sums_of
from .exporting import PROOF
from .formats import run_again
from .isolation import FreshProcess
from .kept_rows import read_rows
from .numbering import latest_version
from .outward_operations import refuse_outward
from .ports import Port, Ports
from .proving import MOST_ROWS, Arrays, compared
from .refusals import ExportRefusedError, NotProvedError
from .tracing import DEFAULT


@dataclass(frozen=True)
class Verification:
    """What was proved again.

    Args:
        path: Folder of the version.
        files: Files whose SHA-256 is as it was.
        rows: Rows asked.
        max_difference: Largest `|now - then| / max(1, |then|)` over all outputs of the rows kept.
        tolerance: What it had to stay within.
        tensorflow: Version that answered now.
        exported_with: Version that it was exported with.
        proof: What was shown, a sentence each.
    """

    path: Path
    files: int
    rows: int
    max_difference: float
    tolerance: float
    tensorflow: str
    exported_with: str
    proof: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path} is proved again. " + " ".join(self.proof)


def verify(path: str | Path, x: Any = None, *, trust: bool = False) -> Verification:
    """Proves a published version again, as on another machine or with another TensorFlow.

    Each file must have the SHA-256 that it was published with; a fresh process with TensorFlow alone must answer
    the rows kept beside the model as the model itself had. The sums tell of damage and of changes by hand; they
    are no signature, which somebody who changes the model with all its papers could not forge.

    Args:
        path: A version, or the folder of versions, of which the latest is taken.
        x: Further rows, at most 32 are used: an array, or a dictionary by the names of the signature. They are
            answered twice, together and one by one, and all must agree; there is no model to compare them with.
        trust: Whether to run a model whose operations touch files, the network or Python.

    Returns:
        The `Verification`.

    Raises:
        FileNotFoundError: There is no such version.
        NotProvedError: A file has changed, which is named, or an answer differs.
        ValueError: It was not written by `tw.export`, holds operations that need trust, or keeps no rows and
            none are given; `x` does not fit.

    Example:

    >>> import keras
    >>> from .exporting import export
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> folder = tempfile.mkdtemp()
    >>> report = export(model, folder)
    >>> verify(folder).max_difference <= 1e-5
    True
    """
    folder = latest_version(path_of("path", path))
    changed = changed_files(folder)
    if changed:
        raise NotProvedError(f"{folder} is not as it was published: {'; '.join(changed[:5])}.")
    refuse_outward(folder, trust)
    card, proof = _papers(folder)
    kept = read_rows(folder)
    if kept is None and x is None:
        raise ValueError(f"{folder} keeps no rows (`keep_rows=False`): give `x`, rows to ask it for.")
    given = None if x is None else _ports(card).columns(_by_name(x, card), MOST_ROWS)
    columns, expected = kept if kept is not None else ({}, {})
    sets = [*([columns] if kept is not None else []), *([given] if given is not None else [])]
    with tempfile.TemporaryDirectory(prefix="trainwise-verify-") as work, FreshProcess(Path(work)) as process:
        try:
            answers = process.answers(folder, sets)
            difference = compared(expected, [], answers, proof["tolerance"]) if kept is not None else 0.0
            further = _formats(proof, folder, Path(work), columns, expected) if kept is not None else []
            if given is not None:
                difference = max(difference, _agreement(answers, len(sets) - 1, proof["tolerance"]))
        except ExportRefusedError as error:
            raise NotProvedError(
                str(error).replace("The export was refused:", f"{folder} does not answer as it did:")
            ) from None
    made_with = str(card.get("versions", {}).get("tensorflow", "unknown"))
    run_with = str(answers["version"])
    rows = sum(len(next(iter(one.values()))) for one in sets)
    count = len(sums_of(folder))
    return Verification(
        folder,
        count,
        rows,
        difference,
        proof["tolerance"],
        run_with,
        made_with,
        (
            f"All {count} files have the SHA-256 that they were published with.",
            f"Exported with TensorFlow {made_with}, a fresh process with {run_with} answered {rows} rows, "
            "twice and one by one.",
            f"The largest difference is {difference:.1e}; {proof['tolerance']:.0e} x max(1, |answer|) is allowed.",
            *further,
        ),
    )


def _formats(
    proof: Mapping[str, Any], folder: Path, work: Path, columns: Arrays, expected: Mapping[str, Arrays]
) -> list[str]:
    formats = proof.get("formats") or {}
    return [run_again(name, formats[name], folder, work, columns, expected[DEFAULT]) for name in formats]


def _papers(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        card, proof = read_json(folder / CARD), read_json(folder / PROOF)
    except DamagedFileError as error:
        raise ValueError(str(error)) from None
    good = isinstance(card, dict) and isinstance(card.get("inputs"), list)
    if not good or not isinstance(proof, dict) or not isinstance(proof.get("tolerance"), float):
        raise ValueError(f"{folder} lacks {CARD} or {PROOF}, or they are damaged: it was not written by `tw.export`.")
    return card, proof


def _ports(card: Mapping[str, Any]) -> Ports:
    inputs = tuple(
        Port(str(one["name"]), str(one["name"]), str(one["dtype"]), tuple(one["shape"]), str(one["dtype"]))
        for one in card["inputs"]
    )
    return Ports({port.name: port.name for port in inputs}, inputs)


def _by_name(x: Any, card: Mapping[str, Any]) -> Any:
    inputs = [str(one["name"]) for one in card["inputs"]]
    return {inputs[0]: x} if len(inputs) == 1 and not isinstance(x, Mapping) else x


def _agreement(answers: Mapping[str, np.ndarray], number: int, tolerance: float) -> float:
    """How far the answers to further rows lie apart, where they are asked in different ways."""
    prefix = f"{number}/{DEFAULT}/together/"
    first: Arrays = {name.removeprefix(prefix): array for name, array in answers.items() if name.startswith(prefix)}
    moved = {f"0/{name.partition('/')[2]}": array for name, array in answers.items() if name.startswith(f"{number}/")}
    return compared({DEFAULT: first}, [], moved, tolerance)
