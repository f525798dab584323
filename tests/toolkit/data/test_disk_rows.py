"""Rows on disk: written and read back bit for bit, each learnt from once an epoch."""

from pathlib import Path

import keras
import numpy as np
import pytest

from trainwise.toolkit.data.disk_rows import BlockBatches, DiskRows


@pytest.fixture
def rows():
    found = DiskRows(3, "int32", block=10)
    values = np.random.default_rng(0).normal(size=(47, 3)).astype("float32")
    values[:, 0] = np.arange(47)
    found.add(values[:20], np.arange(20))
    found.add(values[20:], np.arange(20, 47))
    return found, values


def test_what_was_written_is_read_bit_for_bit(rows):
    found, values = rows
    blocks = [found.block(place) for place in range(found.blocks)]
    assert [len(y) for _, y in blocks] == [10, 10, 10, 10, 7]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in blocks]), values)
    assert np.concatenate([y for _, y in blocks]).tolist() == list(range(47)) and blocks[0][1].dtype == "int32"


def test_the_files_go_with_the_rows(rows):
    folder = Path(rows[0]._folder.name)
    assert folder.is_dir()
    rows[0]._folder.cleanup()
    assert not folder.exists()


def epoch_of(batches):
    return [batches[place] for place in range(len(batches))]


def test_an_epoch_has_each_row_once_with_its_target_in_a_new_order(rows):
    found, _ = rows
    batches = BlockBatches(found, batch_size=4, seed=0, together=2)
    orders = []
    for _ in range(3):
        batches.on_epoch_begin()
        seen = epoch_of(batches)
        # 20, 20 and 7 rows, each set cut by itself.
        assert [len(y) for _, y in seen] == [4] * 10 + [4, 3]
        assert all((x[:, 0] == y).all() for x, y in seen)
        orders.append(np.concatenate([y for _, y in seen]).tolist())
        assert sorted(orders[-1]) == list(range(47))
    assert orders[0] != orders[1] != orders[2]
    # A set of blocks is of blocks from everywhere.
    assert {sorted({y // 10 for y in order[:20]}).__str__() for order in orders} != {"[0, 1]"}


def test_a_fit_that_is_resumed_has_the_batches_that_it_would_have_had(rows):
    found, _ = rows
    whole = BlockBatches(found, 4, seed=3)
    for _ in range(3):
        whole.on_epoch_begin()
    later = BlockBatches(found, 4, seed=3, epoch=2)
    later.on_epoch_begin()
    for (x, y), (again, target) in zip(epoch_of(whole), epoch_of(later), strict=True):
        np.testing.assert_array_equal(x, again)
        np.testing.assert_array_equal(y, target)


def test_keras_fits_them_and_weighs_their_classes(rows):
    found, _ = rows
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(BlockBatches(found, 16, seed=0), epochs=2, verbose=0)
    weights = np.linspace(0, 1, 47)
    _, y, weighed = BlockBatches(found, 16, seed=0, class_weights=weights)[0]
    np.testing.assert_allclose(weighed, weights[y], rtol=1e-6)


def test_rows_of_nothing_are_refused():
    with pytest.raises(ValueError, match="`features` must be at least 1, got 0"):
        DiskRows(0)
    with pytest.raises(ValueError, match="`block` must be at least 1, got 0"):
        DiskRows(1, block=0)


def test_a_full_disk_is_said_before_it_is_full(rows, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    with pytest.raises(ValueError, match="set TMPDIR to a larger disk"):
        rows[0].add(np.zeros((10, 3)), np.zeros(10))
