"""Run by path in a fresh process: loads a SavedModel with TensorFlow alone and writes down its outputs.

TensorFlow is imported at once, while the parent still writes; then one line of JSON on standard input is the
task: `folder` of the SavedModel, `rows` (.npz, `number of the set/input name`), `answers` (.npz to be written),
`singles` (rows to predict one by one). Argument: JSON list of the folders in which to look for packages.
"""

import gc
import json
import os
import sys
from typing import Any

if __name__ == "__main__":
    # Importing TensorFlow makes many objects and no garbage: looking for some takes a seventh of the time.
    gc.disable()
    for _name in ("trainwise", "keras", "jax", "torch"):
        sys.modules[_name] = None  # type: ignore[assignment]  # any import of it fails from here on
    # Packages may stand where an isolated process would not look: in PYTHONPATH or the user's own folder.
    sys.path[:] = json.loads(sys.argv[1])

import numpy as np
import tensorflow as tf

# Nor is any of them looked at again.
gc.freeze()
gc.enable()


def describe(specs: dict[str, tf.TensorSpec]) -> dict[str, str]:
    """Name -> dtype and shape, such as `float32 (?, 8, 8, 1)`."""
    return {name: f"{spec.dtype.name} {_shape(spec.shape)}" for name, spec in specs.items()}


def _shape(shape: tf.TensorShape) -> str:
    if shape.rank is None:
        return "(any shape)"
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"


# Bytes that are no text are written as lone halves of characters, and come back as bytes: `words.py` does so too.
KEPT = "surrogateescape"


def given(array: np.ndarray) -> tf.Tensor:
    """Rows as a signature takes them."""
    if array.dtype.kind != "U":
        return tf.constant(array)
    words = [word.encode("utf-8", KEPT) for word in array.ravel()]
    return tf.reshape(tf.constant(words, "string"), array.shape)


def plain(tensor: tf.Tensor) -> np.ndarray:
    """An answer as numpy can write it down."""
    if tensor.dtype == tf.string:
        words = np.array([word.decode("utf-8", KEPT) for word in tensor.numpy().ravel()], dtype="U")
        return words.reshape(tensor.shape)
    # numpy has no bfloat16.
    return (tf.cast(tensor, "float32") if tensor.dtype == tf.bfloat16 else tensor).numpy()


def answers_of(serve: Any, rows: dict[str, tf.Tensor], singles: int) -> dict[str, np.ndarray]:
    """Predicts the rows together, again, and the first `singles` one by one: `way/output name`."""

    def answer(start: int, end: int | None) -> dict[str, np.ndarray]:
        found = serve(**{name: column[start:end] for name, column in rows.items()})
        return {name: plain(tensor) for name, tensor in found.items()}

    together, again = answer(0, None), answer(0, None)
    count = min(singles, len(next(iter(rows.values()))))
    one_by_one = [answer(i, i + 1) for i in range(count)]
    singly = {name: np.concatenate([one[name] for one in one_by_one]) for name in together if together[name].ndim}
    ways = {"together": together, "again": again, "singly": singly}
    return {f"{way}/{name}": array for way, found in ways.items() for name, array in found.items()}


def main(folder: str, rows: str, answers: str, singles: int) -> None:
    """Answers each set of rows by the default signature, and the first set by each."""
    loaded = tf.saved_model.load(folder)
    sets: dict[str, dict[str, tf.Tensor]] = {}
    with np.load(rows) as archive:
        for name in archive.files:
            number, _, column = name.partition("/")
            sets.setdefault(number, {})[column] = given(archive[name])
    found: dict[str, Any] = {}
    for number, columns in sets.items():
        for signature, serve in loaded.signatures.items():
            if signature != "serving_default" and number != "0":
                continue
            try:
                told = answers_of(serve, columns, singles)
            except tf.errors.OpError as error:
                shapes = ", ".join(f"{name} {tuple(column.shape)}" for name, column in columns.items())
                sys.exit(f"{signature} fails on rows of {shapes}: {error.message.strip().splitlines()[-1]}")
            found |= {f"{number}/{signature}/{name}": array for name, array in told.items()}
    signatures = {
        name: {
            "inputs": describe(signature.structured_input_signature[1]),
            "outputs": describe(signature.structured_outputs),
        }
        for name, signature in loaded.signatures.items()
    }
    found["signatures"] = json.dumps(signatures)
    found["version"] = tf.version.VERSION
    np.savez(answers, **found)


if __name__ == "__main__":
    line = sys.stdin.readline()
    if line.strip():
        main(**json.loads(line))
        # The answers are on the disk; taking TensorFlow down in good order would only take time.
        sys.stderr.flush()
        os._exit(0)
