"""What was seen of one training run, and the arithmetic on its curves; numpy only, no Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.kinds import metric_kind
from .thresholds import limit

if TYPE_CHECKING:
    # For types alone: this file must be read without Keras.
    from ..models.structure import Structure

SMOOTHING = np.full(3, 1 / 3)


@dataclass(frozen=True)
class SimpleBaseline:
    """What simple models (linear, nearest neighbour) reach on the validation rows.

    Args:
        loss: Validation loss of the better one, in the loss function of the run, or `None`.
        metric: Its validation metric, in the metric of the run, or `None`.
        linear: Score of the linear model alone, larger being better, or `None`.
        nearest: Score of the nearest neighbour alone, larger being better, or `None`.
        rows: Training rows that it was made from.
        features: Their features that are not constant.
        note: What was left out to bound time and memory, or `""`.
        kind: What `metric` is, as `metrics.kinds` calls it.

    Example:

    >>> SimpleBaseline(loss=None, metric=0.95, rows=100, features=10).can_tell
    True
    """

    loss: float | None
    metric: float | None
    linear: float | None = None
    nearest: float | None = None
    rows: int = 0
    features: int = 0
    note: str = ""
    kind: str = "accuracy"

    @property
    def can_tell(self) -> bool:
        """Whether there are so many rows that it would have found what the features say."""
        return self.rows >= limit("rows_a_feature") * max(1, self.features)


@dataclass(frozen=True)
class Curves:
    """All that was seen of one run so far; only `loss` is needed.

    Args:
        loss: Training loss per epoch as Keras logs it: the mean over an epoch of a moving model.
        val_loss: Validation loss per epoch; may be shorter than `loss`.
        metric: Training metric per epoch.
        val_metric: Validation metric per epoch.
        metric_name: Name of the metric, such as `"accuracy"`.
        metric_kind: What it is, as `metrics.kinds` calls it; `""` where its name must tell.
        higher_is_better: Whether a larger metric is a better one.
        batch_losses: Per epoch the un-averaged losses of its batches, or means of consecutive batches.
        first_batches: Un-averaged losses of the first updates of the run, at most 100.
        batch_size: Rows per update, at least 1, or `None`.
        epochs: The budget of epochs, or `None` where the run is over.
        validation_rows: Number of validation rows, at least 1, or `None`.
        constant_loss: Loss of the best constant prediction on the training targets, or `None`.
        constant_val_loss: The same on the validation targets, or `None`.
        least_loss: Loss on the training targets that no prediction gets below: above 0 where they are soft.
        least_val_loss: The same on the validation targets.
        penalty: Penalty on the weights at the end of each epoch, which is a part of the losses; empty without.
        constant_metric: Validation metric of a constant prediction where it is an accuracy, or `None`.
        weight_spread: Standard deviation of what the rows count in the loss over its mean, 0 where they count alike,
            `None` where it is not known.
        structure: The make of the model, or `None`.
        unscaled: `"inputs"` or `"targets"` where these are large and nothing normalises them, else `""`.
        simple: Gives the simple baseline; called only where a finding needs it.

    Raises:
        ValueError: A curve per epoch is longer than `loss`, or a count is below 1.

    Example:

    >>> Curves(loss=(1.0, 0.5), val_loss=(0.9, 0.6)).val_loss[-1]
    0.6
    """

    loss: tuple[float, ...]
    val_loss: tuple[float, ...] = ()
    metric: tuple[float, ...] = ()
    val_metric: tuple[float, ...] = ()
    metric_name: str = ""
    metric_kind: str = ""
    higher_is_better: bool = True
    batch_losses: tuple[tuple[float, ...], ...] = ()
    first_batches: tuple[float, ...] = ()
    batch_size: int | None = None
    epochs: int | None = None
    validation_rows: int | None = None
    constant_loss: float | None = None
    constant_val_loss: float | None = None
    least_loss: float = 0.0
    least_val_loss: float = 0.0
    penalty: tuple[float, ...] = ()
    weight_spread: float | None = 0.0
    constant_metric: float | None = None
    structure: Structure | None = None
    unscaled: str = ""
    simple: Callable[[], SimpleBaseline] | None = None

    def __post_init__(self) -> None:
        for name in ("val_loss", "metric", "val_metric", "batch_losses", "penalty"):
            length = len(getattr(self, name))
            if length > len(self.loss):
                raise ValueError(f"`{name}` must be no longer than `loss` ({len(self.loss)} epochs), got {length}.")
        for name in ("batch_size", "epochs", "validation_rows"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"`{name}` must be at least 1 or None, got {count}.")


def unaverage(
    running_means: Sequence[float] | np.ndarray, counts: Sequence[int] | np.ndarray | None = None
) -> np.ndarray:
    """Recovers the losses of single batches from the running means of one epoch that Keras logs.

    Args:
        running_means: Value of `logs["loss"]` after each batch or group of batches, shape `(batches,)`.
        counts: Batches in the epoch so far at each value, rising, at least 1; `None` for 1, 2, 3...

    Returns:
        Mean loss of the batches since the value before, shape `(batches,)`.

    Raises:
        ValueError: `counts` has another length than `running_means`, or does not rise from at least 1.

    Example:

    >>> unaverage([4.0, 3.0, 3.0]).tolist()
    [4.0, 2.0, 3.0]
    >>> unaverage([4.0, 3.0], counts=[2, 4]).tolist()
    [4.0, 2.0]
    """
    means = np.asarray(running_means, dtype="float64")
    # Keras logs the mean of an epoch so far, so a batch is the difference of two sums.
    totals = np.arange(1, len(means) + 1) if counts is None else np.asarray(counts)
    if len(totals) != len(means):
        raise ValueError(f"`counts` must have one value per running mean ({len(means)}), got {len(totals)}.")
    sizes = np.diff(totals, prepend=0)
    if np.any(sizes < 1):
        raise ValueError(f"`counts` must rise from at least 1, got {totals.tolist()}.")
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.diff(totals * means, prepend=0.0) / sizes)


@dataclass(frozen=True)
class Rises:
    """Where the training loss rose above its best, in a window of `epochs` epochs around `level`."""

    epochs: int
    where: tuple[int, ...]
    level: float
    largest: float
    stalled: bool

    @property
    def share(self) -> float:
        """Share of the epochs, in [0, 1]."""
        return len(self.where) / self.epochs if self.epochs else 0.0

    @property
    def oscillate(self) -> bool:
        """Whether they are too many for chance, and the loss makes little headway meanwhile."""
        return self.stalled and len(self.where) >= limit("rise_count") and self.share >= limit("rise_epochs")


@dataclass(frozen=True)
class Run:
    """The finite part of a run, and the quantities that several rules ask of it."""

    curves: Curves

    @cached_property
    def loss(self) -> np.ndarray:
        """Training losses above the least that there can be, `(epochs,)`: only of these do shares say anything."""
        return np.asarray(self.curves.loss, dtype="float64") - self.curves.least_loss

    @cached_property
    def constant(self) -> float | None:
        """Loss of the best constant prediction above the least that there can be, or `None`."""
        found = self.curves.constant_loss
        return None if found is None else found - self.curves.least_loss

    def shown(self, loss: float) -> float:
        """A training loss of this run as Keras shows it."""
        return loss + self.curves.least_loss

    @cached_property
    def start(self) -> float:
        """Loss before training: the first update where it was seen, else the first epoch."""
        first = self.curves.first_batches[:1] or self.curves.loss[:1]
        # The larger: the first batch may be low by luck, the first epoch is lower than the start where it learns.
        return max((*first, *self.curves.loss[:1]), default=self.curves.least_loss) - self.curves.least_loss

    @cached_property
    def positive(self) -> bool:
        """Whether ratios of losses mean something."""
        return len(self.loss) > 0 and float(self.loss.min()) >= 0 and self.start > 0

    @cached_property
    def share_done(self) -> float:
        """Share of the budget of epochs that is over; 1 where no budget is known."""
        return len(self.loss) / self.curves.epochs if self.curves.epochs else 1.0

    @cached_property
    def solved(self) -> bool:
        """Whether so little of the loss at the start is left that its wiggles mean nothing."""
        return self.positive and float(self.loss[-3:].mean()) < limit("solved_share") * self.start

    @cached_property
    def rises(self) -> Rises:
        """Epochs of the latest window whose training loss lies above the best so far by more than its noise."""
        width = len(SMOOTHING)
        first = max(width, len(self.loss) - int(limit("window_epochs")))
        # Old rises of a long run are over; only the window counts.
        later = self.loss[first:]
        if not len(later):
            return Rises(0, (), 0.0, 0.0, stalled=False)
        # The best of a running mean: that of single epochs would owe too much to luck.
        best = np.minimum.accumulate(np.convolve(self.loss[:-1], SMOOTHING, "valid"))[first - width :]
        level, known = float(np.median(later)), len(self.curves.batch_losses) == len(self.loss)
        least = limit("rise_size") if known else limit("rise_size_alone")
        # Beyond a share of the level, and not in what is solved: tiny losses double by chance.
        high = (later - best > least * level) & (later > limit("solved_share") * self.start)
        where = [first + int(index) for index in np.flatnonzero(high)]
        if known:
            where = [epoch for epoch in where if self._beyond_noise(epoch, float(best[epoch - first]))]
        sizes = [float(self.loss[epoch] - best[epoch - first]) for epoch in where]
        # A third of the window without headway: a loss that rises now and then on its way down is healthy.
        stalled = best[-1] >= (1 - limit("progress")) * best[-1 - len(best) // 3]
        return Rises(len(later), tuple(where), level, max(sizes, default=0.0), bool(stalled))

    def _beyond_noise(self, epoch: int, best: float) -> bool:
        error = standard_error(self.curves.batch_losses[epoch]) * math.sqrt(1 + 1 / len(SMOOTHING))
        # Negated, so that a standard error of NaN (too few batches) does not acquit.
        return not float(self.loss[epoch]) - best <= limit("standard_errors") * error

    @cached_property
    def simple(self) -> SimpleBaseline:
        """What a simple model reaches on the same rows; nothing known where it is no mark to beat."""
        found = self.curves.simple() if self.curves.simple else SimpleBaseline(None, None)
        # A perfect loss on noisy validation rows is the memory of shared rows, not a mark to beat.
        return SimpleBaseline(None, None) if found.loss is not None and found.loss <= 0 else found

    @cached_property
    def kind(self) -> str:
        """What the metric is: `"accuracy"`, `"auc"`, `"absolute_error"`, or `""` for others."""
        if not self.curves.metric_name:
            # Curves by hand need no name for what most people watch.
            return "accuracy" if self.curves.higher_is_better else ""
        return self.curves.metric_kind or metric_kind(self.curves.metric_name)

    @cached_property
    def chance(self) -> float | None:
        """The validation metric of a constant prediction, or `None` where it is not known."""
        # A constant ranks no row above another, whatever the classes.
        return {"accuracy": self.curves.constant_metric, "auc": 0.5}.get(self.kind)

    @cached_property
    def accuracy_like(self) -> bool:
        """Whether the metric is a share of rows, where more is better."""
        values = self.curves.val_metric or self.curves.metric
        # The name would not tell: users call their metrics what they like.
        return self.curves.higher_is_better and bool(values) and min(values) >= 0 and max(values) <= 1

    @cached_property
    def rows(self) -> int:
        """Validation rows, or the number that is assumed where they were not counted."""
        return self.curves.validation_rows or int(limit("assumed_rows"))


def noise_of(values: np.ndarray) -> float:
    """Standard deviation of the noise of a smooth curve, from the median of its second differences."""
    if len(values) < 4:
        return math.inf
    # 1.4826 makes a median of normal noise its deviation; a second difference has 6 times the variance.
    return float(1.4826 * np.median(np.abs(np.diff(values, 2))) / math.sqrt(6))


def standard_error(batches: Sequence[float]) -> float:
    """Standard error of an epoch's mean loss, from the differences of its successive batches; NaN below 4.

    Reference: von Neumann 1941, "Distribution of the ratio of the mean square successive difference to the variance".

    Example:

    >>> standard_error([1.0, 3.0, 1.0, 3.0])
    0.7071067811865476
    """
    if len(batches) < 4:
        return math.nan
    # Differences of neighbours, because the trend within an epoch is no noise.
    steps = np.diff(np.asarray(batches, dtype="float64"))
    return math.sqrt(float(np.dot(steps, steps)) / len(steps) / 2 / len(batches))


def straightness(line: np.ndarray) -> tuple[float, float, float]:
    """Relative drop, drop of the second half over the first, and slope over its standard error, of a parabola fit."""
    x = np.linspace(-1, 1, len(line))
    bow = x * x - np.mean(x * x)
    slope, bend = float(x @ line) / float(x @ x), float(bow @ line) / float(bow @ bow)
    residual = line - line.mean() - slope * x - bend * bow
    # Three parameters are fitted.
    error = math.sqrt(float(residual @ residual) / (len(line) - 3) / float(x @ x))
    first = float(line.mean() - slope + bend * bow[0])
    ratio = (-slope - bend) / (bend - slope) if bend > slope else 0.0
    # A curve that does not move at all has neither a slope nor an error.
    signal = min(-slope / max(error, 1e-12 * abs(first)), 1e6) if slope else 0.0
    return -2 * slope / first if first > 0 else 0.0, ratio, signal


def last_third(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The last third of the values, at least 4 of them where there are as many.

    Example:

    >>> last_third(range(15)).tolist()
    [10.0, 11.0, 12.0, 13.0, 14.0]
    """
    return np.asarray(values[-max(4, len(values) // 3) :], dtype="float64")


def stands_still(tail: np.ndarray) -> bool:
    """Whether a line through the values does not fall beyond its error, or falls by almost nothing."""
    if len(tail) < 4:
        return True
    x = np.arange(len(tail)) - (len(tail) - 1) / 2
    slope = float(x @ tail) / float(x @ x)
    residual = tail - tail.mean() - slope * x
    error = math.sqrt(float(residual @ residual) / (len(tail) - 2) / float(x @ x))
    # A curve without noise falls beyond its error for ever, so almost nothing counts as nothing.
    small = -slope * len(tail) < limit("flat_drop") * abs(float(tail[-1]))
    return small or slope > -limit("standard_errors") * error


def binomial_error(share: float, rows: int) -> float:
    """Standard error of a share, never zero (Agresti and Coull 1998)."""
    # Two rows right and two wrong are added: a share of 0 or 1 must have an error too.
    adjusted = (share * rows + 2) / (rows + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (rows + 4))
