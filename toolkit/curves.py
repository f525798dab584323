"""Reads the curves of one training run and says what is wrong with them; numpy only, no Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .findings import Advice, Finding, Level, rank
from .thresholds import THRESHOLDS, Threshold

__all__ = ["THRESHOLDS", "Curves", "SimpleBaseline", "Threshold", "read", "unaverage"]

_SMOOTHING = np.full(3, 1 / 3)


@dataclass(frozen=True)
class SimpleBaseline:
    """What simple models (linear, nearest neighbour) reach on the validation rows.

    Args:
        loss: Validation loss of the better one, in the loss function of the run, or `None`.
        metric: Its validation metric, in the metric of the run, or `None`.

    Example:

    >>> SimpleBaseline(loss=None, metric=0.95).metric
    0.95
    """

    loss: float | None
    metric: float | None


@dataclass(frozen=True)
class Curves:
    """All that was seen of one run so far; only `loss` is needed.

    Args:
        loss: Training loss per epoch as Keras logs it: the mean over an epoch of a moving model.
        val_loss: Validation loss per epoch; may be shorter than `loss`.
        metric: Training metric per epoch.
        val_metric: Validation metric per epoch.
        metric_name: Name of the metric, such as `"accuracy"`.
        higher_is_better: Whether a larger metric is a better one.
        batch_losses: Per epoch the un-averaged losses of its batches, or means of consecutive batches.
        first_batches: Un-averaged losses of the first updates of the run, at most 100.
        batch_size: Rows per update, at least 1, or `None`.
        epochs: The budget of epochs, or `None` where the run is over.
        validation_rows: Number of validation rows, at least 1, or `None`.
        constant_loss: Loss of the best constant prediction on the training targets, or `None`.
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
    higher_is_better: bool = True
    batch_losses: tuple[tuple[float, ...], ...] = ()
    first_batches: tuple[float, ...] = ()
    batch_size: int | None = None
    epochs: int | None = None
    validation_rows: int | None = None
    constant_loss: float | None = None
    simple: Callable[[], SimpleBaseline] | None = None

    def __post_init__(self) -> None:
        for name in ("val_loss", "metric", "val_metric", "batch_losses"):
            length = len(getattr(self, name))
            if length > len(self.loss):
                raise ValueError(f"`{name}` must be no longer than `loss` ({len(self.loss)} epochs), got {length}.")
        for name in ("batch_size", "epochs", "validation_rows"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"`{name}` must be at least 1 or None, got {count}.")


def unaverage(running_means: Sequence[float], counts: Sequence[int] | None = None) -> np.ndarray:
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
    totals = np.arange(1, len(means) + 1) if counts is None else np.asarray(counts)
    if len(totals) != len(means):
        raise ValueError(f"`counts` must have one value per running mean ({len(means)}), got {len(totals)}.")
    sizes = np.diff(totals, prepend=0)
    if np.any(sizes < 1):
        raise ValueError(f"`counts` must rise from at least 1, got {totals.tolist()}.")
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.diff(totals * means, prepend=0.0) / sizes)


def read(curves: Curves) -> list[Finding]:
    """Says what the curves of a run show; a run in good order gives no warning and no error.

    Args:
        curves: What was seen so far, at the end of an epoch or of the run.

    Returns:
        At most one finding per symptom, surest first: `non_finite`, `learning_rate_too_high`,
        `learning_rate_too_low`, `oscillating`, `overfitting`, `underfitting`.

    Reference: Li et al., "CS231n: Convolutional Neural Networks for Visual Recognition", notes 3, for the
    shapes; Zhang et al., "AUTOTRAINER", ICSE 2021, for the symptoms.

    Example:

    >>> [finding.symptom for finding in read(Curves(loss=(2.0, 1.0, float("nan"))))]
    ['non_finite']
    >>> read(Curves(loss=tuple(2.0 * 0.8**epoch for epoch in range(30))))
    []
    """
    broken = _non_finite(curves)
    run = _Run(_finite_prefix(curves, broken))
    rules = (_rate_too_high, _rate_too_low, _oscillating, _overfitting, _underfitting)
    with np.errstate(all="ignore"):
        found = (broken, *(rule(run) for rule in rules))
    return rank(finding for finding in found if finding is not None)


