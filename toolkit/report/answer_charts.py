"""Draws what a model answers, how its layers learnt and what a search tried, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..metrics.even_places import even_places
from .drawing import ACCENT, GRID, QUIET, SECOND, WIDTH, fitted_word, inline_svg, short, styled, tick
from .words import Say, as_written

# Below this a layer stands still, above it is unstable: the ends of the colours, as powers of ten.
_LOW, _HIGH = -7.0, 0.0
_MOST_BARS = 15
_MOST_PANELS = 6
_MOST_WORDS = 8
# Letters that stand beside one another below the axis of a setting.
_LETTERS = 36
_NONE = "\N{EN DASH}"


def _square(height: float = WIDTH * 0.9) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(axis="x")
    return figure, axes


def _shares(axes: Axes) -> None:
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(tick))


def calibration_chart(calibration: Mapping[str, Any], say: Say = as_written, name: str = "calibration") -> str:
    """Draws how often answers of each confidence are right, as they are and at the temperature found.

    Args:
        calibration: As `answers_part` gives it.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Example:

    >>> bins = [{"confidence": 0.9, "right": 0.7, "rows": 10}]
    >>> found = {"bins": bins, "bins_at_temperature": bins, "temperature": 2.0}
    >>> calibration_chart(found).startswith("<svg ")
    True
    """
    with styled():
        figure, axes = _square()
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=":", label=say("perfectly calibrated"))
        labels = (say("as exported"), say("at temperature {value}").format(value=f"{calibration['temperature']:.2f}"))
        # At temperature 1 both are the same.
        kept = 1 if calibration["temperature"] == 1.0 else 2
        curves = zip(("bins", "bins_at_temperature"), labels, (ACCENT, SECOND), ("o", "s"), strict=True)
        for key, label, colour, mark in islice(curves, kept):
            bins = calibration[key]
            at, right = [one["confidence"] for one in bins], [one["right"] for one in bins]
            axes.plot(at, right, color=colour, marker=mark, markersize=4, linewidth=1.6, label=label)
        _shares(axes)
        axes.set(xlabel=say("confidence"), ylabel=say("share that is right"))
        figure.legend(loc="outside lower center", ncols=1, borderpad=0)
        told = "; ".join(f"{one['confidence']:.2f}: {one['right']:.2f}" for one in calibration["bins"])
        return inline_svg(figure, name, f"{say('Share of right answers at each confidence')}: {told}")


def threshold_chart(
    x: Sequence[float], y: Sequence[float], words: tuple[str, str], name: str, say: Say = as_written
) -> str:
    """Draws one curve of thresholds, such as the ROC.

    Args:
        x: Values along, in [0, 1].
        y: Values up, in [0, 1].
        words: English names of both axes.
        name: Prefix of the ids inside the SVG; unique within a page.
        say: Gives English words in the language of the page.

    Example:

    >>> "true positive rate" in threshold_chart([0, 1], [0, 1], ("false positive rate", "true positive rate"), "roc")
    True
    """
    with styled():
        figure, axes = _square()
        axes.plot(x, y, color=ACCENT, linewidth=1.8, drawstyle="steps-post")
        _shares(axes)
        axes.set(xlabel=say(words[0]), ylabel=say(words[1]))
        at = even_places(len(x), 6)
        told = "; ".join(f"{x[place]:.2f}: {y[place]:.2f}" for place in at)
        return inline_svg(figure, name, f"{say(words[1])} / {say(words[0])}: {told}")


def pairs_chart(pairs: Mapping[str, Sequence[float]], say: Say = as_written, name: str = "pairs") -> str:
    """Draws what was predicted against what is true, a dot a row.

    Args:
        pairs: `predicted` and `true`, as `answers_part` gives them.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Example:

    >>> pairs_chart({"predicted": [1.0, 2.0], "true": [1.0, 3.0]}).startswith("<svg ")
    True
    """
    predicted, true = np.array(pairs["predicted"]), np.array(pairs["true"])
    with styled():
        figure, axes = _square()
        ends = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
        axes.plot(ends, ends, color=QUIET, linewidth=1, linestyle=":", zorder=1)
        # As one picture: hundreds of dots of their own would be most of the page.
        axes.scatter(true, predicted, s=9, color=ACCENT, alpha=0.6, linewidths=0, rasterized=len(true) > 150)
        axes.set(xlabel=say("true"), ylabel=say("predicted"))
        _few_ticks(axes)
        words = say("{count} rows, predicted from {low} to {high}, true from {least} to {most}")
        return inline_svg(
            figure,
            name,
            words.format(
                count=len(true), low=tick(predicted.min()), high=tick(predicted.max()), least=tick(true.min()),
                most=tick(true.max()),
            ),
        )  # fmt: skip


def _few_ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(tick))


def residuals_chart(residuals: Mapping[str, Any], say: Say = as_written, name: str = "residuals") -> str:
    """Draws how many rows are off by how much, predicted less true.

    Args:
        residuals: `counts` and `edges`, as `answers_part` gives them.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Example:

    >>> residuals_chart({"counts": [1, 2], "edges": [-1.0, 0.0, 1.0]}).startswith("<svg ")
    True
    """
    with styled():
        figure, axes = _square(2.0)
        axes.stairs(residuals["counts"], residuals["edges"], fill=True, color=ACCENT, alpha=0.75)
        axes.axvline(0, color=QUIET, linewidth=1, linestyle=":")
        axes.set(xlabel=say("predicted less true"), ylabel=say("rows"))
        _few_ticks(axes)
        edges = residuals["edges"]
        words = say("Residuals from {low} to {high}")
        return inline_svg(figure, name, words.format(low=tick(edges[0]), high=tick(edges[-1])))


def importance_chart(importance: Sequence[Mapping[str, Any]], say: Say = as_written, name: str = "importance") -> str:
    """Draws what is lost where each column is shuffled, the most important ones.

    Args:
        importance: As `permutation_importance` gives it, the most important column first.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Example:

    >>> importance_chart([{"name": "size", "loss": 0.3, "spread": 0.01}]).startswith("<svg ")
    True
    """
    shown = importance[:_MOST_BARS]
    with styled():
        figure, axes = _square(0.36 * len(shown) + 0.6)
        for row, one in enumerate(shown):
            low, high = one["loss"] - one["spread"], one["loss"] + one["spread"]
            axes.plot([0, one["loss"]], [row, row], color=ACCENT, linewidth=7, solid_capstyle="butt")
            axes.plot([low, high], [row, row], color=SECOND, linewidth=1.6)
            words: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "left"}
            axes.text(0, row - 0.44, short(str(one["name"])), **words)
        axes.axvline(0, color=QUIET, linewidth=1)
        axes.set(ylim=(len(shown) - 0.5, -0.9), yticks=[], xlabel=say("score lost"))
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        told = "; ".join(f"{one['name']} {one['loss']:.3g}" for one in shown)
        return inline_svg(figure, name, f"{say('Score lost where a column is shuffled')}: {told}")


def layers_chart(layers: Mapping[str, Any], name: str, say: Say = as_written) -> str:
    """Draws updates and gradients of each layer over the epochs as colours, both as shares of the weights.

    Args:
        layers: As `layers_part` gives it.
        name: Prefix of the ids inside the SVG; unique within a page.
        say: Gives English words in the language of the page.

    Returns:
        An `<svg>` element, or an empty text where nothing was measured.

    Example:

    >>> found = {"names": ["hidden"], "steps": [1], "epochs": [0], "gradient": [[0.05]], "update": [[0.001]]}
    >>> "hidden 0.001" in layers_chart(found, "layers")
    True
    """
    kinds = [(key, _matrix(layers[key])) for key in ("update", "gradient") if layers.get(key)]
    kinds = [(key, values) for key, values in kinds if np.isfinite(values).any()]
    if not kinds:
        return ""
    rows = len(layers["names"])
    with styled():
        figure = Figure(figsize=(WIDTH, 0.7 + len(kinds) * (0.5 + 0.2 * rows)), layout="constrained")
        for axes, (key, values) in zip(figure.subplots(len(kinds), 1, squeeze=False)[:, 0], kinds, strict=True):
            image = axes.imshow(
                np.log10(np.maximum(values, 10**_LOW)), vmin=_LOW, vmax=_HIGH, aspect="auto", cmap="cividis",
                interpolation="nearest",
            )  # fmt: skip
            axes.set_yticks(range(rows), [short(str(one))[:14] for one in layers["names"]])
            axes.set_title(say(f"{key} / weights"), fontsize=10, loc="left")
            _epoch_ticks(axes, layers["epochs"])
            axes.grid(visible=False)
        axes.set_xlabel(say("epoch"))
        bar = figure.colorbar(image, ax=figure.axes, location="bottom", ticks=[-6, -4, -2, 0], aspect=30)
        bar.set_ticklabels(["1e-6", "1e-4", "0.01", "1"])
        return inline_svg(figure, name, _layers_told(layers, kinds, say))


def _matrix(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype="float64")


def _epoch_ticks(axes: Axes, epochs: Sequence[int]) -> None:
    # Several looks fall into one epoch; the first of them bears its number.
    firsts = [place for place, epoch in enumerate(epochs) if place == 0 or epoch != epochs[place - 1]]
    kept = [firsts[k] for k in even_places(len(firsts), 5)]
    axes.set_xticks(kept, [str(epochs[place] + 1) for place in kept])


def _layers_told(layers: Mapping[str, Any], kinds: Sequence[tuple[str, np.ndarray]], say: Say) -> str:
    parts = []
    for key, values in kinds:
        last = [row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in values]
        told = [f"{name} {value:.2g}" for name, value in zip(layers["names"], last, strict=True) if np.isfinite(value)]
        parts.append(f"{say(f'{key} / weights')}, {say('last look')}: {', '.join(told)}")
    return "; ".join(parts)


def settings_chart(
    columns: Mapping[str, Sequence[Any]],
    scores: Sequence[float | None],
    objective: str,
    say: Say = as_written,
    name: str = "settings",
) -> str:
    """Draws each setting of a search against the score, a dot a trial.

    Args:
        columns: Values by setting, one a trial; settings with one value are left out, of many the first six are drawn.
        scores: Of the trials.
        objective: Name of the score.
        say: Gives English words in the language of the page.
        name: Prefix of the ids inside the SVG; unique within a page.

    Returns:
        An `<svg>` element, or an empty text where no setting differs between two trials with a score.

    Example:

    >>> settings_chart({"units": [8, 16], "seed": [0, 0]}, [0.5, 0.75], "val_accuracy").count("units")
    2
    """
    there = [k for k, score in enumerate(scores) if score is not None and np.isfinite(score)]
    some = {key: [values[k] for k in there] for key, values in columns.items()}
    drawn = {key: values for key, values in some.items() if len({str(one) for one in values}) > 1}
    names = list(drawn)[:_MOST_PANELS]
    if not names:
        return ""
    high = np.array([float(scores[k] or 0.0) for k in there])
    with styled():
        figure = Figure(figsize=(WIDTH, 1.55 * len(names)), layout="constrained")
        for axes, key in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
            _draw_dots(axes, drawn[key], high)
            axes.set(xlabel=short(key.replace("_", " ")), ylabel=short(objective))
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.yaxis.set_major_formatter(FuncFormatter(tick))
        words = say("{objective} of {count} trials against {settings}")
        told = words.format(objective=objective, count=len(there), settings=", ".join(names))
        return inline_svg(figure, name, told)


def _draw_dots(axes: Axes, values: Sequence[Any], scores: np.ndarray) -> None:
    there = [k for k, value in enumerate(values) if value is not None]
    numbers = [values[k] for k in there if isinstance(values[k], int | float) and not isinstance(values[k], bool)]
    dots: dict[str, Any] = {"s": 14, "color": ACCENT, "alpha": 0.65, "linewidths": 0, "rasterized": len(scores) > 60}
    if len(numbers) == len(there):
        # A trial that was not asked for a number has no place among them.
        axes.scatter(numbers, scores[there], **dots)
        if min(numbers) > 0 and max(numbers) / min(numbers) >= 50:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=4))
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=all(isinstance(one, int) for one in numbers)))
        # Matplotlib's own writes powers as formulas, which the page does not set.
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        return
    words = list(dict.fromkeys(_NONE if value is None else str(value) for value in values))
    places = [words.index(_NONE if value is None else str(value)) for value in values]
    axes.scatter(places, scores, **dots)
    axes.set_xlim(-0.5, len(words) - 0.5)
    most = max(3, _LETTERS // len(words) - 1)
    axes.set_xticks(
        range(len(words)),
        [fitted_word(word, most) for word in words] if len(words) <= _MOST_WORDS else [""] * len(words),
    )
    axes.grid(axis="x", color=GRID)
