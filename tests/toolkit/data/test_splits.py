"""Splits: shares, seeds, classes and the sealed part."""

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from trainwise.toolkit import data
from trainwise.toolkit.data.sources import SourceRows
from trainwise.toolkit.data.splits import without_rare


def test_classes_keep_their_shares_in_every_split():
    splits = data.load("digits")
    whole = np.bincount(sklearn.datasets.load_digits().target) / 1797
    for part in (splits.train, splits.validation, splits.test.open("shares")):
        np.testing.assert_allclose(np.bincount(part.y) / len(part), whole, atol=0.01)


def test_the_seed_decides_the_split():
    first, same, other = data.load("iris"), data.load("iris"), data.load("iris", seed=1)
    np.testing.assert_array_equal(first.train.x, same.train.x)
    assert first.fingerprint == same.fingerprint == other.fingerprint
    assert not np.array_equal(first.train.x, other.train.x)


def test_the_sealed_split_is_opened_with_a_reason_and_a_second_time_with_a_warning():
    splits = data.load("iris")
    assert "24 rows" in repr(splits.test)
    with pytest.raises(ValueError, match="got ''"):
        splits.test.open("")
    splits.test.open("first look")
    with pytest.warns(UserWarning, match="opened before, for: first look"):
        splits.test.open("second look")
    assert [opening.reason for opening in splits.test.openings] == ["first look", "second look"]
    assert not any(isinstance(value, data.Split) for name, value in vars(splits.test).items() if name[0] != "_")


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(ValueError, match="got 0.6 and 0.5"):
        data.load("iris", validation=0.6, test=0.5)
    with pytest.raises(ValueError, match="got 0"):
        data.load("iris", test=0)


def test_a_small_class_is_in_every_split_whatever_the_shares(rng):
    y = np.array([0] * 30 + [1] * 3)
    splits = data.load((rng.normal(size=(33, 2)), y), validation=0.45, test=0.45)
    for part in (splits.train, splits.validation, splits.test.open("count")):
        assert set(part.y) == {0, 1}


def test_one_hot_targets_and_odd_class_numbers_become_class_numbers(rng):
    x = rng.normal(size=(30, 2))
    assert data.load((x, np.eye(3)[np.arange(30) % 3])).train.y.ndim == 1
    splits = data.load((x, np.arange(30) % 3 * 10 + 5))
    assert splits.classes == ("5", "15", "25")
    assert set(splits.train.y) == {0, 1, 2}


@pytest.fixture
def pets():
    kinds = ["cat"] * 20 + ["dog"] * 20 + ["emu", "emu", "yak", "owl"]
    return pd.DataFrame({"size": np.arange(44.0), "kind": kinds})


def test_rare_classes_are_left_out_or_merged_where_asked(pets):
    dropped = data.load(pets, rare="drop")
    assert dropped.classes == ("cat", "dog") and dropped.task == "binary"
    assert len(dropped.train) + len(dropped.validation) + len(dropped.test) == 40
    assert dropped.notes[-1] == "4 rows of classes with fewer than 3 are left out: 'emu', 'owl', 'yak'."
    merged = data.load(pets, rare="merge")
    assert merged.classes == ("cat", "dog", "other") and "merged as 'other'" in merged.notes[-1]
    test = merged.test.open("the oracle")
    for rows in (merged.train, merged.validation, test):
        assert ((np.asarray(rows.x)[:, 0] >= 40) == (rows.y == 2)).all()


def test_rare_classes_are_told_apart_by_all_their_digits_and_keep_their_names():
    numbers = np.array([1000001] * 10 + [1000002] * 9 + [1000003] * 2)
    x = np.arange(21.0)[:, None]
    assert data.load((x, numbers), rare="drop").classes == ("1000001", "1000002")
    numbers[-1:] = 1000004
    with pytest.raises(ValueError, match="'1000003', '1000004' cannot be merged"):
        data.load((x, numbers), rare="merge")
    named = SourceRows("pets", x, np.repeat([0, 1, 2], [10, 9, 2]), classes=("cat", "dog", "owl"))
    assert without_rare(named, "drop").classes == ("cat", "dog")


def test_rare_classes_are_refused_by_default_and_where_merging_does_not_help(pets):
    with pytest.raises(ValueError, match=r"The class 'owl' has 1 row.*`--rare`"):
        data.load(pets)
    with pytest.raises(ValueError, match="'emu' cannot be merged: merged they still are too few"):
        data.load(pets.iloc[:42], rare="merge")
    with pytest.raises(ValueError, match="a class is called 'other' already"):
        data.load(pets.replace("dog", "other"), rare="merge")
    with pytest.raises(ValueError, match="`rare` must be 'refuse' or 'drop' or 'merge', got 'keep'"):
        data.load(pets, rare="keep")
