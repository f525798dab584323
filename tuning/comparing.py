"""Settings compared side by side, from the same starting weights on the same batches, over several seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..toolkit.checks import instance_of, items_of, number, one_of, whole_number
from ..toolkit.metrics.intervals import mean_margin
from ..toolkit.optimizers.default_rates import ladder
from ..toolkit.population import Leaderboard, PopulationResult, fit_population
from ..toolkit.report.event_files import write_events
from ..toolkit.runtime.figures import in_one_style, panels


@dataclass(frozen=True)
class Comparison:
    """The outcome of a comparison.

    Args:
        rows: One dictionary a setting, those that never diverged first, of these the best mean: the setting
            itself, `mean` and `spread` (standard deviation) of the last loss over the seeds that did not
            diverge, `updates` to the target (mean over the seeds that reached it, or `None`), `diverged`
            (number of seeds).
        metric: Which loss was compared, `"val_loss"` or `"loss"`.
        target: The loss that `updates` counts to.
        best: The first row, where it is separated from the next; else `None`.
        sentence: What the table says, in a sentence.
        results: The populations' results.
    """

    rows: list[dict[str, Any]]
    metric: str
    target: float
    best: dict[str, Any] | None
    sentence: str
    results: tuple[PopulationResult, ...]

    def table(self) -> Leaderboard:
        """The rows as a table: one list for each column."""
        # The curves of each seed are for the arithmetic, too long for a table.
        shown = [name for name in self.rows[0] if name != "losses"]
        return Leaderboard({name: [row[name] for row in self.rows] for name in shown})

    def __str__(self) -> str:
        return f"{self.table()}\n{self.sentence}"

    def as_dict(self) -> dict[str, Any]:
        """All of it but the models as plain values; each row has its validation or training `curves`, one a seed."""
        rows = [{**{n: v for n, v in row.items() if n != "losses"}, "curves": row["losses"][2]} for row in self.rows]
        best = None if self.best is None else {n: v for n, v in self.best.items() if n != "losses"}
        return {"metric": self.metric, "target": self.target, "rows": rows, "best": best, "sentence": self.sentence}

    def to_tensorboard(self, folder: str | Path) -> None:
        """Writes each training with its settings, its curve and its last loss for TensorBoard, under HParams.

        Args:
            folder: Where to; `tensorboard --logdir FOLDER` shows it.

        Raises:
            OSError: The folder cannot be written.
        """
        write_events(self.as_dict(), folder)

    @in_one_style
    def plot(self) -> Any:
        """The last loss against the setting, and the loss over the epochs, as a matplotlib Figure.

        Both are means over the seeds that did not diverge, with the standard deviation over them.
        """
        figure, (last, curves) = panels(columns=2, size=(13, 5))
        # A logarithmic axis has no place for losses at or below zero.
        means = [row["mean"] for row in self.rows if math.isfinite(row["mean"])]
        scale = "log" if means and min(means) > 0 else "linear"
        self._draw_last(last, scale)
        self._draw_curves(curves, scale)
        figure.suptitle(self.sentence, wrap=True, fontsize=11)
        return figure

    def _draw_last(self, axes: Any, scale: str) -> None:
        along = "momentum" if "momentum" in self.rows[0] else "learning_rate"
        for nesterov in sorted({row.get("nesterov", False) for row in self.rows}):
            # Settings that always diverged have no mean to draw.
            own = [row for row in self.rows if row.get("nesterov", False) == nesterov and math.isfinite(row["mean"])]
            own = sorted(own, key=lambda row: row[along])
            label = "Nesterov" if nesterov else "classical" if along == "momentum" else self.metric
            places, means = [row[along] for row in own], [row["mean"] for row in own]
            axes.errorbar(places, means, [row["spread"] for row in own], marker="o", capsize=3, label=label)
        axes.set(xlabel=along.replace("_", " "), ylabel=f"last {self.metric}", yscale=scale)
        if along == "learning_rate" and any(math.isfinite(row["mean"]) for row in self.rows):
            axes.set_xscale("log")
        axes.legend()

    def _draw_curves(self, axes: Any, scale: str) -> None:
        from matplotlib import colormaps
        from matplotlib.ticker import MaxNLocator

        kept = [(row, *_mean_curve(row["losses"][2])) for row in self.rows if math.isfinite(row["mean"])]
        # The best is the darkest; the last tenth of the map is too light for paper.
        colours = colormaps["viridis"](np.linspace(0, 0.9, len(kept)))
        for (row, mean, spread), colour in zip(kept, colours, strict=True):
            epochs = np.arange(1, len(mean) + 1)
            axes.plot(epochs, mean, color=colour, label=_said(row))
            axes.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="epoch", ylabel=self.metric, yscale=scale)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if kept:
            # Else a band that reaches below zero would stretch a logarithmic axis without end.
            means = np.concatenate([mean for _, mean, _ in kept])
            axes.set_ylim(_limits(means) if scale == "log" else None)
            # Beside the axes: of many settings it would hide their curves.
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def compare_momentum(
    build_model: Callable[[], keras.Model],
    x: Any,
    y: Any = None,
    *,
    momenta: Sequence[float] = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9),
    nesterov: Sequence[bool] = (False, True),
    learning_rate: Any = 0.01,
    equal: str = "learning_rate",
    seeds: int = 3,
    target: float | None = None,
    **fit_arguments: Any,
) -> Comparison:
    """Compares momentum constants of SGD, classical and Nesterov's, all trained side by side.

    Of several learning rates each momentum is judged at its own best one.

    Args:
        build_model: Returns a new Functional or Sequential model.
        x: Inputs, as for `fit_population`.
        y: Targets.
        momenta: Momentum constants, in [0, 1).
        nesterov: Which forms to try: `False` classical, `True` Nesterov's.
        learning_rate: One rate or several, > 0.
        equal: `"learning_rate"`: all have the rates given; `"effective"`: each has the rate times
            (1 - momentum), so that a long run of equal gradients moves all alike.
        seeds: Number of seeds, at least 1: that many starting weights, the same for each setting.
        target: Loss to count updates to; by default the largest that every setting reaches.
        **fit_arguments: As for `fit_population`: `loss`, `epochs`, `validation_data` and so on.

    Returns:
        `Comparison` with `.rows`, `.best`, `.sentence`, `.table()`, `.plot()`.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, or none to compare.

    Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".

    Example:

    >>> import keras, numpy as np
    >>> build = lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> found = compare_momentum(build, x, 3 * x, momenta=[0.0, 0.9], nesterov=[False], loss="mse", epochs=4, verbose=0)
    >>> found.rows[0]["momentum"], found.best["momentum"]
    (0.9, 0.9)
    """
    if target is not None:
        number("target", target, -np.inf, np.inf)
    one_of("equal", equal, ("learning_rate", "effective"))
    momenta = [number("momenta", momentum, 0, 1, open_high=True) for momentum in _some("momenta", momenta)]
    rates = [
        number("learning_rate", rate, 0, np.inf, open_low=True, open_high=True)
        for rate in _some("learning_rate", learning_rate)
    ]
    settings = [(momentum, rate) for momentum in momenta for rate in rates]
    tried, results = [], []
    # The form belongs to the optimizer, one a population; the constants are given by member.
    forms = [instance_of("nesterov", one, bool, "true, false or both") for one in _some("nesterov", nesterov)]
    for form in forms:
        scale = [1 - momentum if equal == "effective" else 1.0 for momentum, _ in settings]
        # Many equal gradients g move plain SGD by rate * g each, momentum by rate * g / (1 - momentum).
        effective = [rate * factor for (_, rate), factor in zip(settings, scale, strict=True)]
        result = _fit(
            build_model,
            x,
            y,
            seeds,
            fit_arguments,
            optimizer=keras.optimizers.SGD(nesterov=bool(form)),
            momentum=[momentum for momentum, _ in settings],
            learning_rate=effective,
        )
        names = [
            {"momentum": momentum, "nesterov": bool(form), "learning_rate": rate}
            for (momentum, _), rate in zip(settings, effective, strict=True)
        ]
        tried += _rows(names, result, seeds)
        results.append(result)
    # At one rate for all, large momenta would be judged by a step that is too long for them.
    return _compared(_best_rates(tried), target, results)


def compare_rates(
    build_model: Callable[[], keras.Model],
    x: Any,
    y: Any = None,
    *,
    learning_rates: Sequence[float] = tuple(ladder("sgd")),
    seeds: int = 3,
    target: float | None = None,
    **fit_arguments: Any,
) -> Comparison:
    """Compares learning rates, all trained side by side.

    Args:
        build_model: Returns a new Functional or Sequential model.
        x: Inputs, as for `fit_population`.
        y: Targets.
        learning_rates: Rates, > 0.
        seeds: Number of seeds, at least 1: that many starting weights, the same for each rate.
        target: Loss to count updates to; by default the largest that every rate reaches.
        **fit_arguments: As for `fit_population`: `optimizer`, `loss`, `epochs` and so on.

    Returns:
        `Comparison` with `.rows`, `.best`, `.sentence`, `.table()`, `.plot()`.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: An argument out of range, or none to compare.

    Example:

    >>> import keras, numpy as np
    >>> build = lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> found = compare_rates(build, x, 3 * x, learning_rates=[1e-3, 0.3], loss="mse", epochs=4, verbose=0)
    >>> found.best["learning_rate"]
    0.3
    """
    if target is not None:
        number("target", target, -np.inf, np.inf)
    given = _some("learning_rates", learning_rates)
    rates = [number("learning_rates", rate, 0, np.inf, open_low=True, open_high=True) for rate in given]
    result = _fit(build_model, x, y, seeds, fit_arguments, learning_rate=rates)
    return _compared(_rows([{"learning_rate": rate} for rate in rates], result, seeds), target, [result])


def _some(name: str, values: Any) -> list[Any]:
    listed = [values] if isinstance(values, (bool, int, float)) else items_of(name, values)
    if not listed:
        raise ValueError(f"`{name}` must hold at least one value, got none.")
    return [value.item() if isinstance(value, np.generic) else value for value in listed]


def _fit(
    build_model: Callable[[], keras.Model], x: Any, y: Any, seeds: int, fit_arguments: dict[str, Any], **settings: Any
) -> PopulationResult:
    """Every setting with every seed, as one population; the seeds of a setting stand side by side."""
    whole_number("seeds", seeds, 1, 10_000)
    spread = {n: np.repeat(v, seeds).tolist() if isinstance(v, list) else v for n, v in settings.items()}
    count = len(next(value for value in spread.values() if isinstance(value, list)))
    given: dict[str, Any] = {**spread, **fit_arguments}
    # Equal seeds start alike and see equal batches, so that differences can be paired.
    return fit_population(build_model, x, y, seed=list(range(seeds)) * (count // seeds), **given)


def _rows(names: list[dict[str, Any]], result: PopulationResult, seeds: int) -> list[dict[str, Any]]:
    metric = "val_loss" if "val_loss" in result.histories[0] else "loss"
    # Counted by the optimizer: the length of the data need not be known.
    steps = int(result.populations[0].optimizer.iterations) / max(len(h["loss"]) for h in result.histories)
    curves = [history[metric] for history in result.histories]
    return [_row(name, metric, steps, curves[place * seeds : (place + 1) * seeds]) for place, name in enumerate(names)]


def _row(name: dict[str, Any], metric: str, steps: float, curves: Sequence[Sequence[float]]) -> dict[str, Any]:
    """One setting: its last losses over the seeds, those that diverged counted and left out."""
    # One diverged seed would make a mean infinite, whatever the others reached.
    fine = np.array([curve[-1] for curve in curves if not _diverged(curve)])
    return {
        **name,
        "mean": float(fine.mean()) if fine.size else math.inf,
        "spread": float(fine.std(ddof=1)) if fine.size > 1 else 0.0,
        "updates": None,
        "diverged": len(curves) - fine.size,
        "losses": (metric, steps, curves),
    }


def _diverged(curve: Sequence[float]) -> bool:
    """Whether a run ends clearly worse than it began, even where its loss is a number; losses may be negative."""
    return not np.isfinite(curve).all() or curve[-1] > curve[0] + 0.5 * abs(curve[0])


def _mean_curve(curves: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the runs that did not diverge, for the epochs that all of them have."""
    fine = [curve for curve in curves if not _diverged(curve)]
    shown = np.array([curve[: min(map(len, fine))] for curve in fine])
    return shown.mean(axis=0), shown.std(axis=0, ddof=1) if len(fine) > 1 else np.zeros(shown.shape[1])


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The ends of a logarithmic axis, with room for the spread around positive values."""
    return float(values.min()) / 1.5, float(values.max()) * 1.5


def _place(row: dict[str, Any]) -> tuple[bool, float]:
    """Settings that never diverged come first: what diverges with another seed is not to be relied on."""
    # Of this setting alone: `diverged` may count the runs at the other rates of a momentum too.
    return any(map(_diverged, row["losses"][2])), row["mean"]


def _best_rates(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the rows of one momentum the one with the best rate; the diverged runs of all its rates are counted."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["momentum"], row["nesterov"]), []).append(row)
    chosen = []
    for own in groups.values():
        best = min(own, key=_place)
        chosen.append({**best, "diverged": sum(row["diverged"] for row in own)})
    return chosen


def _compared(rows: list[dict[str, Any]], target: float | None, results: list[PopulationResult]) -> Comparison:
    rows = sorted(rows, key=_place)
    metric = rows[0]["losses"][0]
    means = [row["mean"] for row in rows if math.isfinite(row["mean"])]
    # The worst mean is what every setting reaches, so that updates can be counted for all.
    goal = number("target", target, -np.inf, np.inf) if target is not None else max(means, default=math.nan)
    for row in rows:
        row["updates"] = _updates_to(goal, *row["losses"][1:])
    best, sentence = _named(rows, metric)
    return Comparison(rows, metric, goal, best, sentence, tuple(results))


def _updates_to(goal: float, steps: float, curves: Sequence[Sequence[float]]) -> int | None:
    reached = [next((epoch for epoch, loss in enumerate(curve, 1) if loss <= goal), None) for curve in curves]
    counted = [epoch * steps for epoch in reached if epoch is not None]
    return round(float(np.mean(counted))) if counted else None


def _named(rows: list[dict[str, Any]], metric: str) -> tuple[dict[str, Any] | None, str]:
    first = rows[0]
    if not math.isfinite(first["mean"]):
        return None, "Every setting diverged; try smaller learning rates."
    if len(rows) == 1:
        return first, f"{_said(first)} is the only setting: there is none to compare it with."
    if not math.isfinite(rows[1]["mean"]):
        return first, f"{_said(first)} is the only setting that did not diverge."
    next_one = rows[1]
    # Same seed against same seed: what a start or its batches do to both is no difference of settings.
    pairs = list(zip(first["losses"][2], next_one["losses"][2], strict=True))
    if len(pairs) < 2:
        return None, "One seed is no comparison: the order may be chance; use `seeds=3` or more."
    gap = np.array([b[-1] - a[-1] for a, b in pairs if not (_diverged(a) or _diverged(b))])
    # Too few seeds are left with both to have a spread.
    if len(gap) < 2:
        count = sum(_diverged(curve) for curve in next_one["losses"][2])
        lost = f"{_said(next_one)} diverged with {count} of {len(pairs)} seeds"
        return (None if _place(first)[0] else first), f"{_said(first)} is the first choice: {lost}."
    error = mean_margin(gap) or 0.0
    found = f"mean difference of the last {metric} {gap.mean():.3g} +- {error:.3g} over {len(gap)} seeds, paired"
    # The interval of the paired difference lies above 0.
    if gap.mean() > error:
        return first, f"{_said(first)} is better than {_said(next_one)}: {found}."
    return None, f"{_said(first)} and {_said(next_one)} are not separated: {found}."


def _said(row: dict[str, Any]) -> str:
    if "momentum" not in row:
        return f"Learning rate {row['learning_rate']:.3g}"
    kind = "Nesterov momentum" if row["nesterov"] else "Momentum"
    return f"{kind} {row['momentum']:g} at learning rate {row['learning_rate']:.3g}"
