"""Draws each trial of a search as one line over its settings to its score, as inline SVG."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..metrics.even_places import even_places
from .charts import is_wide
from .drawing import (
    ACCENT,
    GRID,
    INK,
    LEVEL_COLOURS,
    QUIET,
    SECOND,
    WIDTH,
    fitted_word,
    inline_svg,
    short,
    spelled,
    styled,
    tick,
)
from .words import Say, as_written

_MOST_LINES = 200
_MOST_AXES = 12
_MOST_WORDS = 8
# Letters that stand beside one another on a chart of this width.
_LETTERS = 46
# The widest axis that is linear where nobody says how its values were sampled.
_LINEAR_SPAN = 50.0
# Where what is absent stands, and where values begin beside it.
_ABSENT, _BESIDE = 0.0, 0.14
_NONE = "\N{EN DASH}"
# Told apart in dashes too, for whoever tells no colours apart.
_WAYS: dict[str, dict[str, Any]] = {
    "completed": {"color": QUIET, "linewidth": 0.9, "linestyle": "-"},
    "stopped": {"color": SECOND, "linewidth": 0.9, "linestyle": (0, (4, 2))},
    "unfinished": {"color": INK, "linewidth": 0.9, "linestyle": (0, (6, 2, 1, 2))},
    "failed": {"color": LEVEL_COLOURS["error"], "linewidth": 1.2, "linestyle": (0, (1, 1.5))},
}


@dataclass(frozen=True)
class _Scale:
    """One axis from 0 to 1: where its values stand, and what is written at it.

    Args:
        name: Above the axis.
        values: Of the trials, as given.
        places: Of the trials, in [0, 1].
        ticks: Places and words below the axis.
        logarithmic: Whether its numbers stand by their logarithm.
    """

    name: str
    values: Sequence[Any]
    places: np.ndarray
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False


def parallel_chart(
    columns: Mapping[str, Sequence[Any]],
    scores: Sequence[float | None],
    statuses: Sequence[str],
    objective: str,
    *,
    trials: Sequence[Any] = (),
    logarithmic: Sequence[str] | None = None,
    say: Say = as_written,
    name: str = "parallel",
) -> str:
    """Draws each trial as a line over its settings down to its score, the best bold: parallel coordinates.

    The axes lie one below the other, so that their names have room on a narrow page. A setting that a trial was not
    asked for, and the score of one that failed, stand at a dash beside the axis.

    Args:
        columns: Values by setting, one a trial; settings with one value are left out, of many the first twelve are
            drawn.
        scores: Of the trials, the best first.
        statuses: How each trial ended: `"completed"`, `"stopped"`, `"unfinished"` or `"failed"`, a reason may follow a
            colon. Of more than 200 trials some are drawn, evenly by rank.
        objective: Name of the score.
        trials: Their numbers, for the name of the best; its rank by default.
        logarithmic: Settings that were sampled by their logarithm; by default those that span a factor of fifty.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Returns:
        An `<svg>` element, or an empty text where the first trial has no score, or no setting differs.

    Example:

    >>> svg = parallel_chart({"units": [8, 16]}, [0.75, 0.5], ["completed", "stopped"], "val_accuracy")
    >>> "2 trials over units to val_accuracy; completed 1, stopped 1; the best, trial 1: units 8" in svg
    True
    """
    some = even_places(len(scores), _MOST_LINES)
    if not len(some) or not math.isfinite(_real(scores[0])):
        return ""
    scales = [
        _scale(key.replace("_", " "), [values[k] for k in some], None if logarithmic is None else key in logarithmic)
        for key, values in columns.items()
        if len({str(values[k]) for k in some}) > 1
    ][:_MOST_AXES]
    if not scales:
        return ""
    score = _score_scale(objective, [scores[k] for k in some])
    ways = [str(statuses[k]).split(":")[0] if k < len(statuses) else "completed" for k in some]
    best = trials[0] if trials else 1
    rows = [*scales, score]
    with styled():
        figure = Figure(figsize=(WIDTH, 0.62 * len(rows) + 0.6), layout="constrained")
        axes = figure.subplots()
        axes.set(xlim=(-0.01, 1.01), ylim=(len(rows) - 0.45, -0.45), xticks=[], yticks=[])
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row, scale in enumerate(rows):
            _draw_axis(axes, row, scale, say)
        _draw_lines(axes, np.array([scale.places for scale in rows]).T, ways)
        label = spelled(say("trial {trial}, the best").format(trial=best))
        figure.legend(handles=_legend(label, ways, say), loc="outside lower center", ncols=2, borderpad=0)
        return inline_svg(figure, name, _told(scales, score, ways, best, len(scores), say))


def _real(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _scale(name: str, values: Sequence[Any], sampled_so: bool | None) -> _Scale:
    """The axis of a setting: numbers from least to greatest, words side by side."""
    numbers = np.array([_real(value) for value in values])
    there = [value for value in values if value is not None]
    if np.isfinite(numbers).sum() != len(there):
        return _scale_of_words(name, values)
    found = numbers[np.isfinite(numbers)]
    wide = found.min() > 0 and (found.max() / found.min() >= _LINEAR_SPAN if sampled_so is None else sampled_so)
    return _scale_of_numbers(name, values, numbers, bool(wide))


def _score_scale(objective: str, scores: Sequence[Any]) -> _Scale:
    numbers = np.array([_real(score) for score in scores])
    # As in the chart of the curves: an accuracy has no decades.
    wide = objective.endswith("loss") and is_wide(numbers)
    return _scale_of_numbers(objective, scores, numbers, wide)


def _scale_of_numbers(name: str, values: Sequence[Any], numbers: np.ndarray, wide: bool) -> _Scale:
    there = np.isfinite(numbers)
    first = 0.0 if there.all() else _BESIDE
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.log(numbers) if wide else numbers
    low, high = at[there].min(), at[there].max()
    # Of one value alone, as of one score that is finite, the middle.
    shares = (at - low) / (high - low) if high > low else np.full(len(at), 0.5)
    places = np.where(there, first + (1 - first) * shares, _ABSENT)
    middle = (low + high) / 2
    ends = [(low, first), (middle, (1 + first) / 2), (high, 1.0)] if high > low else [(low, (1 + first) / 2)]
    ticks = [(place, f"{math.exp(value) if wide else value:.3g}") for value, place in ends]
    return _Scale(name, values, places, [*_tick_of_absent(there), *ticks], wide)


def _scale_of_words(name: str, values: Sequence[Any]) -> _Scale:
    there = np.array([value is not None for value in values])
    # Numbers among words in their own order, such as 8, 16 and "all".
    words = sorted({str(value) for value in values if value is not None}, key=lambda word: (len(word), word))
    first = 0.0 if there.all() else _BESIDE
    step = (1 - first) / len(words)
    # In the middle of its share, where its word has room to both sides.
    spots = {word: first + step * (place + 0.5) for place, word in enumerate(words)}
    places = np.array([_ABSENT if value is None else spots[str(value)] for value in values])
    most = max(3, _LETTERS // len(words) - 1)
    ticks = [(spot, fitted_word(word, most)) for word, spot in spots.items()] if len(words) <= _MOST_WORDS else []
    return _Scale(name, values, places, [*_tick_of_absent(there), *ticks])


def _tick_of_absent(there: np.ndarray) -> list[tuple[float, str]]:
    return [] if there.all() else [(_ABSENT, _NONE)]


def _draw_axis(axes: Axes, row: int, scale: _Scale, say: Say) -> None:
    """The axis with its name and the best trial's value above and its ticks below."""
    axes.plot([0, 1], [row, row], color=GRID, linewidth=1.5, zorder=1)
    # Lines pass behind the words, on the paper of the page.
    on_paper: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    words: dict[str, Any] = {"zorder": 5, "bbox": on_paper}
    name = short(scale.name)
    name = say("{name}, log scale").format(name=name) if scale.logarithmic else name
    axes.text(0, row - 0.12, name, ha="left", va="bottom", color=INK, **words)
    axes.text(1, row - 0.12, _shown(scale.values[0]), ha="right", va="bottom", color=ACCENT, fontweight="bold", **words)
    for place, word in scale.ticks:
        axes.plot([place, place], [row - 0.05, row + 0.05], color=QUIET, linewidth=1, zorder=2)
        side = "left" if place == 0 else "right" if place == 1 else "center"
        axes.text(place, row + 0.1, word, ha=side, va="top", color=QUIET, **words)


