"""Curves written in numpy, with the verdict that a person would give."""

import math
from dataclasses import replace

import numpy as np
import pytest

from trainwise.toolkit.diagnosis.curve_rules import read_curves
from trainwise.toolkit.diagnosis.curves import Curves, SimpleBaseline

EPOCHS = np.arange(30)


BATCHES = 20


def run_of(loss, noise=0.0, seed=0, **rest):
    """A run whose batch losses scatter around `loss`, and whose epoch losses are their means."""
    random = np.random.default_rng(seed)
    loss = np.asarray(loss, dtype=float)
    scatter = noise * np.sqrt(BATCHES) * random.normal(size=(len(loss), BATCHES))
    batches = loss[:, None] + scatter
    means = batches.mean(axis=1)
    arguments = {"epochs": len(loss), "batch_losses": tuple(map(tuple, batches.tolist()))} | rest
    return Curves(loss=tuple(means.tolist()), **arguments)


def symptoms(run, *levels):
    return [f.symptom for f in read_curves(run) if f.level in (levels or ("info", "warning", "error"))]


def finding(run, symptom):
    (found,) = [f for f in read_curves(run) if f.symptom == symptom]
    return found


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_loss_is_an_error_that_names_its_first_epoch(bad):
    found = finding(Curves(loss=(1.0, 0.9, bad, bad)), "non_finite")
    assert (found.level, found.epoch, found.evidence["epoch"]) == ("error", 2, 2.0)
    assert "epoch 3" in found.message


def test_a_bad_validation_loss_alone_is_an_error():
    found = finding(Curves(loss=(1.0, 0.9), val_loss=(1.0, math.inf)), "non_finite")
    assert "val loss" in found.message
    assert found.epoch == 1


def test_a_bad_first_batch_names_its_update():
    found = finding(Curves(loss=(math.nan,), first_batches=(2.0, 3.0, math.nan)), "non_finite")
    assert (found.epoch, found.step) == (0, 2)
    assert "update 3" in found.message


def test_a_bad_batch_in_a_finite_epoch_is_an_error():
    run = Curves(loss=(1.0, 0.9), batch_losses=((1.0, 1.0), (0.9, math.nan)))
    assert finding(run, "non_finite").epoch == 1


def test_only_what_came_before_the_first_nan_is_read():
    before = run_of(2.0 * 0.8**EPOCHS, noise=0.001)
    after = replace(before, loss=before.loss[:20] + (math.nan,) * 10, val_loss=())
    assert symptoms(after) == ["non_finite"]


def test_a_spike_before_nan_blames_the_rate_too():
    first = (1.0, 3.0, 40.0, 900.0, 2e4, math.nan)
    assert symptoms(Curves(loss=(math.nan,), first_batches=first)) == ["non_finite", "learning_rate_too_high"]


def test_a_breakdown_within_a_few_updates_of_one_row_blames_the_rate_too():
    first = (*(2.0 * 10.0 ** np.arange(9)), math.inf)
    run = Curves(loss=(math.nan,), first_batches=first, batch_size=1, constant_loss=3.0)
    assert symptoms(run) == ["non_finite", "learning_rate_too_high"]


def test_large_finite_batches_are_not_called_infinite():
    assert symptoms(Curves(loss=(1e308, 1e307), batch_losses=((1e308, 1e308), (1e307, 1e307)))) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_straight_line_asks_for_a_higher_rate(seed):
    run = run_of(2.3 - 0.2 * EPOCHS / 29, noise=0.002, seed=seed)
    found = finding(run, "learning_rate_too_low")
    assert found.level == "warning"
    assert found.causes[0] == "lr_too_low"
    assert (found.advice[0].parameter, found.advice[0].change) == ("learning_rate", "raise")
    assert found.evidence["drop"] == pytest.approx(0.2 / 2.3, rel=0.1)
    assert found.evidence["half_ratio"] == pytest.approx(1.0, abs=0.2)


def test_a_straight_line_shows_at_a_third_of_the_budget():
    run = replace(run_of(2.3 - 0.07 * EPOCHS / 29, noise=0.0005), epochs=90)
    assert symptoms(run) == ["learning_rate_too_low"]


def test_a_straight_line_of_three_epochs_is_seen_in_its_batches():
    falling = 2.3 - 0.01 * np.arange(3 * BATCHES) / BATCHES
    batches = tuple(map(tuple, falling.reshape(3, BATCHES).tolist()))
    run = Curves(loss=tuple(falling.reshape(3, -1).mean(axis=1).tolist()), batch_losses=batches, epochs=3)
    assert symptoms(run) == ["learning_rate_too_low"]


def test_a_straight_line_is_not_called_slow_while_validation_gets_worse():
    run = run_of(2.3 - 0.2 * EPOCHS / 29, noise=0.002, val_loss=tuple(2.3 + 0.01 * EPOCHS))
    assert "learning_rate_too_low" not in symptoms(run)


