"""Curves: what can be one, and running means taken apart."""

import numpy as np
import pytest

from trainwise.toolkit.diagnosis.curves import Curves, unaverage


@pytest.mark.parametrize("batches", [1, 2, 37])
def test_unaveraging_inverts_the_running_mean_of_numpy(batches):
    losses = np.random.default_rng(batches).exponential(size=batches)
    running = np.cumsum(losses) / np.arange(1, batches + 1)
    np.testing.assert_allclose(unaverage(running), losses, rtol=1e-10)


def test_unaveraging_groups_of_batches_gives_the_mean_of_each_group():
    losses = np.random.default_rng(0).exponential(size=10)
    counts = [4, 8, 10]
    running = [losses[:count].mean() for count in counts]
    expected = [losses[:4].mean(), losses[4:8].mean(), losses[8:].mean()]
    np.testing.assert_allclose(unaverage(running, counts), expected, rtol=1e-12)


def test_unaveraging_nothing_gives_nothing():
    assert unaverage([]).shape == (0,)


def test_unaveraging_refuses_counts_of_another_length():
    with pytest.raises(ValueError, match=r"one value per running mean \(2\), got 1"):
        unaverage([1.0, 2.0], counts=[1])


@pytest.mark.parametrize("counts", [[2, 2], [0, 1], [3, 1]])
def test_unaveraging_refuses_counts_that_do_not_rise(counts):
    with pytest.raises(ValueError, match=rf"must rise from at least 1, got \[{counts[0]}, {counts[1]}\]"):
        unaverage([1.0, 2.0], counts=counts)


@pytest.mark.parametrize("name", ["val_loss", "metric", "val_metric"])
def test_a_curve_longer_than_the_loss_is_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be no longer than `loss` \(1 epochs\), got 2"):
        Curves(loss=(1.0,), **{name: (1.0, 0.5)})


@pytest.mark.parametrize("name", ["batch_size", "epochs", "validation_rows"])
def test_a_count_below_one_is_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be at least 1 or None, got 0"):
        Curves(loss=(1.0,), **{name: 0})
