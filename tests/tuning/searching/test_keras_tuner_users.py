"""What users of KerasTuner write, run by KerasTuner's own class and by ours in its place: both do the same."""

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner import errors
from sklearn import feature_extraction, linear_model, pipeline
from small_searches import HELD, X, Y

from trainwise.tuning import Search

SCORE = keras_tuner.Objective("score", "max")
oracles = keras_tuner.oracles


class Unstopped(Search):
    """Ours, by changing the class: no trial is stopped, and seeds are counted as KerasTuner counts them."""

    def __init__(self, *arguments, seed=1, **named):
        super().__init__(*arguments, seed=seed - 1, stopper=None, **named)


@pytest.fixture(params=[keras_tuner.RandomSearch, Unstopped], ids=["keras_tuner", "trainwise"])
def kind(request):
    return request.param


def build(hp):
    units = hp.Choice("units", [2, 4])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def numbers(kind, *arguments, made=lambda number, trial: float(number), **named):
    """A tuner whose trials ask for one whole number, and make of it what `made` says."""

    class Numbers(kind):
        ran = 0

        def run_trial(self, trial, *places, **names):
            type(self).ran += 1
            return made(trial.hyperparameters.Int("number", 1, 99), trial, *places, **names)

    return Numbers(*arguments, **{"seed": 5, "max_trials": 3, "objective": None, **named})


def trials_of(tuner):
    trials = tuner.oracle.trials.values()
    return [(one.hyperparameters.values, one.score and float(one.score), one.status) for one in trials]


# run_trial

RETURNED = {
    "a float": (None, lambda number: float(number)),
    "a whole number": (None, lambda number: number),
    "a number of numpy's": (None, lambda number: np.float32(number)),
    "a list": (None, lambda number: [float(number), 2.0 * number]),
    "a dictionary": (SCORE, lambda number: {"score": number, "other": -number}),
    "dictionaries": (SCORE, lambda number: [{"score": number}, {"score": 3 * number}]),
    "a failure each second time": (None, lambda number: float("nan") if number % 2 else float(number)),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_what_a_run_trial_returns_is_scored_as_keras_tuner_does(returned, tmp_path):
    objective, result = RETURNED[returned]
    found = []
    for kind in (keras_tuner.RandomSearch, Unstopped):
        named = {"objective": objective, "max_trials": 6, "max_consecutive_failed_trials": 9}
        tuner = numbers(kind, made=lambda number, trial: result(number), directory=tmp_path / kind.__name__, **named)
        tuner.search()
        found.append(trials_of(tuner))
    assert found[0] == found[1]
    assert len(found[1]) == 6


@pytest.mark.parametrize(
    ("objective", "returned", "error", "message"),
    [
        ("val_loss", None, errors.FatalTypeError, "Did you forget to return the metrics"),
        ("val_loss", "much", errors.FatalTypeError, "to be one of float, dict"),
        ("val_loss", {"other": 1.0}, errors.FatalValueError, "to have the specified objective, val_loss"),
        (None, {"other": 1.0}, errors.FatalTypeError, "a single float when `objective` is left unspecified"),
    ],
)
def test_what_a_run_trial_may_not_return_ends_the_search(kind, objective, returned, error, message, tmp_path):
    tuner = numbers(kind, objective=objective, made=lambda number, trial: returned, directory=tmp_path)
    with pytest.raises(error, match=message):
        tuner.search()


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ((), {}),
        ((1, "b", None, 4.0), {"z": 5}),
        ((), {"x": [1, 2], "y": "b", "extra": {"q": 1}}),
        (([[1.0]],), {"validation_data": "held", "epochs": 20}),
        ((["good day", "bad day"], [1, 0, 1]), {"callbacks": []}),
        ((np.array([np.nan, 1.0]),), {"given": 3, "further": 4}),
    ],
)
def test_a_run_trial_is_handed_what_search_was_given_and_nothing_else(kind, places, names, tmp_path):
    seen = []

    def made(number, trial, *got, **named):
        seen.append((got, named))
        return 1.0

    numbers(kind, made=made, max_trials=1, directory=tmp_path).search(*places, **names)
    [(got, named)] = seen
    assert len(got) == len(places)
    assert all(a is b for a, b in zip(got, places, strict=True))
    assert named == names


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.filterwarnings("ignore:The use case of calling")
def test_a_run_trial_may_tell_the_oracle_itself(kind, steps, tmp_path):
    class Telling(kind):
        def run_trial(self, trial):
            number = trial.hyperparameters.Int("number", 1, 9)
            for step in range(steps):
                self.oracle.update_trial(trial.trial_id, {"score": [1, 5, 2][step] * number}, step=step)

    tuner = Telling(objective=SCORE, max_trials=2, directory=tmp_path)
    tuner.search()
    best = tuner.oracle.get_best_trials()[0]
    assert best.score == best.hyperparameters["number"] * [1, 5][steps > 1]
    assert best.best_step == int(steps > 1)


