import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.saving.exporting import published_before
from trainwise.toolkit.saving.numbering import latest_version


@keras.saving.register_keras_serializable(package="tests")
class Jitter(keras.layers.Layer):
    """Answers differently at every call: what an export must not let through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)


@pytest.fixture
def model(flowers):
    return flowers[0]


@pytest.fixture
def exported(flowers):
    _, rows, report = flowers
    return report.path.parent, rows, report


def test_the_layout_is_the_one_that_tensorflow_serving_reads(exported):
    path, _, report = exported
    assert report.path == path / "1"
    assert (path / "1/saved_model.pb").is_file()
    assert [entry.name for entry in path.iterdir()] == ["1"]
    assert json.loads((path / "1/assets.extra/trainwise.json").read_text()) == {"task": "x"}


def test_the_report_says_what_was_proved(exported):
    _, _, report = exported
    assert report.max_difference <= report.tolerance == 1e-5
    assert report.rows == 32
    assert report.signatures["serving_default"] == {
        "inputs": {"flower": "float32 (?, 4)"},
        "outputs": {"species": "float32 (?, 3)"},
    }
    assert set(report.signatures["classify"]["outputs"]) == {"class", "probability"}


def test_a_process_without_trainwise_reads_classes_and_probabilities(exported, model):
    path, rows, _ = exported
    code = (
        "import sys; sys.modules['trainwise'] = None\n"
        "import tensorflow as tf, numpy as np, json\n"
        f"loaded = tf.saved_model.load({str(path / '1')!r})\n"
        f"x = tf.constant(np.array({rows[:5].tolist()!r}, 'float32'))\n"
        "named = loaded.signatures['classify'](flower=x)\n"
        "plain = loaded.signatures['serving_default'](flower=x)['species']\n"
        "words = [w.decode() for w in named['class'].numpy()]\n"
        "print(json.dumps([words, named['probability'].numpy().tolist(), plain.numpy().tolist()]))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=300)
    classes, probabilities, plain = json.loads(done.stdout)
    expected = model.predict(rows[:5], verbose=0)
    np.testing.assert_allclose(plain, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities, expected.max(axis=1), atol=1e-6)
    names = np.array(["setosa", "versicolor", "virginica"])
    assert classes == names[expected.argmax(axis=1)].tolist()


def test_a_further_export_takes_the_next_number_also_of_a_model_in_bfloat16(tmp_path):
    (tmp_path / "7").mkdir()
    # numpy has no such type, and a fresh process must write its answers down all the same.
    half = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax", dtype="mixed_bfloat16")])
    assert tw.export(half, tmp_path, np.ones((3, 4))).version == 8
    assert latest_version(tmp_path) == tmp_path / "8"


def test_a_model_that_answers_by_chance_is_refused_and_removed(tmp_path):
    model = keras.Sequential([keras.Input((2,)), Jitter()])
    with pytest.raises(tw.ExportRefusedError, match="differ from the model.s by up to .* draws random numbers"):
        tw.export(model, tmp_path / "chance")
    assert list((tmp_path / "chance").iterdir()) == []


def test_a_model_that_answers_nan_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), tw.layers.Standardize()])
    with pytest.raises(tw.ExportRefusedError, match="nan"):
        tw.export(model, tmp_path / "nan")
    assert list((tmp_path / "nan").iterdir()) == []


def test_random_augmentation_is_switched_off_in_the_export(tmp_path):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.RandomFlip(seed=0), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    report = tw.export(model, tmp_path / "flip")
    assert report.max_difference <= 1e-5
    assert report.signatures["serving_default"]["inputs"] == {"inputs": "float32 (?, 6, 6, 1)"}
    assert report.signatures["serving_default"]["outputs"] == {"output": "float32 (?, 1)"}


def test_named_inputs_of_words_and_numbers_are_exported(tmp_path):
    inputs = {"city": keras.Input((1,), name="city", dtype="string"), "age": keras.Input((1,), name="age")}
    city = keras.layers.StringLookup(vocabulary=["Bonn", "Ulm"], output_mode="one_hot")(inputs["city"])
    joined = keras.layers.Concatenate()([city, inputs["age"]])
    model = keras.Model(inputs, keras.layers.Dense(1, name="rent")(joined))
    rows = {"city": keras.ops.convert_to_tensor([["Bonn"], ["Ulm"], ["Rom"]]), "age": np.array([[1.0], [2.0], [3.0]])}
    report = tw.export(model, tmp_path / "rent", rows)
    assert report.signatures["serving_default"]["inputs"] == {"age": "float32 (?, 1)", "city": "string (?, 1)"}


def test_inputs_of_any_name_and_length_are_exported_and_the_proof_lies_beside_the_model(tmp_path):
    inputs = {"self": keras.Input((None, 2), name="self"), "size (cm)": keras.Input((1,), name="size (cm)")}
    summed = keras.layers.GlobalAveragePooling1D()(inputs["self"])
    joined = keras.layers.Concatenate()([summed, inputs["size (cm)"]])
    model = keras.Model(inputs, keras.layers.Dense(1, name="answer")(joined))
    (tmp_path / "odd/.draft-mine").mkdir(parents=True)  # by its name alone no draft of ours
    report = tw.export(model, tmp_path / "odd", schema={"run": "this one"})
    assert report.signatures["serving_default"]["inputs"] == {
        "self_column": "float32 (?, ?, 2)",
        "size__cm_": "float32 (?, 1)",
    }
    assert any("'self' is self_column, 'size (cm)' is size__cm_" in sentence for sentence in report.proof)
    assert any("other lengths of the axes that the model leaves open" in sentence for sentence in report.proof)
    assert published_before(tmp_path / "odd", "this one") == report
    assert published_before(tmp_path / "odd", "another") is None
    assert published_before(tmp_path / "nowhere", "this one") is None
    (report.path / "assets.extra/trainwise.json").write_text("{")
    assert published_before(tmp_path / "odd", "this one") is None
    assert sorted(path.name for path in (tmp_path / "odd").iterdir()) == [".draft-mine", "1"]


def test_a_graph_that_answers_the_rows_given_and_fails_at_other_lengths_is_refused(tmp_path):
    # Traced for more steps than rows, Keras' TimeDistributed fails for fewer (keras-team/keras#19876).
    inputs = keras.Input((None, 4, 2))
    each = keras.layers.TimeDistributed(keras.layers.Flatten())(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(each))
    with pytest.raises(tw.ExportRefusedError, match="fails on rows of|differ from the model's"):
        tw.export(model, tmp_path, np.random.default_rng(0).normal(size=(4, 9, 4, 2)))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused(model, tmp_path):
    with pytest.raises(TypeError, match="got str"):
        tw.export("model", tmp_path)
    with pytest.raises(ValueError, match="not built"):
        tw.export(keras.Sequential([keras.layers.Dense(1)]), tmp_path)
    with pytest.raises(ValueError, match="must name 3 classes, got 2"):
        tw.export(model, tmp_path, classes=["a", "b"])
    with pytest.raises(ValueError, match="\\(0, 4\\)"):
        tw.export(model, tmp_path, np.zeros((0, 4)))
    with pytest.raises(FileNotFoundError, match="no SavedModel"):
        latest_version(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(model, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        tw.export(model, tmp_path / "taken")


def test_a_folder_that_may_not_be_written_is_told_with_the_cure(model):
    # Neither may an administrator, as whom tests in containers run.
    with pytest.raises(
        OSError, match=r"cannot be written to /proc/models: .*\. Make room there, or give another folder"
    ):
        tw.export(model, "/proc/models")


def test_a_disk_that_fills_up_while_writing_leaves_nothing_behind(tmp_path):
    code = (
        "import resource, keras, numpy as np, trainwise as tw\n"
        "model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(200)])\n"
        "model.predict(np.zeros((32, 200)), verbose=0)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        f"    tw.export(model, {str(tmp_path / 'full')!r})\n"
        "except OSError as error:\n"
        "    print('refused:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert re.search("refused: The SavedModel cannot be written to .*full: [^{]*Make room there", done.stdout), (
        done.stderr
    )
    assert os.listdir(tmp_path / "full") == []


def test_a_file_in_the_working_folder_that_the_caller_does_not_import_is_not_imported(tmp_path, monkeypatch, model):
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    assert tw.export(model, tmp_path / "model").version == 1
