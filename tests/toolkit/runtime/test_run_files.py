"""`run.toml` written and read back."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwise.toolkit.runtime.run_files import lasting, read_run_file, write_run_file

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.lists(TEXTS))


@given(values=st.lists(VALUES))
def test_any_options_come_back_as_they_were(values, tmp_path_factory):
    options = {f"option_{k}": value for k, value in enumerate(values)}
    path = write_run_file(tmp_path_factory.mktemp("run"), "range-test", options)
    # Of the standard library, not of ours.
    assert tomllib.loads(path.read_text("utf-8")) == {"command": "range-test", "options": options}
    assert read_run_file(path.parent) == read_run_file(path) == ("range-test", options)


def test_what_was_not_given_is_left_out_and_a_file_is_named_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("a\n")
    write_run_file(tmp_path, "run", {"data": lasting("rows.csv"), "task": None})
    assert read_run_file(tmp_path)[1] == {"data": str(tmp_path / "rows.csv")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = ", "is no TOML"),
        ('command = "run"', "does not say how a run"),
        ("command = 3\n[options]\n", "does not say"),
    ],
)
def test_what_is_no_run_file_is_refused(tmp_path, text, words):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_run_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_run_file(tmp_path / "nowhere")


def test_a_name_of_data_is_not_the_folder_that_was_made_for_its_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").mkdir()
    assert lasting("iris", tmp_path / "iris") == "iris" and lasting("iris", "elsewhere") == str(tmp_path / "iris")
