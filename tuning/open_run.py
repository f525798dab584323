"""A run under way: what each of its steps needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..toolkit.tasks import Task
from .encoded_rows import EncodedRows
from .run_settings import Settings
from .run_state import RunState


@dataclass(frozen=True)
class OpenRun:
    """A run that has read its data, and that alone works in its folder.

    Args:
        rows: What it learns from.
        settings: Fitted to these rows.
        out: Its folder.
        state: What it can go on from.
        keep_rows: Whether rows may be kept beside the model, and shown.
        say: Takes each line about a step.

    Example:

    >>> import tempfile
    >>> from ..toolkit.data import load
    >>> out = Path(tempfile.mkdtemp())
    >>> run = OpenRun(EncodedRows(load("iris")), Settings(), out, RunState(out, {}, resume=False), True, print)
    >>> run.task, run.augmentation
    ('multiclass', 'none')
    """

    rows: EncodedRows
    settings: Settings
    out: Path
    state: RunState
    keep_rows: bool
    say: Callable[[str], None]

    @property
    def augmentation(self) -> str:
        """How images are changed in training: what fits them, where nothing else was asked for."""
        asked = self.settings.augmentation
        return self.rows.augmentation if asked == "auto" else asked

    @property
    def task(self) -> Task:
        """What the targets ask for."""
        return self.rows.head.task
