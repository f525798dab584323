"""Run by path in a fresh process: loads a SavedModel without trainwise and writes down its outputs.

Arguments: folder of the SavedModel, .npz of rows as `number of the set/input name`, .npz for the outputs,
number of rows to predict one by one, JSON file of the folders in which to look for packages.
"""

import json
import sys
from typing import Any

sys.modules["trainwise"] = None  # type: ignore[assignment]  # any import of it fails from here on

if __name__ == "__main__":
    # Packages may stand where an isolated process would not look: in PYTHONPATH or the user's own folder.
    with open(sys.argv[5], encoding="utf-8") as paths:
        sys.path[:] = json.load(paths)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def describe(specs: dict[str, tf.TensorSpec]) -> dict[str, str]:
    """Name -> dtype and shape, such as `float32 (?, 8, 8, 1)`."""
    return {
        name: f"{spec.dtype.name} ({', '.join('?' if side is None else str(side) for side in spec.shape)})"
        for name, spec in specs.items()
    }


def main(folder: str, rows_file: str, answers_file: str, singles: int) -> None:
    """Predicts each set of rows together, again, and the first `singles` one by one."""
    loaded = tf.saved_model.load(folder)
    sets: dict[str, dict[str, tf.Tensor]] = {}
    with np.load(rows_file) as archive:
        for name in archive.files:
            number, _, column = name.partition("/")
            sets.setdefault(number, {})[column] = tf.constant(archive[name])
    serve = loaded.signatures["serving_default"]
    answers: dict[str, Any] = {"signatures": ""}
    for number, rows in sets.items():

        def answer(start: int, end: int | None, rows: dict[str, tf.Tensor] = rows) -> np.ndarray:
            (result,) = serve(**{name: column[start:end] for name, column in rows.items()}).values()
            # numpy has no bfloat16, and cannot write it down.
            return (tf.cast(result, "float32") if result.dtype == tf.bfloat16 else result).numpy()

        try:
            answers[f"{number}/together"], answers[f"{number}/again"] = answer(0, None), answer(0, None)
            count = min(singles, len(answers[f"{number}/together"]))
            answers[f"{number}/singly"] = np.concatenate([answer(i, i + 1) for i in range(count)])
        except tf.errors.OpError as error:
            shapes = ", ".join(f"{name} {tuple(column.shape)}" for name, column in rows.items())
            sys.exit(f"it fails on rows of {shapes}: {error.message.strip().splitlines()[-1]}")
    signatures = {
        name: {
            "inputs": describe(signature.structured_input_signature[1]),
            "outputs": describe(signature.structured_outputs),
        }
        for name, signature in loaded.signatures.items()
    }
    answers["signatures"] = json.dumps(signatures)
    np.savez(answers_file, **answers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
