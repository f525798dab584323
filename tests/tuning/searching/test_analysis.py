"""What the trials teach together: what stopping saved, and which hyperparameters counted."""

import json

import keras
import pytest
from small_searches import X, Y

from trainwise.tuning import Search


def test_the_figures_of_stopping_are_those_of_the_curves(found):
    epochs = [outcome.epochs for outcome in found.outcomes.values()]
    assert found.epochs_saved == pytest.approx(1 - sum(epochs) / 40)
    text = str(found)
    assert "One epoch for every trial and then the best three in full" in text
    assert "CPU" in text or "GPU" in text
    json.dumps(found.as_dict())


def test_the_figures_tell_what_was_sampled_by_its_logarithm(found):
    # Units of 2, 4 and 8 double, and the rates of the members are a ladder; dropout and depth do neither.
    asked = found.as_dict()
    assert set(asked["logarithmic"]) == {"units", "learning_rate"}
    assert len(asked["hyperparameters"]) > 1


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
