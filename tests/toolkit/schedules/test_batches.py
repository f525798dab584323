"""Batch sizes over epochs, and updates counted by hand."""

import keras
import numpy as np
import pytest

import trainwise as tw

S = tw.schedules


K = keras.optimizers.schedules


def test_updates_of_smith_and_others_are_the_ones_counted_by_hand():
    grown = S.BatchSizeSchedule([60, 120, 160], [128, 640, 3200, 5120])
    # 50 000 rows: 391 batches of 128, 79 of 640, 16 of 3200, 10 of 5120.
    assert S.updates(200, 50_000, 128) == 200 * 391 == 78_200
    assert S.updates(200, 50_000, grown) == 60 * 391 + 60 * 79 + 40 * 16 + 40 * 10 == 29_240
    assert S.updates(2, 10, 4, drop_remainder=True) == 4
    assert S.updates(2, 10, 4, accumulation=2) == 3
    assert S.updates(1, 3, 100) == 1


def test_updates_are_those_that_fit_makes():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((37, 1)), np.ones((37, 1)), batch_size=8, epochs=3, verbose=0)
    assert int(model.optimizer.iterations) == S.updates(3, 37, 8)


def test_the_batch_takes_the_rates_cuts_until_it_may_grow_no_more():
    rates = [0.1, 0.02, 0.004, 0.0008]
    schedule, left = S.BatchSizeSchedule.from_learning_rates([60, 120, 160], rates, 128, largest=5000)
    assert schedule.batch_sizes == (128, 640, 3200, 5000)
    np.testing.assert_allclose(left, [0.1, 0.1, 0.1, 0.0008 * 5000 / 128])
    # Rate over batch size, the noise scale, falls as planned.
    np.testing.assert_allclose(np.array(left) / schedule.batch_sizes, np.array(rates) / 128)
    assert [schedule.at(epoch) for epoch in (0, 59, 60, 119, 120, 160, 999)] == [128, 128, 640, 640, 3200, 5000, 5000]
    assert schedule.phases(70) == [(0, 60, 128), (60, 70, 640)]
    assert S.BatchSizeSchedule(**schedule.get_config()) == schedule


def test_a_falling_schedule_becomes_a_growing_batch_epoch_by_epoch():
    decay = K.ExponentialDecay(0.1, 10, 0.5, staircase=True)  # halved every epoch of 10 updates
    grown, rates = S.BatchSizeSchedule.from_schedule(decay, epochs=5, samples=80, batch_size=8, largest=32)
    assert grown.phases(5) == [(0, 1, 8), (1, 2, 16), (2, 3, 32), (3, 4, 32), (4, 5, 32)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.05, 0.025], rtol=1e-6)
    with pytest.raises(ValueError, match="`learning_rates` must not rise above the first"):
        S.BatchSizeSchedule.from_schedule(S.LinearWarmup(0.1, 20), epochs=2, samples=80, batch_size=8, largest=32)