def _limit(name: str) -> float:
    return THRESHOLDS[name].value


def _first_bad(values: Sequence[float]) -> int | None:
    return next((index for index, value in enumerate(values) if not math.isfinite(value)), None)


def _all_finite(values: Sequence[float]) -> bool:
    # The sum is a quick test that fails for every bad value; only sums that overflow need the slow one.
    return math.isfinite(sum(values)) or _first_bad(values) is None


def _non_finite(curves: Curves) -> Finding | None:
    step = _first_bad(curves.first_batches)
    epochs = {
        "loss": _first_bad(curves.loss),
        "val_loss": _first_bad(curves.val_loss),
        "batch losses": next((e for e, batches in enumerate(curves.batch_losses) if not _all_finite(batches)), None),
    }
    if step is not None and epochs["batch losses"] is None:
        epochs["batch losses"] = _epoch_of(step, curves)
    bad = {name: epoch for name, epoch in epochs.items() if epoch is not None}
    if not bad:
        return None
    name = min(bad, key=lambda key: bad[key])
    where = f"epoch {bad[name] + 1}" + ("" if step is None else f", update {step + 1}")
    evidence = {"epoch": float(bad[name])} | ({} if step is None else {"step": float(step)})
    return Finding(
        "non_finite",
        "error",
        f"The {name.replace('_', ' ')} became NaN or infinite in {where}; nothing after that can be trusted.",
        epoch=bad[name],
        step=step,
        evidence=evidence,
        causes=("lr_too_high", "nan_in_inputs", "input_not_normalized", "exploding_gradient"),
        advice=(Advice("learning_rate", "lower", 10.0), Advice("clipnorm", "set", 1.0)),
    )


def _epoch_of(step: int, curves: Curves) -> int:
    """Epoch of an update; groups of batches make it a lower bound of updates per epoch, else epoch 0."""
    sizes = [len(batches) for batches in curves.batch_losses[:1]]
    return min(step // sizes[0], len(curves.loss) - 1) if sizes and sizes[0] < 64 else 0


def _finite_prefix(curves: Curves, broken: Finding | None) -> Curves:
    if broken is None or broken.epoch is None:
        return curves
    end, step = broken.epoch, broken.step
    cut = {name: getattr(curves, name)[:end] for name in ("loss", "val_loss", "metric", "val_metric", "batch_losses")}
    return replace(curves, **cut, first_batches=curves.first_batches[:step])


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, _SMOOTHING, "valid")


def _noise(values: np.ndarray) -> float:
    """Standard deviation of the noise of a smooth curve, from the median of its second differences."""
    if len(values) < 4:
        return math.inf
    return float(1.4826 * np.median(np.abs(np.diff(values, 2))) / math.sqrt(6))


@dataclass(frozen=True)
class _Run:
    """The finite part of a run, and the quantities that several rules ask of it."""

    curves: Curves

    @cached_property
    def loss(self) -> np.ndarray:
        return np.asarray(self.curves.loss, dtype="float64")

    @cached_property
    def start(self) -> float:
        """Loss before training: the first update where it was seen, else the first epoch."""
        first = self.curves.first_batches[:1] or self.curves.loss[:1]
        return max((*first, *self.curves.loss[:1]), default=0.0)

    @cached_property
    def positive(self) -> bool:
        """Whether ratios of losses mean something."""
        return len(self.loss) > 0 and float(self.loss.min()) >= 0 and self.start > 0

    @cached_property
    def share_done(self) -> float:
        return len(self.loss) / self.curves.epochs if self.curves.epochs else 1.0

    @cached_property
    def solved(self) -> bool:
        return self.positive and float(self.loss[-3:].mean()) < _limit("solved_share") * self.start

    def standard_errors(self, first: int, last: int) -> np.ndarray:
        """Standard error of the epoch losses `first:last` from their batches; NaN where unknown.

        Differences of neighbouring batches leave the trend within the epoch out.
        """
        return np.array([_standard_error(batches) for batches in self.curves.batch_losses[first:last]])

    @cached_property
    def rises(self) -> _Rises:
        """Rises of the training loss beyond its noise, in the window that the rules look at."""
        first = max(1, len(self.loss) - int(_limit("window_epochs")))
        previous, level = self.loss[first - 1 : -1], float(np.median(self.loss[first:]))
        up = np.diff(self.loss[first - 1 :])
        high = up > np.maximum(_limit("rise_share") * level, _limit("rise_share") * previous)
        if high.any():
            errors = self.standard_errors(first - 1, len(self.loss))
            if len(errors) == len(up) + 1 and np.all(np.isfinite(errors)):
                high &= up > _limit("standard_errors") * np.hypot(errors[1:], errors[:-1])
        where = np.flatnonzero(high)
        return _Rises(len(up), len(where), first + int(where[0]) if len(where) else first, level, float(up.max()))

    @cached_property
    def simple(self) -> SimpleBaseline:
        found = self.curves.simple() if self.curves.simple else SimpleBaseline(None, None)
        # A perfect loss on noisy validation rows is the memory of shared rows, not a mark to beat.
        return SimpleBaseline(None, None) if found.loss is not None and found.loss <= 0 else found

    @cached_property
    def accuracy_like(self) -> bool:
        values = self.curves.val_metric or self.curves.metric
        return self.curves.higher_is_better and bool(values) and min(values) >= 0 and max(values) <= 1

    @cached_property
    def rows(self) -> int:
        return self.curves.validation_rows or int(_limit("assumed_rows"))


