"""Bad input for the command line: every option, and damaged files of each format.

Run by hand, all of it (the tests draw some): `python tests/bad_inputs.py [words of the label]` prints what
was not refused in one sentence, and ends with 1 where something was.
"""

import io
import itertools
import json
import struct
import sys
import tempfile
import time
import typing
import warnings
import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np

COUNTS = ("x", "1.5", "", "-1", "0", "1e3", "nan", str(10**23), str(-(10**23)))
SHARES = ("x", "", "-1", "0", "nan", "-inf", "1e", "0x10")
WORDS = ("", "nope", "NOPE.", "../..", "한국", "x" * 3000)
# Taken as they are: 0 is a seed, and any text may be a language's or a folder's name elsewhere.
FINE = {("seed", "0"), ("workers", "ray"), ("momentum", "0"), ("in_memory", "0")}
KINDS = {
    "task": WORDS,
    "space": WORDS,
    "oracle": WORDS,
    "stopper": WORDS,
    "precision": WORDS,
    "language": WORDS,
    "workers": COUNTS,
    "target": WORDS,
    "drop": WORDS,
    "column": (*WORDS, "a=", "=text", "a=colour", "nope=text", "a=date"),
    "group": (*WORDS, "t"),
    "time": (*WORDS, "t"),
    "data": WORDS,
    "augmentation": (*WORDS, "shift"),
    "class_weights": WORDS,
    "rare": WORDS,
    "text": WORDS,
    "in_memory": (*COUNTS, "99"),
    "forecast": COUNTS,
    "window": (*COUNTS, "3"),
    "sequence": (*WORDS, "a"),
    "optimizer": (*WORDS, "muon"),
    "method": WORDS,
    "config": ("nowhere.toml", "taken", "good_report.json", ".", "good_run/run.toml"),
}
GOOD_CSV = "a,b,t\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(30))
MODEL_TASK = {"task": "regression", "target": "t", "classes": None, "columns": None, "features": ["a"], "shape": [1]}


def tables():
    """CSV files, by name: what is in them."""
    rows = [f"{i},{i * i % 7},{'xy'[i % 2]}" for i in range(30)]

    def table(*lines, head="a,b,t"):
        return "\n".join([head, *lines]) + "\n"

    return {
        "empty": "",
        "blank": "\n\n\n",
        "header": "a,b,t\n",
        "one_row": table(rows[0]),
        "one_column": table("1", "2", head="t"),
        "quote": table(*rows[:9], '"9,1,x', *rows[10:]),
        "quote_last": table(*rows, '30,2,"x'),
        "cut_utf16": GOOD_CSV.encode("utf-16")[:-1],
        "date": table(*[f"2020-01-{i + 1:02d},{i},{'xy'[i % 2]}" for i in range(30)], "2020-02-30,1,x"),
        "gaps": table(*[f"{i},{i}," for i in range(30)]),
        "short": table(*rows, "1,2"),
        "long": table(*rows, "1,2,x,3"),
        "twice": table(*rows, head="a,a,t"),
        "infinite": table(*rows, "inf,2,x"),
        "huge": table(*rows, "1e39,2,x"),
        "beyond": table(*rows, "1e999,2,x"),
        "mixed": table(*rows, "one,2,x"),
        "rare": table(*rows, "1,2,z"),
        "same": table(*[f"{i},1,x" for i in range(30)]),
        "every": table(*[f"{i},1,{i}" for i in range(30)]),
        "huge_target": table(*[f"{i},1,1e{i + 10}.5" for i in range(30)]),
        "far_target": table(*[f"{i},1,{i}.5e{i}" for i in range(30)]),
        "huge_classes": table(*[f"{i},1,{10**30 + i % 2 * 10**29}" for i in range(30)]),
        "zeros": "a\0b,t\n1,2\n",
        "bytes": bytes(range(256)) * 20,
        "long_field": table(*rows, f"{'9' * 200_000},1,x"),
        "wide_words": ",".join(f"c{i}" for i in range(1200)) + "\n" + (",".join("w" * 1200) + "\n") * 9,
    }


