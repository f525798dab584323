"""Callbacks about rates, and fits whose batch grows; the oracle is arithmetic written out, or a plain fit."""

import warnings

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers
O = keras.optimizers  # noqa: E741
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] * 2).astype("float32")


def _model(optimizer="sgd"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="a"), L.Dense(1, name="b")])
    model.compile(optimizer, "mse")
    return model


def test_rate_momentum_and_decay_show_in_history_and_logs_of_others(tmp_path):
    schedule = O.schedules.InverseTimeDecay(0.1, 1, 1.0)
    model = _model(O.SGD(schedule, momentum=0.9, weight_decay=0.01))
    monitor = tw.callbacks.LearningRateMonitor(every="step")
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = model.fit(X, Y, batch_size=16, epochs=2, callbacks=[monitor, logger], verbose=0).history
    np.testing.assert_allclose(history["learning_rate"], [0.1 / 5, 0.1 / 9], rtol=1e-5)
    assert history["momentum"] == [0.9, 0.9] and history["weight_decay"] == [0.01, 0.01]
    np.testing.assert_allclose(
        [step["learning_rate"] for step in monitor.steps], [0.1 / (k + 2) for k in range(8)], rtol=1e-5
    )
    assert "learning_rate" in (tmp_path / "log.csv").read_text()


def test_the_batch_size_shows_where_it_is_told():
    schedule = tw.schedules.BatchSizeSchedule([1], [8, 16])
    monitor = tw.callbacks.LearningRateMonitor(every="step", batch_size=schedule)
    history = _model().fit(X, Y, batch_size=16, epochs=2, callbacks=[monitor], verbose=0).history
    assert history["batch_size"] == [8, 16] and monitor.steps[-1]["batch_size"] == 16
    plain = tw.callbacks.LearningRateMonitor(batch_size=32)
    assert _model().fit(X, Y, callbacks=[plain], verbose=0).history["batch_size"] == [32]
    with pytest.raises(TypeError, match="`batch_size` must be a whole number, got 'all'"):
        tw.callbacks.LearningRateMonitor(batch_size="all")


def test_two_owners_are_refused_when_a_plain_fit_begins():
    model = _model(O.SGD(O.schedules.CosineDecay(0.1, 10)))
    plateau = keras.callbacks.ReduceLROnPlateau("loss")
    monitor = tw.callbacks.LearningRateMonitor(beside=[plateau])
    with pytest.raises(ValueError, match="ReduceLROnPlateau would set it too; leave the callback out, or compile"):
        model.fit(X, Y, callbacks=[plateau, monitor], verbose=0)
    assert int(model.optimizer.iterations) == 0
    _model().fit(X, Y, callbacks=[plateau, monitor], verbose=0)


def test_the_rate_of_each_layer_shows():
    model = _model(tw.optimizers.LayerwiseLearningRate(O.SGD(0.1), {"a": 0.5}))
    history = model.fit(X, Y, callbacks=[tw.callbacks.LearningRateMonitor()], verbose=0).history
    np.testing.assert_allclose([history["learning_rate/a"][0], history["learning_rate/b"][0]], [0.05, 0.1], rtol=1e-5)


def test_a_ghost_update_is_said_with_its_cure_and_the_cure_works():
    import tensorflow as tf

    def batches():
        for k in range(0, 64, 16):
            yield X[k : k + 16], Y[k : k + 16]

    shape = (tf.TensorSpec((None, 4), "float32"), tf.TensorSpec((None, 1), "float32"))
    data = tf.data.Dataset.from_generator(batches, output_signature=shape)
    fit = {"epochs": 1, "verbose": 0, "shuffle": False, "callbacks": [tw.callbacks.LearningRateMonitor()]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _model().fit(data, **fit)
    assert any("assert_cardinality" in str(one.message) and "5 updates" in str(one.message) for one in caught)
    _model().fit(data.apply(tf.data.experimental.assert_cardinality(4)), **fit)


def test_update_ratios_are_the_norms_written_out():
    model = _model(O.SGD(0.05))
    before = [weight.copy() for weight in model.get_weights()]
    history = model.fit(X, Y, batch_size=64, callbacks=[tw.callbacks.UpdateRatioMonitor(every=1)], verbose=0).history
    after = model.get_weights()
    for name, place in (("a", 0), ("b", 2)):
        ratio = np.linalg.norm(after[place] - before[place]) / np.linalg.norm(before[place])
        assert history[f"update_ratio/{name}"][0] == pytest.approx(ratio, rel=1e-5)


def test_the_finder_sets_the_rate_of_the_range_test_and_refuses_what_cannot_be():
    model, expected = _model(O.SGD(1e-9)), tw.tuning.range_test(_model(O.SGD(1e-9)), X, Y, rates=6, updates=12)
    finder = tw.callbacks.LearningRateFinder(X, Y, rates=6, updates=12)
    model.fit(X, Y, callbacks=[finder], verbose=0)
    assert finder.result.suggestion == pytest.approx(expected.suggestion)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected.suggestion)
    with pytest.raises(ValueError, match="follows a schedule, and LearningRateFinder would set it too"):
        _model(O.SGD(O.schedules.CosineDecay(0.1, 10))).fit(X, Y, callbacks=[finder], verbose=0)
    hopeless = tw.callbacks.LearningRateFinder(X, np.full_like(Y, np.nan), rates=4, updates=10)
    with pytest.raises(ValueError, match="found no learning rate: the loss was no finite number"):
        _model().fit(X, Y, callbacks=[hopeless], verbose=0)
    with pytest.raises(ValueError, match="`method` must be .*got 'best'"):
        tw.callbacks.LearningRateFinder(X, Y, method="best")


