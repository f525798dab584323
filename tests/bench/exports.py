"""Exports, measured. `python tests/bench/exports.py layers|latency|seconds [--report FILE]`, or all of them.

`layers`: which layers of Keras leave as SavedModel, ONNX and LiteRT, each a model of that one layer run by the format's
own runtime; the largest difference, or the sentence why not; and OpenVINO's, an independent reader of the SavedModel.
`latency`: one row through the exported vote of 8, beside its 8 members exported one by one, in plain TensorFlow.
`seconds`: of `tw.export` on a vote of 3 small CNNs.
"""

import importlib.util
import json
import os
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import trainwise as tw

L = keras.layers
STEPS, IMAGE, VOLUME, ROW = (6, 4), (8, 8, 3), (4, 4, 4, 2), (6,)
# Every layer that spaces and first models are made of, and those that people add: input shape, and the layer.
LAYERS = {
    "Dense": (ROW, lambda: L.Dense(3)),
    "EinsumDense": (STEPS, lambda: L.EinsumDense("abc,cd->abd", (None, 3))),
    "Embedding": (ROW, lambda: L.Embedding(9, 3)),
    "Activation relu": (ROW, lambda: L.Activation("relu")),
    "Activation gelu": (ROW, lambda: L.Activation("gelu")),
    "Activation swish": (ROW, lambda: L.Activation("silu")),
    "Softmax": (ROW, L.Softmax),
    "ELU": (ROW, L.ELU),
    "LeakyReLU": (ROW, L.LeakyReLU),
    "PReLU": (ROW, L.PReLU),
    "Conv1D": (STEPS, lambda: L.Conv1D(3, 3)),
    "Conv2D": (IMAGE, lambda: L.Conv2D(4, 3, padding="same")),
    "Conv3D": (VOLUME, lambda: L.Conv3D(2, 2)),
    "Conv1DTranspose": (STEPS, lambda: L.Conv1DTranspose(3, 3)),
    "Conv2DTranspose": (IMAGE, lambda: L.Conv2DTranspose(4, 3, strides=2)),
    "DepthwiseConv2D": (IMAGE, lambda: L.DepthwiseConv2D(3)),
    "SeparableConv1D": (STEPS, lambda: L.SeparableConv1D(3, 3)),
    "SeparableConv2D": (IMAGE, lambda: L.SeparableConv2D(4, 3)),
    "MaxPooling1D": (STEPS, lambda: L.MaxPooling1D(2)),
    "MaxPooling2D": (IMAGE, lambda: L.MaxPooling2D(2)),
    "AveragePooling2D": (IMAGE, lambda: L.AveragePooling2D(2)),
    "GlobalAveragePooling1D": (STEPS, L.GlobalAveragePooling1D),
    "GlobalAveragePooling2D": (IMAGE, L.GlobalAveragePooling2D),
    "GlobalMaxPooling2D": (IMAGE, L.GlobalMaxPooling2D),
    "BatchNormalization": (IMAGE, L.BatchNormalization),
    "LayerNormalization": (STEPS, L.LayerNormalization),
    "GroupNormalization": (IMAGE, lambda: L.GroupNormalization(3)),
    "RMSNormalization": (STEPS, L.RMSNormalization),
    "UnitNormalization": (ROW, L.UnitNormalization),
    "SpectralNormalization": (ROW, lambda: L.SpectralNormalization(L.Dense(3))),
    "Normalization": (ROW, lambda: L.Normalization(mean=[1.0] * 6, variance=[2.0] * 6)),
    "Rescaling": (IMAGE, lambda: L.Rescaling(1 / 255, -1)),
    "Resizing": (IMAGE, lambda: L.Resizing(5, 5)),
    "CenterCrop": (IMAGE, lambda: L.CenterCrop(4, 4)),
    "Discretization": (ROW, lambda: L.Discretization([-0.5, 0.0, 0.5])),
    "CategoryEncoding": (ROW, lambda: L.CategoryEncoding(9, output_mode="multi_hot")),
    "SimpleRNN": (STEPS, lambda: L.SimpleRNN(3)),
    "LSTM": (STEPS, lambda: L.LSTM(3)),
    "GRU": (STEPS, lambda: L.GRU(3, return_sequences=True)),
    "Bidirectional": (STEPS, lambda: L.Bidirectional(L.LSTM(3))),
    "LSTM, any length": ((None, 4), lambda: L.LSTM(3)),
    "ConvLSTM1D": ((4, 6, 2), lambda: L.ConvLSTM1D(2, 3)),
    "TimeDistributed": ((4, 6), lambda: L.TimeDistributed(L.Dense(2))),
    "MultiHeadAttention": (STEPS, None),
    "Dropout": (ROW, lambda: L.Dropout(0.5)),
    "SpatialDropout1D": (STEPS, lambda: L.SpatialDropout1D(0.5)),
    "GaussianNoise": (ROW, lambda: L.GaussianNoise(0.5)),
    "RandomFlip": (IMAGE, L.RandomFlip),
    "RandomRotation": (IMAGE, lambda: L.RandomRotation(0.2)),
    "Flatten": (IMAGE, L.Flatten),
    "Reshape": (ROW, lambda: L.Reshape((2, 3))),
    "Permute": (STEPS, lambda: L.Permute((2, 1))),
    "RepeatVector": (ROW, lambda: L.RepeatVector(3)),
    "Cropping1D": (STEPS, L.Cropping1D),
    "ZeroPadding2D": (IMAGE, L.ZeroPadding2D),
    "UpSampling2D": (IMAGE, L.UpSampling2D),
    "UpSampling2D, bilinear": (IMAGE, lambda: L.UpSampling2D(interpolation="bilinear")),
    "Standardize": (ROW, lambda: _adapted(tw.layers.Standardize())),
    "MinMax": (ROW, lambda: _adapted(tw.layers.MinMax())),
    "Robust": (ROW, lambda: _adapted(tw.layers.Robust())),
    "NumberEncoding": (
        (2,),
        lambda: tw.layers.NumberEncoding([1.0, 2.0], [0.0, 1.0], [0.0, 2.0], [0.5, 0.1], [2.0, 3.0], [1], [[0, 1.0]]),
    ),
    "StringLookup": ((1,), lambda: L.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")),
    "TextVectorization": ((1,), lambda: L.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)),
}
WORDS, WHOLE = ("StringLookup", "TextVectorization"), ("Embedding", "CategoryEncoding")
FORMATS = ("onnx", "litert")