def archives():
    """NumPy archives, by name: what is in them."""
    x, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    huge = np.full(30, 1.5)
    huge[3] = 1e300
    bad = {
        "complex": {"x": x + 1j, "y": y},
        "complex_target": {"x": x, "y": y + 1j},
        "objects": {"x": x.astype(object), "y": y},
        "dates": {"x": x.astype("datetime64[D]"), "y": y},
        "date_target": {"x": x, "y": y.astype("datetime64[D]")},
        "spans": {"x": x.astype("timedelta64[s]"), "y": y},
        "span_target": {"x": x, "y": y.astype("timedelta64[s]")},
        "records": {"x": np.zeros(30, [("a", "f4")]), "y": y},
        "record_target": {"x": x, "y": np.zeros(30, [("a", "f4")])},
        "words": {"x": x.astype(str), "y": y},
        "bytes": {"x": x.astype("S"), "y": y},
        "raw": {"x": np.zeros(30, "V4"), "y": y},
        "empty": {"x": x[:0], "y": y[:0]},
        "empty_test": {"x_train": x, "y_train": y, "x_test": x[:0], "y_test": y[:0]},
        "empty_validation": {"x_train": x, "y_train": y, "x_val": x[:0], "y_val": y[:0]},
        "unequal": {"x": x, "y": y[:-1]},
        "unequal_test": {"x_train": x, "y_train": y, "x_test": x[:3], "y_test": y[:2]},
        "half": {"x_train": x, "y_train": y, "x_test": x[:3]},
        "narrow_test": {"x_train": x, "y_train": y, "x_test": x[:9, :2], "y_test": y[:9]},
        "only_x": {"x": x},
        "nothing": {},
        "others": {"data": x, "labels": y},
        "capitals": {"X": x, "x": x + 1, "y": y},
        "one_number": {"x": np.float32(1), "y": y},
        "one_target": {"x": x, "y": np.int64(1)},
        "deep_target": {"x": x, "y": np.zeros((30, 2, 2))},
        "nan": {"x": np.where(x > 1, np.nan, x), "y": y},
        "huge": {"x": x * 1e200, "y": y},
        "huge_target": {"x": x, "y": huge},
        "infinite_target": {"x": x, "y": np.where(y == 1, np.inf, 0.5)},
        "constant": {"x": x, "y": y * 0},
        "every": {"x": x, "y": np.arange(30)},
    }
    return {name: _packed(**arrays) for name, arrays in bad.items()} | _damaged(_packed(x=x, y=y))


