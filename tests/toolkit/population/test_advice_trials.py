"""Advice for the members of a population, tried out beside its fit; the oracle is plain fits of lone models."""

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.findings import Advice, Finding
from trainwise.toolkit.optimizers.memberwise import memberwise
from trainwise.toolkit.population.advice_trials import MemberTrials
from trainwise.toolkit.population.model import Population

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(256, 6)).astype("float32")
Y = (X @ GENERATOR.normal(size=(6, 1)) + 0.1 * GENERATOR.normal(size=(256, 1))).astype("float32")
SLOW = Finding("learning_rate_too_low", "warning", "Slow.", advice=(Advice("learning_rate", "raise", 3.0),))
FAST = Finding("learning_rate_too_high", "warning", "Fast.", advice=(Advice("learning_rate", "lower", 10.0),))
RATES = [1e-3, 0.3]


def _lone():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])


def _state(model):
    found = (*model.variables, *model.optimizer.variables, *model.metrics_variables)
    return [keras.ops.convert_to_numpy(one).copy() for one in found]


@pytest.fixture(scope="module", params=["whole epochs", "single batches"])
def fitted(request):
    """A population in both ways to run, within its fit: after the first epoch, with what its trials said."""
    population = Population(_lone(), members=2)
    optimizer = memberwise(keras.optimizers.SGD(), 2, learning_rate=RATES)
    at_once = {} if request.param == "whole epochs" else {"steps_per_execution": 1}
    population.compile(optimizer, "mse", **at_once)
    trials = MemberTrials(population, X, Y, batch_size=16, total=100_000)
    said = {}

    def look(epoch, logs):
        said["before"], said["weights"] = _state(population), population.member_weights(0)
        said["slow"], said["fast"] = trials.judged(0, SLOW), trials.judged(1, FAST)
        said["again"], said["after"] = trials.judged(0, SLOW), _state(population)

    population.fit(X, Y, batch_size=16, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)])
    return said


def test_a_rate_that_wins_for_a_member_makes_a_warning_and_all_is_put_back(fitted):
    slow = fitted["slow"]
    assert slow.level == "warning" and slow.advice[0].change == "set" and slow.advice[0].value in (0.003, 0.01, 0.1)
    assert "Tried out for 40 updates" in slow.message and "(learning rate 0.001)" in slow.message
    assert slow.evidence["tried_loss"] < slow.evidence["present_loss"]
    assert fitted["again"] == slow
    for old, new in zip(fitted["before"], fitted["after"], strict=True):
        np.testing.assert_array_equal(old, new)


def test_each_member_is_tried_at_multiples_of_its_own_rate(fitted):
    fast = fitted["fast"]
    assert fast.evidence["present_rate"] == pytest.approx(0.3) and fast.advice[0].value in (0.1, 0.03)


def test_what_was_measured_is_the_loss_of_plain_updates_of_a_lone_model(fitted):
    take = np.random.default_rng(0).integers(0, 256, 40 * 16)
    for rate, name in ((1e-3, "present_loss"), (fitted["slow"].advice[0].value, "tried_loss")):
        lone, means = _lone(), []
        lone.set_weights(fitted["weights"])
        lone.compile(keras.optimizers.SGD(rate), "mse")
        note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs, means=means: means.append(logs))
        lone.fit(X[take], Y[take], batch_size=16, shuffle=False, callbacks=[note], verbose=0)
        sums = [one["loss"] * (place + 1) for place, one in enumerate(means)]
        assert fitted["slow"].evidence[name] == pytest.approx((sums[-1] - sums[19]) / 20, rel=1e-3)


def test_a_fit_whose_advice_is_tried_is_bit_for_bit_the_fit_without():
    x, y, ends = np.tile(X, (2, 1)), np.tile(Y, (2, 1)), []
    for confirm in (False, True):
        made = tw.fit_population(
            _lone, x, y, learning_rate=[3e-5, 1e-4], loss="mse", epochs=33, batch_size=8, verbose=0, confirm=confirm
        )
        ends.append([made.populations[0].member_weights(k) for k in range(2)])
    for plain, tried in zip(keras.tree.flatten(ends[0]), keras.tree.flatten(ends[1]), strict=True):
        np.testing.assert_array_equal(plain, tried)
    assert any("Tried out for 10 updates" in finding.message for finding in made.findings[0])


def _population(**settings):
    population = Population(_lone(), members=2)
    optimizer = memberwise(keras.optimizers.SGD(), 2, **settings)
    population.compile(optimizer, "mse")
    return population


def test_trials_end_when_their_share_of_the_updates_is_used_up():
    population, said = _population(learning_rate=RATES), []
    trials = MemberTrials(population, X, Y, batch_size=64, total=2_000)

    def look(epoch, logs):
        said.append((trials.judged(0, SLOW), trials.judged(1, SLOW), trials.judged(1, FAST)))

    population.fit(X, Y, 64, epochs=2, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)])
    # One trial of four rates serves both members; 2 % of the updates leave nothing for another.
    assert "Tried out for 10 updates" in said[0][0].message
    assert said[0][2] == said[1][2] == FAST


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)


@pytest.mark.parametrize("rates", [RATES, [0.1, SCHEDULE]])
def test_short_fits_and_schedules_are_left_alone(rates):
    population = _population(learning_rate=rates)
    trials = MemberTrials(population, X, Y, batch_size=16, total=10**6 if SCHEDULE in rates else 1_900)
    assert trials.judged(0, SLOW) == SLOW
    assert population.optimizer.settable_rates is None
