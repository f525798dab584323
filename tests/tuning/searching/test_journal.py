"""The folder of a search, which survives everything and is refused to any other search."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_searches import QUICK, X, Y, compiled_build, small_space

from trainwise.toolkit.runtime.machine import hold
from trainwise.tuning import Search, search
from trainwise.tuning.searching.journal import clear


def test_a_search_is_continued_with_more_trials_and_does_none_twice(tmp_path):
    first = search(compiled_build, X, Y, **{**QUICK, "population": "auto"}, directory=tmp_path)
    before = {n: o.as_dict() for n, o in first.outcomes.items()}
    more = search(compiled_build, X, Y, **{**QUICK, "population": "auto", "trials": 4}, directory=tmp_path)
    assert {n: o.as_dict() for n, o in more.outcomes.items() if n in before} == before
    whole = search(compiled_build, X, Y, **{**QUICK, "population": "auto", "trials": 4})
    assert [o.curve for o in more.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("data", {"x": X + 1}),
        ("space", {"space": small_space(units=(2, 5))}),
        ("objective", {"objective": "val_accuracy"}),
        ("oracle", {"oracle": "grid"}),
        ("seed", {"seed": 1}),
        ("settings", {"epochs": 3}),
    ],
)
def test_a_folder_of_another_search_is_refused(what, change, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "refused"
    arguments = {"space": small_space(), "x": X, "y": Y, **QUICK, "directory": folder}
    if not folder.exists():
        search(**arguments)
    with pytest.raises(ValueError, match=f"other .*{what}"):
        search(**{**arguments, **change})


def test_overwrite_begins_anew(tmp_path):
    search(small_space(), X, Y, **QUICK, directory=tmp_path)
    assert search(small_space(), X + 1, Y, **QUICK, directory=tmp_path, overwrite=True).best_score > 0


def test_a_cut_log_and_an_unfinished_trial_are_gone_on_with(tmp_path):
    whole = search(small_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "a")
    search(small_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "b")
    folder = tmp_path / "b" / "search"
    log = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(log[: log.rindex(b"begin") + 3])
    again = search(small_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path / "b")
    assert [o.curve for o in again.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


def test_two_searches_in_one_folder_are_refused(tmp_path):
    (tmp_path / "search").mkdir()
    code = (
        "import fcntl, sys, time\n"
        f"lock = open({str(tmp_path / 'search' / 'lock')!r}, 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="Another search is at work"):
            search(small_space(), X, Y, **QUICK, directory=tmp_path)
    finally:
        holder.kill()
        holder.wait()


SLOW_SEARCH = """
import keras, numpy as np, time, trainwise as tw

class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.1)

def searched(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    space = tw.tuning.MLP(depth=1, units=(4, 8), dropout=(0.2, 0.5))
    result = tw.tuning.search(
        space, x, y, trials=3, epochs=14, population=2, stopper=None, directory=folder, callbacks=[Slow()]
    )
    return result.order, result.best_score
"""


def _curves_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(Path(folder).rglob("curve.jsonl"))}


@pytest.mark.slow
def test_a_search_killed_or_interrupted_at_any_moment_ends_as_the_uninterrupted_one(tmp_path, monkeypatch):
    (tmp_path / "slow_search.py").write_text(SLOW_SEARCH)
    monkeypatch.syspath_prepend(tmp_path)
    searched = importlib.import_module("slow_search").searched
    # The first and the last search run here: only those that are killed must be processes of their own.
    whole = searched(tmp_path / "whole")
    for how, epochs in ((signal.SIGKILL, 4), (signal.SIGINT, 19), (signal.SIGKILL, 32)):
        code = "import sys; from slow_search import searched; searched(sys.argv[1])"
        run = subprocess.Popen([sys.executable, "-c", code, tmp_path / "cut"], cwd=tmp_path, stderr=subprocess.DEVNULL)
        deadline = time.time() + 90
        # By lines of the curves, so that the moment does not depend on the machine's speed; an epoch waits a little.
        while sum(len(curve.splitlines()) for curve in _curves_of(tmp_path / "cut").values()) < epochs:
            assert time.time() < deadline
            time.sleep(0.02)
        os.kill(run.pid, how)
        assert run.wait(timeout=60) != 0
    assert searched(tmp_path / "cut") == whole
    assert _curves_of(tmp_path / "cut") == _curves_of(tmp_path / "whole")
    logs = [(tmp_path / name / "search" / "log.jsonl").read_text() for name in ("cut", "whole")]
    assert logs[0] == logs[1]


def test_overwriting_removes_the_search_and_nothing_else(tmp_path):
    folder = tmp_path / "search"
    # What this package leaves there, and what KerasTuner leaves.
    for name in (
        "search.json",
        "log.jsonl",
        "trials/0000/outcome.json",
        "oracle.json",
        "tuner0.json",
        "trial_00/trial.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "thesis.txt").write_text("three years of work")
    (folder / "trials/link").symlink_to(tmp_path)
    Search(small_space(), "val_loss", 1, directory=tmp_path, project_name="search", overwrite=True)
    left = {path.name for path in folder.iterdir()}
    assert "thesis.txt" in left and not {"search.json", "log.jsonl", "trials", "trial_00", "tuner0.json"} & left
    assert (folder / "thesis.txt").read_text() == "three years of work"


def test_overwriting_where_no_search_has_been_removes_nothing(tmp_path):
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials/thesis.txt").write_text("three years of work")
    clear(tmp_path)
    clear(tmp_path / "nowhere")
    assert (tmp_path / "trials/thesis.txt").is_file()


def test_a_search_at_work_is_not_overwritten(tmp_path):
    (tmp_path / "search/trials").mkdir(parents=True)
    (tmp_path / "search/search.json").write_text("{}")
    with hold(tmp_path / "search/lock"), pytest.raises(ValueError, match="Another search is at work in"):
        Search(small_space(), "val_loss", 1, directory=tmp_path, project_name="search", overwrite=True)
    assert (tmp_path / "search/search.json").is_file() and (tmp_path / "search/trials").is_dir()
