"""What a run has come to, judged against what a constant and simple models reach; numpy only, no Keras."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .catalogue import Level
from .curves import Run, binomial_error, last_third, stands_still, straightness
from .findings import Advice, Finding
from .loss_shapes import FEWEST, best_before_falling, still_falls
from .thresholds import limit

# Of a model that has learnt something and then stands still.
_NOTHING = 1e-9
_EXCLUSIVE = ("categorical_crossentropy", "sparse_categorical_crossentropy")
_POORER = ("capacity_too_small", "wrong_output_activation", "lr_too_high")


def not_learning(run: Run) -> Finding | None:
    """A result that a constant prediction reaches too, where that cannot be the beginning only.

    Example:

    >>> from trainwise.toolkit.diagnosis.curves import Curves
    >>> flat = Run(Curves(loss=(0.7,) * 20, epochs=20, constant_loss=0.69))
    >>> not_learning(flat).symptom
    'not_learning'
    """
    if len(run.loss) < limit("budget_epochs") or run.share_done < limit("early_share"):
        return None
    if run.constant is not None and abs(run.constant) < _NOTHING:
        return equal_targets("warning", {"constant": 0.0}, epoch=0)
    chance = _at_chance(run)
    pinned = _pinned(run)
    if not chance and not pinned:
        return None
    still = not _falls_steadily(run) and stands_still(last_third(run.loss))
    # Slow starters look the same at 30 % of the budget; what still moves gets the rest of it.
    if run.share_done < 1 and not pinned and (len(run.loss) < limit("flat_epochs") or not still):
        return None
    causes, advice = _reasons(run, still, bool(pinned))
    found = chance or pinned
    return Finding(
        "not_learning",
        "warning",
        f"After {len(run.loss)} epochs the model does no better than a constant prediction: "
        f"{found['model']:.4g} beside {found['constant']:.4g}{_beyond_chance(run, found)}.",
        epoch=max(0, len(run.loss) - max(4, len(run.loss) // 3)),
        evidence=found,
        causes=causes,
        advice=advice,
    )


def _falls_steadily(run: Run) -> bool:
    """Whether a run too short for a line through its last epochs has fallen in each, and by more than a little."""
    if len(run.loss) >= limit("flat_epochs") or len(run.loss) < limit("budget_epochs"):
        return False
    fallen = float(run.loss[0] - run.loss[-1])
    return bool(np.all(np.diff(run.loss) < 0)) and fallen > limit("flat_drop") * abs(float(run.loss[0]))


def learns(run: Run) -> bool:
    """Whether the last epochs are known to be better than a constant prediction, in a run whose loss is not flat.

    Example:

    >>> from trainwise.toolkit.diagnosis.curves import Curves
    >>> learns(Run(Curves(loss=(0.7,) * 9 + (0.3, 0.1, 0.05, 0.04), constant_loss=0.69)))
    True
    """
    if not len(run.loss) or run.constant is None or run.constant <= 0:
        return False
    # The last epochs alone: a slow start weighs on the median of a third.
    losses = run.curves.val_loss[-3:] if run.curves.val_loss and run.curves.constant_val_loss else ()
    level, mark = float(np.median(run.loss[-3:])), run.constant
    if losses:
        level = float(np.median(losses)) - run.curves.least_val_loss
        mark = (run.curves.constant_val_loss or 0.0) - run.curves.least_val_loss
    return level < limit("fallen_metric") * mark


def equal_targets(level: Level, evidence: dict[str, float], epoch: int | None = None) -> Finding:
    """Targets that are all the same, whoever sees it: an error before a fit, a warning where it has run already.

    Information where nobody knows whether the loss looks at them.
    """
    return Finding(
        "not_learning",
        level,
        "All training targets are equal: "
        + ("a loss that looks at them has nothing to learn." if level == "info" else "there is nothing to learn."),
        epoch=epoch,
        evidence=evidence,
        causes=("labels_corrupted",),
        advice=(Advice("targets", "look at"),),
    )


def _at_chance(run: Run) -> dict[str, float]:
    """Result and constant where the one is no better than the other; empty else, or where it cannot be told."""
    curves = run.curves
    # The validation rows first: training rows learnt by heart beat a constant too.
    losses, constant, least = curves.val_loss, curves.constant_val_loss, curves.least_val_loss
    if constant is None or not losses:
        losses, constant, least = curves.loss, curves.constant_loss, curves.least_loss
    by_loss = None
    if constant is not None and constant > least and losses and _penalty_known(run):
        best = _typical(losses) - (_typical(curves.penalty) if curves.penalty else 0.0)
        by_loss = {"model": best, "constant": constant}
        # Better in one measure is better: a rare class lowers the loss long before the accuracy moves.
        if best - least < (1 - _least_gain(run)) * (constant - least):
            return {}
    values, base = curves.val_metric or (), run.chance
    if not run.accuracy_like or base is None or not values:
        return by_loss or {}
    # Noise of so many rows alone lifts a constant's accuracy by this much now and then.
    best = _typical(values)
    if best > base + limit("standard_errors") * binomial_error(base, run.rows):
        return {}
    return {"model": best, "constant": base}


def _beyond_chance(run: Run, found: dict[str, float]) -> str:
    """Why a metric that looks better than a constant's is none: so few rows give it by chance."""
    # By half a row at least: what is equal is no matter of chance.
    better = run.accuracy_like and found["model"] > found["constant"] + 0.5 / run.rows
    return f", which {run.rows} rows give by chance" if better and run.chance == found["constant"] else ""


