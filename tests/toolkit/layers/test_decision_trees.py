"""Trees as a layer, beside a walk written out."""

import keras
import numpy as np
import pytest

import trainwise as tw

ARRAYS = {
    "feature": [0, 1, 0, 0, 0, 1, 0, 0],
    "threshold": [0.5, 2.0, 0, 0, 0, -1.0, 0, 0],
    "left": [1, 3, 2, 3, 4, 6, 6, 7],
    "right": [2, 4, 2, 3, 4, 7, 6, 7],
    "missing_left": [False, True, False, False, False, True, False, False],
    "value": [[0.0, 0.0], [0, 0], [1, 10], [2, 20], [3, 30], [0, 0], [100, 0], [200, 0]],
    "roots": [0, 5],
}


def _walk(row):
    total = np.zeros(2)
    for node in ARRAYS["roots"]:
        while ARRAYS["left"][node] != node:
            value = row[ARRAYS["feature"][node]]
            left = ARRAYS["missing_left"][node] if np.isnan(value) else value <= ARRAYS["threshold"][node]
            node = ARRAYS["left" if left else "right"][node]
        total += ARRAYS["value"][node]
    return total


def test_each_row_gets_the_sum_of_the_leaves_that_it_ends_in(tmp_path):
    layer = tw.layers.DecisionTrees.from_arrays(depth=2, **ARRAYS)
    rows = np.array([[0.5, 2.0], [0.5, 2.1], [0.6, 0.0], [np.nan, np.nan], [0.0, np.nan], [0.0, -5.0]])
    np.testing.assert_array_equal(layer(rows), [_walk(row) for row in rows])
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "trees.keras")
    np.testing.assert_array_equal(tw.load_model(tmp_path / "trees.keras")(rows), [_walk(row) for row in rows])
    assert model.trainable_weights == []


@pytest.mark.parametrize("name", ["nodes", "trees", "outputs"])
def test_counts_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*at least 1, got 0"):
        tw.layers.DecisionTrees(**{"nodes": 1, "trees": 1, "outputs": 1, "depth": 0, name: 0})


def test_arrays_that_are_missing_are_named():
    with pytest.raises(ValueError, match=r"The arrays of trees are \['feature'.*got \['value'\]"):
        tw.layers.DecisionTrees.from_arrays(depth=1, value=[[0.0]])
