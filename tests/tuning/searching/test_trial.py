"""One trial: a population over rates, its folds and executions, its best member."""

import json

import keras_tuner
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, bare_build, compiled_build, small_space

from trainwise.tuning import Search, search
from trainwise.tuning.searching.trial import outcome_of


def test_a_trial_is_a_population_whose_best_rate_is_as_good_as_that_rate_alone():
    result = search(
        small_space(units=(8,)),
        X,
        Y,
        **{**QUICK, "trials": 1, "population": [1e-4, 1e-1], "epochs": 3},
        validation_data=HELD,
        drop_losers=False,
    )
    alone = search(
        small_space(units=(8,)), X, Y, **{**QUICK, "trials": 1, "population": [1e-1], "epochs": 3}, validation_data=HELD
    )
    assert result.best_settings == {"learning_rate": 1e-1}
    assert result.best.curve == pytest.approx(alone.best.curve, rel=1e-4)
    scores = [member["score"] for member in result.best.members]
    assert scores == sorted(scores)


def test_several_executions_give_a_mean_and_a_spread():
    result = search(small_space(), X, Y, **QUICK, executions_per_trial=3, validation_data=HELD)
    lines = (result.trial_folders[result.order[0]] / "curve.jsonl").read_text().splitlines()
    members = {}
    for line in lines:
        for member in json.loads(line)["members"]:
            members.setdefault(member["member"], []).append(member["val_loss"])
    best = [min(values) for values in members.values()]
    by_setting = [np.array(best[:3]), np.array(best[3:])]
    winner = min(by_setting, key=np.mean)
    assert result.best_score == pytest.approx(float(winner.mean()))
    assert result.best.spread == pytest.approx(float(winner.std(ddof=1)))


@pytest.mark.parametrize("how", [{"folds": 2}, {"executions_per_trial": 3}])
def test_the_best_model_of_several_trainings_is_the_first_of_the_winning_rate(how):
    noise = np.random.default_rng(3).integers(0, 2, 160).astype("int32")
    rates = [0.003, 0.01, 0.03, 0.1, 0.3]
    for seed in range(3):
        result = search(
            bare_build,
            X,
            noise,
            population=rates,
            epochs=4,
            trials=1,
            seed=seed,
            loss="binary_crossentropy",
            verbose=0,
            stopper=None,
            **how,
        )
        model = result.best_model
        held = result.plan.rows.validation
        if "folds" in how:
            held = next(iter(result.plan.rows.folds(2, seed))).validation
        expected = result.best.metrics["val_loss"]
        assert min(result.history()["val_loss"]) == expected
        assert model.evaluate(*held, verbose=0) == pytest.approx(expected, rel=1e-4)
        assert float(model.optimizer.learning_rate) == pytest.approx(result.best_settings["learning_rate"])


def test_folds_validate_on_every_row_once():
    result = search(small_space(units=(4, 8)), X, Y, **QUICK, folds=4)
    assert len(list(result.trial_folders[0].glob("part_*"))) == 4
    assert result.best.spread is not None
    rows = result.plan.rows
    held = [fold.validation[0] for fold in rows.folds(4, 0)]
    assert np.array_equal(np.sort(np.concatenate(held), axis=0), np.sort(X, axis=0))


def test_batch_size_and_epochs_may_be_hyperparameters():
    def build(hp):
        hp.Choice("batch_size", [16, 40])
        hp.Choice("epochs", [1, 3])
        return bare_build(hp)

    result = search(build, X, Y, **{**QUICK, "trials": 6})
    for outcome in result.outcomes.values():
        assert outcome.planned == outcome.values["epochs"]


def _trial(**values):
    trial = keras_tuner.engine.trial.Trial(keras_tuner.HyperParameters())
    trial.hyperparameters.values = values
    return trial


@pytest.mark.parametrize("found", [0.25, np.float32(0.25), {"val_loss": 0.25}, [0.2, 0.3]])
def test_what_a_run_trial_of_the_users_own_may_return_becomes_an_outcome(found):
    outcome = outcome_of(found, _trial(units=4), keras_tuner.Objective("val_loss", "min"))
    assert outcome.score == pytest.approx(0.25)
    assert (outcome.values, outcome.epochs, outcome.status) == ({"units": 4}, 1, "completed")
    assert outcome_of(outcome, _trial(), keras_tuner.Objective("val_loss", "min")) is outcome


def test_a_run_trial_that_returns_nothing_ends_the_search_with_the_cure():
    class Forgetful(Search):
        def run_trial(self, trial, *args, **kwargs):
            super().run_trial(trial, *args, **kwargs)

    with pytest.raises(keras_tuner.errors.FatalTypeError, match="forget to return the metrics"):
        Forgetful(compiled_build, "val_loss", 2).search(X, Y, epochs=1, verbose=0)
