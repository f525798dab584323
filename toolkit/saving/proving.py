"""The proof of an export: rows, what the model answers to them, and how far the exported answers may lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from .nests import leaves
from .ports import Port, Ports, half_precision, output_names
from .refusals import ExportRefusedError
from .tracing import ALIAS, CLASSIFY, DEFAULT, Signatures, probabilities_name, short
from .words import strings_of, texts_of

TOLERANCE = 1e-5
MOST_ROWS = 32
# Steps between neighbouring numbers of half precision that a sum in another order may be off.
_STEPS = 4
_STEP = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
Arrays = dict[str, np.ndarray]


def tolerance_of(model: keras.Model) -> float:
    """What an answer may be off, as a share of `max(1, |answer|)`.

    Example:

    >>> tolerance_of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    1e-05
    """
    half = half_precision(model)
    return TOLERANCE if half is None else _STEPS * _STEP[half]


def random_rows(ports: Ports) -> Arrays:
    """Rows made up, by the names of the inputs: normal numbers, 0 and 1 for whole ones, empty words.

    Example:

    >>> from .ports import ports_of
    >>> ports = ports_of(keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1)]))
    >>> random_rows(ports)["point"].shape
    (32, 2)
    """
    generator = np.random.default_rng(0)

    def draw(port: Port) -> np.ndarray:
        # Any length will do for an axis that the model leaves open.
        shape = (MOST_ROWS, *(side or 4 for side in port.shape[1:]))
        if port.dtype == "string":
            return np.full(shape, "", dtype="U1")
        if port.dtype.startswith(("int", "uint", "bool")):
            # Small enough for the table of nearly any embedding.
            return generator.integers(0, 2, shape).astype(port.dtype)
        return generator.standard_normal(shape).astype(port.dtype)

    return {port.name: draw(port) for port in ports.inputs}


def tensors_of(columns: Mapping[str, np.ndarray]) -> list[Any]:
    """Columns as tensors, words as strings."""
    return [
        keras.ops.convert_to_tensor(strings_of(column), dtype="string") if column.dtype.kind == "U" else column
        for column in columns.values()
    ]


def predicted(model: keras.Model, ports: Ports, columns: Arrays) -> Arrays:
    """What `model.predict` answers, by the names of the outputs.

    Raises:
        ValueError: The model cannot answer, or not with one row for each row.
    """
    given = ports.packed(
        [
            tensor.astype(port.inner_dtype) if port.inner_dtype == "float16" else tensor
            for port, tensor in zip(ports.inputs, tensors_of(columns), strict=True)
        ]
    )
    count = len(next(iter(columns.values())))
    try:
        answers = model.predict(given, verbose=0, batch_size=count)
    # Whatever the layers raise.
    except Exception as error:
        raise ValueError(
            f"The model {model.name!r} cannot answer these rows (`x`, or made up where none are given), and "
            f"`model.predict` fails on them too: {short(error)}"
        ) from error
    names = output_names(model, answers)
    found = {}
    for name, (_, answer) in zip(names, leaves(answers), strict=True):
        if hasattr(answer, "to_tensor") or not hasattr(answer, "shape"):
            raise ValueError(
                f"The output {name!r} is no plain array but {type(answer).__name__}, which no signature gives: end the "
                "model in a dense one."
            )
        found[name] = _plain(np.asarray(answer))
        if found[name].shape[:1] != (count,):
            raise ValueError(
                f"The output {name!r} has shape {found[name].shape} for {count} rows: a served model answers one row "
                "for each row given."
            )
    return found


def _plain(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind in "OS":
        return texts_of(array)
    # bfloat16 is no type of numpy's own, and has no arithmetic with others; a signature gives float32 for both.
    return array.astype("float32") if array.dtype.name in ("bfloat16", "float16") else array


def other_lengths(model: keras.Model, ports: Ports, columns: Arrays) -> Iterator[tuple[Arrays, Arrays]]:
    """The rows with the axes that the model leaves open shorter and longer, and its answers to them.

    A length that the model itself does not take is left out.
    """
    # The first axis counts the rows.
    open_axes = [[i for i, side in enumerate(port.shape) if i and side is None] for port in ports.inputs]
    if not any(open_axes):
        return
    count = len(next(iter(columns.values())))
    # Fewer steps than rows and more: graphs that were traced for one of the two fail at the other.
    for longer in (False, True):
        changed = {
            name: _with_sides(column, {axis: _other_side(column.shape[axis], count, longer) for axis in axes})
            for (name, column), axes in zip(columns.items(), open_axes, strict=True)
        }
        try:
            answers = predicted(model, ports, changed)
        except ValueError:
            continue
        if all(array.dtype.kind not in "fc" or np.all(np.isfinite(array)) for array in answers.values()):
            yield changed, answers


def _other_side(side: int, count: int, longer: bool) -> int:
    return 2 * max(side, count) + 1 if longer else max(1, min(side - 1, count // 2))


def _with_sides(column: np.ndarray, sides: dict[int, int]) -> np.ndarray:
    for axis, side in sides.items():
        column = np.take(column, np.arange(side) % column.shape[axis], axis=axis)
    return column


def expected_of(signatures: Signatures, columns: Arrays, answers: Arrays) -> dict[str, Arrays]:
    """What each signature is to answer: the model's own answers, and those of functions called without a graph.

    Args:
        signatures: The functions.
        columns: Rows by the names of the inputs.
        answers: The model's own to them.

    Raises:
        ValueError: A function of the user's fails, or gives not one row for each row.
    """
    import tensorflow as tf

    found = {DEFAULT: answers, ALIAS: answers}
    count = len(next(iter(columns.values())))
    for name, function in signatures.after.items():
        given = function({key: tf.convert_to_tensor(array) for key, array in answers.items()})
        found[name] = {key: _plain(np.asarray(value)) for key, value in given.items()}
    for name, function in signatures.own.items():
        try:
            given = function(*map(keras.ops.convert_to_tensor, tensors_of(columns)))
        # Whatever the user's function raises.
        except Exception as error:
            raise ValueError(f"The signature {name!r} fails on the rows of `x`: {short(error)}") from error
        found[name] = {key: _plain(np.asarray(value)) for key, value in given.items()}
        for key, array in found[name].items():
            if array.shape[:1] != (count,):
                raise ValueError(
                    f"The signature {name!r} gives {key!r} of shape {array.shape} for {count} rows: a served model "
                    "answers one row for each row given."
                )
    return found


def undecided(probabilities: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two classes are as likely as one another, so that either may be named.

    Example:

    >>> undecided(np.array([[0.5, 0.5], [0.2, 0.8]]), 1e-5).tolist()
    [True, False]
    """
    if probabilities.shape[-1] == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=-1)
    two = np.sort(probabilities, axis=-1)[..., -2:]
    return two[..., 1] - two[..., 0] <= 2 * tolerance


