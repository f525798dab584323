"""What a run has come to, on curves written in numpy; and laws that the reading of curves keeps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit.diagnosis.curve_rules import read_curves
from trainwise.toolkit.diagnosis.curves import Curves, Run, SimpleBaseline
from trainwise.toolkit.diagnosis.histories import diagnose
from trainwise.toolkit.diagnosis.outcome_rules import not_learning
from trainwise.toolkit.models.structure import Structure

EPOCHS = np.arange(30)


LN10 = float(np.log(10))


def run_of(loss, val_loss=None, noise=0.0, seed=0, **rest):
    random = np.random.default_rng(seed)
    batches = np.asarray(loss, float)[:, None] * (1 + noise * np.sqrt(20) * random.normal(size=(len(loss), 20)))
    val = np.asarray(loss if val_loss is None else val_loss, float)
    val = val * (1 + noise * random.normal(size=len(val)))
    fields = {"epochs": len(loss), "constant_loss": LN10, "constant_val_loss": LN10, "validation_rows": 450} | rest
    return Curves(
        loss=tuple(batches.mean(axis=1).tolist()), val_loss=tuple(val.tolist()),
        batch_losses=tuple(map(tuple, batches.tolist())), **fields,
    )  # fmt: skip


def loud(run):
    return {finding.symptom: finding for finding in read_curves(run) if finding.level != "info"}


def chance(**rest):
    """A run that stays where it was, with an accuracy of one class in ten."""
    accuracy = {"metric": (0.1,) * 30, "val_metric": (0.11, 0.09) * 15, "metric_name": "accuracy"}
    return run_of(LN10 + 0.001 * np.cos(EPOCHS), constant_metric=0.11, **(accuracy | rest))


def made(*hidden, **rest):
    return Structure(hidden=hidden, widths=(32,) * len(hidden), outputs=10, activation="softmax", **rest)


def test_a_model_at_chance_is_not_learning_from_a_third_of_the_budget_on():
    run = chance()
    assert loud(run)["not_learning"].evidence["constant"] == pytest.approx(0.11)
    names = ("loss", "val_loss", "metric", "val_metric", "batch_losses")
    cut = lambda end: replace(run, **{name: getattr(run, name)[:end] for name in names})  # noqa: E731
    assert "not_learning" not in loud(cut(8))
    assert "not_learning" in loud(cut(10))


def test_a_slow_start_is_left_alone_until_its_budget_ends():
    run = run_of(LN10 * (1 - 0.08 * (EPOCHS / 29) ** 4), epochs=90)
    assert loud(run) == {}
    assert loud(replace(run, epochs=30))["not_learning"].causes[0] == "lr_too_low"


@pytest.mark.parametrize(
    ("structure", "simple", "cause"),
    [
        (made("relu", optimizer="adam", learning_rate=1.0), None, "lr_too_high"),
        (made("relu", optimizer="sgd", learning_rate=1e-6), None, "lr_too_low"),
        (made("sigmoid", "sigmoid", "sigmoid"), None, "vanishing_gradient"),
        (made(*["relu"] * 6), None, "dying_relu"),
        (made("linear", "linear"), SimpleBaseline(None, 0.9, 0.1, 0.9, 1000, 20), "missing_hidden_activation"),
        (made(), SimpleBaseline(None, 0.9, 0.1, 0.9, 1000, 20), "capacity_too_small"),
        (replace(made("relu"), widths=(2,)), None, "capacity_too_small"),
        (made("relu"), SimpleBaseline(None, 0.12, 0.12, 0.1, 1000, 20), "labels_shuffled"),
    ],
)
def test_the_make_and_the_simple_models_decide_which_cause_is_named_first(structure, simple, cause):
    run = chance(structure=structure, simple=(lambda: simple) if simple else None)
    assert loud(run)["not_learning"].causes[0] == cause


def test_simple_models_without_rows_enough_are_no_witness():
    few = SimpleBaseline(None, 0.12, 0.12, 0.1, rows=30, features=20)
    assert loud(chance(simple=lambda: few))["not_learning"].causes[0] != "labels_shuffled"


def test_rows_learnt_by_heart_are_overfitting_where_validation_stays_at_chance():
    run = chance()
    heart = replace(run, loss=tuple(LN10 * 0.8**EPOCHS), metric=tuple(np.linspace(0.1, 1.0, 30)), batch_losses=())
    assert loud(heart)["not_learning"].causes[0] == "overfitting"


def test_an_accuracy_that_does_not_move_while_the_loss_falls_blames_the_end():
    run = run_of(0.7 * 0.93**EPOCHS, metric=(0.48,) * 30, val_metric=(0.52,) * 30, metric_name="accuracy",
                 constant_loss=0.69, constant_val_loss=0.69, constant_metric=0.52)  # fmt: skip
    assert loud(run)["not_learning"].causes[0] == "wrong_output_activation"


def test_the_accuracy_of_a_regression_says_nothing():
    run = run_of(9.0 * 0.8**EPOCHS, metric=(0.0,) * 30, val_metric=(0.0,) * 30, metric_name="accuracy",
                 constant_loss=9.0, constant_val_loss=9.0, structure=Structure(loss="mean_squared_error"))  # fmt: skip
    assert loud(run) == {}


@pytest.mark.parametrize(("rows", "warns"), [(100, True), (20_000, False)])
def test_a_weak_signal_counts_where_there_are_rows_enough_to_show_it(rows, warns):
    run = run_of(1.0 - 0.05 * (1 - 0.5**EPOCHS), constant_loss=1.0, constant_val_loss=1.0, validation_rows=rows)
    assert ("not_learning" in loud(run)) == warns


def test_targets_that_are_all_equal_leave_nothing_to_learn():
    assert "not_learning" in loud(run_of(9.0 * 0.8**EPOCHS, constant_loss=0.0, constant_val_loss=0.0))


def test_a_noise_floor_that_the_simple_models_share_is_healthy():
    run = run_of(1.0 + 0.8 * 0.5**EPOCHS, constant_loss=2.3, constant_val_loss=2.3,
                 simple=lambda: SimpleBaseline(1.02, 0.8, -1.02, -2.0, 450, 1))  # fmt: skip
    assert loud(run) == {}


def test_validation_worse_than_a_constant_from_the_first_epoch_is_a_mismatch():
    run = run_of(LN10 * 0.8 ** (EPOCHS + 1), val_loss=np.full(30, 8.0))
    assert loud(run)["validation_mismatch"].causes[0] == "val_not_preprocessed"
    recovers = run_of(LN10 * 0.8 ** (EPOCHS + 1), val_loss=8.0 * 0.85**EPOCHS)
    assert "validation_mismatch" not in loud(recovers)


def test_a_cross_entropy_below_zero_blames_the_labels():
    loss = tuple(0.5 - 0.1 * EPOCHS)
    found = loud(Curves(loss=loss, structure=Structure(loss="binary_crossentropy")))
    assert found["label_range"].causes[0] == "labels_outside_loss_range"
    assert "label_range" not in loud(Curves(loss=loss, structure=Structure(loss="kl_divergence")))


def test_a_loss_far_above_its_start_diverges():
    assert loud(run_of(LN10 * 1.2**EPOCHS))["diverging"].level == "error"


def test_a_budget_that_ends_early_is_a_remark_and_a_warning_where_a_simple_model_is_far_ahead():
    loss = LN10 * (1 - 0.25 * (EPOCHS / 29))
    slow = {"metric": tuple(0.1 + 0.1 * EPOCHS / 29), "val_metric": tuple(0.1 + 0.1 * EPOCHS / 29),
            "metric_name": "accuracy", "constant_metric": 0.11}  # fmt: skip
    behind = run_of(loss, **slow, simple=lambda: SimpleBaseline(None, 0.95, 0.95, 0.9, 1347, 61))
    assert "learning_rate_too_low" in loud(behind)
    fine = run_of(LN10 * (1 - 0.9 * EPOCHS / 29))
    assert [f.symptom for f in read_curves(fine)] == ["still_improving"]


def test_a_loss_that_stands_still_above_what_can_be_reached_is_worth_knowing():
    flat = np.concatenate([LN10 * 0.8 ** np.arange(8), np.full(22, 0.5)])
    assert [(f.symptom, f.level, f.epoch) for f in read_curves(run_of(flat, noise=0.001))] == [("plateau", "info", 20)]
    assert read_curves(run_of(flat, noise=0.001, simple=lambda: SimpleBaseline(0.6, 0.5))) == []


CURVES = {
    "line": lambda n: LN10 * (1 - 0.004 * np.arange(n)),
    "flat": lambda n: LN10 + 0.001 * np.cos(np.arange(n)),
    "good": lambda n: LN10 * 0.85 ** np.arange(n),
    "swings": lambda n: 1.0 + 0.6 * np.cos(2.1 * np.arange(n)),
    "diverges": lambda n: LN10 * 1.2 ** np.arange(n),
}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(CURVES)), st.floats(1e-3, 1e3))
def test_a_scaled_loss_is_read_alike(name, scale):
    run = run_of(CURVES[name](30))
    fields = {key: tuple(np.asarray(getattr(run, key)) * scale) for key in ("loss", "val_loss")}
    batches = tuple(tuple(np.asarray(batch) * scale) for batch in run.batch_losses)
    scaled = replace(run, **fields, batch_losses=batches, constant_loss=LN10 * scale, constant_val_loss=LN10 * scale)
    assert [f.symptom for f in read_curves(scaled)] == [f.symptom for f in read_curves(run)]


@pytest.mark.parametrize("name", sorted(CURVES))
@pytest.mark.parametrize("shift", [-0.02, 0.05])
def test_a_loss_that_is_shifted_a_little_is_read_alike(name, shift):
    run = run_of(CURVES[name](30))
    moved = run_of(CURVES[name](30) + shift, constant_loss=LN10 + shift, constant_val_loss=LN10 + shift)
    assert [f.symptom for f in read_curves(moved)] == [f.symptom for f in read_curves(run)]


@pytest.mark.parametrize("name", ["flat", "swings", "diverges"])
def test_a_finding_stays_when_more_of_the_same_follows(name):
    short, long = (diagnose({"loss": CURVES[name](n).tolist()}) for n in (30, 45))
    kept = {f.symptom for f in short if f.symptom != "still_improving"}
    assert kept <= {f.symptom for f in long}


@pytest.mark.slow
def test_of_a_thousand_noisy_draws_of_a_good_curve_at_most_ten_warn():
    accused = 0
    for seed in range(1000):
        random = np.random.default_rng(seed)
        floor, pace = random.uniform(0.0, 0.3), random.uniform(0.75, 0.93)
        loss = LN10 * (floor + (1 - floor) * pace**EPOCHS)
        val = loss * (1 + random.uniform(0, 0.2))
        accuracy = np.clip(1 - 0.9 * loss / LN10, 0, 1)
        seen = np.clip(accuracy + random.normal(scale=0.01, size=30), 0, 1)
        run = run_of(loss, val, noise=random.uniform(0, 0.05), seed=seed, metric=tuple(accuracy),
                     val_metric=tuple(seen), metric_name="accuracy", constant_metric=0.11)  # fmt: skip
        names = ("loss", "val_loss", "metric", "val_metric", "batch_losses")
        prefixes = [replace(run, **{name: getattr(run, name)[:end] for name in names}) for end in (10, 16, 23, 30)]
        accused += any(loud(prefix) for prefix in prefixes)
    assert accused <= 10


@pytest.mark.parametrize(
    ("losses", "change"),
    [((1.225, 1.19, 1.156), "raise"), ((1.225, 1.224, 1.2235), "lower"), ((1.2, 1.19, 1.21), "lower")],
)
def test_a_short_run_that_still_falls_is_slow_and_its_rate_is_not_lowered(losses, change):
    run = Run(
        Curves(
            loss=losses, val_loss=losses, metric=(0.4, 0.42, 0.45), val_metric=(0.458, 0.5, 0.542), epochs=3,
            metric_name="accuracy", validation_rows=24, constant_loss=1.0986, constant_val_loss=1.0986,
            constant_metric=1 / 3,
        )
    )  # fmt: skip
    found = not_learning(run)
    assert (found.advice[0].parameter, found.advice[0].change) == ("learning_rate", change)
    assert "0.5 beside 0.3333, which 24 rows give by chance" in found.message


def test_an_accuracy_that_waits_while_the_loss_falls_in_a_line_is_slow_and_not_too_small():
    def read(loss):
        return read_curves(
            Curves(
                loss=tuple(loss), val_loss=tuple(loss), metric=(0.667,) * 10, val_metric=(0.667,) * 10, epochs=10,
                metric_name="accuracy", validation_rows=24, constant_loss=1.0986, constant_val_loss=1.0986,
                constant_metric=1 / 3, simple=lambda: SimpleBaseline(loss=None, metric=0.9167, rows=100, features=4),
            )
        )  # fmt: skip

    falls, flat = np.linspace(0.8, 0.648, 10), 0.66 + 0.14 * np.exp(-np.arange(10.0))
    assert [(one.symptom, one.advice[0].change) for one in read(falls)] == [("learning_rate_too_low", "raise")]
    assert "underfitting" in {one.symptom for one in read(flat)}
