"""Files that are whole or not there."""

import errno
from pathlib import Path

import numpy as np
import pytest

from trainwise.toolkit.runtime.files import (
    append_line,
    fingerprint,
    read_arrays,
    read_json,
    read_lines,
    write_arrays,
    write_json,
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


def test_a_fingerprint_sees_every_change():
    base = {"x": np.arange(6.0).reshape(2, 3), "names": ["a", "b"], "rate": 0.1}
    changed = [
        {**base, "x": base["x"].T}, {**base, "x": base["x"].astype("float32")}, {**base, "names": ["b", "a"]},
        {**base, "rate": 0.2}, {**base, "x": base["x"] + np.eye(2, 3) * 1e-12},
    ]  # fmt: skip
    digests = {fingerprint(one) for one in [base, *changed]}
    assert len(digests) == 6
    assert fingerprint({"x": base["x"].copy(), "rate": 0.1, "names": ["a", "b"]}) == fingerprint(base)
    words = np.array(["a", "b"], dtype=object)
    assert fingerprint(words) != fingerprint(words[::-1])
