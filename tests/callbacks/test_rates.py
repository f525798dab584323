"""Callbacks about rates; the oracle is arithmetic written out."""

import warnings

import keras
import numpy as np
import pytest
from tiny import LINE, ROWS, two_layers

import trainwise as tw

O = keras.optimizers  # noqa: E741


def test_rate_momentum_and_decay_show_in_history_and_logs_of_others(tmp_path):
    schedule = O.schedules.InverseTimeDecay(0.1, 1, 1.0)
    model = two_layers(O.SGD(schedule, momentum=0.9, weight_decay=0.01))
    monitor = tw.callbacks.LearningRateMonitor(every="step")
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = model.fit(ROWS, LINE, batch_size=16, epochs=2, callbacks=[monitor, logger], verbose=0).history
    np.testing.assert_allclose(history["learning_rate"], [0.1 / 5, 0.1 / 9], rtol=1e-5)
    assert history["momentum"] == [0.9, 0.9] and history["weight_decay"] == [0.01, 0.01]
    np.testing.assert_allclose(
        [step["learning_rate"] for step in monitor.steps], [0.1 / (k + 2) for k in range(8)], rtol=1e-5
    )
    assert "learning_rate" in (tmp_path / "log.csv").read_text()


def test_the_batch_size_shows_where_it_is_told():
    schedule = tw.schedules.BatchSizeSchedule([1], [8, 16])
    monitor = tw.callbacks.LearningRateMonitor(every="step", batch_size=schedule)
    history = two_layers().fit(ROWS, LINE, batch_size=16, epochs=2, callbacks=[monitor], verbose=0).history
    assert history["batch_size"] == [8, 16] and monitor.steps[-1]["batch_size"] == 16
    plain = tw.callbacks.LearningRateMonitor(batch_size=32)
    assert two_layers().fit(ROWS, LINE, callbacks=[plain], verbose=0).history["batch_size"] == [32]
    with pytest.raises(TypeError, match="`batch_size` must be a whole number, got 'all'"):
        tw.callbacks.LearningRateMonitor(batch_size="all")


def test_two_owners_are_refused_when_a_plain_fit_begins():
    model = two_layers(O.SGD(O.schedules.CosineDecay(0.1, 10)))
    plateau = keras.callbacks.ReduceLROnPlateau("loss")
    monitor = tw.callbacks.LearningRateMonitor(beside=[plateau])
    with pytest.raises(ValueError, match="ReduceLROnPlateau would set it too; leave the callback out, or compile"):
        model.fit(ROWS, LINE, callbacks=[plateau, monitor], verbose=0)
    assert int(model.optimizer.iterations) == 0
    two_layers().fit(ROWS, LINE, callbacks=[plateau, monitor], verbose=0)


def test_the_rate_of_each_layer_shows():
    model = two_layers(tw.optimizers.LayerwiseLearningRate(O.SGD(0.1), {"a": 0.5}))
    history = model.fit(ROWS, LINE, callbacks=[tw.callbacks.LearningRateMonitor()], verbose=0).history
    np.testing.assert_allclose([history["learning_rate/a"][0], history["learning_rate/b"][0]], [0.05, 0.1], rtol=1e-5)


def test_a_ghost_update_is_said_with_its_cure_and_the_cure_works():
    import tensorflow as tf

    def batches():
        for k in range(0, 64, 16):
            yield ROWS[k : k + 16], LINE[k : k + 16]

    shape = (tf.TensorSpec((None, 4), "float32"), tf.TensorSpec((None, 1), "float32"))
    data = tf.data.Dataset.from_generator(batches, output_signature=shape)
    fit = {"epochs": 1, "verbose": 0, "shuffle": False, "callbacks": [tw.callbacks.LearningRateMonitor()]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        two_layers().fit(data, **fit)
    assert any("assert_cardinality" in str(one.message) and "5 updates" in str(one.message) for one in caught)
    two_layers().fit(data.apply(tf.data.experimental.assert_cardinality(4)), **fit)


def test_update_ratios_are_the_norms_written_out():
    model = two_layers(O.SGD(0.05))
    before = [weight.copy() for weight in model.get_weights()]
    history = model.fit(
        ROWS, LINE, batch_size=64, callbacks=[tw.callbacks.UpdateRatioMonitor(every=1)], verbose=0
    ).history
    after = model.get_weights()
    for name, place in (("a", 0), ("b", 2)):
        ratio = np.linalg.norm(after[place] - before[place]) / np.linalg.norm(before[place])
        assert history[f"update_ratio/{name}"][0] == pytest.approx(ratio, rel=1e-5)


def test_the_finder_sets_the_rate_of_the_range_test_and_refuses_what_cannot_be():
    model, expected = (
        two_layers(O.SGD(1e-9)),
        tw.tuning.range_test(two_layers(O.SGD(1e-9)), ROWS, LINE, rates=6, updates=12),
    )
    finder = tw.callbacks.LearningRateFinder(ROWS, LINE, rates=6, updates=12)
    model.fit(ROWS, LINE, callbacks=[finder], verbose=0)
    assert finder.result.suggestion == pytest.approx(expected.suggestion)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected.suggestion)
    with pytest.raises(ValueError, match="follows a schedule, and LearningRateFinder would set it too"):
        two_layers(O.SGD(O.schedules.CosineDecay(0.1, 10))).fit(ROWS, LINE, callbacks=[finder], verbose=0)
    hopeless = tw.callbacks.LearningRateFinder(ROWS, np.full_like(LINE, np.nan), rates=4, updates=10)
    with pytest.raises(ValueError, match="found no learning rate: the loss was no finite number"):
        two_layers().fit(ROWS, LINE, callbacks=[hopeless], verbose=0)
    with pytest.raises(ValueError, match="`method` must be .*got 'best'"):
        tw.callbacks.LearningRateFinder(ROWS, LINE, method="best")


def test_a_pace_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`every` must be .*got 'hour'"):
        tw.callbacks.LearningRateMonitor(every="hour")
    with pytest.raises(ValueError, match="`every` must be at least 1, got 0"):
        tw.callbacks.UpdateRatioMonitor(every=0)
