"""Callbacks can be deep-copied before a fit, and begin each fit anew."""

import copy
import inspect
import io

import keras
import numpy as np
import pytest
from rich.console import Console
from tiny import CURVE, ROWS, silent

import trainwise as tw

CALLBACKS = {
    "CurveWatch": lambda c, folder: c.CurveWatch("repair", ROWS, CURVE, (ROWS, CURVE), report=silent),
    "GradientWatch": lambda c, folder: c.GradientWatch(ROWS, CURVE, every=3, report=silent),
    "LearningRateFinder": lambda c, folder: c.LearningRateFinder(ROWS, CURVE, rates=4, updates=10),
    "LearningRateMonitor": lambda c, folder: c.LearningRateMonitor(every="step", batch_size=16),
    "Progress": lambda c, folder: c.Progress("net", Console(file=io.StringIO(), force_terminal=True)),
    "ResumableState": lambda c, folder: c.ResumableState(
        [keras.callbacks.EarlyStopping("loss", patience=1, min_delta=10.0)], folder / "state.json"
    ),
    "Resume": lambda c, folder: c.Resume(folder / "resume"),
    "SnapshotEnsemble": lambda c, folder: c.SnapshotEnsemble(cycles=2),
    "UpdateRatioMonitor": lambda c, folder: c.UpdateRatioMonitor(every=2),
    "WeightAverage": lambda c, folder: c.WeightAverage(start=0.5),
}
# It carries one fit over into the next, which is its purpose: the second fit has a folder of its own.
CARRIES = {"Resume"}


def test_every_public_callback_has_its_row():
    assert set(CALLBACKS) == {name for name in tw.callbacks.__all__ if inspect.isclass(getattr(tw.callbacks, name))}
    assert len(CALLBACKS) >= 10


def _fit(callback):
    """The history of a fit from fixed weights under the callback, the weights at its end, and what it said."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, "tanh", name="hidden"), keras.layers.Dense(1, name="end")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    history = model.fit(
        ROWS, CURVE, batch_size=16, epochs=4, validation_data=(ROWS, CURVE), callbacks=[callback], verbose=0
    ).history
    said = {
        "findings": [finding.as_dict() for finding in getattr(callback, "findings", ())],
        "steps": getattr(callback, "steps", None),
        "count": getattr(callback, "count", None),
        "rates": callback.result.as_dict() if hasattr(callback, "result") else None,
        "members": [member.get_weights() for member in getattr(callback, "models", ())],
    }
    return history, model.get_weights(), said


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_copy_and_a_second_fit_give_what_the_first_fit_gave(name, tmp_path):
    callback = CALLBACKS[name](tw.callbacks, tmp_path)
    other = copy.deepcopy(callback)
    assert type(other) is type(callback) and other is not callback
    first = _fit(callback)
    assert len(first[0]["loss"]) >= 1
    if name in CARRIES:
        callback = other = CALLBACKS[name](tw.callbacks, tmp_path / "second")
    np.testing.assert_equal(_fit(callback), first)
    if name not in CARRIES:
        np.testing.assert_equal(_fit(other), first)


def test_what_a_fit_leaves_behind_is_taken_into_the_comparison():
    callback = CALLBACKS["SnapshotEnsemble"](tw.callbacks, None)
    _, _, said = _fit(callback)
    assert len(said["members"]) == 2
    assert _fit(tw.callbacks.LearningRateMonitor(every="step"))[2]["steps"]
