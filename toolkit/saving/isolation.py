"""A fresh process that finds TensorFlow where this one found it, and neither trainwise nor the user's own code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .refusals import ExportRefusedError

SECONDS = 600
SINGLE_ROWS = 8


class FreshProcess:
    """A process that imports TensorFlow as soon as it is made, and answers rows with one SavedModel; a context.

    Args:
        scratch: Folder for the rows and the answers.
        seconds: After which it is ended.

    Example:

    >>> import tempfile
    >>> with FreshProcess(Path(tempfile.mkdtemp())) as process:
    ...     process.answers(Path("nowhere"), [{"inputs": np.ones((1, 1))}])
    Traceback (most recent call last):
    ...
    trainwise.toolkit.saving.refusals.ExportRefusedError: ... SavedModel file does not exist at: nowhere...
    """

    def __init__(self, scratch: Path, seconds: float = SECONDS) -> None:
        self.scratch = scratch
        self.seconds = seconds
        script = Path(__file__).with_name("fresh_process.py")
        # Isolated, so that it finds nothing by where it runs; the paths give it the packages of this process.
        command = [sys.executable, "-I", str(script), json.dumps(package_folders())]
        # On a GPU it takes what it needs beside this process, and no more.
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", env=environment,
        )  # fmt: skip

    def __enter__(self) -> FreshProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        # Where the parent failed before there was anything to answer.
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def answers(self, folder: Path, sets: list[dict[str, np.ndarray]]) -> dict[str, Any]:
        """What a SavedModel answers, by `number of the set/signature/way/output`; its `signatures` and the `version`.

        Args:
            folder: The SavedModel.
            sets: Rows by the names of its inputs; the first is put to all its signatures.

        Raises:
            ExportRefusedError: It cannot be loaded or run, or not in time.
        """
        rows, answers = self.scratch / "rows.npz", self.scratch / "answers.npz"
        plain: dict[str, Any] = {f"{i}/{name}": column for i, one in enumerate(sets) for name, column in one.items()}
        np.savez(rows, **plain)
        task = {"folder": str(folder), "rows": str(rows), "answers": str(answers), "singles": SINGLE_ROWS}
        try:
            _, errors = self._process.communicate(json.dumps(task) + "\n", timeout=self.seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise ExportRefusedError(
                f"The export was refused: a fresh process had not loaded and run it after {self.seconds:g} s."
            ) from None
        code = self._process.returncode
        if code:
            raise ExportRefusedError(
                f"The export was refused: a fresh process could not load and run it: {_ending(code, errors)}"
            )
        with np.load(answers) as archive:
            return {name: archive[name] for name in archive.files}


def package_folders() -> list[str]:
    """The folders of `sys.path` that hold Python itself or installed packages; the user's own code is in none.

    Example:

    >>> bool(package_folders())
    True
    """
    standard = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    found = []
    for entry in map(str, sys.path):
        # An empty entry is the folder that the process happens to run in.
        if not entry:
            continue
        folder = os.path.realpath(entry)
        inside = any(folder == one or folder.startswith(one + os.sep) for one in standard)
        packed = os.path.basename(folder) == os.path.basename(sysconfig.get_path("stdlib")).replace(".", "") + ".zip"
        if inside or packed or any(Path(folder).glob("*.dist-info")):
            found.append(entry)
    return found


def _ending(code: int, errors: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        cause = ", as a system does where the memory does not suffice" if name == "SIGKILL" else ""
        return f"it was ended by {name}{cause}."
    return (errors.strip().splitlines() or ["no message"])[-1]
