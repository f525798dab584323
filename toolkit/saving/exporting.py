"""Out: one SavedModel that is proved to predict as the model did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..checks import instance_of, path_of
from ..runtime.files import DamagedFileError, read_json
from ..runtime.own_folders import WorkFolder
from .card import card_of, write_card
from .checksums import write_sums
from .formats import checked_formats, write_format
from .isolation import FreshProcess
from .kept_rows import write_rows
from .numbering import latest_version as latest_version
from .numbering import publish, version_numbers
from .ports import Ports, half_precision, ports_of, stateful_layer
from .proving import (
    MOST_ROWS,
    Arrays,
    cause,
    compared,
    expected_of,
    other_lengths,
    predicted,
    random_rows,
    tolerance_of,
)
from .refusals import ExportRefusedError as ExportRefusedError
from .tracing import RESERVED, probabilities_name, signatures_of

SCHEMA = "assets.extra/trainwise.json"
PROOF = "assets.extra/trainwise-proof.json"


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
        formats: Of each further format its file, size, largest difference and a note.
    """

    path: Path
    version: int
    max_difference: float
    tolerance: float
    rows: int
    signatures: dict[str, dict[str, dict[str, str]]]
    proof: tuple[str, ...]
    formats: dict[str, dict[str, Any]] = field(default_factory=dict)


def export(
    model: keras.Model,
    path: str | Path,
    x: Any = None,
    classes: Sequence[str] | None = None,
    schema: Mapping[str, Any] | None = None,
    *,
    signatures: Mapping[str, Callable[[Any], Any]] | None = None,
    formats: Sequence[str] = (),
    keep_rows: bool = True,
    card: Mapping[str, Any] | None = None,
) -> ExportReport:
    """Writes a model as the next version of a SavedModel, and proves that it predicts alike.

    The model is traced with `training=False`. A fresh process, in which neither trainwise nor Keras nor your
    own code can be imported, loads the folder and predicts rows twice, together, one by one and, where an input
    has an axis of any length, at other lengths; the folder is published, by renaming, only if all outputs equal
    those of `model.predict`. The layout `path/1/`, `path/2/`, ... is the one TensorFlow Serving reads. Inputs
    whose names a signature may not have get others, which the proof tells. Beside the model lie its card (`card.md`,
    `card.json`), the rows of the proof for `tw.verify`, and the SHA-256 of every file.

    Args:
        model: A built Keras model: functional, Sequential or of a class of your own; one output or a dictionary,
            list or nest of them.
        path: Folder that holds the versions, such as `"models/digits"`.
        x: Rows to compare on, at most 32 are used: as given to `predict`. Random rows by default; a model of a
            class of your own needs them, since its signature takes their shapes.
        classes: Names of the classes. With them a second signature, `classify`, outputs the name
            and probability of the likeliest class.
        schema: Plain values to keep beside the model in `assets.extra/trainwise.json`.
        signatures: Further signatures: name -> function of the rows as the model takes them, which gives a tensor
            or a dictionary of them.
        formats: Of `"keras"`, `"onnx"`, `"litert"` and `"litert_int8"`: further files in the folder `formats`, each
            run by its own runtime on the same rows, and within 1e-4; of the quantised one the loss is told.
        keep_rows: Whether the rows are kept beside the model with their answers, for `tw.verify` and as the card's
            example; `False` for data that must not leave.
        card: What the card is to say beyond what the export knows: `license`, `description`, `task`, `data`, `scores`,
            `findings` and whatever else, as plain values.

    Returns:
        The `ExportReport`. The signature `serving_default`, which is there as `serve` too, outputs exactly what
        the model does, float32 where that computes in half precision. A vote with its entropy, mutual information
        or disagreement has them as `uncertainty` too.

    Raises:
        ExportRefusedError: The model cannot be traced, an output differs by more than 1e-5 x max(1, |y|) (four
            steps of the precision for models in half precision), is not finite, or the fresh process failed; the
            folder is removed.
        ImportError: A format needs a package that is not installed.
        OSError: The folder cannot be written.
        TypeError: `model` is not a Keras model, or a signature is no function.
        ValueError: The model is not built, is stateful, takes or gives what is no plain array, the rows of `x` do
            not fit it, or `classes` do not fit the output.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1, name="value")])
    >>> report = export(model, tempfile.mkdtemp() + "/line")
    >>> report.version, list(report.signatures["serving_default"]["inputs"])
    (1, ['point'])
    """
    own = _checked_signatures(signatures)
    if card is not None:
        instance_of("card", card, Mapping, "a dictionary")
    _refuse_unfit(model)
    ports = ports_of(model, x)
    further = checked_formats(formats, ports, half_precision(model))
    columns = random_rows(ports) if x is None else ports.columns(x, MOST_ROWS)
    parent = path_of("path", path)
    # Beside the versions, under a name that no server takes for a version; gone however this ends.
    with _writable(parent), WorkFolder(".draft-", parent) as work, FreshProcess(work) as process:
        draft = work / "model"
        answers = predicted(model, ports, columns)
        _refuse_other_classes(classes, answers)
        functions = signatures_of(model, ports, list(answers), classes, own)
        expected = expected_of(functions, columns, answers)
        others = list(other_lengths(model, ports, columns))
        functions.write(draft)
        if schema is not None:
            _write_beside(draft, SCHEMA, dict(schema))
        found = process.answers(draft, [columns, *(rows for rows, _ in others)])
        tolerance = tolerance_of(model)
        try:
            difference = compared(expected, [wanted for _, wanted in others], found, tolerance)
        except ExportRefusedError as error:
            raise ExportRefusedError(f"{error}{cause(model, ports, columns, answers, tolerance)}") from None
        report = ExportReport(
            draft,
            0,
            difference,
            tolerance,
            len(next(iter(columns.values()))),
            json.loads(str(found["signatures"])),
            _proof(model, ports, columns, difference, tolerance, bool(others)),
        )
        others_of = {name: write_format(name, functions, draft, work, columns, answers, tolerance) for name in further}
        report = replace(report, formats=others_of)
        # Inside what is published: whoever finds the model finds its proof, and a kill cannot part them.
        proof = {**asdict(report), "path": None, "version": None}
        _write_beside(draft, PROOF, proof)
        if keep_rows:
            write_rows(draft, columns, expected)
        shown = columns if keep_rows else random_rows(ports)
        told = {**(card or {}), "proof": proof, "formats": _format_rows(others_of)}
        write_card(
            draft, card_of(model, ports, shown, answers, report.signatures, classes, told, parent.resolve().name), shown
        )
        write_sums(draft)
        version, final = publish(draft, parent)
    return replace(report, path=final, version=version)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Inside it the folder is there; what the system refuses is told with the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.strerror is None:  # in words of this package already
            raise
        raise OSError(
            f"The export cannot be written to {folder}: {error.strerror}. Make room there, or give another folder."
        ) from error