def test_a_space_that_run_trial_unfolds_is_searched(kind, tmp_path):
    class Unfolding(kind):
        def run_trial(self, trial):
            hp = trial.hyperparameters
            one = hp.Choice("which", ["a", "b"])
            with hp.conditional_scope("which", ["a"]):
                if one == "a":
                    return float(hp.Int("number", 1, 50))
            with hp.conditional_scope("which", ["b"]):
                return hp.Float("rate", 60, 70)

    tuner = Unfolding(objective=None, max_trials=9, seed=3, directory=tmp_path)
    tuner.search()
    assert {hp.name for hp in tuner.oracle.get_space().space} == {"which", "number", "rate"}
    assert len({one.score for one in tuner.oracle.trials.values()}) > 5
    assert tuner.get_best_hyperparameters()[0]["which"] == "a"


def test_scikit_learn_pipelines_are_searched_saved_and_loaded(kind, tmp_path):
    import joblib

    class Pipelines(kind):
        def run_trial(self, trial, texts, labels):
            made = self.hypermodel.build(trial.hyperparameters).fit(texts, labels)
            self.save_model(trial.trial_id, made)
            return {"score": made.score(texts, labels)}

        def save_model(self, trial_id, model, step=0):
            joblib.dump(model, f"{self.get_trial_dir(trial_id)}/model")

        def load_model(self, trial):
            return joblib.load(f"{self.get_trial_dir(trial.trial_id)}/model")

    def make(hp):
        counts = feature_extraction.text.CountVectorizer(ngram_range=(1, hp.Int("words", 1, 2)))
        return pipeline.make_pipeline(counts, linear_model.LogisticRegression(C=hp.Float("C", 1e-3, 10)))

    texts, labels = ["good day", "bad day", "good", "bad"], [1, 0, 1, 0]
    tuner = Pipelines(make, objective=SCORE, max_trials=3, directory=tmp_path)
    tuner.search(texts, labels)
    best, second = tuner.get_best_models(2)
    assert best.score(texts, labels) == tuner.oracle.get_best_trials()[0].score
    assert second.score(texts, labels) == tuner.oracle.get_best_trials(2)[1].score


def test_a_history_that_run_trial_returns_gives_the_search_its_curve(tmp_path):
    class Own(Unstopped):
        def run_trial(self, trial, *places, **names):
            return [build(trial.hyperparameters).fit(*places, **names) for _ in range(2)]

    tuner = Own(objective="val_loss", max_trials=1, directory=tmp_path)
    result = tuner.search(X, Y, epochs=2, validation_data=HELD, verbose=0)
    assert (result.best.epochs, len(result.best.curve)) == (2, 2)
    assert {"loss", "val_accuracy"} < set(result.best.metrics)
    with pytest.raises(ValueError, match="The weights of trial 0 were not kept"):
        tuner.load_model(tuner.oracle.trials["0"])


# HyperModel.fit


class _OwnRows(keras_tuner.HyperModel):
    """Has rows of its own, and takes nothing but callbacks and what it likes."""

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *anything, callbacks=None):
        assert isinstance(callbacks[0], keras.callbacks.History) or not anything
        return model.fit(X, Y, validation_data=HELD, epochs=2, callbacks=callbacks, verbose=0)


class _OwnLoop(_OwnRows):
    """Calls the ends of epochs alone, as KerasTuner's guide to loops of one's own does; returns a number."""

    def fit(self, hp, model, x, y, callbacks=None, wish=None):
        for callback in callbacks:
            callback.set_model(model)
        losses = [float(model.train_on_batch(x, y)[0]) for _ in range(2)]
        for epoch, loss in enumerate(losses):
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"mine": loss})
        return min(losses)


