"""Fits whose batch grows; the oracle is plain fits one after another."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import LINE, ROWS, two_layers

import trainwise as tw

O = keras.optimizers  # noqa: E741


def test_growing_batches_are_plain_fits_one_after_another_under_one_set_of_callbacks():
    events = []

    class Note(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            events.append("begin")

        def on_epoch_end(self, epoch, logs=None):
            events.append(epoch)

        def on_train_end(self, logs=None):
            events.append("end")

    schedule = tw.schedules.BatchSizeSchedule([2, 3], [8, 16, 64])
    model, plain = two_layers(), two_layers()
    history = tw.tuning.fit_growing_batches(
        model, ROWS, LINE, batch_sizes=schedule, epochs=5, learning_rates=[0.01, 0.02, 0.005], callbacks=[Note()],
        validation_data=(ROWS, LINE), shuffle=False,
    ).history  # fmt: skip
    for rate, size, epochs in ((0.01, 8, 2), (0.02, 16, 1), (0.005, 64, 2)):
        plain.optimizer.learning_rate = rate
        plain.fit(ROWS, LINE, batch_size=size, epochs=epochs, shuffle=False, verbose=0)
    for own, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    assert events == ["begin", 0, 1, 2, 3, 4, "end"]
    assert history["batch_size"] == [8, 8, 16, 64, 64] and len(history["val_loss"]) == 5
    assert history["updates"] == [8, 16, 20, 21, 22]
    assert history["updates"][-1] == tw.schedules.updates(5, 64, schedule)


def test_early_stopping_counts_over_the_phases():
    stop = keras.callbacks.EarlyStopping("loss", patience=3, min_delta=1e9)
    schedule = tw.schedules.BatchSizeSchedule([1, 2, 3, 4, 5], [4, 8, 8, 16, 16, 32])
    history = tw.tuning.fit_growing_batches(two_layers(), ROWS, LINE, batch_sizes=schedule, epochs=9, callbacks=[stop])
    assert len(history.history["loss"]) == 4


def test_two_owners_of_the_rate_are_refused_with_the_cure():
    model = two_layers(O.SGD(O.schedules.CosineDecay(0.1, 10)))
    fit = {"batch_sizes": tw.schedules.BatchSizeSchedule([1], [8, 16]), "epochs": 2}
    with pytest.raises(ValueError, match="ReduceLROnPlateau would set it too; leave the callback out, or compile"):
        tw.tuning.fit_growing_batches(model, ROWS, LINE, callbacks=[keras.callbacks.ReduceLROnPlateau()], **fit)
    with pytest.raises(ValueError, match="`learning_rates` would set the learning rate, which follows a schedule"):
        tw.tuning.fit_growing_batches(model, ROWS, LINE, learning_rates=[0.1, 0.1], **fit)
    both = [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1), keras.callbacks.ReduceLROnPlateau()]
    with pytest.raises(ValueError, match="LearningRateScheduler, ReduceLROnPlateau would both set"):
        tw.tuning.fit_growing_batches(two_layers(), ROWS, LINE, callbacks=both, **fit)


BAD = [
    ({"batch_sizes": 8}, TypeError, "`batch_sizes` must be a BatchSizeSchedule, got int"),
    ({"epochs": 0}, ValueError, "`epochs` must be at least 1, got 0"),
    ({"learning_rates": [0.1]}, ValueError, "`learning_rates` must hold 2 values, one for each batch size, got 1"),
    ({"learning_rates": [0.1, -1.0]}, ValueError, "`learning_rates` must be in .*got -1"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments_are_refused_with_their_value(arguments, error, message):
    given = {"batch_sizes": tw.schedules.BatchSizeSchedule([1], [8, 16]), "epochs": 2, **arguments}
    with pytest.raises(error, match=message):
        tw.tuning.fit_growing_batches(two_layers(), ROWS, LINE, **given)


def test_the_batches_of_a_data_set_grow_too():
    x = np.linspace(-1, 1, 64)[:, None].astype("float32")
    plain = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    other = keras.models.clone_model(plain)
    schedule = tw.schedules.BatchSizeSchedule([1, 2], [8, 16, 64])
    for model, data in ((plain, (x, 3 * x)), (other, (tf.data.Dataset.from_tensor_slices((x, 3 * x)).batch(10),))):
        model.compile("sgd", "mse")
        history = tw.tuning.fit_growing_batches(model, *data, batch_sizes=schedule, epochs=3, shuffle=False)
        assert history.history["updates"] == [8, 12, 13]
    # The batches that were cut anew hold the rows that arrays of that size would have had.
    np.testing.assert_allclose(plain.get_weights()[0], other.get_weights()[0], rtol=1e-6)


def test_the_batches_of_a_data_set_without_end_grow_by_steps():
    x = np.ones((20, 1), "float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    endless = tf.data.Dataset.from_tensor_slices((x, x)).batch(5).repeat()
    schedule = tw.schedules.BatchSizeSchedule([1], [4, 8])
    history = tw.tuning.fit_growing_batches(model, endless, batch_sizes=schedule, epochs=2, steps_per_epoch=3)
    assert history.history["updates"] == [3, 6]


def test_batches_that_cannot_grow_are_refused():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    schedule = tw.schedules.BatchSizeSchedule([1], [8, 16])
    batches = ((np.ones((4, 1)), np.ones((4, 1))) for _ in range(4))
    with pytest.raises(ValueError, match="The batches of a generator are as large as it makes them"):
        tw.tuning.fit_growing_batches(model, batches, batch_sizes=schedule, epochs=2)
