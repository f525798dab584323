"""Published versions proved again, and what is wrong with them named."""

import json
import shutil

import bad_inputs
import numpy as np
import pytest
from commands import in_this_process

import trainwise as tw
from trainwise.toolkit.saving.checksums import changed_files, write_sums
from trainwise.toolkit.saving.kept_rows import read_rows, write_rows


@pytest.fixture
def copy(flowers, tmp_path):
    shutil.copytree(flowers[2].path.parent, tmp_path / "flowers")
    return tmp_path / "flowers/1"


def test_a_version_that_was_moved_is_proved_again_with_the_rows_kept_beside_it_and_with_others(flowers, copy):
    found = tw.verify(copy.parent, np.random.default_rng(1).normal(size=(3, 4)))
    assert found.path == copy
    assert found.rows == 32 + 3
    assert found.max_difference <= found.tolerance == 1e-5
    assert found.tensorflow == found.exported_with
    assert found.files == len((copy / "SHA256SUMS").read_text().splitlines())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("assets.extra/trainwise.json", "trainwise.json has changed"),
        ("variables/variables.index", "variables/variables.index is missing"),
        ("assets.extra/more.txt", "assets.extra/more.txt was not there"),
    ],
)
def test_a_file_that_changed_went_or_came_is_named(name, told, copy):
    file = copy / name
    file.unlink() if "missing" in told else file.write_text("{}")
    with pytest.raises(tw.NotProvedError, match=f"is not as it was published: .*{told}"):
        tw.verify(copy)
    ended = in_this_process("export", "--verify", copy, cwd=copy.parent)
    assert ended.returncode == 1 and told in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_answers_that_changed_with_all_sums_made_anew_are_seen(copy):
    columns, expected = read_rows(copy)
    expected["serving_default"]["species"][0, 0] += 0.01
    write_rows(copy, columns, expected)
    write_sums(copy)
    with pytest.raises(tw.NotProvedError, match="does not answer as it did: .*differ from the model's by up to 0.01"):
        tw.verify(copy)


def test_rows_that_the_version_does_not_take_are_refused(flowers, copy):
    with pytest.raises(ValueError, match=r"of shape \(rows, 4\) for the input 'flower', got shape \(3, 5\)"):
        tw.verify(copy, np.ones((3, 5)))
    with pytest.raises(ValueError, match="must be a dictionary with flower"):
        tw.verify(copy, {"other": np.ones((3, 4))})


def test_what_was_not_written_by_an_export_is_refused(copy, tmp_path):
    with pytest.raises(FileNotFoundError, match="no SavedModel in"):
        tw.verify(tmp_path / "nowhere")
    (copy.parent / "2").mkdir()
    with pytest.raises(FileNotFoundError, match="2, the latest version: it is half written, or being removed"):
        tw.verify(copy.parent)
    (copy / "SHA256SUMS").write_text("no sum")
    with pytest.raises(ValueError, match="SHA256SUMS is damaged: 'no sum' is no sum and name"):
        tw.verify(copy)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match="has no SHA256SUMS"):
        tw.verify(copy)
    (copy / "card.json").write_text("[]")
    write_sums(copy)
    with pytest.raises(ValueError, match=r"lacks card.json or .*, or they are damaged"):
        tw.verify(copy)
    (copy / "card.json").write_text("{")
    write_sums(copy)
    with pytest.raises(ValueError, match="card.json is damaged"):
        tw.verify(copy)


def test_kept_rows_that_are_damaged_are_refused(copy):
    (copy / "assets.extra/trainwise-rows.npz").write_bytes(b"PK\x03\x04")
    write_sums(copy)
    with pytest.raises(ValueError, match="trainwise-rows.npz is damaged"):
        tw.verify(copy)


def test_a_version_that_would_touch_files_is_verified_only_where_it_is_trusted(tmp_path):
    bad_inputs.write_all(tmp_path)
    folder = tmp_path / "writing/1"
    write_sums(folder)
    with pytest.raises(ValueError, match="would touch files, .*WriteFile.*trust=True"):
        tw.verify(folder)
    with pytest.raises(ValueError, match="was not written by `tw.export`"):
        tw.verify(folder, trust=True)
    assert not (tmp_path / "written").exists()


def test_the_command_exports_a_keras_file_and_proves_it_again(flowers, tmp_path):
    flowers[0].save(tmp_path / "my.keras")
    ended = in_this_process("export", "my.keras", "--out", "served", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == "served/1 is proved."
    ended = in_this_process("export", "--verify", "served", cwd=tmp_path)
    assert ended.returncode == 0 and "answered 32 rows" in ended.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Give a .keras file to export, or --verify DIR"),
        (["my.keras", "--verify", "x"], "Give a .keras file to export, or --verify DIR"),
        (["--verify", "x", "--out", "y"], "--verify writes nothing"),
        (["my.keras", "--trust"], "--trust goes with --verify"),
        (["nowhere.keras"], "There is no file nowhere.keras"),
        (["--verify", "nowhere"], "There is no SavedModel in nowhere"),
        (["my.keras", "--format", "pmml"], "`formats` must be of 'keras', .*, got 'pmml'"),
    ],
)
def test_bad_command_lines_end_in_one_sentence(words, told, flowers, tmp_path):
    flowers[0].save(tmp_path / "my.keras")
    ended = in_this_process("export", *words, cwd=tmp_path)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    import re

    assert re.search(told, ended.stderr)


def test_sums_of_files_that_did_not_change_tell_nothing(copy):
    assert changed_files(copy) == []
    assert json.loads((copy / "card.json").read_text())["files"]


def test_of_large_rows_only_the_first_few_are_kept(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    rows = np.zeros((32, 1024, 1024), "float32")
    write_rows(tmp_path, {"image": rows}, {"serving_default": {"y": np.zeros((32, 1))}})
    columns, expected = read_rows(tmp_path)
    assert columns["image"].shape == (2, 1024, 1024) and expected["serving_default"]["y"].shape == (2, 1)


def test_a_verification_is_printed_as_its_sentences(tmp_path):
    proof = ("All 9 files are as they were.", "The largest difference is 0.")
    told = str(tw.Verification(tmp_path / "1", 9, 32, 0.0, 1e-5, "2.21.0", "2.21.0", proof))
    assert told == f"{tmp_path / '1'} is proved again. All 9 files are as they were. The largest difference is 0."
