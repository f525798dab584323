"""The card of a published model: what it takes, what it answers, how well, and how it is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..models.model_ends import activation_of
from ..runtime.installed import versions
from .checksums import sums_of
from .ports import Ports, output_names
from .proving import Arrays
from .tracing import DEFAULT
from .words import bytes_of, is_text, json_of

CARD = "card.json"
PAGE = "card.md"
REQUEST = "assets.extra/request.json"
# More numbers than this are no example for a reader.
_MOST_SHOWN = 64
_MEANINGS = {
    "entropy": "doubt of the whole vote, in nats: 0 where it is sure",
    "mutual_information": "how far the members disagree, in nats: high where rows are unlike those of the training",
    "disagreement": "share of the members that vote for another class than the vote",
    "standard_deviation": "spread of the members' answers",
    "label": "number of the class, or 0 and 1 for each label; -1 where no number came out",
    "votes": "share of the members' votes for each class",
    "class": "name of the likeliest class",
    "probability": "its probability",
}
_ENDS = {
    "softmax": "probability of each class",
    "sigmoid": "probability of each label; of one unit that of the second class",
    "linear": "a quantity, or a logit, for each unit",
}


def card_of(
    model: keras.Model,
    ports: Ports,
    columns: Arrays,
    answers: Arrays,
    signatures: Mapping[str, Any],
    classes: Sequence[str] | None,
    given: Mapping[str, Any],
    name: str,
) -> dict[str, Any]:
    """What an export knows of itself, and what it was given to say.

    Args:
        model: The model.
        ports: What it takes.
        columns: Rows by the names of the inputs; the first is the example.
        answers: What the model answers to them.
        signatures: Of the report.
        classes: Names of the classes.
        given: What the caller knows more: `task`, `data`, `scores`, `license`, ...
        name: Of the folder of versions.
    """
    inputs = [
        {
            "name": port.name,
            "own_name": port.own_name,
            "dtype": port.dtype,
            "shape": _shape(signatures[DEFAULT]["inputs"][port.name]),
            "example": _shown(columns[port.name][0]),
        }
        for port in ports.inputs
    ]
    meanings = _meanings(model, answers, classes)
    outputs = [
        {
            "name": key,
            "dtype": array.dtype.name,
            "shape": _shape(signatures[DEFAULT]["outputs"][key]),
            "meaning": meanings[key],
        }
        for key, array in answers.items()
    ]
    return {
        "license": None,
        **given,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": inputs,
        "outputs": outputs,
        "classes": None if classes is None else list(map(str, classes)),
        "parameters": int(model.count_params()),
        "signatures": dict(signatures),
        "versions": versions(),
        "load": load_lines(ports, columns),
    }


def _shape(signature: str) -> list[int | None]:
    sides = signature.partition("(")[2].rstrip(")").split(", ")
    return [int(side) if side.isdigit() else None for side in sides]


def _meanings(model: keras.Model, answers: Arrays, classes: Sequence[str] | None) -> dict[str, str]:
    tensors = list(getattr(model, "outputs", None) or [])
    ends = dict.fromkeys(answers, "")
    # A dictionary's outputs stand in the order of its keys, a list's as they are.
    alone, in_order = len(answers) == 1, list(answers) == output_names(model, [0] * len(answers))
    if len(tensors) == len(answers) and (alone or in_order):
        for key, tensor in zip(answers, tensors, strict=True):
            ends[key] = _ENDS.get(activation_of(tensor) or "", "")
    found = {}
    for key in answers:
        told = _MEANINGS.get(key) or ends[key] or ("probability of each class" if key == "probabilities" else "")
        found[key] = f"{told}: {', '.join(map(str, classes))}" if classes and "each class" in told else told
    return found


def load_lines(ports: Ports, columns: Arrays) -> list[str]:
    r"""Lines of plain TensorFlow that load the model from its own folder and ask it for one row.

    Example:

    >>> from .ports import ports_of
    >>> ports = ports_of(keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(1)]))
    >>> print("\n".join(load_lines(ports, {"point": np.array([[1.0, 2.5]], "float32")})))
    import tensorflow as tf
    model = tf.saved_model.load(".")  # the folder of this card
    row = {"point": tf.constant([[1.0, 2.5]], "float32")}
    answers = model.signatures["serving_default"](**row)
    print({name: answer.numpy() for name, answer in answers.items()})
    """
    row = ", ".join(f'"{port.name}": {_constant(columns[port.name][:1], port.dtype)}' for port in ports.inputs)
    return [
        "import tensorflow as tf",
        'model = tf.saved_model.load(".")  # the folder of this card',
        f"row = {{{row}}}",
        f'answers = model.signatures["{DEFAULT}"](**row)',
        "print({name: answer.numpy() for name, answer in answers.items()})",
    ]


def _constant(column: np.ndarray, dtype: str) -> str:
    if _is_short(column):
        return f'tf.constant({_literal(_short(column))}, "{dtype}")'
    nothing = {"string": '""', "bool": "False"}.get(dtype, f'tf.constant(0, "{dtype}")')
    return f"tf.fill({list(column.shape)}, {nothing})"


def _literal(value: Any) -> str:
    """A value as Python writes it, words in double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        return json.dumps(value) if is_text(value) else repr(bytes_of(value))
    return repr(value)