class _OwnMetric(_OwnRows):
    """Measures after the training."""

    def fit(self, hp, model, x, y, validation_split, callbacks):
        model.fit(x, y, validation_split=validation_split, callbacks=callbacks, verbose=0)
        return {"mine": float(hp["units"]), "other": 1.0}


@pytest.mark.parametrize(
    ("space", "objective", "places", "names"),
    [
        (_OwnRows(), "val_loss", ("four", "foreign", "values", np.nan), {"callbacks": [keras.callbacks.History()]}),
        (_OwnLoop(), keras_tuner.Objective("mine", "min"), (X, Y), {"wish": 4}),
        (_OwnMetric(), keras_tuner.Objective("mine", "max"), (X, Y), {"validation_split": 0.25}),
    ],
)
def test_a_fit_of_the_users_own_is_handed_what_search_was_given_and_what_it_returns_counts(
    space, objective, places, names, tmp_path
):
    tuner = Unstopped(space, objective, 2, directory=tmp_path)
    result = tuner.search(*places, **names)
    best = tuner.oracle.get_best_trials()[0]
    assert best.score == result.best_score
    model = tuner.get_best_models()[0]
    if type(space) is _OwnRows:
        assert model.evaluate(*HELD, verbose=0)[0] == pytest.approx(best.score, rel=1e-5)
        assert (result.best.epochs, result.best.planned, result.best.reason) == (2, 2, None)
    elif "wish" in names:
        assert result.best.curve == pytest.approx([model.evaluate(X, Y, verbose=0)[0]] * 2, rel=0.3)
    else:
        assert best.score == max(one.hyperparameters["units"] for one in tuner.oracle.trials.values())
        assert best.metrics.get_best_value("other") == 1.0


def test_a_fit_of_the_users_own_that_returns_nothing_ends_the_search(tmp_path):
    class Forgetful(_OwnRows):
        def fit(self, hp, model, callbacks=None):
            model.fit(X, Y, callbacks=callbacks, verbose=0)

    with pytest.raises(errors.FatalTypeError, match=r"HyperModel.fit\(\) is None. Did you forget"):
        Unstopped(Forgetful(), "val_loss", 2, directory=tmp_path).search()


# Failures


def test_trials_that_fail_end_the_search_with_the_words_that_its_users_know(kind, tmp_path):
    def made(number, trial):
        raise ValueError("the cause")

    tuner = numbers(kind, made=made, max_trials=9, max_retries_per_trial=1, directory=tmp_path)
    with pytest.raises(RuntimeError, match="Number of consecutive failures exceeded the limit of 3"):
        tuner.search()
    assert type(tuner).ran == 6
    assert {status for _, _, status in trials_of(tuner)} == {"FAILED"}
    assert all("the cause" in one.message for one in tuner.oracle.trials.values())


def test_a_trial_that_fails_is_tried_again_as_often_as_allowed(kind, tmp_path):
    runs = {}

    def made(number, trial):
        runs[trial.trial_id] = runs.get(trial.trial_id, 0) + 1
        if runs[trial.trial_id] < 3:
            raise OSError("the machine was busy")
        return float(number)

    tuner = numbers(kind, made=made, max_trials=2, max_retries_per_trial=2, directory=tmp_path)
    tuner.search()
    assert list(runs.values()) == [3, 3]
    assert {status for _, _, status in trials_of(tuner)} == {"COMPLETED"}


def test_tries_are_counted_across_an_interruption(tmp_path):
    ends = iter([OSError, KeyboardInterrupt, OSError])

    def made(number, trial):
        raise next(ends)

    def tuner():
        return numbers(Unstopped, made=made, max_trials=1, max_retries_per_trial=1, directory=tmp_path)

    with pytest.raises(KeyboardInterrupt):
        tuner().search()
    again = tuner()
    assert [one.status for one in again.oracle.trials.values()] == ["RUNNING"]
    with pytest.raises(RuntimeError, match="No trial of 1"):
        again.search()
    assert list(ends) == []


@pytest.mark.parametrize(("error", "ends"), [(errors.FailedTrialError, False), (errors.FatalRuntimeError, True)])
def test_an_error_that_says_so_is_not_tried_again(kind, error, ends, tmp_path):
    def made(number, trial):
        if int(trial.trial_id) == 1:
            raise error("it is of no use")
        return float(number)

    tuner = numbers(kind, made=made, max_retries_per_trial=3, directory=tmp_path)
    if ends:
        with pytest.raises(error, match="of no use"):
            tuner.search()
        assert type(tuner).ran == 2
    else:
        tuner.search()
        assert [status for _, _, status in trials_of(tuner)] == ["COMPLETED", "FAILED", "COMPLETED"]
        assert type(tuner).ran == 3


