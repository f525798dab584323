"""The whole job, from Python and from the command line."""

import contextlib
import csv
import json
import os
import random
import re
import signal
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import typer
from commands import COMMAND, in_its_own_process, in_this_process

import trainwise as tw
from trainwise.__main__ import app
from trainwise.toolkit.runtime.run_files import read_run_file
from trainwise.tuning import Settings
from trainwise.tuning.data_options import DataOptions
from trainwise.tuning.main_job import Job


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A table with a column of words, whose classes are easy to tell."""
    folder = tmp_path_factory.mktemp("pets")
    generator = np.random.default_rng(0)
    lines = ["fur colour,weight (kg),pet"]
    for i in range(120):
        dog = i % 2
        colour = generator.choice(["grau", "weiß"] if dog else ["rot", "schwarz"])
        lines.append(f"{colour},{generator.normal(30 if dog else 4, 2):.2f},{'dog' if dog else 'cat'}")
    (folder / "pets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(pets):
    return in_its_own_process("run", "--data", "pets.csv", "--out", "out", "--epochs", 12, "--members", 2, cwd=pets)


def test_a_run_from_a_csv_with_words_ends_well_and_says_each_step(done):
    assert done.returncode == 0, done.stderr
    steps = [line.split(":")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [step for step in steps if step not in ("test", "beside")] == [
        "load", "head", "normalise", "check", "train", "vote", "export", "report",
    ]  # fmt: skip
    assert steps.count("test") == 3 and steps.count("beside") == 3


def test_piped_output_is_plain_lines(done):
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert "\x1b" not in done.stderr


def test_the_report_holds_what_the_run_did(done, pets):
    report = json.loads((pets / "out/report.json").read_text())
    assert report["head"] == {
        "task": "binary", "units": 1, "activation": "sigmoid", "loss": "binary_crossentropy", "metrics": ["accuracy"],
    }  # fmt: skip
    assert report["data"]["classes"] == ["cat", "dog"]
    assert [opening["reason"] for opening in report["data"]["test_openings"]] == ["final evaluation"]
    assert len(report["members"]) == 2
    assert report["export"]["max_difference"] <= 1e-5
    assert report["command"] == "trainwise run --data pets.csv --out out --epochs 12 --members 2"
    assert report["versions"]["trainwise"] == tw.__version__
    assert report["evaluation"]["results"][1]["value"] > 0.9
    names = [result["name"] for result in report["beside"]["results"]]
    assert names == ["constant", "linear model", "gradient boosting"]
    # Half of the pets are dogs.
    assert abs(report["beside"]["results"][0]["value"] - 0.5) < 0.06
    assert report["data"]["columns"][0].startswith("'fur colour': category, 4 different")
    page = (pets / "out/report.html").read_text()
    assert report["beside"]["sentence"] in page and "fur colour&#39;: category, 4 different" in page
    HTMLParser().feed(page)
    assert report["evaluation"]["sentence"] in page
    assert sorted(path.name for path in (pets / "out").iterdir()) == [
        ".trainwise-lock",
        "models",
        "report.html",
        "report.json",
        "run.toml",
    ]


def test_predict_answers_new_rows_with_class_names(done, pets):
    file = pets / "new.csv"
    file.write_text("weight (kg),fur colour\n31,weiß\n3.5,rot\n29,lila\n", encoding="utf-8")
    answered = in_its_own_process("predict", "out/models/pets", "new.csv", cwd=pets)
    assert answered.returncode == 0, answered.stderr
    rows = list(csv.DictReader(answered.stdout.splitlines()))
    assert [row["pet"] for row in rows] == ["dog", "cat", "dog"]
    assert all(abs(float(row["probability_cat"]) + float(row["probability_dog"]) - 1) < 1e-5 for row in rows)
    again = in_this_process("predict", "out/models/pets/1", "pets.csv", "--out", "answers.csv", cwd=pets)
    assert again.returncode == 0
    truth = [row["pet"] for row in csv.DictReader((pets / "pets.csv").open(encoding="utf-8"))]
    answers = [row["pet"] for row in csv.DictReader((pets / "answers.csv").open(encoding="utf-8"))]
    assert np.mean([a == b for a, b in zip(truth, answers, strict=True)]) > 0.9


def test_predict_refuses_rows_that_do_not_fit(done, pets):
    (pets / "short.csv").write_text("fur colour\nrot\n")
    (pets / "words.csv").write_text("fur colour,weight (kg)\nrot,heavy\n")
    for file, message in (
        ("short.csv", "'weight \\(kg\\)' is missing"),
        ("words.csv", "'heavy'"),
        ("no.csv", "no file"),
    ):
        answered = in_this_process("predict", "out/models/pets", file, cwd=pets)
        assert answered.returncode == 2
        assert re.search(message, answered.stderr), answered.stderr
    assert in_this_process("predict", "nowhere", "new.csv", cwd=pets).returncode == 2


@pytest.fixture(scope="module")
def from_python(pets):
    """A run of the same table, started in Python with options of every kind, named by a path from elsewhere."""
    said = []
    settings = Settings(members=1, epochs=np.int64(2), learning_rate=np.float32(0.01), class_weights="balanced", seed=3)
    with contextlib.chdir(pets):
        tw.tuning.run(
            "pets.csv", "python", settings, target="pet", columns={"fur colour": "category"}, rare="drop",
            keep_rows=False, say=said.append,
        )  # fmt: skip
    return said


def test_a_run_from_python_leaves_the_run_file_that_the_command_would(from_python, pets):
    command, options = read_run_file(pets / "python")
    assert command == "run" and not any("run.toml" in line for line in from_python)
    assert options == {
        "data": str(pets / "pets.csv"), "target": "pet", "column": ["fur colour=category"], "in_memory": 0,
        "rare": "drop", "members": 1, "epochs": 2, "patience": 5, "learning_rate": float(np.float32(0.01)), "seed": 3,
        "augmentation": "auto", "class_weights": "balanced", "refit": False, "text": "terms", "private": True,
            "tokens": False,
    }  # fmt: skip
    # Every option of the command is there, or not given.
    taken = {one.name for one in typer.main.get_command(app).commands["run"].params}
    assert set(options) <= taken


@pytest.mark.slow
def test_a_run_from_python_is_started_again_by_the_command_and_gives_the_same(from_python, pets, tmp_path):
    same = in_this_process("reproduce", pets / "python", "--json", cwd=tmp_path)
    assert same.returncode == 0, same.stdout + same.stderr
    found = json.loads(same.stdout)
    assert found["identical"] and found["compared"] > 50


def _job(out, **changes):
    settings = Settings(**{"members": 1, "epochs": 1, **changes.pop("settings", {})})
    return Job("iris", out, settings, say=lambda line: None, **changes)


def test_a_second_run_in_the_same_folder_is_refused_at_its_start(tmp_path):
    first = _job(tmp_path)
    with pytest.raises(ValueError, match="Another run is at work in .*; wait for it, or give another folder"):
        _job(tmp_path)
    del first  # as with its process the lock goes
    _job(tmp_path)


def test_what_the_user_has_in_the_folder_stays(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/thesis.txt").write_text("three years of work")
    (tmp_path / "trainwise-state").mkdir()
    (tmp_path / "trainwise-state/thesis.txt").write_text("three years of work")
    with pytest.raises(ValueError, match="trainwise-state was not made by trainwise and holds 'thesis.txt'"):
        _job(tmp_path)
    assert (tmp_path / "trainwise-state/thesis.txt").is_file() and (tmp_path / "state/thesis.txt").is_file()


def test_a_state_that_does_not_say_whose_it_is_is_none(tmp_path):
    _job(tmp_path)
    state = tmp_path / "trainwise-state"
    (state / "members-0-1").mkdir()
    (state / "evaluation.json").write_text("{}")
    said = []
    (state / "run.json").unlink()  # as a kill in the midst of the removal leaves it
    Job("iris", tmp_path, Settings(members=1, epochs=1, seed=5), resume=True, say=said.append)
    assert "no interrupted run" in said[0]
    assert sorted(path.name for path in state.iterdir()) == ["made-by-trainwise", "run.json"]
    with pytest.raises(ValueError, match="had another seed"):
        _job(tmp_path, resume=True)
    (state / "run.json").write_text("{")
    with pytest.raises(ValueError, match="run.json is damaged"):
        _job(tmp_path, resume=True)
    _job(tmp_path)


def test_a_resumed_run_holds_the_rows_that_it_held_whatever_memory_is_free_then(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    file.write_text("size,kind\n" + "1.5,a\n2.5,b\n" * 500)

    def job(out, is_too_large, in_memory=None, **options):
        monkeypatch.setattr("trainwise.toolkit.data.sources.is_too_large", lambda path: is_too_large)
        monkeypatch.setattr("trainwise.toolkit.data.large_tables._ROWS_HELD", 200)
        data = DataOptions(in_memory=in_memory)
        return Job(file, tmp_path / out, Settings(members=1), data, say=lambda line: None, **options).raw

    for out, before in (("drawn", True), ("whole", False)):
        first = job(out, before)
        again = job(out, not before, resume=True)
        assert again.fingerprint == first.fingerprint and again.in_memory == first.in_memory == (200 if before else 0)
        with pytest.raises(ValueError, match="had another .*in_memory"):
            job(out, before, resume=True, in_memory=300)
    file.write_text(file.read_text() + "1.5,a\n")
    with pytest.raises(ValueError, match="had another data"):
        job("drawn", True, resume=True)


@pytest.fixture(scope="module")
def days():
    generator = np.random.default_rng(0)
    level = generator.integers(0, 3, 60)
    return pd.DataFrame({
        "day": pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"),
        "level": level.astype(str),
        "size": level + generator.normal(size=60),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": DataOptions(columns={"level": "category"}, time="day")}, "split"),
        ({"data": DataOptions(columns={"level": "ordered"})}, "column kinds"),
        ({"keep_rows": False}, "keep_rows"),
    ],
)
def test_a_run_does_not_go_on_with_members_of_other_splits_or_with_rows_it_may_not_keep(days, tmp_path, changes, named):
    def job(**rest):
        options = {"data": DataOptions(columns={"level": "category"}), **rest}
        return Job(days, tmp_path, Settings(members=1, epochs=1), say=lambda line: None, **options)

    job()
    with pytest.raises(ValueError, match=f"The interrupted run in .* had another .*{named}"):
        job(resume=True, **changes)
    assert job(resume=True).raw.test.openings == []


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run that failed between export and report, gone on with; what it said, and whether random numbers went on."""
    out = tmp_path_factory.mktemp("interrupted")
    (out / "report.html").mkdir()  # what cannot be replaced by a file
    random.seed(3)
    expected = random.Random(3).random()
    with pytest.raises(OSError, match="report.html"):
        _job(out).run()
    drawn = random.random()
    (out / "report.html").rmdir()
    said = []
    job = Job("iris", out, Settings(members=1, epochs=1), resume=True, say=said.append)
    return out, said, job.run(), drawn == expected


