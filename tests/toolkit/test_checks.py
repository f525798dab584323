"""Arguments that are refused."""

import math

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