def test_a_trial_without_a_score_begins_anew_from_other_weights_and_one_that_raised_where_it_stood(tmp_path, capsys):
    class Numbers(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, float(np.sum(np.abs(self.model.layers[0].get_weights()[0])))))
            if len(seen) == 1:
                logs["val_loss"] = float("nan")
            elif len(seen) == 3:
                raise OSError("the machine was busy")

    seen = []
    tuner = Unstopped(build, "val_loss", 1, max_retries_per_trial=2, directory=tmp_path)
    result = tuner.search(X, Y, epochs=1, validation_data=HELD, callbacks=[Numbers()])
    assert [epoch for epoch, _ in seen] == [0, 0]
    assert seen[0][1] != seen[1][1]
    assert "it is tried again, 1 of 2" in capsys.readouterr().out
    assert np.isfinite(result.best_score)
    seen[:] = [(0, 0.0)]
    again = Unstopped(build, "val_loss", 1, max_retries_per_trial=1, directory=tmp_path, project_name="raised")
    again.search(X, Y, epochs=3, validation_data=HELD, callbacks=[Numbers()], verbose=0)
    assert [epoch for epoch, _ in seen] == [0, 0, 1, 1, 2]


# Hooks and KerasTuner's own loop


def test_the_hooks_are_called_in_the_order_of_keras_tuner(kind, tmp_path):
    seen = []

    class Hooked(kind):
        def on_search_begin(self):
            seen.append("search begins")

        def on_search_end(self):
            seen.append("search ends")

        def pre_create_trial(self):
            seen.append("asks")

        def on_trial_begin(self, trial):
            seen.append(f"{trial.trial_id} begins")

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            seen.append(f"{trial.trial_id} ends")

    numbers(Hooked, max_trials=2, directory=tmp_path).search()
    trials = ["asks", "0 begins", "0 ends", "asks", "1 begins", "1 ends", "asks"]
    assert seen == ["search begins", *trials, "search ends"]


def test_the_hooks_of_epochs_and_batches_are_called_while_a_trial_trains_and_may_stop_it(tmp_path):
    seen = []

    class Hooked(Unstopped):
        def on_epoch_begin(self, trial, model, epoch, logs=None):
            seen.append(f"epoch {epoch}")

        def on_batch_begin(self, trial, model, batch, logs):
            seen.append("batch")

        def on_batch_end(self, trial, model, batch, logs=None):
            seen.append("done")

        def on_epoch_end(self, trial, model, epoch, logs=None):
            seen.append(sorted(logs))
            model.stop_training = True

    tuner = Hooked(build, "val_loss", 1, directory=tmp_path)
    result = tuner.search(X, Y, epochs=5, batch_size=80, validation_data=HELD, verbose=0)
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert seen == ["epoch 0", "batch", "done", "batch", "done", names]
    assert result.best.status == "completed"
    with pytest.raises(ValueError, match="`on_epoch_begin` of a subclass is called in this process"):
        Hooked(build, "val_loss", 1, workers=2).search(X, Y)


def test_who_changes_a_part_of_keras_tuners_loop_gets_that_loop(tmp_path):
    class Own(Unstopped):
        def _build_and_fit_model(self, trial, *places, **names):
            names["batch_size"] = trial.hyperparameters.Choice("batch", [40, 80])
            return super()._build_and_fit_model(trial, *places, **names)

    tuner = Own(build, "val_loss", 1, directory=tmp_path)
    result = tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    assert "batch" in tuner.get_best_hyperparameters()[0].values
    reopened = Own(build, "val_loss", 1, directory=tmp_path)
    for tried in (tuner, reopened):
        assert tried.get_best_models()[0].evaluate(*HELD, verbose=0)[0] == pytest.approx(result.best_score, rel=1e-5)
    with pytest.raises(ValueError, match="leave out `population`"):
        Own(build, "val_loss", 1, population=3)


# The space before the search