def largest_difference(
    expected: Mapping[str, np.ndarray],
    answers: Mapping[str, np.ndarray],
    prefix: str,
    tolerance: float,
    either: np.ndarray | None = None,
) -> float:
    """The largest `|exported - model| / max(1, |model|)` over the outputs of one signature, asked in three ways.

    Args:
        expected: Answers of the model by output.
        answers: Those of the exported one, by `prefix/way/output`.
        prefix: `number of the set/signature`.
        tolerance: What they may be off.
        either: Where words may differ.

    Raises:
        ExportRefusedError: They are further off, not finite, or of another shape.

    Example:

    >>> one = np.ones((2, 1))
    >>> answers = {f"0/s/{way}/y": one * 1.5 for way in ("together", "again", "singly")}
    >>> largest_difference({"y": one}, answers, "0/s", 1.0)
    0.5
    """
    largest = 0.0
    for way in ("together", "again", "singly"):
        for name, whole in expected.items():
            answer = answers.get(f"{prefix}/{way}/{name}")
            if answer is None:
                raise ExportRefusedError(
                    f"The export was refused: its signature {prefix[2:]} lacks the output {name!r}."
                )
            largest = max(largest, _difference(whole[: len(answer)], answer, f"{way}, {name}", tolerance, either))
    return largest


