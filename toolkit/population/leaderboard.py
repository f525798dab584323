"""A table of members or trials, best first."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any


class Leaderboard(dict[str, list[Any]]):
    """A table of the members, the best first: one list for each column; printed as a table.

    Example:

    >>> print(Leaderboard({"member": [1, 0], "val_loss": [0.25, 0.5]}))
    member  val_loss
         1      0.25
         0       0.5
    """

    def __str__(self) -> str:
        cells = [[name, *(_shown(value) for value in values)] for name, values in self.items()]
        widths = [max(len(cell) for cell in column) for column in cells]
        lines = zip(*cells, strict=True)
        return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)

    def _repr_html_(self) -> str:
        def row(cells: Iterable[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

        rows = [row(map(_shown, values), "td") for values in zip(*self.values(), strict=True)]
        return f"<table>{row(self, 'th')}{''.join(rows)}</table>"

    def __rich__(self) -> Any:
        # Only rich calls this, and to import it here keeps it out of the start of everything else.
        from rich.table import Table

        table = Table()
        for name in self:
            table.add_column(name, justify="right")
        for row in zip(*self.values(), strict=True):
            table.add_row(*(_shown(value) for value in row))
        return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
