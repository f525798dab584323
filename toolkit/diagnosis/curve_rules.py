"""Reads the curves of one training run and says what is wrong with them; numpy only, no Keras."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .catalogue import Level
from .curves import Curves, Run, stands_still, straightness
from .findings import Advice, Finding, rank
from .outcome_rules import not_learning, plateau, slow_causes, too_short, underfitting, worse_than_simple
from .thresholds import limit
from .validation_rules import mismatch, overfitting, validation_loss_grows, validation_rises

_CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


def read_curves(curves: Curves) -> list[Finding]:
    """Says what the curves of a run show; a run in good order gives no warning and no error.

    Args:
        curves: What was seen so far, at the end of an epoch or of the run.

    Returns:
        At most one finding per symptom, surest first: `non_finite`, `label_range` (a cross-entropy below
        zero), `diverging`, `learning_rate_too_high`, `learning_rate_too_low`, `oscillating`, `overfitting`,
        `validation_mismatch`, `not_learning`, `underfitting`, `plateau`, `still_improving`.

    Reference: Li et al., "CS231n: Convolutional Neural Networks for Visual Recognition", notes 3, for the
    shapes; Zhang et al., "AUTOTRAINER", ICSE 2021, for the symptoms.

    Example:

    >>> [finding.symptom for finding in read_curves(Curves(loss=(2.0, 1.0, float("nan"))))]
    ['non_finite']
    >>> read_curves(Curves(loss=tuple(2.0 * 0.8**epoch for epoch in range(30))))
    []
    """
    broken = _non_finite(curves)
    # What came before the NaN may still show why.
    run = Run(_finite_prefix(curves, broken))
    rules = (_negative, _diverging, _rate_too_high, _rate_too_low, _oscillating, overfitting, mismatch, not_learning)
    # Losses near the largest float overflow in sums and ratios, which the rules survive.
    with np.errstate(all="ignore"):
        found = [finding for rule in rules if len(run.loss) and (finding := rule(run))]
        # Broken in the first epoch: only its first batches can tell.
        if not run.curves.loss and (finding := _rate_too_high(run)):
            found.append(finding)
        # A wrong rate explains a poor result, so that underfitting would be a second name for it.
        for rule in (underfitting, plateau, too_short):
            known = {finding.symptom for finding in found}
            if "underfitting" not in known and not any(finding.level != "info" for finding in found):
                found += filter(None, [rule(run)])
    return rank([*filter(None, [broken]), *found])


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
    # Few first batches are kept, groups of a long epoch may hide a NaN between them.
    if step is not None and epochs["batch losses"] is None:
        epochs["batch losses"] = _epoch_of(step, curves)
    bad = {name: epoch for name, epoch in epochs.items() if epoch is not None}
    if not bad:
        return None
    name = min(bad, key=lambda key: bad[key])
    where = f"epoch {bad[name] + 1}" + ("" if step is None else f", update {step + 1}")
    evidence = {"epoch": float(bad[name])} | ({} if step is None else {"step": float(step)})
    causes, advice = too_far(curves)
    return Finding(
        "non_finite",
        "error",
        f"The {name.replace('_', ' ')} became NaN or infinite in {where}; nothing after that can be trusted.",
        epoch=bad[name],
        step=step,
        evidence=evidence,
        causes=causes,
        advice=advice,
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


def _negative(run: Run) -> Finding | None:
    """A cross-entropy below zero, which labels outside 0 to 1 alone can give."""
    name = run.curves.structure.loss if run.curves.structure else ""
    lowest = min(run.curves.loss)
    # Cross-entropies of users may subtract what they like.
    if name not in _CROSS_ENTROPIES or lowest >= -limit("least_error"):
        return None
    return Finding(
        "label_range",
        "error",
        f"The loss {name} has fallen to {lowest:.4g}, below zero: labels lie outside 0 to 1.",
        epoch=int(np.argmax(np.asarray(run.curves.loss) < 0)),
        evidence={"loss": lowest},
        causes=("labels_outside_loss_range", "output_units_mismatch", "labels_corrupted"),
        advice=(Advice("labels", "number from 0"),),
    )


def _diverging(run: Run) -> Finding | None:
    """A loss that has left its start far below, and stays up."""
    if len(run.loss) < 2 or not run.positive or run.curves.constant_loss == 0:
        return None
    # A start below a constant is luck; to climb back to the constant is no divergence.
    mark = max(float(run.loss[0]), run.start, run.constant or 0.0)
    # Two epochs: one may be a spike that comes back.
    now = float(run.loss[-2:].min())
    if now < limit("spike_ratio") * mark:
        return None
    causes, advice = too_far(run.curves)
    return Finding(
        "diverging",
        "error",
        f"The training loss has grown to {now / mark:.3g} times its start of {run.shown(mark):.4g}.",
        epoch=int(np.argmax(run.loss >= limit("spike_ratio") * mark)),
        evidence={"loss": run.shown(now), "start": run.shown(mark)},
        causes=causes,
        advice=advice,
    )


def _rate_too_high(run: Run) -> Finding | None:
    return _spike(run) or _stays_high(run)


def too_far(curves: Curves) -> tuple[tuple[str, ...], tuple[Advice, ...]]:
    """Why steps go too far, and what to do: where inputs or targets are large, these first, else the rate.

    Example:

    >>> causes, advice = too_far(Curves(loss=(), unscaled="inputs"))
    >>> causes[0], advice[0].value
    ('input_not_normalized', 'Standardize')
    """
    lower = Advice("learning_rate", "lower", curves.structure.lower_rate() if curves.structure else 10.0)
    after = (lower, Advice("clipnorm", "set", 1.0))
    if curves.unscaled == "inputs":
        first = Advice("normalization", "set", "Standardize")
        return ("input_not_normalized", "lr_too_high", "exploding_gradient", "nan_in_inputs"), (first, *after)
    if curves.unscaled == "targets":
        return ("target_not_normalized", "lr_too_high", "exploding_gradient"), (
            Advice("targets", "standardize"),
            *after,
        )
    return ("lr_too_high", "nan_in_inputs", "input_not_normalized", "exploding_gradient"), after


def _too_high(
    curves: Curves, message: str, epoch: int, evidence: dict[str, float], level: Level, step: int | None = None
) -> Finding:
    causes, advice = too_far(curves)
    return Finding(
        "learning_rate_too_high",
        level,
        message,
        epoch=epoch,
        step=step,
        evidence=evidence,
        causes=tuple(cause for cause in causes if cause != "nan_in_inputs"),
        advice=advice,
    )


def _spike(run: Run) -> Finding | None:
    """A sustained rise of the first updates far above the initial loss."""
    first = np.asarray(run.curves.first_batches[: int(limit("spike_updates"))])
    # Means over about 64 rows: single small batches reach 4 times the first one by scatter.
    width = int(np.clip(math.ceil(limit("spike_rows") / (run.curves.batch_size or 32)), 2, 16))
    if not run.curves.loss:
        # The first epoch broke down: few updates are left, and they are no scatter of small batches.
        width = min(width, max(1, len(first) // 3))
    if run.curves.weight_spread is None:
        return None
    # A batch of rows that count much has a large loss and shows nothing: what weights alone make by chance is
    # divided out, three standard errors of the mean weight of as many rows.
    rows = width * (run.curves.batch_size or 32)
    first = first / (1 + 3 * run.curves.weight_spread / math.sqrt(rows)) if run.curves.weight_spread else first
    # The cheap test first: without one such batch there can be no such mean.
    start = float(run.curves.first_batches[0]) if len(first) else 0.0
    if len(first) <= width or first.min() < 0 or first.max() < limit("spike_ratio") * start:
        return None
    reference = max(start, run.curves.constant_loss or 0.0)
    if run.curves.constant_loss is None:
        # A first batch of few rows may be low by luck.
        reference = max(reference, float(np.mean(run.curves.first_batches[:width])) if width > 2 else 0.0)
    levels = np.convolve(first, np.full(width, 1 / width), "valid")
    ratio = float(levels.max()) / reference if reference > 0 else 0.0
    if ratio < limit("spike_ratio"):
        return None
    step = int(np.argmax(levels >= limit("spike_ratio") * reference)) + width - 1
    message = f"Within the first {len(first)} updates the loss rose to {ratio:.3g} times its initial {reference:.3g}."
    return _too_high(
        run.curves,
        message,
        0,
        {"ratio": ratio, "initial_loss": reference, "updates": float(len(first))},
        "warning",
        step,
    )


def _stays_high(run: Run) -> Finding | None:
    """A fast drop, then most of the run flat far above zero; a warning only with support."""
    epochs = len(run.loss)
    if epochs < limit("flat_epochs") or not run.positive or run.solved or run.share_done < limit("late_share"):
        return None
    # A high rate falls fast: what is not done in a quarter of the run is slow, not high.
    early, tail = epochs // 4, run.loss[epochs // 4 :]
    level = float(np.median(tail))
    drop = (run.start - level) / run.start
    if drop < limit("high_drop") or level < limit("high_level") * run.start or not stands_still(tail):
        return None
    evidence = {"drop": drop, "level": run.shown(level), "rise_share": run.rises.share}
    wiggles = run.rises.oscillate
    # The simple model is made when it is first asked for: not where the wiggles settle it alone.
    worse = (worse_than_simple(run) if not wiggles else None) or {}
    if not wiggles and not (worse and run.rises.where):
        return None
    message = (
        f"The loss dropped to {run.shown(level):.3g} by epoch {early + 1} and then stayed there, going up and down."
    )
    return _too_high(run.curves, message, early, evidence | worse, "warning")


def _rate_too_low(run: Run) -> Finding | None:
    """A loss that falls in a straight line, with little done by the time it is read."""
    early = run.share_done < 1
    if len(run.loss) < 2 or not run.positive or run.share_done < limit("early_share") or validation_rises(run):
        return None
    line = _line(run)
    if len(line) < limit("line_points") or line[-1] >= line[0]:
        return None
    drop, ratio, signal = straightness(line)
    least = limit("line_ratio_early") if early else limit("line_ratio_end")
    # Slow starters fall in a line too; they drop by more than this.
    if not 0 < drop <= limit("line_drop") * run.share_done or signal < limit("line_signal"):
        return None
    # Below: it bends and comes to rest. Above: it is only about to begin.
    if not least <= ratio <= limit("line_ratio_most"):
        return None
    worse = worse_than_simple(run)
    # As good as a simple model, or about to overfit: a higher rate would not help either.
    if (worse is not None and not worse) or validation_loss_grows(run):
        return None
    return Finding(
        "learning_rate_too_low",
        "warning",
        f"The loss fell in a straight line, and by only {drop:.1%} in {len(run.loss)} epochs: "
        f"the second half brought {ratio:.2f} times the first.",
        epoch=0,
        evidence={"drop": drop, "half_ratio": ratio, "signal_to_noise": signal} | (worse or {}),
        causes=slow_causes(run),
        advice=(Advice("learning_rate", "raise", 3.0), Advice("epochs", "raise", 3.0)),
    )


def _line(run: Run) -> np.ndarray:
    """The training loss in at most 24 bins, from where it has reached the constant prediction."""
    points = int(limit("line_bins"))
    losses: np.ndarray = run.loss
    # Too few epochs to see a bend: their batches have the points.
    if len(losses) < points and run.curves.batch_losses:
        losses = np.concatenate([np.asarray(batches) for batches in run.curves.batch_losses]) - run.curves.least_loss
    edges = np.linspace(0, len(losses), min(points, len(losses)) + 1).astype(int)
    bins = np.add.reduceat(losses, edges[:-1]) / np.diff(edges)
    # What leads down to a constant is only the undoing of the start.
    below = np.flatnonzero(bins <= (run.constant or math.inf))
    return bins[below[0] :] if len(below) and below[0] <= len(bins) // 2 else bins


def _oscillating(run: Run) -> Finding | None:
    if len(run.loss) < limit("flat_epochs") or not run.positive or run.solved:
        return None
    rises = run.rises
    if not rises.oscillate or rises.level < limit("oscillation_level") * run.start:
        return None
    # Jitter around a level that no simple model reaches is how a good run ends.
    if rises.level < limit("high_level") * run.start and worse_than_simple(run) == {}:
        return None
    # 32 is what Keras takes where none is given.
    small = (run.curves.batch_size or 32) < limit("small_batch")
    return Finding(
        "oscillating",
        "warning",
        f"The training loss lay above its best by more than its noise in {len(rises.where)} of {rises.epochs} epochs, "
        f"at most by {rises.largest:.3g} around a level of {run.shown(rises.level):.3g}.",
        epoch=rises.where[0],
        evidence={"rise_share": rises.share, "largest_rise": rises.largest, "level": run.shown(rises.level)},
        causes=("batch_too_small", "lr_too_high") if small else ("lr_too_high", "batch_too_small"),
        advice=(Advice("batch_size", "raise", 4.0), Advice("learning_rate", "lower", 10.0)),
    )
