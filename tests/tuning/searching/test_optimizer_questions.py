"""Hyperparameters that become a setting of the optimizer, found by where they go."""

import keras
import keras_tuner
import pytest
from small_searches import HELD, X, Y, bare_build

from trainwise.tuning import Search
from trainwise.tuning.searching.optimizer_questions import asked_by


def _compiled(optimizer):
    def build(hp):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Choice("units", [2, 4]))])
        model.compile(optimizer(hp), "mse")
        return model

    return build


optimizers = keras.optimizers
RATE = {"low": 1e-4, "high": 1e-2}


def _one_of_two(hp):
    kind = hp.Choice("kind", ["sgd", "adam"])
    made = None
    with hp.conditional_scope("kind", ["sgd"]):
        if kind == "sgd":
            made = optimizers.SGD(hp.Float("step of sgd", 0.01, 0.1), momentum=hp.Float("m", 0, 0.9))
    with hp.conditional_scope("kind", ["adam"]):
        return made or optimizers.Adam(hp.Float("step of adam", 1e-4, 1e-2))


ASKED = {
    "a float": (lambda hp: optimizers.Adam(hp.Float("lr", 1e-4, 1e-2)), {"lr": "learning_rate"}),
    "a log-scaled one": (
        lambda hp: optimizers.SGD(hp.Float("eta", 1e-4, 1e-2, sampling="log")),
        {"eta": "learning_rate"},
    ),
    "a choice": (lambda hp: optimizers.RMSprop(hp.Choice("alpha", [0.1, 0.01])), {"alpha": "learning_rate"}),
    "none": (lambda hp: optimizers.Adam(0.1), {}),
    "another use of the name": (lambda hp: optimizers.Adam(0.1, beta_1=hp.Float("learning_rate", 0.5, 0.9)), {}),
    "decay": (
        lambda hp: optimizers.AdamW(1e-3, weight_decay=hp.Float("wd", 0.01, 0.1)),
        {"wd": "weight_decay"},
    ),
    "a schedule": (lambda hp: optimizers.Adam(optimizers.schedules.CosineDecay(hp.Float("lr", 1e-4, 1e-2), 9)), {}),
    "rates by batch size": (lambda hp: optimizers.Adam(hp.Int("batch_size", 8, 64) / 1e4), {}),
    "one of two": (
        _one_of_two,
        {"step of sgd": "learning_rate", "step of adam": "learning_rate", "m": "momentum"},
    ),
}


@pytest.mark.parametrize("optimizer", ASKED)
def test_what_becomes_a_setting_of_the_optimizer_is_found_whatever_its_name(optimizer):
    make, expected = ASKED[optimizer]
    build = _compiled(make)
    space = Search(build, "loss").oracle.get_space()
    assert asked_by(build, space, {"learning_rate", "momentum", "weight_decay"}) == expected


def test_a_rate_by_a_formula_is_refused_where_it_is_all_that_the_hyperparameter_decides():
    space = keras_tuner.HyperParameters()
    build = _compiled(lambda hp: optimizers.Adam(10 ** hp.Float("exponent", -4.0, -2.0)))
    build(space)
    with pytest.raises(ValueError, match="'exponent' decides the learning_rate by a formula"):
        asked_by(build, space, {"learning_rate"})
    both = _compiled(lambda hp: optimizers.Adam(0.1 / hp.get("units")))
    space = keras_tuner.HyperParameters()
    both(space)
    assert asked_by(both, space, {"learning_rate"}) == {}
    uncompiled = keras_tuner.HyperParameters()
    bare_build(uncompiled)
    assert asked_by(bare_build, uncompiled, {"learning_rate"}) == {}


def test_a_rate_of_any_name_comes_back_as_what_the_best_member_was_trained_at():
    def build(hp):
        model = bare_build(hp)
        kind = optimizers.Adam if hp.Boolean("adam", default=True) else optimizers.SGD
        # One is asked for in every trial, the other only where it is used.
        rate = hp.Float("lr", 1e-4, 1e-3, sampling="log") if kind is optimizers.Adam else hp.Float("eta", 1e-4, 1e-3)
        model.compile(kind(rate), "binary_crossentropy")
        return model

    tuner = Search(build, "val_loss", 2, population=[1e-6, 0.1], initial_trials=[{"adam": True}, {"adam": False}])
    result = tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)
    with_sgd = [number for number in result.order if not result.outcomes[number].values["adam"]]
    assert 0 < len(with_sgd) < len(result.order)
    assert [type(hp).__name__ for hp in result.space.space if hp.name == "lr"] == ["Fixed"]
    for number in result.order:
        best = result.hyperparameters_of(number)
        name = "lr" if best["adam"] else "eta"
        assert best[name] == result.outcomes[number].settings["learning_rate"] == 0.1
        assert float(build(best).optimizer.learning_rate) == pytest.approx(0.1)
        assert result.leaderboard()[name][result.order.index(number)] == 0.1
