"""What a fit of a population returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..diagnosis.findings import Finding
from ..metrics.directions import higher_is_better
from ..models.lazy_models import LazyModels
from ..runtime.figures import in_one_style, panels
from .leaderboard import Leaderboard, _shown
from .model import Population
from .settings import MemberSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What lies further above the usual start than this many times its size is a member that broke down.
_TIMES_THE_START = 3.0


@dataclass(frozen=True, repr=False)
class PopulationResult:
    """The outcome of `fit_population`.

    Args:
        histories: For each member a dictionary like `History.history`, up to where it stopped.
        findings: For each member what its curves show, surest first.
        models: The members as ordinary, compiled Keras models; each is made when asked for.
        populations: The populations that were trained, one after the other; mostly one.
        settings: What each member was set to.
        chunks: How many members were trained at once.
        unrolled: Names of the layers without a stacked form, called once for each member.
        memory_per_member: Estimate of the bytes that one member needed.
    """

    histories: list[dict[str, list[Any]]]
    findings: list[list[Finding]]
    models: LazyModels
    populations: tuple[Population, ...]
    settings: MemberSettings
    chunks: tuple[int, ...]
    unrolled: tuple[str, ...]
    memory_per_member: int

    def __str__(self) -> str:
        epochs = max(len(next(iter(history.values()))) for history in self.histories)
        return f"{len(self.histories)} members, at most {epochs} epochs; the best first:\n{self.leaderboard()}"

    def __repr__(self) -> str:
        # The fields hold all curves and models, which nobody reads in a line.
        return f"PopulationResult({len(self.histories)} members; print it, or see .leaderboard())"

    def _repr_html_(self) -> str:
        return self.leaderboard()._repr_html_()

    def leaderboard(self, metric: str | None = None, mode: str = "auto") -> Leaderboard:
        """The members in order of their best epoch.

        Args:
            metric: Which curve to judge by; `val_loss` by default, or `loss` without validation data.
            mode: `"max"` or `"min"` where the name of the metric does not tell which is better.

        Raises:
            ValueError: No such curve, or one of which it is not known whether it is better high or low, or one that
                has a value for each class.
        """
        metric = self._known(metric)
        higher = higher_is_better(metric, mode, self.populations[0].metric_directions())
        best = [best_epoch(history[metric], higher) for history in self.histories]
        keys = [_sort_key(self.histories[k][metric][epoch], higher) for k, epoch in enumerate(best)]
        order = sorted(range(len(keys)), key=lambda k: (keys[k], k))
        board = Leaderboard(member=order)
        for name in self.settings.varied:
            values = self._values(name)
            board[name] = [values[k] for k in order]
        # Counted from 1, as Keras prints epochs.
        board["best_epoch"] = [best[k] + 1 for k in order]
        for name in self.histories[0]:
            board[name] = [self.histories[k][name][best[k]] for k in order]
        board["findings"] = [", ".join(finding.symptom for finding in self.findings[k]) for k in order]
        return board

    @in_one_style
    def plot(self, metric: str | None = None) -> Figure:
        """The curve of each member as a matplotlib Figure.

        Args:
            metric: Which curve; `val_loss` by default, or `loss` without validation data.

        Raises:
            ValueError: No such curve.
        """
        metric = self._known(metric)
        figure, (axes,) = panels(size=(8, 5))
        for k, history in enumerate(self.histories):
            values = history[metric]
            axes.plot(range(1, len(values) + 1), values, label=self._label(k), marker="." if len(values) == 1 else None)
        axes.set(xlabel="epoch", ylabel=metric, title=self._told(metric))
        # A member that broke down would press all others into a line.
        shown = _worth_showing([history[metric] for history in self.histories])
        if shown is not None:
            axes.set_ylim(*shown)
        if len(self.histories) <= 20:
            axes.legend()
        return figure

    def _told(self, metric: str) -> str:
        """Which member is best, and by how much, for a title."""
        try:
            board = self.leaderboard(metric)
        except ValueError:
            # Whether it is better high or low is not known, so none of them is best.
            return metric
        best, worst = board[metric][0], board[metric][-1]
        return f"best {metric}: {best:.3g} ({self._label(board['member'][0])}), worst {worst:.3g}"

    def _label(self, k: int) -> str:
        shown = [f"{name} {_shown(self._values(name)[k])}" for name in self.settings.varied]
        return ", ".join(shown) or f"member {k}"

    def _values(self, name: str) -> list[Any]:
        values = self.settings.seeds if name == "seed" else getattr(self.settings, name)
        return [getattr(value, "name", type(value).__name__) if callable(value) else value for value in values]

    def _known(self, metric: str | None) -> str:
        names = list(self.histories[0])
        if metric is None:
            return "val_loss" if "val_loss" in names else "loss"
        if metric not in names:
            raise ValueError(f"`metric` must be one of {names}, got {metric!r}.")
        if np.ndim(self.histories[0][metric][0]):
            raise ValueError(f"{metric!r} has a value for each class, so that no member is best by it; take another.")
        return metric


def _worth_showing(curves: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """The range of an axis that shows all curves but for what lies far above where they begin; `None` for all of it."""
    values = [np.asarray(curve, "float64")[np.isfinite(curve)] for curve in curves]
    values = [one for one in values if len(one)]
    if not values:
        return None
    low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
    begins = float(np.median([one[0] for one in values]))
    most = begins + _TIMES_THE_START * max(abs(begins), begins - low)
    return (low - 0.05 * (most - low), most) if high > most else None


def best_epoch(values: Sequence[float], higher_is_better: bool = False) -> int:
    """Index of the best value; values that are not finite come last.

    Example:

    >>> best_epoch([0.5, 0.25, float("nan")]), best_epoch([0.5, 0.25], higher_is_better=True)
    (1, 0)
    """
    return int(np.argmin([_sort_key(value, higher_is_better) for value in values]))


def _sort_key(value: float, higher: bool) -> float:
    """What puts the best value first and NaN last."""
    # NaN compares false with everything and would stand wherever it is met.
    if not np.isfinite(value):
        return np.inf
    return -value if higher else value
