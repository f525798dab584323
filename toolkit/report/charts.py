"""Draws the charts of a report as inline SVG: results with their intervals, curves of a member, trials of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..metrics.even_places import even_places
from .drawing import ACCENT, INK, LEVEL_COLOURS, QUIET, SECOND, WIDTH, inline_svg, short, spelled, styled, tick
from .thinning import MOST_POINTS
from .words import Say, as_written

# Two decades: below that a linear axis still shows the end of a curve.
LOG_SPAN = 100.0
# Beyond these, the margins of a logarithmic axis overflow.
LEAST, GREATEST = 1e-100, 1e100
# What may change while a model learns, and is drawn below its curves where it does.
SETTINGS = ("learning_rate", "momentum", "batch_size", "weight_decay")


def results_chart(evaluation: Mapping[str, Any], name: str = "results", say: Say = as_written) -> str:
    """Draws every result as a dot on its interval; the winner is a larger diamond in the accent colour.

    Args:
        evaluation: `metric`, `higher_is_better` and `results`, a list of `name`, `value`, `low`, `high`, `winner`;
            `members`, a list of `name` and `value`. Values that are absent or not finite are left out.
        name: Prefix of the ids inside the SVG; unique within a page.
        say: Gives English words in the language of the page.

    Returns:
        An `<svg>` element, or an empty text where no result has a finite value.

    Example:

    >>> vote = {"name": "soft vote", "value": 0.98, "low": 0.96, "high": 0.99, "winner": True}
    >>> results_chart({"metric": "accuracy", "results": [vote]}).startswith("<svg ")
    True
    """
    results = [result for result in evaluation.get("results") or [] if math.isfinite(_real(result.get("value")))]
    if not results:
        return ""
    metric = str(evaluation.get("metric") or "value")
    alone = [_real(one.get("value")) for one in evaluation.get("members") or []]
    alone = [value for value in alone if math.isfinite(value)]
    rows = len(results) + bool(alone)
    with styled():
        figure = Figure(figsize=(WIDTH, 0.42 * rows + 0.62), layout="constrained")
        axes = figure.subplots()
        for row, result in enumerate(results):
            _draw_result(axes, row, result, say)
        if alone:
            _draw_members(axes, rows - 1, alone, say)
        # From high to low, so that the first result stands on top; the room above is for its name.
        axes.set(ylim=(rows - 0.5, -0.75), yticks=[], xlabel=_direction(metric, evaluation, say))
        axes.spines["left"].set_visible(False)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x")
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        told = "; ".join(f"{say(result.get('name') or 'unnamed')} {_real(result['value']):.4g}" for result in results)
        if alone:
            words = say("each member alone: {low} to {high}").format(low=f"{min(alone):.4g}", high=f"{max(alone):.4g}")
            told = f"{told}; {words}"
        words = say("{metric} of each result with its interval: {told}")
        return inline_svg(figure, name, words.format(metric=say(metric), told=told))


def curves_chart(
    member: Mapping[str, Any],
    metric: str | None,
    marks: Sequence[Mapping[str, Any]],
    name: str,
    wide: bool | None = None,
    say: Say = as_written,
) -> str:
    """Draws the loss of one member, one metric and what changed of its settings below it, with numbered findings.

    The training curve of an epoch is a mean over a model that moves, so it stands half an epoch earlier.

    Args:
        member: `name`, `history` and `best_epoch` (counted from 0, or `None`); `epochs_shown` where the history
            holds some epochs only.
        metric: Key of the history for the second panel, or `None` for the loss alone.
        marks: `number`, `level` and `epoch` (counted from 0) of each finding to mark.
        name: Prefix of the ids inside the SVG; unique within a page.
        wide: Whether the axis of the loss is logarithmic, as that of charts beside it; by its own values by default.
        say: Gives English words in the language of the page.

    Returns:
        An `<svg>` element, or an empty text where the history holds no finite value.

    Example:

    >>> member = {"name": "member_0", "history": {"loss": [2.0, 1.0]}, "best_epoch": 1}
    >>> mark = {"number": 1, "level": "info", "epoch": 1}
    >>> "best epoch 2" in curves_chart(member, None, [mark], "curves-0")
    True
    """
    given = member.get("history") or {}
    history = {key: _series(values) for key, values in given.items()}
    # Of a long training some epochs only are given.
    places = np.array(member.get("epochs_shown") or range(_length(history)))
    panels = [key for key in ("loss", metric) if key and any(map(_drawable, _pair(history, key)))]
    if not panels:
        return ""
    with styled():
        # A finding may point past the last epoch, and its mark must lie on the chart.
        last = max([_epochs(member, history), *(mark["epoch"] + 1 for mark in marks)])
        lanes = _lanes(marks, last)
        set_up = _changing(history)
        heights = [1.3] * len(panels) + [0.8] * len(set_up)
        figure = Figure(figsize=(WIDTH, 0.75 + sum(heights) + 0.2 * len(set(lanes))), layout="constrained")
        ratios = {"height_ratios": heights}
        column = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw=ratios)[:, 0]
        for axes, key in zip(column, panels, strict=False):
            _draw_panel(axes, key, places, _pair(history, key), member.get("best_epoch"), wide, say)
        for axes, key in zip(column[len(panels) :], set_up, strict=True):
            _draw_setting(axes, key, places, history[key], say)
        _draw_marks(column[0], places, _pair(history, panels[0]), marks, lanes)
        # A little room, so that a line at the last epoch is not cut in half.
        column[-1].set(xlabel=say("epoch"), xlim=(0, last + 0.03 * last))
        column[-1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        # One legend for all panels: they share their line styles.
        entries = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in column]
        handles = {label: handle for panel in entries for handle, label in panel}
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, borderpad=0)
        return inline_svg(figure, name, _told(member, history, panels, say))


def trials_chart(
    curves: Mapping[Any, Sequence[Any]],
    best: Any,
    objective: str,
    higher: bool,
    name: str = "trials",
    say: Say = as_written,
) -> str:
    """Draws the objective of each trial of a search after each epoch, the best trial in the accent colour.

    Args:
        curves: The values after each epoch, by trial; those that are not finite are left out.
        best: Key of the best trial.
        objective: Name of what was searched for.
        higher: Whether higher values are better.
        name: Prefix of the ids inside the SVG; unique within a page.
        say: Gives English words in the language of the page.

    Returns:
        An `<svg>` element, or an empty text where no curve has a finite value.

    Example:

    >>> svg = trials_chart({0: [0.5, 0.25], 1: [0.75]}, 0, "val_loss", False)
    >>> "2 trials, the best, trial 0, reached 0.25 at epoch 2" in svg
    True
    """
    drawn = {trial: series for trial, values in curves.items() if _drawable(series := _series(values))}
    if best not in drawn:
        return ""
    with styled():
        figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
        axes = figure.subplots()
        for trial, series in drawn.items():
            bold = trial == best
            style: dict[str, Any] = {
                "color": ACCENT,
                "linewidth": 2.4,
                "zorder": 3,
                "label": spelled(say("trial {trial}, the best").format(trial=trial)),
            }
            thin: dict[str, Any] = {"color": QUIET, "linewidth": 0.8, "alpha": 0.45}
            at = even_places(len(series), MOST_POINTS)
            # A line of one point shows nothing.
            dot = "o" if len(series) == 1 else ""
            axes.plot(at + 1, series[at], marker=dot, markersize=3, **(style if bold else thin))
        # Only a loss gets a logarithmic axis, and `_scale` knows it by this name.
        _scale(
            axes, "loss" if objective.endswith("loss") else objective, np.concatenate(list(drawn.values())), None, say
        )
        axes.set(xlabel=say("epoch"), ylabel=short(objective))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        figure.legend(loc="outside lower center", borderpad=0)
        found = drawn[best]
        top = int(np.nanargmax(found) if higher else np.nanargmin(found))
        told = say("the best, trial {best}, reached {value} at epoch {epoch}").format(
            best=best, value=f"{found[top]:.4g}", epoch=top + 1
        )
        count = say("1 trial") if len(drawn) == 1 else say("{count} trials").format(count=len(drawn))
        words = say("{objective} after each epoch of {trials}, {told}")
        return inline_svg(figure, name, words.format(objective=objective, trials=count, told=told))


def _real(value: Any) -> float:
    return float(value) if isinstance(value, int | float | np.number) else math.nan


def _series(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = np.array([_real(value) for value in values], dtype=np.float64)
    # Negated, so that NaN is caught too.
    found[~(np.abs(found) <= GREATEST)] = np.nan
    return found


def _pair(history: Mapping[str, np.ndarray], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The training and the validation values under one key; empty where absent."""
    nothing = np.empty(0)
    return history.get(key, nothing), history.get(f"val_{key}", nothing)