def published_before(path: str | Path, run: str) -> ExportReport | None:
    """What a run had published before it was interrupted, or `None`.

    Args:
        path: Folder that holds the versions.
        run: What the run's exports bear as `run` in their schema.
    """
    for version in reversed(version_numbers(path)):
        folder = Path(path) / str(version)
        try:
            schema, proof = read_json(folder / SCHEMA), read_json(folder / PROOF)
        except DamagedFileError:  # of another run: this one's were written before the folder had its name
            continue
        if isinstance(schema, dict) and schema.get("run") == run and proof:
            return ExportReport(**{**proof, "path": folder, "version": version, "proof": tuple(proof["proof"])})
    return None


def _proof(
    model: keras.Model, ports: Ports, columns: Arrays, difference: float, tolerance: float, others: bool
) -> tuple[str, ...]:
    count = len(next(iter(columns.values())))
    renamed = [f"{port.own_name!r} is {port.name}" for port in ports.inputs if port.own_name != port.name]
    half = half_precision(model)
    return (
        "A fresh process that cannot import trainwise, Keras or the code of the model loaded the SavedModel.",
        f"It answered {count} rows twice, and both times alike.",
        f"In a batch of {count} and one by one the answers agree with the model's own.",
        *(["So they do at other lengths of the axes that the model leaves open."] if others else []),
        *(
            [f"The optional inputs that had no rows ({', '.join(map(repr, ports.left_out))}) are in no signature."]
            if ports.left_out
            else []
        ),
        *([f"A signature takes ASCII letters, digits and _ in names, so {', '.join(renamed)}."] if renamed else []),
        *([f"The model computes in {half}; its signatures take and give float32."] if half else []),
        f"The largest difference is {difference:.1e}; {tolerance:.0e} x max(1, |answer|) is allowed.",
    )


def _format_rows(formats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"format": name, **{key: value for key, value in found.items() if key != "form"}}
        for name, found in formats.items()
    ]


def _checked_signatures(signatures: Any) -> dict[str, Callable[[Any], Any]]:
    if signatures is None:
        return {}
    if not isinstance(signatures, Mapping):
        raise TypeError(f"`signatures` must be a dictionary of functions, got {type(signatures).__name__}.")
    for name, function in signatures.items():
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
            raise ValueError(f"`signatures` must bear names of their own, none of {', '.join(RESERVED)}, got {name!r}.")
        if not callable(function):
            raise TypeError(f"`signatures[{name!r}]` must be a function, got {type(function).__name__}.")
    return dict(signatures)


def _refuse_unfit(model: keras.Model) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model, got {type(model).__name__}.")
    if not model.built or (isinstance(model, keras.Sequential) and not model.inputs):
        raise ValueError(f"The model {model.name!r} is not built: call it on a batch first, or give it an Input.")
    memory = stateful_layer(model)
    if memory is not None:
        raise ValueError(
            f"The layer {memory!r} is stateful: its answers depend on the requests before, of whomever. Build the "
            "model with `stateful=False`; where steps come one by one, make the state an input and an output "
            "(`return_state=True`, `initial_state=`)."
        )


def _refuse_other_classes(classes: Sequence[str] | None, answers: Mapping[str, np.ndarray]) -> None:
    if classes is None:
        return
    probabilities = answers[probabilities_name(list(answers))]
    if probabilities.dtype.kind != "f" or probabilities.ndim < 2:
        raise ValueError(f"`classes` name the columns of probabilities, got answers of shape {probabilities.shape}.")
    # One sigmoid unit tells two classes apart.
    units = max(2, probabilities.shape[-1])
    if len(classes) != units:
        raise ValueError(f"`classes` must name {units} classes, got {len(classes)}.")


def _write_beside(folder: Path, name: str, values: dict[str, Any]) -> None:
    extra = folder / name
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(json.dumps(values, indent=2, default=str), encoding="utf-8")