@dataclass(frozen=True)
class _Rises:
    epochs: int
    count: int
    first: int
    level: float
    largest: float

    @property
    def share(self) -> float:
        return self.count / self.epochs if self.epochs else 0.0


def _standard_error(batches: Sequence[float]) -> float:
    if len(batches) < 4:
        return math.nan
    steps = np.diff(np.asarray(batches, dtype="float64"))
    return math.sqrt(float(np.dot(steps, steps)) / len(steps) / 2 / len(batches))


def _rate_too_high(run: _Run) -> Finding | None:
    return _spike(run) or _stays_high(run)


def _too_high(message: str, epoch: int, evidence: dict[str, float], level: Level, step: int | None = None) -> Finding:
    return Finding(
        "learning_rate_too_high",
        level,
        message,
        epoch=epoch,
        step=step,
        evidence=evidence,
        causes=("lr_too_high", "input_not_normalized", "target_not_normalized", "large_init"),
        advice=(Advice("learning_rate", "lower", 10.0),),
    )


def _spike(run: _Run) -> Finding | None:
    """A sustained rise of the first updates far above the initial loss."""
    first = np.asarray(run.curves.first_batches[: int(_limit("spike_updates"))])
    width = int(np.clip(math.ceil(_limit("spike_rows") / (run.curves.batch_size or 32)), 2, 16))
    if len(first) <= width or first.min() < 0 or first.max() < _limit("spike_ratio") * first[0]:
        return None
    reference = max(float(first[0]), run.curves.constant_loss or 0.0)
    if run.curves.constant_loss is None:
        # A first batch of few rows may be low by luck.
        reference = max(reference, float(first[:width].mean()) if width > 2 else 0.0)
    levels = np.convolve(first, np.full(width, 1 / width), "valid")
    ratio = float(levels.max()) / reference if reference > 0 else 0.0
    if ratio < _limit("spike_ratio"):
        return None
    step = int(np.argmax(levels >= _limit("spike_ratio") * reference)) + width - 1
    message = f"Within the first {len(first)} updates the loss rose to {ratio:.3g} times its initial {reference:.3g}."
    return _too_high(message, 0, {"ratio": ratio, "initial_loss": reference, "updates": len(first)}, "warning", step)


def _stays_high(run: _Run) -> Finding | None:
    """A fast drop, then most of the run flat far above zero; a warning only with support."""
    epochs = len(run.loss)
    if epochs < _limit("flat_epochs") or not run.positive or run.solved or run.share_done < _limit("late_share"):
        return None
    early, tail = epochs // 4, run.loss[epochs // 4 :]
    level = float(np.median(tail))
    drop = (run.start - level) / run.start
    if drop < _limit("high_drop") or level < _limit("high_level") * run.start or not _stands_still(tail):
        return None
    evidence = {"drop": drop, "level": level, "rise_share": run.rises.share}
    wiggles = run.rises.share >= _limit("rise_epochs")
    worse = (_worse_than_simple(run) if not wiggles else None) or {}
    if not wiggles and not (worse and run.rises.count):
        return None
    message = f"The loss dropped to {level:.3g} by epoch {early + 1} and then stayed there, going up and down."
    return _too_high(message, early, evidence | worse, "warning")


