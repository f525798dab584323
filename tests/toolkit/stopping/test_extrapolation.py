"""Extrapolation of curves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit.stopping import chance_to_beat


def test_extrapolation_knows_a_power_law_and_an_exponential():
    for shape in (lambda t: 0.2 + t**-0.5, lambda t: 0.2 + np.exp(-0.2 * t)):
        begun = [float(shape(t)) for t in range(1, 13)]
        end = float(shape(100))
        assert chance_to_beat(begun, end + 0.1, 100) > 0.8
        assert chance_to_beat(begun, end - 0.15, 100) < 0.2


def test_extrapolation_says_one_where_it_cannot_tell_and_zero_at_the_end():
    assert chance_to_beat([0.5, 0.4], 0.1, 30) == 1.0
    assert chance_to_beat([0.5, float("nan"), 0.4, 0.3, 0.2], 0.1, 30) == 1.0
    assert chance_to_beat([0.5, 0.05], 0.1, 30) == 1.0
    assert chance_to_beat([0.5] * 10, 0.1, 10) == 0.0


@given(st.lists(st.floats(0, 10), min_size=4, max_size=20), st.floats(-1, 11), st.integers(21, 100))
@settings(max_examples=60, deadline=None)
def test_a_chance_is_always_a_probability(curve, incumbent, epochs):
    assert 0.0 <= chance_to_beat(curve, incumbent, epochs) <= 1.0
