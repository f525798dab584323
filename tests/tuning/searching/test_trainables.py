"""What is trained in one call of `fit`: many members, or one model of any kind."""

import keras
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, compiled_build, small_space

from trainwise.tuning import search
from trainwise.tuning.searching.trainables import compiling_of


def test_a_compiled_model_with_a_population_is_judged_at_the_ladders_rates():
    result = search(compiled_build, X, Y, **{**QUICK, "population": [1e-4, 3e-2]})
    assert result.best_settings["learning_rate"] in (1e-4, 3e-2)
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(result.best_settings["learning_rate"])


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


def test_a_population_of_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="Functional or Sequential"):
        search(lambda hp: Own(), X, Y, **QUICK)


def test_a_search_compiled_with_xla_finds_what_one_without_does():
    plain, compiled = (search(small_space(), X, Y, **QUICK, seed=3, jit_compile=jit) for jit in (False, True))
    assert compiled.best_score == pytest.approx(plain.best_score, rel=0.05)


@pytest.mark.parametrize("jit", [False, True, "auto", None])
def test_whether_to_use_xla_is_compiled_as_it_was_given(jit):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    chosen = compiling_of(model, None, np.array([0.0, 1.5, 2.5]), {"loss": "mse", "jit_compile": jit})
    assert chosen.jit_compile == ("auto" if jit is None else jit)


def test_a_model_that_build_compiled_is_compiled_anew_with_what_the_search_was_given():
    result = search(compiled_build, X, Y, epochs=1, trials=1, loss="mse", jit_compile=False, verbose=0)
    assert result.best_model.loss == "mse"
    assert result.best_model.jit_compile is False
    held = result.plan.rows.validation
    expected = np.mean((result.best_model.predict(held[0], verbose=0)[:, 0] - held[1]) ** 2)
    assert result.best_score == pytest.approx(expected, rel=1e-5)


def test_members_of_a_compiled_model_keep_its_weights_of_losses():
    def build(hp):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(hp.Choice("units", [4]))(inputs)
        model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(hidden) for name in ("p", "q")])
        model.compile("adam", ["mse", "mse"], loss_weights=[1.0, 0.25], weighted_metrics=[["mae"], []])
        return model

    result = search(build, X, [Y * 1.0, X[:, 0]], epochs=1, trials=1, population=[0.01, 0.1], verbose=0)
    parts = result.best.metrics
    assert parts["val_loss"] == pytest.approx(parts["val_p_loss"] + 0.25 * parts["val_q_loss"], rel=1e-4)
    assert "val_p_mae" in parts


@pytest.mark.parametrize("population", [None, 2])
def test_a_search_goes_by_what_is_a_number_beside_a_score_for_each_class(population):
    def build(hp):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int("classes", 3, 3), "softmax")])
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", keras.metrics.F1Score()])
        return model

    x, y = np.eye(3, dtype="float32")[np.arange(30) % 3], np.eye(3, dtype="float32")[np.arange(30) % 3]
    settings = {"objective": "val_accuracy", "trials": 1, "epochs": 1, "verbose": 0}
    settings |= {} if population is None else {"population": population}
    assert 0 <= search(build, x, y, **settings).best_score <= 1
