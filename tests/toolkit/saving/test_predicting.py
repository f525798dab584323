"""Exported models asked for the rows of a CSV file: damaged and hostile ones are refused before they run."""

import json
import shutil

import bad_inputs
import pytest

import trainwise as tw
from trainwise.toolkit.saving.checksums import write_sums
from trainwise.toolkit.saving.outward_operations import outward_operations
from trainwise.toolkit.saving.predicting import Predicted, predict_table


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
