"""Populations in chunks."""

import keras
import lone
import numpy as np
import pytest
from architectures import CLASSES, LABELS, ROWS, TABLE, L, mlp

import trainwise as tw


def test_chunks_change_no_result(double, rng):
    def build():
        return keras.Sequential([keras.Input((6,)), L.Dense(5, "relu"), L.Dropout(0.5), L.Dense(3, "softmax")])

    arguments = {
        "learning_rate": list(np.geomspace(0.01, 0.5, 8)), "seed": list(range(8)), "loss": CLASSES, "epochs": 2,
        "verbose": 0, "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "metrics": ["accuracy"],
        "sample_weight": rng.uniform(size=(ROWS, 8)),
    }  # fmt: skip
    whole = tw.fit_population(build, TABLE, LABELS, **arguments)
    parts = tw.fit_population(build, TABLE, LABELS, memory_limit=int(3.5 * whole.memory_per_member), **arguments)
    assert whole.chunks == (8,) and parts.chunks == (3, 3, 2)
    for k in range(8):
        assert lone.largest_difference(whole.models[k], parts.models[k]) < 1e-9
        assert lone.history_difference(whole.histories[k], parts.histories[k]) < 1e-9
    assert whole.leaderboard()["member"] == parts.leaderboard()["member"]


def test_a_memory_limit_below_one_members_need_is_refused():
    with pytest.raises(ValueError, match=r"`memory_limit` must be at least \d+ bytes, the need of one member, got 10"):
        tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, memory_limit=10)


def test_a_generator_cannot_be_read_twice_for_chunks():
    need = tw.fit_population(mlp, TABLE, LABELS, loss=CLASSES, verbose=0).memory_per_member

    def batches():
        while True:
            yield TABLE[:16], LABELS[:16]

    with pytest.raises(ValueError, match="need 2 passes, but a generator can be read only once"):
        tw.fit_population(mlp, batches(), seed=[0, 1], loss=CLASSES, memory_limit=need, steps_per_epoch=2)
    fitted = tw.fit_population(mlp, batches(), seed=[0, 1], loss=CLASSES, steps_per_epoch=2, verbose=0)
    assert len(fitted.histories) == 2
