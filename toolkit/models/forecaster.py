"""A sound first forecast: a linear one in closed form, and a network that learns what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import RidgeCV

from ..layers.normalization import Standardize
from ..tasks import Head

UNITS = 64
_DROPOUT = 0.3
# Of longer windows each layer halves the steps, until so few are left.
_MOST_STEPS_FLAT = 96
_FEWEST_STEPS = 24
_FILTERS = 32
_PENALTIES = np.logspace(-3, 4, 15)
# Rows times values of a window: what the closed form does in a few seconds.
_MOST_VALUES = 20_000_000


@dataclass(frozen=True)
class LinearForecast:
    """A linear forecast of standardised windows, in closed form.

    Args:
        center: Of each channel, by the training windows.
        scale: Of each channel.
        kernel: `(window * channels, steps)`.
        bias: `(steps,)`.
    """

    center: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Forecasts `(rows, steps)` in the units of the target, the first channel.

        Args:
            x: Windows `(rows, window, channels)`.
        """
        flat = ((x - self.center) / self.scale).reshape(len(x), -1)
        return np.asarray((flat @ self.kernel + self.bias) * self.scale[0] + self.center[0])


def linear_forecast(x: np.ndarray, y: np.ndarray) -> LinearForecast:
    """Fits what follows a window as the last value and a ridge of the window; the penalty by leaving one out.

    Args:
        x: Training windows `(rows, window, channels)`, the target the first channel.
        y: What follows, `(rows,)` or `(rows, steps)`.

    Reference: Zeng, Chen, Zhang and Xu 2023, arXiv:2205.13504, on linear maps of windows less their last value.

    Example:

    >>> series = np.arange(30.0) ** 2
    >>> x = np.lib.stride_tricks.sliding_window_view(series, 3)[:-1, :, None]
    >>> found = linear_forecast(x[:20], series[3:23])
    >>> bool(abs(found.predict(x[20:21])[0, 0] - 23**2) < 5)
    True
    """
    center, scale = x.mean(axis=(0, 1), dtype="float64"), x.std(axis=(0, 1), dtype="float64")
    scale = np.where(scale > 1e-6 * (1e-30 + np.abs(center)), scale, 1.0)
    at = np.arange(len(x))
    most = max(1_000, _MOST_VALUES // (x.shape[1] * x.shape[2]))
    if len(at) > most:
        at = np.unique(np.linspace(0, len(at) - 1, most).astype(int))
    flat = ((x[at] - center) / scale).reshape(len(at), -1)
    targets = (y.reshape(len(y), -1)[at] - center[0]) / scale[0]
    last = (x.shape[1] - 1) * x.shape[2]
    fitted = RidgeCV(_PENALTIES).fit(flat, targets - flat[:, [last]])
    kernel = np.asarray(fitted.coef_).reshape(targets.shape[1], -1).T.copy()
    kernel[last] += 1.0
    return LinearForecast(center, scale, kernel, np.ravel(fitted.intercept_))


def forecast_model(
    x: np.ndarray, y: np.ndarray, head: Head, learning_rate: float = 1e-3, numbers: int | None = None
) -> Callable[[], keras.Model]:
    """Prepares a builder of compiled forecast models for these training windows.

    What the model answers is a linear forecast, whose weights stay, and what a network makes of the window, its numbers
    less their last values: so a trend goes on, and the network begins where the linear forecast ends. Short windows go
    through a dense layer, long ones through convolutions that halve the steps before it.

    Args:
        x: Training windows `(rows, window, channels)`, the target the first channel.
        y: What follows, `(rows,)` or `(rows, steps)`.
        head: The end of the model, from `tasks.head`.
        learning_rate: Of the Adam optimizer, > 0.
        numbers: How many of the first channels are numbers, which may go on beyond those of training; the others tell
            words and the calendar, as 0 and 1 or points on a circle. All are numbers by default.

    Returns:
        A function without arguments; each call gives a new compiled model, its starting weights drawn from Keras'
        random state.

    Example:

    >>> from trainwise.toolkit.tasks import head
    >>> series = np.sin(np.arange(60.0))
    >>> x, y = np.lib.stride_tricks.sliding_window_view(series, 8)[:-1, :, None], series[8:]
    >>> model = forecast_model(x, y, head("regression", y))()
    >>> bool(np.abs(model.predict(x, verbose=0)[:, 0] - y).max() < 0.1)  # before any training
    True
    """
    linear = linear_forecast(x, y)
    left = (y.reshape(len(y), -1) - linear.predict(x)) / linear.scale[0]
    channels = x.shape[2] if numbers is None else numbers
    of_numbers = x[:, :, :channels]
    moved = ((of_numbers - of_numbers[:, -1:]) / linear.scale[:channels]).std(axis=(0, 1), dtype="float64")
    moved = np.where(moved > 1e-6, moved, 1.0)

    def build() -> keras.Model:
        inputs = keras.Input(x.shape[1:], name="window")
        scaled = Standardize(center=linear.center.tolist(), scale=linear.scale.tolist(), name="standardize")(inputs)
        straight = keras.layers.Dense(head.units, trainable=False, name="linear_forecast")
        ahead = straight(keras.layers.Flatten(name="flat_window")(scaled))
        going_on = scaled if channels == x.shape[2] else scaled[:, :, :channels]
        features = keras.layers.Subtract(name="less_the_last")([going_on, going_on[:, -1:, :]])
        features = Standardize(center=[0.0] * channels, scale=moved.tolist(), name="standardize_moves")(features)
        if channels < x.shape[2]:
            features = keras.layers.Concatenate(name="moves_and_signs")([features, scaled[:, :, channels:]])
        features = keras.layers.Flatten(name="flatten")(_shortened(features))
        features = keras.layers.Dense(UNITS, activation="relu", name="hidden_0")(features)
        features = keras.layers.Dropout(_DROPOUT, name="dropout")(features)
        # Small, so that the first answers are those of the linear forecast.
        start = keras.initializers.RandomNormal(stddev=0.01)
        learnt = keras.layers.Dense(head.units, kernel_initializer=start, dtype="float32", name="learnt")(features)
        learnt = keras.layers.Rescaling(max(float(left.std()), 1e-6), dtype="float32", name="learnt_scale")(learnt)
        both = keras.layers.Add(dtype="float32", name="standardized_values")([ahead, learnt])
        units: dict[str, Any] = {
            "center": [float(linear.center[0])] * head.units,
            "scale": [float(linear.scale[0])] * head.units,
        }
        outputs = Standardize(**units, invert=True, dtype="float32", name="values")(both)
        model = keras.Model(inputs, outputs, name="model")
        straight.set_weights([linear.kernel, linear.bias])
        model.compile(keras.optimizers.Adam(learning_rate), loss=head.loss, metrics=list(head.metrics))
        return model

    return build


def _shortened(features: keras.KerasTensor) -> keras.KerasTensor:
    if features.shape[1] <= _MOST_STEPS_FLAT:
        return features
    place = 0
    while features.shape[1] > _FEWEST_STEPS:
        features = keras.layers.Conv1D(
            _FILTERS, 5, strides=2, padding="same", activation="relu", name=f"convolution_{place}"
        )(features)
        place += 1
    return features


def described(window: int, columns: int, steps: int) -> tuple[str, str]:
    """Names windows and the architecture that fits them.

    Args:
        window: Steps of a window.
        columns: How many columns are looked back at.
        steps: How many values ahead are answered.

    Example:

    >>> described(24, 1, 12)
    ('windows of 24 values of 1 column, 12 ahead', 'linear forecast and MLP 64')
    """
    kind = f"MLP {UNITS}" if window <= _MOST_STEPS_FLAT else "small CNN over time"
    looked = f"{columns} column{'s' if columns > 1 else ''}"
    return f"windows of {window} values of {looked}, {steps} ahead", f"linear forecast and {kind}"