class Interrupt(keras.callbacks.Callback):
    """Ends a fit as a crash does."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def test_a_resumed_fit_counts_on_where_keras_alone_forgets(tmp_path):
    def callbacks(keep):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=3, min_delta=1e9)
        stop = keras.callbacks.EarlyStopping("loss", patience=5, min_delta=1e9, restore_best_weights=True)
        monitor = tw.callbacks.LearningRateMonitor()
        kept = [tw.callbacks.ResumableState([plateau, stop], tmp_path / "state.json")] if keep else []
        return [plateau, stop, monitor, *kept]

    fit = {"verbose": 0, "shuffle": False}
    whole = _model().fit(X, Y, epochs=20, callbacks=callbacks(keep=False), **fit).history
    model = _model()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=20, callbacks=[*callbacks(keep=True), Interrupt(2)], **fit)
    assert (tmp_path / "state.json").is_file()
    resumed = model.fit(X, Y, epochs=20, initial_epoch=2, callbacks=callbacks(keep=True), **fit).history
    assert len(resumed["loss"]) == len(whole["loss"]) - 2
    np.testing.assert_allclose(resumed["learning_rate"], whole["learning_rate"][2:])
    assert not list(tmp_path.iterdir())


def test_a_state_of_other_callbacks_is_refused(tmp_path):
    (tmp_path / "state.json").write_text('[{"kind": "EarlyStopping", "wait": 1}]')
    state = tw.callbacks.ResumableState([keras.callbacks.ReduceLROnPlateau("loss")], tmp_path / "state.json")
    with pytest.raises(ValueError, match=r"holds the state of \['EarlyStopping'\].*remove the file"):
        _model().fit(X, Y, callbacks=[state], verbose=0)
    with pytest.raises(ValueError, match="`callbacks` must hold at least one"):
        tw.callbacks.ResumableState([], tmp_path / "state.json")


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
    model, plain = _model(), _model()
    history = tw.tuning.fit_growing_batches(
        model, X, Y, batch_sizes=schedule, epochs=5, learning_rates=[0.01, 0.02, 0.005], callbacks=[Note()],
        validation_data=(X, Y), shuffle=False,
    ).history  # fmt: skip
    for rate, size, epochs in ((0.01, 8, 2), (0.02, 16, 1), (0.005, 64, 2)):
        plain.optimizer.learning_rate = rate
        plain.fit(X, Y, batch_size=size, epochs=epochs, shuffle=False, verbose=0)
    for own, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    assert events == ["begin", 0, 1, 2, 3, 4, "end"]
    assert history["batch_size"] == [8, 8, 16, 64, 64] and len(history["val_loss"]) == 5
    assert history["updates"] == [8, 16, 20, 21, 22]
    assert history["updates"][-1] == tw.schedules.updates(5, 64, schedule)


def test_early_stopping_counts_over_the_phases():
    stop = keras.callbacks.EarlyStopping("loss", patience=3, min_delta=1e9)
    schedule = tw.schedules.BatchSizeSchedule([1, 2, 3, 4, 5], [4, 8, 8, 16, 16, 32])
    history = tw.tuning.fit_growing_batches(_model(), X, Y, batch_sizes=schedule, epochs=9, callbacks=[stop])
    assert len(history.history["loss"]) == 4


def test_two_owners_of_the_rate_are_refused_with_the_cure():
    model = _model(O.SGD(O.schedules.CosineDecay(0.1, 10)))
    fit = {"batch_sizes": tw.schedules.BatchSizeSchedule([1], [8, 16]), "epochs": 2}
    with pytest.raises(ValueError, match="ReduceLROnPlateau would set it too; leave the callback out, or compile"):
        tw.tuning.fit_growing_batches(model, X, Y, callbacks=[keras.callbacks.ReduceLROnPlateau()], **fit)
    with pytest.raises(ValueError, match="`learning_rates` would set the learning rate, which follows a schedule"):
        tw.tuning.fit_growing_batches(model, X, Y, learning_rates=[0.1, 0.1], **fit)
    both = [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1), keras.callbacks.ReduceLROnPlateau()]
    with pytest.raises(ValueError, match="LearningRateScheduler, ReduceLROnPlateau would both set"):
        tw.tuning.fit_growing_batches(_model(), X, Y, callbacks=both, **fit)


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
        tw.tuning.fit_growing_batches(_model(), X, Y, **given)
    with pytest.raises(ValueError, match="`every` must be .*got 'hour'"):
        tw.callbacks.LearningRateMonitor(every="hour")
    with pytest.raises(ValueError, match="`every` must be at least 1, got 0"):
        tw.callbacks.UpdateRatioMonitor(every=0)
