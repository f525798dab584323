import copy
import io
import json

import keras
import numpy as np
import pytest
from rich.console import Console

from trainwise.callbacks import CurveWatch, Progress, Resume
from trainwise.toolkit.data import Split
from trainwise.tuning.member_training import Batches

X = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")


def _model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def _fit(folder, epochs, extra=(), carry=()):
    model = _model()
    resume = Resume(folder, carry=carry)
    model.fit(
        Batches(Split(X, Y), 8, seed=5, epoch=resume.initial_epoch), epochs=epochs, initial_epoch=resume.initial_epoch,
        validation_data=(X, Y), callbacks=[resume, *carry, *extra], shuffle=False, verbose=0,
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
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0)[0], min(losses), rtol=1e-5)
    assert len(list(tmp_path.glob("*.npz"))) <= 2
    fresh = _model()
    Resume(tmp_path).restore_best(fresh)
    np.testing.assert_allclose(fresh.evaluate(X, Y, verbose=0)[0], min(losses), rtol=1e-5)


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
        other.fit(X, Y, epochs=2, initial_epoch=1, callbacks=[Resume(tmp_path)], verbose=0)


def test_the_order_of_batches_depends_on_seed_and_epoch_alone():
    batches = Batches(Split(X, Y), 20, seed=1)
    assert [len(batches[i][0]) for i in range(len(batches))] == [20, 20, 8]
    first = batches[0][0]
    batches.on_epoch_end()
    batches.on_epoch_begin()
    np.testing.assert_array_equal(first, batches[0][0])
    batches.on_epoch_begin()
    assert not np.array_equal(first, batches[0][0])
    np.testing.assert_array_equal(batches[0][0], Batches(Split(X, Y), 20, seed=1, epoch=1)[0][0])
    seen = np.concatenate([batches[i][0] for i in range(len(batches))])
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(X, axis=0))


def test_the_watch_says_a_run_that_breaks_down_and_resets_for_the_next():
    said = []
    watch = CurveWatch(report=said.append)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e15), "mse")
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    assert said[0].symptom == "non_finite"
    assert watch.findings[0].level == "error"
    _model().fit(X, Y, epochs=1, callbacks=[watch], verbose=0)
    assert watch.findings == []


@pytest.mark.parametrize("weights", [None, {0: 1.0, 1: 30.0}])
def test_a_rare_class_that_is_never_answered_is_said_at_the_end(weights):
    random = np.random.default_rng(0)
    y = (np.arange(600) % 30 == 0).astype(int)
    x = random.normal(size=(600, 2)) + 1.5 * y[:, None]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    watch = CurveWatch(x=x, y=y, validation_data=(x, y), report=lambda finding: None)
    model.fit(x, y, epochs=10, validation_data=(x, y), callbacks=[watch], class_weight=weights, verbose=0)
    assert ("class_imbalance" in [finding.symptom for finding in watch.findings]) == (weights is None)


def test_a_spike_in_a_long_first_epoch_is_said_before_the_epoch_ends():
    x = np.random.default_rng(0).normal(size=(4000, 3))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.8), "mse")
    said = []
    watch = CurveWatch(report=lambda finding: said.append((finding.symptom, int(model.optimizer.iterations))))
    model.fit(x, 5 * x[:, :1], epochs=1, batch_size=4, callbacks=[watch], verbose=0)
    assert ("learning_rate_too_high", 60) in said


def test_the_watch_unaverages_what_keras_logs():
    watch = CurveWatch()
    watch.set_params({"epochs": 1})
    watch.set_model(_model())
    watch.on_train_begin()
    watch.on_epoch_begin(0)
    losses = [0.0, 100.0, 0.0, 100.0]
    for batch in range(4):
        watch.on_train_batch_end(batch, {"loss": np.mean(losses[: batch + 1])})
    watch.on_epoch_end(0, {"loss": 50.0})
    np.testing.assert_allclose(watch.get_state()["first"], losses, atol=1e-9)
    np.testing.assert_allclose(watch.get_state()["groups"][0], losses, atol=1e-9)


def test_a_long_epoch_is_kept_as_the_means_of_64_groups():
    watch = CurveWatch()
    watch.set_params({"epochs": 1})
    watch.set_model(_model())
    watch.on_train_begin()
    watch.on_epoch_begin(0)
    losses = np.random.default_rng(0).random(64 * 10)
    for batch in range(len(losses)):
        watch.on_train_batch_end(batch, {"loss": losses[: batch + 1].mean()})
    watch.on_epoch_end(0, {"loss": losses.mean()})
    np.testing.assert_allclose(watch.get_state()["groups"][0], losses.reshape(64, 10).mean(axis=1))
    np.testing.assert_allclose(watch.get_state()["first"], losses[:100])


def test_the_watch_copies_and_carries_its_state_as_json():
    watch = CurveWatch(x=X, y=Y, validation_data=(X, Y))
    _model().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[watch], verbose=0)
    state = json.loads(json.dumps(watch.get_state()))
    other = CurveWatch()
    other.set_state(state)
    assert other.get_state() == watch.get_state()
    assert copy.deepcopy(CurveWatch()).findings == []


def test_an_action_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="must be 'warn' or 'repair', got 'pray'"):
        CurveWatch(action="pray")


def test_progress_is_plain_lines_without_control_bytes_when_piped():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=False, highlight=False))
    _model().fit(X, Y, epochs=2, callbacks=[progress], verbose=0)
    lines = text.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["net: epoch 1/2", "net: epoch 2/2"]
    assert all(character.isprintable() for line in lines for character in line)


def test_progress_is_a_bar_on_a_terminal_and_is_taken_away():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=True, width=100))
    _model().fit(X, Y, epochs=2, callbacks=[progress], verbose=0)
    assert "\x1b[" in text.getvalue()
    assert progress._bar is None
    assert copy.deepcopy(progress).label == "net"
