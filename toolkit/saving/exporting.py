"""Out: one SavedModel that is proved to predict as the model did."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..checks import path_of
from ..models.input_names import input_names
from ..models.reading import input_structure
from ..runtime.files import DamagedFileError, read_json
from ..runtime.keras_internals import source_operation
from ..runtime.own_folders import WorkFolder

TOLERANCE = 1e-5
SCHEMA = "assets.extra/trainwise.json"
_PROOF = "assets.extra/trainwise-proof.json"
_ROWS = 32
_SINGLE_ROWS = 8
_RELOAD_SECONDS = 600
# Names that Keras made up: their numbers depend on what else the process built.
_AUTOMATIC_INPUT = re.compile(r"^(keras_tensor|input_layer|input)(_\d+)?$")


class ExportRefusedError(RuntimeError):
    """The SavedModel did not predict as the model does; nothing was published."""


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and the proof.

    Args:
        path: Folder of the published version.
        version: Its number.
        max_difference: Largest `|exported - model| / max(1, |model|)` over all outputs.
        tolerance: What it had to stay within.
        rows: Rows compared.
        signatures: Inputs and outputs of each signature: name -> dtype and shape.
        proof: What was shown, a sentence each.
    """

    path: Path
    version: int
    max_difference: float
    tolerance: float
    rows: int
    signatures: dict[str, dict[str, dict[str, str]]]
    proof: tuple[str, ...]


