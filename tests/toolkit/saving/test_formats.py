"""The same model as ONNX, LiteRT and .keras: by its own runtime, and what a format cannot carry is said."""

import importlib.util
import sys

import keras
import numpy as np
import pytest
from scipy.special import erf

import trainwise as tw
from trainwise.toolkit.saving.formats import checked_formats, run_again
from trainwise.toolkit.saving.ports import ports_of

L = keras.layers
WITHOUT = [name for name in ("onnx", "onnxruntime", "tf2onnx", "ai_edge_litert") if not importlib.util.find_spec(name)]
needs_all = pytest.mark.skipif(
    bool(WITHOUT), reason=f"needs {', '.join(WITHOUT)}: pip install 'trainwise[onnx,litert]'"
)


def _rows(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model with statistics inside, in all formats; its rows, kernels by hand and report."""
    keras.utils.set_random_seed(0)
    rows = _rows(40, 16)
    scaled = L.Normalization()
    scaled.adapt(3 * rows + 1)
    hidden, out = L.Dense(128, "gelu"), L.Dense(3, name="answer")
    model = keras.Sequential([keras.Input((16,), name="row"), scaled, hidden, out])
    report = tw.export(
        model, tmp_path_factory.mktemp("formats") / "m", rows, formats=("keras", "onnx", "litert", "litert_int8")
    )
    mean, deviation = (3 * rows + 1).mean(axis=0), (3 * rows + 1).std(axis=0)
    inner = (rows - mean) / deviation @ np.asarray(hidden.kernel) + np.asarray(hidden.bias)
    # GELU as in its paper (arXiv:1606.08415): no format has it under this name.
    inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
    return rows, inner @ np.asarray(out.kernel) + np.asarray(out.bias), report


@needs_all
def test_each_file_answers_by_the_names_of_the_signature(exported):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    rows, expected, report = exported
    folder = report.path / "formats"
    onnx = onnxruntime.InferenceSession(folder / "model.onnx").run(["answer"], {"row": rows})[0]
    np.testing.assert_allclose(onnx, expected, rtol=1e-4, atol=1e-5)
    lite = Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")(row=rows)["answer"]
    np.testing.assert_allclose(lite, expected, rtol=1e-4, atol=1e-5)
    plain = keras.models.load_model(folder / "model.keras").predict(rows, verbose=0)
    np.testing.assert_allclose(plain, expected, rtol=1e-4, atol=1e-5)


@needs_all
def test_the_report_and_the_card_say_how_far_off_each_format_is(exported):
    _, _, report = exported
    assert list(report.formats) == ["keras", "onnx", "litert", "litert_int8"]
    for name in ("keras", "onnx", "litert"):
        assert report.formats[name]["max_difference"] <= report.formats[name]["tolerance"] <= 1e-4
    small = report.formats["litert_int8"]
    assert small["bytes"] < 0.7 * report.formats["litert"]["bytes"]
    assert 1e-6 < small["max_difference"] < 0.5
    assert "Weights of 8 bits: answers differ by up to" in small["note"]
    page = (report.path / "card.md").read_text()
    assert "## Other formats" in page and "formats/model_int8.tflite" in page


@needs_all
def test_formats_are_proved_again_with_the_version(exported):
    said = " ".join(tw.verify(exported[2].path).proof)
    assert "ONNX answered them too" in said and said.count("LiteRT answered them too") == 2
    assert "Keras answered them too" in said


@keras.saving.register_keras_serializable(package="tests")
class Shift(L.Layer):
    """A layer of the user's."""

    def call(self, inputs):
        return inputs + 1


def _run_again(folder, model, answers, form="row"):
    (folder / "formats").mkdir(exist_ok=True)
    model.save(folder / "formats/model.keras")
    card = {"tolerance": 1e-5, "any_rows": True, "form": form}
    return run_again("keras", card, folder, folder, {"row": np.ones((3, 2), "float32")}, answers)


def test_a_keras_file_is_run_again_where_its_classes_are_and_else_they_are_named(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((2,), name="row"), Shift(name="out")])
    drawn = np.random.get_state()[1].copy()
    assert "Keras answered them too" in _run_again(tmp_path, model, {"out": np.full((3, 2), 2.0)})
    assert np.array_equal(np.random.get_state()[1], drawn)
    with pytest.raises(tw.ExportRefusedError, match="differ from the model's .*The format is 'keras'"):
        _run_again(tmp_path, model, {"out": np.full((3, 2), 2.5)})
    with pytest.raises(tw.ExportRefusedError, match="does not come back: it takes other, and the rows hold row"):
        _run_again(tmp_path, model, {"out": np.full((3, 2), 2.0)}, "other")
    monkeypatch.delitem(keras.saving.get_custom_objects(), "tests>Shift")
    said = run_again("keras", {}, tmp_path, tmp_path, {}, {})
    assert "Keras was not run" in said and "it needs tests>Shift, which nobody has registered here" in said


