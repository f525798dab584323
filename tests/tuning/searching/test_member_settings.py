"""The settings of the members: learning rates above all, momentum, weight decay, dropout."""

import keras
import numpy as np
import pytest
from small_searches import HELD, QUICK, X, Y, bare_build, small_space

from trainwise.tuning import ladder, search


def test_the_ladder_spans_four_decades_evenly():
    rates = ladder("adam")
    assert len(rates) == 16
    assert rates[0] == pytest.approx(1e-5)
    assert rates[-1] == pytest.approx(0.1)
    assert np.ptp(np.diff(np.log(rates))) < 1e-9
    assert ladder("sgd", 2) == pytest.approx([1e-4, 1.0])


def test_members_may_differ_in_momentum_weight_decay_and_dropout():
    result = search(
        small_space(dropout=(0.5,)),
        X,
        Y,
        **{**QUICK, "trials": 1}
        | {"population": {"learning_rate": [0.1, 0.3], "momentum": [0.0, 0.9], "dropout": [0.0, 0.5]}},
        optimizer="sgd",
        validation_data=HELD,
    )
    assert len(result.best.members) == 8
    assert set(result.best_settings) == {"learning_rate", "momentum", "dropout"}
    model = result.best_model
    assert float(model.optimizer.momentum) == result.best_settings["momentum"]
    dropout = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    assert dropout.rate == result.best_settings["dropout"]


def test_momentum_given_as_whole_numbers_comes_back_in_the_best_model():
    result = search(bare_build, X, Y, **{**QUICK, "population": {"momentum": [0, 0.9]}}, optimizer="sgd")
    assert result.best_model.optimizer.momentum in (0.0, 0.9)
    assert result.refit() is not None
