"""Runs read after the fact; the oracle is the watch that read the same run live, on curves alone."""

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers


X = np.linspace(-1, 1, 64)[:, None]


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """One diverging fit: its History, CSV file, TensorBoard folder, and what a watch of whole epochs said."""
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), L.Dense(1)])
    model.compile(keras.optimizers.SGD(10.0), "mse", metrics=["mae"])
    watch = tw.callbacks.CurveWatch(report=lambda finding: None)
    # Without batches the watch sees what a history holds.
    watch.on_train_batch_end = lambda batch, logs=None: None
    callbacks = [keras.callbacks.CSVLogger(folder / "log.csv"), keras.callbacks.TensorBoard(folder / "board"), watch]
    history = model.fit(X, 3 * X, batch_size=4, epochs=6, validation_data=(X, 3 * X), callbacks=callbacks, verbose=0)
    return history, folder, [finding.symptom for finding in watch.findings]


def test_history_dictionary_csv_and_tensorboard_give_what_the_watch_said(diverged):
    history, folder, expected = diverged
    assert expected
    for source in (history, history.history, folder / "log.csv", str(folder / "board")):
        assert [finding.symptom for finding in tw.diagnose(source)] == expected


def test_a_good_curve_gives_no_warning():
    loss = (0.2 + np.exp(-np.arange(20) / 3)).tolist()
    good = {"loss": loss, "val_loss": [value + 0.01 for value in loss], "accuracy": [1 - value / 2 for value in loss]}
    assert not [finding for finding in tw.diagnose(good) if finding.level != "info"]


def test_one_epoch_and_validation_every_second_epoch_are_read():
    assert tw.diagnose({"loss": [1.0]}) == []
    every_second = {"loss": [1.0, 0.8, 0.7, 0.65], "val_loss": [0.9, 0.75]}
    assert not [finding for finding in tw.diagnose(every_second) if finding.level != "info"]


BAD = [
    ({"accuracy": [1.0]}, ValueError, r"must have a curve `loss`, got \['accuracy'\]"),
    ({"loss": []}, ValueError, "at least one epoch"),
    ({"loss": [1.0], "val_loss": [1.0, 2.0]}, ValueError, "more epochs of 'val_loss' than of 'loss': 2"),
    ({"loss": ["low"]}, TypeError, r"`history\['loss'\]` must hold one number an epoch, got \['low'\]"),
    (3, TypeError, "must be a History, its dictionary or a path, got int"),
]


@pytest.mark.parametrize(("history", "error", "message"), BAD)
def test_what_is_no_history_is_refused(history, error, message):
    with pytest.raises(error, match=message):
        tw.diagnose(history)


FILES = [
    ("", "holds no epochs"),
    ("epoch,loss\n", "holds no epochs"),
    ("epoch,loss\n0,1.0\n2,0.5\n", "missing or repeated epochs: 0, 2"),
    ("epoch,loss\n0,low\n", "must hold numbers, got 'low' in column 'loss'"),
    ("epoch,accuracy\n0,0.5\n", "must have a curve `loss`"),
    ("epoch,loss,loss\n0,1.0,2.0\n", "names a column twice"),
    ("epoch,loss\n0,1.0,2.0\n", "row 2 has more cells than the 2 columns"),
    ('epoch,loss\n0,"1.0\n', "is not a CSV file: unexpected end of data"),
    (f"epoch,loss\n0,{'9' * 200_000}\n", "is not a CSV file: field larger than field limit"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_files_that_cannot_be_read_are_refused(text, message, tmp_path):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        tw.diagnose(tmp_path / "log.csv")
    with pytest.raises(ValueError, match="holds no TensorBoard events"):
        tw.diagnose(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        tw.diagnose(tmp_path / "none.csv")


def test_validation_every_second_epoch_names_the_epoch_of_the_run():
    epochs = np.arange(40)
    loss = 2.0 * 0.85**epochs
    val_loss = 1.0 + 0.002 * (epochs - 15) ** 2
    accuracy = np.clip(1 - loss / 2, 0, 1)
    val_accuracy = 0.9 - 0.0006 * (epochs - 15) ** 2
    every = {"loss": loss, "val_loss": val_loss, "accuracy": accuracy, "val_accuracy": val_accuracy}
    second = {name: values[1::2] if name.startswith("val_") else values for name, values in every.items()}
    whole, half = ({f.symptom: f for f in tw.diagnose(history)}["overfitting"] for history in (every, second))
    assert (whole.level, half.level) == ("warning", "warning")
    assert abs(whole.epoch - half.epoch) <= 4
    assert 14 <= half.epoch <= 22


def test_a_live_fit_that_validates_now_and_then_is_read_alike():
    x = np.random.default_rng(0).normal(size=(64, 3))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-5), "mse")
    watch = tw.callbacks.CurveWatch(x=x, y=x[:, :1], validation_data=(x, x[:, :1]), report=lambda finding: None)
    model.fit(x, x[:, :1], epochs=30, validation_data=(x, x[:, :1]), validation_freq=3, callbacks=[watch], verbose=0)
    assert {"learning_rate_too_low", "not_learning"} & {finding.symptom for finding in watch.findings}
    assert not watch.healthy


@pytest.mark.parametrize(("short", "long"), [("mae", "mean_absolute_error"), ("mse", "mean_squared_error")])
def test_a_curve_means_the_same_under_the_short_and_the_long_name_of_its_metric(short, long):
    loss = [0.9**epoch + 0.02 for epoch in range(40)]
    held = [0.9 * 0.8**epoch + 0.3 + 0.02 * max(0, epoch - 8) for epoch in range(40)]
    curves = {"loss": loss, "val_loss": held}
    found = [tw.diagnose({**curves, name: loss, f"val_{name}": held}) for name in (short, long)]
    assert found[0] == found[1]
    assert [(f.symptom, f.level) for f in found[0]] == [("overfitting", "warning")]


def test_a_metric_of_which_nobody_knows_whether_it_is_better_high_or_low_is_not_judged():
    loss = [0.9**epoch + 0.02 for epoch in range(40)]
    falling = {"loss": loss, "val_loss": loss, "wealth": loss, "val_wealth": loss[::-1]}
    assert tw.diagnose(falling) == tw.diagnose({"loss": loss, "val_loss": loss})