def test_a_straight_line_that_beats_a_simple_model_is_not_called_slow():
    line = run_of(
        2.3 - 0.2 * EPOCHS / 29,
        val_loss=tuple(2.3 - 0.2 * EPOCHS / 29),
        val_metric=tuple(0.9 + 0.001 * EPOCHS),
        validation_rows=500,
    )
    good = replace(line, simple=lambda: SimpleBaseline(None, 0.9))
    bad = replace(line, simple=lambda: SimpleBaseline(None, 0.99))
    assert "learning_rate_too_low" not in symptoms(good)
    assert "learning_rate_too_low" in symptoms(bad)


def test_a_line_that_crosses_the_whole_way_down_is_no_slow_one():
    assert symptoms(run_of(2.3 - 2.0 * EPOCHS / 29), "warning", "error") == []


def test_a_spike_in_the_first_updates_asks_for_a_lower_rate():
    updates = np.arange(60)
    first = 2.3 + 50.0 * np.exp(-((updates - 10) ** 2) / 50)
    run = run_of(2.3 * 0.9**EPOCHS, first_batches=tuple(first), batch_size=32)
    found = finding(run, "learning_rate_too_high")
    assert (found.level, found.epoch, found.advice[0].change) == ("warning", 0, "lower")
    width = 2
    means = (first[:-1] + first[1:]) / width
    assert found.evidence["ratio"] == pytest.approx(means.max() / first[0])
    assert found.step == int(np.argmax(means >= 4 * first[0])) + 1


def test_one_noisy_batch_is_no_spike():
    first = [2.3] * 60
    first[7] = 15.0
    assert symptoms(run_of(2.3 * 0.9**EPOCHS, first_batches=tuple(first), batch_size=32)) == []


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("batch_size", [1, 4, 10])
def test_tiny_batches_scatter_without_a_spike(seed, batch_size):
    squares = np.random.default_rng(seed).chisquare(batch_size, size=100) / batch_size
    run = run_of(0.9 ** np.arange(10), first_batches=tuple(squares), batch_size=batch_size, constant_loss=1.0)
    assert symptoms(run, "warning") == []


@pytest.mark.parametrize("seed", range(5))
def test_a_drop_that_stays_high_and_wiggles_asks_for_a_lower_rate(seed):
    wiggle = np.random.default_rng(seed).uniform(0.7, 1.3, size=30)
    loss = np.where(EPOCHS == 0, 3.0, wiggle)
    found = finding(run_of(loss, noise=0.01, first_batches=(4.0,)), "learning_rate_too_high")
    assert found.level == "warning"
    assert found.evidence["level"] == pytest.approx(1.0, abs=0.2)


def test_a_drop_to_a_noise_floor_is_healthy():
    loss = 1.0 + 3.0 * np.exp(-EPOCHS / 1.5)
    assert symptoms(run_of(loss, noise=0.02, first_batches=(5.0,)), "warning", "error") == []


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_goes_up_and_down_beyond_its_batch_noise_oscillates(seed):
    loss = 1.0 + 0.3 * (-1.0) ** EPOCHS
    found = finding(run_of(loss, noise=0.01, seed=seed), "oscillating")
    assert found.level == "warning"
    assert found.evidence["rise_share"] == pytest.approx(13 / 27)
    assert found.evidence["largest_rise"] == pytest.approx(1.3 - 0.9, abs=0.05)
    assert [advice.parameter for advice in found.advice] == ["batch_size", "learning_rate"]


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_that_goes_up_and_down_within_its_batch_noise_does_not(seed):
    run = run_of(1.0 + 2.0 * 0.7**EPOCHS, noise=0.05, seed=seed)
    assert "oscillating" not in symptoms(run)


def test_a_solved_loss_may_wiggle():
    loss = np.where(EPOCHS < 5, 2.0 * 0.3**EPOCHS, 0.01 * (1 + 0.5 * (-1.0) ** EPOCHS))
    assert symptoms(run_of(loss), "warning", "error") == []


def overfitted(accuracy_loss, rows=400, seed=0):
    random = np.random.default_rng(seed)
    loss = 0.7 * 0.85**EPOCHS
    turn = np.maximum(0, EPOCHS - 10) / 19
    val_accuracy = 0.6 + 0.25 * np.minimum(EPOCHS, 10) / 10 - accuracy_loss * turn
    return run_of(
        loss,
        noise=0.001,
        val_loss=tuple(0.7 * 0.85 ** np.minimum(EPOCHS, 10) + 0.8 * turn + 0.002 * random.normal(size=30)),
        metric=tuple(1 - 0.5 * 0.85**EPOCHS),
        val_metric=tuple(val_accuracy),
        metric_name="accuracy",
        validation_rows=rows,
    )


