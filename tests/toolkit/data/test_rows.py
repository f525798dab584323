"""Rows taken out of data."""

import numpy as np

from trainwise.toolkit.data.rows import spread_rows


def test_rows_are_taken_from_the_whole_of_sorted_data():
    x, y = spread_rows({"a": np.arange(100.0)}, np.arange(100), 5)
    assert x["a"].tolist() == [0, 24, 49, 74, 99]
    assert x["a"].dtype == np.float32
    assert y.tolist() == [0, 24, 49, 74, 99]
