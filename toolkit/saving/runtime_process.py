"""Run by path in a fresh process without TensorFlow: answers rows with an ONNX or LiteRT file and its own runtime.

Arguments: the file, .npz of rows by the names of the inputs, .npz for the answers, rows to predict one by one, JSON
list of the folders in which to look for packages.
"""

import json
import sys
from collections.abc import Callable

if __name__ == "__main__":
    for _name in ("trainwise", "keras", "tensorflow", "jax", "torch"):
        sys.modules[_name] = None  # type: ignore[assignment]  # any import of it fails from here on
    sys.path[:] = json.loads(sys.argv[5])

import numpy as np

Arrays = dict[str, np.ndarray]


def of_onnx(file: str) -> Callable[[Arrays], Arrays]:
    """A function that answers rows with onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda rows: dict(zip(names, session.run(names, rows), strict=True))


def of_litert(file: str) -> Callable[[Arrays], Arrays]:
    """A function that answers rows with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(file).get_signature_runner("serving_default")
    return lambda rows: dict(runner(**rows))


def main(file: str, rows_file: str, answers_file: str, singles: int) -> None:
    """Answers the rows together, again, and the first `singles` one by one."""
    answer = of_onnx(file) if file.endswith(".onnx") else of_litert(file)
    with np.load(rows_file) as archive:
        rows = {name: archive[name] for name in archive.files}
    count = len(next(iter(rows.values())))
    each = [answer({name: column[i : i + 1] for name, column in rows.items()}) for i in range(min(singles, count))]
    singly = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    # A file that takes one row at a time has no other way.
    whole = (singly, singly) if singles >= count else (answer(rows), answer(rows))
    ways = dict(zip(("together", "again", "singly"), (*whole, singly), strict=True))
    found = {f"{way}/{name}": array for way, given in ways.items() for name, array in given.items()}
    np.savez(answers_file, **found)  # type: ignore[arg-type]  # of arrays alone


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