def _penalty_known(run: Run) -> bool:
    """Whether the loss can be told apart from the penalties in it, which a constant prediction does not pay."""
    made = run.curves.structure
    return bool(run.curves.penalty) or made is None or not made.penalised


def _least_gain(run: Run) -> float:
    """Share of a constant's loss that must be gained to be more than chance: less, the more rows there are."""
    return min(1 - limit("not_learning_loss"), limit("standard_errors") * math.sqrt(2 / run.rows))


def _typical(values: Sequence[float]) -> float:
    """Median of the last third: the best of many epochs owes too much to luck."""
    return float(np.median(last_third(values)))


def _pinned(run: Run) -> dict[str, float]:
    """An accuracy that does not move at all while the loss falls: the predictions are not what the loss sees."""
    values = run.curves.metric
    # A recall or an IoU may stand still for long while the loss falls, an accuracy may not.
    if run.kind != "accuracy":
        return {}
    if len(values) < limit("flat_epochs") or not run.accuracy_like or not run.positive or len(set(values)) > 1:
        return {}
    # The accuracy of a regression is always 0, and that of a solved task 1.
    made = run.curves.structure
    if not 0 < values[0] < 1 or (made is not None and "crossentropy" not in made.loss):
        return {}
    # The start may be far above a constant: falling to that level is no learning.
    mark = min(run.start, run.constant or run.start)
    if float(run.loss[-1]) > limit("fallen_metric") * mark:
        return {}
    return {"model": values[-1], "constant": values[0], "loss": run.shown(float(run.loss[-1]))}


def _reasons(run: Run, still: bool, pinned: bool) -> tuple[tuple[str, ...], tuple[Advice, ...]]:
    """Causes in the order in which a person would rule them out, with the advice of the first."""
    made = run.curves.structure
    raise_rate = (Advice("learning_rate", "raise", 10.0), Advice("epochs", "raise", 3.0))
    lower_rate = (Advice("learning_rate", "lower", 10.0), Advice("kernel_initializer", "set", "he_normal"))
    # Keras normalises such answers and most models learn with them; one that does not has here its first suspect.
    if made is not None and made.activation == "sigmoid" and made.loss in _EXCLUSIVE:
        return (
            ("sigmoid_with_cce", "wrong_output_activation", "lr_too_high"),
            (Advice("output_activation", "set", "softmax"),),
        )
    if pinned:
        return (
            ("wrong_output_activation", "wrong_loss", "dying_relu"),
            (Advice("output_activation", "set", "one that fits the loss"),),
        )
    # Where even simple models find nothing, no change of the model can help: look at the labels.
    if _no_signal(run):
        return (
            ("labels_shuffled", "labels_corrupted", "lr_too_high"),
            (Advice("targets", "compare with their inputs"),),
        )
    if _learns_by_heart(run):
        # The training loss falls, so neither the rate nor the activations are at fault.
        return (
            ("overfitting", "labels_corrupted", "train_val_mismatch"),
            (Advice("dropout", "raise"), Advice("weight_decay", "raise"), Advice("units", "lower", 4.0)),
        )
    if made is not None and (made.dropout >= limit("much_dropout") or (made.penalised and still)):
        return (
            ("over_regularized", "dying_relu", "lr_too_high"),
            (Advice("dropout", "set", 0.3), Advice("regularization", "lower", 100.0)),
        )
    # What still falls, with nothing else wrong, falls too slowly.
    if not still:
        return ("lr_too_low", "vanishing_gradient", "dying_relu"), raise_rate
    if made is not None and made.rate == "high":
        return ("lr_too_high", "dying_relu", "wrong_output_activation"), lower_rate
    if made is not None and made.rate == "low":
        return ("lr_too_low", "vanishing_gradient", "dying_relu"), raise_rate
    if made is not None and made.saturating >= limit("deep_saturating"):
        return (
            ("vanishing_gradient", "lr_too_low", "dying_relu"),
            (Advice("activation", "set", "relu"), Advice("kernel_initializer", "set", "he_normal")),
        )
    if made is not None and (made.linear or not made.hidden) and _needs_bends(run):
        return (
            ("missing_hidden_activation" if made.linear else "capacity_too_small", "lr_too_high", "lr_too_low"),
            (Advice("activation", "set", "relu"), Advice("layers", "add")),
        )
    if _too_narrow(run):
        return (
            ("capacity_too_small", "dying_relu", "lr_too_low"),
            (Advice("units", "raise", 4.0), Advice("learning_rate", "raise", 10.0)),
        )
    if made is not None and not made.hidden:
        return ("capacity_too_small", "lr_too_low", "lr_too_high"), (Advice("layers", "add"), *raise_rate)
    relus = made is not None and made.hidden.count("relu") >= limit("deep_relu")
    usual = ("lr_too_high", "dying_relu", "lr_too_low")
    # The deeper a stack of ReLU, the likelier it dies (Lu et al. 2019).
    return ("dying_relu", "lr_too_high", "vanishing_gradient") if relus else usual, lower_rate


