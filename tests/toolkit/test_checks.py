import math

import pytest

from trainwise.toolkit import checks
from trainwise.toolkit.diagnosis.catalogue import CAUSES, SYMPTOMS
from trainwise.toolkit.diagnosis.findings import Advice, Finding, rank


def test_a_wrong_choice_names_the_choices():
    with pytest.raises(ValueError, match="`how` must be 'soft' or 'hard', got 'loud'"):
        checks.one_of("how", "loud", ("soft", "hard"))


@pytest.mark.parametrize("value", [True, 1.5, "3"])
def test_only_whole_numbers_are_whole(value):
    with pytest.raises(TypeError, match=f"got {value!r}"):
        checks.whole_number("members", value, 1)


@pytest.mark.parametrize("value", [1.0, -0.1, math.nan, math.inf])
def test_numbers_outside_the_interval_are_refused(value):
    with pytest.raises(ValueError, match=f"must be in \\[0, 1\\), got {value}"):
        checks.number("momentum", value, 0, 1, open_high=True)


def test_a_word_is_no_number():
    with pytest.raises(TypeError, match="'fast'"):
        checks.number("rate", "fast", 0, 1)


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


def test_the_catalogues_hold_the_agreed_names_with_a_sentence_each():
    agreed = """
        learning_rate_too_low learning_rate_too_high oscillating diverging non_finite not_learning plateau
        still_improving overfitting underfitting validation_mismatch vanishing_gradient exploding_gradient dead_relu
        saturated_activation unchanged_weights unequal_update_ratio constant_output symmetric_weights
        regularizer_dominates wrong_loss wrong_output_activation output_units label_range label_shape unscaled_inputs
        unscaled_targets non_finite_data class_imbalance shared_rows unadapted_normalization poor_initialization
    """
    assert set(SYMPTOMS) == set(agreed.split())
    assert all(text.endswith(".") for text in (*SYMPTOMS.values(), *CAUSES.values()))
