"""What a fitted population answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnosis.findings import Finding
from ..models.lazy_models import LazyModels
from .leaderboard import Leaderboard, _shown
from .model import Population
from .settings import MemberSettings

_LOWER_IS_BETTER = ("loss", "error", "squared", "divergence", "entropy", "mae", "mse", "mape", "msle")


@dataclass(frozen=True)
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

    histories: list[dict[str, list[float]]]
    findings: list[list[Finding]]
    models: LazyModels
    populations: tuple[Population, ...]
    settings: MemberSettings
    chunks: tuple[int, ...]
    unrolled: tuple[str, ...]
    memory_per_member: int

    def leaderboard(self, metric: str | None = None) -> Leaderboard:
        """The members in order of their best epoch.

        Args:
            metric: Which curve to judge by; `val_loss` by default, or `loss` without validation data.

        Raises:
            ValueError: No such curve.
        """
        metric = self._known(metric)
        best = [best_epoch(history[metric], metric) for history in self.histories]
        lower = lower_is_better(metric)
        keys = [_sort_key(self.histories[k][metric][epoch], lower) for k, epoch in enumerate(best)]
        order = sorted(range(len(keys)), key=lambda k: (keys[k], k))
        board = Leaderboard(member=order)
        for name in self.settings.varied:
            values = self._values(name)
            board[name] = [values[k] for k in order]
        board["best_epoch"] = [best[k] + 1 for k in order]
        for name in self.histories[0]:
            board[name] = [self.histories[k][name][best[k]] for k in order]
        board["findings"] = [", ".join(finding.symptom for finding in self.findings[k]) for k in order]
        return board

    def plot(self, metric: str | None = None) -> Any:
        """The curve of each member as a matplotlib Figure.

        Args:
            metric: Which curve; `val_loss` by default, or `loss` without validation data.

        Raises:
            ValueError: No such curve.
        """
        from matplotlib.figure import Figure

        metric = self._known(metric)
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for k, history in enumerate(self.histories):
            values = history[metric]
            axes.plot(range(1, len(values) + 1), values, label=self._label(k), marker="." if len(values) == 1 else None)
        axes.set(xlabel="epoch", ylabel=metric)
        if len(self.histories) <= 20:
            axes.legend()
        return figure

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
        return metric


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is the better one, by its name.

    Example:

    >>> lower_is_better("val_loss"), lower_is_better("val_accuracy")
    (True, False)
    """
    return any(word in metric for word in _LOWER_IS_BETTER)


def best_epoch(values: Sequence[float], metric: str) -> int:
    """Index of the best value; values that are not finite come last.

    Example:

    >>> best_epoch([0.5, 0.25, float("nan")], "loss")
    1
    """
    return int(np.argmin([_sort_key(value, lower_is_better(metric)) for value in values]))


def _sort_key(value: float, lower: bool) -> float:
    if not np.isfinite(value):
        return np.inf
    return value if lower else -value
