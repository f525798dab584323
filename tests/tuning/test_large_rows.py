"""A table larger than what is held: all its rows are learnt from, as the held ones are read."""

import json
import tempfile

import keras
import numpy as np
import pandas as pd
import pytest
from commands import in_this_process

import trainwise as tw
from trainwise.toolkit.models.table_encoder import TableEncoder
from trainwise.toolkit.runtime.own_folders import held_alone
from trainwise.tuning import Settings
from trainwise.tuning.comparing_job import CompareJob
from trainwise.tuning.data_options import DataOptions
from trainwise.tuning.large_rows import other_rows, rows_on_disk
from trainwise.tuning.main_job import Job
from trainwise.tuning.range_test_job import RangeTestJob
from trainwise.tuning.repair_job import RepairJob


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    generator = np.random.default_rng(0)
    size = generator.normal(100, 20, 3000)
    frame = pd.DataFrame({
        "size": [f"{one:.1f}" for one in size],
        "town": generator.choice(["Seoul", "Busan", "NA", ""], 3000),
        "day": pd.date_range("2020-01-01", periods=3000).strftime("%d.%m.%Y"),
        "ill": np.where(size + generator.normal(0, 5, 3000) > 100, "yes", "no"),
    })  # fmt: skip
    frame.loc[7, "size"] = ""
    frame.loc[[5, 900], "ill"] = ""
    folder = tmp_path_factory.mktemp("large")
    frame.to_csv(folder / "ill.csv", index=False)
    return folder, frame


def test_other_rows_are_read_as_the_whole_table_is(table):
    folder, frame = table
    splits = tw.data.load(folder / "ill.csv", in_memory=500)
    parts = list(other_rows(splits))
    whole = tw.data.load(folder / "ill.csv", columns={"day": "date"})
    assert sum(len(part) + lost for part, lost in parts) == 2500
    # By pandas, row by row: days tell which row of the file it is.
    by_day = frame.set_index("day")
    for part, _ in parts:
        rows = by_day.loc[list(part.x["day"])]
        np.testing.assert_allclose(part.x["size"], pd.to_numeric(rows["size"]), rtol=1e-6)
        assert [splits.classes[int(y)] for y in part.y] == rows["ill"].tolist()
    assert {type(word) for word in parts[0][0].x["town"]} == {str}
    assert set(parts[0][0].x["town"]) == set(whole.train.x["town"])


def test_all_training_rows_stand_on_disk_encoded_as_the_held_ones_are(table):
    folder, _ = table
    splits = tw.data.load(folder / "ill.csv", in_memory=500)
    encoder = TableEncoder(splits.columns, splits.train.x)
    held = tw.data.Split(encoder.encode(splits.train.x), splits.train.y)
    rows, lost = rows_on_disk(splits, encoder, held)
    x, y = rows.block(0)
    np.testing.assert_array_equal(x[: len(held)], held.x)
    part = next(other_rows(splits))[0]
    np.testing.assert_array_equal(x[len(held) : len(held) + len(part)], encoder.encode(part.x))
    assert rows.rows + lost == len(splits.train) + 2500 and rows.rows == len(y) and lost <= 2


def test_a_cell_that_is_not_what_its_column_is_names_row_and_value(table, tmp_path):
    _, frame = table
    bad = frame.copy()
    bad.loc[2999, "size"] = "heavy"
    bad.to_csv(tmp_path / "bad.csv", index=False)
    splits = tw.data.load(tmp_path / "bad.csv", in_memory=500, columns={"size": "number"})
    with pytest.raises(ValueError, match="column 'size', got 'heavy' in row 3001"):
        list(other_rows(splits))


def test_classes_that_were_not_drawn_count_to_the_merged_ones_and_are_skipped_otherwise(tmp_path):
    kinds = np.random.default_rng(0).permutation([1.0] * 400 + [2.0] * 400 + [float(one) for one in range(10, 110)] * 2)
    pd.DataFrame({"size": np.arange(1000) + 0.5, "kind": kinds}).to_csv(tmp_path / "kinds.csv", index=False)
    for rare, classes, skipped in (("merge", ("1", "2", "other"), 0), ("drop", ("1", "2"), 160)):
        splits = tw.data.load(tmp_path / "kinds.csv", in_memory=200, rare=rare, task="multiclass")
        parts = list(other_rows(splits))
        assert splits.classes == classes and abs(sum(lost for _, lost in parts) - skipped) < (1 if not skipped else 20)
        for part, _ in parts:
            kind = kinds[np.asarray(part.x)[:, 0].astype(int)]
            np.testing.assert_array_equal(part.y, np.select([kind == 1, kind == 2], [0, 1], 2))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, for this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_bad_cell_leaves_nothing_behind_but_what_was_there(table, temporary, tmp_path):
    _, frame = table
    bad = frame.copy()
    bad.loc[2999, "size"] = "heavy"
    bad.to_csv(tmp_path / "bad.csv", index=False)
    options = DataOptions(in_memory=500, columns={"size": "number"})
    old = tmp_path / "old"
    old.mkdir()
    (old / "notes.txt").write_text("mine")
    for out in (tmp_path / "runs" / "ill", old):
        with pytest.raises(ValueError, match="column 'size', got 'heavy' in row 3001"):
            Job(tmp_path / "bad.csv", out, Settings(members=1), options)
    assert not (tmp_path / "runs").exists() and list(temporary.iterdir()) == []
    # The lock stays where the folder does: another process may wait with it open.
    assert {one.name for one in old.iterdir()} == {"notes.txt", ".trainwise-lock"}


