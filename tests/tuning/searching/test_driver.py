"""The driver: targets, budgets, failing trials."""

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