def _no_signal(run: Run) -> bool:
    """Whether simple models, with rows enough to learn from, find nothing in the features either."""
    simple, curves = run.simple, run.curves
    if not simple.can_tell:
        return False
    if simple.loss is not None:
        constant = curves.constant_val_loss or curves.constant_loss
        return constant is not None and simple.loss >= limit("not_learning_loss") * constant
    if simple.metric is None or curves.constant_metric is None:
        return False
    error = binomial_error(curves.constant_metric, run.rows)
    return simple.metric <= curves.constant_metric + limit("no_signal_errors") * error


def slow_causes(run: Run) -> tuple[str, ...]:
    """Why a loss falls slowly: the rate, unless the make of the model offers another reason."""
    made = run.curves.structure
    if _too_narrow(run) or (made is not None and (made.linear or not made.hidden) and _needs_bends(run)):
        return ("lr_too_low", "capacity_too_small", "too_few_epochs", "optimizer_too_slow")
    return ("lr_too_low", "vanishing_gradient", "optimizer_too_slow", "batch_too_large_for_budget")


def _needs_bends(run: Run) -> bool:
    """Whether a nearest neighbour does clearly better than a linear model."""
    linear, nearest = run.simple.linear, run.simple.nearest
    if linear is None or nearest is None:
        return False
    # Scores of regressions are negative squared errors, those of classifications are accuracies.
    if linear < 0:
        return -nearest < limit("fallen_metric") * -linear
    return nearest - linear > limit("no_signal_errors") * binomial_error(linear, run.rows)


def _learns_by_heart(run: Run) -> bool:
    """Whether the training rows are learnt and the validation rows are not."""
    if run.constant is not None and run.constant > 0:
        return float(run.loss[-1]) < limit("fallen_metric") * run.constant
    return run.positive and float(run.loss[-1]) < limit("fallen_metric") * run.start


def _too_narrow(run: Run) -> bool:
    made = run.curves.structure
    if made is None or made.narrowest is None or made.outputs is None:
        return False
    return made.narrowest < min(made.outputs, limit("narrow_units"))


