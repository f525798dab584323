"""Laws of all schedules."""

import json

import keras
import numpy as np
import pytest

import trainwise as tw

S = tw.schedules


K = keras.optimizers.schedules


EVERY = [
    S.LinearWarmup(K.CosineDecay(0.5, 10), 3),
    S.JoinedSchedule([1, S.InverseSqrtDecay(1, 2)], [3]),
    S.PiecewiseDecay(1, [2], [1, 2]),
    S.WarmupStableDecay(1, 2, 3, 4, decay="cosine"),
    S.OneCycle(1, 10),
    S.OneCycle(1, 10).momentum,
    S.CyclicalLearningRate(0, 1, 3),
    S.InverseSqrtDecay(1, 5),
]


@pytest.mark.parametrize("schedule", EVERY, ids=lambda schedule: type(schedule).__name__)
def test_every_schedule_round_trips_through_json_and_drives_an_optimizer(schedule, tmp_path):
    again = K.deserialize(json.loads(json.dumps(K.serialize(schedule))))
    np.testing.assert_array_equal(again.preview(12), schedule.preview(12))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    x, y = np.ones((4, 1)), np.ones((4, 1))
    model.fit(x, y, batch_size=1, verbose=0, shuffle=False)
    weight = 0.0
    for rate in schedule.preview(4):
        weight -= rate * 2 * (weight - 1)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(weight, rel=1e-4)
    model.save(tmp_path / "model.keras")
    assert float(tw.load_model(tmp_path / "model.keras").optimizer.learning_rate) == pytest.approx(
        schedule.preview(5)[4]
    )


def test_the_plot_shows_the_preview():
    line = S.InverseSqrtDecay(1.0, 4).plot(20).axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), S.InverseSqrtDecay(1.0, 4).preview(20))


BAD = [
    (lambda: S.LinearWarmup("x", 3), TypeError, "`target` must be a number, got 'x'"),
    (lambda: S.LinearWarmup(1.0, 0), ValueError, "`steps` must be at least 1, got 0"),
    (lambda: S.LinearWarmup(-1.0, 3), ValueError, r"`target` must be in .*got -1"),
    (lambda: S.JoinedSchedule([1, 2], [3, 4]), ValueError, "2 schedules for 2 boundaries"),
    (lambda: S.JoinedSchedule([1, 2, 3], [4, 3]), ValueError, "`boundaries` must rise, got 3 after 4"),
    (lambda: S.JoinedSchedule([1, 2], [0]), ValueError, "`boundaries` must be at least 1, got 0"),
    (lambda: S.JoinedSchedule([1, 2], [1.5]), TypeError, "`boundaries` must be a whole number, got 1.5"),
    (lambda: S.PiecewiseDecay(0.0, [], [1]), ValueError, r"`initial_learning_rate` must be in .*got 0"),
    (lambda: S.PiecewiseDecay(1.0, [5], [1]), ValueError, "1 rates for 1 boundaries"),
    (lambda: S.PiecewiseDecay(1.0, [], [float("nan")]), ValueError, "`decay_rates` must be in .*got nan"),
    (lambda: S.WarmupStableDecay(1.0, 1, 1, 0), ValueError, "`decay_steps` must be at least 1, got 0"),
    (lambda: S.WarmupStableDecay(1.0, 1, 1, 1, minimum=2.0), ValueError, "`minimum` must be in .*got 2"),
    (lambda: S.WarmupStableDecay(1.0, 1, 1, 1, decay="step"), ValueError, "`decay` must be .*got 'step'"),
    (lambda: S.OneCycle(1.0, 1), ValueError, "`steps` must be at least 2, got 1"),
    (lambda: S.OneCycle(1.0, 9, warmup_share=1.0), ValueError, "`warmup_share` must be in .*got 1"),
    (lambda: S.OneCycle(1.0, 9, momentum=(0.9,)), ValueError, "`momentum` must hold two values, got 1"),
    (lambda: S.CyclicalLearningRate(1.0, 0.5, 3), ValueError, "`maximum` must be in .*got 0.5"),
    (lambda: S.CyclicalLearningRate(0.1, 0.5, 3, mode="square"), ValueError, "`mode` must be .*got 'square'"),
    (lambda: S.InverseSqrtDecay(1.0, True), TypeError, "`warmup_steps` must be a whole number, got True"),
    (lambda: S.BatchSizeSchedule([2], [32]), ValueError, "1 sizes for 1 boundaries"),
    (lambda: S.BatchSizeSchedule([2], [32, 0]), ValueError, "`batch_sizes` must be at least 1, got 0"),
    (lambda: S.updates(0, 10, 2), ValueError, "`epochs` must be at least 1, got 0"),
    (lambda: S.updates(1, 10, "2"), TypeError, "`batch_size` must be a whole number, got '2'"),
    (lambda: S.InverseSqrtDecay(1.0, 4).preview(0), ValueError, "`steps` must be at least 1, got 0"),
    (
        lambda: S.BatchSizeSchedule.from_learning_rates([1], [0.1, 0.2], 8, 64), ValueError,
        "`learning_rates` must not rise above the first, 0.1, got 0.2",
    ),
    (
        lambda: S.BatchSizeSchedule.from_learning_rates([1], [0.1, 0.05], 8, 4), ValueError,
        "`largest` must be at least 8, got 4",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_arguments_are_refused_with_their_value(make, error, message):
    with pytest.raises(error, match=message):
        make()
