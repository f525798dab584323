"""What proposes: every oracle, KerasTuner's own, initial trials, exhausted spaces."""

import keras
import keras_tuner
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, bare_build, compiled_build, small_space

from trainwise.tuning import Search, search


@pytest.mark.parametrize("oracle", ["random", "grid", "bayesian", "hyperband"])
def test_every_oracle_searches_a_users_own_compiled_build(oracle):
    result = search(compiled_build, X, Y, objective="val_accuracy", oracle=oracle, trials=4, epochs=3, verbose=0)
    assert len(result.outcomes) >= 4
    assert result.best_settings == {}
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(result.best_hyperparameters.get("rate"))


def test_a_keras_tuner_oracle_is_taken_as_it_is():
    oracle = keras_tuner.oracles.GridSearchOracle(objective="val_loss", max_trials=3)
    assert sorted(
        o.values["units"] for o in search(bare_build, X, Y, oracle=oracle, **{**QUICK, "trials": 3}).outcomes.values()
    ) == [
        2,
        4,
        8,
    ]


def test_hyperband_goes_on_from_the_weights_and_the_optimizer_of_the_round_before():
    result = search(compiled_build, X, Y, oracle="hyperband", epochs=4, verbose=0)
    later = {n: o for n, o in result.outcomes.items() if "tuner/trial_id" in o.values}
    assert later
    for outcome in later.values():
        parent = result.outcomes[int(outcome.values["tuner/trial_id"])]
        assert outcome.curve[: len(parent.curve)] == parent.curve
        assert len(outcome.curve) == outcome.values["tuner/epochs"]


def test_initial_trials_come_first_and_are_filled_with_defaults():
    result = search(compiled_build, X, Y, **{**QUICK, "population": "auto"}, initial_trials=[{"units": 8}])
    assert result.outcomes[0].values == {"units": 8, "rate": 1e-3}


def test_an_exhausted_space_is_said():
    result = search(small_space(), X, Y, **{**QUICK, "trials": 20, "epochs": 1})
    assert len(result.outcomes) == 3
    assert "exhausted" in result.notes[0]


def test_what_keras_tuners_tuners_hand_on_reaches_the_oracle():
    known = keras_tuner.HyperParameters()
    known.Choice("units", [4, 8])
    result = Search(compiled_build, "val_loss", 2, hyperparameters=known, tune_new_entries=False).search(
        X, Y, epochs=1, verbose=0
    )
    assert {outcome.values["rate"] for outcome in result.outcomes.values()} == {1e-3}
    assert {outcome.values["units"] for outcome in result.outcomes.values()} <= {4, 8}
    assert [hp.name for hp in known.space] == ["units"]
    tuner = Search(compiled_build, "val_loss", oracle="hyperband", max_epochs=2, factor=2, hyperband_iterations=1)
    found = tuner.search(X, Y, epochs=7, verbose=0)
    assert max(outcome.epochs for outcome in found.outcomes.values()) == 2


def test_several_objectives_are_summed_with_their_signs():
    aims = ["val_loss", keras_tuner.Objective("val_accuracy", "max")]
    result = search(compiled_build, X, Y, objective=aims, trials=2, epochs=2, validation_data=HELD, verbose=0)
    for number in result.order:
        logs = result.history(number)
        sums = np.array(logs["val_loss"]) - np.array(logs["val_accuracy"])
        assert result.outcomes[number].score == pytest.approx(sums.min())
    assert result.order == sorted(result.order, key=lambda n: result.outcomes[n].score)


def test_a_rate_that_members_decide_is_no_question_and_comes_back_as_the_best_members():
    def build(hp):
        model = bare_build(hp)
        rate = hp.Float("learning_rate", 1e-4, 1e-3, sampling="log")
        model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
        return model

    tuner = Search(build, "val_loss", 20, population=[0.01, 0.1])
    result = tuner.search(X, Y, epochs=2, verbose=0)
    assert len(result.outcomes) == 3, "there are three architectures, and no more"
    for number, hp in zip(result.order, tuner.get_best_hyperparameters(3), strict=True):
        assert hp.values["learning_rate"] == result.outcomes[number].settings["learning_rate"] >= 0.01
        assert float(build(hp).optimizer.learning_rate) == pytest.approx(hp.values["learning_rate"])
        assert result.leaderboard()["learning_rate"][result.order.index(number)] == hp.values["learning_rate"]


@pytest.mark.parametrize("ends", ["well", "by an error"])
def test_an_oracle_of_the_users_own_comes_back_as_it_was(ends, tmp_path):
    class Patient(keras_tuner.oracles.RandomSearchOracle):
        """Has a setting and a method in its instance, as a user may put them there."""

        def __init__(self):
            super().__init__("val_loss", max_trials=2, seed=3, max_consecutive_failed_trials=7)
            self.save = self.kept = lambda: None
            self.verbose = 2

    def build(hp):
        built.append(hp.Choice("units", [2, 4]))
        if ends == "by an error" and len(built) > 2:
            raise keras_tuner.errors.FatalError("no more")
        return compiled_build(hp)

    built = []
    oracle = Patient()
    before = set(vars(oracle))
    tuner = Search(build, oracle=oracle, directory=tmp_path, initial_trials=[{"units": 4}])
    try:
        tuner.search(X, Y, epochs=1, verbose=0)
    except keras_tuner.errors.FatalError:
        assert ends == "by an error"
    assert tuner.oracle is oracle
    # KerasTuner's own tuners too tell an oracle where it is.
    assert set(vars(oracle)) - before <= {"_directory", "_project_name"}
    assert oracle.save is oracle.kept
    assert (oracle.verbose, oracle.max_consecutive_failed_trials) == (2, 7)
    assert oracle.trials
    assert next(iter(oracle.trials.values())).hyperparameters.values["units"] == 4