def _rate_too_low(run: _Run) -> Finding | None:
    """A loss that falls in a straight line, with little done by the time it is read."""
    early = run.share_done < 1
    if len(run.loss) < 2 or not run.positive or run.share_done < _limit("early_share") or _validation_rises(run):
        return None
    line = _line(run)
    if len(line) < _limit("line_points") or line[-1] >= line[0]:
        return None
    drop, ratio, signal = _straightness(line)
    least = _limit("line_ratio_early") if early else _limit("line_ratio_end")
    if not 0 < drop <= _limit("line_drop") * run.share_done or signal < _limit("line_signal"):
        return None
    if not least <= ratio <= _limit("line_ratio_most"):
        return None
    worse = _worse_than_simple(run)
    if worse is not None and not worse:
        return None
    return Finding(
        "learning_rate_too_low",
        "warning",
        f"The loss fell in a straight line, and by only {drop:.1%} in {len(run.loss)} epochs: "
        f"the second half brought {ratio:.2f} times the first.",
        epoch=len(run.loss) - 1 if early else 0,
        evidence={"drop": drop, "half_ratio": ratio, "signal_to_noise": signal} | (worse or {}),
        causes=("lr_too_low", "optimizer_too_slow", "batch_too_large_for_budget", "too_few_epochs"),
        advice=(Advice("learning_rate", "raise", 3.0), Advice("epochs", "raise", 3.0)),
    )


def _straightness(line: np.ndarray) -> tuple[float, float, float]:
    """Relative drop, drop of the second half over the first, and slope over its standard error, of a parabola fit."""
    x = np.linspace(-1, 1, len(line))
    bow = x * x - np.mean(x * x)
    slope, bend = float(x @ line) / float(x @ x), float(bow @ line) / float(bow @ bow)
    residual = line - line.mean() - slope * x - bend * bow
    error = math.sqrt(float(residual @ residual) / (len(line) - 3) / float(x @ x))
    first = float(line.mean() - slope + bend * bow[0])
    ratio = (-slope - bend) / (bend - slope) if bend > slope else 0.0
    return -2 * slope / first if first > 0 else 0.0, ratio, min(-slope / max(error, 1e-12 * first), 1e6)


def _line(run: _Run) -> np.ndarray:
    """The training loss in at most 24 bins, from where it has reached the constant prediction."""
    points = int(_limit("line_bins"))
    losses: np.ndarray = run.loss
    if len(losses) < points and run.curves.batch_losses:
        losses = np.concatenate([np.asarray(batches) for batches in run.curves.batch_losses])
    edges = np.linspace(0, len(losses), min(points, len(losses)) + 1).astype(int)
    bins = np.add.reduceat(losses, edges[:-1]) / np.diff(edges)
    below = np.flatnonzero(bins <= (run.curves.constant_loss or math.inf))
    return bins[below[0] :] if len(below) and below[0] <= len(bins) // 2 else bins


def _validation_rises(run: _Run) -> bool:
    """Whether validation does not follow the training loss down: then the rate is not what is wrong."""
    values = run.curves.val_loss
    return len(values) >= 3 and values[-1] >= values[0]


def _oscillating(run: _Run) -> Finding | None:
    if len(run.loss) < _limit("flat_epochs") or not run.positive or run.solved:
        return None
    rises = run.rises
    if rises.count < _limit("rise_count") or rises.share < _limit("rise_epochs"):
        return None
    if rises.level < _limit("oscillation_level") * run.start:
        return None
    return Finding(
        "oscillating",
        "warning",
        f"The training loss rose by more than its noise in {rises.count} of {rises.epochs} epochs, "
        f"at most by {rises.largest:.3g} around a level of {rises.level:.3g}.",
        epoch=rises.first,
        evidence={"rise_share": rises.share, "largest_rise": rises.largest, "level": rises.level},
        causes=("batch_too_small", "lr_too_high"),
        advice=(Advice("batch_size", "raise", 4.0), Advice("learning_rate", "lower", 10.0)),
    )


