"""Steps behind a sequence's end count for nothing."""

import keras
import numpy as np
import pytest

import trainwise as tw


def test_what_stands_behind_the_end_changes_no_answer():
    generator = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    x = generator.normal(size=(4, 6, 2)).astype("float32")
    longer = np.concatenate([x, np.full((4, 5, 2), -1e9, "float32")], axis=1)
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, keras.layers.GRU(3)(tw.layers.PaddingMask(fill=[7.0, 8.0])(inputs)))
    np.testing.assert_allclose(model.predict(longer, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    assert not np.allclose(model.predict(x[:, :5], verbose=0), model.predict(x, verbose=0))


def test_a_fill_of_other_channels_is_refused():
    with pytest.raises(ValueError, match="`fill` must hold 2 values, one a channel, got 3"):
        tw.layers.PaddingMask(fill=[1.0, 2.0, 3.0])(np.zeros((1, 3, 2)))
    with pytest.raises(TypeError, match="`padding` must be a number"):
        tw.layers.PaddingMask("nothing")