def test_the_space_is_known_before_the_search_with_all_its_conditions(kind, tmp_path, capsys):
    class Conditional(keras_tuner.HyperModel):
        def declare_hyperparameters(self, hp):
            hp.Int("declared", 1, 3)

        def build(self, hp):
            which = hp.Choice("which", ["a", "b", "c"])
            for name in "abc":
                with hp.conditional_scope("which", [name]):
                    if which == name:
                        deep = hp.Boolean(f"deep_{name}")
                        with hp.conditional_scope(f"deep_{name}", [True]):
                            if deep:
                                hp.Int(f"depth_{name}", 1, 3)
            hp.Int("child", 1, 3, parent_name="which", parent_values=["b"])
            return build(hp)

    tuner = kind(Conditional(), "val_loss", 2, directory=tmp_path)
    known = {hp.name for hp in tuner.oracle.get_space().space}
    assert known == {"declared", "which", "child", "units", *(f"{one}_{k}" for one in ("deep", "depth") for k in "abc")}
    tuner.search_space_summary()
    assert "depth_c (Int)" in capsys.readouterr().out


def test_hyperparameters_that_are_not_to_be_tuned_or_not_allowed_are_as_in_keras_tuner(kind, tmp_path):
    other = keras_tuner.HyperParameters()
    other.Int("other", 1, 3)
    with pytest.raises(RuntimeError, match="`allow_new_entries` is `False`"):
        kind(build, "val_loss", 2, hyperparameters=other, allow_new_entries=False, directory=tmp_path)
    with pytest.raises(ValueError, match="tune_new_entries=False"):
        kind(build, "val_loss", 2, tune_new_entries=False, directory=tmp_path)
    tuner = kind(build, "val_loss", 2, hyperparameters=other, tune_new_entries=False, directory=tmp_path)
    assert [hp.name for hp in tuner.oracle.get_space().space] == ["other"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, "val_loss"), ValueError, "Received `hypermodel=None`"),
        ((3, "val_loss"), ValueError, "`hypermodel` argument should be"),
        ((build, "mine"), ValueError, "Could not infer optimization direction"),
        ((build, 3), TypeError, "`objective` not understood"),
        ((lambda hp: 1 / 0, "val_loss"), ZeroDivisionError, "division by zero"),
    ],
)
def test_what_keras_tuner_refuses_when_it_is_made_is_refused_alike(kind, arguments, error, message, tmp_path):
    with pytest.raises(error, match=message):
        kind(*arguments, max_trials=2, directory=tmp_path)


def test_what_is_no_model_ends_the_search_by_keras_tuners_error(kind, tmp_path):
    tuner = kind(lambda hp: hp.Int("number", 1, 3), "val_loss", max_trials=2, directory=tmp_path)
    with pytest.raises(errors.FatalTypeError, match="Expected the model-building function"):
        tuner.search(X, Y, validation_data=HELD, verbose=0)


def test_a_search_without_rows_is_refused_where_nobody_has_any(tmp_path):
    with pytest.raises(ValueError, match="`x` was not given"):
        Unstopped(build, "val_loss", 2, directory=tmp_path).search()
    with pytest.raises(TypeError, match="`x` was given twice"):
        Unstopped(build, "val_loss", 2, directory=tmp_path).search(X, Y, x=X)
    with pytest.raises(TypeError, match="at most 16 arguments by place, got 20"):
        Unstopped(build, "val_loss", 2, directory=tmp_path).search(*[X] * 20)