def export(
    model: keras.Model,
    path: str | Path,
    x: Any = None,
    classes: Sequence[str] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> ExportReport:
    """Writes a model as the next version of a SavedModel, and proves that it predicts alike.

    The model is traced with `training=False`. A fresh process, in which trainwise cannot be imported,
    loads the folder and predicts rows twice, together, one by one and, where an input has an axis of any
    length, at other lengths; the folder is published, by renaming, only if all outputs equal `model.predict`.
    The layout `path/1/`, `path/2/`, ... is the one TensorFlow Serving reads. Inputs whose names a signature
    may not have get others, which the proof tells.

    Args:
        model: A built Keras model with a single output.
        path: Folder that holds the versions, such as `"models/digits"`.
        x: Rows to compare on, at most 32 are used: as given to `predict`. Random rows by default.
        classes: Names of the classes. With them a second signature, `classify`, outputs the name
            and probability of the likeliest class.
        schema: Plain values to keep beside the model in `assets.extra/trainwise.json`.

    Returns:
        The `ExportReport`. The signature `serving_default` outputs exactly what the model does.

    Raises:
        ExportRefusedError: An output differs by more than 1e-5 x max(1, |y|), is not finite, or the fresh
            process failed; the folder is removed.
        OSError: The folder cannot be written.
        TypeError: `model` is not a Keras model.
        ValueError: The model is not built or has several outputs, `x` has no rows, or `classes` do not
            fit the output.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1, name="value")])
    >>> report = export(model, tempfile.mkdtemp() + "/line")
    >>> report.version, list(report.signatures["serving_default"]["inputs"])
    (1, ['point'])
    """
    _refuse_unfit(model, classes)
    rows = _random_rows(model) if x is None else _first_rows(x)
    parent = path_of("path", path)
    parent.mkdir(parents=True, exist_ok=True)
    expected = _predicted(model, rows)
    sets = [(_named(model, rows), expected), *_other_lengths(model, _named(model, rows))]
    # Beside the versions, under a name that no server takes for a version; gone however this ends.
    with WorkFolder(".draft-", parent) as work:
        draft = work / "model"
        _write(model, draft, classes, schema)
        answers = _reload(draft, work, [columns for columns, _ in sets])
        difference = max(_largest_difference(wanted, answers[i]) for i, (_, wanted) in enumerate(sets))
        signatures = json.loads(str(answers["signatures"]))
        proof = _proof(model, expected, difference, [wanted for _, wanted in sets[1:]])
        report = ExportReport(draft, 0, difference, TOLERANCE, len(expected), signatures, proof)
        # Inside what is published: whoever finds the model finds its proof, and a kill cannot part them.
        _write_beside(draft, _PROOF, {**asdict(report), "path": None, "version": None})
        version, final = _publish(draft, parent)
    return replace(report, path=final, version=version)


def published_before(path: str | Path, run: str) -> ExportReport | None:
    """What a run had published before it was interrupted, or `None`.

    Args:
        path: Folder that holds the versions.
        run: What the run's exports bear as `run` in their schema.
    """
    for version in reversed(_versions(Path(path))):
        folder = Path(path) / str(version)
        try:
            schema, proof = read_json(folder / SCHEMA), read_json(folder / _PROOF)
        except DamagedFileError:  # of another run: this one's were written before the folder had its name
            continue
        if isinstance(schema, dict) and schema.get("run") == run and proof:
            return ExportReport(**{**proof, "path": folder, "version": version, "proof": tuple(proof["proof"])})
    return None


def _proof(model: keras.Model, expected: np.ndarray, difference: float, others: list[np.ndarray]) -> tuple[str, ...]:
    count = len(expected)
    renamed = [f"{a!r} is {b}" for a, b in zip(_own_names(model), _input_names(model), strict=True) if a != b]
    return (
        "A fresh process that cannot import trainwise loaded the SavedModel.",
        f"It answered {count} rows twice, and both times alike.",
        f"In a batch of {count} and one by one the answers agree with the model's own.",
        *(["So they do at other lengths of the axes that the model leaves open."] if others else []),
        *([f"A signature takes ASCII letters, digits and _ in names, so {', '.join(renamed)}."] if renamed else []),
        f"The largest difference is {difference:.1e}; {TOLERANCE:.0e} x max(1, |answer|) is allowed.",
    )


def latest_version(path: str | Path) -> Path:
    """The SavedModel in `path`: `path` itself, or its highest numbered version.

    Raises:
        FileNotFoundError: There is none.
    """
    folder = Path(path)
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = _versions(folder)
    if not versions:
        raise FileNotFoundError(f"There is no SavedModel in {folder}.")
    return folder / str(versions[-1])


def _refuse_unfit(model: keras.Model, classes: Sequence[str] | None) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model, got {type(model).__name__}.")
    if not getattr(model, "inputs", None):
        raise ValueError(f"The model {model.name!r} is not built: call it on a batch first, or give it an Input.")
    if len(model.outputs) != 1:
        raise ValueError(f"The model {model.name!r} must have a single output, got {len(model.outputs)}.")
    units = model.outputs[0].shape[-1]
    # One sigmoid unit tells two classes apart.
    if classes is not None and len(classes) != max(2, units):
        raise ValueError(f"`classes` must name {max(2, units)} classes, got {len(classes)}.")


def _first_rows(x: Any) -> Any:
    def first(column: Any) -> Any:
        array = np.asarray(column)[:_ROWS]
        if len(array) == 0:
            raise ValueError(f"`x` must hold at least one row, got shape {np.shape(column)}.")
        return _words(array) if array.dtype.kind in "OSU" else array

    return keras.tree.map_structure(first, x)


def _random_rows(model: keras.Model) -> Any:
    generator = np.random.default_rng(0)

    def draw(tensor: keras.KerasTensor) -> Any:
        # Any length will do for an axis that the model leaves open.
        shape = (_ROWS, *(side or 4 for side in tensor.shape[1:]))
        if tensor.dtype == "string":
            return _words(np.full(shape, "", dtype=object))
        if tensor.dtype.startswith(("int", "uint", "bool")):
            # Small enough for the table of nearly any embedding.
            return generator.integers(0, 2, shape).astype(tensor.dtype)
        return generator.standard_normal(shape).astype(tensor.dtype)

    return keras.tree.map_structure(draw, input_structure(model))


def _words(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(array.astype(object).tolist(), dtype="string")


def _own_names(model: keras.Model) -> list[str]:
    names = [_AUTOMATIC_INPUT.sub("inputs", tensor.name) for tensor in model.inputs]
    return names if len(set(names)) == len(names) else [f"inputs_{i}" for i in range(len(names))]


def _input_names(model: keras.Model) -> list[str]:
    return input_names(_own_names(model))


def _output_name(model: keras.Model) -> str:
    # Keras numbers what nobody named, and the number depends on what else the process built.
    layer = source_operation(model.outputs[0])
    plain = re.sub(r"_\d+$", "", layer.name).replace("_", "")
    return "output" if plain == type(layer).__name__.lower() else str(layer.name)


def _named(model: keras.Model, rows: Any) -> dict[str, np.ndarray]:
    columns = _in_model_order(model, rows)
    named = {}
    for name, tensor, column in zip(_input_names(model), model.inputs, columns, strict=True):
        array = np.asarray(column)
        # Plain .npz files hold no objects, so words go as text of fixed width.
        array = np.char.decode(array.astype("S"), "utf-8") if tensor.dtype == "string" else array.astype(tensor.dtype)
        # Keras takes `(rows,)` for `(rows, 1)`, a signature does not.
        named[name] = array.reshape(-1, 1) if array.ndim == 1 and len(tensor.shape) == 2 else array
    return named


def _other_lengths(
    model: keras.Model, rows: dict[str, np.ndarray]
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """The rows with the axes that the model leaves open shorter and longer, and its answers to them.

    A length that the model itself does not take is left out.
    """
    # The first axis counts the rows.
    open_axes = [[i for i, side in enumerate(tensor.shape) if i and side is None] for tensor in model.inputs]
    if not any(open_axes):
        return
    count = len(next(iter(rows.values())))
    # Fewer steps than rows and more: graphs that were traced for one of the two fail at the other.
    for longer in (False, True):
        changed = {
            name: _with_sides(column, {axis: _other_side(column.shape[axis], count, longer) for axis in axes})
            for (name, column), axes in zip(rows.items(), open_axes, strict=True)
        }
        columns = [_words(c) if c.dtype.kind in "OSU" else c for c in changed.values()]
        given = keras.tree.pack_sequence_as(input_structure(model), _in_pack_order(model, columns))
        try:
            answers = _predicted(model, given)
        # Whatever the layers raise where they take no such length.
        except Exception:
            continue
        if np.all(np.isfinite(answers)):
            yield changed, answers


def _other_side(side: int, count: int, longer: bool) -> int:
    return 2 * max(side, count) + 1 if longer else max(1, min(side - 1, count // 2))


def _with_sides(column: np.ndarray, sides: dict[int, int]) -> np.ndarray:
    for axis, side in sides.items():
        column = np.take(column, np.arange(side) % column.shape[axis], axis=axis)
    return column


def _in_model_order(model: keras.Model, rows: Any) -> list[Any]:
    if isinstance(rows, Mapping) and not isinstance(input_structure(model), Mapping):
        return [rows[tensor.name] for tensor in model.inputs]
    flat = zip(keras.tree.flatten(input_structure(model)), keras.tree.flatten(rows), strict=True)
    by_tensor = {id(tensor): column for tensor, column in flat}
    return [by_tensor[id(tensor)] for tensor in model.inputs]


def _write(model: keras.Model, folder: Path, classes: Sequence[str] | None, schema: Mapping[str, Any] | None) -> None:
    import tensorflow as tf

    names = _input_names(model)
    answer = _output_name(model)
    specs = [
        tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]

    def answers(*tensors: Any) -> Any:
        return model(
            keras.tree.pack_sequence_as(input_structure(model), _in_pack_order(model, tensors)), training=False
        )

    def serve(*tensors: Any) -> dict[str, Any]:
        return {answer: answers(*tensors)}

    def classify(*tensors: Any) -> dict[str, Any]:
        probabilities = answers(*tensors)
        # One unit gives the probability of the second class.
        if probabilities.shape[-1] == 1:
            probabilities = tf.concat([1 - probabilities, probabilities], axis=-1)
        best = tf.argmax(probabilities, axis=-1)
        return {
            "class": tf.gather(tf.constant(list(classes or ())), best),
            "probability": tf.reduce_max(probabilities, axis=-1),
        }

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, input_signature=specs)
    if classes is not None:
        archive.add_endpoint("classify", classify, input_signature=specs)
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # as on a full disk, where TensorFlow raises errors of its own
        raise OSError(f"The SavedModel cannot be written to {folder.parent.parent}: {error.message}") from error
    if schema is not None:
        _write_beside(folder, SCHEMA, dict(schema))


def _write_beside(folder: Path, name: str, values: dict[str, Any]) -> None:
    extra = folder / name
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(json.dumps(values, indent=2, default=str), encoding="utf-8")


def _in_pack_order(model: keras.Model, tensors: Sequence[Any]) -> list[Any]:
    # A dictionary is flattened by sorted names, in which order `model.inputs` need not be.
    by_tensor = {id(symbolic): tensor for symbolic, tensor in zip(model.inputs, tensors, strict=True)}
    return [by_tensor[id(symbolic)] for symbolic in keras.tree.flatten(input_structure(model))]


def _reload(folder: Path, scratch: Path, sets: Sequence[dict[str, np.ndarray]]) -> dict[Any, Any]:
    """Outputs of a fresh process for each set of rows, by its number; and the signatures."""
    rows_file, answers_file, paths_file = (scratch / name for name in ("rows.npz", "answers.npz", "paths.json"))
    plain: dict[str, Any] = {f"{i}/{name}": column for i, rows in enumerate(sets) for name, column in rows.items()}
    np.savez(rows_file, **plain)
    paths_file.write_text(json.dumps([str(place) for place in sys.path]), encoding="utf-8")
    script = Path(__file__).with_name("fresh_process.py")
    # Isolated, so that it finds nothing by where it runs; the paths give it the packages of this process.
    arguments = [folder, rows_file, answers_file, _SINGLE_ROWS, paths_file]
    command = [sys.executable, "-I", str(script), *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=_RELOAD_SECONDS, env=environment
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ExportRefusedError(f"The export was refused: a fresh process could not load and run it: {last}")
    with np.load(answers_file) as archive:
        answers: dict[Any, Any] = {"signatures": archive["signatures"]}
        for i in range(len(sets)):
            answers[i] = {name: archive[f"{i}/{name}"] for name in ("together", "again", "singly")}
    return answers


def _predicted(model: keras.Model, rows: Any) -> np.ndarray:
    answers = np.asarray(model.predict(rows, verbose=0))
    # bfloat16 is no type of numpy's own, and has no arithmetic with others.
    return answers.astype("float32") if answers.dtype.name == "bfloat16" else answers


def _largest_difference(expected: np.ndarray, answers: Mapping[str, Any]) -> float:
    largest = 0.0
    for name in ("together", "again", "singly"):
        answer = answers[name]
        wanted = expected[: len(answer)]
        if answer.shape != wanted.shape:
            raise ExportRefusedError(
                f"The export was refused: it answers shape {answer.shape}, the model {wanted.shape}."
            )
        difference = np.abs(answer - wanted) / np.maximum(1, np.abs(wanted))
        # A NaN difference must not pass, so the comparison asks for "within", not for "beyond".
        if not np.all(difference <= TOLERANCE):
            raise ExportRefusedError(
                f"The export was refused: its answers to {len(answer)} rows ({name}) differ from the model's by up to "
                f"{np.max(difference):.2g} x max(1, |answer|); {TOLERANCE:.0e} is allowed."
            )
        largest = max(largest, float(np.max(difference, initial=0)))
    return largest


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.is_dir() and entry.name.isdigit())


def _publish(draft: Path, parent: Path) -> tuple[int, Path]:
    # Whatever this user's files are like: a server may run as another one.
    draft.chmod(0o755)
    while True:
        version = (_versions(parent) or [0])[-1] + 1
        final = parent / str(version)
        try:
            draft.rename(final)
        except OSError:
            if not final.exists():
                raise
            continue  # another export took this number meanwhile
        return version, final
