"""The order of members."""

import numpy as np
import pytest
from architectures import CLASSES, LABELS, TABLE, mlp

import trainwise as tw


def test_the_leaderboard_puts_the_best_epoch_of_the_best_member_first_and_prints():
    from rich.console import Console

    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=[1e-6, 0.3, 1e9], momentum=0.5, seed=1, loss=CLASSES, metrics=["accuracy"],
        epochs=4, verbose=0,
    )  # fmt: skip
    board = result.leaderboard()
    best = [np.nanmin(history["loss"]) for history in result.histories]
    assert board["member"][0] == 1 and board["loss"][0] == pytest.approx(min(best))
    assert board["learning_rate"][0] == 0.3 and "momentum" not in board
    by_accuracy = result.leaderboard("accuracy")
    assert by_accuracy["accuracy"][0] == max(by_accuracy["accuracy"])
    assert "learning_rate" in str(board)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(board)
    assert "learning_rate" in console.export_text()
    with pytest.raises(ValueError, match="`metric` must be one of .*got 'f1'"):
        result.leaderboard("f1")