def too_short(run: Run) -> Finding | None:
    """A budget that ended while the loss still fell: worth knowing, and a warning where a simple model is far ahead."""
    # Without a budget nobody can say that it was too short.
    if run.curves.epochs is None or run.share_done < 1 or len(run.loss) < limit("budget_epochs") or run.solved:
        return None
    tail, held = last_third(run.loss), run.curves.val_metric
    fallen = float(tail[0] - tail[-1])
    if not run.positive or stands_still(tail) or fallen < limit("late_fall") * float(run.loss[0] - run.loss[-1]):
        return None
    # More epochs of what has fallen back on the validation rows are no cure.
    if run.accuracy_like and len(held) >= FEWEST and best_before_falling(np.asarray(held)) is not None:
        return None
    evidence = {"loss": run.shown(float(run.loss[-1])), "fallen_in_last_third": fallen}
    worse = worse_than_simple(run) or {}
    if worse and _lag(run, worse) >= limit("far_behind"):
        return Finding(
            "learning_rate_too_low",
            "warning",
            f"The {len(run.loss)} epochs ended with the loss still falling, and a simple model reaches "
            f"{worse['simple']:.4g} where this one reaches {worse['model']:.4g}.",
            epoch=len(run.loss) - len(tail),
            evidence=evidence | worse,
            causes=("lr_too_low", "too_few_epochs", "vanishing_gradient"),
            advice=(Advice("learning_rate", "raise", 10.0), Advice("epochs", "raise", 3.0)),
        )
    return Finding(
        "still_improving",
        "info",
        f"The training loss was still falling in the last {len(tail)} epochs, by {fallen:.3g}.",
        epoch=len(run.loss) - len(tail),
        evidence=evidence,
        causes=("too_few_epochs", "lr_too_low"),
        advice=(Advice("epochs", "raise", 2.0),),
    )


def _lag(run: Run, worse: dict[str, float]) -> float:
    """How much of the way from a constant prediction to the simple model is still to go, 1 for all of it."""
    mine, mark, curves = worse["model"], worse["simple"], run.curves
    if curves.higher_is_better and run.accuracy_like:
        constant = run.chance or 0.0
    else:
        constant = curves.constant_val_loss or curves.constant_loss or run.shown(run.start)
    # Differences, so that the same line serves a metric that grows and a loss that falls.
    way = mark - constant
    return (mark - mine) / way if way else 0.0


