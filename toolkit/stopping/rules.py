"""Which trainings are not worth going on with, told from their curves beside those of others; numpy only.

Everywhere in here lower is better: a score that is to rise is given with its sign changed. A curve is
the value after each epoch; the others' curves may have ended early.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..checks import number, whole_number
from .extrapolation import chance_to_beat

Curve = Sequence[float]


class Stopper(Protocol):
    """A rule that ends a training early; any object with this method is one.

    Example:

    >>> class Hopeless:  # of an objective that is to rise, the values come with their sign changed
    ...     def reason(self, curve, others, epochs):
    ...         return "below 60 % after 3 epochs" if len(curve) == 3 and min(curve) > -0.6 else None
    >>> stopper_of(Hopeless()).reason([-0.2, -0.4, -0.5], [], epochs=10)
    'below 60 % after 3 epochs'
    """

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        """Why to stop after the last epoch of `curve`, or `None` to go on.

        Args:
            curve: The values so far, at least one.
            others: The curves of the other trials so far.
            epochs: Epochs of a whole training.
        """
        ...


@dataclass(frozen=True)
class Median:
    """Stops a trial whose best value is worse than the median of the others' running means.

    Args:
        startup: Other curves there must be, at least 1.
        warmup: Epochs that every trial gets, at least 0.

    Raises:
        TypeError: A count that is no whole number.
        ValueError: A count out of range.

    Reference: Golovin et al. 2017, "Google Vizier: a service for black-box optimization", KDD.

    Example:

    >>> Median(startup=2, warmup=1).reason([0.9, 0.9], [[0.5, 0.3], [0.6, 0.4], [0.7, 0.5]], epochs=10)
    'worse than the median of 3 others after 2 epochs'
    """

    startup: int = 5
    warmup: int = 2

    def __post_init__(self) -> None:
        whole_number("startup", self.startup, low=1)
        whole_number("warmup", self.warmup, low=0)

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        done = len(curve)
        # Those that ended before say nothing of this epoch.
        means = [float(np.mean(other[:done])) for other in others if len(other) >= done]
        # Best against means, as in Vizier: lenient to curves that jitter.
        if done <= self.warmup or len(means) < self.startup or min(curve) <= float(np.median(means)):
            return None
        return f"worse than the median of {len(means)} others after {in_epochs(done)}"


@dataclass(frozen=True)
class Percentile:
    """Stops a trial whose best value is not among the best `keep` percent at the same epoch.

    Args:
        keep: Percent of the trials that go on, in (0, 100).
        startup: Other curves there must be, at least 1.
        warmup: Epochs that every trial gets, at least 0.

    Raises:
        TypeError: A number of the wrong kind.
        ValueError: A number out of range.

    Example:

    >>> Percentile(keep=50, startup=2, warmup=0).reason([0.9], [[0.5], [0.6], [1.0]], epochs=10)
    'not in the best 50 % of 4 after 1 epoch'
    """

    keep: float = 25.0
    startup: int = 5
    warmup: int = 2

    def __post_init__(self) -> None:
        number("keep", self.keep, 0, 100, open_low=True, open_high=True)
        whole_number("startup", self.startup, low=1)
        whole_number("warmup", self.warmup, low=0)

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        done = len(curve)
        bests = [min(other[:done]) for other in others if len(other) >= done]
        if done <= self.warmup or len(bests) < self.startup:
            return None
        if min(curve) <= float(np.percentile(bests, self.keep)):
            return None
        return f"not in the best {self.keep:g} % of {len(bests) + 1} after {in_epochs(done)}"


@dataclass(frozen=True)
class SuccessiveHalving:
    """Lets only the best of every `factor` trials pass each rung: epochs `first`, `first * factor`, ...

    A trial is compared with all that reached the rung before it, so trials need not wait for each other.

    Args:
        factor: One in so many goes on, at least 2.
        first: Epochs before the first rung, at least 1.
        startup: Other curves there must be at the rung, at least 1.

    Raises:
        TypeError: A count that is no whole number.
        ValueError: A count out of range.

    Reference: Li et al. 2020, "A system for massively parallel hyperparameter tuning", arXiv:1810.05934.

    Example:

    >>> rule = SuccessiveHalving(factor=2, first=1, startup=2)
    >>> rule.reason([0.9], [[0.5], [0.6]], epochs=10)
    'place 3 of 3 after 1 epoch, and 1 goes on'
    >>> rule.reason([0.9, 0.4, 0.4], [[0.5], [0.6]], epochs=10)  # epoch 3 is no rung
    """

    factor: int = 3
    first: int = 2
    startup: int = 5

    def __post_init__(self) -> None:
        whole_number("factor", self.factor, low=2)
        whole_number("first", self.first, low=1)
        whole_number("startup", self.startup, low=1)

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        done = len(curve)
        if done >= epochs or not self._is_rung(done):
            return None
        bests = [min(other[:done]) for other in others if len(other) >= done]
        # The trial itself is one of those compared.
        passing = (len(bests) + 1) // self.factor
        better = sum(best < min(curve) for best in bests)
        if len(bests) < self.startup or passing == 0 or better < passing:
            return None
        goes = "1 goes" if passing == 1 else f"the best {passing} go"
        return f"place {better + 1} of {len(bests) + 1} after {in_epochs(done)}, and {goes} on"

    def _is_rung(self, done: int) -> bool:
        rung = self.first
        while rung < done:
            rung *= self.factor
        return rung == done


@dataclass(frozen=True)
class Extrapolation:
    """Stops a trial whose curve, extended to its end, hardly has a chance to beat the best so far.

    Args:
        chance: Smallest probability to go on, in (0, 1).
        startup: Other curves there must be, at least 1.
        warmup: Epochs that every trial gets, at least 4.

    Raises:
        TypeError: A number of the wrong kind.
        ValueError: A number out of range.

    Reference: Domhan et al. 2015, "Speeding up automatic hyperparameter optimization of deep neural
    networks by extrapolation of learning curves", IJCAI. Here two looks in a row must agree.

    Example:

    >>> flat = [0.9, 0.8, 0.79, 0.79, 0.79, 0.79, 0.79, 0.79]
    >>> Extrapolation(startup=1).reason(flat, [[0.5, 0.2, 0.1]], epochs=30)
    'chance to beat 0.1 below 0.05 after 8 epochs'
    """

    chance: float = 0.05
    startup: int = 3
    warmup: int = 4

    def __post_init__(self) -> None:
        number("chance", self.chance, 0, 1, open_low=True, open_high=True)
        whole_number("startup", self.startup, low=1)
        whole_number("warmup", self.warmup, low=4)

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        done, seen = len(curve), [other for other in others if len(other)]
        if done <= self.warmup or len(seen) < self.startup:
            return None
        incumbent = min(min(other) for other in seen)
        # One lucky or unlucky epoch changes a fit a lot.
        looks = (curve, curve[:-1])
        if any(chance_to_beat(look, incumbent, epochs) >= self.chance for look in looks):
            return None
        return f"chance to beat {incumbent:.4g} below {self.chance:g} after {in_epochs(done)}"


@dataclass(frozen=True)
class FirstEpochs:
    """A few epochs for every trial, then the whole training for the best few: the baseline of all stopping rules.

    It ends every trial after `epochs`; a search then goes on with the best `keep`.

    Args:
        epochs: Epochs that every trial gets, at least 1.
        keep: Trials that are trained to the end, at least 1.

    Raises:
        TypeError: A count that is no whole number.
        ValueError: A count out of range.

    Reference: Egele et al. 2024, "The unreasonable effectiveness of early discarding after one epoch in
    neural network hyperparameter optimization", arXiv:2404.04111.

    Example:

    >>> FirstEpochs(epochs=1, keep=3).reason([0.9], [], epochs=30)
    'waits for the others after 1 epoch'
    """

    epochs: int = 1
    keep: int = 3

    def __post_init__(self) -> None:
        whole_number("epochs", self.epochs, low=1)
        whole_number("keep", self.keep, low=1)

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        done = len(curve)
        # Not where this is the whole training: then nothing is left to wait for.
        return f"waits for the others after {in_epochs(done)}" if done == self.epochs < epochs else None


@dataclass(frozen=True)
class AnyOf:
    """Stops where one of several rules does.

    Example:

    >>> AnyOf((Median(startup=1, warmup=0), Extrapolation())).reason([0.9], [[0.5]], epochs=10)
    'worse than the median of 1 others after 1 epoch'
    """

    rules: tuple[Stopper, ...]

    def reason(self, curve: Curve, others: Sequence[Curve], epochs: int) -> str | None:
        return next((why for rule in self.rules if (why := rule.reason(curve, others, epochs))), None)


_NAMED: dict[str, Callable[[], Stopper]] = {
    "median": Median, "percentile": Percentile, "halving": SuccessiveHalving, "extrapolation": Extrapolation,
    "first_epochs": FirstEpochs,
}  # fmt: skip


def stopper_of(given: Any) -> Stopper | None:
    """The rule for a name or a rule; `None` where no trial is to be stopped.

    Raises:
        TypeError: Something else came.
        ValueError: No rule has that name.

    Example:

    >>> stopper_of("median")
    Median(startup=5, warmup=2)
    """
    if given is None or given is False:
        return None
    if isinstance(given, str):
        if given not in _NAMED:
            raise ValueError(f"`stopper` must be one of {', '.join(map(repr, _NAMED))}, a rule or None, got {given!r}.")
        return _NAMED[given]()
    if isinstance(given, (list, tuple)):
        rules = tuple(rule for one in given if (rule := stopper_of(one)) is not None)
        if any(isinstance(rule, FirstEpochs) for rule in rules):
            raise ValueError("`stopper` 'first_epochs' stands alone: under it every trial waits for the others.")
        return AnyOf(rules) if rules else None
    if not callable(getattr(given, "reason", None)):
        raise TypeError(
            "`stopper` must be a name, or an object with a method `reason(curve, others, epochs)` that answers why to "
            f"stop, or None to go on; got {type(given).__name__}."
        )
    return given


@dataclass(frozen=True)
class Replay:
    """What a rule would have saved and cost on curves that are known whole.

    Args:
        saved: Share of the epochs that it would have spared, in [0, 1].
        regret: Best value of all curves against the best that was still seen, at least 0.
        stopped: Number of curves that it would have ended early.
    """

    saved: float
    regret: float
    stopped: int


def replay(curves: Sequence[Curve], rule: Stopper, order: Sequence[int] | None = None) -> Replay:
    """Runs a rule over whole curves as a search would have, one trial after the other.

    Args:
        curves: One whole curve a trial, each of at least one epoch; NaN counts as the worst.
        rule: A stopping rule.
        order: In which order the trials come; as given by default.

    Raises:
        ValueError: There are no curves, or one of them is empty.

    Example:

    >>> curves = [[0.5, 0.1], [0.9, 0.8], [0.4, 0.3], [0.8, 0.7]]
    >>> replay(curves, SuccessiveHalving(factor=2, first=1, startup=1))
    Replay(saved=0.25, regret=0.0, stopped=2)
    """
    if not len(curves) or any(len(curve) == 0 for curve in curves):
        raise ValueError("There must be curves, each of at least one epoch.")
    # What broke down must neither be the best nor make every comparison false.
    whole = [np.nan_to_num(np.asarray(curve, "float64"), nan=np.inf, posinf=np.inf).tolist() for curve in curves]
    places = list(range(len(whole)) if order is None else order)
    seen = _raced([whole[place] for place in places], rule)
    if isinstance(rule, FirstEpochs):
        # Its second part, which a search does: the best few are trained to the end after all.
        best = sorted(range(len(seen)), key=lambda k: min(seen[k]))[: rule.keep]
        seen = [whole[places[k]] if k in best else seen[k] for k in range(len(seen))]
    total = sum(len(whole[place]) for place in places)
    spent = sum(len(curve) for curve in seen)
    regret = min(min(curve) for curve in seen) - min(min(whole[place]) for place in places)
    stopped = sum(len(curve) < len(whole[place]) for curve, place in zip(seen, places, strict=True))
    return Replay(saved=1 - spent / total, regret=float(regret), stopped=stopped)


def replay_lengths(curves: Sequence[Curve], rule: Stopper) -> list[int]:
    """The epochs after which a rule would have ended each curve, the curves coming one after the other.

    Args:
        curves: One whole curve a trial, each of at least one epoch, finite.
        rule: A stopping rule.

    Example:

    >>> replay_lengths([[0.5, 0.1], [0.9, 0.8], [0.4, 0.3]], SuccessiveHalving(factor=2, first=1, startup=1))
    [2, 1, 2]
    """
    return [len(curve) for curve in _raced([list(curve) for curve in curves], rule)]


def _raced(curves: Sequence[list[float]], rule: Stopper) -> list[list[float]]:
    """Each curve as far as a rule lets it go, given those before it."""
    epochs = max(len(curve) for curve in curves)
    seen: list[list[float]] = []
    for curve in curves:
        seen.append(_stopped(curve, rule, seen, epochs))
    return seen


def _stopped(curve: list[float], rule: Stopper, others: list[list[float]], epochs: int) -> list[float]:
    # Not after the last epoch: to stop there saves nothing.
    for done in range(1, len(curve)):
        if rule.reason(curve[:done], others, epochs):
            return curve[:done]
    return curve


def in_epochs(count: int) -> str:
    """A number of epochs in words.

    Example:

    >>> in_epochs(1), in_epochs(2)
    ('1 epoch', '2 epochs')
    """
    return "1 epoch" if count == 1 else f"{count} epochs"
