"""Applies the advice of findings inside a running fit, from the last good weights, and takes it back where it fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from ..data.rows import spread_rows
from ..models.reviving import revive
from ..optimizers.accumulation import AccumulatedGradients
from ..optimizers.rate_owners import has_schedule
from .findings import Advice, Finding
from .thresholds import limit

_NO_LOSS = math.inf
# Largest factor that a rate is divided by before lowering it further is given up.
_LOWEST = 1e5
# Rows on which the starting weights are measured, and how many at once.
_ROWS_AT_START, _BATCH_AT_START = 2_000, 256


@dataclass(frozen=True)
class Attempt:
    """One change that was tried.

    Args:
        epoch: First epoch with the change, from 0.
        symptom: What it was tried against.
        advice: The change.
        before: Best value of what is monitored before it.
        after: Best value while it was tried, or `None` where the fit ended first.
        kept: Whether it stayed.
    """

    epoch: int
    symptom: str
    advice: Advice
    before: float
    after: float | None = None
    kept: bool = False

    def __str__(self) -> str:
        came = "the fit ended first" if self.after is None else f"best value {self.after:.4g} after {self.before:.4g}"
        end = "kept" if self.kept else "taken back"
        return f"{self.symptom}: {self.advice.sentence} from epoch {self.epoch + 1} on: {came}, {end}"


@dataclass(frozen=True)
class _Trial:
    """A change that is being tried: the settings before it, the loss it must get below, and the epochs seen by then."""

    attempt: Attempt
    settings: dict[str, Any]
    goal: float
    start: int


class FitRepairs:
    """Keeps the best weights of a fit, and tries advice on them, one change after the other.

    Args:
        model: The model that is fitted.
        say: Takes sentences for the user.
        x: Training inputs, to see which units are dead, or `None`.
        epochs: The budget of epochs, or `None`; no change is tried after the last one.
        trial: Epochs that a change is given, at least 1.
        most: Changes that are tried in one fit, at least 1.
        find_rate: Gives a rate that was tried out on copies of the model, for `"lower"` or `"raise"` and the epochs
            that are left; `None` where none could be. Without it a rate is changed by the factor of the advice.

    Attributes:
        attempts: The changes tried so far.
    """

    def __init__(
        self,
        model: keras.Model,
        say: Callable[[str], None],
        x: Any = None,
        epochs: int | None = None,
        trial: int = 2,
        most: int = 6,
        find_rate: Callable[[str, int], float | None] = lambda change, epochs: None,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.say = say
        self.x = x
        self.trial = trial
        self.most = most
        self.find_rate = find_rate
        self.attempts: list[Attempt] = []
        self._losses: list[float] = []
        if model.built:
            # Unbuilt, it has no slots yet, and the state would lack them.
            model.optimizer.build(model.trainable_variables)
        self._best, self._best_loss = _state(model), _NO_LOSS
        self._open: _Trial | None = None
        self._queue: list[tuple[str, Advice]] = []
        self._gave_up = False
        self._sign = 1.0

    def begin(self, value: float, higher_is_better: bool = False) -> None:
        """Takes note of what the starting weights reach: no end of the fit is to be worse.

        Args:
            value: What is monitored, measured on them.
            higher_is_better: Whether a larger value is the better one.
        """
        if math.isfinite(value):
            self._best_loss = -value if higher_is_better else value

    def end_epoch(self, epoch: int, value: float, findings: list[Finding], higher_is_better: bool = False) -> bool:
        """Takes note of an epoch; tries advice where something is wrong.

        Args:
            epoch: From 0.
            value: What is monitored, at its end.
            findings: What the epoch showed for the first time.
            higher_is_better: Whether a larger value is the better one.

        Returns:
            Whether the run begins anew from here.
        """
        # Inside, lower is better: a score counts as the loss of its negative.
        self._sign = -1.0 if higher_is_better else 1.0
        # What broke down is worse than anything that did not.
        loss = self._sign * value if math.isfinite(value) else _NO_LOSS
        self._losses.append(loss)
        if loss < self._best_loss:
            self._best, self._best_loss = _state(self.model), loss
        fresh = [
            (finding.symptom, advice)
            for finding in findings
            if finding.level in ("warning", "error")
            # Level "info" is no fault, and a change may only make a sound run worse.
            for advice in finding.advice
            if self._applies(advice)
        ]
        if self._open is None:
            self._queue = fresh
            return self._try_next(epoch + 1)
        tried = self._losses[self._open.start :]
        # A change that breaks the fit needs no further epochs to be judged.
        broken = not math.isfinite(loss) or loss > _far_above(self._best_loss)
        if not broken and len(tried) < self.trial:
            return False
        if self._close(self._open, kept=min(tried) < self._open.goal):
            return False
        self._try_next(epoch + 1)
        # Even where nothing is left to try: the best weights are back, so what was seen is of another run.
        return True

    def end(self) -> None:
        """The fit ends: the weights of the best epoch are put back where the last ones are worse."""
        if self._open is not None:
            self._close(self._open, kept=self._best_loss < self._sign * self._open.attempt.before)
        if self._losses and not self._losses[-1] <= self._best_loss:
            # No further update follows, so the optimizer's state is left alone.
            _restore(self.model, self._best, optimizer=False)
            self.say(f"repair: the weights of the best epoch are back ({self._sign * self._best_loss:.4g}).")

    def _close(self, trial: _Trial, kept: bool) -> bool:
        """Ends a trial: the change stays, or it is taken back and the best weights return. Whether it stays."""
        tried = self._losses[trial.start :]
        after = min(tried) if tried and math.isfinite(min(tried)) else None
        done = replace(trial.attempt, after=None if after is None else self._sign * after, kept=kept)
        self.attempts.append(done)
        self._open = None
        self.say(f"repair: {done}.")
        if kept:
            self._queue = []
        else:
            # A step further in the same direction stands before other advice.
            self._queue = [*_further(done), *self._queue]
            _undo(self.model, trial.settings)
            _restore(self.model, self._best)
        return kept

    def _try_next(self, epoch: int) -> bool:
        """Begins the next change; whether there is one to try."""
        over = self.epochs is not None and epoch >= self.epochs
        if over or not self._queue or len(self.attempts) >= self.most:
            self._give_up()
            return False
        symptom, advice = self._queue.pop(0)
        # Both are read before the change: what to go back to, and what the trial must get below.
        settings, goal = _settings(self.model), self._goal()
        _restore(self.model, self._best)
        advice = self._tried_out(advice, 1 if self.epochs is None else self.epochs - epoch)
        attempt = Attempt(epoch, symptom, advice, self._sign * self._best_loss)
        self._open = _Trial(attempt, settings, goal, len(self._losses))
        self._apply(advice)
        self.say(f"repair: {symptom}: back to the best weights, and {advice.sentence}.")
        return True

    def _tried_out(self, advice: Advice, epochs: int) -> Advice:
        """The advice, with a rate that was tried out on copies in the place of a factor, where one was found."""
        if advice.parameter != "learning_rate" or advice.change not in ("lower", "raise"):
            return advice
        rate = self.find_rate(advice.change, epochs)
        return advice if rate is None else Advice("learning_rate", "set", rate)

    def _give_up(self) -> None:
        self._queue = []
        if self.attempts and not any(attempt.kept for attempt in self.attempts) and not self._gave_up:
            self._gave_up = True
            self.say(f"repair: none of {len(self.attempts)} changes helped; the fit goes on as it was.")

    def _goal(self) -> float:
        """The loss that a change must get below: where the fit would have come at its own pace."""
        finite = [loss for loss in self._losses if math.isfinite(loss)]
        if len(finite) < 2 or not math.isfinite(self._best_loss):
            return self._best_loss
        tail = finite[-max(2, len(finite) // 3) :]
        pace = max(0.0, (tail[0] - tail[-1]) / (len(tail) - 1))
        return self._best_loss - pace * self.trial

    def _applies(self, advice: Advice) -> bool:
        optimizer = self.model.optimizer
        if advice.parameter == "learning_rate":
            return not has_schedule(optimizer)
        if advice.parameter == "clipnorm":
            # An optimizer inside another one clips by its own settings.
            # LossScaleOptimizer calls it `inner_optimizer`.
            plain = not hasattr(optimizer, "inner_optimizer") and not hasattr(optimizer, "inner")
            return plain and not (optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue)
        if advice.parameter == "batch_size":
            # `fit` cannot change its batch size in mid-run; more steps an update come to the same.
            return isinstance(optimizer, AccumulatedGradients) and advice.change == "raise"
        return advice.parameter == "dead_units" and self.x is not None

    def _apply(self, advice: Advice) -> None:
        optimizer = self.model.optimizer
        value = float(advice.value) if isinstance(advice.value, int | float) else 1.0
        if advice.parameter == "learning_rate":
            now = float(ops.convert_to_numpy(optimizer.learning_rate))
            changed = {"raise": now * value, "lower": now / value, "set": value}
            optimizer.learning_rate = changed[advice.change]
        elif advice.parameter == "clipnorm":
            optimizer.clipnorm = value
            # The norm is a constant of the graph.
            self.model.make_train_function(force=True)
        elif advice.parameter == "batch_size":
            optimizer.steps = max(1, round(optimizer.steps * value))
        else:
            revive(self.model, str(advice.value), self.x)


def _further(attempt: Attempt) -> list[tuple[str, Advice]]:
    """A tenth of the rate again, where a fit still broke down at the rate that was tried."""
    advice = attempt.advice
    # No finite value, or one far above: the rate was still too high. One just not good enough calls for something else.
    broken = attempt.after is None or attempt.after > _far_above(attempt.before)
    again = broken and (advice.parameter, advice.change) == ("learning_rate", "lower")
    if not again or not isinstance(advice.value, int | float) or advice.value >= _LOWEST:
        return []
    return [(attempt.symptom, Advice("learning_rate", "lower", advice.value * 10.0))]


def _far_above(loss: float) -> float:
    """The level from which on a fit counts as broken down, beside the best it has reached."""
    return loss + (limit("spike_ratio") - 1) * abs(loss)


def measured(model: keras.Model, x: Any, y: Any, validation_data: Any) -> dict[str, float]:
    """What a model reaches on some rows as it is, by the names that the logs of its fit have.

    Args:
        model: A compiled model, in a fit that begins.
        x: Training inputs, or `None`.
        y: Training targets, or `None`.
        validation_data: Pair `(x, y)`, or `None`.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> measured(model, np.ones((4, 1)), np.ones((4, 1)), None)
    {'loss': 1.0}
    """
    found: dict[str, float] = {}
    held = validation_data if isinstance(validation_data, tuple | list) and len(validation_data) == 2 else (None, None)
    for prefix, (some_x, some_y) in (("", (x, y)), ("val_", held)):
        if some_x is None or some_y is None:
            continue
        try:
            rows = spread_rows(some_x, some_y, _ROWS_AT_START)
            logs = model.evaluate(*rows, batch_size=_BATCH_AT_START, verbose=0, return_dict=True)
        # Models of users take what they like: what cannot be measured is not known.
        except Exception:
            continue
        found |= {f"{prefix}{name}": float(value) for name, value in logs.items() if np.ndim(value) == 0}
    return found


def _state(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {
        "weights": [ops.convert_to_numpy(weight).copy() for weight in model.weights],
        "optimizer": [ops.convert_to_numpy(variable).copy() for variable in model.optimizer.variables],
    }


def _restore(model: keras.Model, state: dict[str, list[np.ndarray]], optimizer: bool = True) -> None:
    for weight, value in zip(model.weights, state["weights"], strict=True):
        weight.assign(value)
    if optimizer:
        # The rate is one of the optimizer's variables: restoring these would undo a change of it.
        rate = _settings(model)["learning_rate"]
        for variable, value in zip(model.optimizer.variables, state["optimizer"], strict=True):
            variable.assign(value)
        if rate is not None:
            model.optimizer.learning_rate = rate


def _settings(model: keras.Model) -> dict[str, Any]:
    """What a change may alter besides weights: rate, clipping, batches an update."""
    optimizer = model.optimizer
    return {
        "learning_rate": None if has_schedule(optimizer) else float(ops.convert_to_numpy(optimizer.learning_rate)),
        "clipnorm": optimizer.clipnorm,
        "steps": optimizer.steps if isinstance(optimizer, AccumulatedGradients) else None,
    }


def _undo(model: keras.Model, settings: dict[str, Any]) -> None:
    optimizer = model.optimizer
    if settings["learning_rate"] is not None:
        optimizer.learning_rate = settings["learning_rate"]
    if optimizer.clipnorm != settings["clipnorm"]:
        optimizer.clipnorm = settings["clipnorm"]
        model.make_train_function(force=True)
    if settings["steps"] is not None:
        optimizer.steps = settings["steps"]