def underfitting(run: Run) -> Finding | None:
    """Training that has flattened out at a poor result, without a gap to the validation rows."""
    if len(run.loss) < limit("flat_epochs") or run.share_done < limit("late_share") or run.solved:
        return None
    # A gap to the validation rows would be overfitting, whatever the level.
    if not _small_gap(run) or not (_flat(run) or _crawls(run)):
        return None
    worse = worse_than_simple(run) or {}
    sure = bool(worse) and _lag(run, worse) >= limit("behind")
    # Far behind a simple model is enough; else only what has stopped moving is called poor.
    if not sure and not (_flat(run) and (worse or _poor(run))):
        return None
    last = float(run.loss[-1])
    moved = not run.positive or last < limit("poor_loss") * run.start
    than = ""
    if worse:
        than = f"; a simple model reaches {worse['simple']:.4g} where this one reaches {worse['model']:.4g}"
        than += f" ({run.simple.note})" if run.simple.note else ""
    # Within its noise a slow fall stands still too, and wants the opposite of what a loss wants that stays.
    slow = still_falls(run.loss)
    causes, advice = _reasons(run, still=not slow, pinned=False)
    if moved and not slow:
        causes, advice = _POORER, _more_capacity(run)
    return Finding(
        "underfitting",
        "warning" if sure else "info",
        f"Training has flattened out at a loss of {run.shown(last):.4g}{than}.",
        epoch=len(run.loss) - max(4, len(run.loss) // 3),
        evidence={"loss": run.shown(last)} | worse,
        causes=causes,
        advice=advice,
    )


def plateau(run: Run) -> Finding | None:
    """A loss that has stood still for a third of the run, above the level that is known to be within reach."""
    if len(run.loss) < limit("flat_epochs") or run.share_done < limit("late_share") or run.solved or not run.positive:
        return None
    tail = last_third(run.loss)
    # Not the best value of the tail, which owes too much to luck.
    level, reach = float(np.median(tail)), run.simple.loss or 0.0
    # An empty answer says that no simple model does better.
    if (
        not stands_still(tail)
        or still_falls(run.loss)
        or level <= max(reach, limit("solved_share") * run.start)
        or worse_than_simple(run) == {}
    ):
        return None
    begin = len(run.loss) - len(tail)
    causes: tuple[str, ...] = ("lr_too_high", "capacity_too_small", "lr_too_low")
    advice = Advice("learning_rate", "lower", 3.0)
    # Steps that are too long for a valley jump from side to side; a loss without any jump lies at the bottom of one.
    if float(np.abs(np.diff(tail)).max()) <= limit("still_jump") * level:
        causes, advice = ("bad_init", "capacity_too_small"), Advice("seed", "set", "another one")
    return Finding(
        "plateau",
        "info",
        f"Since epoch {begin + 1} the training loss has stood still at {run.shown(level):.4g}.",
        epoch=begin,
        evidence={"level": run.shown(level), "epochs": float(len(tail))},
        causes=causes,
        advice=(advice, Advice("units", "raise", 2.0)),
    )


def _more_capacity(run: Run) -> tuple[Advice, ...]:
    """What gives a model more room: layers where it has none hidden, units, less regularisation where there is some."""
    made = run.curves.structure
    if made is None:
        return Advice("units", "raise", 4.0), Advice("regularization", "lower", 10.0)
    first = Advice("units", "raise", 4.0) if made.hidden else Advice("layers", "add")
    if made.linear:
        first = Advice("activation", "set", "relu")
    freer = (Advice("regularization", "lower", 10.0),) if made.penalised else ()
    return (first, *freer, Advice("epochs", "raise", 2.0))


def _crawls(run: Run) -> bool:
    """Whether the whole budget is used up and its last third brought less than a tenth of what all of it did."""
    tail = last_third(run.loss)
    return run.share_done >= 1 and float(tail[0] - tail[-1]) < limit("late_fall") * float(run.loss[0] - run.loss[-1])


def _flat(run: Run) -> bool:
    """Whether the last third of the loss, or the training metric, stands still."""
    # A metric moves in steps of one row, so it takes half of the run, not a third, to call it fixed.
    metric = run.curves.metric[-max(4, len(run.loss) // 2) :]
    pinned = len(metric) >= limit("flat_epochs") // 2 and min(metric) == max(metric) and not _falls_in_a_line(run)
    if not pinned and not stands_still(last_third(run.loss)):
        return False
    # Dropout can hide from the training loss that the model still learns; after the last epoch it no longer can.
    return pinned or run.share_done >= 1 or stands_still(last_third(run.curves.val_loss))


def _falls_in_a_line(run: Run) -> bool:
    """Whether the loss falls as fast at its end as at its beginning: a metric that stands still meanwhile will move."""
    if len(run.loss) < limit("line_points"):
        return False
    _, ratio, signal = straightness(np.asarray(run.loss))
    return ratio >= limit("line_ratio_early") and signal >= limit("line_signal")


def _small_gap(run: Run) -> bool:
    curves = run.curves
    if curves.metric and curves.val_metric and run.accuracy_like:
        gap = curves.metric[-1] - curves.val_metric[-1]
        return gap <= limit("standard_errors") * binomial_error(curves.val_metric[-1], run.rows)
    if not curves.val_loss:
        return True
    # The epoch loss is the mean of a moving model, half an epoch behind the validation loss.
    train = run.shown(float(run.loss[-1] + (run.loss[-1] - run.loss[-2]) / 2))
    spread = limit("standard_errors") * math.sqrt(2 / run.rows)
    return curves.val_loss[-1] <= train + spread * abs(train)


def worse_than_simple(run: Run) -> dict[str, float] | None:
    """Both results where all comparable measures prefer the simple model, else empty; `None` without any."""
    curves = run.curves
    if curves.simple is None or not curves.val_loss:
        return None
    simple, pairs = run.simple, []
    if simple.loss is not None:
        pairs.append((_recent(curves.val_loss, -1), simple.loss, -1))
    if simple.metric is not None and curves.val_metric and run.kind == simple.kind:
        sign = 1 if curves.higher_is_better else -1
        pairs.append((_recent(curves.val_metric, sign), simple.metric, sign))
    if not pairs:
        return None
    # Loss and accuracy may disagree; where one prefers the model, a simple one is no better.
    if not all(sign * (mark - mine) > _margin(run, mine, mark, sign) for mine, mark, sign in pairs):
        return {}
    return {"model": pairs[-1][0], "simple": pairs[-1][1]}


def _recent(values: Sequence[float], sign: int) -> float:
    """Best value of the last third."""
    return sign * max(sign * value for value in values[-max(1, len(values) // 3) :])


def _margin(run: Run, mine: float, mark: float, sign: int) -> float:
    if sign > 0 and run.accuracy_like:
        error = math.hypot(binomial_error(mine, run.rows), binomial_error(min(1.0, max(0.0, mark)), run.rows))
    else:
        error = math.hypot(mine, mark) * math.sqrt(2 / run.rows)
    return limit("standard_errors") * error


def _poor(run: Run) -> bool:
    if run.kind == "accuracy" and run.accuracy_like and run.curves.metric:
        return max(run.curves.metric) < limit("poor_metric")
    return run.positive and float(run.loss[-1]) > limit("poor_loss") * run.start
