"""Data read from names, files, arrays and datasets."""

import numpy as np
import pytest
import tensorflow as tf

from trainwise.toolkit import data


def _csv(folder, text, name="table.csv"):
    file = folder / name
    file.write_text(text)
    return file


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


def test_a_missing_file_column_or_format_is_refused(tmp_path):
    file = _csv(tmp_path, "a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(10)))
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        data.load(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        data.load(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match="no column 'c'; its columns are a, b"):
        data.load(file, target="c")
    with pytest.raises(ValueError, match="neither a table .* nor an .npz"):
        data.load("table.xls")
    with pytest.raises(ValueError, match="for tables, got 'iris'"):
        data.load("iris", target="species")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a\x01")
    with pytest.raises(ValueError, match="not UTF-16"):
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
