"""Searches that look for small, fast or quickly trained models."""

import keras_tuner
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, bare_build

import trainwise as tw
from trainwise.tuning.searching.costs import WeightedObjective, costs_asked

GIVEN = {**QUICK, "trials": 3, "oracle": "grid", "epochs": 1, "validation_data": HELD, "stopper": None}


def _board(objective, **given):
    return tw.tuning.search(bare_build, X, Y, objective=objective, **{**GIVEN, **given}).leaderboard()


def test_a_weighted_objective_ranks_by_loss_and_size_together():
    board = _board({"val_loss": 1.0, "parameters": 10.0}, loss="binary_crossentropy")
    # 4 inputs, one output: 6 parameters a unit and one more. A unit costs 60, more than any loss here.
    assert board["parameters"] == [13, 25, 49]
    assert board["weighted sum"] == sorted(board["weighted sum"])
    assert np.all(np.array(board["weighted sum"]) - 10 * np.array(board["parameters"]) > 0)


def test_costs_alone_may_be_the_objective():
    board = _board("latency", trials=2, population=None)
    assert all(0 < seconds < 1 for seconds in board["latency"])


def test_weights_count_and_what_is_better_high_counts_negative():
    objective = WeightedObjective({"val_accuracy": 2.0, "seconds": 0.5})
    assert objective.get_value({"val_accuracy": 0.75, "seconds": 4.0, "loss": 9.0}) == pytest.approx(0.5)
    assert objective.has_value({"val_accuracy": 0.75, "seconds": 4.0}) and not objective.has_value({"seconds": 4.0})
    assert costs_asked(objective) == ("seconds",) and costs_asked(keras_tuner.Objective("loss", "min")) == ()


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "at least one value"),
        ({"val_loss": 0}, r"objective\['val_loss'\]"),
        ({"val_loss": float("nan")}, r"objective\['val_loss'\]"),
        ({"bananas": 1.0}, "'bananas' is better high or low"),
    ],
)
def test_weights_and_names_that_make_no_sense_are_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        _board(weights)
