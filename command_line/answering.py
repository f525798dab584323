"""What `trainwise predict` says of its answers as they come, and the JSON object that tells of them all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..toolkit.saving.predicting import Predicted


class Told:
    """Parts of answers that are told and counted as they pass, each note once.

    Args:
        parts: What `predict_parts` gives.
        silent: Whether nothing is said on the error stream.

    Attributes:
        columns: Names of the answers' columns.
        rows: How many answers have passed.
        notes: What is to be said of them, each sentence once.

    Example:

    >>> from ..toolkit.saving.predicting import Predicted
    >>> told = Told([Predicted(["t"], [["2"], ["3"]], ["Row 2 has a gap."])], silent=True)
    >>> _ = list(told)
    >>> told.columns, told.rows, told.notes
    (['t'], 2, ['Row 2 has a gap.'])
    """

    def __init__(self, parts: Iterable[Predicted], silent: bool) -> None:
        self._parts, self._silent = parts, silent
        self.columns: list[str] = []
        self.rows = 0
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Predicted]:
        for part in self._parts:
            self.columns = part.names
            self.rows += len(part.rows)
            for note in dict.fromkeys(part.notes):
                if note not in self.notes:
                    self._say(note)
            yield part

    def _say(self, note: str) -> None:
        self.notes.append(note)
        if not self._silent:
            print(f"trainwise: {note}", file=sys.stderr)

    def as_dict(self) -> dict[str, Any]:
        """What is told of all the answers, once they have passed."""
        return {"rows": self.rows, "columns": self.columns, "notes": self.notes}
