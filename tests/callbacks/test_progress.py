"""Progress as lines and as a bar."""

import copy
import io

import keras
from rich.console import Console
from tiny import POSITIVE, SUMS, two_answers

import trainwise as tw
from trainwise.callbacks import Progress
from trainwise.toolkit.diagnosis.findings import Finding


def test_progress_is_plain_lines_without_control_bytes_when_piped():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=False, highlight=False))
    two_answers().fit(SUMS, POSITIVE, epochs=2, callbacks=[progress], verbose=0)
    lines = text.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["net: epoch 1/2", "net: epoch 2/2"]
    assert all(character.isprintable() for line in lines for character in line)


def test_progress_is_one_line_on_a_terminal_and_is_taken_away():
    text = io.StringIO()
    progress = Progress("net", Console(file=text, force_terminal=True, width=100))
    two_answers().fit(SUMS, POSITIVE, epochs=2, callbacks=[progress], verbose=0)
    assert "\x1b[" in text.getvalue() and "net: " in text.getvalue()
    assert progress._line is None
    assert copy.deepcopy(progress).label == "net"


def test_the_line_says_what_is_done_the_best_so_far_and_the_newest_finding():
    progress = Progress("net", Console(file=io.StringIO(), force_terminal=True, width=200))
    progress.set_params({"epochs": 9, "steps": 2})
    progress.on_train_begin()
    for epoch, loss in enumerate([0.5, 0.25, 0.75]):
        progress.on_epoch_begin(epoch)
        progress.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
    progress.tell(Finding("overfitting", "info", "It learns by heart."))
    found = progress.words()
    progress.stop()
    assert found.startswith("net: 3 of 9 epochs, val_loss 0.7500, best 0.2500 (epoch 2), about ")
    assert found.endswith(" left, newest finding: overfitting")


class _Reading(keras.callbacks.Callback):
    """Reads the line after each part of an epoch that is otherwise one call."""

    reads_whole_epochs = True

    def __init__(self, progress):
        super().__init__()
        self.progress, self.read = progress, []

    def looks_in(self, updates):
        return [updates // 2]

    def begin_updates(self, first):
        pass

    def end_updates(self, last):
        self.read.append(self.progress.words())


def test_a_population_keeps_its_whole_epochs_and_tells_the_time_left_within_the_first():
    progress = Progress("members", Console(file=io.StringIO(), force_terminal=True, width=100))
    reading = _Reading(progress)
    result = tw.fit_population(
        two_answers, SUMS, POSITIVE, size=2, batch_size=4, epochs=3, callbacks=[progress, reading], verbose=0
    )
    assert len(result.populations[0].batch_losses()) == -(-len(SUMS) // 4)
    first_epoch = reading.read[:3]
    assert first_epoch[0] == "members: 0 of 3 epochs" and all("left" in line for line in first_epoch[1:])