def _short(array: np.ndarray) -> Any:
    """The values of an array, numbers in as few digits as tell them apart."""
    if array.dtype.kind != "f":
        return array.tolist()
    plain = np.empty(array.size, dtype=object)
    plain[:] = [float(str(value)) for value in array.ravel()]
    return plain.reshape(array.shape).tolist()


def _shown(row: np.ndarray) -> Any:
    return _json(_short(row)) if _is_short(row) else f"{row.size} values, see {REQUEST}"


def _is_short(array: np.ndarray) -> bool:
    # Of words each character counts, an image of one string has as many as it has bytes.
    size = np.char.str_len(array).sum() // 4 if array.dtype.kind == "U" else array.size
    return bool(max(size, array.size) <= _MOST_SHOWN)


def _json(value: Any) -> Any:
    """Plain values as Serving takes them: strings that are no text in base 64."""
    if isinstance(value, list):
        return [_json(one) for one in value]
    return json_of(value) if isinstance(value, str) else value


def request(columns: Arrays) -> dict[str, Any]:
    """A request for the first row, as the REST interface of TensorFlow Serving takes it.

    Example:

    >>> request({"point": np.array([[1.0, 2.5], [3.0, 4.0]])})
    {'signature_name': 'serving_default', 'instances': [{'point': [1.0, 2.5]}]}
    """
    row = {name: _json(_short(column[0])) for name, column in columns.items()}
    return {"signature_name": DEFAULT, "instances": [row]}


def write_card(folder: Path, card: Mapping[str, Any], columns: Arrays) -> None:
    """Writes `card.json`, `card.md` and the request into a folder whose other files are there already."""
    (folder / REQUEST).parent.mkdir(exist_ok=True)
    (folder / REQUEST).write_text(json.dumps(request(columns)), encoding="utf-8")
    whole = {**card, "files": sums_of(folder)}
    (folder / CARD).write_text(json.dumps(whole, indent=1, default=str, ensure_ascii=False), encoding="utf-8")
    (folder / PAGE).write_text("\n".join(_page(whole)) + "\n", encoding="utf-8")


def _page(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {_cell(card['name'])}"
    yield ""
    told = {"task": "Task", "description": "About", "license": "Licence", "created": "Exported", "seed": "Seed"}
    for key, title in told.items():
        if card.get(key) is not None:
            yield f"- {title}: {_cell(card[key])}"
    yield f"- Parameters: {card['parameters']:,}"
    if card.get("license") is None:
        yield "- Licence: not said"
    yield from _ports_part("Takes", card["inputs"], ("name", "own_name", "dtype", "shape", "example"))
    yield from _ports_part("Answers", card["outputs"], ("name", "dtype", "shape", "meaning"))
    yield from ("", "## Load it", "", "With TensorFlow alone, in this folder:", "", "```python", *card["load"], "```")
    yield from ("", "With TensorFlow Serving, which reads the folder above this one:", "", "```sh")
    yield f"curl -d @{REQUEST} http://localhost:8501/v1/models/{_cell(card['name'])}:predict"
    yield "```"
    yield from _proof_part(card.get("proof"))
    for key, title in _PARTS.items():
        if card.get(key):
            yield from ("", f"## {title}", "", *_told(card[key]))
    yield from ("", "## Versions", "", *_told(card["versions"]))
    yield from ("", "## Files", "", "| file | SHA-256 |", "|---|---|")
    yield from (f"| {_cell(name)} | `{value}` |" for name, value in card["files"].items())


_PARTS = {
    "data": "Data",
    "scores": "Scores on the test rows",
    "beside": "Beside simple models",
    "calibration": "Calibration",
    "findings": "Findings",
    "formats": "Other formats",
    "settings": "Settings",
}


def _ports_part(title: str, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Iterator[str]:
    yield from (
        "",
        f"## {title}",
        "",
        f"| {' | '.join(key.replace('_', ' ') for key in keys)} |",
        "|---" * len(keys) + "|",
    )
    for row in rows:
        yield f"| {' | '.join(_sides(row[key]) if key == 'shape' else _cell(row.get(key)) for key in keys)} |"


def _sides(shape: Sequence[int | None]) -> str:
    return f"({', '.join(['rows', *('any' if side is None else str(side) for side in shape[1:])])})"


def _proof_part(proof: Mapping[str, Any] | None) -> Iterator[str]:
    if proof:
        yield from ("", "## Proof", "", *(f"- {_cell(sentence)}" for sentence in proof["proof"]))
        yield from ("", "Proved again by `trainwise export --verify .` in this folder.")


def _told(value: Any) -> Iterator[str]:
    """Any plain value as lines of a list or a table."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if _is_table(one):
                yield from ("", *_told(one))
            elif one is not None:
                yield f"- {_cell(key)}: {_cell(one)}"
    elif _is_table(value):
        keys = list(dict.fromkeys(key for row in value for key in row))
        yield from (f"| {' | '.join(map(_cell, keys))} |", "|---" * len(keys) + "|")
        yield from (f"| {' | '.join(_cell(row.get(key)) for key in keys)} |" for row in value)
    elif isinstance(value, list | tuple):
        yield from (f"- {_cell(one)}" for one in value)
    else:
        yield _cell(value)


def _is_table(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{_cell(key)} {_cell(one)}" for key, one in value.items())
    told = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    # One line, no cell of a table ended, and no mark-up of the user's names.
    told = " ".join(told.split()).replace("|", "\\|")
    return told.replace("<", "&lt;")
