"""Findings and their order."""

import pytest

from trainwise.toolkit.diagnosis.catalogue import SYMPTOMS
from trainwise.toolkit.diagnosis.findings import Advice, Finding, rank


def test_a_finding_outside_the_catalogue_is_refused():
    with pytest.raises(ValueError, match="'bad_mood'"):
        Finding("bad_mood", "info", "It sulks.")
    with pytest.raises(ValueError, match="'weather'"):
        Finding("overfitting", "info", "It rains.", causes=("weather",))
    with pytest.raises(ValueError, match="'fatal'"):
        Finding("overfitting", "fatal", "It stops.")


def test_findings_come_by_level_then_by_how_few_causes_they_have_then_by_epoch():
    made = [
        Finding("overfitting", "info", "a", epoch=0),
        Finding("oscillating", "warning", "b", epoch=5),
        Finding("underfitting", "warning", "c", epoch=2),
        Finding("non_finite", "error", "d", epoch=9),
        Finding("oscillating", "warning", "e", epoch=3),
    ]
    assert [finding.message for finding in rank(made)] == ["d", "e", "b", "c", "a"]


def test_every_symptom_has_its_place_in_the_order():
    made = [Finding(symptom, "warning", symptom) for symptom in SYMPTOMS]
    assert {finding.symptom for finding in rank(made)} == set(SYMPTOMS)


def test_a_finding_survives_json_and_speaks():
    finding = Finding(
        "learning_rate_too_low", "warning", "A line.", epoch=3, evidence={"drop": 0.1},
        causes=("lr_too_low",), advice=(Advice("learning_rate", "raise", 3.0), Advice("epochs", "raise")),
    )  # fmt: skip
    assert Finding.from_dict(finding.as_dict()) == finding
    assert "(epoch 4)" in str(finding)
    assert "raise learning_rate 3 times, or raise epochs" in str(finding)