def _shown(value: Any) -> str:
    if value is None:
        return _NONE
    return tick(float(f"{value:.4g}")) if isinstance(value, float) else fitted_word(str(value), 14)


def _draw_lines(axes: Axes, places: np.ndarray, ways: Sequence[str]) -> None:
    rows = np.arange(places.shape[1])
    # Where there are many, each tells less than where they run together.
    alpha = float(np.clip(12 / len(places), 0.25, 0.8))
    for line, way in reversed(list(zip(places, ways, strict=True))[1:]):
        axes.plot(line, rows, alpha=alpha, zorder=3, **_WAYS.get(way, _WAYS["completed"]))
    axes.plot(places[0], rows, "-o", color=ACCENT, linewidth=2.6, markersize=5, zorder=4)


def _legend(best: str, ways: Sequence[str], say: Say) -> list[Line2D]:
    others = [way for way in _WAYS if way in ways[1:]]
    return [
        Line2D([], [], color=ACCENT, linewidth=2.6, marker="o", markersize=5, label=best),
        *(Line2D([], [], label=say(way), **_WAYS[way]) for way in others),
    ]


def _told(scales: Sequence[_Scale], score: _Scale, ways: Sequence[str], best: Any, count: int, say: Say) -> str:
    trials = say("{count} trials").format(count=f"{len(ways):,}")
    if len(ways) < count:
        trials = say("{some} of {count} trials").format(some=f"{len(ways):,}", count=f"{count:,}")
    ended = ", ".join(f"{say(way)} {number:,}" for way, number in Counter(ways).items())
    settings = ", ".join(scale.name for scale in scales)
    values = ", ".join(f"{scale.name} {_shown(scale.values[0])}" for scale in (*scales, score))
    words = say("{trials} over {settings} to {objective}; {ended}; the best, trial {best}: {values}")
    return words.format(trials=trials, settings=settings, objective=score.name, ended=ended, best=best, values=values)