def _drawable(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).any())


def _length(history: Mapping[str, np.ndarray]) -> int:
    return max((len(values) for values in history.values()), default=0)


def _direction(metric: str, evaluation: Mapping[str, Any], say: Say) -> str:
    better = {True: "higher is better", False: "lower is better"}.get(evaluation.get("higher_is_better"))  # type: ignore[arg-type]
    return f"{short(say(metric))} ({say(better)})" if better else short(say(metric))


def _draw_result(axes: Axes, row: int, result: Mapping[str, Any], say: Say) -> None:
    winner = bool(result.get("winner"))
    colour, marker, size = (ACCENT, "D", 8) if winner else (QUIET, "o", 6.5)
    low, value, high = (_real(result.get(key)) for key in ("low", "value", "high"))
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [row, row], color=colour, linewidth=3 if winner else 1.8, solid_capstyle="round")
    axes.plot([value], [row], marker, color=colour, markersize=size)
    at: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "color": colour, "va": "center"}
    at["fontweight"] = "bold" if winner else "normal"
    axes.text(0, row - 0.42, short(say(str(result.get("name") or "unnamed"))), ha="left", **at)
    axes.text(1, row - 0.42, f"{value:.4g}", ha="right", **at)


def _draw_members(axes: Axes, row: int, values: Sequence[float], say: Say) -> None:
    """All members on one row, however many there are."""
    axes.plot(values, [row] * len(values), "|", color=SECOND, markersize=9, markeredgewidth=1.6)
    at: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "color": QUIET, "va": "center"}
    axes.text(0, row - 0.42, say("each member alone"), ha="left", **at)
    axes.text(
        1,
        row - 0.42,
        say("{low} to {high}").format(low=f"{min(values):.4g}", high=f"{max(values):.4g}"),
        ha="right",
        **at,
    )


