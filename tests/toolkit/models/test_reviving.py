"""Dead units that start again."""

import keras
import numpy as np
import pytest
from tiny import CURVE, ROWS, three_layers

from trainwise.toolkit.models.reviving import revive


def test_only_dead_units_start_again():
    model = three_layers(units=4)
    kernel, bias = model.get_layer("one").get_weights()
    bias[1] = -50.0
    model.get_layer("one").set_weights([kernel, bias])
    model.compile(keras.optimizers.Adam(0.0), "mse")
    model.fit(ROWS, CURVE, verbose=0)
    velocity = next(v for v in model.optimizer.variables if "velocity" in v.path and v.shape == (4, 4))
    velocity.assign(np.ones((4, 4)))
    assert revive(model, "one", ROWS) == 1
    new_kernel, new_bias = model.get_layer("one").get_weights()
    np.testing.assert_array_equal(np.delete(new_kernel, 1, 1), np.delete(kernel, 1, 1))
    assert not np.array_equal(new_kernel[:, 1], kernel[:, 1])
    np.testing.assert_array_equal(new_bias, np.where(np.arange(4) == 1, 0, bias))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(velocity), np.tile(np.array([1.0, 0, 1, 1]), (4, 1)))


def test_reviving_refuses_layers_that_are_not_there():
    with pytest.raises(ValueError, match="got 'three'"):
        revive(three_layers(), "three", ROWS)
    model = keras.Sequential([keras.Input((4,)), keras.layers.ReLU(name="bare"), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="'bare' has no kernel"):
        revive(model, "bare", ROWS)
