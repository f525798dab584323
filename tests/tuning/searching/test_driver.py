"""The driver: targets, budgets, failing trials."""

import os
import subprocess
import sys
import time

import pytest
from small_searches import QUICK, X, Y, bare_build, small_space

from trainwise.toolkit.stopping import FirstEpochs
from trainwise.tuning import SearchFailedError, search


def test_the_target_ends_the_search_at_once():
    result = search(small_space(), X, Y, objective="val_accuracy", **{**QUICK, "trials": 50, "epochs": 50}, target=0.6)
    assert len(result.outcomes) < 50
    assert result.best_score >= 0.6
    assert result.best.epochs < 50
    assert "The target 0.6 was reached" in result.notes[0]


def test_the_time_budget_ends_the_search_with_its_epoch():
    started = time.time()
    result = search(small_space(), X, Y, **{**QUICK, "trials": 3, "epochs": 100_000}, time_budget=3)
    assert time.time() - started < 20
    assert result.notes == ("The time was up.",)


def test_one_epoch_then_the_best_few_trains_only_those_to_the_end():
    result = search(
        small_space(units=(2, 3, 4, 6, 8)), X, Y, **{**QUICK, "trials": 5, "epochs": 4}, stopper=FirstEpochs(1, keep=2)
    )
    epochs = sorted(outcome.epochs for outcome in result.outcomes.values())
    assert epochs == [1, 1, 1, 4, 4]


def test_a_failed_search_names_no_file_where_none_was_written():
    with pytest.raises(SearchFailedError, match="non_finite") as raised:
        search(
            small_space(), X, Y, population=[1e30], loss=lambda y, p: p * float("nan"), epochs=2, trials=1, verbose=0
        )
    assert "error.txt" not in str(raised.value)


def test_a_build_that_raises_fails_its_trial_alone():
    def build(hp):
        model = bare_build(hp)
        if hp.get("units") == 4:
            raise ValueError("four is not a number")
        return model

    result = search(build, X, Y, **{**QUICK, "trials": 3})
    failed = [outcome for outcome in result.outcomes.values() if outcome.status == "failed"]
    assert [outcome.reason for outcome in failed] == ["ValueError: four is not a number"]
    assert result.leaderboard()["status"][-1].startswith("failed")


def test_a_search_in_which_every_trial_fails_raises_with_the_first_cause():
    calls = []

    def build(hp):
        calls.append(1)
        if len(calls) > 2:
            raise ZeroDivisionError("nothing works")
        return bare_build(hp)

    with pytest.raises(SearchFailedError, match="nothing works") as raised:
        search(build, X, Y, **{**QUICK, "trials": 3})
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


WORDS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from trainwise.tuning import search

def build(hp):
    if hp.Choice("kind", ["plain", "h\\u00e4sslich"]) != "plain":
        raise ValueError("h\\u00e4sslich")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model

x = np.linspace(-1, 1, 40)[:, None]
result = search(build, x, x[:, 0], oracle="grid", trials=2, epochs=1, verbose=0, directory=sys.argv[1])
result.to_csv(sys.argv[1] + "/board.csv")
"""


def test_words_beyond_ascii_are_written_in_utf8_whatever_the_locale_says(tmp_path):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", WORDS, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    error = next(tmp_path.rglob("error.txt")).read_text(encoding="utf-8")
    assert "ValueError: hässlich" in error
    assert "hässlich" in (tmp_path / "board.csv").read_text(encoding="utf-8")
