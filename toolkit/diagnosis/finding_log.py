"""Says findings once: on the screen in a language, as JSON lines in a log, as text in TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..checks import one_of
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
        ValueError: `language` is another one.

    Example:

    >>> FindingLog(language="ko")(Finding("plateau", "info", "It stands still."))
    참고: 정체 (plateau): 손실이 더는 줄지 않지만, 도달할 수 있는 수준보다 높습니다.
    """

    def __init__(
        self,
        report: Callable[[Finding], None] | None = None,
        language: str = "en",
        log: str | Path | None = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        self.report = report
        self.language = one_of("language", language, LANGUAGES)
        self.log = log
        self.tensorboard = tensorboard
        self._count = 0

    def __call__(self, finding: Finding) -> None:
        if self.report is not None:
            self.report(finding)
        else:
            print(words(finding, self.language))
        if self.log is not None:
            _append(Path(self.log), json.dumps(finding.as_dict(), ensure_ascii=False))
        if self.tensorboard is not None:
            _write_text(Path(self.tensorboard), finding, words(finding, self.language), self._count)
        self._count += 1

    def say(self, sentence: str) -> None:
        """Prints a sentence that is no finding, and puts it into the log."""
        # Who takes the findings himself does not want the screen written to.
        if self.report is None:
            print(sentence)
        if self.log is not None:
            _append(Path(self.log), json.dumps({"message": sentence}, ensure_ascii=False))


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