def _overfitting(run: _Run) -> Finding | None:
    grown = _validation_loss_grows(run)
    worse = _validation_metric_falls(run)
    if worse is None and grown is None:
        return None
    evidence = (grown or {}) | (worse or {})
    best = int(evidence["best_epoch"])
    what = "metric" if worse and run.curves.val_metric else "loss"
    numbers = ("best", "now") if worse else ("best_loss", "loss_now")
    return Finding(
        "overfitting",
        "warning" if worse else "info",
        f"Since epoch {best + 1} the training rows get better and the validation {what} worse: it was best there "
        f"with {evidence[numbers[0]]:.4g} and is now {evidence[numbers[1]]:.4g}.",
        epoch=best + 1,
        evidence=evidence,
        causes=("overfitting", "missing_regularization", "labels_corrupted"),
        advice=(Advice("epochs", "set", float(best + 1)), Advice("dropout", "raise"), Advice("weight_decay", "raise")),
    )


def _validation_loss_grows(run: _Run) -> dict[str, float] | None:
    values = np.asarray(run.curves.val_loss, dtype="float64")
    if len(values) < _limit("grown_epochs") + 1 or not _improves(run, int(values.argmin())):
        return None
    best, lowest = int(values.argmin()), float(values.min())
    since = values[best:]
    if float(since[-int(_limit("grown_epochs")) :].min()) <= lowest + _limit("standard_errors") * _val_error(
        run, values
    ):
        return None
    if len(since) <= _limit("grown_epochs"):
        return None
    return {"best_epoch": float(best), "best_loss": lowest, "loss_now": float(values[-1])}


def _val_error(run: _Run, values: np.ndarray) -> float:
    """Standard error of one value of the validation loss: the jitter of the curve, at least 1 % of it."""
    jitter = _noise(values) if len(values) >= 4 else 0.0
    return max(jitter, _limit("least_error") * abs(float(values.min())))


def _improves(run: _Run, since: int) -> bool:
    """Whether the training rows got better after an epoch, in loss and metric, without going up and down."""
    if len(run.loss) <= since + 1 or run.loss[-2:].mean() >= run.loss[since : since + 2].mean():
        return False
    metric = np.asarray(run.curves.metric, dtype="float64") * (1 if run.curves.higher_is_better else -1)
    if len(metric) == len(run.loss) and metric[-2:].mean() < metric[since : since + 2].mean():
        return False
    return run.rises.share < _limit("rise_epochs")


def _validation_metric_falls(run: _Run) -> dict[str, float] | None:
    """The validation metric below its smoothed best by more than its standard error allows."""
    curves = run.curves
    values = np.asarray(curves.val_metric or curves.val_loss, dtype="float64")
    sign = 1.0 if curves.val_metric and curves.higher_is_better else -1.0
    if len(values) < _limit("metric_epochs"):
        return None
    smooth = sign * _smooth(values)
    best = int(smooth.argmax())
    lost = float(smooth[best] - smooth[-1])
    solved = not curves.val_metric and abs(float(smooth[-1])) < _limit("solved_share") * run.start
    if lost <= 0 or solved or not _improves(run, best + 1):
        return None
    # The best of many epochs is better than it deserves by about this much (largest of normal values).
    luck = _noise(values) * math.sqrt(2 * math.log(len(smooth)) / len(_SMOOTHING))
    if lost <= luck + _limit("standard_errors") * _metric_error(run, values, sign * float(smooth[best])):
        return None
    return {"best_epoch": float(best + 1), "best": sign * float(smooth[best]), "now": sign * float(smooth[-1])}


def _metric_error(run: _Run, values: np.ndarray, best: float) -> float:
    """Standard error of the difference of two values of the validation metric."""
    jitter = _noise(values)
    if run.curves.val_metric and run.accuracy_like:
        return max(jitter, _binomial(best, run.rows))
    return max(jitter, abs(best) * math.sqrt(2 / run.rows))


def _binomial(share: float, rows: int) -> float:
    """Standard error of a share, never zero (Agresti and Coull 1998)."""
    adjusted = (share * rows + 2) / (rows + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (rows + 4))


