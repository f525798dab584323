"""Shipped data, and the builders that give them to tfds; the oracle is scikit-learn."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from commands import in_this_process

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


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """A folder called iris, with images of two classes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for kind in ("rose", "tulip"):
        (tmp_path / "iris" / kind).mkdir(parents=True)
        for k in range(6):
            keras.utils.save_img(tmp_path / f"iris/{kind}/{k}.png", np.full((4, 4, 3), 20.0 * k), scale=False)
    return tmp_path


SAID = "iris is read as the folder of that name; the data set of scikit-learn is sklearn:iris."


def test_a_folder_that_bears_the_name_of_a_set_is_read_with_a_word_and_the_set_can_be_meant(flowers):
    with pytest.warns(UserWarning, match=re.escape(SAID)):
        read = data.load("iris")
    meant = data.load("sklearn:iris")
    assert read.classes == ("rose", "tulip")
    assert meant.name == "iris" and meant.notes == ()
    expected, _, _, _ = shipped.arrays("iris")
    rows = np.concatenate([part.x for part in (meant.train, meant.validation, meant.test.open("test"))])
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(expected, axis=0))
    # A path says that a path is meant.
    assert data.load("./iris").fingerprint == data.load(flowers / "iris").fingerprint == read.fingerprint


def test_what_bears_the_name_of_a_set_and_cannot_be_read_is_refused_with_the_way_to_the_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine").mkdir()
    (tmp_path / "iris").write_text("no data")
    with pytest.raises(ValueError, match=r"wine holds no folder.* the data set of scikit-learn is sklearn:wine\."):
        data.load("wine")
    with pytest.raises(ValueError, match=r"iris is neither a table .* the data set of scikit-learn is sklearn:iris\."):
        data.load("iris")
    with pytest.raises(ValueError, match="scikit-learn ships no 'nope' here; it ships digits, iris"):
        data.load("sklearn:nope")
    with pytest.raises(ValueError, match="are for tables, got 'sklearn:iris'"):
        data.load("sklearn:iris", target="x")


def test_every_command_says_once_which_of_the_two_is_read(flowers):
    # Refused behind the reading of its data.
    tried = in_this_process("search", "--data", "iris", "--task", "regression", cwd=flowers)
    assert tried.returncode == 2 and tried.stderr.splitlines()[0] == f"trainwise: {SAID}"
    assert len(tried.stderr.splitlines()) == 2
    for more in ([], ["--json"]):
        looked = in_this_process("check", "--data", "iris", *more, cwd=flowers)
        assert looked.returncode == 0 and looked.stderr == f"trainwise: {SAID}\n" and SAID not in looked.stdout
    # What is refused says it by itself.
    for file in (flowers / "iris").rglob("*.png"):
        file.unlink()
    refused = in_this_process("check", "--data", "iris", cwd=flowers)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1 and refused.stderr.count(SAID) == 1


def test_quiet_commands_do_not_say_which_of_the_two_is_read(flowers):
    silent = in_this_process("check", "--data", "iris", "--quiet", cwd=flowers)
    assert silent.returncode == 0 and silent.stderr == ""
