"""What a reader makes of logs of every kind, and of runs that end early or start late."""

import math

import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.run_reader import RunReader
from trainwise.toolkit.models.structure import Structure


def _read(all_logs, **known):
    reader = RunReader(**known)
    for logs in all_logs:
        reader.begin_epoch()
        reader.end_epoch(logs)
    return reader


def _levels(reader):
    return {finding.symptom: finding.level for finding in reader.findings}


def test_a_score_for_each_class_is_left_out_and_said_once():
    reader = _read([{"loss": 1.0 / (epoch + 1), "f1_score": np.ones(3)} for epoch in range(5)])
    assert _levels(reader) == {"not_judged": "info"}
    assert "'f1_score' is not a single number" in reader.findings[0].message


def test_a_nan_under_any_name_of_a_loss_is_said():
    healthy = {"d_loss": 1.0, "g_loss": 0.5}
    assert _levels(_read([healthy] * 4)) == {"not_judged": "info"}
    broken = _read([healthy, {**healthy, "g_loss": math.nan}])
    assert _levels(broken)["non_finite"] == "error" and broken.findings[0].epoch == 1
    # A metric that is NaN, such as a score of no rows, breaks nothing where there is a loss.
    assert _levels(_read([{"loss": 1.0, "precision": math.nan}])) == {}
    assert _levels(_read([{"loss": 1.0, "kind_loss": math.inf}])) == {"non_finite": "error"}


def test_logs_that_are_missing_in_some_epochs_are_not_read_against_the_wrong_ones():
    logs = [{"loss": 1.0 - 0.05 * e, **({"accuracy": 0.5} if e % 2 else {})} for e in range(10)]
    assert "not_learning" not in _levels(_read(logs, epochs=10))


def test_a_run_that_ended_early_is_read_as_ended():
    flat = [{"loss": 0.7, "val_loss": 0.7, "accuracy": 0.5, "val_accuracy": 0.5}] * 25
    marks = {"constant_loss": 0.69, "constant_val_loss": 0.69, "constant_metric": 0.5, "validation_rows": 100}
    reader = _read(flat, epochs=1000, **marks)
    assert "not_learning" not in _levels(reader)
    assert [finding.symptom for finding in reader.end()] == ["not_learning"]
    falling = _read([{"loss": 0.9**epoch} for epoch in range(25)], epochs=1000)
    assert falling.end() == []


def test_a_slow_start_that_the_end_disproves_is_information():
    losses = [0.70] * 12 + [0.5, 0.3, 0.15, 0.08, 0.05, 0.04, 0.03, 0.03]
    reader = _read([{"loss": loss} for loss in losses], epochs=20, constant_loss=0.69)
    assert _levels(reader)["not_learning"] == "warning"
    reader.end()
    assert _levels(reader)["not_learning"] == "info"


def test_a_penalty_in_the_loss_is_no_lack_of_learning():
    data, penalty = 0.4, 0.5
    marks = {"constant_loss": 0.69}
    with_penalty = RunReader(epochs=12, **marks)
    for _ in range(12):
        with_penalty.begin_epoch()
        with_penalty.end_epoch({"loss": data + penalty}, penalty)
    assert "not_learning" not in _levels(with_penalty)
    assert "not_learning" in _levels(_read([{"loss": data + penalty}] * 12, epochs=12, **marks))


def test_soft_targets_are_judged_above_the_least_loss():
    # From 0.69 down to 0.47 where 0.44 is the least: nearly solved, and so no straight line, plateau or lack.
    losses = 0.44 + 0.25 * 0.8 ** np.arange(30)
    known = {"constant_loss": 0.55, "constant_val_loss": 0.55, "least_loss": 0.44, "least_val_loss": 0.44}
    reader = _read([{"loss": loss, "val_loss": loss} for loss in losses], epochs=30, **known)
    assert _levels(reader) == {}
    stuck = _read([{"loss": 0.549, "val_loss": 0.549}] * 30, epochs=30, **known)
    assert _levels(stuck)["not_learning"] == "warning"


