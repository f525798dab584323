"""Healthy and odd runs, which must be met with silence."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from trainwise.toolkit.diagnosis.curve_rules import read_curves
from trainwise.toolkit.diagnosis.curves import Curves, SimpleBaseline

EPOCHS = np.arange(30)


BATCHES = 20


def symptoms(run, *levels):
    return [f.symptom for f in read_curves(run) if f.level in (levels or ("info", "warning", "error"))]


def alarms_on_the_way(run):
    """Warnings and errors of every prefix, as a callback sees them."""
    found = set()
    for end in range(1, len(run.loss) + 1):
        names = ("loss", "val_loss", "metric", "val_metric", "batch_losses")
        prefix = replace(run, **{name: getattr(run, name)[:end] for name in names})
        found |= set(symptoms(prefix, "warning", "error"))
    return found


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