def test_a_bad_cell_leaves_the_state_of_a_run_that_goes_on(table, tmp_path):
    _, frame = table
    frame.to_csv(tmp_path / "rows.csv", index=False)
    given = tmp_path / "rows.csv", tmp_path / "out", Settings(members=1), DataOptions(in_memory=500)
    Job(*given, say=lambda line: None).rows.close()
    state = tmp_path / "out" / "trainwise-state"
    before = (state / "run.json").read_text()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("trainwise.tuning.encoded_rows.rows_on_disk", lambda *_: _fails())
        with pytest.raises(ValueError, match="a bad cell"):
            Job(*given, resume=True, say=lambda line: None)
    assert (state / "run.json").read_text() == before


def _fails():
    raise ValueError("a bad cell")


@pytest.mark.parametrize("step", ["load:", "train:"])
def test_rows_on_disk_go_where_a_run_is_interrupted(table, temporary, tmp_path, step):
    folder, _ = table
    said, there = [], []

    def say(line):
        said.append(line)
        if line.startswith(step):
            there.extend(temporary.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as held:
        job = Job(folder / "ill.csv", tmp_path / "out", Settings(members=1), DataOptions(in_memory=500), say=say)
        job.run()
    # What holds the rows still lives, as in a process that ends at once.
    assert held.value and [one.name[:15] for one in there] == ["trainwise-rows-"]
    assert list(temporary.iterdir()) == []
    rows = int(said[0].split(" rows to train")[0].split()[-1])
    assert 2700 < rows < 3000


def test_what_can_be_refused_is_refused_before_rows_go_to_disk(table, temporary, tmp_path):
    folder, _ = table
    options = DataOptions(target="size", in_memory=500)
    # Nothing can be written there.
    temporary.rmdir()
    for settings, message in (
        (Settings(class_weights="balanced"), "'balanced' is for classes, and the task is regression"),
        (Settings(augmentation="flip"), "'flip' is for images"),
    ):
        with pytest.raises(ValueError, match=message):
            Job(folder / "ill.csv", tmp_path / "out", settings, options)
    assert not (tmp_path / "out").exists()
    (tmp_path / "held").mkdir()
    with held_alone(tmp_path / "held"), pytest.raises(ValueError, match="Another run is at work"):
        Job(folder / "ill.csv", tmp_path / "held", Settings(), options)


@pytest.fixture(scope="module")
def jobs(table):
    """What makes each job that learns from the held rows alone, of a table of numbers."""
    folder, frame = table
    frame[["size"]].assign(more=range(3000), kind=["a", "b"] * 1500).to_csv(folder / "kinds.csv", index=False)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    model.save(folder / "plain.keras")
    data = str(folder / "kinds.csv")
    return {
        "compare": lambda options: CompareJob(data, folder / "compared", options=options),
        "range-test": lambda options: RangeTestJob(data, folder / "tried", options=options),
        "repair": lambda options: RepairJob(folder / "plain.keras", data, folder / "mended", options=options),
    }


@pytest.mark.parametrize("name", ["compare", "range-test", "repair"])
def test_jobs_that_learn_from_the_drawn_rows_alone_say_how_many_these_are(jobs, name):
    # Of the 500 rows that are drawn 15 % each validate and test; the other 2,500 are for training.
    for options in ({"in_memory": 500}, DataOptions(in_memory=500)):
        told, drawn = jobs[name](options).said().splitlines()
        assert told.startswith(f"{name}: ") and drawn == (
            "drawn: 350 of 2,850 training rows are used, those held in memory; --in-memory ROWS holds more, "
            "--in-memory 0 all"
        )
    assert len(jobs[name](DataOptions(in_memory=0)).said().splitlines()) == 1


def test_an_option_of_the_data_that_is_not_there_is_refused(jobs):
    with pytest.raises(TypeError, match="colour"):
        jobs["compare"]({"colour": "red"})


@pytest.mark.slow
def test_a_search_says_from_how_many_rows_it_learns(table):
    folder, _ = table
    given = ["--data", "ill.csv", "--in-memory", 500, "--trials", 1, "--epochs", 1, "--out", "searched"]
    done = in_this_process("search", *given, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "training rows are used, those held in memory" in done.stdout


@pytest.mark.slow
def test_a_run_learns_from_all_rows_and_says_so(table):
    folder, _ = table
    done = in_this_process(
        "run", "--data", "ill.csv", "--in-memory", 500, "--epochs", 2, "--members", 2, "--refit", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "500 rows drawn of 3,000 are held in memory" in done.stdout
    assert "training rows on disk" in done.stdout and "fitted to" in done.stdout
    report = json.loads((folder / "runs/ill/report.json").read_text())
    rows = report["data"]["rows"]
    assert rows["train"] > 2700 and f"refit: {rows['train'] + rows['validation']} training" in done.stdout
    answered = in_this_process("predict", "runs/ill/models/ill", "ill.csv", cwd=folder)
    truth = pd.read_csv(folder / "ill.csv", keep_default_na=False)["ill"]
    answers = [line.split(",")[0] for line in answered.stdout.splitlines()[1:]]
    assert np.mean(truth == answers) > 0.85
