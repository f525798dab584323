"""The learning-rate range test: which rates a model learns with, found in a few updates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..checks import instance_of, items_of, number, one_of, refuse_no_rows, seed_of, whole_number
from ..models.copying import copied
from ..models.reading import innermost
from ..optimizers.member_forms import MEMBER_FORMS
from ..optimizers.memberwise import memberwise
from ..runtime.figures import BLACK, GREEN, ORANGE, in_one_style, panels
from ..runtime.fit_arguments import brings_batches
from ..runtime.keras_internals import compiled_with
from ..runtime.randomness import preserved
from .model import Population

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = Sequence[float] | np.ndarray
METHODS = ("valley", "steep", "minimum", "slide")
# The loss of a diverging run, in multiples of the best loss seen (Smith 2017; fastai and Lightning stop there).
_TIMES_BEST = 4.0
# A rate learns where its loss falls below this share of the first loss.
_FALLEN = 0.98
# Of the updates of one rate, the last ones whose mean loss is its result.
_LAST = 0.2
# Weight of the past in the moving average of a ramp's losses, as in fastai and Lightning.
_SMOOTHING = 0.98


@dataclass(frozen=True)
class RangeResult:
    """The outcome of a range test.

    Args:
        rates: Learning rates that were tried, rising.
        losses: Loss at each rate, smoothed; NaN or infinite where it broke down.
        start: Loss before training.
        how: `"population"` or `"ramp"`.
        method: Which rule `suggestion` follows.
        reason: Why there is no suggestion, or `None`.

    Example:

    >>> result = RangeResult((0.1, 1.0, 10.0), (0.5, 0.2, float("nan")), 1.0, "population", "minimum", None)
    >>> result.suggestion, result.limit
    (1.0, 10.0)
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    start: float
    how: str
    method: str
    reason: str | None

    @property
    def suggestion(self) -> float | None:
        """The learning rate to begin with, or `None` where the loss never fell; see `reason`."""
        return self.suggest(self.method)

    @property
    def limit(self) -> float | None:
        """The stability limit: the smallest rate past the best one at which training breaks down, or `None`.

        On a ramp the loss is then four times its best; a rate with a curve of its own has not come
        half the way from the loss at the start to the best loss.
        """
        finite = np.where(np.isfinite(self.losses), self.losses, np.inf)
        best = int(np.argmin(finite))
        bound = _TIMES_BEST * finite[best] if self.how == "ramp" else (self.start + finite[best]) / 2
        past = [rate for rate, loss in zip(self.rates[best:], finite[best:], strict=True) if loss > bound]
        return past[0] if past else None

    def suggest(self, method: str) -> float | None:
        """The rate by one of the rules `valley`, `steep`, `minimum` and `slide`, or `None`.

        Raises:
            ValueError: No such rule.
        """
        one_of("method", method, METHODS)
        if self.reason is not None:
            return None
        # The first losses of a ramp are noise that no rate has made.
        skipped = len(self.rates) // 10 if self.how == "ramp" else 0
        rates, losses = _readable(self.rates[skipped:], self.losses[skipped:])
        if method == "minimum" and self.how == "population":
            return self._least(rates, losses)
        return _RULES[method](rates, losses)

    def _least(self, rates: np.ndarray, losses: np.ndarray) -> float:
        """The rate of the least loss, at most half the stability limit: 1/L where gradient descent is stable to 2/L."""
        best = int(np.argmin(losses))
        allowed = rates <= (self.limit or np.inf) / 2
        return float(rates[best] if allowed[best] or not allowed.any() else rates[allowed][-1])

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        suggestions = {method: self.suggest(method) for method in METHODS}
        return {
            "rates": list(self.rates),
            "losses": list(self.losses),
            "start": self.start,
            "how": self.how,
            "suggestion": self.suggestion,
            "suggestions": suggestions,
            "limit": self.limit,
            "reason": self.reason,
        }

    @in_one_style
    def plot(self) -> Figure:
        """Loss against learning rate as a matplotlib Figure, with the suggestion and the limit marked."""
        figure, (axes,) = panels(size=(8, 5))
        shown = np.where(np.isfinite(self.losses), self.losses, np.nan)
        # One rate that broke down would press all other losses into a line.
        axes.plot(self.rates, np.minimum(shown, _TIMES_BEST * self.start), marker=".")
        axes.axhline(self.start, color=BLACK, linestyle=":", linewidth=1, label="before training")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, color=GREEN, label=f"suggestion {self.suggestion:.2g}")
        if self.limit is not None:
            axes.axvline(self.limit, color=ORANGE, linestyle="--", label=f"limit {self.limit:.2g}")
        # Told, for a logarithmic axis finds no ends where no loss is a number.
        axes.set_xlim(self.rates[0] / 1.2, self.rates[-1] * 1.2)
        found = self.reason if self.suggestion is None else f"a learning rate of {self.suggestion:.2g} learns"
        limit = "" if self.limit is None else f"; none from {self.limit:.2g} on"
        axes.set_title(f"{found}{limit}", wrap=True)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return figure


