"""Fits that are interrupted and go on."""

import keras
import numpy as np
import pytest
from tiny import POSITIVE, SUMS, two_answers

from trainwise.callbacks import CurveWatch, Resume
from trainwise.toolkit.data import Split
from trainwise.tuning.ensemble_training import Batches


def _fit(folder, epochs, extra=(), carry=()):
    model = two_answers()
    resume = Resume(folder, carry=carry)
    start = resume.initial_epoch
    model.fit(
        Batches(Split(SUMS, POSITIVE), 8, seed=5, epoch=start), epochs=epochs, initial_epoch=start,
        validation_data=(SUMS, POSITIVE), callbacks=[resume, *carry, *extra], shuffle=False, verbose=0,
    )  # fmt: skip
    return model, resume


class Stop(keras.callbacks.Callback):
    """Raises in the middle of an epoch, as an interrupt does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 2:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch


def test_an_interrupted_fit_ends_as_an_uninterrupted_one(tmp_path):
    whole, one = _fit(tmp_path / "whole", 6)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "cut", 6, [Stop(3)], carry=[CurveWatch()])
    watch = CurveWatch()
    assert Resume(tmp_path / "cut").initial_epoch == 3
    again, two = _fit(tmp_path / "cut", 6, carry=[watch])
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history == two.history
    assert len(two.history["loss"]) == 6
    assert len(watch.get_state()["logs"]["loss"]) == 6


def test_the_best_epoch_is_restored_and_old_files_go(tmp_path):
    model, resume = _fit(tmp_path, 5)
    losses = resume.history["val_loss"]
    assert resume.best_epoch == int(np.argmin(losses))
    resume.restore_best(model)
    np.testing.assert_allclose(model.evaluate(SUMS, POSITIVE, verbose=0)[0], min(losses), rtol=1e-5)
    assert len(list(tmp_path.glob("*.npz"))) <= 2
    fresh = two_answers()
    Resume(tmp_path).restore_best(fresh)
    np.testing.assert_allclose(fresh.evaluate(SUMS, POSITIVE, verbose=0)[0], min(losses), rtol=1e-5)


def test_a_state_whose_newest_file_is_half_written_is_not_lost(tmp_path):
    _fit(tmp_path, 3)
    (tmp_path / ".epoch-3.npz.123").write_bytes(b"half")
    (tmp_path / "epoch-3.npz").write_bytes(b"written, but not yet named by the state")
    _, resume = _fit(tmp_path, 4)
    assert len(resume.history["loss"]) == 4


def test_the_state_of_another_model_is_refused(tmp_path):
    _fit(tmp_path, 1)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    other.compile(loss="mse")
    with pytest.raises(ValueError, match="the state of another model"):
        other.fit(SUMS, POSITIVE, epochs=2, initial_epoch=1, callbacks=[Resume(tmp_path)], verbose=0)


def test_the_best_epoch_of_an_accuracy_is_its_highest(tmp_path):
    resume = Resume(tmp_path, monitor="val_accuracy")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    resume.set_model(model)
    for epoch, accuracy in enumerate([0.5, 0.9, 0.7]):
        resume.on_epoch_begin(epoch)
        resume.on_epoch_end(epoch, {"val_accuracy": accuracy})
    resume.on_train_end()
    assert resume.best_epoch == 1 and Resume(tmp_path, monitor="val_accuracy").best_epoch == 1


def test_a_monitor_that_nobody_knows_needs_its_mode(tmp_path):
    with pytest.raises(ValueError, match="'wealth' is better high or low cannot be told"):
        Resume(tmp_path, monitor="wealth")
    assert Resume(tmp_path, monitor="wealth", mode="max").best_epoch is None


def test_a_loss_below_zero_is_better_the_lower_it_is(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "cosine_similarity")
    resume = Resume(tmp_path, monitor="loss")
    x = np.random.default_rng(0).normal(size=(32, 2))
    history = model.fit(x, x[:, ::-1], epochs=4, callbacks=[resume], verbose=0).history
    assert resume.best_epoch == int(np.argmin(history["loss"]))
