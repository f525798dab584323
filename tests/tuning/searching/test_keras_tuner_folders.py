"""Folders of KerasTuner's own: read, and never gone on with."""

import json

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


def _allowed(name, value):
    return {
        "score": value is None or isinstance(value, float),
        "best_step": value is None or isinstance(value, float),
        "trial_id": isinstance(value, str),
        "status": isinstance(value, str),
    }.get(name, False)


_TRIAL = {
    "trial_id": "0",
    "status": "COMPLETED",
    "score": 0.5,
    "best_step": 0,
    "hyperparameters": {"values": {"units": 4}},
    "metrics": {"metrics": {"val_loss": {"direction": "min", "observations": [{"value": [0.5], "step": 0}]}}},
}


@pytest.mark.parametrize(
    "trial",
    [
        *([], None, 3, {}, "text", [[[[1]]]]),
        *({**_TRIAL, name: value} for name in _TRIAL for value in (3.5, "x", None, []) if not _allowed(name, value)),
        {**_TRIAL, "metrics": {"metrics": {"val_loss": {"direction": "up", "observations": []}}}},
        {**_TRIAL, "metrics": {"metrics": {"val_loss": {"direction": "min", "observations": [{"value": ["x"]}]}}}},
    ],
)
def test_json_that_is_no_trial_is_refused(trial, tmp_path):
    (tmp_path / "trial_0").mkdir()
    (tmp_path / "trial_0/trial.json").write_text(json.dumps(trial))
    with pytest.raises(ValueError, match="trial.json is damaged, or not written by KerasTuner"):
        read_folder(tmp_path)


def test_a_trial_without_a_value_is_read(tmp_path):
    (tmp_path / "trial_0").mkdir()
    nothing = {"metrics": {"val_loss": {"direction": "min", "observations": []}}}
    trial = {**_TRIAL, "score": None, "best_step": None, "metrics": nothing}
    (tmp_path / "trial_0/trial.json").write_text(json.dumps(trial))
    assert read_folder(tmp_path)["units"] == [4]
    (tmp_path / "trial_0/trial.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_folder(tmp_path)