def range_test(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    lowest: float = 1e-5,
    highest: float = 10.0,
    rates: int = 32,
    updates: int = 100,
    how: str = "population",
    method: str = "minimum",
    batch_size: int = 32,
    seed: int = 0,
    validation_data: Any = None,
) -> RangeResult:
    """Tries learning rates on copies of a compiled model and suggests one.

    With `how="population"` every rate has a fresh copy of its own, all trained side by side on the
    same batches; with `how="ramp"` one copy is trained while its rate rises, which costs least but
    mixes what each rate did. The model, its optimizer, its metrics and the random state stay as they are.

    Args:
        model: Compiled Functional or Sequential Keras model.
        x: Inputs as for `fit`: arrays, also in lists and dictionaries, or a data set, `PyDataset` or generator
            of batches, of which as many are read as there are updates.
        y: Targets; none where the batches hold them.
        lowest: Smallest rate, > 0.
        highest: Largest rate, above `lowest`.
        rates: Number of rates, spaced evenly in the logarithm, at least 2. A ramp takes one for each update.
        updates: Updates for each rate, or of the whole ramp, at least 10.
        how: `"population"` or `"ramp"`.
        method: Rule of `.suggestion`: `"minimum"` (for a ramp a tenth of the rate of the least
            loss), `"valley"` (the middle of the longest fall), `"steep"` (the steepest fall),
            `"slide"` (the end of the last fall before the rise).
        batch_size: Rows of a batch of arrays, at least 1.
        seed: Whole number, at least 0, for the order of the rows.
        validation_data: Pair `(x, y)` or a data set: then each rate is judged by its validation loss after the last
            update, which with as many updates as the fit will have is a full sweep. Not for a ramp.

    Returns:
        `RangeResult` with `.suggestion`, `.limit`, `.reason`, `.suggest(method)`, `.plot()`.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: A model that is not compiled, an optimizer that cannot train rates side by side, or
            an argument out of range.

    Reference: Smith 2017, arXiv:1506.01186, section 3.3; the rules as in fastai's `lr_find`.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> 0.01 < range_test(model, x, 3 * x, rates=8, updates=20).suggestion < 5
    True
    """
    instance_of("model", model, keras.Model, "a Keras model")
    number("lowest", lowest, 0, np.inf, open_low=True, open_high=True)
    number("highest", highest, lowest, np.inf, open_low=True, open_high=True)
    whole_number("rates", rates, 2, 10_000)
    whole_number("updates", updates, 10, 10**6)
    whole_number("batch_size", batch_size, low=1)
    seed_of("seed", seed)
    one_of("how", how, ("population", "ramp"))
    one_of("method", method, METHODS)
    if not getattr(model, "compiled", False):
        raise ValueError("`model` must be compiled: the range test needs its loss and its optimizer.")
    kind = type(innermost(model.optimizer))
    if how == "population" and kind not in MEMBER_FORMS:
        raise ValueError(
            f"The optimizer {kind.__name__} has no form for many rates side by side (Keras' others have); "
            'use `how="ramp"`.'
        )
    if how == "ramp" and validation_data is not None:
        raise ValueError('`validation_data` needs a model for each rate; use `how="population"`.')
    if validation_data is not None and not brings_batches(validation_data):
        items_of("validation_data", validation_data)
    batches: keras.utils.PyDataset = (
        _Read(x, updates) if brings_batches(x) else _Batches(*_arrays(x, y), batch_size, updates, seed)
    )
    with preserved():
        keras.utils.set_random_seed(seed)
        if how == "population":
            tried, losses, start = _population_test(model, batches, lowest, highest, rates, validation_data)
        else:
            tried, losses, start = _ramp_test(model, batches, lowest, highest)
    return RangeResult(tuple(tried), tuple(losses), start, how, method, _reason(losses, start))


class _Batches(keras.utils.PyDataset):
    """The same `updates` batches for every rate, rows in a shuffled order that starts again when used up."""

    def __init__(self, x: Any, y: Any, batch_size: int, updates: int, seed: int) -> None:
        super().__init__()
        self.x, self.y = x, y
        rows = len(keras.tree.flatten(x)[0])
        if rows == 0:
            raise ValueError("`x` must hold at least one row, got none.")
        generator = np.random.default_rng(seed)
        size = min(batch_size, rows)
        passes = math.ceil(updates * size / rows)
        order = np.concatenate([generator.permutation(rows) for _ in range(passes)])
        # Batches of one length, over the end of a pass: a short one would have a noisier loss than the others.
        self.rows = order[: updates * size].reshape(updates, size)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        take = self.rows[index]
        return keras.tree.map_structure(lambda values: values[take], (self.x, self.y))


