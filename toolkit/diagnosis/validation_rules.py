"""What the validation curves show against the training curves: overfitting, and rows that do not match."""

from __future__ import annotations

import math

import numpy as np

from .curves import SMOOTHING, Run, binomial_error, noise_of
from .findings import Advice, Finding
from .thresholds import limit


def validation_rises(run: Run) -> bool:
    """Whether validation lost half of its gain or had none: then the rate is not what is wrong.

    Example:

    >>> from trainwise.toolkit.diagnosis.curves import Curves
    >>> validation_rises(Run(Curves(loss=(3.0, 2.0, 1.0), val_loss=(3.0, 2.0, 2.9))))
    True
    """
    values = run.curves.val_loss
    # A rate that is too low would leave the validation loss falling, however slowly.
    return len(values) >= 3 and values[-1] >= (values[0] + min(values)) / 2


def overfitting(run: Run) -> Finding | None:
    """Training rows that get better while the validation rows get worse."""
    grown = validation_loss_grows(run)
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
        advice=(Advice("epochs", "set", best + 1), Advice("dropout", "raise"), Advice("weight_decay", "raise")),
    )


def validation_loss_grows(run: Run) -> dict[str, float] | None:
    """The best validation loss and the present one, where it has grown beyond its jitter; else `None`."""
    values = np.asarray(run.curves.val_loss, dtype="float64")
    if len(values) < limit("grown_epochs") + 1 or not _improves(run, int(values.argmin())):
        return None
    best, lowest = int(values.argmin()), float(values.min())
    since = values[best:]
    # The lowest of the last epochs: one bad value of a jittery curve proves nothing.
    if float(since[-int(limit("grown_epochs")) :].min()) <= lowest + limit("standard_errors") * _val_error(run, values):
        return None
    # The slice above would hold the best epoch itself.
    if len(since) <= limit("grown_epochs"):
        return None
    return {"best_epoch": float(best), "best_loss": lowest, "loss_now": float(values[-1])}


def _val_error(run: Run, values: np.ndarray) -> float:
    """Standard error of one value of the validation loss: the jitter of the curve, at least 1 % of it."""
    jitter = noise_of(values) if len(values) >= 4 else 0.0
    return max(jitter, limit("least_error") * abs(float(values.min())))


def _improves(run: Run, since: int) -> bool:
    """Whether the training rows got better after an epoch, in loss and metric, without going up and down."""
    if len(run.loss) <= since + 1 or run.loss[-2:].mean() >= run.loss[since : since + 2].mean():
        return False
    metric = np.asarray(run.curves.metric, dtype="float64") * (1 if run.curves.higher_is_better else -1)
    # A lower loss with a worse metric is no learning by heart, so it does not count as better.
    if len(metric) == len(run.loss) and metric[-2:].mean() < metric[since : since + 2].mean():
        return False
    # A loss that goes up and down is named `oscillating`; its validation curve falls and rises with it.
    return not run.rises.oscillate


def _validation_metric_falls(run: Run) -> dict[str, float] | None:
    """The validation metric below its smoothed best by more than its standard error allows."""
    curves = run.curves
    values = np.asarray(curves.val_metric or curves.val_loss, dtype="float64")
    sign = 1.0 if curves.val_metric and curves.higher_is_better else -1.0
    if len(values) < limit("metric_epochs"):
        return None
    smooth = sign * np.convolve(values, SMOOTHING, "valid")
    best = int(smooth.argmax())
    now = float(smooth[-int(limit("grown_epochs")) :].max())
    lost = float(smooth[best]) - now
    # Near zero the loss doubles by chance: what is solved may not be called worse.
    solved = not curves.val_metric and abs(now) < limit("solved_share") * run.start
    if not lost > 0 or solved or not _improves(run, best + 1):
        return None
    # The best of many epochs is better than it deserves by about this much (largest of normal values).
    luck = noise_of(values) * math.sqrt(2 * math.log(len(smooth)) / len(SMOOTHING))
    if not lost > luck + limit("standard_errors") * _metric_error(run, values, sign * float(smooth[best])):
        return None
    return {"best_epoch": float(best + 1), "best": sign * float(smooth[best]), "now": sign * now}


def _metric_error(run: Run, values: np.ndarray, best: float) -> float:
    """Standard error of the difference of two values of the validation metric."""
    jitter = noise_of(values)
    if run.curves.val_metric and run.accuracy_like:
        return max(jitter, binomial_error(best, run.rows))
    # No binomial law for a loss: a spread as large as its value is assumed for each row, two values compared.
    return max(jitter, abs(best) * math.sqrt(2 / run.rows))


def mismatch(run: Run) -> Finding | None:
    """Validation worse than a constant from the first epoch on, while training is better than it.

    The mean of an epoch's batches lags half an epoch behind the validation loss, so that a healthy run
    has the lower loss there at first.
    """
    curves = run.curves
    constant = curves.constant_val_loss or curves.constant_loss
    if constant is None or constant <= 0 or len(curves.val_loss) < limit("budget_epochs"):
        return None
    if run.share_done < limit("early_share") or len(curves.val_loss) != len(run.loss):
        return None
    # A training loss of zero must not divide.
    worst = [value / max(loss, 1e-12) for value, loss in zip(curves.val_loss, run.loss, strict=True)]
    apart = min(worst) >= limit("mismatch_ratio") and min(curves.val_loss) >= constant
    # A loss that falls to half of its start is on its way down; rows prepared otherwise stay bad.
    recovers = curves.val_loss[-1] < curves.val_loss[0] / limit("mismatch_ratio")
    if not apart or recovers or float(run.loss[0]) > constant:
        return None
    return Finding(
        "validation_mismatch",
        "warning",
        f"From the first epoch on the validation loss is at least {min(worst):.3g} times the training loss, and worse "
        "than a constant prediction.",
        epoch=0,
        evidence={"ratio": min(worst), "val_loss": curves.val_loss[-1]},
        causes=("val_not_preprocessed", "train_val_mismatch", "labels_corrupted"),
        advice=(Advice("validation rows", "prepare like the training rows"),),
    )
