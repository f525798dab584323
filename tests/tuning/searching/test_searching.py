"""The search: KerasTuner's oracles, populations as trials, stopping, a journal that survives everything."""

import copy
import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw
from trainwise.toolkit.stopping import FirstEpochs, SuccessiveHalving
from trainwise.tuning import MLP, ObjectiveError, Search, SearchFailedError, ladder, read_folder, search

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")
HELD = (RNG.normal(size=(40, 4)).astype("float32"), RNG.integers(0, 2, 40).astype("int32"))
HELD = (HELD[0], (HELD[0][:, 0] + HELD[0][:, 1] > 0).astype("int32"))
QUICK = {"epochs": 2, "trials": 2, "population": 2, "verbose": 0}


def _build(hp):
    units = hp.Choice("units", [2, 4, 8])
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])


def _compiled(hp):
    model = _build(hp)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def _space(**kwargs):
    plain = {"depth": 1, "activation": "relu", "normalization": "none", "dropout": 0, "l2": 0, "units": (2, 4, 8)}
    return MLP(**{**plain, **kwargs})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A small whole search, looked at by many tests."""
    return search(
        MLP(units=(2, 4, 8), normalization="none"), X, Y, objective="val_accuracy", trials=10, epochs=4, population=4,
        validation_data=HELD, verbose=0, directory=tmp_path_factory.mktemp("found"), stopper="median",
    )  # fmt: skip


def test_the_ladder_spans_four_decades_evenly():
    rates = ladder("adam")
    assert len(rates) == 16
    assert rates[0] == pytest.approx(1e-5)
    assert rates[-1] == pytest.approx(0.1)
    assert np.ptp(np.diff(np.log(rates))) < 1e-9
    assert ladder("sgd", 2) == pytest.approx([1e-4, 1.0])


def test_the_best_model_answers_the_best_score(found):
    model = found.best_model
    accuracy = float(np.mean((model.predict(HELD[0], verbose=0)[:, 0] > 0.5) == HELD[1]))
    assert accuracy == pytest.approx(found.best_score)
    assert found.best_score == max(outcome.score for outcome in found.outcomes.values())
    assert float(model.optimizer.learning_rate) == pytest.approx(found.best_settings["learning_rate"])


def test_the_curves_of_a_trial_are_in_its_file_line_by_line(found):
    for number, outcome in found.outcomes.items():
        lines = [json.loads(line) for line in (found.trial_folders[number] / "curve.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in lines] == list(range(1, outcome.epochs + 1))
        assert [line["val_accuracy"] for line in lines] == outcome.curve
        best = max(member["val_accuracy"] for line in lines for member in line["members"])
        assert best == outcome.score


def test_the_leaderboard_holds_every_trial_best_first(found):
    board = found.leaderboard()
    assert sorted(board["trial"]) == list(range(10))
    assert board["val_accuracy"] == sorted(board["val_accuracy"], reverse=True)
    assert {"learning_rate", "units", "depth", "parameters", "seconds", "epochs", "epochs_saved", "findings"} <= set(
        board
    )
    assert board["epochs"][0] + board["epochs_saved"][0] == 4


def test_the_leaderboard_is_written_as_csv(found, tmp_path):
    found.to_csv(tmp_path / "board.csv")
    lines = (tmp_path / "board.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("trial,val_accuracy,learning_rate")


def test_the_figures_of_stopping_are_those_of_the_curves(found):
    epochs = [outcome.epochs for outcome in found.outcomes.values()]
    assert found.epochs_saved == pytest.approx(1 - sum(epochs) / 40)
    text = str(found)
    assert "One epoch for every trial and then the best three in full" in text
    assert "CPU" in text or "GPU" in text
    json.dumps(found.as_dict())


def test_importance_finds_the_hyperparameter_that_counts():
    class Made(Search):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            return {"val_loss": (hp.get("matters") - 0.3) ** 2 + 0.001 * hp.get("idle")}

    def build(hp):
        hp.Float("matters", 0, 1)
        hp.Float("idle", 0, 1)
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

    result = Made(build, "val_loss", max_trials=30, population=False, loss="mse").search(X, Y, verbose=0)
    importance = result.importance()
    assert next(iter(importance)) == "matters"
    assert importance["matters"] > 0.7
    assert importance["idle"] < 0.1


def test_the_plot_shows_every_trial(found):
    assert len(found.plot().axes[0].lines) == 10


def test_the_best_models_go_straight_into_selection_and_a_vote(found):
    models = found.models(3)
    predictions = np.stack([model.predict(HELD[0], verbose=0) for model in models])
    selection = tw.select_members(predictions, HELD[1], size=3)
    vote = tw.vote(models, weights=selection.weights)
    expected = np.tensordot(selection.weights, predictions, axes=1)
    assert np.allclose(vote.predict(HELD[0], verbose=0), expected, atol=1e-6)


def test_refit_trains_on_all_rows_for_the_best_number_of_epochs(found):
    model = found.refit()
    steps = -(-(len(X) + len(HELD[0])) // 32)
    assert int(model.optimizer.iterations) == steps * found.best.best_epoch


def test_a_trial_is_a_population_whose_best_rate_is_as_good_as_that_rate_alone():
    result = search(_space(units=(8,)), X, Y, **{**QUICK, "trials": 1, "population": [1e-4, 1e-1], "epochs": 3},
                    validation_data=HELD, drop_losers=False)  # fmt: skip
    alone = search(_space(units=(8,)), X, Y, **{**QUICK, "trials": 1, "population": [1e-1], "epochs": 3},
                   validation_data=HELD)  # fmt: skip
    assert result.best_settings == {"learning_rate": 1e-1}
    assert result.best.curve == pytest.approx(alone.best.curve, rel=1e-4)
    scores = [member["score"] for member in result.best.members]
    assert scores == sorted(scores)


def test_members_may_differ_in_momentum_weight_decay_and_dropout():
    result = search(
        _space(dropout=(0.5,)), X, Y, **{**QUICK, "trials": 1}
        | {"population": {"learning_rate": [0.1, 0.3], "momentum": [0.0, 0.9], "dropout": [0.0, 0.5]}},
        optimizer="sgd", validation_data=HELD,
    )  # fmt: skip
    assert len(result.best.members) == 8
    assert set(result.best_settings) == {"learning_rate", "momentum", "dropout"}
    model = result.best_model
    assert float(model.optimizer.momentum) == result.best_settings["momentum"]
    dropout = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    assert dropout.rate == result.best_settings["dropout"]


def test_several_executions_give_a_mean_and_a_spread():
    result = search(_space(), X, Y, **QUICK, executions_per_trial=3, validation_data=HELD)
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
            _build, X, noise, population=rates, epochs=4, trials=1, seed=seed, loss="binary_crossentropy", verbose=0,
            stopper=None, **how,
        )  # fmt: skip
        model = result.best_model
        held = result.plan.rows.validation
        if "folds" in how:
            held = next(iter(result.plan.rows.folds(2, seed))).validation
        expected = result.best.metrics["val_loss"]
        assert min(result.history()["val_loss"]) == expected
        assert model.evaluate(*held, verbose=0) == pytest.approx(expected, rel=1e-4)
        assert float(model.optimizer.learning_rate) == pytest.approx(result.best_settings["learning_rate"])


def test_folds_validate_on_every_row_once():
    result = search(_space(units=(4, 8)), X, Y, **QUICK, folds=4)
    assert len(list(result.trial_folders[0].glob("part_*"))) == 4
    assert result.best.spread is not None
    rows = result.plan.rows
    held = [fold.validation[0] for fold in rows.folds(4, 0)]
    assert np.array_equal(np.sort(np.concatenate(held), axis=0), np.sort(X, axis=0))


@pytest.mark.parametrize("oracle", ["random", "grid", "bayesian", "hyperband"])
def test_every_oracle_searches_a_users_own_compiled_build(oracle):
    result = search(_compiled, X, Y, objective="val_accuracy", oracle=oracle, trials=4, epochs=3, verbose=0)
    assert len(result.outcomes) >= 4
    assert result.best_settings == {}
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(result.best_hyperparameters.get("rate"))


def test_a_keras_tuner_oracle_is_taken_as_it_is():
    oracle = keras_tuner.oracles.GridSearchOracle(objective="val_loss", max_trials=3)
    assert sorted(
        o.values["units"] for o in search(_build, X, Y, oracle=oracle, **{**QUICK, "trials": 3}).outcomes.values()
    ) == [
        2,
        4,
        8,
    ]


def test_hyperband_goes_on_from_the_weights_and_the_optimizer_of_the_round_before():
    result = search(_compiled, X, Y, oracle="hyperband", epochs=4, verbose=0)
    later = {n: o for n, o in result.outcomes.items() if "tuner/trial_id" in o.values}
    assert later
    for outcome in later.values():
        parent = result.outcomes[int(outcome.values["tuner/trial_id"])]
        assert outcome.curve[: len(parent.curve)] == parent.curve
        assert len(outcome.curve) == outcome.values["tuner/epochs"]


def test_a_compiled_model_with_a_population_is_judged_at_the_ladders_rates():
    result = search(_compiled, X, Y, **{**QUICK, "population": [1e-4, 3e-2]})
    assert result.best_settings["learning_rate"] in (1e-4, 3e-2)
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(result.best_settings["learning_rate"])


def test_without_a_population_the_rate_of_an_uncompiled_model_becomes_a_hyperparameter():
    result = search(_build, X, Y, **{**QUICK, "population": False})
    rate = result.best_hyperparameters.get("learning_rate")
    assert 1e-5 <= rate <= 0.1
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(rate)


def test_initial_trials_come_first_and_are_filled_with_defaults():
    result = search(_compiled, X, Y, **{**QUICK, "population": "auto"}, initial_trials=[{"units": 8}])
    assert result.outcomes[0].values == {"units": 8, "rate": 1e-3}


def test_the_target_ends_the_search_at_once():
    result = search(_space(), X, Y, objective="val_accuracy", **{**QUICK, "trials": 50, "epochs": 50}, target=0.6)
    assert len(result.outcomes) < 50
    assert result.best_score >= 0.6
    assert result.best.epochs < 50
    assert "The target 0.6 was reached" in result.notes[0]


def test_the_time_budget_ends_the_search_with_its_epoch():
    started = time.time()
    result = search(_space(), X, Y, **{**QUICK, "trials": 3, "epochs": 100_000}, time_budget=3)
    assert time.time() - started < 20
    assert result.notes == ("The time was up.",)


def test_halving_stops_trials_and_says_why():
    result = search(_compiled, X, Y, **{**QUICK, "trials": 6, "epochs": 6, "population": False},
                    stopper=SuccessiveHalving(factor=2, first=1, startup=1))  # fmt: skip
    stopped = [outcome for outcome in result.outcomes.values() if outcome.status == "stopped"]
    assert stopped
    assert all(re.fullmatch(r"place \d of \d after \d epochs?, and .* on", outcome.reason) for outcome in stopped)
    assert result.epochs_saved > 0


def test_one_epoch_then_the_best_few_trains_only_those_to_the_end():
    result = search(
        _space(units=(2, 3, 4, 6, 8)), X, Y, **{**QUICK, "trials": 5, "epochs": 4}, stopper=FirstEpochs(1, keep=2)
    )
    epochs = sorted(outcome.epochs for outcome in result.outcomes.values())
    assert epochs == [1, 1, 1, 4, 4]


def test_members_that_lag_behind_are_dropped_first():
    result = search(_space(units=(8,)), X, Y, **{**QUICK, "trials": 1, "population": 8, "epochs": 5})
    lines = [json.loads(line) for line in (result.trial_folders[0] / "curve.jsonl").read_text().splitlines()]
    assert [len(line["members"]) for line in lines] == [8, 4, 2, 2, 2]


def test_a_trial_that_diverges_at_every_rate_is_stopped_with_its_finding():
    arguments = {**QUICK, "trials": 1, "epochs": 30, "population": [1e6, 1e8], "optimizer": "sgd", "loss": "mse"}
    with pytest.raises(SearchFailedError, match="non_finite at every rate after 1 epoch"):
        search(_space(units=(8,)), 1e3 * X, Y * 1.5 + 0.2, **arguments, drop_losers=False)


def test_early_stopping_stops_each_member_by_itself():
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)
    result = search(_space(units=(8,)), X, HELD_NOISE, **{**QUICK, "trials": 1, "epochs": 60, "population": [0.1, 0.3]},
                    callbacks=[stop], drop_losers=False)  # fmt: skip
    assert result.best.epochs < 60
    assert "early stopping" in result.best.reason


HELD_NOISE = np.random.default_rng(5).integers(0, 2, 160)


def test_batch_size_and_epochs_may_be_hyperparameters():
    def build(hp):
        hp.Choice("batch_size", [16, 40])
        hp.Choice("epochs", [1, 3])
        return _build(hp)

    result = search(build, X, Y, **{**QUICK, "trials": 6})
    for outcome in result.outcomes.values():
        assert outcome.planned == outcome.values["epochs"]


def test_a_hypermodel_with_a_fit_of_its_own_trains_by_it():
    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            return _compiled(hp)

        def fit(self, hp, model, *args, **kwargs):
            kwargs["batch_size"] = hp.Choice("batch_size", [20, 40])
            return model.fit(*args, **kwargs)

    result = search(Own(), X, Y, **{**QUICK, "population": "auto"})
    assert {outcome.values["batch_size"] for outcome in result.outcomes.values()} <= {20, 40}


def test_a_subclassed_model_is_searched_and_comes_back_with_its_weights():
    @keras.saving.register_keras_serializable(package="tests")
    class Own(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.hidden, self.out = keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")

        def call(self, x):
            return self.out(self.hidden(x))

    result = search(
        lambda hp: Own(hp.Choice("units", [2, 4])), X, Y, **{**QUICK, "population": "auto"}, validation_data=HELD
    )
    loss = result.best_model.evaluate(*HELD, verbose=0)[0]
    assert loss == pytest.approx(result.best_score, rel=1e-5)


def test_inputs_given_as_a_list_or_a_dictionary_are_trained_on_one_by_one():
    wide, narrow = X, X[:, :1] * 0

    def build(hp):
        inputs = [keras.Input((4,), name="wide"), keras.Input((1,), name="narrow")]
        features = keras.layers.Dense(hp.Choice("units", [4, 8]), "relu")(keras.layers.Concatenate()(inputs))
        return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(features))

    arguments = {**QUICK, "population": [0.01, 0.1]}
    listed = search(build, [wide, narrow], Y, **arguments)
    named = search(build, {"wide": wide, "narrow": narrow}, Y, **arguments)
    assert listed.best_score == pytest.approx(named.best_score, abs=1e-6)
    held = listed.plan.rows.validation
    assert listed.best_model.evaluate(*held, verbose=0)[0] == pytest.approx(listed.best_score, abs=1e-5)
    assert listed.refit(epochs=1).predict([wide, narrow], verbose=0).shape == (160, 1)


def test_several_targets_given_as_a_list_are_trained_on_one_by_one():
    def build(hp):
        inputs = keras.Input((4,))
        features = keras.layers.Dense(hp.Choice("units", [4, 8]), "relu")(inputs)
        ends = [keras.layers.Dense(1, name="sum")(features), keras.layers.Dense(1, "sigmoid", name="side")(features)]
        model = keras.Model(inputs, ends)
        model.compile("adam", ["mse", "binary_crossentropy"])
        return model

    result = search(build, X, [X.sum(axis=1), Y], epochs=2, trials=2, verbose=0)
    parts = result.best.metrics
    assert parts["val_loss"] == pytest.approx(parts["val_sum_loss"] + parts["val_side_loss"], rel=1e-4)


def test_a_space_learns_its_form_from_a_data_set():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    result = search(_space(), rows, validation_data=HELD, **QUICK)
    assert result.best_model.output_shape == (None, 1)
    assert result.best_model.evaluate(*HELD, verbose=0)[0] == pytest.approx(result.best_score, abs=1e-5)
    assert result.refit(rows, epochs=1).built


def test_an_endless_data_set_is_trained_on_once_the_space_has_seen_rows():
    endless = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).repeat()
    with pytest.raises(ValueError, match="no end; call `adapt`"):
        search(_space(), endless, validation_data=HELD, steps_per_epoch=5, **QUICK)
    space = _space()
    space.adapt(X, Y)
    assert np.isfinite(search(space, endless, validation_data=HELD, steps_per_epoch=5, **QUICK).best_score)


def test_a_search_leaves_the_random_state_as_it_was():
    def drawn():
        return np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))

    keras.utils.set_random_seed(3)
    expected = drawn()
    keras.utils.set_random_seed(3)
    result = search(_space(), X, Y, **QUICK)
    assert result.best_model.built
    assert result.refit(epochs=1).built
    assert drawn() == expected


def test_validation_every_few_epochs_is_judged_at_its_own_epochs():
    for population in (3, False):
        result = search(
            _compiled, X, Y, epochs=6, trials=2, validation_freq=3, population=population, stopper=None, verbose=0
        )
        assert {outcome.status for outcome in result.outcomes.values()} == {"completed"}
        assert result.best.best_epoch in (3, 6)
        assert result.best.metrics["val_loss"] == result.best_score
        assert len(result.history()["loss"]) == 6
        assert len(result.history()["val_loss"]) == 2
    with pytest.raises(ValueError, match="`validation_freq` must be at most the number of epochs, 2, got 3"):
        search(_compiled, X, Y, epochs=2, trials=1, validation_freq=3, verbose=0)


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
    search(_compiled, X, Y, epochs=1, trials=2, callbacks=[board], verbose=0)
    assert {path.name for path in (tmp_path / "board").iterdir()} == {"trial_0000", "trial_0001"}
    assert board.log_dir == str(tmp_path / "board")


def test_a_class_that_only_validation_rows_hold_has_a_unit_of_its_own():
    y = np.arange(160) % 3
    held = (HELD[0], np.full(40, 3))
    result = search(_space(), X, y, **QUICK, validation_data=held)
    assert result.best_model.output_shape == (None, 4)


@pytest.mark.parametrize("labels", [Y * 2 - 1, Y + 1])
def test_labels_that_do_not_count_from_zero_are_refused_with_the_cure(labels):
    for space in (_space(), _build):
        with pytest.raises((ValueError, SearchFailedError), match=r"must be 0 and 1, got .*return_inverse=True"):
            search(space, X, labels, **QUICK)


def test_momentum_given_as_whole_numbers_comes_back_in_the_best_model():
    result = search(_build, X, Y, **{**QUICK, "population": {"momentum": [0, 0.9]}}, optimizer="sgd")
    assert result.best_model.optimizer.momentum in (0.0, 0.9)
    assert result.refit() is not None


def test_a_model_with_a_loss_of_its_own_needs_no_targets():
    class Own(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(keras.ops.square(x)))
            return x

    def build(hp):
        units = hp.Choice("units", [2, 4])
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), Own()])
        model.compile("adam")
        return model

    result = search(build, X, epochs=2, trials=2, verbose=0)
    assert np.isfinite(result.best_score)
    assert result.refit().predict(X, verbose=0).shape[0] == 160


def test_refit_takes_weights_several_outputs_and_lists():
    def build(hp):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(hp.Choice("units", [2, 4]))(inputs)
        outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ("p", "q")}
        model = keras.Model(inputs, outputs)
        model.compile("adam", {"p": "mse", "q": "mse"})
        return model

    def both(rows):
        return {"p": rows.astype("float32"), "q": rows.astype("float32")}

    weights = {"p": np.ones(160), "q": np.full(160, 0.5)}
    result = search(
        build,
        X,
        both(Y),
        sample_weight=weights,
        validation_data=(HELD[0], both(HELD[1])),
        trials=1,
        epochs=1,
        verbose=0,
    )
    assert set(result.refit().predict(X[:2], verbose=0)) == {"p", "q"}
    plain = search(_compiled, X, Y, trials=1, epochs=1, verbose=0)
    assert plain.refit(X.tolist(), Y.tolist()).predict(X[:2], verbose=0).shape == (2, 1)


def test_refit_on_a_data_set_without_end_takes_as_many_steps_as_the_search():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16).repeat()
    result = search(_compiled, data, objective="loss", steps_per_epoch=3, trials=1, epochs=2, verbose=0)
    assert int(result.refit().optimizer.iterations) in (3, 6)


def test_the_history_of_a_trial_that_failed_is_empty():
    def build(hp):
        if hp.Choice("units", [2, 4, 8]) == 8:
            raise ValueError("no eights")
        return _build(hp)

    result = search(build, X, Y, **{**QUICK, "trials": 3}, oracle="grid")
    failed = next(number for number, outcome in result.outcomes.items() if outcome.status == "failed")
    assert result.history(failed) == {}
    assert result.history(result.order[0])["loss"]


def test_refit_weighs_the_classes_as_the_search_did():
    weighed = search(_space(), X, Y, class_weight={0: 1.0, 1: 50.0}, **QUICK)
    assert (
        weighed.refit(epochs=30).predict(X, verbose=0).mean()
        > weighed.refit(epochs=30, class_weight=None).predict(X, verbose=0).mean()
    )


def test_a_failed_search_names_no_file_where_none_was_written():
    with pytest.raises(SearchFailedError, match="non_finite") as raised:
        search(_space(), X, Y, population=[1e30], loss=lambda y, p: p * float("nan"), epochs=2, trials=1, verbose=0)
    assert "error.txt" not in str(raised.value)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras says so of every data set without length
def test_a_data_set_without_length_is_trained_on_also_beside_a_sealed_split():
    splits = tw.data.load("iris")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).filter(lambda x, y: True)
    result = search(_build, data, **QUICK, loss="binary_crossentropy", validation_data=HELD)
    assert len(result.best.curve) == 2
    assert not splits.test.openings


def test_two_runs_of_the_same_seed_agree_and_seed_zero_is_a_seed():
    def run(seed):
        result = search(MLP(units=(2, 4), depth=1), X, Y, **QUICK, seed=seed, validation_data=HELD)
        return [(outcome.values, outcome.curve) for outcome in result.outcomes.values()]

    assert run(0) == run(0)
    assert run(0) != run(3)


def test_an_exhausted_space_is_said():
    result = search(_space(), X, Y, **{**QUICK, "trials": 20, "epochs": 1})
    assert len(result.outcomes) == 3
    assert "exhausted" in result.notes[0]


def test_a_search_is_continued_with_more_trials_and_does_none_twice(tmp_path):
    first = search(_compiled, X, Y, **{**QUICK, "population": "auto"}, directory=tmp_path)
    before = {n: o.as_dict() for n, o in first.outcomes.items()}
    more = search(_compiled, X, Y, **{**QUICK, "population": "auto", "trials": 4}, directory=tmp_path)
    assert {n: o.as_dict() for n, o in more.outcomes.items() if n in before} == before
    whole = search(_compiled, X, Y, **{**QUICK, "population": "auto", "trials": 4})
    assert [o.curve for o in more.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


@pytest.mark.parametrize(
    ("what", "change"),
    [("data", {"x": X + 1}), ("space", {"space": _space(units=(2, 5))}), ("objective", {"objective": "val_accuracy"}),
     ("oracle", {"oracle": "grid"}), ("seed", {"seed": 1}), ("settings", {"epochs": 3})],
)  # fmt: skip
def test_a_folder_of_another_search_is_refused(what, change, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "refused"
    arguments = {"space": _space(), "x": X, "y": Y, **QUICK, "directory": folder}
    if not folder.exists():
        search(**arguments)
    with pytest.raises(ValueError, match=f"other .*{what}"):
        search(**{**arguments, **change})


def test_overwrite_begins_anew(tmp_path):
    search(_space(), X, Y, **QUICK, directory=tmp_path)
    assert search(_space(), X + 1, Y, **QUICK, directory=tmp_path, overwrite=True).best_score > 0


def test_a_cut_log_and_an_unfinished_trial_are_gone_on_with(tmp_path):
    whole = search(_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "a")
    search(_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "b")
    folder = tmp_path / "b" / "search"
    log = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(log[: log.rindex(b"begin") + 3])
    again = search(_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "b")
    assert [o.curve for o in again.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


def test_only_the_best_trials_keep_their_weights(tmp_path):
    result = search(_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path, keep=1)
    assert len(list(tmp_path.rglob("best.npz"))) == 1
    assert not list(tmp_path.rglob("state.npz"))
    with pytest.raises(ValueError, match=f"weights of trial {result.order[-1]} were not kept"):
        result.model_of(result.order[-1])
    with pytest.raises(KeyError, match="no trial 99"):
        result.model_of(99)


def test_code_written_for_keras_tuner_moves_over(tmp_path, capsys):
    tuner = Search(_compiled, objective="val_accuracy", max_trials=2, directory=tmp_path, project_name="moved")
    tuner.search_space_summary()
    assert "rate (Float)" in capsys.readouterr().out
    tuner.search(X, Y, epochs=2, validation_data=HELD, verbose=0)
    assert len(tuner.get_best_models(2)) == 2
    assert set(tuner.get_best_hyperparameters()[0].values) == {"units", "rate"}
    tuner.results_summary()
    assert "Score" in capsys.readouterr().out
    assert tuner.oracle.get_best_trials()[0].score == tuner.result.best_score


class _OwnFit(keras_tuner.HyperModel):
    """As KerasTuner's documentation tunes the batch size."""

    def build(self, hp):
        return _compiled(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32, 64]), **kwargs)