def test_a_callback_that_cannot_be_copied_ends_the_search_by_keras_tuners_error(kind, tmp_path):
    class Whole(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            raise ValueError("I am one")

    tuner = kind(build, "val_loss", max_trials=2, directory=tmp_path)
    with pytest.raises(errors.FatalValueError, match="All callbacks used during a search should be deep-copyable"):
        tuner.search(X, Y, validation_data=HELD, verbose=0, callbacks=[Whole()])


def test_keras_tuners_chief_and_workers_are_refused_in_words(monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    with pytest.raises(ValueError, match="KERASTUNER_ORACLE_IP is set.*give `workers=4`"):
        Search(build, "val_loss")


# Oracles


def _of(kind, oracle, tmp_path, run_trial):
    """A tuner with an oracle of the user's: KerasTuner's class for that is `Tuner`."""
    base = keras_tuner.Tuner if kind is keras_tuner.RandomSearch else kind
    return type("Own", (base,), {"run_trial": run_trial})(oracle=oracle, directory=tmp_path)


def _space(**choices):
    hp = keras_tuner.HyperParameters()
    for name, values in choices.items():
        hp.Choice(name, values)
    return hp


def test_an_oracle_of_the_users_own_proposes_scores_retries_and_ends(kind, tmp_path):
    class Counting(keras_tuner.Oracle):
        def populate_space(self, trial_id):
            count = len(self.trials)
            return {"status": "STOPPED"} if count == 3 else {"status": "RUNNING", "values": {"a": count}}

        def score_trial(self, trial):
            super().score_trial(trial)
            trial.score *= 10

    ran = []

    def run_trial(self, trial):
        ran.append(trial.trial_id)
        if len(ran) == 1:
            raise OSError("busy")
        return {"score": float(trial.hyperparameters["a"])}

    oracle = Counting(SCORE, max_trials=9, hyperparameters=_space(a=[0, 1, 2]), max_retries_per_trial=1)
    tuner = _of(kind, oracle, tmp_path, run_trial)
    tuner.search()
    assert [one.score for one in tuner.oracle.get_best_trials(3)] == [20, 10, 0]
    assert len(ran) == 4
    again = _of(kind, Counting(SCORE, max_trials=9, hyperparameters=_space(a=[0, 1, 2])), tmp_path, run_trial)
    assert len(again.oracle.trials) == 3
    again.search()
    assert len(ran) == 4


@pytest.mark.parametrize("oracle", [oracles.RandomSearchOracle, oracles.GridSearchOracle])
def test_a_space_that_is_exhausted_ends_the_search(kind, oracle, tmp_path):
    def run_trial(self, trial):
        hp = trial.hyperparameters
        with hp.conditional_scope("a", [2]):
            return {"score": hp["a"] + (hp.Choice("b", [5, 6]) if hp["a"] == 2 else 0)}

    space = _space(a=[1, 2])
    with space.conditional_scope("a", [2]):
        space.Choice("b", [5, 6])
    # KerasTuner takes a seed of 0 for none, and of a drawn one the third point may never come.
    tuner = _of(kind, oracle(SCORE, max_trials=99, hyperparameters=space, seed=1), tmp_path, run_trial)
    tuner.search()
    assert sorted(one.score for one in tuner.oracle.trials.values()) == [1, 7, 8]
    assert tuner.remaining_trials == 96


def test_keras_tuners_bayesian_oracle_finds_the_top_of_four_numbers_in_moments(tmp_path):
    space = keras_tuner.HyperParameters()
    for name in "abcd":
        space.Float(name, -1, 1)

    def run_trial(self, trial):
        hp = trial.hyperparameters
        return {"score": -(hp["a"] ** 3) + hp["b"] ** 3 + hp["c"] - abs(hp["d"])}

    oracle = oracles.BayesianOptimizationOracle(SCORE, max_trials=25, hyperparameters=space, seed=1)
    tuner = _of(Unstopped, oracle, tmp_path, run_trial)
    tuner.search()
    # Of 25 random points the best is as high in one search of 260 (drawn 20,000 times).
    assert tuner.oracle.get_best_trials()[0].score > 2.3
    assert type(oracle) is oracles.BayesianOptimizationOracle


# After the search, and in the next process


def test_before_a_search_there_is_nothing_and_while_it_runs_the_trials_count_down(kind, tmp_path):
    left = []
    tuner = numbers(kind, made=lambda number, trial: left.append(tuner.remaining_trials) or 1.0, directory=tmp_path)
    assert (tuner.remaining_trials, tuner.get_best_hyperparameters(), tuner.get_best_models()) == (3, [], [])
    tuner.search()
    assert left == [2, 1, 0]
    assert len(tuner.get_best_hyperparameters(9)) == 3


def test_a_finished_project_is_there_again_when_it_is_opened(kind, tmp_path, capsys):
    first = numbers(kind, max_trials=2, directory=tmp_path)
    first.search()
    again = numbers(kind, max_trials=4, directory=tmp_path)
    assert sorted(map(str, trials_of(again))) == sorted(map(str, trials_of(first)))
    assert again.remaining_trials == 2
    assert again.get_best_hyperparameters()[0].values == first.get_best_hyperparameters()[0].values
    capsys.readouterr()
    again.results_summary()
    assert f"Score: {first.oracle.get_best_trials()[0].score}" in capsys.readouterr().out
    again.search()
    assert type(again).ran == 2
    assert sorted(again.oracle._display.trial_number.values()) == [1, 2, 3, 4]
    again.reload()
    assert len(again.oracle.trials) == 4
    anew = numbers(kind, max_trials=4, directory=tmp_path, overwrite=True)
    assert (anew.remaining_trials, len(anew.oracle.trials)) == (4, 0)


def test_a_second_search_goes_on_where_more_trials_are_allowed(kind, tmp_path):
    tuner = numbers(kind, max_trials=2, directory=tmp_path)
    tuner.search()
    tuner.oracle.max_trials = 5
    tuner.search()
    assert (type(tuner).ran, len(tuner.oracle.trials), tuner.remaining_trials) == (5, 5, 0)


def test_the_cause_of_a_failed_trial_stands_in_the_summary(kind, tmp_path, capsys):
    tuner = numbers(kind, made=lambda number, trial: [float(number), 1 / int(trial.trial_id)], directory=tmp_path)
    tuner.search()
    tuner.results_summary()
    assert "division by zero" in capsys.readouterr().out


def test_arguments_that_say_nothing_here_are_taken_as_keras_tuner_takes_them(kind, tmp_path):
    with pytest.warns(DeprecationWarning, match="`logger`"):
        tuner = numbers(kind, directory=tmp_path, project_name=None, tuner_id="me", logger="mine", seed=1)
    assert (tuner.tuner_id, tuner.logger, tuner.oracle.max_trials) == ("me", "mine", 3)


def test_a_search_over_rates_is_there_again_with_its_models_without_its_rows(tmp_path):
    def uncompiled(hp):
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [2, 4])), keras.layers.Dense(1)]
        )

    made = {"loss": "mse", "optimizer": "sgd", "population": [0.01, 0.1], "directory": tmp_path}
    first = Search(uncompiled, "val_loss", 2, **made).search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    again = Search(uncompiled, "val_loss", 2, **made)
    assert again.result.best_settings == first.best_settings
    assert dict(again.result.leaderboard()) == dict(first.leaderboard())
    assert again.result.history() == first.history()
    assert np.array_equal(again.get_best_models()[0].predict(X, verbose=0), first.best_model.predict(X, verbose=0))
    with pytest.raises(ValueError, match="has no rows; give `x` and `y`"):
        again.result.refit()


