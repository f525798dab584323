"""A search summed up: its leaderboard, its words and its picture."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from ...toolkit.population import Leaderboard
from ...toolkit.report.parts import device
from ...toolkit.runtime.figures import BLUE, in_one_style, panels
from ...toolkit.runtime.files import write_text
from . import analysis
from .announcing import at_rate
from .plan import Record


def leaderboard(record: Record) -> Leaderboard:
    """The trials as a table, best first, the failed ones last: one list for each column.

    Args:
        record: The trials.
    """
    # A trial that failed is shown too: that it failed is what was found about it.
    failed = [number for number in record.outcomes if number not in record.order]
    numbers = [*record.order, *failed]
    shown = [record.outcomes[number] for number in numbers]
    board = Leaderboard(trial=numbers)
    board[record.plan.objective.name] = [math.nan if one.score is None else one.score for one in shown]
    if any(one.spread is not None for one in shown):
        board["spread"] = [one.spread for one in shown]
    # Settings before values: where members decide what a hyperparameter asked, the best member's counts.
    for part in ("settings", "values"):
        for name in dict.fromkeys(name for one in shown for name in getattr(one, part)):
            if name not in board:
                board[name] = [getattr(one, part).get(name) for one in shown]
    board["parameters"] = [one.parameters for one in shown]
    board["seconds"] = [round(one.seconds, 2) for one in shown]
    board["best_epoch"] = [one.best_epoch for one in shown]
    board["epochs"] = [one.epochs for one in shown]
    board["epochs_saved"] = [0 if one.status == "unfinished" else one.planned - one.epochs for one in shown]
    board["findings"] = [", ".join(finding["symptom"] for finding in one.findings) for one in shown]
    board["status"] = [one.status + (f": {one.reason}" if one.reason else "") for one in shown]
    return board


def write_csv(board: Leaderboard, path: str | Path) -> None:
    """Writes a table as a CSV file in UTF-8, whole or not at all.

    Args:
        board: One list for each column.
        path: Where to.

    Raises:
        OSError: The file cannot be written; an old one is then still there.
    """
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(board)
    writer.writerows(zip(*board.values(), strict=True))
    write_text(path, content.getvalue())


def sentence(record: Record) -> str:
    """The best trial in a sentence."""
    best = record.best
    return (
        f"Best: trial {record.order[0]}, {record.plan.objective.name} {record.best_score:.4g}{at_rate(best)} "
        f"after epoch {best.best_epoch}."
    )


def in_words(record: Record) -> str:
    """Leaderboard, best trial, and what stopping saved, in words."""
    saved = f"Stopping saved {analysis.epochs_saved(record):.0%} of the epochs."
    if len(record.order) > analysis.BASELINE.keep:  # of fewer trials the rule would have trained all
        base = analysis.baseline(record)
        saved += (
            f" One epoch for every trial and then the best three in full would have saved {base.saved:.0%} and "
            f"missed the best score by {base.regret:.4g}, as far as these curves go."
        )
    lines = [str(leaderboard(record)), sentence(record), saved]
    known = analysis.rank_correlation(record, epoch=1)
    if known is not None and len(record.order) >= analysis.FEWEST_FOR_IMPORTANCE:
        lines.append(f"Scores after one epoch rank the trials as the final ones do with correlation {known:.2f}.")
    return "\n".join([*lines, f"Run on {device(record.plan.precision)}.", *record.notes])


@in_one_style
def figure(record: Record) -> Any:
    """The objective of each trial after each epoch as a matplotlib Figure, the best one drawn bold."""
    drawn, (axes,) = panels(size=(8, 5))
    for number, outcome in record.outcomes.items():
        if not outcome.curve:
            continue
        style: dict[str, Any] = {"linewidth": 0.8, "color": "0.6", "linestyle": "-"}
        if number == record.order[0]:
            style = {"linewidth": 2.5, "color": BLUE, "linestyle": "-", "label": f"trial {number}", "zorder": 3}
        marker = "." if len(outcome.curve) == 1 else None  # a line needs two points
        axes.plot(range(1, len(outcome.curve) + 1), outcome.curve, marker=marker, **style)
    axes.set(xlabel="epoch", ylabel=record.plan.objective.name)
    axes.set_title(sentence(record), wrap=True)
    axes.legend()
    return drawn