def test_a_keras_file_with_code_is_not_run_again(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="row"), L.Lambda(lambda t: t, name="out")])
    with pytest.raises(tw.ExportRefusedError, match="does not come back: .* holds Python code"):
        _run_again(tmp_path, model, {"out": np.ones((3, 2))})


@needs_all
def test_a_loop_over_time_is_carried_one_row_at_a_time(tmp_path):
    model = keras.Sequential([keras.Input((None, 2)), L.GRU(3)])
    report = tw.export(model, tmp_path / "gru", _rows(9, 4, 2), formats=["litert"])
    assert report.formats["litert"]["note"] == "It takes one row at a time."
    assert report.formats["litert"]["max_difference"] <= 1e-4


@needs_all
def test_an_operation_that_a_format_lacks_is_named_and_nothing_is_published(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.ops.erfinv(keras.ops.tanh(inputs)))
    for name, match in (("onnx", "ONNX has no operation Erfinv"), ("litert", "LiteRT .* has no operation Erfinv")):
        with pytest.raises(tw.ExportRefusedError, match=match):
            tw.export(model, tmp_path / "m", formats=[name])
    assert list((tmp_path / "m").iterdir()) == []


def test_words_are_refused_before_anything_is_written(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    inputs = keras.Input((1,), dtype="string", name="city")
    ports = ports_of(keras.Model(inputs, L.StringLookup(vocabulary=["a"])(inputs)))
    with pytest.raises(ValueError, match="LiteRT has no tables of words, and the input 'city' takes words"):
        checked_formats(["litert"], ports)
    assert checked_formats(["keras"], ports) == ("keras",)


def test_half_precision_that_a_format_does_not_carry_is_refused_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, dtype="mixed_bfloat16")])
    with pytest.raises(
        ValueError, match="ONNX carries no bfloat16, .* build it in 'float32' and give it the same weights"
    ):
        tw.export(model, tmp_path, formats=["onnx"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="LiteRT carries no float16"):
        checked_formats(["litert"], half="float16")
    assert checked_formats(["onnx", "keras"], half="float16") == ("onnx", "keras")


def test_formats_of_other_names_and_packages_that_are_missing_are_told(flowers, tmp_path, monkeypatch):
    model, rows, _ = flowers
    with pytest.raises(TypeError, match="must be a list of names, such as .*, got 'onnx'"):
        tw.export(model, tmp_path, rows, formats="onnx")
    with pytest.raises(ValueError, match="must be of 'keras', 'onnx', .*, got 'pmml'"):
        tw.export(model, tmp_path, rows, formats=["pmml"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'ONNX needs the package onnx: pip install "trainwise\[onnx\]"'):
        tw.export(model, tmp_path, rows, formats=["onnx"])
    with pytest.raises(
        ImportError, match=r'LiteRT needs the package ai_edge_litert: pip install "trainwise\[litert\]"'
    ):
        tw.export(model, tmp_path, rows, formats=["litert"])
    assert not (tmp_path / "1").exists()


def test_a_keras_file_whose_classes_are_not_registered_is_refused(tmp_path):
    class Unknown(L.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.Input((2,)), Unknown()])
    with pytest.raises(tw.ExportRefusedError, match="does not come back: the class Unknown is not registered"):
        tw.export(model, tmp_path / "m", formats=["keras"])
    assert list((tmp_path / "m").iterdir()) == []


def test_the_process_of_a_runtime_says_its_last_line_where_it_fails(tmp_path):
    from trainwise.toolkit.saving.formats import answered

    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(tw.ExportRefusedError, match=r"the runtime of model.onnx could not answer the rows: "):
        answered(tmp_path / "model.onnx", tmp_path, {"x": np.ones((2, 1))})
    assert "onnxruntime" not in sys.modules or not WITHOUT
