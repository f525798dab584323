"""Two runs compared number by number."""

import json

import pytest

from trainwise.toolkit.report.reproducing import differences, verdict


def _run(folder, report):
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_runs_that_differ_in_time_alone_are_identical(tmp_path):
    report = {"seed": 3, "created": "yesterday", "seconds": {"train": 2.0}, "members": [{"loss": [0.5, None]}]}
    report["search"] = {"facts": {"seconds of all trials": 3.5}, "leaderboard": {"seconds": [1.0, 2.5]}}
    again = {**report, "created": "today", "seconds": {"train": 9.0}}
    again["search"] = {"facts": {"seconds of all trials": 9.5}, "leaderboard": {"seconds": [2.0, 7.5]}}
    counted, found = differences(_run(tmp_path / "a", report), _run(tmp_path / "b", again))
    assert (counted, found) == (3, [])
    assert verdict(counted, found) == "Identical: 3 values, times of day and durations aside."


def test_the_next_version_of_the_same_model_is_no_difference(tmp_path):
    report = {"export": {"path": "models/iris/1", "version": 1, "rows": 32}}
    again = {"export": {"path": "models/iris/2", "version": 2, "rows": 32}}
    assert differences(_run(tmp_path / "a", report), _run(tmp_path / "b", again)) == (1, [])


def test_each_number_that_differs_is_named_with_both_values(tmp_path):
    first = _run(tmp_path / "a", {"members": [{"loss": [0.5, 0.25]}], "gone": 1})
    second = _run(tmp_path / "b", {"members": [{"loss": [0.5, 0.2500001]}], "new": True})
    assert differences(first, second)[1] == [
        "report.json: members[0].loss[1] was 0.25 and is 0.2500001",
        "report.json: gone was 1 and is absent",
        "report.json: new was absent and is True",
    ]
    many = verdict(90, [f"file: {k}" for k in range(45)])
    assert many.startswith("Different: 45 of 90 values.") and many.endswith("and 25 more")


def test_a_folder_without_numbers_is_refused_and_a_lost_file_is_a_difference(tmp_path):
    whole, empty = _run(tmp_path / "a", {"seed": 1}), tmp_path / "b"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="no report.json"):
        differences(empty, whole)
    assert differences(whole, empty)[1] == ["report.json: seed was 1 and is absent"]
