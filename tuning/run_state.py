"""The state that a run leaves in its folder until it ends, so that it can go on after an interruption."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..toolkit.data import Opening, Splits
from ..toolkit.data.splits import fingerprint
from ..toolkit.runtime.files import read_json, write_json
from ..toolkit.runtime.own_folders import claim, discard, is_own
from .run_settings import Settings

_FOLDER = "trainwise-state"
# Says whose state it is; a state without it is none.
_RUN = "run.json"
_OPENINGS, _EVALUATION, _BESIDE = "openings.json", "evaluation.json", "beside.json"


def identity(settings: Settings, splits: Splits, keep_rows: bool) -> dict[str, Any]:
    """What two commands must have alike, so that the second may go on with what the first has done.

    The data alone do not tell: other splits of the same rows would have members measured on rows that they have learnt
    from, and a run that may keep no row must not publish those that another has kept.

    Args:
        settings: As given.
        splits: As read.
        keep_rows: Whether rows are kept beside the model and shown.

    Example:

    >>> from ..toolkit.data import load
    >>> first, second = (identity(Settings(), load("iris", seed=seed), True) for seed in (0, 1))
    >>> first["data"] == second["data"], first["split"] == second["split"]
    (True, False)
    """
    return {
        **asdict(settings),
        "task": splits.task,
        "keep_rows": keep_rows,
        "data": splits.fingerprint,
        "column kinds": [[column.name, column.kind] for column in splits.columns],
        "split": _hash_of(splits),
        # What the memory that is free decides the first time.
        "in_memory": splits.in_memory,
    }


def rows_held_before(out: Path) -> int | None:
    """How many rows an interrupted run held, where that was decided by the memory that was free then.

    Args:
        out: The folder of the run.

    Example:

    >>> rows_held_before(Path("nowhere")) is None
    True
    """
    folder = out / _FOLDER
    known = read_json(folder / _RUN) if is_own(folder) else None
    return known.get("in_memory") if known else None


def _hash_of(splits: Splits) -> str:
    """Of the rows of each split; those that neither trains nor validates test."""
    digest = hashlib.blake2b(digest_size=16)
    for rows in (splits.train, splits.validation):
        digest.update(fingerprint(rows.x, rows.y).encode())
    # Rows that are learnt from disk are parted from the held ones by seed and number.
    digest.update(str(splits.others and splits.others.count).encode())
    return digest.hexdigest()


class RunState:
    """The folder of a run that has not ended: whose it is, its members, and what was measured.

    Args:
        out: The folder of the run, which nobody else works in.
        wanted: What `identity` says of the run.
        resume: Whether to go on with a run that was interrupted there; else its state is removed.

    Attributes:
        folder: Where members keep their own state.
        is_new: Whether there was no run to go on with.
        openings: Looks at the test rows before the interruption.
        measured: The evaluation and the models beside it, where both were measured before the interruption.

    Raises:
        ValueError: The interrupted run was another one, its state is damaged, or somebody else keeps something there.

    Example:

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp())
    >>> state = RunState(out, {"seed": 0}, resume=False)
    >>> state.is_new, RunState(out, {"seed": 0}, resume=True).name == state.name
    (True, True)
    >>> RunState(out, {"seed": 1}, resume=True)
    Traceback (most recent call last):
    ...
    ValueError: The interrupted run in ... had another seed; use the same command, or leave out --resume ...
    """

    def __init__(self, out: Path, wanted: Mapping[str, Any], resume: bool) -> None:
        self.folder = out / _FOLDER
        known = read_json(self.folder / _RUN) if resume and is_own(self.folder) else None
        self.is_new = known is None
        if known is None:
            known = self._begun(wanted)
        changed = [name for name, value in wanted.items() if known.get(name) != value]
        if changed:
            raise ValueError(
                f"The interrupted run in {out} had another {', '.join(changed)}; use the same command, or "
                "leave out --resume to start afresh."
            )
        self.name = str(known["run"])
        # An opening stays one, also where the process that made it was killed.
        self.openings = [Opening(**one) for one in read_json(self.folder / _OPENINGS) or []]
        evaluation = read_json(self.folder / _EVALUATION)
        self.measured = None if evaluation is None else (evaluation, read_json(self.folder / _BESIDE) or {})

    def _begun(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        # A state left by another run, or half removed by a killed one, must not be taken for this one's.
        if is_own(self.folder):
            discard(self.folder, first=_RUN)
        claim(self.folder)
        known = {**wanted, "run": uuid.uuid4().hex}
        write_json(self.folder / _RUN, known)
        return known

    def note_openings(self, splits: Splits) -> None:
        """Writes down that the test rows were seen, before anything is measured on them.

        Args:
            splits: Of the run.
        """
        write_json(self.folder / _OPENINGS, [asdict(one) for one in splits.test.openings])

    def note_measured(self, evaluation: Mapping[str, Any], beside: Mapping[str, Any]) -> None:
        """Writes down what was measured, so that it is measured once.

        Args:
            evaluation: Of the run's models.
            beside: Of the models beside them.
        """
        write_json(self.folder / _BESIDE, beside)
        # Last of the two: what is there says that both were measured.
        write_json(self.folder / _EVALUATION, evaluation)

    def discard(self) -> None:
        """Removes the state of a run that has ended.

        Raises:
            OSError: It could not be removed.
        """
        discard(self.folder, first=_RUN)
