"""Says findings once: on the screen in a language, as JSON lines in a log, as text in TensorBoard."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..checks import one_of, path_of, refuse_deaf
from .findings import Finding
from .wording import LANGUAGES, words


class FindingLog:
    """Takes findings and says each of them once everywhere it should.

    Args:
        report: Called with each `Finding`; by default its words are printed.
        language: `"en"` or `"ko"`.
        log: File that gets one JSON object a line, or `None`.
        tensorboard: Folder for TensorBoard, which shows the findings under Text, or `None`.

    Raises:
        TypeError: `report` cannot be called, or `log` or `tensorboard` is no path.
        ValueError: `language` is another one, or nothing can be written to `log` or `tensorboard`.

    Example:

    >>> FindingLog(language="ko")(Finding("plateau", "info", "It stands still."))
    참고: 정체 (plateau): 손실이 더는 줄지 않지만, 도달할 수 있는 수준보다 높습니다. 이유: ...
    """

    def __init__(
        self,
        report: Callable[[Finding], None] | None = None,
        language: str = "en",
        log: str | Path | None = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        refuse_deaf("report", report, log=log, tensorboard=tensorboard)
        self.report = report
        self.language = one_of("language", language, LANGUAGES)
        self.log = writable("log", log)
        self.tensorboard = writable("tensorboard", tensorboard)
        self._count = 0
        self._failed: set[str] = set()

    def __call__(self, finding: Finding) -> None:
        self._say("report", lambda: self._report(finding))
        if self.log is not None:
            line, log = json.dumps(finding.as_dict(), ensure_ascii=False), Path(self.log)
            self._say("log", lambda: _append(log, line))
        if self.tensorboard is not None:
            folder, text = Path(self.tensorboard), words(finding, self.language)
            self._say("tensorboard", lambda: _write_text(folder, finding, text, self._count))
        self._count += 1

    def _report(self, finding: Finding) -> None:
        if self.report is not None:
            self.report(finding)
        else:
            print(words(finding, self.language))

    def _say(self, where: str, say: Callable[[], None]) -> None:
        """Says something in one of the places; a place that fails is said to, once, and left out from then on."""
        if where in self._failed:
            return
        try:
            say()
        # A full disk, a closed terminal, a mistake in a function of the user's: none is worth a fit.
        except Exception as error:
            self._failed.add(where)
            warnings.warn(
                f"`{where}` failed with {error!r}: nothing more is said there. What was found stands in `findings`.",
                RuntimeWarning,
                stacklevel=3,
            )

    def say(self, sentence: str) -> None:
        """Prints a sentence that is no finding, and puts it into the log."""
        # Who takes the findings himself does not want the screen written to.
        if self.report is None:
            self._say("report", lambda: print(sentence))
        if self.log is not None:
            line, log = json.dumps({"message": sentence}, ensure_ascii=False), Path(self.log)
            self._say("log", lambda: _append(log, line))


def writable(name: str, path: str | Path | None) -> str | Path | None:
    """The path, tried before hours of training: a file that can be written, or a folder that can be made.

    Example:

    >>> print(writable("log", None))
    None
    """
    if path is None:
        return None
    path_of(name, path)
    try:
        if name == "log":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).open("a", encoding="utf-8").close()
        else:
            Path(path).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ValueError(f"`{name}` must be a path that can be written, got {str(path)!r}: {error}.") from None
    return path


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _write_text(folder: Path, finding: Finding, text: str, number: int) -> None:
    import tensorflow as tf

    writer: Any = tf.summary.create_file_writer(str(folder))
    step = finding.step if finding.step is not None else finding.epoch if finding.epoch is not None else number
    with writer.as_default():
        tf.summary.text(f"findings/{finding.symptom}", text, step=step)
    writer.close()
