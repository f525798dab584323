"""Schedules against closed forms written in numpy, at every update."""

import json
import math

import keras
import numpy as np
import pytest

import trainwise as tw

S = tw.schedules
K = keras.optimizers.schedules


def test_one_cycle_is_torchs_at_every_update():
    # torch.optim.lr_scheduler.OneCycleLR: two phases that end at share x steps - 1 and steps - 1.
    steps, share, top = 50, 0.3, 0.8
    low, last = top / 25, top / 25 / 1e4
    turn, end = share * steps - 1, steps - 1

    def anneal(start, stop, part):
        return stop + (start - stop) / 2 * (math.cos(math.pi * part) + 1)

    rates = [
        anneal(low, top, t / turn) if t <= turn else anneal(top, last, (t - turn) / (end - turn)) for t in range(50)
    ]
    moms = [
        anneal(0.95, 0.85, t / turn) if t <= turn else anneal(0.85, 0.95, (t - turn) / (end - turn)) for t in range(50)
    ]
    cycle = S.OneCycle(top, steps)
    np.testing.assert_allclose(cycle.preview(50), rates, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(cycle.momentum.preview(50), moms, rtol=1e-6)
    assert cycle.preview(60)[-1] == pytest.approx(last, rel=1e-4)


def test_one_cycle_in_straight_lines():
    rates = S.OneCycle(1.0, 21, warmup_share=10 / 21, initial_divisor=10, final_divisor=1, anneal="linear").preview(21)
    np.testing.assert_allclose(rates[[0, 9, 20]], [0.1, 1.0, 0.1], rtol=1e-5)
    np.testing.assert_allclose(np.diff(rates[:10]), 0.1, rtol=1e-4)
    np.testing.assert_allclose(np.diff(rates[9:]), -0.9 / 11, rtol=1e-4)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cyclical_rates_follow_smiths_formula(mode):
    steps = np.arange(40)
    cycle = np.floor(1 + steps / 10)
    height = np.maximum(0, 1 - np.abs(steps / 5 - 2 * cycle + 1))
    height = height * {"triangular": 1.0, "triangular2": 0.5 ** (cycle - 1), "exp_range": 0.9**steps}[mode]
    schedule = S.CyclicalLearningRate(0.1, 0.5, 5, mode=mode, gamma=0.9)
    np.testing.assert_allclose(schedule.preview(40), 0.1 + 0.4 * height, rtol=1e-5)


def test_warmup_wastes_no_update_and_then_follows_its_target():
    target = K.InverseTimeDecay(1.0, 1, 0.5)
    expected = [0.2, 0.4, 0.6, 0.8, 1.0, *(1 / (1 + 0.5 * t) for t in range(5))]
    np.testing.assert_allclose(S.LinearWarmup(target, 5).preview(10), expected, rtol=1e-6)
    np.testing.assert_allclose(S.LinearWarmup(2, 2, start=1).preview(4), [1.5, 2.0, 2.0, 2.0], rtol=1e-6)


def test_joined_schedules_count_from_their_own_beginning():
    joined = S.JoinedSchedule([1, K.ExponentialDecay(8.0, 1, 0.5), 0.125], [2, 5])
    np.testing.assert_allclose(joined.preview(7), [1, 1, 8, 4, 2, 0.125, 0.125], rtol=1e-6)


def test_the_decay_changes_after_given_updates_without_a_jump():
    initial, boundaries, decays = 0.5, [3, 8], [0.1, 1.0, 0.0]
    expected, rate, begin = [], initial, 0
    for t in range(12):
        if t in boundaries:
            rate, begin = rate / (1 + decays[boundaries.index(t)] * (t - begin)), t
        segment = sum(t >= boundary for boundary in boundaries)
        expected.append(rate / (1 + decays[segment] * (t - begin)))
    np.testing.assert_allclose(S.PiecewiseDecay(initial, boundaries, decays).preview(12), expected, rtol=1e-6)
    plain = K.InverseTimeDecay(0.5, 1, 0.3)
    np.testing.assert_allclose(S.PiecewiseDecay(0.5, [], [0.3]).preview(20), S.preview(plain, 20), rtol=1e-6)


@pytest.mark.parametrize(
    ("decay", "shape"),
    [
        ("linear", lambda s: 1 - s),
        ("cosine", lambda s: (1 + np.cos(np.pi * s)) / 2),
        ("1-sqrt", lambda s: 1 - np.sqrt(s)),
    ],
)
def test_warmup_stable_decay_has_its_three_parts(decay, shape):
    rates = S.WarmupStableDecay(2.0, 4, 3, 5, minimum=0.2, decay=decay).preview(15)
    np.testing.assert_allclose(rates[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(rates[4:7], 2.0, rtol=1e-6)
    share = np.clip((np.arange(7, 15) - 7) / 5, 0, 1)
    np.testing.assert_allclose(rates[7:], 0.2 + 1.8 * shape(share), rtol=1e-5, atol=1e-6)
    assert S.WarmupStableDecay(1.0, 0, 0, 2).preview(3).tolist() == [1.0, 0.5, 0.0]


def test_inverse_square_root_peaks_at_the_end_of_the_warmup():
    t = np.arange(1, 101)
    expected = 0.3 * np.minimum(t / 25, np.sqrt(25 / t))
    np.testing.assert_allclose(S.InverseSqrtDecay(0.3, 25).preview(100), expected, rtol=1e-6)


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


def test_updates_of_smith_and_others_are_the_ones_counted_by_hand():
    grown = S.BatchSizeSchedule([60, 120, 160], [128, 640, 3200, 5120])
    # 50 000 rows: 391 batches of 128, 79 of 640, 16 of 3200, 10 of 5120.
    assert S.updates(200, 50_000, 128) == 200 * 391 == 78_200
    assert S.updates(200, 50_000, grown) == 60 * 391 + 60 * 79 + 40 * 16 + 40 * 10 == 29_240
    assert S.updates(2, 10, 4, drop_remainder=True) == 4
    assert S.updates(2, 10, 4, accumulation=2) == 3
    assert S.updates(1, 3, 100) == 1


def test_updates_are_those_that_fit_makes():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((37, 1)), np.ones((37, 1)), batch_size=8, epochs=3, verbose=0)
    assert int(model.optimizer.iterations) == S.updates(3, 37, 8)


def test_the_batch_takes_the_rates_cuts_until_it_may_grow_no_more():
    rates = [0.1, 0.02, 0.004, 0.0008]
    schedule, left = S.BatchSizeSchedule.from_learning_rates([60, 120, 160], rates, 128, largest=5000)
    assert schedule.batch_sizes == (128, 640, 3200, 5000)
    np.testing.assert_allclose(left, [0.1, 0.1, 0.1, 0.0008 * 5000 / 128])
    # Rate over batch size, the noise scale, falls as planned.
    np.testing.assert_allclose(np.array(left) / schedule.batch_sizes, np.array(rates) / 128)
    assert [schedule.at(epoch) for epoch in (0, 59, 60, 119, 120, 160, 999)] == [128, 128, 640, 640, 3200, 5000, 5000]
    assert schedule.phases(70) == [(0, 60, 128), (60, 70, 640)]
    assert S.BatchSizeSchedule(**schedule.get_config()) == schedule


def test_a_falling_schedule_becomes_a_growing_batch_epoch_by_epoch():
    decay = K.ExponentialDecay(0.1, 10, 0.5, staircase=True)  # halved every epoch of 10 updates
    grown, rates = S.BatchSizeSchedule.from_schedule(decay, epochs=5, samples=80, batch_size=8, largest=32)
    assert grown.phases(5) == [(0, 1, 8), (1, 2, 16), (2, 3, 32), (3, 4, 32), (4, 5, 32)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.05, 0.025], rtol=1e-6)
    with pytest.raises(ValueError, match="`learning_rates` must not rise above the first"):
        S.BatchSizeSchedule.from_schedule(S.LinearWarmup(0.1, 20), epochs=2, samples=80, batch_size=8, largest=32)


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