def test_what_a_search_is_given_over_a_compiled_build_is_what_its_models_and_its_refit_carry(tmp_path):
    given = {"loss": keras.losses.Huber(0.3), "optimizer": keras.optimizers.RMSprop(0.02), "metrics": ["mae"]}
    tuner = Unstopped(build, keras_tuner.Objective("val_mae", "min"), 1, directory=tmp_path, **given)
    result = tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    reopened = Unstopped(build, keras_tuner.Objective("val_mae", "min"), 1, directory=tmp_path, **given)
    for model in (tuner.get_best_models()[0], result.refit(epochs=1), reopened.get_best_models()[0]):
        error = np.abs(model.predict(HELD[0], verbose=0)[:, 0] - HELD[1])
        huber = np.where(error < 0.3, error**2 / 2, 0.3 * (error - 0.15))
        found = model.evaluate(*HELD, verbose=0, return_dict=True)
        assert found == pytest.approx({"loss": huber.mean(), "mae": error.mean()}, rel=1e-4)
        assert type(model.optimizer) is keras.optimizers.RMSprop
        assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert result.best_score == pytest.approx(
        result.best_model.evaluate(*HELD, verbose=0, return_dict=True)["mae"], rel=1e-5
    )


def test_a_model_that_only_its_rows_build_is_not_rebuilt_without_them(tmp_path):
    def bare(hp):
        model = keras.Sequential([keras.layers.Dense(hp.Choice("units", [2, 4])), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    Unstopped(bare, "val_loss", 1, directory=tmp_path).search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    with pytest.raises(ValueError, match="The model is built by its rows"):
        Unstopped(bare, "val_loss", 1, directory=tmp_path).get_best_models()


def test_each_execution_of_a_trial_has_a_copy_of_each_callback(tmp_path):
    made = []

    class Counting(keras.callbacks.Callback):
        count = 0

        def on_train_begin(self, logs=None):
            self.count += 1
            made.append(self)

    given = Counting()
    tuner = Unstopped(build, "val_loss", 1, executions_per_trial=2, directory=tmp_path)
    tuner.search(X, Y, epochs=1, validation_data=HELD, callbacks=[given], verbose=0)
    assert [one.count for one in made] == [1, 1]
    assert len({id(one) for one in made}) == 2
    assert given.count == 0
