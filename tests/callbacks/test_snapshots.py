"""Snapshots at the lows of a cosine."""

import math

import keras
import numpy as np
import pytest
from tiny import WeightDiary, classifier, three_classes

import trainwise as tw


def test_snapshots_follow_the_cosine_and_hold_the_weights_of_each_low():
    (x, y), model, seen = three_classes(), classifier(rate=0.2), WeightDiary()
    snapshots = tw.callbacks.SnapshotEnsemble(cycles=3)
    history = model.fit(x, y, epochs=6, batch_size=32, callbacks=[snapshots, seen], verbose=0).history
    expected = [0.1 * (math.cos(math.pi * (t % 6) / 6) + 1) for t in range(18)]
    np.testing.assert_allclose(seen.rates, expected, rtol=1e-5)
    assert len(snapshots.models) == 3 and len(history["learning_rate"]) == 6
    for member, epoch in zip(snapshots.models, (1, 3, 5), strict=True):
        np.testing.assert_array_equal(member.get_weights()[0], seen.epochs[epoch][0])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2)
    assert tw.vote(snapshots.models).predict(x, verbose=0).shape == (96, 3)


def test_snapshots_on_disk_outlive_an_interruption(tmp_path):
    (x, y), model = three_classes(), classifier()

    def fit(**more):
        kept = tw.callbacks.SnapshotEnsemble(cycles=2, directory=tmp_path)
        model.fit(x, y, epochs=4, callbacks=[kept, *more.pop("beside", [])], verbose=0, **more)
        return kept

    stop = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model, "stop_training", epoch == 2)
    )
    fit(beside=[stop])
    again = fit(initial_epoch=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snapshot_1.keras", "snapshot_2.keras"]
    assert len(again.models) == 2
    (tmp_path / "snapshot_1.keras").unlink()
    with pytest.raises(ValueError, match="member of cycle 1 is missing"):
        fit(initial_epoch=2)


def test_snapshots_refuse_what_cannot_work():
    (x, y), model = three_classes(), classifier()
    with pytest.raises(ValueError, match="5 epochs of the fit must be a multiple"):
        model.fit(x, y, epochs=5, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    with pytest.raises(ValueError, match="members are gone"):
        model.fit(x, y, epochs=4, initial_epoch=2, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)), "mse")
    with pytest.raises(ValueError, match="follows a schedule"):
        model.fit(x, y, epochs=4, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    with pytest.raises(ValueError, match="got 0"):
        tw.callbacks.SnapshotEnsemble(0)