class _OwnTrial(Search):
    """As KerasTuner's documentation did before it."""

    def run_trial(self, trial, *args, **kwargs):
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch_size", [16, 32, 64])
        return super().run_trial(trial, *args, **kwargs)


@pytest.mark.parametrize(("kind", "space"), [(Search, _OwnFit()), (_OwnTrial, _compiled)])
def test_a_batch_size_that_is_asked_for_while_a_trial_trains_is_searched_also_after_an_interruption(
    kind, space, tmp_path
):
    def result(folder, trials):
        tuner = kind(space, "val_accuracy", trials, directory=folder)
        return tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)

    whole = result(tmp_path / "whole", 6)
    sizes = [outcome.values["batch_size"] for outcome in whole.outcomes.values()]
    assert set(sizes) > {16}
    result(tmp_path / "parts", 2)
    parts = result(tmp_path / "parts", 6)
    assert [outcome.values for outcome in parts.outcomes.values()] == [o.values for o in whole.outcomes.values()]
    assert [outcome.curve for outcome in parts.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


def test_a_subclass_may_train_each_trial_on_rows_of_its_own():
    class Half(Search):
        def run_trial(self, trial, x, y, **kwargs):
            return super().run_trial(trial, x[::2], y[::2], **kwargs, class_weight={0: 1.0, 1: 2.0})

    result = Half(_build, "val_loss", 1).search(X, Y, epochs=1, verbose=0)
    alone = search(
        _build, X[::2], Y[::2], objective="val_loss", trials=1, epochs=1, class_weight={0: 1.0, 1: 2.0}, verbose=0
    )
    assert result.best_score == alone.best_score
    with pytest.raises(RuntimeError, match="No search is under way"):
        Half(_build, "val_loss", 1).run_trial(None, X, Y)


def test_what_keras_tuners_tuners_hand_on_reaches_the_oracle():
    known = keras_tuner.HyperParameters()
    known.Choice("units", [4, 8])
    result = Search(_compiled, "val_loss", 2, hyperparameters=known, tune_new_entries=False).search(
        X, Y, epochs=1, verbose=0
    )
    assert {outcome.values["rate"] for outcome in result.outcomes.values()} == {1e-3}
    assert {outcome.values["units"] for outcome in result.outcomes.values()} <= {4, 8}
    assert [hp.name for hp in known.space] == ["units"]
    tuner = Search(_compiled, "val_loss", oracle="hyperband", max_epochs=2, factor=2, hyperband_iterations=1)
    found = tuner.search(X, Y, epochs=7, verbose=0)
    assert max(outcome.epochs for outcome in found.outcomes.values()) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_retries_per_trial": 1}, TypeError, "does not take `max_retries_per_trial`: a trial that raises"),
        ({"distribution_strategy": "mirrored"}, TypeError, "`workers` spreads the trials over processes"),
        ({"tuner_id": "a"}, TypeError, "one process owns the search"),
        ({"logger": print}, TypeError, "log.jsonl"),
        ({"max_epochs": 3}, TypeError, "the oracle 'random' does not take max_epochs"),
        ({"layers": 3}, TypeError, "does not take layers"),
        ({"population": "many"}, TypeError, "'many'"),
        ({"population": 0}, ValueError, "at least 1, got 0"),
        ({"max_consecutive_failed_trials": 0}, ValueError, "at least 1, got 0"),
    ],
)
def test_what_a_tuner_cannot_take_is_refused_when_it_is_made(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Search(_compiled, "val_loss", 2, **arguments)


def test_several_objectives_are_summed_with_their_signs():
    aims = ["val_loss", keras_tuner.Objective("val_accuracy", "max")]
    result = search(_compiled, X, Y, objective=aims, trials=2, epochs=2, validation_data=HELD, verbose=0)
    for number in result.order:
        logs = result.history(number)
        sums = np.array(logs["val_loss"]) - np.array(logs["val_accuracy"])
        assert result.outcomes[number].score == pytest.approx(sums.min())
    assert result.order == sorted(result.order, key=lambda n: result.outcomes[n].score)


def test_a_rate_that_members_decide_is_no_question_and_comes_back_as_the_best_members():
    def build(hp):
        model = _build(hp)
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


def test_a_folder_of_keras_tuner_is_not_gone_on_with(tmp_path):
    old = keras_tuner.RandomSearch(_compiled, "val_accuracy", max_trials=1, directory=tmp_path, project_name="old")
    old.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    with pytest.raises(ValueError, match="read_folder"):
        Search(_compiled, "val_accuracy", 1, directory=tmp_path, project_name="old")
    Search(_compiled, "val_accuracy", 1, directory=tmp_path, project_name="old", overwrite=True)


def test_a_search_says_what_it_is_about_to_do(capsys):
    arguments = {"trials": 2, "epochs": 2, "validation_data": HELD}
    search(_build, X, Y, **arguments, population=[0.01, 0.1])
    assert "at most 2 trials, each a population of 2 at learning rates 0.01 to 0.1, 2 epochs" in (
        said := capsys.readouterr().out
    )
    assert "160 rows to train on, 40 to validate on" in said
    search(_compiled, X, Y, **arguments)
    assert "one model each, as `build` compiled it; `population=16` would" in capsys.readouterr().out


@pytest.mark.parametrize("lasting", [True, False])
def test_an_interrupted_search_says_whether_it_can_be_gone_on_with(lasting, capsys, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    folder = {"directory": tmp_path} if lasting else {}
    with pytest.raises(KeyboardInterrupt):
        search(_compiled, X, Y, trials=1, epochs=1, callbacks=[Stop()], **folder)
    expected = f"goes on with {tmp_path / 'search'}" if lasting else "no `directory` was given"
    assert expected in capsys.readouterr().out


def test_a_temporary_folder_is_gone_when_the_process_ends():
    code = (
        "import keras; from trainwise.tuning import Search\n"
        "tuner = Search(lambda hp: None, 'val_loss', 1)\n"
        "import os; assert os.path.isdir(tuner.directory); print(tuner.directory)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert not Path(ran.stdout.strip()).exists()


def test_a_folder_of_keras_tuner_is_read_into_a_leaderboard(tmp_path):
    tuner = keras_tuner.RandomSearch(
        _compiled, "val_accuracy", max_trials=2, directory=tmp_path, project_name="old", seed=1
    )
    tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    board = read_folder(tmp_path / "old")
    expected = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert board["score"] == expected
    assert {"units", "rate"} <= set(board)
    with pytest.raises(FileNotFoundError, match="no trials"):
        read_folder(tmp_path / "none")


# What goes wrong


def test_a_build_that_raises_fails_its_trial_alone():
    def build(hp):
        model = _build(hp)
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
        return _build(hp)

    with pytest.raises(SearchFailedError, match="nothing works") as raised:
        search(build, X, Y, **{**QUICK, "trials": 3})
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_an_objective_that_is_not_logged_is_refused_with_what_is():
    with pytest.raises(ObjectiveError, match="'val_f1_score' is not among the logs, which hold accuracy, loss"):
        search(_space(), X, Y, objective=keras_tuner.Objective("val_f1_score", "max"), **QUICK)
    with pytest.raises(ValueError, match="objective"):
        search(_space(), X, Y, objective="val_f1_score", **QUICK)


def test_a_nan_objective_is_a_failed_trial_and_never_the_best():
    def build(hp):
        scale = hp.Choice("scale", [1.0, float(np.float32(3e38))])
        layers = [keras.Input((4,)), keras.layers.Rescaling(scale), keras.layers.Dense(4), keras.layers.Dense(1)]
        return keras.Sequential(layers)

    result = search(build, X, Y * 1.0, **QUICK, loss="mse")
    assert [outcome.status for outcome in result.outcomes.values()].count("failed") == 1
    assert np.isfinite(result.best_score)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"trials": 0}, ValueError, "`trials` must be at least 1, got 0"),
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1, got 0"),
        ({"oracle": "magic"}, ValueError, "'magic'"),
        ({"oracle": 3}, TypeError, "int"),
        ({"stopper": "magic"}, ValueError, "'magic'"),
        ({"population": "many"}, TypeError, "'many'"),
        ({"population": []}, ValueError, "at least one value of learning_rate"),
        ({"population": [-1.0]}, ValueError, "-1"),
        ({"population": {"width": [1]}}, ValueError, "'width'"),
        ({"folds": 1}, ValueError, "`folds` must be at least 2"),
        ({"folds": 3, "validation_data": HELD}, ValueError, "leave out `validation_data`"),
        ({"time_budget": 0}, ValueError, "`time_budget`"),
        ({"workers": 0}, ValueError, "`workers`"),
        ({"seed": -1}, ValueError, "`seed`"),
        ({"seed": "a"}, TypeError, "'a'"),
        ({"initial_trials": [{"width": 3}]}, ValueError, "'width'"),
        ({"initial_trials": {"units": 2}}, TypeError, "must be a list of dictionaries, got dict"),
        ({"initial_trials": [{"units": 5}]}, ValueError, "gives units = 5"),
        ({"population": {"momentum": [1.5]}}, ValueError, "momentum"),
        ({"population": {"learning_rate": [-0.1]}}, ValueError, "-0.1"),
        ({"population": {"learning_rate": []}}, ValueError, "at least one value of learning_rate"),
        ({"steps_per_epoch": 2}, ValueError, "`steps_per_epoch` is for data sets"),
        ({"initial_epoch": 1}, ValueError, "leave out `initial_epoch`"),
        ({"sample_weight": np.ones(90)}, ValueError, "one a row, 160 in all, got shape \\(90,\\)"),
        ({"sample_weight": np.full(160, np.nan)}, ValueError, "sample weights of `x` hold NaN"),
        ({"validation_data": (*HELD, np.ones(7))}, ValueError, "sample weights of `validation_data`"),
        ({"stopper": ["first_epochs", "median"]}, ValueError, "stands alone"),
        (
            {"callbacks": [keras.callbacks.ReduceLROnPlateau()]},
            ValueError,
            "`ReduceLROnPlateau` sets the learning rate",
        ),
        ({"validation_data": iter([(X, Y)])}, TypeError, "`validation_data` is a generator"),
        ({"initial_trials": [{"units": 2}], "oracle": "grid"}, ValueError, "order of its own"),
        ({"x": np.full_like(X, np.nan)}, ValueError, "NaN"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "no rows|at least one row"),
        ({"x": X[:10]}, ValueError, r"\[10, 160\]"),
        ({"x": np.array([["a"]] * 160)}, TypeError, "numbers"),
        ({"y": np.zeros(160, int)}, ValueError, "one class"),
        ({"x": X[:1], "y": Y[:1]}, ValueError, "1"),
        ({"y": np.where(Y, "yes", "no")}, TypeError, "number the classes before"),
        ({"y": None}, ValueError, "give `y`"),
        ({"validation_data": (X,)}, ValueError, "got 1 parts"),
        ({"validation_data": X}, TypeError, "got ndarray"),
        ({"callbacks": [3]}, TypeError, "Keras callbacks, got 3"),
        ({"epoch": 3}, TypeError, "takes epoch"),
        ({"jit_compile": "maybe"}, ValueError, "'maybe'"),
        ({"resources": {"gpus": 1}}, ValueError, "num_cpus and num_gpus"),
        ({"space": MLP}, TypeError, r"such as `MLP\(\)` .* got MLP"),
        ({"space": keras.Sequential()}, TypeError, "got a model"),
        ({"space": MLP(task="binary"), "y": np.eye(2)[Y]}, ValueError, "task='multiclass' for one-hot"),
        ({"space": lambda hp: "no model"}, TypeError, "must answer a Keras model, got str"),
    ],
)
def test_bad_arguments_are_refused_before_any_training(arguments, error, message):
    with pytest.raises(error, match=message):
        search(**{"space": _space(), "x": X, "y": Y, **QUICK, **arguments})


