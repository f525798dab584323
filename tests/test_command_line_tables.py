"""Tables on the command line: looked at, run, predicted, whatever they are called and however they are written."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from commands import in_this_process

from trainwise.command_line.configs import held_before
from trainwise.toolkit.runtime.run_files import write_run_file

HEADER = "Größe (cm);Größe [cm];self;class;name;날짜;code;Preis;t"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table with all that made trouble, in cp1252, with decimal commas, gaps and names that no signature can have."""
    path = tmp_path_factory.mktemp("tables")
    generator = np.random.default_rng(0)
    lines = [HEADER.replace("날짜", "Datum")]
    for i in range(150):
        size, kind = generator.normal(170, 10), i % 2
        lines.append(
            f"{f'{size:.1f}'.replace('.', ',') if i % 9 else ''};{i * 7 % 50};{'ja' if kind else 'nein'};"
            f"{['low', 'medium', 'high'][i % 3]};{'Köln' if i % 4 else 'NA'};{i % 28 + 1:02d}.{i % 12 + 1:02d}.2020;"
            f"K{i:04d};{i * 31 % 90 + 1}.{i * 17 % 900 + 100},50 €;{'x' if kind == (i % 11 > 0) else 'y'}"
        )
    (path / "towns.csv").write_bytes(("\n".join(lines) + "\n").encode("cp1252"))
    return path


@pytest.fixture(scope="module")
def done(folder):
    return in_this_process(
        "run", "--data", "towns.csv", "--epochs", 2, "--members", 1, "--column", "name=category", cwd=folder
    )


def test_such_a_table_runs_to_its_report_and_each_column_is_said(done):
    assert done.returncode == 0, done.stderr
    for line in (
        "Read as cp1252.", "Columns are parted by semicolons.", "'Größe (cm)': number, ", "read with a decimal comma",
        "'self': boolean", "'class': ordered category (low < medium < high)", "'Datum': date", "as %d.%m.%Y",
        "'code': identifier, 150 different, left out", "'Preis': number",
    ):  # fmt: skip
        assert line in done.stdout, line
    assert [line.split(":")[1] for line in done.stdout.splitlines() if line.startswith("beside")] == [
        " constant", " linear model", " gradient boosting",
    ]  # fmt: skip


def test_the_mapping_of_names_is_written_beside_the_model(done, folder):
    schema = json.loads((folder / "runs/towns/models/towns/1/assets.extra/trainwise.json").read_text())
    tensors = {name: tensor for name, (tensor, _) in schema["columns"].items()}
    assert len(set(tensors.values())) == 7 and all(tensor.isascii() for tensor in tensors.values())
    assert tensors["self"] != "self"
    report = json.loads((folder / "runs/towns/report.json").read_text())
    assert set(schema["columns"]) <= {line.split("'")[1] for line in report["data"]["columns"]}


def test_predict_takes_the_same_file_other_orders_more_columns_gaps_and_unknown_words(done, folder):
    whole = in_this_process("predict", "runs/towns/models/towns", "towns.csv", "--id", "code", cwd=folder)
    assert whole.returncode == 0, whole.stderr
    answers = list(csv.DictReader(whole.stdout.splitlines()))
    assert len(answers) == 150 and answers[3]["code"] == "K0003"
    frame = pd.read_csv(folder / "towns.csv", sep=";", encoding="cp1252", dtype=str, keep_default_na=False)
    other = frame.drop(columns=["t", "code"])[list(frame.columns[7::-1].drop("code"))].assign(more="1")
    other.loc[0, "name"], other.loc[1, "Preis"], other.loc[2, "Datum"] = "Ulm", "", ""
    other.to_csv(folder / "other.csv", sep="\t", index=False, encoding="utf-16")
    found = in_this_process("predict", "runs/towns/models/towns", "other.csv", "--out", "answers.parquet", cwd=folder)
    assert found.returncode == 0, found.stderr
    assert "'name': 1 of 150 rows hold a value that training had not, or rarely ('Ulm')" in found.stderr
    table = pd.read_parquet(folder / "answers.parquet")
    assert table["t"].tolist()[3:] == [row["t"] for row in answers][3:]
    np.testing.assert_allclose(
        table["probability_x"][3:], [float(row["probability_x"]) for row in answers[3:]], atol=1e-5
    )


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("Datum", "2020-01-31", "takes dates as %d.%m.%Y in column 'Datum', got '2020-01-31' in row 4"),
        ("Preis", "teuer", "takes numbers in column 'Preis', got 'teuer' in row 4"),
    ],
)
def test_predict_refuses_cells_of_another_type_by_row_and_value(done, folder, column, cell, message):
    frame = pd.read_csv(folder / "towns.csv", sep=";", encoding="cp1252", dtype=str, keep_default_na=False)
    frame.loc[2, column] = cell
    frame.to_csv(folder / "wrong.csv", sep=";", index=False)
    answered = in_this_process("predict", "runs/towns/models/towns", "wrong.csv", cwd=folder)
    assert answered.returncode == 2 and message in answered.stderr


def test_check_looks_at_data_without_a_model(folder):
    told = in_this_process("check", "--data", "towns.csv", "--drop", "code", cwd=folder)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("towns: binary, target 't'; ") and "'self': boolean" in told.stdout
    none = in_this_process("check", cwd=folder)
    assert none.returncode == 2 and "`--data` must name the data to look at" in none.stderr
    wrong = in_this_process("check", "--data", "towns.csv", "--column", "self", cwd=folder)
    assert wrong.returncode == 2 and "--column takes NAME=KIND, such as --column title=text, got 'self'" in wrong.stderr


@pytest.mark.slow
def test_search_takes_words_and_the_options_of_the_data(folder):
    found = in_this_process(
        "search", "--data", "towns.csv", "--drop", "Datum", "--trials", 1, "--epochs", 2, "--quiet", cwd=folder
    )
    assert found.returncode == 0, found.stderr
    answered = in_this_process("predict", "runs/search/model", "towns.csv", cwd=folder)
    assert answered.returncode == 0, answered.stderr
    assert len(answered.stdout.splitlines()) == 151


def test_check_and_search_take_a_part_of_the_rows_and_say_who_learns_from_the_rest(tmp_path):
    rows = [f"{i}.5,{'xy'[i % 2]}" for i in range(500)]
    (tmp_path / "rows.csv").write_text("\n".join(["size,kind", *rows, "1.5,z"]) + "\n")
    given = ["check", "--data", "rows.csv", "--in-memory", 400]
    assert "--rare" in in_this_process("check", "--data", "rows.csv", cwd=tmp_path).stderr
    done = in_this_process(*given, "--rare", "drop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The other 101 stay in the file: `run` learns from them too, all else uses the drawn ones" in done.stdout
    # The same search goes on with the rows that it held.
    write_run_file(tmp_path, "search", {"data": "iris", "in_memory": 0})
    assert held_before(tmp_path, "iris") == 0
    assert held_before(tmp_path, "digits") is held_before(tmp_path / "nowhere", "iris") is None
