"""The training of one member."""

import numpy as np
from tiny import POSITIVE, SUMS

from trainwise.toolkit.data import Split
from trainwise.tuning.member_training import Batches


def test_the_order_of_batches_depends_on_seed_and_epoch_alone():
    batches = Batches(Split(SUMS, POSITIVE), 20, seed=1)
    assert [len(batches[i][0]) for i in range(len(batches))] == [20, 20, 8]
    first = batches[0][0]
    batches.on_epoch_end()
    batches.on_epoch_begin()
    np.testing.assert_array_equal(first, batches[0][0])
    batches.on_epoch_begin()
    assert not np.array_equal(first, batches[0][0])
    np.testing.assert_array_equal(batches[0][0], Batches(Split(SUMS, POSITIVE), 20, seed=1, epoch=1)[0][0])
    seen = np.concatenate([batches[i][0] for i in range(len(batches))])
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(SUMS, axis=0))
