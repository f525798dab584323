"""Accumulated gradients against one large batch."""

import functools

import keras
import pytest
from two_outputs import X, Y, difference, fitted, network

import trainwise as tw

L = keras.layers


O = keras.optimizers  # noqa: E741


INNER = {"sgd": lambda: O.SGD(0.05, momentum=0.9), "adamw": lambda: O.AdamW(0.01, weight_decay=0.1)}


@functools.cache
def _in_large_batches(name, steps):
    """What accumulation must end at, however it is run."""
    return fitted(INNER[name](), batch_size=8 * steps)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_accumulated_batches_are_one_large_batch(name, steps, jit):
    ours = fitted(tw.optimizers.AccumulatedGradients(INNER[name](), steps), jit=jit)
    true = _in_large_batches(name, steps)
    assert difference(ours, true) < 1e-6
    assert int(ours.optimizer.iterations) == int(true.optimizer.iterations) == tw.schedules.updates(2, 96, 8 * steps)


def test_steps_change_with_no_new_trace_and_updates_are_counted():
    traces = []

    def loss(y, p):
        traces.append(1)
        return keras.ops.mean((y - p) ** 2)

    ours, true = network(), network()
    optimizer = tw.optimizers.AccumulatedGradients(INNER["sgd"](), 1)
    ours.compile(optimizer, loss, jit_compile=True)
    true.compile(INNER["sgd"](), "mse")
    counted, seen = 0, None
    for steps in (1, 2, 4, 12):
        optimizer.steps = steps
        ours.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
        true.fit(X, Y, batch_size=8 * steps, shuffle=False, verbose=0)
        counted += tw.schedules.updates(1, 96, 8, accumulation=steps)
        seen = len(traces) if steps == 1 else seen
    assert len(traces) == seen
    assert int(optimizer.iterations) == counted == 12 + 6 + 3 + 1
    assert difference(ours, true) < 1e-6


def test_rows_weigh_batches_of_unlike_size_and_what_is_left_over_is_flushed():
    ours, true = network(), network()
    optimizer = tw.optimizers.AccumulatedGradients(INNER["sgd"](), 5)
    ours.compile(optimizer, "mse")
    true.compile(INNER["sgd"](), "mse")
    for begin, end in ((0, 16), (16, 32), (32, 37)):
        optimizer.rows = end - begin
        ours.train_on_batch(X[begin:end], Y[begin:end])
    assert int(optimizer.iterations) == 0 and optimizer.flush() and not optimizer.flush()
    assert int(optimizer.iterations) == 1
    true.train_on_batch(X[:37], Y[:37])
    assert difference(ours, true) < 1e-6


def test_saved_in_the_middle_of_an_accumulation_it_goes_on_bit_by_bit(tmp_path):
    model = network()
    model.compile(tw.optimizers.AccumulatedGradients(INNER["adamw"](), 4), "mse")
    model.fit(X[:72], Y[:72], batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tw.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert difference(model, again) == 0 and int(again.optimizer.iterations) == int(model.optimizer.iterations) == 5


def test_schedules_and_callbacks_see_updates_through_accumulation():
    schedule = O.schedules.PiecewiseConstantDecay([2], [0.1, 0.0])
    model = fitted(tw.optimizers.AccumulatedGradients(O.SGD(schedule), 4), epochs=1)
    assert int(model.optimizer.iterations) == 3 and float(model.optimizer.learning_rate) == 0.0
    plain = network()
    plain.compile(tw.optimizers.AccumulatedGradients("sgd", 2), "mse")
    plain.fit(X, Y, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.25)])
    assert float(plain.optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_steps_that_cannot_be_are_refused(value, error):
    with pytest.raises(error, match=f"`steps` must be .*got {value!r}"):
        tw.optimizers.AccumulatedGradients("sgd", value)
    optimizer = tw.optimizers.AccumulatedGradients("sgd")
    with pytest.raises(error, match=f"`steps` must be .*got {value!r}"):
        optimizer.steps = value
    with pytest.raises(ValueError, match="`rows` must be in .*got 0"):
        optimizer.rows = 0
