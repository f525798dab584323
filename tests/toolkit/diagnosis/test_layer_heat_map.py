"""The picture of gradients and updates."""

import numpy as np
import pytest

from trainwise.toolkit.diagnosis.layer_heat_map import heat_map
from trainwise.toolkit.diagnosis.layer_state import LayerHealth, Probe


def _look(step, *gradients, moved=None):
    layers = [
        LayerHealth(f"layer_{place}", gradient=gradient, weight=2.0, moved=moved)
        for place, gradient in enumerate(gradients)
    ]
    return Probe(step, 0, 1.0, 0.0, 1.0, (*layers, LayerHealth("act", activation="relu", dead=0.1)))


def test_the_map_has_a_row_a_layer_a_column_a_look_and_the_powers_of_ten():
    figure = heat_map([_look(0, 2.0, 2e-4), _look(10, 2.0, 0.0, moved=0.02), _look(20, 0.2, 2e-3, moved=0.002)])
    left, right, *_ = figure.axes
    np.testing.assert_allclose(left.images[0].get_array(), [[0, 0, -1], [-4, -12, -3]], atol=1e-9)
    drawn = np.ma.filled(right.images[0].get_array().astype(float), np.nan)
    np.testing.assert_allclose(drawn, [[np.nan, -2, -3]] * 2, atol=1e-9)
    assert [label.get_text() for label in left.get_yticklabels()] == ["layer_0", "layer_1"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["0", "10", "20"]
    assert left.get_title() == "Gradient / weights: 0.001 in layer_1, 0.1 in layer_0"


def test_gradients_that_are_no_numbers_and_looks_without_rows_are_drawn_as_gaps():
    figure = heat_map([_look(0, np.nan, 1.0), _look(1, None, None)])
    assert figure.axes[0].get_title() == "Gradient / weights: not measured"


@pytest.mark.parametrize("probes", [[], [Probe(0, 0, 1.0, 0.0, 1.0)]])
def test_without_a_look_there_is_nothing_to_draw(probes):
    with pytest.raises(ValueError, match="There is nothing to draw: no look has seen a layer with weights"):
        heat_map(probes)