def _difference(
    wanted: np.ndarray, answer: np.ndarray, where: str, tolerance: float, either: np.ndarray | None
) -> float:
    if answer.shape != wanted.shape:
        raise ExportRefusedError(f"The export was refused: it answers shape {answer.shape}, the model {wanted.shape}.")
    if wanted.dtype.kind not in "fc":
        # Words, numbers of classes, yes and no: alike, or not.
        unlike = wanted != answer
        if either is not None and wanted.dtype.kind == "U":
            unlike &= ~either[: len(answer)]
        if np.any(unlike):
            place = tuple(int(side[0]) for side in np.nonzero(unlike))
            raise ExportRefusedError(
                f"The export was refused: its answers to {len(answer)} rows ({where}) differ from the model's: "
                f"{answer[place]!r} for {wanted[place]!r} in row {place[0]}."
            )
        return 0.0
    difference = np.abs(answer - wanted) / np.maximum(1, np.abs(wanted))
    # A NaN difference must not pass, so the comparison asks for "within", not for "beyond".
    if not np.all(difference <= tolerance):
        cure = "" if np.all(np.isfinite(wanted)) else " The model itself answers no finite number: give rows it knows."
        raise ExportRefusedError(
            f"The export was refused: its answers to {len(answer)} rows ({where}) differ from the model's by up to "
            f"{np.max(difference):.2g} x max(1, |answer|); {tolerance:.0e} is allowed.{cure}"
        )
    return float(np.max(difference, initial=0))


def compared(
    expected: Mapping[str, Arrays], others: list[Arrays], answers: Mapping[str, np.ndarray], tolerance: float
) -> float:
    """The largest difference over all signatures, and over the other lengths.

    Args:
        expected: Answers of the model by signature and output.
        others: Its answers to further sets of rows.
        answers: Those of the exported one.
        tolerance: What they may be off.

    Raises:
        ExportRefusedError: See `largest_difference`.
    """
    found = []
    for signature, outputs in expected.items():
        either = None
        if signature == CLASSIFY:
            probabilities = expected[DEFAULT][probabilities_name(list(expected[DEFAULT]))]
            either = undecided(probabilities, tolerance)
        found.append(largest_difference(outputs, answers, f"0/{signature}", tolerance, either))
    found += [
        largest_difference(outputs, answers, f"{place + 1}/{DEFAULT}", tolerance)
        for place, outputs in enumerate(others)
    ]
    return max(found)


def cause(model: keras.Model, ports: Ports, columns: Arrays, answers: Arrays, tolerance: float) -> str:
    """Why a model cannot be proved, where it is the model itself that answers in different ways; else empty.

    Args:
        model: The model.
        ports: What it takes.
        columns: Rows by the names of its inputs.
        answers: What it answered to them.
        tolerance: What an answer may be off.
    """
    if _differ(answers, predicted(model, ports, columns), tolerance):
        return (
            " The model itself answers the same rows differently each time: it draws random numbers when it "
            "predicts, or keeps a state from one request to the next."
        )
    first = {name: column[:1] for name, column in columns.items()}
    alone = predicted(model, ports, first)
    if _differ({name: array[:1] for name, array in answers.items()}, alone, tolerance):
        return (
            " The model itself answers a row differently when it is alone: its answer depends on the other rows of the "
            "batch, as where texts are padded to the longest (`TextVectorization(output_sequence_length=...)` or "
            "`Embedding(mask_zero=True)` cures that) or statistics are taken over the batch."
        )
    return ""


def _differ(first: Arrays, second: Arrays, tolerance: float) -> bool:
    for name, wanted in first.items():
        answer = second[name]
        if wanted.shape != answer.shape:
            return True
        if wanted.dtype.kind not in "fc":
            if np.any(wanted != answer):
                return True
        elif np.any(np.abs(answer - wanted) > tolerance * np.maximum(1, np.abs(wanted))):
            return True
    return False
