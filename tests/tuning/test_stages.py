"""Overfit first, then regularise."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from trainwise.tuning import MLP, overfit_then_regularize, stages
from trainwise.tuning.searching.rows import rows_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int32")
FAST = {"epochs": 25, "seeds": 2, "rates": 3, "batch_size": 16}


@pytest.fixture(scope="module")
def found():
    return overfit_then_regularize(X, Y, **FAST)


def test_stage_one_grows_capacity_until_the_training_rows_are_fitted(found):
    capacity = [row for row in found.rows if row["stage"] == "capacity"]
    assert found.fitted
    assert capacity[-1]["train"] >= 0.995
    assert all(row["train"] < 0.995 for row in capacity[:-1])
    assert "fits the training rows" in found.sentence


def test_stage_two_measures_each_regulariser_by_itself(found):
    steps = [row["step"] for row in found.rows if row["stage"] == "regularise"]
    assert steps == [
        "early stopping", "dropout 0.25", "dropout 0.5", "L2 0.0001", "L2 0.001", "augmentation noise",
    ]  # fmt: skip
    for row in found.rows:
        if row["stage"] == "regularise" and row["step"] != "early stopping":
            assert row["kept"] == (row["effect"] > 0)
            assert np.isfinite(row["error"])


def test_what_is_kept_is_never_worse_than_what_was_kept_before(found):
    kept = [row["val_loss"] for row in found.rows if row["stage"] == "regularise" and row["kept"]]
    assert len(kept) >= 2
    assert kept == sorted(kept, reverse=True)


def test_the_model_is_made_of_what_was_kept_with_the_weights_of_its_best_epoch(found):
    rows = [row for row in found.rows if row["stage"] == "regularise" and row["kept"]]
    held = np.random.default_rng(0).permutation(120)[96:]
    answers = np.clip(found.model.predict(X[held], verbose=0)[:, 0].astype("float64"), 1e-7, 1 - 1e-7)
    # Of the data alone: Keras' own loss holds the penalties too.
    loss = -np.mean(np.where(Y[held] == 1, np.log(answers), np.log(1 - answers)))
    assert loss <= rows[-1]["val_loss"] * 1.0001
    assert float(found.model.optimizer.learning_rate) == pytest.approx(found.settings["learning_rate"], rel=1e-5)


@pytest.mark.slow
def test_rows_that_contradict_each_other_are_named_as_the_reason():
    x = np.repeat(X[:30], 4, axis=0)
    y = np.tile([0, 0, 0, 1], 30)
    order = np.random.default_rng(1).permutation(120)
    found = overfit_then_regularize(x[order], y[order], epochs=4, seeds=1, rates=2, validation_data=(X, Y))
    assert not found.fitted
    assert "75.0%" in found.sentence
    assert len([row for row in found.rows if row["stage"] == "capacity"]) == 6


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="`epochs` must be at least 1, got 0"):
        overfit_then_regularize(X, Y, epochs=0)
    with pytest.raises(ValueError, match="`target`"):
        overfit_then_regularize(X, Y, target=2.0)
    with pytest.raises(ValueError, match="NaN"):
        overfit_then_regularize(X * np.nan, Y)
    with pytest.raises(ValueError, match=r"\[120, 9\]|\[9, 120\]"):
        overfit_then_regularize(X, Y[:9])


def _one_fit(x, y, **settings):
    """One network as the stages train it, and the stages that did."""
    rows = rows_of(x, y, None, (x, y), 0.0, None, 0)
    made = stages._Stages(rows, epochs=4, batch_size=16, seeds=1, rates=1, target=None, seed=0, verbose=0)
    made.space = MLP
    return made, made._fit({**stages._PLAIN, "depth": 1, "units": 16, **settings}, [1e-2], [0])


def test_what_a_regulariser_brings_is_judged_by_the_loss_of_the_data_without_its_penalty():
    made, result = _one_fit(X, Y, l2=0.1)
    history = result.histories[0]
    assert min(history["val_loss"]) > min(history[made._judge]) + 0.01
    # The weights are those of the epoch of the least loss of the data.
    answers = result.models[0].predict(X, verbose=0)[:, 0].astype("float64")
    alone = -np.mean(np.where(Y == 1, np.log(answers), np.log(1 - answers)))
    assert min(history[made._judge]) == pytest.approx(alone, rel=1e-4)


def test_the_fit_of_several_outputs_is_that_of_each_by_its_own_spread():
    y = np.stack([RNG.normal(size=120), 1000 + RNG.normal(size=120)], axis=1).astype("float32")
    made, result = _one_fit(X, y)
    best = int(np.argmin(result.histories[0][made._judge]))
    found = made._scores(result.histories[0], "val_")[best]
    answers = result.models[0].predict(X, verbose=0)
    # By the variance of all values together, noise around 0 and 1000 would be explained to 0.99999.
    assert found == pytest.approx(r2_score(y, answers), abs=0.001) and found < 0.5
