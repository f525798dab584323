"""Our callbacks beside Keras' own, in both orders: kept weights are measured weights, or the fit is refused."""

import inspect

import keras
import numpy as np
import pytest
from tiny import silent

import trainwise as tw

K = keras.callbacks
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X[:, :1] + 0.7 * RNG.normal(size=(24, 1)) > 0).astype("float32")
HELD = (X[12:], Y[12:])


def model(rate=2.0):
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(1, "sigmoid")])
    # A high rate, so that the loss jumps and the best epoch is not the last.
    made.compile(keras.optimizers.SGD(rate), "binary_crossentropy", run_eagerly=True)
    return made


OURS = {
    "CurveWatch": lambda folder: tw.callbacks.CurveWatch(report=silent),
    "CurveWatch, repair": lambda folder: tw.callbacks.CurveWatch("repair", report=silent),
    "GradientWatch": lambda folder: tw.callbacks.GradientWatch(X, Y, every=2, report=silent),
    "LearningRateFinder": lambda folder: tw.callbacks.LearningRateFinder(X, Y, rates=3, updates=10, how="ramp"),
    "LearningRateMonitor": lambda folder: tw.callbacks.LearningRateMonitor(),
    "Progress": lambda folder: tw.callbacks.Progress("fit"),
    "ResumableState": lambda folder: tw.callbacks.ResumableState([K.ReduceLROnPlateau()], folder / "state.json"),
    "Resume": lambda folder: tw.callbacks.Resume(folder / "resume"),
    "SnapshotEnsemble": lambda folder: tw.callbacks.SnapshotEnsemble(cycles=2),
    "UpdateRatioMonitor": lambda folder: tw.callbacks.UpdateRatioMonitor(every=1),
    "WeightAverage": lambda folder: tw.callbacks.WeightAverage("exponential", start=0, every="step", momentum=0.7),
    "WeightAverage, mean": lambda folder: tw.callbacks.WeightAverage(start=0, keep="last"),
}
THEIRS = {
    "ModelCheckpoint": lambda folder: K.ModelCheckpoint(folder / "best.keras", save_best_only=True),
    "EarlyStopping": lambda folder: K.EarlyStopping(patience=2, restore_best_weights=True),
    "BackupAndRestore": lambda folder: K.BackupAndRestore(folder / "backup", delete_checkpoint=False),
    "ReduceLROnPlateau": lambda folder: K.ReduceLROnPlateau(patience=0, min_delta=10.0),
    "LearningRateScheduler": lambda folder: K.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    "SwapEMAWeights": lambda folder: K.SwapEMAWeights(),
    "CSVLogger": lambda folder: K.CSVLogger(folder / "log.csv"),
    "TerminateOnNaN": lambda folder: K.TerminateOnNaN(),
    "LambdaCallback": lambda folder: K.LambdaCallback(),
    "TensorBoard": lambda folder: K.TensorBoard(folder / "board", write_graph=False),
}
# They show, send or store elsewhere, keep no weights, or need what is not installed; or they are Keras' own plumbing.
NOT_TRIED = {
    "Callback",
    "CallbackList",
    "History",
    "MonitorCallback",
    "ProgbarLogger",
    "RemoteMonitor",
    "OrbaxCheckpoint",
}
TWO_RATES, SWAPS = "would both set the learning rate", "SwapEMAWeights keeps or sets the weights"
REFUSED = {
    "SnapshotEnsemble": {"ReduceLROnPlateau": TWO_RATES, "LearningRateScheduler": TWO_RATES},
    "LearningRateFinder": {"LearningRateScheduler": TWO_RATES},
    "WeightAverage": {"SwapEMAWeights": SWAPS},
    "WeightAverage, mean": {"SwapEMAWeights": SWAPS},
}


