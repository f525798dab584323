"""Prediction intervals: the ranks of split conformal prediction, and how often new truths lie inside."""

import json

import numpy as np
import pytest

from trainwise.toolkit.metrics.prediction_intervals import PredictionIntervals, prediction_intervals


def test_few_rows_have_the_ranks_of_split_conformal_prediction():
    # Of 39 misses, (39 + 1) * 0.05 = 2: the second smallest and the second largest end the interval.
    missed = np.random.default_rng(0).permutation(np.arange(39.0))
    known = prediction_intervals(np.full(39, 100.0), 100 + missed)
    assert (known.below, known.above, known.edges) == ([[1.0]], [[37.0]], [])


def test_below_nineteen_rows_nothing_can_be_said_at_ninety_percent():
    assert prediction_intervals(np.zeros(18), np.arange(18.0)) is None
    assert prediction_intervals(np.zeros(19), np.arange(19.0)) is not None


def test_new_rows_lie_inside_as_often_as_said_at_every_size_of_answer():
    generator = np.random.default_rng(1)
    answers = generator.uniform(1, 100, 4000)
    # Misses grow with the answer, as they do in most data.
    y = answers * np.exp(generator.normal(0, 0.3, 4000))
    known = prediction_intervals(answers[:2000], y[:2000])
    new, truth = answers[2000:, None], y[2000:, None]
    assert 0.88 < known.hold(new, truth) < 0.93
    large = new[:, 0] > 80
    assert 0.84 < known.hold(new[large], truth[large]) < 0.96
    low, high = known.around(np.array([[2.0], [90.0]]))
    assert low[0] >= 0 and (high - low)[1] > 5 * (high - low)[0]


def test_outputs_have_intervals_of_their_own():
    generator = np.random.default_rng(2)
    y = generator.normal(0, [1.0, 10.0], (500, 2))
    known = prediction_intervals(np.zeros((500, 2)), y)
    low, high = known.around(np.zeros((1, 2)))
    np.testing.assert_allclose(high - low, [[3.3, 33]], rtol=0.15)
    assert known.floor is None


def test_equal_answers_are_of_one_size():
    known = prediction_intervals(np.repeat([1.0, 2.0], [999, 1]), np.arange(1000.0))
    assert len(known.below) == len(known.edges) + 1
    assert np.isfinite(known.around(np.array([[1.0], [2.0], [3.0]]))).all()


def test_they_are_told_in_json_and_what_is_damaged_is_none():
    known = prediction_intervals(np.arange(300.0), np.arange(300.0) + 1)
    values = json.loads(json.dumps(known.as_dict()))
    assert PredictionIntervals.of_dict(values) == known
    for damage in ({"edges": [3, 1]}, {"below": [[1.0]]}, {"coverage": "much"}, {"above": None}, {"floor": "0"}):
        assert PredictionIntervals.of_dict({**values, **damage}) is None, damage


@pytest.mark.parametrize("coverage", [0, 1, 1.5])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(ValueError, match=f"`coverage` must be in .*{coverage}"):
        prediction_intervals(np.zeros(30), np.zeros(30), coverage)