def test_a_run_that_ended_between_export_and_report_publishes_nothing_twice(interrupted):
    out, said, result, _ = interrupted
    assert [path.name for path in (out / "models/iris").iterdir()] == ["1"]
    assert any("published and proved before the interruption" in line for line in said)
    assert result.report["export"]["path"] == "models/iris/1"
    assert result.report["export"]["max_difference"] <= 1e-5
    assert len(result.report["export"]["proof"]) >= 4
    assert not (out / "trainwise-state").exists()


def test_a_run_leaves_the_random_state_of_the_caller_as_it_was(interrupted):
    assert interrupted[3]


@pytest.mark.parametrize(
    ("name", "value"),
    [("members", 1001), ("epochs", 10**23), ("batch_size", 2**31), ("seed", 2**32), ("seed", 10**23)],
)
def test_numbers_that_nobody_can_mean_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be at most [0-9]+, got {value}"):
        Settings(**{name: value})


@pytest.mark.slow
def test_regression_answers_in_the_units_of_the_targets(tmp_path):
    said = []
    result = tw.tuning.run("diabetes", tmp_path, Settings(members=2, epochs=20), say=said.append)
    x, y = sklearn.datasets.load_diabetes(return_X_y=True, scaled=False)
    answers = result.model.predict(x.astype("float32"), verbose=0)
    assert 100 < answers.mean() < 200
    assert 1 - np.mean((answers.ravel() - y) ** 2) / np.var(y) > 0.35
    assert [r["name"].split(" (")[0] for r in result.report["evaluation"]["results"]][1] == "soft vote"
    rows = "\n".join(",".join(map(str, row)) for row in x[:4])
    (tmp_path / "rows.csv").write_text(rows + "\n")
    answered = in_this_process("predict", tmp_path / "models/diabetes", tmp_path / "rows.csv", cwd=tmp_path)
    rows = [line.split(",") for line in answered.stdout.splitlines()]
    assert rows[0] == ["target", "target_low", "target_high"]
    values, low, high = np.array(rows[1:], dtype=float).T
    np.testing.assert_allclose(values, answers[:4, 0], rtol=1e-4)
    # Ends of split conformal prediction: by rank among what the winner misses on the validation rows.
    validation = tw.data.load("diabetes").validation
    missed = np.sort(validation.y - result.model.predict(validation.x, verbose=0)[:, 0])
    rank = int((len(missed) + 1) * 0.05)
    np.testing.assert_allclose(low, np.maximum(values + missed[rank - 1], 0), rtol=1e-4)
    np.testing.assert_allclose(high, values + missed[-rank], rtol=1e-4)
    assert any("of the test rows lie in the intervals that `predict` writes" in line for line in said)


