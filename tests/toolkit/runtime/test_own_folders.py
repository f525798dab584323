"""Folders of this package's own: marked, and none without a mark is ever removed."""

import multiprocessing
import os
import signal

import pytest

from trainwise.toolkit.runtime import own_folders
from trainwise.toolkit.runtime.own_folders import WorkFolder, claim, discard, folder_name, held_alone, is_own


def test_a_folder_of_somebody_else_is_neither_claimed_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(ValueError, match=r"was not made by trainwise and holds 'thesis.txt'"):
        claim(tmp_path)
    with pytest.raises(ValueError, match="removes only folders of its own"):
        discard(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_an_own_folder_is_removed_with_all_in_it_and_no_link_is_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/thesis.txt").write_text("three years of work")
    claim(tmp_path / "own")
    claim(tmp_path / "own")  # once more is no matter
    (tmp_path / "own/deep/er").mkdir(parents=True)
    (tmp_path / "own/link").symlink_to(tmp_path / "kept")
    discard(tmp_path / "own")
    discard(tmp_path / "own")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]
    assert (tmp_path / "kept/thesis.txt").is_file()


def test_a_link_to_another_disk_stays_and_is_emptied(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "own").symlink_to(tmp_path / "scratch")
    claim(tmp_path / "own")
    (tmp_path / "own/state.json").write_text("{}")
    discard(tmp_path / "own")
    assert (tmp_path / "own").is_symlink() and list((tmp_path / "scratch").iterdir()) == []


def test_what_says_whose_a_state_is_goes_first_and_the_mark_last(tmp_path, monkeypatch):
    claim(tmp_path / "own")
    for name in ("a", "run.json", "z"):
        (tmp_path / "own" / name).mkdir() if name == "a" else (tmp_path / "own" / name).write_text("")

    def full(path):
        raise OSError("the disk is gone")

    monkeypatch.setattr(own_folders.shutil, "rmtree", full)
    with pytest.raises(OSError, match="the disk is gone"):
        discard(tmp_path / "own", first="run.json")
    assert not (tmp_path / "own/run.json").exists() and is_own(tmp_path / "own")
    monkeypatch.undo()
    discard(tmp_path / "own", first="run.json")
    assert not (tmp_path / "own").exists()


def _die_at_work(home):
    WorkFolder("work-", home)
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_next_folder_of_its_kind_removes_those_of_dead_processes_only(tmp_path):
    dead = multiprocessing.get_context("fork").Process(target=_die_at_work, args=(tmp_path,))
    dead.start()
    dead.join()
    (tmp_path / "work-of-mine").mkdir()  # by its name alone nobody's
    assert len(list(tmp_path.iterdir())) == 2
    with WorkFolder("work-", tmp_path) as first, WorkFolder("work-", tmp_path) as second:
        assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name, "work-of-mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["work-of-mine"]


def test_one_at_a_time_is_at_work_in_a_folder(tmp_path):
    with (
        held_alone(tmp_path),
        pytest.raises(ValueError, match="Another run is at work in .*; wait for it"),
        held_alone(tmp_path),
    ):
        pass
    with held_alone(tmp_path):
        pass


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("..", "data"),
        ("../../etc", "_.._etc"),
        ("/etc/passwd", "_etc_passwd"),
        ("a/b", "a_b"),
        (".hidden", "hidden"),
        ("", "data"),
        ("name.", "name"),
        ("a\0b", "a_b"),
        ("a\ud800", "a_"),
        ("C:\\x", "C__x"),
        ("매출 2024", "매출 2024"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_name_of_the_user_is_never_a_path(name, expected, tmp_path):
    assert folder_name(name) == expected
    (tmp_path / folder_name(name)).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [expected]
