"""Shipped data, and the builders that give them to tfds; the oracle is scikit-learn."""

import warnings

import numpy as np
import pytest
import tensorflow_datasets as tfds

from trainwise.toolkit import data
from trainwise.toolkit.data import shipped, tfds_builders


@pytest.mark.parametrize("name", shipped.NAMES)
def test_shipped_data_load_and_split_without_a_gap_or_an_overlap(name):
    splits = data.load(name)
    x, y, _, _ = shipped.arrays(name)
    parts = [splits.train, splits.validation, splits.test.open("test")]
    assert sum(map(len, parts)) == len(y)
    joined = np.concatenate([part.x.reshape(len(part), -1) for part in parts])
    np.testing.assert_array_equal(np.sort(joined, axis=0), np.sort(x.reshape(len(x), -1), axis=0))


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes"])
def test_tfds_loads_the_shipped_data_without_a_download(name, tmp_path):
    # Its import has made tfds know the names.
    assert name in tfds_builders.NAMES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = tfds.as_numpy(tfds.load(name, split="train", data_dir=tmp_path, as_supervised=True))
        pairs = list(rows)
    x, y, _, _ = shipped.arrays(name)
    assert len(pairs) == len(y)
    np.testing.assert_allclose(sorted(np.sum(a, dtype="float64") for a, _ in pairs),
                               sorted(x.reshape(len(x), -1).sum(axis=1, dtype="float64")), rtol=1e-5)  # fmt: skip
    np.testing.assert_array_equal(np.sort([b for _, b in pairs]), np.sort(y))


def test_a_tfds_name_is_read_by_its_builder_with_its_class_names(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        splits = data.load("iris", data_dir=tmp_path)
    assert splits.classes == ("setosa", "versicolor", "virginica")
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 150