class _Read(keras.utils.PyDataset):
    """The first `updates` batches of a data set, read again from the start where it has fewer."""

    def __init__(self, source: Any, updates: int) -> None:
        super().__init__()
        indexed = isinstance(source, keras.utils.PyDataset)
        batches = (source[k] for k in range(len(source))) if indexed else iter(source)
        self.read = [_as_tuples(batch) for batch in itertools.islice(batches, updates)]
        if not self.read:
            raise ValueError("`x` must hold at least one batch, got none.")
        if not isinstance(self.read[0], tuple) or len(self.read[0]) < 2:
            raise ValueError("`x` must hold batches of inputs and targets, `(x, y)`, as for `fit`.")
        self.updates = updates

    def __len__(self) -> int:
        return self.updates

    def __getitem__(self, index: int) -> Any:
        return self.read[index % len(self.read)]


def _arrays(x: Any, y: Any) -> tuple[Any, Any]:
    """Inputs and targets as arrays of as many rows, lists as tuples, which Keras' own data sets can hold."""
    refuse_no_rows("x", x)
    refuse_no_rows("y", y)
    x, y = _as_tuples(x), _as_tuples(y)
    rows = {len(leaf) for leaf in keras.tree.flatten((x, y))}
    if len(rows) > 1:
        raise ValueError(f"`x` and `y` must have as many rows, got {sorted(rows)}.")
    return x, y