@pytest.mark.parametrize(
    ("name", "kinds", "said"),
    [("accuracy", {}, True), ("auc", {}, False), ("hits", {"hits": "accuracy"}, True), ("recall", {}, False)],
)
def test_only_an_accuracy_is_compared_with_the_commonest_class(name, kinds, said):
    # 0.8 is what always answering the large class reaches; as the area under a curve it is far from chance.
    logs = [{"loss": 0.7, name: 0.8, f"val_{name}": 0.8}] * 20
    reader = _read(logs, epochs=20, kinds=kinds, directions={name: "max"}, constant_metric=0.8, validation_rows=500)
    assert ("not_learning" in _levels(reader)) == said


def test_weights_that_make_a_batch_large_make_no_spike():
    def reader(**known):
        made = RunReader(epochs=3, **known)
        made.begin_epoch()
        means = np.cumsum([1.0, 1.0, 1.0, *[9.0] * 4, *[1.0] * 53]) / np.arange(1, 61)
        for batch, mean in enumerate(means):
            made.note_batch(mean, batch + 1)
        made.end_epoch({"loss": float(means[-1])})
        return _levels(made)

    assert "learning_rate_too_high" in reader(constant_loss=1.0)
    assert "learning_rate_too_high" not in reader(constant_loss=1.0, weight_spread=4.0)
    assert "learning_rate_too_high" not in reader(constant_loss=1.0, weight_spread=None)


def test_a_long_history_is_read_in_time_that_grows_as_it_does():
    reads = []
    for epochs in (500, 2000):
        reader, looks = RunReader(epochs=epochs), []
        reader._look = lambda curves, *rest, looks=looks: looks.append(len(curves.loss)) or []
        for epoch in range(epochs):
            reader.begin_epoch()
            reader._read = looks[-1] if looks else 0
            reader.end_epoch({"loss": 1.0 / (epoch + 1)})
        assert looks[-1] == epochs
        reads.append(sum(looks))
    # A quadratic reader would take 16 times as much.
    assert reads[1] < 6 * reads[0]


def test_a_history_of_scores_for_each_class_or_without_loss_can_be_diagnosed():
    assert [f.symptom for f in tw.diagnose({"loss": [1.0, 0.5], "f1_score": [np.ones(3), np.ones(3)]})] == [
        "not_judged"
    ]
    found = tw.diagnose({"d_loss": [1.0, math.nan], "g_loss": [1.0, 1.0]})
    assert [f.symptom for f in found] == ["non_finite", "not_judged"]


def test_advice_says_the_rate_that_it_leads_to_from_the_one_the_run_has():
    line = [{"loss": 2.3 - 0.005 * epoch} for epoch in range(30)]
    (known,) = _read(line, epochs=30, structure=Structure(optimizer="sgd", learning_rate=0.002)).findings[:1]
    assert known.advice[0].sentence == "raise learning_rate 3 times, to 0.006"
    (logged,) = _read([{**logs, "learning_rate": 0.5} for logs in line], epochs=30).findings[:1]
    assert logged.advice[0].sentence == "raise learning_rate 3 times, to 1.5"
    (unknown,) = _read(line, epochs=30).findings[:1]
    assert unknown.advice[0].sentence == "raise learning_rate 3 times"
    assert tw.Finding.from_dict(known.as_dict()) == known


def test_a_large_factor_is_written_out():
    advice = tw.Advice("learning_rate", "lower", 1e6)
    assert advice.sentence == "lower learning_rate 1,000,000 times"
    assert advice.from_rate(10.0).sentence == "lower learning_rate 1,000,000 times, to 1e-05"


def test_fewer_layers_are_said_as_what_they_are():
    assert tw.Advice("layers", "lower", 2.0).sentence == "divide the number of layers by 2"
