"""Every command takes the options that all take, and prints one JSON object where it is asked to."""

import json
import shutil

import bad_inputs
import keras
import pandas as pd
import pytest
import typer
from commands import in_this_process

from trainwise.__main__ import app
from trainwise.toolkit.saving.checksums import write_sums

COMMANDS = typer.main.get_command(app).commands
LOOKS = "it writes nothing but what it prints"
DRAWS_NOTHING = "it draws nothing"
ENGLISH = "it prints numbers and sentences that are there in English only"
# What a command does not take, and why.
EXCEPTIONS = {
    ("check", "--out"): LOOKS,
    ("diagnose", "--out"): LOOKS,
    ("diagnose", "--seed"): DRAWS_NOTHING,
    ("predict", "--seed"): DRAWS_NOTHING,
    ("report", "--seed"): DRAWS_NOTHING,
    ("export", "--seed"): "the rows of its proof, where none are given, are always the same",
    ("reproduce", "--seed"): "it takes the seed of the run",
    ("reproduce", "--language"): ENGLISH,
    ("predict", "--language"): ENGLISH,
    ("export", "--language"): ENGLISH,
    ("compare", "--language"): ENGLISH,
    ("range-test", "--language"): ENGLISH,
}


@pytest.mark.parametrize("option", ["--json", "--quiet", "--out", "--seed", "--language"])
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_takes_the_options_of_all_or_has_a_reason(command, option):
    taken = {name for parameter in COMMANDS[command].params for name in parameter.opts}
    assert (option in taken) != ((command, option) in EXCEPTIONS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SavedModel that doubles, rows for it, and models to be exported and looked at."""
    path = tmp_path_factory.mktemp("json")
    bad_inputs.write_all(path)
    (path / "numbered.csv").write_text("id,a\nx,1\ny,2.5\n")
    model = keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1)])
    model.save(path / "line.keras")
    return path


def test_predict_prints_its_answers_as_one_json_object_with_numbers_as_numbers(folder):
    done = in_this_process("predict", "model", "numbered.csv", "--id", "id", "--json", cwd=folder)
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout) == {
        "model": "model/1", "file": "numbered.csv", "out": None, "rows": 2, "columns": ["id", "t"], "notes": [],
        "answers": [{"id": "x", "t": 2.0}, {"id": "y", "t": 5.0}],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_predict_says_in_json_where_it_has_written_its_answers(name, folder):
    done = in_this_process(
        "predict", "model", "--data", "numbered.csv", "--id", "id", "--json", "--out", name, cwd=folder
    )
    found = json.loads(done.stdout)
    assert (found["out"], found["rows"], found["columns"]) == (name, 2, ["id", "t"]) and "answers" not in found
    written = pd.read_csv(folder / name) if name.endswith("csv") else pd.read_parquet(folder / name)
    assert written["id"].tolist() == ["x", "y"] and written["t"].tolist() == [2.0, 5.0]


def test_what_is_said_of_the_rows_stands_in_the_json_and_quiet_leaves_it_out(folder, tmp_path):
    shutil.copytree(folder / "model", tmp_path / "model")
    write_sums(tmp_path / "model/1")
    with (tmp_path / "model/1/assets.extra/trainwise.json").open("a") as schema:
        schema.write("\n")
    asked = ("predict", "model", folder / "numbered.csv")
    told, silent, found = (in_this_process(*asked, *more, cwd=tmp_path) for more in ((), ["--quiet"], ["--json"]))
    note = "trainwise.json has changed since the model was published"
    assert note in told.stderr and silent.stderr == found.stderr == ""
    assert told.stdout == silent.stdout == "t\n2\n5\n"
    (said,) = json.loads(found.stdout)["notes"]
    assert note in said


def test_two_columns_of_one_name_are_no_json_object(folder):
    (folder / "target.csv").write_text("a,t\n1,first\n")
    done = in_this_process("predict", "model", "target.csv", "--id", "t", "--json", cwd=folder)
    assert done.returncode == 2 and done.stdout == ""
    assert "The answers have two columns 't', and JSON takes a name once: write CSV." in done.stderr


def test_export_and_its_verification_print_one_json_object(folder):
    done = in_this_process("export", "line.keras", "--out", "lines", "--format", "keras", "--json", cwd=folder)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and (found["path"], found["version"], found["rows"]) == ("lines/1", 1, 32)
    assert found["max_difference"] <= found["tolerance"] and found["formats"]["keras"]["bytes"] > 0
    assert (folder / "lines/1/saved_model.pb").is_file()
    again = in_this_process("export", "--verify", "lines", "--json", cwd=folder)
    proved = json.loads(again.stdout)
    assert again.returncode == 0 and (proved["path"], proved["rows"]) == ("lines/1", 32) and proved["files"] > 3
    silent = in_this_process("export", "--verify", "lines", "--quiet", cwd=folder)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


def test_quiet_looks_answer_by_their_exit_codes_alone(folder):
    (folder / "bad.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,nan\n3,0.25\n")
    (folder / "good.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,0.3\n3,0.25\n")
    codes = {name: in_this_process("diagnose", f"{name}.csv", "--quiet", cwd=folder) for name in ("bad", "good")}
    assert {name: (done.returncode, done.stdout) for name, done in codes.items()} == {"bad": (1, ""), "good": (0, "")}
    table = in_this_process("check", "--data", "iris", "--quiet", cwd=folder)
    assert (table.returncode, table.stdout) == (0, "")
