"""A search shown: leaderboard, CSV, plot, report."""

import json
import os

import pytest
from small_searches import QUICK, X, Y, small_space

from trainwise.tuning import search


def test_the_leaderboard_holds_every_trial_best_first(found):
    board = found.leaderboard()
    assert sorted(board["trial"]) == list(range(10))
    assert board["val_accuracy"] == sorted(board["val_accuracy"], reverse=True)
    assert {"learning_rate", "units", "depth", "parameters", "seconds", "epochs", "epochs_saved", "findings"} <= set(
        board
    )
    assert board["epochs"][0] + board["epochs_saved"][0] == 4


def test_the_leaderboard_is_written_as_csv(found, tmp_path):
    found.to_csv(tmp_path / "board.csv")
    lines = (tmp_path / "board.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("trial,val_accuracy,learning_rate")


def test_the_plot_shows_every_trial(found):
    assert len(found.plot().axes[0].lines) == 10


def test_the_report_of_a_search_shows_its_leaderboard_and_its_best_trial(tmp_path):
    result = search(small_space(), X, Y, **QUICK)
    page = result.report(tmp_path, "A search").read_text()
    known = json.loads((tmp_path / "report.json").read_text())
    assert known["members"][0]["history"] == result.history()
    assert known["search"]["leaderboard"]["trial"] == result.leaderboard()["trial"]
    for shown in ("A search", "The search", f"trial {result.order[0]}, the best", "Run on CPU"):
        assert shown in page


def test_a_leaderboard_that_cannot_be_written_leaves_the_old_one(found, tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    path = tmp_path / "board.csv"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        found.to_csv(path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["board.csv"]