def _packed(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _damaged(whole):
    cut = {f"cut_{at}": whole[: int(len(whole) * at / 8)] for at in range(1, 8)}
    generator = np.random.default_rng(0)
    flipped = {}
    # Within the first array and its header: the archive's own fields hold times and the like, which may be any.
    start = whole.index(b"\x93NUMPY")
    for number, place in enumerate(generator.integers(start, start + 800, 12)):
        changed = bytearray(whole)
        changed[place] ^= 255
        flipped[f"flipped_{number}"] = bytes(changed)
    at = whole.index(b"PK\x01\x02")
    encrypted, packed = bytearray(whole), bytearray(whole)
    encrypted[6] |= 1
    encrypted[at + 8] |= 1
    packed[8:10] = packed[at + 10 : at + 12] = struct.pack("<H", 77)
    odd = {
        "encrypted": bytes(encrypted),
        "unknown_packing": bytes(packed),
        "text": b"no archive",
        "pickle": b"\x80\x04N.",
    }
    return {
        **cut,
        **flipped,
        **odd,
        "claims": _claiming((10**11, 3)),
        "claims_most": _claiming((2**62, 2**62)),
        "negative": _claiming((-5, 3)),
        "member": _zipped("x.npy", b"text"),
    }


def _claiming(shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return _zipped("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8))


def _zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def histories():
    """CSVLogger files, by name: what is in them."""
    return {
        "empty": "",
        "header": "epoch,loss\n",
        "words": "epoch,loss\n0,one\n",
        "no_loss": "epoch,val\n0,1\n",
        "gap": "epoch,loss\n0,1\n2,1\n",
        "again": "epoch,loss\n0,1\n0,1\n",
        "twice": "epoch,loss,loss\n0,1,2\n",
        "long": "epoch,loss\n0,1,2\n",
        "quote": 'epoch,loss\n0,"1\n',
        "long_field": f"epoch,loss\n0,{'9' * 200_000}\n",
        "bytes": bytes(range(256)),
        "utf16": "epoch,loss\n0,1\n".encode("utf-16"),
        "no_epoch": "epoch,loss\n,1\n",
        "epochs_of_words": "epoch,loss\na,1\n",
    }


def reports():
    """What may stand in the place of a run's `report.json`."""
    odd = [
        {}, {"title": 1}, {"title": "x", "data": 3}, {"title": "x", "data": {"name": ["a"], "rows": 3}},
        {"title": "x", "members": [3]}, {"title": "x", "members": {"a": 1}}, {"title": "x", "checks": [{}]},
        {"title": "x", "members": [{"history": 3}]},
        {"title": "x", "evaluation": {"results": [{"winner": True, "value": "good"}]}},
        {"title": "x", "seconds": {"load": "long"}}, {"title": "x", "seconds": 3},
        {"title": "x", "export": "models"}, {"title": "x", "search": 3}, {"title": "x", "search": {"leaderboard": 3}},
    ]  # fmt: skip
    return [*map(json.dumps, [*odd, [], None, 3]), "", "{", "[" * 100_000, "\x00", '{"title": "x"']


def schemas():
    """What may stand in the place of an exported model's schema."""
    changes = [
        {"features": None},
        {"features": "a"},
        {"features": [1]},
        {"target": 3},
        {"task": "ranking"},
        {"task": []},
        {"shape": None},
        {"shape": [0]},
        {"shape": [-1]},
        {"shape": [10**30]},
        {"shape": "1"},
        {"shape": [1.5]},
        {"shape": [True]},
        {"shape": [2]},
        {"columns": []},
        {"columns": {}},
        {"columns": {"b": ["a", "words"]}},
        {"columns": {"a": ["a"]}},
        {"columns": {"a": ["a", "dates"]}},
        {"task": "multiclass"},
        {"task": "multiclass", "classes": ["x"]},
        {"task": "multiclass", "classes": ["x", "y", "z"]},
        {"task": "binary", "classes": [1, 2]},
        {"columns": {"a": ["nowhere", "numbers"]}, "shape": None},
    ]
    whole = [{**MODEL_TASK, **change} for change in changes]
    return [*map(json.dumps, [*whole, {}, [], None, 3]), "", "{", "[" * 100_000, "\x00"]


def write_all(folder):
    """Writes good files and all bad ones; gives back the bad ones by format."""
    import keras

    (folder / "good.csv").write_text(GOOD_CSV)
    (folder / "good_history.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,0.3\n3,0.25\n")
    (folder / "taken").write_text("a file")
    (folder / "rows.csv").write_text("a\n1\n")
    found = {"data": [], "history": [], "keras": [], "saved": [], "report": []}
    (folder / "good_report.json").write_text('{"title": "good"}')
    (folder / "good_run").mkdir()
    (folder / "good_run/report.json").write_text('{"title": "good"}')
    # Of a command that takes no such option.
    (folder / "good_run/run.toml").write_text('command = "run"\n[options]\ndata = "good.csv"\nnowhere = 3\n')
    for number, content in enumerate(reports()):
        found["report"].append(f"report_{number}.json")
        (folder / found["report"][-1]).write_text(content)
    for kind, ending, contents in (
        ("data", "csv", tables()),
        ("data", "npz", archives()),
        ("history", "csv", histories()),
    ):
        for name, content in contents.items():
            path = folder / f"{kind}_{name}.{ending}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            found[kind].append(path.name)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(folder / "good.keras")
    found["keras"] = _write_models(folder)
    found["saved"] = _write_saved(folder)
    return found


def _write_models(folder):
    whole = (folder / "good.keras").read_bytes()
    bad = {"cut": whole[: len(whole) // 2], "text": b"no model", "empty": b""}
    with zipfile.ZipFile(folder / "good.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    code = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "x"}}},
    }
    deep = b'{"module": ' * 5000 + b"1" + b"}" * 5000
    odd = {
        "no_config": None,
        "deep": deep,
        "list": b"[]",
        "half": members["config.json"][:40],
        "no_class": b'{"module": "keras"}',
        "unknown": json.dumps({**config, "class_name": "Nowhere"}).encode(),
        "code": json.dumps(code).encode(),
        "no_layers": json.dumps({**config, "config": {}}).encode(),
        "layers": json.dumps({**config, "config": {"layers": 3}}).encode(),
    }
    for name, content in odd.items():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for member, kept in ({**members, "config.json": content}).items():
                if kept is not None:
                    archive.writestr(member, kept)
        bad[name] = file.getvalue()
    for name, content in bad.items():
        (folder / f"{name}.keras").write_bytes(content)
    return [f"{name}.keras" for name in bad]


def _write_saved(folder):
    """SavedModels whose files are cut or absent, whose schema is odd, or that do more than arithmetic."""
    import shutil

    import tensorflow as tf

    def save(name, compute):
        module = tf.Module()
        module.weight = tf.Variable([[2.0]])
        module.serve = tf.function(
            lambda inputs: {"output": compute(inputs, module.weight)},
            input_signature=[tf.TensorSpec((None, 1), tf.float32, name="inputs")],
            autograph=False,
        )
        tf.saved_model.save(module, str(folder / name / "1"), signatures={"serving_default": module.serve})
        (folder / name / "1/assets.extra").mkdir()
        (folder / name / "1/assets.extra/trainwise.json").write_text(json.dumps(MODEL_TASK))

    def writing(inputs, weight):
        tf.io.write_file(str(folder / "written"), "x")
        return inputs @ weight

    def printing(inputs, weight):
        tf.print("x", output_stream=f"file://{folder / 'written'}")
        return inputs @ weight

    save("model", lambda inputs, weight: inputs @ weight)
    save("writing", writing)
    save("printing", printing)
    save(
        "reading",
        lambda inputs, weight: (
            inputs @ weight + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), "float32")
        ),
    )
    save("python", lambda inputs, weight: tf.numpy_function(lambda v: v, [inputs], tf.float32) @ weight)
    save(
        "within",
        lambda inputs, weight: (
            tf.map_fn(lambda row: tf.numpy_function(lambda v: v, [row], tf.float32), inputs) @ weight
        ),
    )
    save("words", lambda inputs, weight: tf.strings.as_string(inputs @ weight))
    save("fewer", lambda inputs, weight: (inputs @ weight)[:0])
    names = ["writing", "printing", "reading", "python", "within", "words", "fewer"]
    files = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    for (number, file), part in itertools.product(enumerate(files), (None, 0, 2)):
        if file == "saved_model.pb" and part is None:
            continue
        name = f"damaged_{number}_{part}"
        shutil.copytree(folder / "model", folder / name)
        path = folder / name / "1" / file
        content = path.read_bytes()
        path.unlink() if part is None else path.write_bytes(content[: len(content) // part] if part else b"")
        names.append(name)
    shutil.copytree(folder / "model", folder / "other")
    shutil.copyfile(folder / "other/1/saved_model.pb", folder / "other/1/saved_model.cpb")
    for number, schema in enumerate(schemas()):
        shutil.copytree(folder / "model", folder / f"schema_{number}")
        (folder / f"schema_{number}/1/assets.extra/trainwise.json").write_text(schema)
        names.append(f"schema_{number}")
    return [*names, "other"]


def _bad_values(command, option, hint):
    if option in ("return", "context") or "ArgumentInfo" in str(hint):
        return ()
    if option == "out" and command == "report":
        return ("taken/below", "/proc/nowhere/x", "", "\ud800")
    if option == "out":
        # Where nothing can be written; `predict` writes a file, and says so after its work.
        return () if command == "predict" else ("taken", "taken/below", "/proc/nowhere/x", "\ud800")
    of_kind = {int: COUNTS, float: SHARES, float | None: SHARES, list[float] | None: SHARES}
    return KINDS.get(option, of_kind.get(typing.get_args(hint)[0], ()))


def bad_options():
    """Every option of every command with values that it cannot have."""
    from trainwise.__main__ import app

    start = {
        "demo": ["demo"],
        "run": ["run", "--data", "good.csv"],
        "search": ["search", "--data", "good.csv"],
        "check": ["check", "good.keras", "--data", "good.csv"],
        "diagnose": ["diagnose", "good_history.csv"],
        "predict": ["predict", "model", "rows.csv"],
        "export": ["export", "good.keras"],
        "compare": ["compare", "--data", "good.csv"],
        "range_test": ["range-test", "--data", "good.csv"],
        "repair": ["repair", "good.keras", "--data", "good.csv"],
        "report": ["report", "good_report.json"],
        "reproduce": ["reproduce", "good_run"],
    }
    found = []
    for command in app.registered_commands:
        name = command.callback.__name__
        for option, hint in typing.get_type_hints(command.callback, include_extras=True).items():
            values = _bad_values(name, option, hint)
            flag = f"--{option.replace('_', '-')}"
            found += [[*start[name], flag, value] for value in values if (option, value) not in FINE]
        found += [[*start[name], "--nowhere"], [*start[name], "one", "too", "many"]]
    return found


def cases(folder):
    """Every bad command line, each a list of arguments to be run in `folder`."""
    files = write_all(folder)
    found = bad_options()
    found += [["run", "--data", name] for name in files["data"]]
    found += [["search", "--data", name, "--trials", "1"] for name in files["data"][::7]]
    found += [["check", "good.keras", "--data", name] for name in files["data"][::5]]
    found += [["compare", "--data", name] for name in files["data"][::9]]
    found += [["range-test", "--data", name] for name in files["data"][::9]]
    found += [["repair", "good.keras", "--data", name] for name in files["data"][::9]]
    found += [["repair", name, "--data", "good.csv"] for name in [*files["keras"], "nowhere.keras", "taken"]]
    found += [["range-test", "--data", "good.csv", "--lowest", "1", "--highest", "0.5"]]
    found += [["compare", "--data", "good.csv", "--nesterov"]]
    found += [["report", name] for name in [*files["report"], "nowhere", "taken", ".", ""]]
    found += [["compare", "--data", "good.csv", "--momentum", "0.9", "--optimizer", "adam"]]
    found += [["reproduce", name] for name in ["nowhere", "taken", ".", "", "good_report.json", "model"]]
    found += [["diagnose", name] for name in [*files["history"], "nowhere", "taken", "model"]]
    found += [["check", name, "--data", "good.csv"] for name in [*files["keras"], "nowhere.keras", "taken"]]
    found += [["export", name] for name in [*files["keras"], "nowhere.keras", "taken"]]
    found += [["export", "--verify", name] for name in [*files["saved"][::4], "nowhere", "taken", "."]]
    found += [["predict", name, "rows.csv"] for name in [*files["saved"], "nowhere", "taken", "."]]
    # To be answered a table need not be one to learn from.
    answered = ("one_row", "rare", "same", "every", "huge_target", "far_target", "huge_classes", "gaps")
    tables = [name for name in files["data"] if name.endswith(".csv") and name[5:-4] not in answered]
    found += [["predict", "model", name] for name in tables]
    found += [
        ["run", "--data", name]
        for name in (
            "mnist:99.9.9",
            "iris:9.9.9",
            "mnist/nowhere",
            "iris/x",
            "a:b:c",
            "/",
            "..",
            "x.xlsx",
            ".csv",
            ".npz",
        )
    ]
    found += [["run", "--data", "good.csv", "--members", "2", "--seed", str(2**32 - 1)]]
    return found


def ended_as(code, out, errors):
    """A process that ended, as `complaint` takes it."""
    return CompletedProcess([], code, out, errors)


def complaint(ended, seconds):
    """What is wrong with how a bad command line ended; empty where it was refused well."""
    if isinstance(ended, BaseException):
        return f"a traceback: {type(ended).__name__}: {str(ended)[:200]}"
    if ended.returncode not in (1, 2):
        return f"exit code {ended.returncode}: {ended.stdout[:200]}"
    if "epoch 1/" in ended.stdout or "Traceback" in ended.stderr:
        return f"not before the training: {ended.stdout[-200:]} {ended.stderr[-200:]}"
    if not ended.stderr.strip() or ended.returncode == 1:
        return f"no sentence (exit code {ended.returncode}): {ended.stdout[:200]} {ended.stderr[:200]}"
    own = "Usage:" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("trainwise: ")]
    if own and (len(lines) != 1 or len(lines[0]) < 30):
        return f"not one sentence: {ended.stderr[:300]}"
    return f"it took {seconds:.0f} s" if seconds > 60 else ""


def tried(arguments, folder):
    """Runs one bad command line in this process; what is wrong with how it ended."""
    from commands import in_this_process

    start = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ended = in_this_process(*arguments, cwd=folder)
    except Exception as error:
        ended = error
    return complaint(ended, time.monotonic() - start)


def main(words):
    """Tries all bad command lines whose label holds all the words."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for one in cases(Path(folder)) if all(word in " ".join(one) for word in words)]
        wrong = 0
        for arguments in chosen:
            told = tried(arguments, Path(folder))
            if told:
                wrong += 1
                print(" ".join(arguments)[:150], "->", told, flush=True)
        written = (Path(folder) / "written").exists()
    print(f"{len(chosen)} bad command lines, {wrong} not refused well; a model wrote a file: {written}")
    return int(bool(wrong or written))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
