"""Momentum, LARS and accumulated gradients against Keras' own optimizers and numpy written out."""

import json

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers
O = keras.optimizers  # noqa: E741
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(96, 5)).astype("float32")
Y = GENERATOR.normal(size=(96, 2)).astype("float32")


def _model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), L.Dense(6, "tanh"), L.Dense(2)])


def _difference(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def _fitted(optimizer, **fit):
    model = _model()
    model.compile(optimizer, "mse", jit_compile=fit.pop("jit", False))
    model.fit(X, Y, **{"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **fit})
    return model


@pytest.mark.parametrize("settings", [{}, {"nesterov": True}, {"weight_decay": 0.1}, {"global_clipnorm": 0.1}])
def test_momentum_that_stays_is_keras_sgd(settings):
    ours = _fitted(tw.optimizers.MomentumSGD(0.05, momentum=0.9, **settings))
    assert _difference(ours, _fitted(O.SGD(0.05, momentum=0.9, **settings))) == 0


def test_momentum_is_live_after_tracing():
    traces = []

    def loss(y, p):
        traces.append(1)
        return keras.ops.mean((y - p) ** 2)

    x = np.ones((1, 1))
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(tw.optimizers.MomentumSGD(0.1, momentum=0.9), loss)
    weight, velocity = 1.0, 0.0
    for momentum in (0.9, 0.9, 0.5, 0.0):
        model.optimizer.momentum = momentum
        model.fit(x, np.zeros((1, 1)), verbose=0)
        velocity = momentum * velocity - 0.1 * 2 * weight
        weight += velocity
        assert float(model.get_weights()[0][0, 0]) == pytest.approx(weight, rel=1e-5)
    assert len(traces) <= 2


def test_momentum_follows_a_schedule_over_updates():
    schedule = tw.schedules.JoinedSchedule([0.0, 0.5, 0.9], [2, 4])
    weight, velocity = keras.Variable([1.0]), 0.0
    optimizer, expected = tw.optimizers.MomentumSGD(0.1, momentum=schedule), 1.0
    for momentum in (0.0, 0.0, 0.5, 0.5, 0.9):
        optimizer.apply([keras.ops.ones(1)], [weight])
        velocity = momentum * velocity - 0.1
        expected += velocity
        assert float(keras.ops.convert_to_numpy(weight)[0]) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="follows a schedule, so 0.3 cannot be set"):
        optimizer.momentum = 0.3
    cycle = tw.schedules.OneCycle(0.1, 12)
    _fitted(tw.optimizers.MomentumSGD(cycle, momentum=cycle.momentum), epochs=1)


@pytest.mark.parametrize(("value", "error"), [(1.0, ValueError), (-0.1, ValueError), ("x", TypeError)])
def test_a_momentum_out_of_range_is_refused(value, error):
    with pytest.raises(error, match=f"`momentum` must be .*got {value!r}"):
        tw.optimizers.MomentumSGD(0.1, momentum=value)


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_is_the_rule_of_the_paper_written_out(nesterov):
    kernel, bias = GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=2)
    variables = [
        keras.Variable(kernel, name="kernel", dtype="float64"),
        keras.Variable(bias, name="bias", dtype="float64"),
    ]
    optimizer = tw.optimizers.LARS(0.5, momentum=0.9, weight_decay=0.01, trust_coefficient=0.02, nesterov=nesterov)
    values, velocities = [kernel.copy(), bias.copy()], [np.zeros((3, 2)), np.zeros(2)]
    for _ in range(4):
        gradients = [GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=2)]
        optimizer.apply([keras.ops.array(gradient, "float64") for gradient in gradients], variables)
        for place, name in enumerate(("kernel", "bias")):
            gradient = gradients[place]
            if name == "kernel":
                gradient = gradient + 0.01 * values[place]
                gradient = gradient * 0.02 * np.linalg.norm(values[place]) / np.linalg.norm(gradient)
            velocities[place] = 0.9 * velocities[place] - 0.5 * gradient
            values[place] = values[place] + (
                0.9 * velocities[place] - 0.5 * gradient if nesterov else velocities[place]
            )
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), value, rtol=1e-6)


