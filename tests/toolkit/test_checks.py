"""Arguments that are refused."""

import math

import numpy as np
import pytest

from trainwise.toolkit import checks


def test_a_wrong_choice_names_the_choices():
    with pytest.raises(ValueError, match="`how` must be 'soft' or 'hard', got 'loud'"):
        checks.one_of("how", "loud", ("soft", "hard"))


@pytest.mark.parametrize("value", [True, 1.5, "3"])
def test_only_whole_numbers_are_whole(value):
    with pytest.raises(TypeError, match=f"got {value!r}"):
        checks.whole_number("members", value, 1)


@pytest.mark.parametrize("value", [1.0, -0.1, math.nan, math.inf])
def test_numbers_outside_the_interval_are_refused(value):
    with pytest.raises(ValueError, match=f"must be in \\[0, 1\\), got {value}"):
        checks.number("momentum", value, 0, 1, open_high=True)


def test_a_word_is_no_number():
    with pytest.raises(TypeError, match="'fast'"):
        checks.number("rate", "fast", 0, 1)


def test_rows_and_other_kinds_are_told_apart_in_words():
    for rows in ([[1.0], [2.0]], {"a": np.ones((2, 1))}, [np.ones((2, 1)), np.ones(2)], np.array(["a", "b"])):
        checks.refuse_no_rows("x", rows)
    with pytest.raises(ValueError, match="`x` must hold at least one array, got {}"):
        checks.refuse_no_rows("x", {})
    with pytest.raises(TypeError, match="`x` must be an array of rows.*got complex128 numbers"):
        checks.refuse_no_rows("x", np.ones(2, complex))
    with pytest.raises(ValueError, match=r"at least one row, got shape \(0, 3\)"):
        checks.refuse_no_rows("x", np.ones((0, 3)))
    with pytest.raises(ValueError, match="`y` holds NaN or infinite values"):
        checks.refuse_unusable_rows(np.ones(2), np.array([1.0, np.nan]))


def test_paths_functions_lists_seeds_and_kinds_are_refused_by_name():
    with pytest.raises(TypeError, match="`log` must be a path, got 3"):
        checks.path_of("log", 3)
    with pytest.raises(ValueError, match="`log` must name a file or folder, got ''"):
        checks.path_of("log", "")
    with pytest.raises(TypeError, match="`report` must be a function, got 3"):
        checks.refuse_deaf("report", 3)
    with pytest.raises(TypeError, match="`weights` must be a list, got 'abc'"):
        checks.items_of("weights", "abc")
    with pytest.raises(TypeError, match="`model` must be a Keras model, got int"):
        checks.instance_of("model", 3, str, "a Keras model")
    with pytest.raises(ValueError, match="`seed` must be at most 4294967295, got 4294967296"):
        checks.seed_of("seed", 2**32)
