"""Files that are whole or not there."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from trainwise.toolkit.runtime.files import (
    DamagedFileError,
    append_line,
    beside,
    digest,
    read_arrays,
    read_json,
    read_lines,
    write_arrays,
    write_json,
    write_text,
    write_whole,
)


def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def full(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, full)
    assert read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_a_writer_that_goes_by_the_path_leaves_the_old_file_where_it_fails(tmp_path, error):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), beside(path, ".keras") as draft:
        draft.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        assert draft.suffix == ".keras"
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_writer_that_writes_nothing_is_an_error_and_not_an_empty_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), beside(path):
        pass
    assert path.read_bytes() == b"old"


def test_a_disk_that_really_fills_up_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, [np.arange(3)])
    code = (
        "import resource, sys, numpy as np\n"
        "from trainwise.toolkit.runtime.files import write_arrays\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "write_arrays(sys.argv[1], [np.zeros(100_000)])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert "File too large" in done.stderr
    assert os.listdir(tmp_path) == ["a.npz"]
    assert read_arrays(path)[0].tolist() == [0, 1, 2]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written_to_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, 1)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="a.json"):
            write_json(path, 2)
        assert read_json(path) == 1
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_in_the_place_of_the_file_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OSError, match="a.txt"):
        write_text(tmp_path / "a.txt", "text")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_threads_that_write_one_file_leave_one_of_their_texts_whole(tmp_path):
    path = tmp_path / "a.txt"
    texts = [letter * 100_000 for letter in "abcd"]
    threads = [threading.Thread(target=lambda t=text: [write_text(path, t) for _ in range(5)]) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_text() in texts
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.read_text() in texts


def test_a_text_is_written_as_utf_8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "한글\r\n\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xed\x95\x9c\xea\xb8\x80\r\n\n"
    with pytest.raises(UnicodeEncodeError, match="surrogates"):
        write_text(tmp_path / "new" / "a.txt", "\udc80")
    write_text(tmp_path / "b.txt", "\udc80", errors="xmlcharrefreplace")
    assert (tmp_path / "b.txt").read_bytes() == b"&#56448;"


def test_arrays_with_names_are_read_by_numpy_under_them(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x0": [1.5], "update": np.asarray(7)})
    with np.load(tmp_path / "a.npz") as archive:
        assert {name: archive[name].tolist() for name in archive.files} == {"x0": [1.5], "update": 7}


def test_a_file_of_arrays_that_was_cut_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, [np.arange(1000)])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DamagedFileError, match="a.npz is damaged"):
        read_arrays(path)


def test_a_device_that_is_full_is_said_and_leaves_no_piece():
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")


def test_lines_that_were_cut_off_are_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    append_line(path, {"a": 1})
    append_line(path, {"a": np.float32(0.5)})
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert read_lines(path) == [{"a": 1}]
    assert read_lines(tmp_path / "none") == []


def test_arrays_come_back_bit_for_bit_in_their_order(tmp_path, rng):
    arrays = [rng.normal(size=(3, 2)), rng.integers(0, 9, 4), np.array("text"), rng.normal(size=12).astype("float32")]
    write_arrays(tmp_path / "a.npz", arrays)
    for old, new in zip(arrays, read_arrays(tmp_path / "a.npz"), strict=True):
        assert old.dtype == new.dtype
        assert np.array_equal(old, new)


def test_a_digest_sees_every_change():
    base = {"x": np.arange(6.0).reshape(2, 3), "names": ["a", "b"], "rate": 0.1}
    changed = [
        {**base, "x": base["x"].T}, {**base, "x": base["x"].astype("float32")}, {**base, "names": ["b", "a"]},
        {**base, "rate": 0.2}, {**base, "x": base["x"] + np.eye(2, 3) * 1e-12},
    ]  # fmt: skip
    digests = {digest(one) for one in [base, *changed]}
    assert len(digests) == 6
    assert digest({"x": base["x"].copy(), "rate": 0.1, "names": ["a", "b"]}) == digest(base)
    words = np.array(["a", "b"], dtype=object)
    assert digest(words) != digest(words[::-1])
