"""`trainwise search`, from data to exported model."""

import json

import pytest
from commands import in_its_own_process, in_this_process


@pytest.mark.slow
def test_the_command_line_searches_measures_exports_and_goes_on(tmp_path):
    arguments = ["search", "--data", "iris", "--out", tmp_path / "out", "--trials", 2, "--epochs", 2]
    arguments += ["--objective", "val_accuracy"]
    first = in_its_own_process(*arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "best of the search: accuracy" in first.stdout
    assert "soft vote of the best 2: accuracy" in first.stdout
    for name in ("leaderboard.csv", "report.html", "model/1/saved_model.pb"):
        assert (tmp_path / "out" / name).is_file(), name
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(report["search"]["leaderboard"]["trial"]) == 2
    assert [opening["reason"] for opening in report["data"]["test_openings"]] == [
        "evaluation of the search's best model"
    ]
    wrong = in_this_process(*arguments, "--space", "transformer", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'transformer'" in wrong.stderr
    other = in_this_process(*arguments, "--seed", 1, cwd=tmp_path)
    assert other.returncode == 2
    assert "--overwrite" in other.stderr
    rows = tmp_path / "rows.csv"
    names = [f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width")]
    rows.write_text(f"{','.join(names)}\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    told = in_this_process("predict", tmp_path / "out" / "model", rows, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert (
        sum("setosa" in line or "versicolor" in line or "virginica" in line for line in told.stdout.splitlines()) >= 2
    )
