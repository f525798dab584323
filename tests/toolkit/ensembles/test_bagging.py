"""Weights of rows for bagging."""

import numpy as np
import pytest
from tiny import voter, wide_rows

import trainwise as tw


def test_bagged_members_are_those_of_a_population_with_row_weights():
    x, y = wide_rows(60), np.arange(60) % 3

    def build():
        model = voter(seed=int(np.random.randint(1000)))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    weights = tw.bagging_weights(60, 3, seed=1)
    assert weights.shape == (60, 3) and (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.1)
    fitted = tw.fit_population(build, x, y, seed=range(3), epochs=1, sample_weight=weights, verbose=0)
    assert tw.vote(fitted.models).predict(x, verbose=0).shape == (60, 3)
    with pytest.raises(ValueError, match="got 0"):
        tw.bagging_weights(0, 3)
