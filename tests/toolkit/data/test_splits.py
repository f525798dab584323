import warnings

import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf
import tensorflow_datasets as tfds

from trainwise.toolkit import data
from trainwise.toolkit.data import shipped
from trainwise.toolkit.data.tables import read_csv


def _csv(folder, text, name="table.csv"):
    file = folder / name
    file.write_text(text)
    return file


def _rows(count=12):
    return "".join(f"{i},{i % 5},{'ab'[i % 2]}\n" for i in range(count))


@pytest.mark.parametrize("name", shipped.NAMES)
def test_shipped_data_load_and_split_without_a_gap_or_an_overlap(name):
    splits = data.load(name)
    x, y, _, _ = shipped.arrays(name)
    parts = [splits.train, splits.validation, splits.test.open("test")]
    assert sum(map(len, parts)) == len(y)
    joined = np.concatenate([part.x.reshape(len(part), -1) for part in parts])
    np.testing.assert_array_equal(np.sort(joined, axis=0), np.sort(x.reshape(len(x), -1), axis=0))


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


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes"])
def test_tfds_loads_the_shipped_data_without_a_download(name, tmp_path):
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


def test_an_unknown_name_is_refused_with_what_works_offline():
    with pytest.raises(ValueError, match="no data set named 'no_such_set'.*digits, iris"):
        data.load("no_such_set")


def test_a_download_that_is_not_reached_is_refused_at_once(monkeypatch, tmp_path):
    def unreachable(*_):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(ConnectionError, match="'mnist' cannot be downloaded.*Without a network these work: digits"):
        data.load("mnist", data_dir=tmp_path)


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


def test_a_csv_with_words_keeps_its_raw_columns(tmp_path):
    rows = "".join(f"{'red' if i % 2 else 'blue'},{i},{'yes' if i % 3 else 'no'}\n" for i in range(30))
    splits = data.load(_csv(tmp_path, f"colour,size,bought\n{rows}"))
    assert splits.task == "binary"
    assert splits.classes == ("no", "yes")
    assert set(splits.train.x["colour"]) == {"red", "blue"}
    assert splits.features == ("colour", "size")


def test_a_csv_of_numbers_is_one_array_and_the_target_may_be_named(tmp_path):
    text = "price,weight,height\n" + "".join(f"{i * 1.5},{i},{i * i}\n" for i in range(20))
    splits = data.load(_csv(tmp_path, text), target="price")
    assert splits.task == "regression"
    assert splits.features == ("weight", "height")
    assert splits.train.x.shape == (14, 2)
    dropped = data.load(_csv(tmp_path, text), target="price", drop=["height"])
    assert dropped.features == ("weight",)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("1,2,a\n3,4,b\n", False),
        ("x,y,z\n1,2,a\n3,4,b\n", True),
        ("0,1,2\n1.5,2,a\n3,4,b\n", True),
        ("colour,shape\nred,round\nblue,square\n", True),
        ("red,round\nblue,square\nred,square\n", False),
    ],
)
def test_a_header_is_found_out(text, header, tmp_path):
    assert read_csv(_csv(tmp_path, text)).has_header is header


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_part_columns(delimiter, tmp_path):
    table = read_csv(_csv(tmp_path, "a,b\n1,x\n2,y\n".replace(",", delimiter)))
    assert list(table.columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b,c\n", "holds a header and no rows"),
        ("a,b\n1,x\n2,y,z\n", "row 3 has 3 cells"),
        ("a,a\n1,x\n2,y\n", "'a' twice"),
        ("a,b\n1,x\nfour,y\n3,x\n", "'a' mixes numbers and words: 1 of 3 cells .* 'four' in row 3"),
        ("a,b\n1,x\n,y\n3,x\n", "row 3 has no value \\(NaN\\) in column 'a'"),
        ("a,b\n1,x\nnan,y\n3,x\n", "no value"),
        ("a,b\n1,x\ninf,y\n3,x\n4,y\n5,x\n6,y\n", "'a' holds NaN or infinite"),
        ("a,b\n1,x\n2,x\n3,x\n", "one class only"),
        ("a,b\n1,x\n2,x\n3,x\n4,y\n", "'y' has 1 row;"),
        ("a,b\n1,p\n2,q\n3,r\n", "as many classes as rows"),
        ("b\nx\ny\n", "the target column 'b' only"),
    ],
)
def test_a_csv_that_cannot_be_learnt_from_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.load(_csv(tmp_path, text))


def test_a_missing_file_column_or_format_is_refused(tmp_path):
    file = _csv(tmp_path, "a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(10)))
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        data.load(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        data.load(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match="no column 'c'; its columns are a, b"):
        data.load(file, target="c")
    with pytest.raises(ValueError, match="neither a .csv nor an .npz"):
        data.load("table.xlsx")
    with pytest.raises(ValueError, match="for CSV files, got 'iris'"):
        data.load("iris", target="species")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ValueError, match="not UTF-8"):
        data.load(tmp_path / "binary.csv")


def test_an_npz_of_x_and_y_or_of_parts_is_read(tmp_path, rng):
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    np.savez(tmp_path / "whole.npz", x=x, y=y)
    assert data.load(tmp_path / "whole.npz").task == "binary"
    np.savez(tmp_path / "parts.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    splits = data.load(tmp_path / "parts.npz")
    np.testing.assert_array_equal(splits.test.open("compare").x, x[30:].astype("float32"))
    np.savez(tmp_path / "odd.npz", features=x)
    with pytest.raises(ValueError, match="it holds features"):
        data.load(tmp_path / "odd.npz")
    (tmp_path / "fake.npz").write_text("no archive")
    with pytest.raises(ValueError, match="not an .npz"):
        data.load(tmp_path / "fake.npz")


@pytest.mark.parametrize("batched", [True, False])
def test_a_tf_dataset_is_read_batched_or_not(batched, rng):
    x, y = rng.normal(size=(20, 3)).astype("float32"), np.arange(20) % 2
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    splits = data.load(dataset.batch(6) if batched else dataset)
    assert splits.train.x.shape == (12, 3)
    with pytest.raises(ValueError, match="never ends"):
        data.load(dataset.repeat())
    with pytest.raises(ValueError, match="dataset is empty"):
        data.load(dataset.take(0))


def test_arrays_that_do_not_fit_are_refused(rng):
    x = rng.normal(size=(10, 2))
    with pytest.raises(ValueError, match="'x' has 10 rows, the targets have 9"):
        data.load((x, np.zeros(9)))
    with pytest.raises(ValueError, match="the first at \\(3, 1\\)"):
        broken = x.copy()
        broken[3, 1] = np.inf
        data.load((broken, np.arange(10) % 2))
    with pytest.raises(ValueError, match="target.*NaN or infinite values, the first in row 2"):
        data.load((x, np.array([0.5, 1, np.nan, 2, 3, 4, 5, 6, 7, 8])), task="regression")
    with pytest.raises(TypeError, match="dtype <U1"):
        data.load((np.array([["a"]] * 10), np.zeros(10)))
    with pytest.raises(TypeError, match="got int"):
        data.load(3)
    with pytest.raises(ValueError, match="holds no rows"):
        data.load((np.zeros((0, 2)), np.zeros(0)))
    with pytest.raises(ValueError, match="1 row"):
        data.load((x[:1], np.array([0.5])), task="regression")
    with pytest.raises(TypeError, match="3 among the words"):
        data.load(({"a": np.array(["x", 3] * 5, dtype=object)}, np.arange(10) % 2))


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
