"""The race of the members: who is dropped, when a training ends, what the objective is."""

import json
import re

import keras
import keras_tuner
import numpy as np
import pytest
from small_searches import QUICK, X, Y, compiled_build, small_space

from trainwise.toolkit.stopping import SuccessiveHalving
from trainwise.tuning import ObjectiveError, SearchFailedError, search


def test_halving_stops_trials_and_says_why():
    result = search(
        compiled_build,
        X,
        Y,
        **{**QUICK, "trials": 6, "epochs": 6, "population": False},
        stopper=SuccessiveHalving(factor=2, first=1, startup=1),
    )
    stopped = [outcome for outcome in result.outcomes.values() if outcome.status == "stopped"]
    assert stopped
    assert all(re.fullmatch(r"place \d of \d after \d epochs?, and .* on", outcome.reason) for outcome in stopped)
    assert result.epochs_saved > 0


def test_members_that_lag_behind_are_dropped_first():
    result = search(small_space(units=(8,)), X, Y, **{**QUICK, "trials": 1, "population": 8, "epochs": 5})
    lines = [json.loads(line) for line in (result.trial_folders[0] / "curve.jsonl").read_text().splitlines()]
    assert [len(line["members"]) for line in lines] == [8, 4, 2, 2, 2]


def test_a_trial_that_diverges_at_every_rate_is_stopped_with_its_finding():
    arguments = {**QUICK, "trials": 1, "epochs": 30, "population": [1e6, 1e8], "optimizer": "sgd", "loss": "mse"}
    with pytest.raises(SearchFailedError, match="non_finite at every rate after 1 epoch"):
        search(small_space(units=(8,)), 1e3 * X, Y * 1.5 + 0.2, **arguments, drop_losers=False)


def test_validation_every_few_epochs_is_judged_at_its_own_epochs():
    for population in (3, False):
        result = search(
            compiled_build, X, Y, epochs=6, trials=2, validation_freq=3, population=population, stopper=None, verbose=0
        )
        assert {outcome.status for outcome in result.outcomes.values()} == {"completed"}
        assert result.best.best_epoch in (3, 6)
        assert result.best.metrics["val_loss"] == result.best_score
        assert len(result.history()["loss"]) == 6
        assert len(result.history()["val_loss"]) == 2
    with pytest.raises(ValueError, match="`validation_freq` must be at most the number of epochs, 2, got 3"):
        search(compiled_build, X, Y, epochs=2, trials=1, validation_freq=3, verbose=0)


def test_an_objective_that_is_not_logged_is_refused_with_what_is():
    with pytest.raises(ObjectiveError, match="'val_f1_score' is not among the logs, which hold accuracy, loss"):
        search(small_space(), X, Y, objective=keras_tuner.Objective("val_f1_score", "max"), **QUICK)
    with pytest.raises(ValueError, match="objective"):
        search(small_space(), X, Y, objective="val_f1_score", **QUICK)


def test_a_nan_objective_is_a_failed_trial_and_never_the_best():
    def build(hp):
        scale = hp.Choice("scale", [1.0, float(np.float32(3e38))])
        layers = [keras.Input((4,)), keras.layers.Rescaling(scale), keras.layers.Dense(4), keras.layers.Dense(1)]
        return keras.Sequential(layers)

    result = search(build, X, Y * 1.0, **QUICK, loss="mse")
    assert [outcome.status for outcome in result.outcomes.values()].count("failed") == 1
    assert np.isfinite(result.best_score)
