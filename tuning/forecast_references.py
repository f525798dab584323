"""What forecasts without a network reach on the same windows: last value, value a season before, a linear one."""

from __future__ import annotations

import numpy as np

from ..toolkit.data import Split
from ..toolkit.data.forecasts import Forecast
from ..toolkit.models.forecaster import linear_forecast
from .reference_models import Predict, Reference, boosted_windows, timed


def fit_forecast_references(raw: Split, forecast: Forecast, seed: int = 0) -> list[Reference]:
    """The marks beside a forecast: last value, value a season before where one fits into the window, linear forecast.

    One step ahead gradient boosting of the window stands beside them too.

    Args:
        raw: Training windows.
        forecast: What they look back at.
        seed: Decides boosting's draws.

    Reference: Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice", chapter 5.2, for the first two.

    Example:

    >>> from ..toolkit.data.columns import Column
    >>> from ..toolkit.data.time_steps import TimeStep
    >>> series = np.tile([1.0, 2.0, 3.0], 12).astype("float32")
    >>> x = np.lib.stride_tricks.sliding_window_view(series, 6)[:-1, :, None]
    >>> wanted = Forecast(1, 6, (Column("sold", "number"),), TimeStep("number"), season=3)
    >>> found = fit_forecast_references(Split(x, series[6:]), wanted)
    >>> [(one.name, one.predict(x, x)[:2].round(1).tolist()) for one in found[:2]]
    [('last value', [3.0, 1.0]), ('value 3 steps before', [1.0, 2.0])]
    """
    flat = forecast.steps == 1

    def last(x: np.ndarray, features: np.ndarray) -> np.ndarray:
        return _shaped(np.repeat(x[:, -1:, 0], forecast.steps, axis=1), flat)

    found = [timed("last value", lambda: (last, ""))]
    season = forecast.season
    if 1 < season <= forecast.window:
        # Beyond a season ahead the last one that is known comes again.
        places = [step % season - season for step in range(forecast.steps)]

        def seasonal(x: np.ndarray, features: np.ndarray) -> np.ndarray:
            return _shaped(x[:, places, 0], flat)

        found.append(timed(f"value {season} steps before", lambda: (seasonal, "")))

    def fitted() -> tuple[Predict, str]:
        linear = linear_forecast(np.asarray(raw.x), raw.y)
        return (lambda x, features: _shaped(linear.predict(x), flat)), ""

    found.append(timed("linear forecast", fitted))
    return [*found, boosted_windows(raw, seed)] if flat else found


def _shaped(answers: np.ndarray, flat: bool) -> np.ndarray:
    return answers[:, 0] if flat else answers
