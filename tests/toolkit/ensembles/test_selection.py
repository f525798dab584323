"""Members chosen by forward selection; the oracle is the paper's steps in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainwise as tw


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_selection_is_never_worse_than_the_best_candidate(seed):
    generator = np.random.default_rng(seed)
    predictions = generator.dirichlet(np.ones(3), (5, 20))
    y = generator.integers(0, 3, 20)
    nll = -np.log(np.clip(predictions[:, np.arange(20), y], 1e-7, 1)).mean(axis=1)
    chosen = tw.select_members(predictions, y, size=8)
    mean = np.einsum("k,knc->nc", chosen.weights, predictions)
    reached = -np.log(mean[np.arange(20), y]).mean()
    assert reached <= nll.min() + 1e-9
    assert chosen.trajectory[-1] == pytest.approx(reached)
    assert chosen.trajectory[0] == pytest.approx(nll.min())
    assert chosen.weights.sum() == pytest.approx(1)


def test_selection_follows_the_metric():
    y = np.array([0.0, 1.0, 2.0, 3.0])
    off = np.array([y + 1, y - 1, y + 3])
    chosen = tw.select_members(off, y, metric="mse")
    assert sorted(chosen.members) == [0, 1]
    assert chosen.trajectory[-1] == pytest.approx(0)
    sure = np.array([[0.6, 0.4], [0.4, 0.6]])
    flipped = sure[:, ::-1]
    assert tw.select_members([flipped, sure], [0, 1], metric="accuracy").members == (1,)
    assert tw.select_members([flipped, sure], [0, 1], metric="accuracy").trajectory == (1.0,)


def test_selection_refuses_test_rows_and_broken_predictions():
    good = np.full((2, 4, 2), 0.5)
    with pytest.raises(TypeError, match="sealed test split"):
        tw.select_members(good, [0, 1, 0, 1], rows=tw.data.load("iris").test)
    with pytest.raises(ValueError, match="3 rows, `predictions` have 4"):
        tw.select_members(good, [0, 1, 0])
    with pytest.raises(ValueError, match="candidate 1 hold NaN"):
        tw.select_members(np.stack([good[0], good[0] * np.nan]), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        tw.select_members(good, [0, 1, 0, 1], size=0)
    with pytest.raises(ValueError, match="got \\(0,\\)"):
        tw.select_members([], [])


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_selection_takes_the_steps_of_the_paper(seed):
    generator = np.random.default_rng(seed)
    predictions, y = generator.dirichlet(np.ones(4), (6, 40)), generator.integers(0, 4, 40)
    bag, scores = [], []
    for _ in range(10):
        tried = []
        for k in range(6):
            mean = np.mean([predictions[j] for j in [*bag, k]], axis=0)
            tried.append(-np.mean(np.log(mean[np.arange(40), y])))
        bag.append(int(np.argmin(tried)))
        scores.append(min(tried))
    # Steps that end alike but for rounding are a tie, which the shorter way wins.
    end = next(step for step, score in enumerate(scores, start=1) if score <= min(scores) + 1e-9)
    chosen = tw.select_members(predictions, y, size=10)
    np.testing.assert_allclose(chosen.weights, np.bincount(bag[:end], minlength=6) / end)
    np.testing.assert_allclose(chosen.trajectory, scores[:end])


def test_one_hot_targets_and_row_weights_mean_what_they_say():
    generator = np.random.default_rng(0)
    predictions, y = generator.dirichlet(np.ones(3), (4, 30)), generator.integers(0, 3, 30)
    plain, hot = tw.select_members(predictions, y), tw.select_members(predictions, np.eye(3)[y])
    assert plain.trajectory == pytest.approx(hot.trajectory)
    weight = generator.integers(0, 3, 30)
    repeated = tw.select_members(np.repeat(predictions, weight, axis=1), np.repeat(y, weight))
    assert tw.select_members(predictions, y, sample_weight=weight).trajectory == pytest.approx(repeated.trajectory)
    with pytest.raises(ValueError, match="30 finite weights"):
        tw.select_members(predictions, y, sample_weight=-np.ones(30))
    with pytest.raises(ValueError, match="classes 0 to 2, got 0 to 5"):
        tw.select_members(predictions, np.where(y == 2, 5, y))