@pytest.mark.slow
def test_multilabel_data_run_to_their_report(tmp_path):
    x, y = sklearn.datasets.make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    said = []
    # Of an earlier run, of other data.
    (tmp_path / "run.toml").write_text("")
    result = tw.tuning.run((x, y), tmp_path, Settings(members=1, epochs=3), say=said.append)
    assert "run: no run.toml is left, for a file cannot repeat data in memory; the same call with them does" in said
    assert not (tmp_path / "run.toml").exists()
    assert result.report["evaluation"]["metric"] == "label accuracy"
    assert result.report["export"]["signatures"].keys() == {"serving_default", "serve"}


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    arguments = ["run", "--data", "iris", "--epochs", 6, "--members", 2]
    whole = in_this_process(*arguments, "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    command = [COMMAND, *map(str, arguments), "--out", "cut"]
    killed = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in killed.stdout:
        if "epoch 3/" in line:
            os.killpg(killed.pid, signal.SIGKILL)
            break
    killed.wait()
    resumed = in_this_process(*arguments, "--out", "cut", "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1/6" not in resumed.stdout and "epoch 6/6" in resumed.stdout
    first, second = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("whole", "cut"))
    for key in ("members", "evaluation", "head", "settings"):
        assert first[key] == second[key], key
    assert len(second["data"]["test_openings"]) == 1


@pytest.mark.slow
def test_a_run_killed_after_the_test_was_opened_does_not_open_it_again(tmp_path):
    arguments = ["run", "--data", "iris", "--epochs", "2", "--members", "1", "--out", "cut"]
    killed = subprocess.Popen([COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in killed.stdout:
        if line.startswith("test: soft vote"):
            killed.kill()
            break
    killed.wait()
    resumed = in_this_process(*arguments, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "measured before the interruption" in resumed.stdout
    report = json.loads((tmp_path / "cut/report.json").read_text())
    assert [opening["reason"] for opening in report["data"]["test_openings"]] == ["final evaluation"]
    assert [path.name for path in (tmp_path / "cut/models/iris").iterdir() if path.name[0] != "."] == ["1"]
