"""How first models read series and grey images."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.data.sequences import padded
from trainwise.toolkit.models.first import describe, first_model
from trainwise.toolkit.models.series import is_grey, is_series
from trainwise.toolkit.tasks import head

GENERATOR = np.random.default_rng(0)


def _model(x):
    y = np.arange(len(x)) % 2
    return first_model(x, y, head("binary", y))()


@pytest.mark.parametrize(("steps", "flat"), [(5, 5), (9, 9), (10, 5), (60, 15), (500, 15)])
def test_series_of_one_length_are_convolved_down_to_few_steps(steps, flat):
    x = GENERATOR.normal(size=(8, steps, 3)).astype("float32")
    model = _model(x)
    assert model.get_layer("flatten").output.shape == (None, flat * 64)
    assert np.isfinite(model.predict(x, verbose=0)).all()
    assert describe(x) == (f"series of {steps} steps of 3", "small CNN over time")


def test_series_of_unequal_length_are_read_up_to_their_ends():
    rows = [GENERATOR.normal(1000, 1, (n, 2)) for n in (5, 9, 7, 6)]
    x = padded(rows)
    keras.utils.set_random_seed(0)
    model = _model(x)
    scaled = keras.Model(model.inputs, model.get_layer("standardize").output).predict(x, verbose=0)
    assert np.abs(scaled).max() < 5 and np.abs(scaled[0, 5:]).max() < 1e-3
    assert describe(x) == ("series of at most 9 steps of 2", "GRU 64")
    other = x.copy()
    other[0, 5:] = -1e9
    assert np.array_equal(model.predict(other, verbose=0), model.predict(x, verbose=0))


def test_grey_images_without_channels_are_images():
    x = GENERATOR.integers(0, 256, (6, 28, 28)).astype("float32")
    assert is_grey(x) and not is_series(x) and describe(x) == ("images of 28 x 28", "small CNN")
    model = _model(x)
    assert model.input_shape == (None, 28, 28) and isinstance(model.get_layer("convolution_0"), keras.layers.Conv2D)
    assert not is_grey(x[:, :, :4]) and not is_grey(x / 255) and not is_series(x[:, :3])
