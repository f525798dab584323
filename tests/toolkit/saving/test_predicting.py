"""Exported models asked for the rows of a CSV file: damaged and hostile ones are refused before they run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import bad_inputs
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import trainwise as tw
from trainwise.toolkit.data.table_files import Table
from trainwise.toolkit.data.table_inputs import table_inputs
from trainwise.toolkit.saving.checksums import write_sums
from trainwise.toolkit.saving.outward_operations import outward_operations
from trainwise.toolkit.saving.predicting import Predicted, predict_parts, predict_table, write_parts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    bad_inputs.write_all(path)
    return path


def test_a_plain_model_needs_no_trust(folder):
    assert outward_operations(folder / "model/1") == []
    assert predict_table(folder / "model", folder / "rows.csv") == Predicted(["t"], [["2"]], [])


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("writing", "WriteFile"),
        ("printing", "PrintV2 into a File"),
        ("reading", "ReadFile"),
        ("python", "PyFunc"),
        ("within", "PyFunc"),
    ],
)
def test_a_model_that_does_more_than_arithmetic_is_refused_and_does_nothing(name, operation, folder):
    with pytest.raises(ValueError, match=f"would touch files, the network or Python .*{operation}.*trust=True"):
        predict_table(folder / name, folder / "rows.csv")
    assert not (folder / "written").exists()


def test_a_model_that_is_trusted_does_what_it_does(folder):
    assert predict_table(folder / "writing", folder / "rows.csv", trust=True).rows == [["2"]]
    assert (folder / "written").read_text() == "x"
    (folder / "written").unlink()


def test_a_file_that_would_be_loaded_in_the_place_of_the_one_looked_into_is_refused(folder):
    with pytest.raises(ValueError, match="saved_model.cpb, which would be loaded and cannot be looked into"):
        predict_table(folder / "other", folder / "rows.csv")


@pytest.mark.parametrize("number", range(6))
def test_a_model_with_cut_or_missing_files_is_refused(number, folder):
    names = sorted(path.name for path in folder.glob("damaged_*"))
    with pytest.raises(ValueError, match="damaged"):
        predict_table(folder / names[number], folder / "rows.csv")


@pytest.mark.parametrize("schema", bad_inputs.schemas())
def test_a_schema_that_is_not_as_it_is_written_is_refused(schema, folder, tmp_path):
    shutil.copytree(folder / "model", tmp_path / "model")
    (tmp_path / "model/1/assets.extra/trainwise.json").write_text(schema)
    with pytest.raises(ValueError, match="is damaged|does not fit the model|names 3 classes"):
        predict_table(tmp_path / "model", folder / "rows.csv")


@pytest.mark.parametrize("name", ["words", "fewer"])
def test_answers_that_are_no_numbers_one_row_for_each_row_are_refused(name, folder):
    with pytest.raises(ValueError, match="which answers numbers, one row for each row given"):
        predict_table(folder / name, folder / "rows.csv")


def test_a_schema_that_was_changed_by_hand_is_used_and_said(folder, tmp_path):
    shutil.copytree(folder / "model", tmp_path / "model")
    write_sums(tmp_path / "model/1")
    before = predict_table(tmp_path / "model", folder / "rows.csv")
    file = tmp_path / "model/1/assets.extra/trainwise.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "target": "renamed"}))
    after = predict_table(tmp_path / "model", folder / "rows.csv")
    assert after.rows == before.rows and after.names[0].startswith("renamed")
    assert [note for note in after.notes if note not in before.notes] == [
        f"{file} has changed since the model was published; the columns and classes are as it says now."
    ]


def test_a_schema_with_more_classes_than_the_model_answers_is_refused(folder, tmp_path):
    shutil.copytree(folder / "model", tmp_path / "model")
    schema = {**bad_inputs.MODEL_TASK, "task": "multiclass", "classes": ["a", "b", "c"]}
    (tmp_path / "model/1/assets.extra/trainwise.json").write_text(json.dumps(schema))
    with pytest.raises(ValueError, match="answers 2 probabilities, and its .* names 3 classes"):
        predict_table(tmp_path / "model", folder / "rows.csv")


@pytest.mark.parametrize(
    "name", ["cut", "text", "empty", "no_config", "deep", "list", "half", "unknown", "code", "layers"]
)
def test_a_keras_file_that_is_damaged_or_holds_code_is_refused(name, folder):
    with pytest.raises(ValueError, match=f"{name}.keras cannot be loaded as a Keras model: "):
        tw.load_model(folder / f"{name}.keras")


def test_a_model_that_would_read_a_file_that_is_not_its_own_is_refused(folder, tmp_path):
    from tensorflow.core.protobuf import saved_model_pb2

    shutil.copytree(folder / "model/1", tmp_path / "1")
    model = saved_model_pb2.SavedModel.FromString((tmp_path / "1/saved_model.pb").read_bytes())
    model.meta_graphs[0].asset_file_def.add().filename = "../../secret.txt"
    (tmp_path / "1/saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"would read '\.\./\.\./secret.txt', which is not of its own files"):
        predict_table(tmp_path, folder / "rows.csv")


def test_what_is_said_of_a_files_rows_counts_all_of_its_parts(folder, monkeypatch):
    module = "trainwise.toolkit.saving.predicting"
    monkeypatch.setattr(f"{module}._server", lambda model: lambda x: np.ones((len(x["t"]), 1)))
    monkeypatch.setattr(f"{module}.table_parts", lambda *_: iter(parts))
    schema = {
        "features": ["town"], "target": "t", "task": "regression", "classes": None, "shape": None,
        "columns": {"town": ["t", "words"]}, "forms": {"town": {"kind": "category", "known": ["Bonn"], "words": []}},
    }  # fmt: skip
    monkeypatch.setattr(f"{module}._schema", lambda model: schema)
    ids = [["00123", "x"], [str(2**53 + 1)]]
    parts = [Table(pd.DataFrame({"town": ["Ulm"] * len(one), "id": one}, dtype=object)) for one in ids]
    found = list(predict_parts(folder / "model", "rows.csv", row_id="id"))
    assert [len(part.notes) for part in found] == [0, 1] and found[0].names == ["id", "t"]
    assert "'town': 3 of 3 rows hold a value that training had not, or rarely ('Ulm')" in found[1].notes[0]
    write_parts(iter(found), folder / "answers.parquet", True)
    table = pd.read_parquet(folder / "answers.parquet")
    assert table["id"].tolist() == ["00123", "x", "9007199254740993"] and table["t"].tolist() == [1.0] * 3


def test_classes_are_words_in_parquet_whatever_the_first_part_looks_like(tmp_path):
    parts = [Predicted(["id", "kind", "p"], [[one, one, "0.25"]], [], words=2) for one in ("7", "owl", "0x10", "nan")]
    write_parts(iter(parts), tmp_path / "answers.parquet", True)
    table = pd.read_parquet(tmp_path / "answers.parquet")
    assert table["id"].tolist() == table["kind"].tolist() == ["7", "owl", "0x10", "nan"]
    assert table["p"].tolist() == [0.25] * 4
    with pytest.raises(ValueError, match="two columns 'kind', and Parquet takes a name once: write CSV"):
        write_parts(iter([replace(parts[0], names=["kind", "kind", "p"])]), tmp_path / "answers.parquet", True)


def test_one_very_long_text_does_not_make_all_others_as_long():
    schema = {"features": ["t"], "shape": None, "columns": {"t": ["t", "words"]}, "forms": {}}
    words = ["x" * 100_000, *["short"] * 999]
    given = table_inputs(Table(pd.DataFrame({"t": words}, dtype=object)), schema, Path("rows.csv"))["t"]
    assert given.nbytes < 100_000 and given[:, 0].tolist() == words
    assert tf.constant(given).dtype == tf.string
