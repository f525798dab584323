"""What is refused when a search is made."""

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from small_searches import QUICK, X, Y, compiled_build, small_space

from trainwise.toolkit.stopping import Median
from trainwise.tuning import Search, search
from trainwise.tuning.searching.options import SearchOptions


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_retries_per_trial": -1}, ValueError, "`max_retries_per_trial` must be at least 0, got -1"),
        ({"distribution_strategy": "mirrored"}, TypeError, "must be a strategy of `tf.distribute`, got 'mirrored'"),
        ({"max_epochs": 3}, TypeError, "the oracle 'random' does not take max_epochs"),
        ({"layers": 3}, TypeError, "does not take layers"),
        ({"population": "many"}, TypeError, "'many'"),
        ({"population": 0}, ValueError, "at least 1, got 0"),
        ({"max_consecutive_failed_trials": 0}, ValueError, "at least 1, got 0"),
    ],
)
def test_what_a_tuner_cannot_take_is_refused_when_it_is_made(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Search(compiled_build, "val_loss", 2, **arguments)


def test_a_precision_that_keras_does_not_know_is_refused():
    with pytest.raises(ValueError, match="mixed_float12"):
        search(small_space(), X, Y, **QUICK, precision="mixed_float12")
    with pytest.raises(ValueError, match="Cannot convert ''"):
        SearchOptions(precision="")


def test_options_are_whole_plain_and_stay_as_they_are():
    options = SearchOptions(seed=np.int64(3), target=np.float32(0.5), stopper="median", resources={"num_cpus": 1})
    assert (type(options.seed), type(options.target), type(options.resources["num_cpus"])) == (int, float, float)
    assert options.rule == Median()
    with pytest.raises(FrozenInstanceError):
        options.seed = 4
