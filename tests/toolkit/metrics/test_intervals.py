"""Intervals and tests of shares against scipy and closed forms."""

import numpy as np
import pytest
import scipy.stats

from trainwise.toolkit.metrics import intervals


@pytest.mark.parametrize(("right", "rows"), [(0, 5), (5, 5), (9, 10), (260, 270)])
def test_the_wilson_interval_agrees_with_scipy(right, rows):
    expected = scipy.stats.binomtest(right, rows).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(intervals.wilson(right, rows), (expected.low, expected.high), atol=1e-12)


def test_the_bootstrap_of_a_mean_agrees_with_its_normal_law():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = intervals.bootstrap(lambda rows: float(values[rows].mean()), 400)
    error = 1.96 * values.std() / 20
    np.testing.assert_allclose([low, high], [values.mean() - error, values.mean() + error], atol=0.05)
    assert (low, high) == intervals.bootstrap(lambda rows: float(values[rows].mean()), 400)


def test_mcnemar_is_the_two_sided_binomial_tail():
    assert intervals.mcnemar(0, 0) == 1
    assert intervals.mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert intervals.mcnemar(3, 3) == 1


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="at most `rows` \\(5\\), got 6"):
        intervals.wilson(6, 5)
    with pytest.raises(ValueError, match="got 0"):
        intervals.wilson(0, 0)
    with pytest.raises(ValueError, match="got 1"):
        intervals.bootstrap(lambda rows: 0.0, 3, confidence=1)
    with pytest.raises(ValueError, match="got -1"):
        intervals.mcnemar(-1, 0)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_margin_of_a_mean_is_half_of_students_interval(confidence):
    values = np.random.default_rng(0).normal(size=7)
    low, high = scipy.stats.t.interval(confidence, 6, values.mean(), scipy.stats.sem(values))
    assert intervals.mean_margin(values, confidence) == pytest.approx((high - low) / 2)
    assert intervals.mean_margin([3.0]) is None and intervals.mean_margin([]) is None
    with pytest.raises(ValueError, match=r"`confidence` must be in \(0, 1\), got 1"):
        intervals.mean_margin(values, 1)
