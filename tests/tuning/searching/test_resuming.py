"""A search that was interrupted ends as the one that was not, byte for byte, or says why it cannot."""

from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from trainwise.toolkit.runtime.files import DamagedFileError
from trainwise.tuning import MLP, SearchFailedError, search
from trainwise.tuning.searching import driver

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = X[:, 0] * 2 + 1
NOISE = RNG.normal(size=60).astype("float32")


def _compiled(hp, known=True):
    units = hp.Choice("units", [2, 4, 8])
    first = [keras.Input((3,))] if known else []
    model = keras.Sequential([*first, keras.layers.Dense(units, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def _without_input(hp):
    return _compiled(hp, known=False)


def _uncompiled(hp):
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(hp.Choice("units", [2, 4, 8])), keras.layers.Dense(1)]
    )


class Plain(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(units, "relu"), keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


def _subclassed(hp):
    model = Plain(hp.Choice("units", [2, 4, 8]))
    model.compile("adam", "mse")
    return model


class _Interrupt(keras.callbacks.Callback):
    """Raises as Ctrl-C does, at the end of the `at`-th epoch of all."""

    at: int | None = None
    seen = 0

    def on_epoch_end(self, epoch, logs=None):
        _Interrupt.seen += 1
        if _Interrupt.seen == _Interrupt.at:
            raise KeyboardInterrupt


class _StopAfterTwo(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.model.stop_training = True


EARLY = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
SPACE = MLP(
    depth=1, units=(2, 4), activation="relu", normalization="batch", dropout=(0.2, 0.5), l2=0, batch_size=(8, 16)
)
MEMBERS = {"population": [0.01, 0.1], "loss": "mse"}
SCENES = {
    "folds and early stopping": (_compiled, NOISE, {"folds": 2, "callbacks": [EARLY]}),
    "folds and a callback that stops": (_compiled, Y, {"folds": 2, "callbacks": [_StopAfterTwo()]}),
    "a target that is reached": (_compiled, Y, {"target": 1e9, "trials": 1}),
    "a model without input": (_without_input, Y, {}),
    "a subclassed model": (_subclassed, Y, {}),
    "validation every second epoch": (_compiled, Y, {"validation_freq": 2}),
    "a population and early stopping": (_uncompiled, NOISE, {**MEMBERS, "callbacks": [EARLY]}),
    "executions": (_uncompiled, Y, {**MEMBERS, "executions_per_trial": 2}),
    "normalisation, dropout and batch size": (SPACE, Y, {"population": 3}),
    "hyperband": (_compiled, Y, {"oracle": "hyperband", "factor": 2, "trials": None}),
    "bayesian": (_compiled, Y, {"oracle": "bayesian", "num_initial_points": 2, "trials": 3}),
    "one epoch first": (_compiled, Y, {"stopper": "first_epochs", "trials": 3, "callbacks": [EARLY]}),
}


def _run(scene, folder):
    space, y, arguments = SCENES[scene]
    callbacks = [*arguments.get("callbacks", ()), _Interrupt()]
    fixed = {"objective": "val_loss", "trials": 2, "epochs": 4, "verbose": 0, "directory": folder}
    return search(space, X, y, **{**fixed, **arguments, "callbacks": callbacks})


def _files(folder):
    kept = [*Path(folder).rglob("curve.jsonl"), *Path(folder).rglob("log.jsonl")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


@pytest.fixture(autouse=True)
def _uninterrupted_at_first():
    _Interrupt.at, _Interrupt.seen = None, 0
    yield
    _Interrupt.at = None


_WHOLE = {}


@pytest.fixture
def whole(scene, tmp_path_factory):
    """A scene that nothing interrupts, run once for all tests: its result, its files and its epochs."""
    if scene not in _WHOLE:
        folder = tmp_path_factory.mktemp("whole")
        result = _run(scene, folder)
        _WHOLE[scene] = result, _files(folder), _Interrupt.seen
    return _WHOLE[scene]


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_a_search_interrupted_at_an_epoch_goes_on_to_the_same_bytes(scene, whole, tmp_path):
    result, files, epochs = whole
    # In its first epoch, in the middle and before its last, one after the other: what goes on is interrupted again.
    places = sorted({1, epochs // 2, epochs - 1} - {0})
    for before, place in zip([0, *places], places, strict=False):
        _Interrupt.at, _Interrupt.seen = place - before, 0
        with pytest.raises(KeyboardInterrupt):
            _run(scene, tmp_path)
    _Interrupt.at = None
    again = _run(scene, tmp_path)
    assert _files(tmp_path) == files
    assert (again.order, again.best_score) == (result.order, result.best_score)
    assert again.best.metrics == result.best.metrics


@pytest.mark.parametrize("scene", SCENES)
def test_a_search_killed_between_a_trials_end_and_its_outcome_goes_on_to_the_same_bytes(
    scene, whole, tmp_path, monkeypatch
):
    result, files, _ = whole

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(driver.Driver, "done", killed)
    with pytest.raises(KeyboardInterrupt):
        _run(scene, tmp_path)
    monkeypatch.undo()
    again = _run(scene, tmp_path)
    assert _files(tmp_path) == files
    assert [outcome.epochs for outcome in again.outcomes.values()] == [o.epochs for o in result.outcomes.values()]


@pytest.mark.parametrize("scene", ["a target that is reached", "one epoch first", "hyperband"])
def test_a_finished_search_called_again_trains_nothing_and_answers_the_same(scene, tmp_path):
    first = _run(scene, tmp_path)
    files, epochs = _files(tmp_path), _Interrupt.seen
    second = _run(scene, tmp_path)
    assert _Interrupt.seen == epochs
    assert _files(tmp_path) == files
    assert second.notes == first.notes
    assert dict(second.leaderboard()) == dict(first.leaderboard())


def test_a_search_that_gave_up_gives_up_again_without_training(tmp_path):
    builds = []

    def build(hp):
        builds.append(hp.Choice("units", [1, 2, 3, 4, 5, 6, 7]))
        if len(builds) > 2:
            raise RuntimeError("broken.")
        return _compiled(hp)

    arguments = {"trials": 7, "epochs": 1, "verbose": 0, "directory": tmp_path}
    with pytest.raises(SearchFailedError, match=r"No trial of 3 could be completed; .* broken\. The whole"):
        search(build, X, Y, **arguments)
    log = _files(tmp_path)["search/log.jsonl"]
    builds.clear()
    with pytest.raises(SearchFailedError, match="No trial of 3"):
        search(build, X, Y, **arguments)
    assert _files(tmp_path)["search/log.jsonl"] == log


CHANGES = {
    "loss": ({"loss": "mae"}, "loss, optimizer or metrics"),
    "optimizer": ({"optimizer": keras.optimizers.Adam(clipnorm=1.0)}, "loss, optimizer or metrics"),
    "metrics": ({"metrics": ["mae"]}, "loss, optimizer or metrics"),
    "weights": ({"sample_weight": np.full(60, 2.0)}, "data"),
    "class weight": ({"class_weight": {0: 2.0}}, "arguments of fit"),
    "callbacks": ({"callbacks": [keras.callbacks.EarlyStopping("val_loss", patience=3)]}, "callbacks"),
    "patience": ({"callbacks": [keras.callbacks.EarlyStopping("val_loss", patience=9)]}, "callbacks"),
    "initial trials": ({"initial_trials": [{"units": 8}]}, "initial trials"),
    "limit": ({"max_model_size": 10**6}, "settings"),
    "stopper": ({"stopper": None}, "settings"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    search(_uncompiled, X, Y, loss="mse", population=2, trials=1, epochs=1, verbose=0, directory=folder)
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_search_with_another_argument_is_refused_by_its_name(change, kept):
    arguments, named = CHANGES[change]
    fixed = {"loss": "mse", "population": 2, "trials": 1, "epochs": 1, "verbose": 0, "directory": kept}
    with pytest.raises(ValueError, match=f"holds a search with other {named}"):
        search(_uncompiled, X, Y, **{**fixed, **arguments})


def test_a_space_with_another_fixed_value_is_refused(tmp_path):
    space = {"units": (2, 4), "activation": "relu", "normalization": "none", "dropout": 0, "l2": 0}
    arguments = {"trials": 1, "epochs": 1, "population": 2, "verbose": 0, "directory": tmp_path}
    search(MLP(depth=1, **space), X, Y, **arguments)
    with pytest.raises(ValueError, match="holds a search with other space"):
        search(MLP(depth=2, **space), X, Y, **arguments)


def test_fewer_trials_than_a_folder_holds_are_refused(tmp_path):
    arguments = {"loss": "mse", "population": 2, "epochs": 1, "verbose": 0, "directory": tmp_path}
    search(_uncompiled, X, Y, trials=2, **arguments)
    with pytest.raises(ValueError, match=r"holds 2 trials, .* give `trials` of at least 2"):
        search(_uncompiled, X, Y, trials=1, **arguments)


def test_a_damaged_state_is_trained_anew_to_the_same_bytes(tmp_path):
    _run("a model without input", tmp_path / "whole")
    _Interrupt.at, _Interrupt.seen = 3, 0
    with pytest.raises(KeyboardInterrupt):
        _run("a model without input", tmp_path / "cut")
    _Interrupt.at = None
    state = tmp_path / "cut/search/trials/0000/state.npz"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    again = _run("a model without input", tmp_path / "cut")
    assert _files(tmp_path / "cut") == _files(tmp_path / "whole")
    assert "failed" not in " ".join(again.leaderboard()["status"])


@pytest.mark.parametrize("name", ["search.json", "log.jsonl", "trials/0000/outcome.json"])
def test_a_damaged_file_is_named(name, tmp_path):
    _run("a target that is reached", tmp_path)
    path = tmp_path / "search" / name
    path.write_text("{broken\n" + path.read_text()[:5])
    with pytest.raises(DamagedFileError, match=f"{path.name} is damaged"):
        _run("a target that is reached", tmp_path)


def test_damaged_weights_are_named_when_they_are_asked_for(tmp_path):
    result = _run("a target that is reached", tmp_path)
    weights = next(tmp_path.rglob("best.npz"))
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(DamagedFileError, match="best.npz is damaged"):
        _ = result.best_model


def test_a_folder_that_lost_its_identity_is_refused(tmp_path):
    _run("a target that is reached", tmp_path)
    (tmp_path / "search" / "search.json").unlink()
    with pytest.raises(ValueError, match=r"lacks its search\.json"):
        _run("a target that is reached", tmp_path)


def test_a_stray_file_among_the_trials_is_left_alone(tmp_path):
    _run("a target that is reached", tmp_path)
    stray = tmp_path / "search" / "trials" / ".DS_Store"
    stray.write_text("")
    _run("a target that is reached", tmp_path)
    assert stray.is_file()


def test_a_trial_that_the_time_cut_off_is_gone_on_with(tmp_path):
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            import time

            time.sleep(0.4)

    arguments = {"trials": 1, "epochs": 5, "verbose": 0, "directory": tmp_path, "callbacks": [Slow()]}
    first = search(_compiled, X, Y, time_budget=0.5, **arguments)
    assert first.best.status == "unfinished"
    assert first.best.epochs < 5
    assert first.epochs_saved == 0.0
    assert first.best_model.evaluate(*first.plan.rows.validation, verbose=0) == pytest.approx(
        first.best_score, rel=1e-5
    )
    second = search(_compiled, X, Y, **arguments)
    assert (second.best.status, second.best.epochs) == ("completed", 5)


def test_before_a_search_there_are_no_best_models_as_with_keras_tuner(tmp_path):
    from trainwise.tuning import Search

    stock = keras_tuner.RandomSearch(_compiled, "val_loss", 1, directory=tmp_path)
    assert Search(_compiled, "val_loss", 1).get_best_models() == stock.get_best_models() == []


def test_an_oracle_object_that_asks_for_something_else_is_refused():
    from trainwise.tuning import Search

    oracle = keras_tuner.oracles.RandomSearchOracle("val_loss", max_trials=1, seed=3)
    tuner = Search(_compiled, oracle=oracle)
    tuner.search(X, Y, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="proposes 1 trials, not 5"):
        Search(_compiled, "val_loss", 5, oracle)
    with pytest.raises(ValueError, match="looks for val_loss, not for val_mae"):
        Search(_compiled, "val_mae", oracle=oracle)
