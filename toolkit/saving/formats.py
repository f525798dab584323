"""The same model in other formats, each run by its own runtime on the rows that proved the SavedModel."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..runtime.keras_internals import flat_layers
from ..runtime.randomness import preserved
from .isolation import SECONDS, SINGLE_ROWS, package_folders
from .keras_files import unknown_classes
from .litert_format import write_litert
from .loading import load_model
from .nests import filled, leaves
from .onnx_format import write_onnx
from .ports import Ports, ports_of
from .proving import Arrays, largest_difference, predicted
from .refusals import ExportRefusedError
from .tracing import DEFAULT, Signatures, short

FOLDER = "formats"
FILES = {
    "keras": "model.keras",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "litert_int8": "model_int8.tflite",
}
# Another library adds in another order, and fuses what TensorFlow does not.
TOLERANCE = 1e-4
_NEEDED = {
    "keras": (),
    "onnx": ("onnx", "onnxruntime", "tf2onnx"),
    "litert": ("ai_edge_litert",),
    "litert_int8": ("ai_edge_litert",),
}
# What converters and runtimes compute in beside float32.
_HALVES = {"keras": ("float16", "bfloat16"), "onnx": ("float16",), "litert": (), "litert_int8": ()}
_EXTRAS = {"onnx": "onnx", "litert": "litert", "litert_int8": "litert"}
_TITLES = {"keras": "Keras", "onnx": "ONNX", "litert": "LiteRT", "litert_int8": "LiteRT"}


def checked_formats(formats: Any, ports: Ports | None = None, half: str | None = None) -> tuple[str, ...]:
    """The formats asked for, where they can be written here.

    Args:
        formats: Names.
        ports: What the model takes, where it is known.
        half: The half precision that it computes in, where it does.

    Raises:
        ImportError: A package is missing; the line that brings it is told.
        TypeError: `formats` is no list of texts.
        ValueError: A format is unknown, or carries no words or not this half precision, and the model has it.

    Example:

    >>> checked_formats(["keras"])
    ('keras',)
    """
    if isinstance(formats, str) or not isinstance(formats, Sequence) or not all(isinstance(f, str) for f in formats):
        raise TypeError(f"`formats` must be a list of names, such as ('onnx',), got {formats!r}.")
    for name in formats:
        if name not in FILES:
            raise ValueError(f"`formats` must be of {', '.join(map(repr, FILES))}, got {name!r}.")
        missing = [package for package in _NEEDED[name] if importlib.util.find_spec(package) is None]
        if missing:
            raise ImportError(
                f'{_TITLES[name]} needs the package {missing[0]}: pip install "trainwise[{_EXTRAS[name]}]".'
            )
        words = [port.own_name for port in (ports.inputs if ports else ()) if port.dtype == "string"]
        if words and name != "keras":
            raise ValueError(
                f"{_TITLES[name]} has no tables of words, and the input {words[0]!r} takes words: export the part of "
                "the model that follows its encoding, or leave the format out."
            )
        if half is not None and half not in _HALVES[name]:
            raise ValueError(
                f"{_TITLES[name]} carries no {half}, which the model computes in: build it in 'float32' and "
                f"give it the same weights, or leave {name!r} out of `formats`."
            )
    return tuple(dict.fromkeys(formats))


def write_format(
    name: str,
    signatures: Signatures,
    draft: Path,
    work: Path,
    columns: Arrays,
    answers: Arrays,
    tolerance: float,
) -> dict[str, Any]:
    """Writes one format into the draft, has its runtime answer the rows, and compares.

    Args:
        name: Of the format.
        signatures: The functions of the model.
        draft: The SavedModel, which is converted.
        work: Folder for the rows and answers.
        columns: Rows by the names of the inputs.
        answers: What the model answers to them.
        tolerance: That of the SavedModel; other runtimes may be off by 1e-4.

    Returns:
        `file`, `bytes`, `max_difference`, `tolerance`, `any_rows` (at a time) and a `note`; of Keras the `form` in
        which it takes the inputs.

    Raises:
        ExportRefusedError: The format cannot carry the model, or its runtime answers otherwise.
    """
    file = draft / FOLDER / FILES[name]
    file.parent.mkdir(exist_ok=True)
    allowed = tolerance if name == "keras" else max(tolerance, TOLERANCE)
    any_rows = _written(name, signatures, draft, file)
    form = signatures.ports.form
    if name == "keras":
        _refuse_unregistered(signatures.model)
        found = _answered_by_keras(file, columns, form)
        notes = [_loads_with(signatures.model)]
    else:
        found = answered(file, work, columns, any_rows)
        notes = ["It takes any number of rows." if any_rows else "It takes one row at a time."]
    if name == "litert_int8":
        difference, loss = _loss(answers, found)
        notes.append(loss)
    else:
        difference = compared_format(name, answers, found, allowed)
    return {
        "file": f"{FOLDER}/{FILES[name]}",
        "bytes": file.stat().st_size,
        "max_difference": difference,
        "tolerance": None if name == "litert_int8" else allowed,
        "any_rows": any_rows,
        # The nest that a Keras model takes; the other files take names.
        **({"form": form} if name == "keras" else {}),
        "note": " ".join(notes),
    }


def run_again(name: str, card: Mapping[str, Any], folder: Path, work: Path, columns: Arrays, answers: Arrays) -> str:
    """Has the runtime of a published format answer the rows kept beside it; says what came out.

    Args:
        name: Of the format.
        card: What the card says of it.
        folder: The version.
        work: Folder for the rows and answers.
        columns: Rows by the names of the inputs.
        answers: What the model had answered.

    Raises:
        ExportRefusedError: It answers otherwise.
    """
    try:
        checked_formats([name])
    except ImportError as error:
        return f"{_TITLES[name]} was not run: {error}"
    file = folder / FOLDER / FILES[name]
    if name == "keras":
        unknown = unknown_classes(file)
        # The SavedModel stands without them, and only their owner can bring them.
        if unknown:
            return (
                f"Keras was not run, and the sum of its file is as it was: it needs {', '.join(unknown)}, which nobody "
                "has registered here. Import the module that does, and call `tw.verify` in that process."
            )
        # A version of before does not say in which nest; one of one input needs none.
        found = _answered_by_keras(file, columns, card.get("form", next(iter(columns))))
    else:
        found = answered(file, work, columns, bool(card.get("any_rows", True)))
    if card.get("tolerance") is None:
        difference, _ = _loss(answers, found)
        # As far off as it was, and what another machine rounds.
        if difference > float(card["max_difference"]) + TOLERANCE:
            raise ExportRefusedError(
                f"The export was refused: {name} is {difference:.2g} off, and was {card['max_difference']:.2g} when it "
                "was published."
            )
    else:
        difference = compared_format(name, answers, found, float(card["tolerance"]))
    return f"{_TITLES[name]} answered them too; the largest difference is {difference:.1e}."


def _written(name: str, signatures: Signatures, draft: Path, file: Path) -> bool:
    """Writes the file; whether it takes any number of rows."""
    try:
        with _silent():
            if name == "keras":
                signatures.model.save(file)
            elif name == "onnx":
                write_onnx(draft, signatures.ports, file)
            else:
                return write_litert(draft, signatures, file, name == "litert_int8")
        return True
    except (ExportRefusedError, OSError):
        raise
    # Whatever the converters raise.
    except Exception as error:
        raise ExportRefusedError(
            f"The export was refused: {_TITLES[name]} cannot carry this model: {short(error)}. Nothing was published; "
            f"leave {name!r} out of `formats`."
        ) from error


def compared_format(name: str, answers: Arrays, found: Arrays, allowed: float) -> float:
    """The largest difference of a format's answers from the model's.

    Args:
        name: Of the format.
        answers: Of the model.
        found: Of the runtime, as `answered` gives them.
        allowed: What they may be off.

    Raises:
        ExportRefusedError: They are further off.

    Example:

    >>> one = np.ones((2, 1))
    >>> found = {f"0/serving_default/{way}/y": one for way in ("together", "again", "singly")}
    >>> compared_format("onnx", {"y": one}, found, 1e-4)
    0.0
    """
    # A file that takes one row at a time was asked for fewer.
    asked = {key: array[: len(found[f"0/{DEFAULT}/together/{key}"])] for key, array in answers.items()}
    try:
        return largest_difference(asked, found, f"0/{DEFAULT}", allowed)
    except ExportRefusedError as error:
        raise ExportRefusedError(f"{error} The format is {name!r}: leave it out of `formats`.") from None


def answered(file: Path, work: Path, columns: Arrays, any_rows: bool = True) -> Arrays:
    """What a file answers when its own runtime runs it, by `0/serving_default/way/output`.

    Args:
        file: ONNX or LiteRT.
        work: Folder for the rows and answers.
        columns: Rows by the names of the inputs.
        any_rows: Whether it takes several rows at a time.

    Raises:
        ExportRefusedError: The runtime cannot run it.
    """
    rows, answers = work / "format-rows.npz", work / "format-answers.npz"
    given: dict[str, Any] = {name: column if any_rows else column[:SINGLE_ROWS] for name, column in columns.items()}
    np.savez(rows, **given)
    script = Path(__file__).with_name("runtime_process.py")
    # One more than there are would be a batch.
    singles = SINGLE_ROWS if not any_rows else min(SINGLE_ROWS, len(next(iter(given.values()))) - 1) or 1
    arguments = [file, rows, answers, singles, json.dumps(package_folders())]
    done = subprocess.run(
        [sys.executable, "-I", str(script), *map(str, arguments)],
        capture_output=True, text=True, errors="replace", timeout=SECONDS, env={**os.environ}, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
        raise ExportRefusedError(
            f"The export was refused: the runtime of {file.name} could not answer the rows: {last[:300]}"
        )
    with np.load(answers) as archive:
        return {f"0/{DEFAULT}/{name}": archive[name] for name in archive.files}


def _answered_by_keras(file: Path, columns: Arrays, form: Any) -> Arrays:
    """What the file answers in this process, where the classes are that it needs; no code in it is run.

    Args:
        file: The file.
        columns: Rows by the names of the inputs.
        form: The nest in which the model takes them, with those names as leaves.
    """
    places = [name for _, name in leaves(form)]
    names = [str(name) for name in places if name is not None]
    try:
        if set(names) != set(columns):
            raise ValueError(f"it takes {', '.join(names)}, and the rows hold {', '.join(columns)}.")
        nest = filled(form, [None if name is None else columns[name] for name in places])
        # Layers draw their first weights before the file brings others.
        with preserved():
            again = load_model(file, compiled=False)
            ports = ports_of(again, nest)
            given = dict(zip((port.name for port in ports.inputs), (columns[name] for name in names), strict=True))
            few = {name: column[:SINGLE_ROWS] for name, column in given.items()}
            ways = {"together": predicted(again, ports, given), "again": predicted(again, ports, given)}
            ways["singly"] = predicted(again, ports, few)
    except ValueError as error:
        raise ExportRefusedError(f"The export was refused: the file of Keras does not come back: {error}") from error
    return {f"0/{DEFAULT}/{way}/{name}": array for way, found in ways.items() for name, array in found.items()}


def _refuse_unregistered(model: keras.Model) -> None:
    for layer in [model, *flat_layers(model)]:
        kind = type(layer)
        known = keras.saving.get_registered_object(keras.saving.get_registered_name(kind))
        if known is None and kind.__module__.partition(".")[0] != "keras":
            raise ExportRefusedError(
                f"The export was refused: the file of Keras does not come back: the class {kind.__name__} is not "
                "registered. Decorate it with `@keras.saving.register_keras_serializable()`, or leave 'keras' out of "
                "`formats`: the SavedModel needs no class."
            )


def _loads_with(model: keras.Model) -> str:
    modules = {type(layer).__module__.partition(".")[0] for layer in [model, *flat_layers(model)]} - {"keras"}
    if not modules:
        return "It loads with plain Keras."
    if modules == {"trainwise"}:
        return "It loads with `tw.load_model`."
    return f"It loads where the classes of {', '.join(sorted(modules))} are registered with Keras."


def _loss(answers: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> tuple[float, str]:
    """How far the answers of a quantised file lie from those of the model, as a number and in words."""
    largest, told = 0.0, []
    for name, wanted in answers.items():
        answer = found[f"0/{DEFAULT}/singly/{name}"]
        whole = wanted[: len(answer)]
        if answer.shape != whole.shape or not np.all(np.isfinite(answer.astype("float64"))):
            raise ExportRefusedError(f"The export was refused: quantised, the output {name!r} is no longer of use.")
        largest = max(largest, float(np.max(np.abs(answer - whole) / np.maximum(1, np.abs(whole)), initial=0)))
        if whole.ndim == 2 and whole.shape[1] > 1 and whole.dtype.kind == "f":
            same = float(np.mean(answer.argmax(axis=1) == whole.argmax(axis=1)))
            told.append(f"{same:.0%} of the likeliest of {name} stay")
    loss = f"Weights of 8 bits: answers differ by up to {largest:.2g} x max(1, |answer|)"
    return largest, f"{'; '.join([loss, *told])}."


@contextmanager
def _silent() -> Iterator[None]:
    """Keeps the notes of the converters from the terminal: they go to the streams of the process itself."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere:
        warnings.simplefilter("ignore")
        kept = [os.dup(1), os.dup(2)]
        try:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            for number, stream in enumerate(kept, start=1):
                os.dup2(stream, number)
                os.close(stream)