def test_a_validation_accuracy_that_falls_back_is_overfitting():
    found = finding(overfitted(0.15), "overfitting")
    assert found.level == "warning"
    assert found.epoch == pytest.approx(11, abs=1)
    assert found.evidence["best"] == pytest.approx(0.84, abs=0.02)
    assert found.evidence["now"] == pytest.approx(0.85 - 0.15 * 16 / 19, abs=0.001)
    assert found.causes[0] == "overfitting"


def test_a_growing_validation_loss_alone_is_only_worth_knowing():
    found = finding(overfitted(0.0), "overfitting")
    assert found.level == "info"
    assert found.evidence["best_epoch"] == pytest.approx(10, abs=1)
    assert found.evidence["loss_now"] > found.evidence["best_loss"]


def test_few_validation_rows_prove_less():
    assert "overfitting" in symptoms(overfitted(0.08, rows=2000), "warning")
    assert "overfitting" not in symptoms(overfitted(0.08, rows=40), "warning")


def test_a_regression_without_a_metric_is_judged_by_its_validation_loss():
    val_loss = np.where(EPOCHS < 10, 1.0 - 0.05 * EPOCHS, 0.5 + 0.05 * (EPOCHS - 10))
    run = run_of(0.9**EPOCHS, val_loss=tuple(val_loss), validation_rows=500)
    assert finding(run, "overfitting").level == "warning"


def test_a_metric_where_less_is_better_is_read_that_way():
    error = np.where(EPOCHS < 10, 1.0 - 0.05 * EPOCHS, 0.5 + 0.05 * (EPOCHS - 10))
    run = run_of(
        0.9**EPOCHS,
        val_loss=tuple(0.9**EPOCHS),
        metric=tuple(0.9**EPOCHS),
        val_metric=tuple(error),
        metric_name="mean_absolute_error",
        higher_is_better=False,
        validation_rows=500,
    )
    found = finding(run, "overfitting")
    assert (found.level, found.evidence["now"]) == ("warning", pytest.approx(error[-5:-2].mean()))


def test_validation_that_falls_with_training_is_not_overfitting():
    val_loss = np.where(EPOCHS < 10, 1.0, 1.0 + 0.1 * (EPOCHS - 10))
    assert "overfitting" not in symptoms(run_of(1.0 + 0.02 * EPOCHS, val_loss=tuple(val_loss)))


def underfitted(accuracy=0.7, **rest):
    floor = 0.55 + 0.15 * np.exp(-EPOCHS / 2)
    accuracies = tuple(np.full(30, accuracy) - 0.1 * np.exp(-EPOCHS / 2))
    arguments = {"metric": accuracies, "val_metric": accuracies, "metric_name": "accuracy", "validation_rows": 400}
    return run_of(floor, noise=0.001, val_loss=tuple(floor), **(arguments | rest))


def test_a_flat_run_below_a_simple_model_underfits():
    found = finding(underfitted(simple=lambda: SimpleBaseline(None, 0.95)), "underfitting")
    assert found.level == "warning"
    assert found.evidence["simple"] == 0.95
    assert found.evidence["model"] == pytest.approx(0.7, abs=0.01)
    assert found.causes[0] == "capacity_too_small"


def test_a_flat_run_as_good_as_a_simple_model_is_healthy():
    assert symptoms(underfitted(simple=lambda: SimpleBaseline(None, 0.71))) == []


def test_without_a_simple_model_a_poor_accuracy_is_only_worth_knowing():
    assert finding(underfitted(accuracy=0.55), "underfitting").level == "info"
    assert symptoms(underfitted(accuracy=0.7)) == ["plateau"]


def test_a_regression_is_compared_by_its_loss():
    run = underfitted(metric=(), val_metric=(), metric_name="")
    assert symptoms(replace(run, simple=lambda: SimpleBaseline(0.2, None)), "warning") == ["underfitting"]
    assert symptoms(replace(run, simple=lambda: SimpleBaseline(0.5, None)), "warning") == []


def test_a_simple_model_that_remembers_shared_rows_is_no_mark_to_beat():
    run = underfitted(metric=(), val_metric=(), metric_name="")
    assert symptoms(replace(run, simple=lambda: SimpleBaseline(0.0, 0.0)), "warning") == []


def test_the_simple_model_is_not_asked_for_where_nothing_needs_it():
    def never() -> SimpleBaseline:
        raise AssertionError("asked")

    assert symptoms(run_of(2.0 * 0.8**EPOCHS, val_loss=tuple(2.0 * 0.8**EPOCHS), simple=never)) == []


def test_findings_come_surest_first_and_one_per_symptom():
    first = (1.0, 3.0, 40.0, 900.0, 2e4, math.nan)
    found = read_curves(Curves(loss=(math.nan,), first_batches=first))
    assert [f.level for f in found] == ["error", "warning"]
    assert len({f.symptom for f in found}) == len(found)
