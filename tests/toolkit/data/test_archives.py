"""NumPy archives, damaged and hostile ones too."""

import numpy as np
import pytest
from bad_inputs import archives

from trainwise.toolkit import data
from trainwise.toolkit.data.archives import read_npz

BAD = archives()


@pytest.mark.parametrize("name", sorted(BAD))
def test_an_archive_that_is_damaged_or_cannot_be_learnt_from_is_refused(name, tmp_path):
    (tmp_path / "bad.npz").write_bytes(BAD[name])
    with pytest.raises((ValueError, TypeError)) as refused:
        data.load(tmp_path / "bad.npz")
    assert len(str(refused.value)) > 20


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("complex", "dtype complex128. Give real and imaginary part as two columns"),
        ("complex_target", "'target' must hold real numbers or words, got dtype complex128"),
        ("dates", "Turn times into numbers"),
        ("spans", "Turn times into numbers"),
        ("date_target", r"got dtype datetime64\[D\]"),
        ("empty_test", "The test part has no rows: leave it out"),
        ("half", "holds x_test without its other half"),
        ("narrow_test", "must have one shape a row"),
        ("capitals", "differ in capitals only"),
        ("one_number", r"must have shape \(rows, ...\), got the single number 1.0"),
        ("one_target", "got the single value 1"),
        ("objects", "not an .npz file of plain arrays, or it is damaged"),
        ("claims", "says that it holds 2400000000000 bytes"),
        ("encrypted", "encrypted"),
    ],
)
def test_the_refusal_names_what_is_wrong(name, message, tmp_path):
    (tmp_path / "bad.npz").write_bytes(BAD[name])
    with pytest.raises((ValueError, TypeError), match=message):
        data.load(tmp_path / "bad.npz")


def test_an_archive_larger_than_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 1000)), y=np.zeros(1000))
    # The system's answer for a machine with 10 MB left.
    monkeypatch.setattr("trainwise.toolkit.data.archives.free_memory", lambda: 10_000_000)
    with pytest.raises(
        ValueError, match=r"holds 0.0 GiB, of which a model's copy is made, and 0.0 GiB of memory are free"
    ):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_every_plain_kind_come_back(save, tmp_path):
    arrays = {
        "a": np.arange(6).reshape(2, 3).T,
        "b": np.array(["x", "yz"]),
        "c": np.array(True),
        "d": np.zeros((0, 2), "f2"),
    }
    save(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in arrays.items()
    )