def _draw_panel(
    axes: Axes,
    key: str,
    places: np.ndarray,
    pair: tuple[np.ndarray, np.ndarray],
    best: int | None,
    wide: bool | None,
    say: Say,
) -> None:
    # More dots than this run into one another.
    dots = "o" if max(map(len, pair)) <= 40 else ""
    training, validation = pair
    if _drawable(training):
        at = places[: len(training)] + 0.5
        axes.plot(
            at, training, marker=dots, markersize=2.5, color=ACCENT, linestyle=(0, (4, 1.5)), label=say("training")
        )
    if _drawable(validation):
        at = places[: len(validation)] + 1.0
        axes.plot(at, validation, marker=dots, markersize=3, color=SECOND, linewidth=1.8, label=say("validation"))
    if best is not None:
        axes.axvline(best + 1, color=INK, linestyle=":", linewidth=1.4, label=say("best epoch"))
    _scale(axes, key, np.concatenate(pair), wide, say)


def _changing(history: Mapping[str, np.ndarray]) -> list[str]:
    """What was set otherwise at some epoch than at others, of what can be drawn below the curves."""
    seen = [name for name in SETTINGS if name in history]
    return [name for name in seen if len(set(history[name][np.isfinite(history[name])].tolist())) > 1]


def _draw_setting(axes: Axes, key: str, places: np.ndarray, values: np.ndarray, say: Say) -> None:
    # A setting holds for the whole epoch.
    axes.stairs(
        values, [*places[: len(values)], places[len(values) - 1] + 1], baseline=None, color=QUIET, linewidth=1.4
    )
    finite = values[np.isfinite(values)]
    _set_ticks(axes, logarithmic=finite.min() > LEAST and finite.max() / finite.min() >= 10, most=3)
    axes.set_ylabel(say(key.replace("_", " ").removeprefix("learning ")))


