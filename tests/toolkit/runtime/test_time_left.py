"""The time that is left of a fit, by a clock of the test's."""

import io

import pytest
from rich.console import Console

from trainwise.toolkit.runtime.live_line import LiveLine
from trainwise.toolkit.runtime.time_left import EpochsLeft, time_in_words


def _factors(epochs, batches, graph, batch, validation, first_validation, slower=0.0):
    """How far off the time left is after each batch from a tenth of them on, as a factor of at least 1."""
    now, told = [0.0], []
    left = EpochsLeft(epochs, batches, clock=lambda: now[0])
    for epoch in range(epochs):
        left.begin_epoch(epoch)
        for place in range(batches):
            now[0] += batch * (1 + slower * epoch) + (graph if epoch == place == 0 else 0.0)
            left.end_batch(place)
            told.append((now[0], left.seconds()))
        now[0] += validation + (first_validation if epoch == 0 else 0.0)
        left.end_epoch()
    # To the last epoch: within it hardly anything is left, and a factor says nothing.
    told = told[epochs * batches // 10 : -batches]
    pairs = [(guess, now[0] - at) for at, guess in told]
    return [max(guess / true, true / guess) for guess, true in pairs]


@pytest.mark.parametrize(
    "fit",
    [
        {"epochs": 30, "batches": 20, "graph": 5.0, "batch": 0.1, "validation": 0.5, "first_validation": 1.0},
        {"epochs": 10, "batches": 50, "graph": 3.0, "batch": 0.2, "validation": 2.0, "first_validation": 1.0},
        {"epochs": 100, "batches": 2, "graph": 2.0, "batch": 0.05, "validation": 0.05, "first_validation": 0.5},
        # A machine that grows busier.
        {"epochs": 20, "batches": 10, "graph": 1.0, "batch": 0.1, "validation": 0.1, "first_validation": 0.1,
         "slower": 0.02},
    ],
)  # fmt: skip
def test_the_time_left_is_right_within_a_factor_of_one_and_a_half_from_a_tenth_on(fit):
    found = _factors(**fit)
    assert len(found) > 10 and max(found) <= 1.5


def test_nothing_is_guessed_before_anything_is_known_and_nothing_is_negative():
    now = [0.0]
    left = EpochsLeft(2, None, clock=lambda: now[0])
    assert left.seconds() is None
    left.begin_epoch(0)
    now[0] = 1.0
    left.end_batch(0)
    assert left.seconds() is None
    left.end_epoch()
    now[0] = 50.0
    assert left.seconds() == 0.0


def test_a_fit_that_goes_on_has_the_later_epochs_left():
    now = [0.0]
    left = EpochsLeft(10, 1, clock=lambda: now[0])
    for epoch in (7, 8):
        left.begin_epoch(epoch)
        now[0] += 2.0
        left.end_batch(0)
        left.end_epoch()
    assert left.seconds() == 2.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7200, "2 h 0 min"), (90_000, "1 d 1 h")]
)
def test_durations_are_said_with_their_two_largest_parts(seconds, words):
    assert time_in_words(seconds) == words


def test_a_live_line_writes_nothing_into_a_pipe_and_leaves_no_line_on_a_terminal():
    pipe, terminal = io.StringIO(), io.StringIO()
    with LiveLine(lambda: "3 of 7", Console(file=pipe)):
        pass
    with LiveLine(lambda: "3 of 7", Console(file=terminal, force_terminal=True, width=40)):
        pass
    assert pipe.getvalue() == ""
    # Cleared at its end.
    assert "3 of 7" in terminal.getvalue() and terminal.getvalue().rstrip().endswith("\x1b[2K")
