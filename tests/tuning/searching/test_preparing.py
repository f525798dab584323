"""What is refused or decided before the first trial."""

import keras
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, bare_build, small_space

import trainwise as tw
from trainwise.tuning import MLP, search


def test_without_a_population_the_rate_of_an_uncompiled_model_becomes_a_hyperparameter():
    result = search(bare_build, X, Y, **{**QUICK, "population": False})
    rate = result.best_hyperparameters.get("learning_rate")
    assert 1e-5 <= rate <= 0.1
    assert float(result.best_model.optimizer.learning_rate) == pytest.approx(rate)


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
        ({"space": lambda hp: "no model"}, TypeError, "must return a Keras model, got str"),
    ],
)
def test_bad_arguments_are_refused_before_any_training(arguments, error, message):
    with pytest.raises(error, match=message):
        search(**{"space": small_space(), "x": X, "y": Y, **QUICK, **arguments})


def test_a_space_with_nothing_to_search_is_tried_once_and_said_so(capsys):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    assert len(search(build, X, Y, **{**QUICK, "population": "auto", "verbose": 1}).outcomes) == 1
    assert "asks for no hyperparameters, so that there is one to try" in capsys.readouterr().out
    assert len(search(build, X, Y, **QUICK).outcomes) == 1


def test_sealed_rows_are_refused():
    splits = tw.data.load("iris")
    rows = splits.test.open("to test that a search refuses it")
    with pytest.raises(ValueError, match="sealed"):
        search(small_space(), rows.x, rows.y, **QUICK)
