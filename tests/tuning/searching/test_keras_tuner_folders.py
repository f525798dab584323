"""Folders of KerasTuner's own: read, and never gone on with."""

import keras_tuner
import pytest
from small_searches import HELD, X, Y, compiled_build

from trainwise.tuning import Search, read_folder


def test_a_folder_of_keras_tuner_is_not_gone_on_with(tmp_path):
    old = keras_tuner.RandomSearch(compiled_build, "val_accuracy", max_trials=1, directory=tmp_path, project_name="old")
    old.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    with pytest.raises(ValueError, match="read_folder"):
        Search(compiled_build, "val_accuracy", 1, directory=tmp_path, project_name="old")
    Search(compiled_build, "val_accuracy", 1, directory=tmp_path, project_name="old", overwrite=True)


def test_a_folder_of_keras_tuner_is_read_into_a_leaderboard(tmp_path):
    tuner = keras_tuner.RandomSearch(
        compiled_build, "val_accuracy", max_trials=2, directory=tmp_path, project_name="old", seed=1
    )
    tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    board = read_folder(tmp_path / "old")
    expected = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert board["score"] == expected
    assert {"units", "rate"} <= set(board)
    with pytest.raises(FileNotFoundError, match="no trials"):
        read_folder(tmp_path / "none")