def _adapted(layer):
    layer.adapt(np.random.default_rng(0).normal(size=(20, 6)))
    return layer


def _model(name):
    shape, make = LAYERS[name]
    kind = "string" if name in WORDS else "int32" if name in WHOLE else "float32"
    inputs = keras.Input(shape, dtype=kind, name="rows")
    if name == "MultiHeadAttention":
        return keras.Model(inputs, L.MultiHeadAttention(2, 3)(inputs, inputs))
    return keras.Model(inputs, make()(inputs))


def _rows(name):
    shape = [side or 5 for side in LAYERS[name][0]]
    generator = np.random.default_rng(0)
    if name in WORDS:
        return generator.choice(["a", "b", "a b", "c"], (8, *shape))
    if name in WHOLE:
        return generator.integers(0, 9, (8, *shape))
    return generator.normal(size=(8, *shape)).astype("float32")


def _judged(model, folder, rows):
    """The largest difference of OpenVINO's answers from the model's, or why it has none."""
    import openvino

    try:
        core = openvino.Core()
        # As exact as it can: on some processors it would compute in bfloat16.
        served = core.compile_model(openvino.convert_model(str(folder)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        found = next(iter(served(rows).values()))
    # Whatever its reader and its plug-ins raise.
    except Exception as error:
        lacking = re.search(r"operations?: (\w+)", str(error))
        return f"OpenVINO has no operation {lacking[1]}" if lacking else re.sub(r"\s+", " ", str(error).strip())[:100]
    wanted = np.asarray(model.predict(rows, verbose=0))
    if found.shape != wanted.shape:
        return f"shape {found.shape} for {wanted.shape}"
    return f"{np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))):.0e}"


def _cells(name, formats, judge):
    """What became of the SavedModel and of each format: all at once, and where one is refused, one by one."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            model, rows = _model(name), _rows(name)
            report = tw.export(model, Path(folder) / "m", rows, formats=formats)
            judged = []
            if judge:
                judged = [
                    "takes no words" if name in WORDS else _judged(model, report.path, rows.astype(model.input.dtype))
                ]
    except (tw.ExportRefusedError, ValueError, TypeError) as error:
        if len(formats) > 1:
            each = [_cells(name, (one,), judge and place == 0) for place, one in enumerate(formats)]
            return [each[0][0], *(cells[1] for cells in each), *each[0][2:]]
        if formats:
            said = str(error).removeprefix("The export was refused: ").split(". Nothing was published")[0]
            said = said.split(", and the input")[0]
            alone = _cells(name, (), judge)
            return [alone[0], re.sub(r"\s+", " ", said)[:150], *alone[1:]]
        return [str(error)[:150], *(["was not asked"] if judge else [])]
    found = [report.formats[one] for one in formats]
    return [
        f"{report.max_difference:.0e}",
        *(f"{one['max_difference']:.0e}{'' if one['any_rows'] else ', one row at a time'}" for one in found),
        *judged,
    ]


def layers():
    """The table of layers and formats, as Markdown lines."""
    have = [one for one in FORMATS if importlib.util.find_spec("onnxruntime" if one == "onnx" else "ai_edge_litert")]
    judge = importlib.util.find_spec("openvino") is not None
    columns = ["SavedModel", *have, *(["SavedModel in OpenVINO"] if judge else [])]
    lines = [f"| layer | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    counts = dict.fromkeys(columns, 0)
    for name in LAYERS:
        cells = _cells(name, tuple(have), judge)
        for column, cell in zip(counts, cells, strict=True):
            counts[column] += bool(re.match(r"\de", cell))
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return {"table": lines, "of": len(LAYERS), "carried": counts}


def _member():
    return keras.Sequential([keras.Input((64,)), L.Dense(128, "relu"), L.Dense(64, "relu"), L.Dense(10, "softmax")])


def latency():
    """Milliseconds of one row, medians of 300 calls each, in turn."""
    import tensorflow as tf

    members = [_member() for _ in range(8)]
    row = np.random.default_rng(0).normal(size=(1, 64)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        vote = tf.saved_model.load(str(tw.export(tw.vote(members), Path(folder) / "vote").path))
        alone = [tf.saved_model.load(str(tw.export(one, Path(folder) / f"m{k}").path)) for k, one in enumerate(members)]
        joined, served = vote.signatures["serving_default"], [one.signatures["serving_default"] for one in alone]
        given = tf.constant(row)
        first = np.mean([next(iter(one(inputs=given).values())).numpy() for one in served], axis=0)
        assert np.abs(next(iter(joined(inputs=given).values())).numpy() - first).max() < 1e-5
        ours, theirs = [], []
        for _ in range(300):
            start = time.perf_counter()
            joined(inputs=given)
            between = time.perf_counter()
            np.mean([next(iter(one(inputs=given).values())).numpy() for one in served], axis=0)
            ours.append(between - start)
            theirs.append(time.perf_counter() - between)
    ours, theirs = 1e3 * np.median(ours), 1e3 * np.median(theirs)
    return {"vote_ms": round(ours, 3), "members_ms": round(theirs, 3), "times": round(theirs / ours, 1)}


def seconds():
    """Seconds of an export, beside those of a process that only imports TensorFlow, medians of 5 in turn."""
    import subprocess

    def member():
        return keras.Sequential(
            [
                keras.Input((8, 8, 1)), L.Conv2D(16, 3, activation="relu"), L.Conv2D(32, 3, activation="relu"),
                L.GlobalAveragePooling2D(), L.Dense(10, "softmax"),
            ]
        )  # fmt: skip

    vote, rows = tw.vote([member() for _ in range(3)]), np.random.default_rng(0).normal(size=(32, 8, 8, 1))
    found, imports = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            tw.export(vote, Path(folder) / "m", rows, classes=[str(k) for k in range(10)])
            found.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", "import tensorflow"], check=True, capture_output=True)
        imports.append(time.perf_counter() - start)
    return {"export_s": round(np.median(found), 2), "import_tensorflow_s": round(np.median(imports), 2)}


def main(words):
    """Runs what is named, or all."""
    report = words[words.index("--report") + 1] if "--report" in words else None
    asked = [word for word in words if word in ("layers", "latency", "seconds")] or ["layers", "latency", "seconds"]
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in asked:
            found[name] = {"layers": layers, "latency": latency, "seconds": seconds}[name]()
            print(name, json.dumps({key: value for key, value in found[name].items() if key != "table"}), flush=True)
    if report:
        Path(report).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
