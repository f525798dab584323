"""Temperature scaling: probabilities made as sure as they are right, without moving a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.optimize import minimize_scalar

from ..checks import refuse_unusable_rows, whole_number
from ..data.sealing import refuse_sealed
from ..metrics import vote_arithmetic
from ..metrics.scores import calibration_error, row_scores, squashed, truth
from ..models.batch_answers import batch_answers
from .members import copied_member, fresh_inputs, gathered, meaning_of

# Where the search comes to an end of this range, the sentence says so.
_COLDEST, _HOTTEST = 0.02, 50.0
_SMALLEST = 1e-30


@dataclass(frozen=True)
class Calibration:
    """A calibrated model, and what it cost or brought on the rows it was fitted on.

    Args:
        model: Outputs `softmax(log(p) / temperature)`, or the like for a sigmoid; a copy.
        temperature: Above 1 the model was too sure, below 1 not sure enough.
        nll: NLL (nats) before and after.
        ece: Expected calibration error before and after, in [0, 1].
        sentence: The same in words.
    """

    model: keras.Model
    temperature: float
    nll: tuple[float, float]
    ece: tuple[float, float]
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def calibrate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    task: str = "auto",
    from_logits: bool | str = "auto",
    batch_size: int = 256,
) -> Calibration:
    """Fits one temperature on rows that were not trained on, and puts it into a copy of the model.

    Args:
        model: A built model, or a vote, that outputs probabilities or logits.
        x: Validation rows, or a `Split`. Those of a sealed test split are refused.
        y: Their targets: class numbers, one-hot rows, or 0 and 1.
        task: As for `vote`.
        from_logits: As for `vote`.
        batch_size: Rows of a batch, >= 1.

    Returns:
        The `Calibration`.

    Raises:
        TypeError: `x` is a sealed test split, or `model` no Keras model.
        ValueError: The model outputs quantities or NaN, rows and targets do not fit, or the rows are sealed ones.

    Reference: Guo et al. 2017, arXiv:1706.04599, section 4.2.

    Example:

    >>> sure = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False), keras.layers.Softmax()])
    >>> sure.set_weights([9 * np.eye(2)])
    >>> x = np.tile(np.eye(2), (50, 1))
    >>> y = np.where(np.arange(100) < 80, x.argmax(axis=1), 1 - x.argmax(axis=1))  # right in 80 of 100 rows
    >>> found = calibrate(sure, x, y)
    >>> bool(abs(found.model.predict(x, verbose=0).max() - 0.8) < 1e-3)
    True
    """
    refuse_sealed("A temperature is fitted", x)
    whole_number("batch_size", batch_size, low=1)
    refuse_unusable_rows(x, y)
    if y is None and hasattr(x, "x") and hasattr(x, "y"):
        x, y = x.x, x.y
    (model,) = gathered([model])
    meaning = meaning_of([model], task, from_logits)
    if meaning.kind not in ("classes", "labels"):
        raise ValueError(
            f"{model.name!r} outputs quantities, which have no temperature; for logits say `from_logits=True`."
        )
    inputs = fresh_inputs(model)
    # A copy, so that the model given stays as it is.
    raw = copied_member(model, 0)(inputs)
    before = vote_arithmetic.probabilities(raw, meaning.kind, meaning.logits[0])
    # Logits where the model has them: turned to probabilities and back they lose what is near 0 and 1.
    scores = ops.cast(raw, "float32") if meaning.logits[0] else _logits(before, meaning.kind)
    # Predicted once; the search below only divides these numbers.
    logits = batch_answers(keras.Model(inputs, scores), x, batch_size).astype("float64")
    if not np.all(np.isfinite(logits)):
        raise ValueError(f"{model.name!r} outputs NaN or infinite values; no temperature can be fitted.")
    if y is None or len(np.asarray(y)) != len(logits) or not len(logits):
        raise ValueError(f"`y` must hold a target for each of {len(logits)} rows, and there must be one row at least.")
    exclusive = meaning.kind == "classes"
    targets = truth(logits, y)
    temperature = temperature_of(logits, targets, exclusive)
    cooled = ops.softmax(scores / temperature, axis=-1) if exclusive else ops.sigmoid(scores / temperature)
    # The name by which `_named_end` in `members.py` knows probabilities; float32 whatever the policy.
    output = keras.layers.Identity(dtype="float32", name="probabilities")(cooled)
    old, new = (_measured(squashed(logits / t, exclusive), targets, exclusive) for t in (1.0, temperature))
    nll, ece = (old[0], new[0]), (old[1], new[1])
    calibrated = keras.Model(inputs, output, name=f"{model.name}_calibrated")
    return Calibration(calibrated, temperature, nll, ece, _sentence(temperature, nll, ece, len(logits)))


def _logits(p: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    logs = ops.log(ops.maximum(p, _SMALLEST))
    return logs if kind == "classes" else logs - ops.log(ops.maximum(1 - p, _SMALLEST))


def temperature_of(logits: np.ndarray, targets: np.ndarray, exclusive: bool) -> float:
    """The temperature that the least NLL of these rows asks for; 1 where none is better.

    Args:
        logits: `(rows, classes)`, or logarithms of probabilities.
        targets: As `truth` gives them.
        exclusive: Whether the classes exclude each other; else each logit is one of its own.

    Example:

    >>> logits = np.array([[4.0, 0.0]] * 4)
    >>> bool(temperature_of(logits, np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]]), exclusive=True) > 3)
    True
    """

    # Over the logarithm: twice as hot and half as hot are equally far.
    def nll(log_temperature: float) -> float:
        answers = squashed(logits / np.exp(log_temperature), exclusive)
        return float(row_scores(answers, targets, exclusive)["nll"].mean())

    bounds = (float(np.log(_COLDEST)), float(np.log(_HOTTEST)))
    found = float(minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-5}).x)
    # Where the least NLL is a plain, the search stops somewhere in it; an end that is as good says that it is one.
    found = next((end for end in bounds if nll(end) <= nll(found)), found)
    # Rows that are all answered right ask for no temperature at all: the model stays as it is where that is as good.
    return float(np.exp(found)) if nll(found) < nll(0.0) else 1.0


def is_extreme(temperature: float) -> bool:
    """Whether a temperature stands at an end of the range searched: the rows are too few or too easy to tell one.

    Where all rows are answered right, the least NLL is that of answers without any doubt.

    Example:

    >>> logits, all_right = np.array([[2.0, 0.0]] * 4), np.array([[1.0, 0.0]] * 4)
    >>> is_extreme(temperature_of(logits, all_right, exclusive=True)), is_extreme(1.5)
    (True, False)
    """
    # A bounded search may end just inside its bounds.
    return not _COLDEST * 1.01 < temperature < _HOTTEST / 1.01


def _measured(answers: np.ndarray, targets: np.ndarray, exclusive: bool) -> tuple[float, float]:
    nll = float(row_scores(answers, targets, exclusive)["nll"].mean())
    return nll, calibration_error(answers, targets, exclusive)


def _sentence(temperature: float, nll: tuple[float, float], ece: tuple[float, float], rows: int) -> str:
    if temperature == 1.0:
        return f"No temperature improves the NLL of {nll[0]:.4f} on {rows} rows; the model stays as it is."
    way = "too sure" if temperature > 1 else "not sure enough"
    found = (
        f"The model was {way}: temperature {temperature:.3f} takes the NLL from {nll[0]:.4f} to {nll[1]:.4f} and the "
        f"calibration error from {ece[0]:.4f} to {ece[1]:.4f} on the {rows} rows it was fitted on."
    )
    if is_extreme(temperature):
        found += " It stands at the end of the range searched: these rows are too few or too easy to tell."
    return found