def test_no_callback_is_missing_here():
    public = {name for name in tw.callbacks.__all__ if inspect.isclass(getattr(tw.callbacks, name))}
    assert {name.split(",")[0] for name in OURS} == public
    known = {name for name, one in vars(K).items() if inspect.isclass(one)}
    assert known - NOT_TRIED == set(THEIRS)


def fit(made, callbacks, epochs=4):
    return made.fit(
        X[:12], Y[:12], epochs=epochs, batch_size=6, verbose=0, validation_data=HELD, validation_batch_size=12,
        callbacks=callbacks,
    ).history  # fmt: skip


def loss(made):
    # What `evaluate` gives, without the data set that it makes for it each time.
    return float(keras.ops.mean(keras.losses.binary_crossentropy(HELD[1], made(HELD[0]))))


@pytest.mark.parametrize("first", ["ours first", "theirs first"])
@pytest.mark.parametrize("our", OURS)
def test_weights_that_were_measured_are_those_that_are_kept(our, first, tmp_path):
    made = model()
    # All of theirs in one fit, but for those that are refused: none of them minds another.
    theirs = [make(tmp_path) for name, make in THEIRS.items() if name not in ("SwapEMAWeights", *REFUSED.get(our, {}))]
    ours = [OURS[our](tmp_path)]
    measured = fit(made, ours + theirs if first == "ours first" else theirs + ours)["val_loss"]
    assert loss(keras.models.load_model(tmp_path / "best.keras")) == pytest.approx(min(measured), abs=1e-5)
    if our != "CurveWatch, repair":  # which brings the best weights back by its own account
        assert loss(made) == pytest.approx(min(measured), abs=1e-5)
    made.load_weights(tmp_path / "backup" / "latest.weights.h5")
    assert loss(made) == pytest.approx(measured[-1], abs=1e-5)


@pytest.mark.parametrize("first", ["ours first", "theirs first"])
@pytest.mark.parametrize(("our", "their"), [(our, their) for our, listed in REFUSED.items() for their in listed])
def test_what_cannot_be_kept_beside_another_is_refused_before_training(our, their, first, tmp_path):
    made = model()
    before, callbacks = made.get_weights(), [OURS[our](tmp_path), THEIRS[their](tmp_path)]
    made.compile(keras.optimizers.SGD(0.1, use_ema=True), "binary_crossentropy", run_eagerly=True)
    with pytest.raises(ValueError, match=REFUSED[our][their]):
        fit(made, callbacks if first == "ours first" else callbacks[::-1])
    np.testing.assert_array_equal(made.get_weights()[0], before[0])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (
            lambda folder: K.EarlyStopping("loss", restore_best_weights=True),
            "'loss', which is measured while they move",
        ),
        (
            lambda folder: K.ModelCheckpoint(folder / "a.keras", "loss", save_best_only=True),
            "ModelCheckpoint keeps weights",
        ),
        (OURS["Resume"], "Resume keeps or sets"),
        (OURS["CurveWatch, repair"], "CurveWatch keeps or sets"),
        (OURS["WeightAverage"], "WeightAverage keeps or sets"),
    ],
)
def test_an_average_refuses_what_would_keep_other_weights(beside, words, first, tmp_path):
    callbacks = [tw.callbacks.WeightAverage(start=0), beside(tmp_path)]
    with pytest.raises(ValueError, match=words):
        fit(model(), callbacks if first else callbacks[::-1])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (OURS["LearningRateFinder"], "would both set the learning rate"),
        (OURS["SnapshotEnsemble"], "would both set the learning rate"),
        (OURS["CurveWatch, repair"], "CurveWatch would set the learning rate too"),
    ],
)
def test_snapshots_refuse_our_own_callbacks_that_set_the_rate(beside, words, first, tmp_path):
    callbacks = [tw.callbacks.SnapshotEnsemble(cycles=2), beside(tmp_path)]
    with pytest.raises(ValueError, match=words):
        fit(model(), callbacks if first else callbacks[::-1])