def _underfitting(run: _Run) -> Finding | None:
    if len(run.loss) < _limit("flat_epochs") or run.share_done < _limit("late_share") or run.solved:
        return None
    if not _flat(run) or not _small_gap(run):
        return None
    worse = _worse_than_simple(run) or {}
    if not worse and not _poor(run):
        return None
    level: Level = "warning" if worse else "info"
    last = float(run.loss[-1])
    seen = f"Training has flattened out at a loss of {last:.4g}"
    than = (
        f"; a simple model reaches {worse['simple']:.4g} where this one reaches {worse['model']:.4g}" if worse else ""
    )
    return Finding(
        "underfitting",
        level,
        f"{seen}{than}.",
        epoch=len(run.loss) - max(4, len(run.loss) // 3),
        evidence={"loss": last} | worse,
        causes=("capacity_too_small", "over_regularized", "lr_too_high", "wrong_output_activation", "dying_relu"),
        advice=(Advice("units", "raise", 4.0), Advice("regularization", "lower", 10.0)),
    )


def _flat(run: _Run) -> bool:
    """Whether the last third of the loss, or the training metric, stands still."""
    metric = run.curves.metric[-max(4, len(run.loss) // 2) :]
    pinned = len(metric) >= _limit("flat_epochs") // 2 and min(metric) == max(metric)
    if not pinned and not _stands_still(_last_third(run.loss)):
        return False
    # Dropout can hide from the training loss that the model still learns; after the last epoch it no longer can.
    return pinned or run.share_done >= 1 or _stands_still(_last_third(run.curves.val_loss))


def _last_third(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(values[-max(4, len(values) // 3) :], dtype="float64")


def _stands_still(tail: np.ndarray) -> bool:
    """Whether a line through the values does not fall beyond its error, or falls by almost nothing."""
    if len(tail) < 4:
        return True
    x = np.arange(len(tail)) - (len(tail) - 1) / 2
    slope = float(x @ tail) / float(x @ x)
    residual = tail - tail.mean() - slope * x
    error = math.sqrt(float(residual @ residual) / (len(tail) - 2) / float(x @ x))
    small = -slope * len(tail) < _limit("flat_drop") * abs(float(tail[-1]))
    return small or slope > -_limit("standard_errors") * error


def _small_gap(run: _Run) -> bool:
    curves = run.curves
    if curves.metric and curves.val_metric and run.accuracy_like:
        gap = curves.metric[-1] - curves.val_metric[-1]
        return gap <= _limit("standard_errors") * _binomial(curves.val_metric[-1], run.rows)
    if not curves.val_loss:
        return True
    # The epoch loss is the mean of a moving model, half an epoch behind the validation loss.
    train = float(run.loss[-1] + (run.loss[-1] - run.loss[-2]) / 2)
    spread = _limit("standard_errors") * math.sqrt(2 / run.rows)
    return curves.val_loss[-1] <= train + spread * abs(train)


def _worse_than_simple(run: _Run) -> dict[str, float] | None:
    """Both results where all comparable measures prefer the simple model, else empty; `None` without any."""
    curves = run.curves
    if curves.simple is None or not curves.val_loss:
        return None
    simple, pairs = run.simple, []
    if simple.loss is not None:
        pairs.append((_recent(curves.val_loss, -1), simple.loss, -1))
    if simple.metric is not None and curves.val_metric and not (simple.loss is not None and run.accuracy_like):
        sign = 1 if curves.higher_is_better else -1
        pairs.append((_recent(curves.val_metric, sign), simple.metric, sign))
    if not pairs:
        return None
    if not all(sign * (mark - mine) > _margin(run, mine, mark, sign) for mine, mark, sign in pairs):
        return {}
    return {"model": pairs[-1][0], "simple": pairs[-1][1]}


def _recent(values: Sequence[float], sign: int) -> float:
    """Best value of the last third."""
    return sign * max(sign * value for value in values[-max(1, len(values) // 3) :])


def _margin(run: _Run, mine: float, mark: float, sign: int) -> float:
    if sign > 0 and run.accuracy_like:
        error = math.hypot(_binomial(mine, run.rows), _binomial(min(1.0, max(0.0, mark)), run.rows))
    else:
        error = math.hypot(mine, mark) * math.sqrt(2 / run.rows)
    return _limit("standard_errors") * error


def _poor(run: _Run) -> bool:
    if run.accuracy_like and run.curves.metric:
        return max(run.curves.metric) < _limit("poor_metric")
    return run.positive and float(run.loss[-1]) > _limit("poor_loss") * run.start
