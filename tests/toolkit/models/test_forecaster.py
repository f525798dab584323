"""The first forecast model: a linear one in closed form, and a network beside it."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from trainwise.toolkit.models.forecaster import forecast_model, linear_forecast
from trainwise.toolkit.tasks import head

SERIES = np.random.default_rng(0).normal(size=(300, 2)).cumsum(axis=0).astype("float32") + 40
PIECES = np.lib.stride_tricks.sliding_window_view(SERIES, 12, axis=0).transpose(0, 2, 1)
X, Y = np.ascontiguousarray(PIECES[:, :9]), np.ascontiguousarray(PIECES[:, 9:, 0])


def test_the_linear_forecast_is_the_ridge_of_least_error_when_each_row_is_left_out():
    found = linear_forecast(X, Y)
    center, scale = X.mean(axis=(0, 1)), X.std(axis=(0, 1))
    flat = ((X - center) / scale).reshape(len(X), -1).astype("float64")
    targets = (Y - center[0]) / scale[0] - flat[:, [16]]
    errors = {}
    for penalty in np.logspace(-3, 4, 15):
        # Left out one by one by the hat matrix, the mean being taken out before.
        centred = flat - flat.mean(axis=0)
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(18), centred.T) + 1 / len(flat)
        residual = (targets - hat @ targets) / (1 - np.diag(hat))[:, None]
        errors[penalty] = np.mean(residual**2)
    fitted = Ridge(min(errors, key=errors.get)).fit(flat, targets)
    expected = (fitted.predict(flat) + flat[:, [16]]) * scale[0] + center[0]
    np.testing.assert_allclose(found.predict(X), expected, atol=1e-3)


def test_an_untrained_model_answers_nearly_as_the_linear_forecast():
    keras.utils.set_random_seed(0)
    model = forecast_model(X, Y, head("regression", Y))()
    linear = linear_forecast(X, Y).predict(X)
    error = np.abs(model.predict(X, verbose=0) - linear)
    assert error.max() < 0.2 * np.std(Y - linear)
    assert model.output_shape == (None, 3)


def test_the_linear_forecast_stays_and_the_network_learns_what_it_leaves():
    bent = np.abs(X[:, -1, 0] - X[:, -2, 0]) * 3 + X[:, -1, 0]
    keras.utils.set_random_seed(0)
    model = forecast_model(X, bent, head("regression", bent), 0.01)()
    before = model.get_layer("linear_forecast").get_weights()[0].copy()
    model.fit(X, bent, epochs=30, batch_size=16, verbose=0)
    assert np.array_equal(before, model.get_layer("linear_forecast").get_weights()[0])
    linear = linear_forecast(X, bent).predict(X)[:, 0]
    assert np.mean((model.predict(X, verbose=0)[:, 0] - bent) ** 2) < 0.3 * np.mean((linear - bent) ** 2)


def test_a_level_far_beyond_the_training_windows_is_followed():
    model = forecast_model(X, Y, head("regression", Y))()
    moved = model.predict(X[:5] + np.float32([1000, 0]), verbose=0) - model.predict(X[:5], verbose=0)
    linear = linear_forecast(X, Y)
    expected = linear.predict(X[:5] + np.float32([1000, 0])) - linear.predict(X[:5])
    np.testing.assert_allclose(moved, expected, rtol=1e-3)


@pytest.mark.parametrize(("window", "convolutions"), [(96, 0), (100, 3), (400, 5)])
def test_long_windows_are_halved_before_the_dense_layer(window, convolutions):
    x = np.random.default_rng(1).normal(size=(60, window, 1)).astype("float32")
    model = forecast_model(x, x[:, -1, 0], head("regression", x[:, -1, 0]))()
    assert sum(isinstance(layer, keras.layers.Conv1D) for layer in model.layers) == convolutions
    assert model.predict(x, verbose=0).shape == (60, 1)


def test_a_channel_that_never_changes_does_not_break_the_model():
    x = X.copy()
    x[:, :, 1] = 7
    assert np.isfinite(forecast_model(x, Y, head("regression", Y))().predict(x, verbose=0)).all()


def test_a_word_that_holds_for_a_whole_window_reaches_the_network():
    told = np.concatenate([X, np.zeros_like(X[:, :, :1]), np.ones_like(X[:, :, :1])], axis=2)
    told[::2, :, 2:] = 1 - told[::2, :, 2:]
    model = forecast_model(told, Y, head("regression", Y), numbers=2)()
    learnt = keras.Model(model.inputs, model.get_layer("learnt").output)
    other = told.copy()
    other[:, :, 2:] = 1 - other[:, :, 2:]
    assert np.abs(learnt.predict(told, verbose=0) - learnt.predict(other, verbose=0)).min(axis=1).max() > 1e-4
    # A level does not: only the linear forecast follows it.
    moved = learnt.predict(told + np.float32([1000, 500, 0, 0]), verbose=0)
    np.testing.assert_allclose(moved, learnt.predict(told, verbose=0), atol=1e-3)