def _as_tuples(values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        # A list of numbers is an array, a list of arrays is several inputs.
        if not any(hasattr(one, "shape") for one in keras.tree.flatten(values)):
            return np.asarray(values)
        return tuple(_as_tuples(one) for one in values)
    if isinstance(values, dict):
        return {name: _as_tuples(one) for name, one in values.items()}
    return np.asarray(values)


class _Losses(keras.callbacks.Callback):
    """Notes the loss of every batch, and stops where none is finite any more."""

    def __init__(self, read: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__()
        self.read = read
        self.noted: list[np.ndarray] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.noted.append(np.atleast_1d(np.asarray(self.read(logs or {}), "float64")))
        # Keras logs the mean since the last reset; taking a loss out of a mean with a huge one loses it.
        self.model.reset_metrics()
        if not np.isfinite(self.noted[-1]).any():
            self.model.stop_training = True

    @property
    def losses(self) -> np.ndarray:
        """The losses, shape `(updates, rates)`."""
        return np.array(self.noted)


def _population_test(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    lowest: float,
    highest: float,
    rates: int,
    validation_data: tuple[Any, Any] | None,
) -> tuple[list[float], list[float], float]:
    tried = np.geomspace(lowest, highest, rates).tolist()
    population = Population(copied(model), rates)
    settings = compiled_with(model)
    loss: dict[str, Any] = {name: settings.get(name) for name in ("loss", "loss_weights")}
    population.compile(memberwise(_plain(model.optimizer), rates, learning_rate=tried), **loss)
    noted = _Losses(lambda logs: population.member_loss.by_member())
    # Judged by validation, the start is too; it must be read before the fit moves the weights.
    start = None if validation_data is None else _middle(_evaluated(population, validation_data))
    population.fit(batches, callbacks=[noted], verbose=0, shuffle=False)
    losses = noted.losses
    last = losses[-max(1, round(_LAST * len(losses))) :]
    ended = np.where(np.isfinite(last).all(axis=0), last.mean(axis=0), np.nan)
    # Stopped early, since the loss was finite at no rate any more.
    if len(losses) < len(batches):
        ended[:] = np.nan
    if validation_data is not None:
        ended = np.where(np.isfinite(ended), _evaluated(population, validation_data), np.nan)
    return tried, ended.tolist(), _middle(losses[0]) if start is None else start


def _evaluated(population: Population, data: tuple[Any, Any]) -> np.ndarray:
    population.evaluate(*(data if isinstance(data, (list, tuple)) else (data,)), verbose=0)
    return population.by_member()["loss"]


def _middle(values: np.ndarray) -> float:
    """The median of what is finite, or NaN."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


def _plain(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer with a fixed rate, as its schedule is what is looked for."""
    inner = innermost(optimizer)
    config = inner.get_config()
    # Any number: both tests put the rates that they try in its place.
    config["learning_rate"] = 0.01
    return type(inner).from_config(config)


def _ramp_test(
    model: keras.Model, batches: keras.utils.PyDataset, lowest: float, highest: float
) -> tuple[list[float], list[float], float]:
    updates = len(batches)
    tried = np.geomspace(lowest, highest, updates)
    one = copied(model)
    config = _plain(model.optimizer).get_config()
    # Keras' decay with a factor above 1 grows: from the lowest rate at the first update to the highest at the last.
    config["learning_rate"] = keras.optimizers.schedules.ExponentialDecay(
        float(lowest), 1, float((highest / lowest) ** (1 / (updates - 1)))
    )
    settings = compiled_with(model)
    loss: dict[str, Any] = {name: settings.get(name) for name in ("loss", "loss_weights")}
    one.compile(type(innermost(model.optimizer)).from_config(config), **loss)
    noted = _Losses(lambda logs: logs["loss"])
    one.fit(batches, callbacks=[noted], verbose=0, shuffle=False)
    # A single batch at each rate is too noisy to read; a population has many updates a rate instead.
    losses = smoothed(noted.losses[:, 0], _SMOOTHING)
    stop = _stop(losses)
    return tried[:stop].tolist(), losses[:stop].tolist(), float(noted.losses[0, 0])


def smoothed(values: Values, beta: float) -> np.ndarray:
    """Exponential moving average with the bias of its start corrected (Kingma and Ba 2015, section 3).

    Example:

    >>> smoothed([1.0, 1.0, 1.0], 0.9).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    average, result = 0.0, []
    for count, value in enumerate(values, start=1):
        average = beta * average + (1 - beta) * float(value)
        result.append(average / (1 - beta**count))
    return np.array(result)


def _stop(losses: np.ndarray) -> int:
    """Number of updates until the loss passes four times its best, or is no number."""
    best = math.inf
    for count, loss in enumerate(losses):
        if not math.isfinite(loss) or loss > _TIMES_BEST * best:
            return count + 1
        best = min(best, loss)
    return len(losses)


def _reason(losses: Sequence[float], start: float) -> str | None:
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return "the loss was no finite number at any rate; check the data with `tw.check`."
    if min(finite) >= _FALLEN * start:
        return (
            f"the loss never fell: {start:.4g} before training, {min(finite):.4g} at best; "
            "try lower rates, more updates, or check model and data with `tw.check`."
        )
    return None


def _readable(rates: Sequence[float], losses: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The part of the curve up to where it is first no finite number."""
    values = np.asarray(losses, "float64")
    bad = np.flatnonzero(~np.isfinite(values))
    stop = int(bad[0]) if bad.size and bad[0] > 0 else len(values)
    kept = np.isfinite(values[:stop])
    return np.asarray(rates)[:stop][kept], values[:stop][kept]


def valley(rates: Values, losses: Values) -> float:
    """The middle of the middle third of the longest falling subsequence.

    Example:

    >>> valley([1, 2, 3, 4, 5, 6, 7], [7.0, 6, 5, 4, 3, 2, 8])
    3.0
    """
    count = len(losses)
    length = [1] * count
    for end in range(count):
        length[end] = 1 + max((length[k] for k in range(end) if losses[k] > losses[end]), default=0)
    end = int(np.argmax(length))
    # One before the fall, as in the source.
    start = end - length[end]
    third = (end - start) / 3
    return float(rates[max(start + int(third) + int(third / 2), 0)])


def steep(rates: Values, losses: Values) -> float:
    """Where the loss falls fastest against the logarithm of the rate.

    Example:

    >>> steep([0.001, 0.01, 0.1, 1.0], [1.0, 0.9, 0.3, 0.25])
    0.01
    """
    if len(losses) < 2:
        return float(rates[0])
    slopes = np.diff(losses) / np.diff(np.log(rates))
    return float(rates[int(np.argmin(slopes))])


def minimum(rates: Values, losses: Values) -> float:
    """A tenth of the rate of the least loss: a ramp's loss lags behind its rate.

    Example:

    >>> minimum([0.01, 0.1, 1.0], [1.0, 0.2, 0.9])
    0.01
    """
    return float(rates[int(np.argmin(losses))]) / 10


def slide(rates: Values, losses: Values, width: int = 15, flat: float = 0.005) -> float:
    """From the right, past the rise, to the end of the last fall: where a sliding interval is level.

    Example:

    >>> slide([1, 2, 3, 4, 5, 6], [1.0, 0.6, 0.4, 0.39, 2.0, 9.0], width=2)
    1.0
    """
    gradient = np.gradient(losses) if len(losses) > 1 else np.zeros(1)
    right = len(gradient) - 1
    left = max(right - width, 0)
    while left > 0 and abs(gradient[right] - gradient[left]) > flat:
        right, left = right - 1, left - 1
    return float(rates[left])


_RULES = {"valley": valley, "steep": steep, "minimum": minimum, "slide": slide}