def is_wide(values: np.ndarray) -> bool:
    """Whether a loss needs a logarithmic axis: positive values over more than two decades.

    Example:

    >>> is_wide(np.array([100.0, 0.5])), is_wide(np.array([1.0, 0.5])), is_wide(np.array([]))
    (True, False, False)
    """
    found = values[np.isfinite(values)]
    return bool(len(found) and found.min() > LEAST and found.max() / found.min() > LOG_SPAN)


def _scale(axes: Axes, key: str, values: np.ndarray, asked: bool | None, say: Say) -> None:
    found = values[np.isfinite(values)]
    # An accuracy has no decades, and a loss at or below zero no logarithm.
    wide = key == "loss" and found.min() > LEAST and (is_wide(found) if asked is None else asked)
    axes.set_ylabel(say("{name}, log scale").format(name=say(short(key))) if wide else say(short(key)))
    _set_ticks(axes, logarithmic=wide, most=5 if wide else 4)


def _set_ticks(axes: Axes, logarithmic: bool, most: int) -> None:
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=most))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(most))
    axes.yaxis.set_major_formatter(FuncFormatter(tick))


def _lanes(marks: Sequence[Mapping[str, Any]], last: int) -> list[int]:
    """The row of each mark above the plot, such that no two marks of a row overlap."""
    least = last * 0.11  # a mark is about a tenth of the plot wide
    ends: list[float] = []
    lanes = []
    for mark in marks:
        free = [lane for lane, end in enumerate(ends) if mark["epoch"] >= end]
        lane = free[0] if free else len(ends)
        # A slice, which also appends where the lane is new.
        ends[lane : lane + 1] = [mark["epoch"] + least]
        lanes.append(lane)
    return lanes


def _draw_marks(
    axes: Axes,
    places: np.ndarray,
    pair: tuple[np.ndarray, np.ndarray],
    marks: Sequence[Mapping[str, Any]],
    lanes: Sequence[int],
) -> None:
    for mark, lane in zip(marks, lanes, strict=True):
        colour = LEVEL_COLOURS[mark["level"]]
        at = mark["epoch"] + 1
        axes.axvline(at, color=colour, linewidth=1, alpha=0.6, zorder=1)
        height = _height(places, pair, mark["epoch"])
        if math.isfinite(height):
            axes.plot([at], [height], "o", markersize=7, markerfacecolor="white", markeredgecolor=colour, zorder=5)
        axes.annotate(
            str(mark["number"]),
            (at, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 9 + 14.4 * lane),
            textcoords="offset points",
            ha="center",
            va="center",
            color="white",
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.15,rounding_size=0.5", "facecolor": colour, "edgecolor": "none"},
            gid="mark",
        )


def _height(places: np.ndarray, pair: tuple[np.ndarray, np.ndarray], epoch: int) -> float:
    """The validation value of an epoch: the only one that stands at the end of it. NaN where there is none."""
    validation = pair[1]
    found = np.flatnonzero(places[: len(validation)] == epoch)
    return float(validation[found[0]]) if found.size else math.nan


def _epochs(member: Mapping[str, Any], history: Mapping[str, np.ndarray]) -> int:
    return int(member.get("epochs") or _length(history))


def _told(member: Mapping[str, Any], history: Mapping[str, np.ndarray], panels: Sequence[str], say: Say) -> str:
    head = say("Curves of {name} over {epochs} epochs")
    parts = [head.format(name=member.get("name", say("a member")), epochs=_epochs(member, history))]
    for key in panels:
        for label, values in zip(("training", "validation"), _pair(history, key), strict=True):
            found = values[np.isfinite(values)]
            if found.size:
                words = say("{label} {key} from {first} to {last}")
                first, last = f"{found[0]:.4g}", f"{found[-1]:.4g}"
                parts.append(words.format(label=say(label), key=say(key), first=first, last=last))
    if member.get("best_epoch") is not None:
        parts.append(say("best epoch {epoch}").format(epoch=member["best_epoch"] + 1))
    return "; ".join(parts)
