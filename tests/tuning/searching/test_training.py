"""One training: its curve, its callbacks, its precision, its files, its random state."""

import copy
import gc
import json

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from small_searches import HELD, QUICK, X, Y, bare_build, compiled_build, small_space

import trainwise as tw
from trainwise.tuning import MLP, search


def test_the_curves_of_a_trial_are_in_its_file_line_by_line(found):
    for number, outcome in found.outcomes.items():
        lines = [json.loads(line) for line in (found.trial_folders[number] / "curve.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in lines] == list(range(1, outcome.epochs + 1))
        assert [line["val_accuracy"] for line in lines] == outcome.curve
        best = max(member["val_accuracy"] for line in lines for member in line["members"])
        assert best == outcome.score


def test_a_hypermodel_with_a_fit_of_its_own_trains_by_it():
    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            return compiled_build(hp)

        def fit(self, hp, model, *args, **kwargs):
            kwargs["batch_size"] = hp.Choice("batch_size", [20, 40])
            return model.fit(*args, **kwargs)

    result = search(Own(), X, Y, **{**QUICK, "population": "auto"})
    assert {outcome.values["batch_size"] for outcome in result.outcomes.values()} <= {20, 40}


def test_a_search_leaves_the_random_state_as_it_was():
    def drawn():
        return np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))

    keras.utils.set_random_seed(3)
    expected = drawn()
    keras.utils.set_random_seed(3)
    result = search(small_space(), X, Y, **QUICK)
    assert result.best_model.built
    assert result.refit(epochs=1).built
    assert drawn() == expected


def test_rows_come_as_they_stand_where_they_are_not_to_be_shuffled():
    class Seen(keras.layers.Layer):
        def call(self, x):
            tf.py_function(lambda part: seen.extend(part.numpy()[:, 0].tolist()), [x], [])
            return x

    def build(hp):
        units = hp.Choice("units", [2])
        model = keras.Sequential([Seen(), keras.layers.Dense(units), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", run_eagerly=True)
        return model

    seen: list[float] = []
    search(build, X, Y, epochs=1, trials=1, shuffle=False, validation_data=HELD, population=False, verbose=0)
    assert seen[1 : 1 + len(X)] == X[:, 0].tolist()  # one row builds the model


def test_every_trial_writes_its_own_tensorboard_folder(tmp_path):
    board = keras.callbacks.TensorBoard(str(tmp_path / "board"))
    search(compiled_build, X, Y, epochs=1, trials=2, callbacks=[board], verbose=0)
    assert {path.name for path in (tmp_path / "board").iterdir()} == {"trial_0000", "trial_0001"}
    assert board.log_dir == str(tmp_path / "board")


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras says so of every data set without length
def test_a_data_set_without_length_is_trained_on_also_beside_a_sealed_split():
    splits = tw.data.load("iris")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).filter(lambda x, y: True)
    result = search(bare_build, data, **QUICK, loss="binary_crossentropy", validation_data=HELD)
    assert len(result.best.curve) == 2
    assert not splits.test.openings


def test_two_runs_of_the_same_seed_agree_and_seed_zero_is_a_seed():
    def run(seed):
        result = search(MLP(units=(2, 4), depth=1), X, Y, **QUICK, seed=seed, validation_data=HELD)
        return [(outcome.values, outcome.curve) for outcome in result.outcomes.values()]

    assert run(0) == run(0)
    assert run(0) != run(3)


def test_a_full_disk_ends_the_search_and_is_no_failed_trial(monkeypatch, tmp_path):
    from trainwise.tuning.searching import training

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "write_arrays", full)
    with pytest.raises(OSError, match="No space left"):
        search(small_space(), X, Y, **QUICK, directory=tmp_path)
    monkeypatch.undo()
    assert len(search(small_space(), X, Y, **QUICK, directory=tmp_path).outcomes) == 2


def test_the_callers_callbacks_are_copied_and_left_alone():
    stop = keras.callbacks.EarlyStopping(patience=3)
    before = copy.copy(stop.__dict__)
    search(small_space(), X, Y, **QUICK, callbacks=[stop])
    assert stop.__dict__ == before


def _policies(model):
    return {layer.dtype_policy.name for layer in model.layers if layer.weights}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_search_trains_at_the_precision_it_is_told_and_leaves_the_callers(policy):
    result = search(small_space(), X, Y, **QUICK, precision=policy)
    assert policy in _policies(result.best_model)
    assert policy in _policies(result.refit(epochs=1))
    assert result.as_dict()["device"].endswith(f"precision {policy}")
    assert keras.config.dtype_policy().name == "float32"


def test_a_search_trains_at_the_precision_that_is_set():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        result = search(small_space(), X, Y, **QUICK)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert "mixed_bfloat16" in _policies(result.best_model)


class _InterruptOnce(keras.callbacks.Callback):
    """Raises Ctrl-C in an epoch, unless its file says that it has."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 7 and self.path is not None and not self.path.exists():
            self.path.touch()
            raise KeyboardInterrupt


def test_a_callback_that_counts_goes_on_counting_in_a_search_that_was_interrupted(tmp_path):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [2, 3]), "relu")])
        model.add(keras.layers.Dense(1, "sigmoid"))
        model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy")
        return model

    def run(name, path):
        wait = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=3, min_delta=10)
        return search(
            build,
            X,
            Y,
            validation_data=HELD,
            epochs=12,
            trials=1,
            stopper=None,
            directory=tmp_path,
            project_name=name,
            callbacks=[wait, _InterruptOnce(path)],
            verbose=0,
        )

    with pytest.raises(KeyboardInterrupt):
        run("cut", tmp_path / "raised")
    cut, whole = run("cut", tmp_path / "raised"), run("whole", None)
    rates = cut.history()["learning_rate"]
    assert rates == whole.history()["learning_rate"]
    assert cut.history() == whole.history()
    assert len(set(rates)) > 2  # the rate fell before the interruption and after it


def test_no_graph_of_a_trial_outlives_it():
    def graphs():
        gc.collect()
        return sum(type(one).__name__ == "FuncGraph" for one in gc.get_objects())

    before = graphs()
    search(small_space(), X, Y, **QUICK)
    assert graphs() <= before + 2  # those of the search's own first model
    assert gc.get_freeze_count() == 0