def test_lars_takes_a_plain_step_where_a_norm_is_zero():
    weight = keras.Variable([0.0, 0.0], name="kernel")
    tw.optimizers.LARS(0.5, momentum=0.0).apply([keras.ops.array([1.0, -1.0])], [weight])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), [-0.5, 0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"momentum": 1.0}, "`momentum` must be in .*got 1"),
     ({"trust_coefficient": 0}, "`trust_coefficient` must be in .*got 0"),
     ({"weight_decay": -1}, "`weight_decay` must be in .*got -1"), ({"epsilon": -1}, "`epsilon` must be in .*got -1")],
)  # fmt: skip
def test_lars_refuses_what_is_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        tw.optimizers.LARS(0.1, **settings)


INNER = {"sgd": lambda: O.SGD(0.05, momentum=0.9), "adamw": lambda: O.AdamW(0.01, weight_decay=0.1)}


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_accumulated_batches_are_one_large_batch(name, steps, jit):
    ours = _fitted(tw.optimizers.AccumulatedGradients(INNER[name](), steps), jit=jit)
    true = _fitted(INNER[name](), batch_size=8 * steps)
    assert _difference(ours, true) < 1e-6
    assert int(ours.optimizer.iterations) == int(true.optimizer.iterations) == tw.schedules.updates(2, 96, 8 * steps)


def test_steps_change_with_no_new_trace_and_updates_are_counted():
    traces = []

    def loss(y, p):
        traces.append(1)
        return keras.ops.mean((y - p) ** 2)

    ours, true = _model(), _model()
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
    assert _difference(ours, true) < 1e-6


def test_rows_weigh_batches_of_unlike_size_and_what_is_left_over_is_flushed():
    ours, true = _model(), _model()
    optimizer = tw.optimizers.AccumulatedGradients(INNER["sgd"](), 5)
    ours.compile(optimizer, "mse")
    true.compile(INNER["sgd"](), "mse")
    for begin, end in ((0, 16), (16, 32), (32, 37)):
        optimizer.rows = end - begin
        ours.train_on_batch(X[begin:end], Y[begin:end])
    assert int(optimizer.iterations) == 0 and optimizer.flush() and not optimizer.flush()
    assert int(optimizer.iterations) == 1
    true.train_on_batch(X[:37], Y[:37])
    assert _difference(ours, true) < 1e-6


def test_saved_in_the_middle_of_an_accumulation_it_goes_on_bit_by_bit(tmp_path):
    model = _model()
    model.compile(tw.optimizers.AccumulatedGradients(INNER["adamw"](), 4), "mse")
    model.fit(X[:72], Y[:72], batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tw.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert _difference(model, again) == 0 and int(again.optimizer.iterations) == int(model.optimizer.iterations) == 5


def test_schedules_and_callbacks_see_updates_through_accumulation():
    schedule = O.schedules.PiecewiseConstantDecay([2], [0.1, 0.0])
    model = _fitted(tw.optimizers.AccumulatedGradients(O.SGD(schedule), 4), epochs=1)
    assert int(model.optimizer.iterations) == 3 and float(model.optimizer.learning_rate) == 0.0
    plain = _model()
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


@pytest.mark.parametrize(
    "make",
    [
        lambda: tw.optimizers.MomentumSGD(0.1, momentum=0.5, nesterov=True),
        lambda: tw.optimizers.MomentumSGD(0.1, momentum=tw.schedules.JoinedSchedule([0.1, 0.2], [3])),
        lambda: tw.optimizers.LARS(0.1, weight_decay=0.01, exclude=("bias",)),
        lambda: tw.optimizers.AccumulatedGradients(tw.optimizers.LayerwiseLearningRate("adam", {"dense*": 0.5}), 3),
    ],
)
def test_every_optimizer_round_trips_through_json_and_is_saved_with_its_model(make, tmp_path):
    optimizer = make()
    config = json.loads(json.dumps(optimizer.get_config()))
    assert json.loads(json.dumps(type(optimizer).from_config(config).get_config())) == config
    model = keras.Sequential([keras.Input((5,)), L.Dense(2, name="dense")])
    model.compile(make(), "mse")
    model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tw.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert _difference(model, again) == 0
