"""Columns of a table as features: numbers, categories and dates, beside numpy, pandas and scikit-learn."""

from itertools import pairwise

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trainwise.toolkit.data.dates import FORMATS, PACKED
from trainwise.toolkit.layers.table_encoding import CategoryEncoding, CategoryNumbers, DateEncoding, NumberEncoding


def _words(cells):
    return keras.ops.convert_to_tensor([[cell] for cell in cells], dtype="string")


def test_numbers_are_filled_told_and_standardised_as_scikit_learn_does(rng):
    x = rng.normal(3, 5, (200, 3))
    x[rng.random(x.shape) < 0.2] = np.nan
    imputer = SimpleImputer(strategy="median", add_indicator=True).fit(x)
    scaler = StandardScaler().fit(imputer.transform(x)[:, :3])
    layer = NumberEncoding(imputer.statistics_, [0] * 3, [0] * 3, scaler.mean_, scaler.scale_, gaps=[0, 1, 2])
    expected = imputer.transform(x)
    expected[:, :3] = scaler.transform(expected[:, :3])
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert layer.compute_output_shape((None, 3)) == (None, 6)


def test_a_long_tail_is_drawn_in_and_few_values_are_told_apart():
    x = np.array([[1.0, 2.0], [1e6, 3.0], [-1e6, 2.0]])
    layer = NumberEncoding([0, 0], [1.0, 0], [2.0, 0], [0, 0], [1, 1], classes=[[1, 2.0], [1, 3.0]])
    expected = np.column_stack([np.arcsinh((x[:, 0] - 1) / 2), x[:, 1], x[:, 1] == 2, x[:, 1] == 3])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)


def test_the_features_of_intervals_add_up_to_the_place_among_their_ends(rng):
    ends = np.array([-2.0, -0.5, 0.0, 3.0])
    intervals = [[1, low, high] for low, high in pairwise(ends)]
    x = np.column_stack([rng.normal(size=60), rng.normal(size=60) * 3])
    found = np.asarray(NumberEncoding([0, 0], [0, 0], [0, 0], [0, 0], [1, 1], intervals=intervals)(x))[:, 2:]
    np.testing.assert_allclose(found.sum(axis=1), np.interp(x[:, 1], ends, range(4)), atol=1e-5)
    # An interval begins when those before it are full.
    assert np.all((found[:, 1:] == 0) | (found[:, :-1] == 1))
    gap = np.asarray(
        NumberEncoding([0, 2.0], [0, 0], [0, 0], [0, 0], [1, 1], intervals=intervals)(np.array([[0.0, np.nan]]))
    )
    np.testing.assert_allclose(gap[0, 2:], [1, 1, 2 / 3], rtol=1e-6)


def test_statistics_that_do_not_fit_one_another_are_refused():
    with pytest.raises(ValueError, match="must have one length, got \\[1, 2\\]"):
        NumberEncoding([0, 0], [0], [0], [0], [1])
    with pytest.raises(ValueError, match="low end below the high one, got \\[\\[0, 2.0, 2.0\\]\\]"):
        NumberEncoding([0], [0], [0], [0], [1], intervals=[[0, 2.0, 2.0]])


def test_small_categories_are_one_hot_as_in_scikit_learn_and_large_ones_shares(rng):
    numbers = np.column_stack([rng.integers(0, 4, 50), rng.integers(0, 300, 50), rng.integers(0, 3, 50)])
    found = np.asarray(CategoryEncoding([4, 300, 3])(numbers))
    small = OneHotEncoder(categories=[range(4), range(3)], sparse_output=False).fit_transform(numbers[:, [0, 2]])
    np.testing.assert_array_equal(found[:, :7], small)
    np.testing.assert_array_equal(CategoryNumbers(300)(found[:, 7:]), numbers[:, 1])


def test_the_order_of_levels_is_a_feature_and_unknown_ones_stand_in_the_middle():
    found = np.asarray(CategoryEncoding([4], ordered=[0])(np.array([[0], [1], [2], [3]])))
    assert found[:, 4].tolist() == [0, -1, 0, 1]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1_000_000))
def test_a_share_gives_its_number_back_whatever_the_size(size):
    numbers = np.unique(np.linspace(0, size - 1, 50).astype(int))
    shares = (numbers / size).astype("float32")[:, None]
    np.testing.assert_array_equal(CategoryNumbers(size)(shares), numbers)


@pytest.mark.parametrize("form", [*FORMATS[:22], *FORMATS[22:140:7], *FORMATS[-4:], *PACKED])
def test_dates_of_each_form_become_what_pandas_says_of_them(form):
    times = pd.Series(pd.date_range("1970-01-13 00:08:09", "2068-12-31", periods=60).floor("s"))
    words = times.dt.strftime(form)
    # As far as the form tells.
    times = pd.to_datetime(words, format=form)
    days = (times - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    first, last = days.min(), days.max()
    layer = DateEncoding(form, first, last)
    found = np.asarray(layer(_words(words)))
    np.testing.assert_allclose(found[:, 0], 2 * (days - first) / (last - first) - 1, atol=1e-5)
    month = 2 * np.pi * (times.dt.month - 1) / 12
    np.testing.assert_allclose(found[:, 2:4], np.column_stack([np.sin(month), np.cos(month)]), atol=1e-5)
    of_year = 2 * np.pi * (times.dt.day_of_year - 1) / 365.2425
    np.testing.assert_allclose(found[:, 4:6], np.column_stack([np.sin(of_year), np.cos(of_year)]), atol=1e-5)
    np.testing.assert_array_equal(found[:, 6:13].argmax(axis=1), times.dt.day_of_week)
    if layer.has_hours:
        hour = 2 * np.pi * ((times - times.dt.normalize()) / pd.Timedelta(days=1))
        np.testing.assert_allclose(found[:, 14:16], np.column_stack([np.sin(hour), np.cos(hour)]), atol=1e-5)
    assert not found[:, -1].any()
    assert found.shape[1] == layer.compute_output_shape((None, 1))[1]


def test_cells_that_are_no_date_are_a_gap_and_nothing_else():
    found = np.asarray(
        DateEncoding("%Y-%m-%d", 0.0, 10.0)(_words(["", "soon", "2020/01/01", "20200101", "2020-01-01x"]))
    )
    assert found[:, -1].tolist() == [1] * 5 and not found[:, :-1].any()


def test_zones_and_fractions_are_read_past():
    layer = DateEncoding("%Y-%m-%dT%H:%M:%S", 0.0, 20_000.0)
    plain, zoned = layer(_words(["2020-02-29T10:00:00"])), layer(_words(["2020-02-29T10:00:00.123+09:00"]))
    np.testing.assert_array_equal(plain, zoned)
