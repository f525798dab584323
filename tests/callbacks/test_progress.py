"""Progress as lines and as a bar."""

import copy
import io

from rich.console import Console
from tiny import POSITIVE, SUMS, two_answers

from trainwise.callbacks import Progress


def test_progress_is_plain_lines_without_control_bytes_when_piped():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=False, highlight=False))
    two_answers().fit(SUMS, POSITIVE, epochs=2, callbacks=[progress], verbose=0)
    lines = text.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["net: epoch 1/2", "net: epoch 2/2"]
    assert all(character.isprintable() for line in lines for character in line)


def test_progress_is_a_bar_on_a_terminal_and_is_taken_away():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=True, width=100))
    two_answers().fit(SUMS, POSITIVE, epochs=2, callbacks=[progress], verbose=0)
    assert "\x1b[" in text.getvalue()
    assert progress._bar is None
    assert copy.deepcopy(progress).label == "net"
