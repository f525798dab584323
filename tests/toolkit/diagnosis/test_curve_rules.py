"""Curves written in numpy, with the verdict that a person would give."""

import inspect
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainwise.toolkit.diagnosis import curve_rules, thresholds
from trainwise.toolkit.diagnosis.curve_rules import read_curves
from trainwise.toolkit.diagnosis.curves import Curves, SimpleBaseline, unaverage
from trainwise.toolkit.diagnosis.thresholds import THRESHOLDS

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


def alarms_on_the_way(run):
    """Warnings and errors of every prefix, as a callback sees them."""
    found = set()
    for end in range(1, len(run.loss) + 1):
        names = ("loss", "val_loss", "metric", "val_metric", "batch_losses")
        prefix = replace(run, **{name: getattr(run, name)[:end] for name in names})
        found |= set(symptoms(prefix, "warning", "error"))
    return found


# Un-averaging


@pytest.mark.parametrize("batches", [1, 2, 37])
def test_unaveraging_inverts_the_running_mean_of_numpy(batches):
    losses = np.random.default_rng(batches).exponential(size=batches)
    running = np.cumsum(losses) / np.arange(1, batches + 1)
    np.testing.assert_allclose(unaverage(running), losses, rtol=1e-10)


def test_unaveraging_groups_of_batches_gives_the_mean_of_each_group():
    losses = np.random.default_rng(0).exponential(size=10)
    counts = [4, 8, 10]
    running = [losses[:count].mean() for count in counts]
    expected = [losses[:4].mean(), losses[4:8].mean(), losses[8:].mean()]
    np.testing.assert_allclose(unaverage(running, counts), expected, rtol=1e-12)


def test_unaveraging_nothing_gives_nothing():
    assert unaverage([]).shape == (0,)


def test_unaveraging_refuses_counts_of_another_length():
    with pytest.raises(ValueError, match=r"one value per running mean \(2\), got 1"):
        unaverage([1.0, 2.0], counts=[1])


@pytest.mark.parametrize("counts", [[2, 2], [0, 1], [3, 1]])
def test_unaveraging_refuses_counts_that_do_not_rise(counts):
    with pytest.raises(ValueError, match=rf"must rise from at least 1, got \[{counts[0]}, {counts[1]}\]"):
        unaverage([1.0, 2.0], counts=counts)


# What cannot be a run


@pytest.mark.parametrize("name", ["val_loss", "metric", "val_metric"])
def test_a_curve_longer_than_the_loss_is_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be no longer than `loss` \(1 epochs\), got 2"):
        Curves(loss=(1.0,), **{name: (1.0, 0.5)})


@pytest.mark.parametrize("name", ["batch_size", "epochs", "validation_rows"])
def test_a_count_below_one_is_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be at least 1 or None, got 0"):
        Curves(loss=(1.0,), **{name: 0})


# Non-finite values


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


# The rate is too low


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


# The rate is too high


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


# Oscillation


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


# Overfitting


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


# Underfitting


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


# Healthy runs


def healthy(kind, seed):
    random = np.random.default_rng(seed)
    epochs = np.arange(random.integers(10, 60))
    start, floor = random.uniform(1, 5), random.uniform(0, 0.5)
    falls = {
        "exponential": np.exp(-epochs / random.uniform(1, len(epochs) / 4)),
        "power": (1.0 + epochs) ** -random.uniform(0.5, 1.5),
        "floor": np.exp(-epochs / 0.5),
    }
    loss = start * (floor + (1 - floor) * falls[kind])
    noise = 0.02 * start * np.sqrt(loss / start)
    random_batches = loss[:, None] + noise[:, None] * random.normal(size=(len(loss), BATCHES))
    rows = int(random.integers(30, 1000))
    level = np.sqrt(2 / rows) / 3
    validation = 1.05 * loss * (1 + level * random.normal() + level / 3 * random.normal(size=len(loss)))
    share = np.clip(1 - 0.5 * loss / start, 0.02, 0.98)
    counted = random.binomial(rows, share) / rows
    return Curves(
        loss=tuple(random_batches.mean(axis=1).tolist()),
        val_loss=tuple(validation.tolist()),
        metric=tuple(share.tolist()),
        val_metric=tuple(counted.tolist()),
        metric_name="accuracy",
        batch_losses=tuple(map(tuple, random_batches.tolist())),
        first_batches=tuple(random_batches.ravel()[:100].tolist()),
        batch_size=32,
        epochs=len(epochs),
        validation_rows=rows,
        simple=lambda: SimpleBaseline(None, float(share[-1]) - 0.02),
    )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", ["exponential", "power", "floor"])
def test_a_healthy_run_is_met_with_silence_at_every_epoch(kind, seed):
    assert alarms_on_the_way(healthy(kind, seed)) == set()


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_run_is_met_with_silence_where_only_the_loss_is_known(seed):
    assert alarms_on_the_way(Curves(loss=healthy("exponential", seed).loss)) == set()


# Edges


@pytest.mark.parametrize(
    "run",
    [
        Curves(loss=()),
        Curves(loss=(1.0,)),
        Curves(loss=(0.0,) * 20, val_loss=(0.0,) * 20, metric=(1.0,) * 20, val_metric=(1.0,) * 20),
        Curves(loss=tuple(-1.0 - 0.1 * EPOCHS), val_loss=tuple(-1.0 - 0.1 * EPOCHS)),
        Curves(loss=tuple(0.9**EPOCHS), metric=(math.nan,) * 30, val_metric=(math.nan,) * 30),
        Curves(loss=(5e-324, 0.0, 5e-324) * 5),
        Curves(loss=(1e308, 1e300, 1e290) * 5, val_loss=(1e308,) * 15),
        Curves(loss=(2.0, 1.0, 0.5), val_loss=(2.0,), batch_losses=((2.0,), (), (0.5,)), epochs=3),
        Curves(loss=(2.0, 1.0, 0.5), first_batches=(0.0,) * 100, batch_size=1),
    ],
)
def test_odd_runs_are_read_without_a_warning_and_without_alarm(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert symptoms(run, "error") == []


def test_a_run_of_nothing_but_infinity_is_read():
    assert symptoms(Curves(loss=(math.inf,) * 10, val_loss=(math.nan,) * 10)) == ["non_finite"]


def test_a_constant_loss_is_not_called_slow_or_oscillating():
    assert symptoms(Curves(loss=(0.69,) * 30), "warning", "error") == []


def test_findings_come_surest_first_and_one_per_symptom():
    first = (1.0, 3.0, 40.0, 900.0, 2e4, math.nan)
    found = read_curves(Curves(loss=(math.nan,), first_batches=first))
    assert [f.level for f in found] == ["error", "warning"]
    assert len({f.symptom for f in found}) == len(found)


def test_every_threshold_names_its_source_and_what_healthy_runs_show():
    for name, threshold in THRESHOLDS.items():
        assert math.isfinite(threshold.value), name
        assert len(threshold.source) > 10, name
        assert len(threshold.healthy) > 3, name


def test_the_thresholds_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        THRESHOLDS["spike_ratio"] = thresholds.Threshold(1.0, "", "")


def test_every_threshold_is_read_by_a_rule():
    source = "".join(path.read_text() for path in Path(curve_rules.__file__).parents[2].rglob("*.py"))
    source = source.replace(inspect.getsource(thresholds), "")
    assert [name for name in THRESHOLDS if f'"{name}"' not in source] == []