def test_weights_that_another_callback_sets_stay():
    made = model()
    zeros = [np.zeros_like(value) for value in made.get_weights()]
    reset = K.LambdaCallback(on_epoch_end=lambda epoch, logs: made.set_weights(zeros))
    seen = K.LambdaCallback(on_train_batch_begin=lambda batch, logs: began.append(made.get_weights()[0].copy()))
    began = []
    fit(made, [tw.callbacks.WeightAverage(start=0), reset, seen], epochs=2)
    np.testing.assert_array_equal(began[2], zeros[0])


def test_the_last_average_is_the_one_that_was_measured():
    made = model()
    measured = fit(made, [tw.callbacks.WeightAverage(start=0)])["val_loss"]
    assert loss(made) == pytest.approx(measured[-1], abs=1e-5)


def interrupted(made, callbacks, after):
    def stop(epoch, logs):
        made.stop_training = epoch == after - 1

    fit(made, [*callbacks, K.LambdaCallback(on_epoch_end=stop)])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("keeper", ["Resume", "BackupAndRestore"])
def test_snapshots_begin_at_the_rate_of_compile_in_a_fit_that_goes_on(keeper, first, tmp_path):
    def callbacks():
        kept = {**OURS, **THEIRS}[keeper](tmp_path)
        snapshots = tw.callbacks.SnapshotEnsemble(cycles=2, directory=tmp_path / "members")
        return ([kept, snapshots] if first else [snapshots, kept]), kept

    class KilledError(Exception):
        pass

    def kill(epoch, logs):
        if epoch == 3:
            raise KilledError

    own, _ = callbacks()
    with pytest.raises(KilledError):
        fit(model(0.5), [*own, K.LambdaCallback(on_epoch_begin=kill)])
    again, kept = callbacks()
    made = model(0.5)
    seen = []
    look = K.LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(float(made.optimizer.learning_rate)))
    initial = {"initial_epoch": kept.initial_epoch} if keeper == "Resume" else {}
    made.fit(
        X[:12], Y[:12], epochs=4, batch_size=6, verbose=0, validation_data=HELD, callbacks=[*again, look], **initial
    )
    expected = [0.25 * (1 + np.cos(np.pi * t / 4)) for t in range(4)]
    np.testing.assert_allclose(seen, expected[-len(seen) :], rtol=1e-5)
    assert float(made.optimizer.learning_rate) == pytest.approx(0.5)


def test_a_rate_of_another_compile_is_kept_when_a_fit_goes_on(tmp_path):
    fit(model(0.5), [tw.callbacks.Resume(tmp_path)], epochs=1)
    for rate in (0.125, 0.5):
        made = model(rate)
        resume = tw.callbacks.Resume(tmp_path)
        made.fit(
            X, Y, epochs=2, initial_epoch=resume.initial_epoch, validation_data=HELD, callbacks=[resume], verbose=0
        )
        assert float(made.optimizer.learning_rate) == rate


def test_a_rate_that_was_cut_goes_on_cut(tmp_path):
    cut = lambda: K.ReduceLROnPlateau(patience=0, factor=0.5, min_delta=10.0)  # noqa: E731
    fit(model(0.5), [tw.callbacks.Resume(tmp_path), cut()], epochs=3)
    made = model(0.5)
    resume = tw.callbacks.Resume(tmp_path)
    made.fit(X, Y, epochs=4, initial_epoch=3, validation_data=HELD, callbacks=[resume], verbose=0)
    assert float(made.optimizer.learning_rate) < 0.5


def test_members_of_another_model_are_refused(tmp_path):
    fit(model(), [tw.callbacks.SnapshotEnsemble(cycles=2, directory=tmp_path)])
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    other.compile("sgd", "binary_crossentropy")
    with pytest.raises(ValueError, match="snapshot_1.keras is a member of another model"):
        other.fit(
            X, Y, epochs=4, initial_epoch=2, callbacks=[tw.callbacks.SnapshotEnsemble(2, directory=tmp_path)], verbose=0
        )
