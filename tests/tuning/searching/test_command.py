"""`trainwise search`, from data to exported model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_command_line_searches_measures_exports_and_goes_on(tmp_path):
    command = [
        str(Path(sys.executable).with_name("trainwise")),
        "search",
        "--data",
        "iris",
        "--out",
        str(tmp_path / "out"),
        "--trials",
        "2",
        "--epochs",
        "2",
        "--objective",
        "val_accuracy",
    ]
    first = subprocess.run(command, capture_output=True, text=True, timeout=200)
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
    wrong = subprocess.run([*command, "--space", "transformer"], capture_output=True, text=True, timeout=100)
    assert wrong.returncode == 2
    assert "'transformer'" in wrong.stderr
    other = subprocess.run([*command, "--seed", "1"], capture_output=True, text=True, timeout=100)
    assert other.returncode == 2
    assert "--overwrite" in other.stderr
    rows = tmp_path / "rows.csv"
    names = [f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width")]
    rows.write_text(f"{','.join(names)}\n5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    predict = [command[0], "predict", str(tmp_path / "out" / "model"), str(rows)]
    told = subprocess.run(predict, capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
    assert (
        sum("setosa" in line or "versicolor" in line or "virginica" in line for line in told.stdout.splitlines()) >= 2
    )