def test_a_space_with_nothing_to_search_is_refused_where_there_is_one_rate():
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    with pytest.raises(ValueError, match="nothing to search"):
        search(build, X, Y, **{**QUICK, "population": "auto"})
    assert len(search(build, X, Y, **QUICK).outcomes) == 1


def test_a_population_of_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="Functional or Sequential"):
        search(lambda hp: Own(), X, Y, **QUICK)


def test_sealed_rows_are_refused():
    splits = tw.data.load("iris")
    rows = splits.test.open("to test that a search refuses it")
    with pytest.raises(ValueError, match="sealed"):
        search(_space(), rows.x, rows.y, **QUICK)


def test_a_full_disk_ends_the_search_and_is_no_failed_trial(monkeypatch, tmp_path):
    from trainwise.tuning.searching import training

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "write_arrays", full)
    with pytest.raises(OSError, match="No space left"):
        search(_space(), X, Y, **QUICK, directory=tmp_path)
    monkeypatch.undo()
    assert len(search(_space(), X, Y, **QUICK, directory=tmp_path).outcomes) == 2


def test_two_searches_in_one_folder_are_refused(tmp_path):
    (tmp_path / "search").mkdir()
    code = (
        "import fcntl, sys, time\n"
        f"lock = open({str(tmp_path / 'search' / 'lock')!r}, 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="Another search is at work"):
            search(_space(), X, Y, **QUICK, directory=tmp_path)
    finally:
        holder.kill()
        holder.wait()


SCRIPT = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, trainwise as tw
rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4)); y = (x[:, 0] * x[:, 1] > 0).astype(int)
space = tw.tuning.MLP(depth=1, units=(4, 8), dropout=(0.2, 0.5))
result = tw.tuning.search(space, x, y, trials=3, epochs=40, population=4, stopper=None, directory=sys.argv[1])
print("BEST", result.order, result.best_score)
"""


def _curves_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(Path(folder).rglob("curve.jsonl"))}


@pytest.mark.slow
def test_a_search_killed_or_interrupted_at_any_moment_ends_as_the_uninterrupted_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(name):
        return subprocess.Popen(
            [sys.executable, script, tmp_path / name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    whole = start("whole").communicate(timeout=120)[0]
    for how, epochs in ((signal.SIGKILL, 7), (signal.SIGINT, 55), (signal.SIGKILL, 90)):
        run = start("cut")
        deadline = time.time() + 90
        # By lines of the curves, so that the moment does not depend on the machine's speed.
        while sum(len(curve.splitlines()) for curve in _curves_of(tmp_path / "cut").values()) < epochs:
            assert time.time() < deadline
            time.sleep(0.02)
        os.kill(run.pid, how)
        run.communicate(timeout=60)
        assert run.returncode != 0
    again = start("cut").communicate(timeout=120)[0]
    assert again.splitlines()[-1] == whole.splitlines()[-1]
    assert "BEST" in again
    assert _curves_of(tmp_path / "cut") == _curves_of(tmp_path / "whole")
    logs = [(tmp_path / name / "search" / "log.jsonl").read_text() for name in ("cut", "whole")]
    assert logs[0] == logs[1]


def test_the_callers_callbacks_are_copied_and_left_alone():
    stop = keras.callbacks.EarlyStopping(patience=3)
    before = copy.copy(stop.__dict__)
    search(_space(), X, Y, **QUICK, callbacks=[stop])
    assert stop.__dict__ == before


@pytest.mark.slow
def test_the_command_line_searches_measures_exports_and_goes_on(tmp_path):
    command = [
        str(Path(sys.executable).with_name("trainwise")), "search", "--data", "iris", "--out", str(tmp_path / "out"),
        "--trials", "2", "--epochs", "2", "--objective", "val_accuracy",
    ]  # fmt: skip
    first = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert first.returncode == 0, first.stderr
    assert "best of the search: accuracy" in first.stdout
    assert "soft vote of the best 2: accuracy" in first.stdout
    for name in ("leaderboard.csv", "report.html", "model/1/saved_model.pb"):
        assert (tmp_path / "out" / name).is_file(), name
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(report["search"]["leaderboard"]["trial"]) == 2
    assert [opening["reason"] for opening in report["data"]["test_openings"]] == [
        "evaluation of the search's best model"
    ]
    wrong = subprocess.run([*command, "--space", "transformer"], capture_output=True, text=True, timeout=100)
    assert wrong.returncode == 2
    assert "'transformer'" in wrong.stderr
    other = subprocess.run([*command, "--seed", "1"], capture_output=True, text=True, timeout=100)
    assert other.returncode == 2
    assert "--overwrite" in other.stderr
    rows = tmp_path / "rows.csv"
    names = [f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width")]
    rows.write_text(f"{','.join(names)}\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    predict = [command[0], "predict", str(tmp_path / "out" / "model"), str(rows)]
    told = subprocess.run(predict, capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
    assert (
        sum("setosa" in line or "versicolor" in line or "virginica" in line for line in told.stdout.splitlines()) >= 2
    )


def _policies(model):
    return {layer.dtype_policy.name for layer in model.layers if layer.weights}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_search_trains_at_the_precision_it_is_told_and_leaves_the_callers(policy):
    result = search(_space(), X, Y, **QUICK, precision=policy)
    assert policy in _policies(result.best_model)
    assert policy in _policies(result.refit(epochs=1))
    assert result.as_dict()["device"].endswith(f"precision {policy}")
    assert keras.config.dtype_policy().name == "float32"


def test_a_search_trains_at_the_precision_that_is_set():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        result = search(_space(), X, Y, **QUICK)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert "mixed_bfloat16" in _policies(result.best_model)


def test_a_precision_that_keras_does_not_know_is_refused():
    with pytest.raises(ValueError, match="mixed_float12"):
        search(_space(), X, Y, **QUICK, precision="mixed_float12")


def test_a_search_compiled_with_xla_finds_what_one_without_does():
    plain, compiled = (search(_space(), X, Y, **QUICK, seed=3, jit_compile=jit) for jit in (False, True))
    assert compiled.best_score == pytest.approx(plain.best_score, rel=0.05)


def test_the_report_of_a_search_shows_its_leaderboard_and_its_best_trial(tmp_path):
    result = search(_space(), X, Y, **QUICK)
    page = result.report(tmp_path, "A search").read_text()
    known = json.loads((tmp_path / "report.json").read_text())
    assert known["members"][0]["history"] == result.history()
    assert known["search"]["leaderboard"]["trial"] == result.leaderboard()["trial"]
    for shown in ("A search", "The search", f"trial {result.order[0]}, the best", "Run on CPU"):
        assert shown in page


def test_the_history_of_a_trial_is_that_of_its_best_member():
    result = search(_space(), X, Y, **QUICK)
    for number in result.order:
        outcome, history = result.outcomes[number], result.history(number)
        for name, value in outcome.metrics.items():
            assert history[name][outcome.best_epoch - 1] == value
    with pytest.raises(KeyError, match="no trial 99"):
        result.history(99)


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
            build, X, Y, validation_data=HELD, epochs=12, trials=1, stopper=None, directory=tmp_path,
            project_name=name, callbacks=[wait, _InterruptOnce(path)], verbose=0,
        )  # fmt: skip

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
    search(_space(), X, Y, **QUICK)
    assert graphs() <= before + 2  # those of the search's own first model
    assert gc.get_freeze_count() == 0
