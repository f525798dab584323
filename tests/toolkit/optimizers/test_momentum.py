"""Momentum that changes, against Keras' own optimizer and numpy written out."""

import keras
import numpy as np
import pytest
from two_outputs import difference, fitted

import trainwise as tw

L = keras.layers


O = keras.optimizers  # noqa: E741


@pytest.mark.parametrize("settings", [{}, {"nesterov": True}, {"weight_decay": 0.1}, {"global_clipnorm": 0.1}])
def test_momentum_that_stays_is_keras_sgd(settings):
    ours = fitted(tw.optimizers.MomentumSGD(0.05, momentum=0.9, **settings))
    assert difference(ours, fitted(O.SGD(0.05, momentum=0.9, **settings))) == 0


def test_momentum_is_live_after_tracing():
    traces = []

    def loss(y, p):
        traces.append(1)
        return keras.ops.mean((y - p) ** 2)

    x = np.ones((1, 1))
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(tw.optimizers.MomentumSGD(0.1, momentum=0.9), loss)
    weight, velocity = 1.0, 0.0
    for momentum in (0.9, 0.9, 0.5, 0.0):
        model.optimizer.momentum = momentum
        model.fit(x, np.zeros((1, 1)), verbose=0)
        velocity = momentum * velocity - 0.1 * 2 * weight
        weight += velocity
        assert float(model.get_weights()[0][0, 0]) == pytest.approx(weight, rel=1e-5)
    assert len(traces) <= 2


def test_momentum_follows_a_schedule_over_updates():
    schedule = tw.schedules.JoinedSchedule([0.0, 0.5, 0.9], [2, 4])
    weight, velocity = keras.Variable([1.0]), 0.0
    optimizer, expected = tw.optimizers.MomentumSGD(0.1, momentum=schedule), 1.0
    for momentum in (0.0, 0.0, 0.5, 0.5, 0.9):
        optimizer.apply([keras.ops.ones(1)], [weight])
        velocity = momentum * velocity - 0.1
        expected += velocity
        assert float(keras.ops.convert_to_numpy(weight)[0]) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="follows a schedule, so 0.3 cannot be set"):
        optimizer.momentum = 0.3
    cycle = tw.schedules.OneCycle(0.1, 12)
    fitted(tw.optimizers.MomentumSGD(cycle, momentum=cycle.momentum), epochs=1)


@pytest.mark.parametrize(("value", "error"), [(1.0, ValueError), (-0.1, ValueError), ("x", TypeError)])
def test_a_momentum_out_of_range_is_refused(value, error):
    with pytest.raises(error, match=f"`momentum` must be .*got {value!r}"):
        tw.optimizers.MomentumSGD(0.1, momentum=value)
