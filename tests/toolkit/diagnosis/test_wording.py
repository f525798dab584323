"""The words of findings in English and Korean."""

import re

import pytest

from trainwise.toolkit.diagnosis.catalogue import CAUSES, SYMPTOMS
from trainwise.toolkit.diagnosis.findings import Advice, Finding
from trainwise.toolkit.diagnosis.korean import CAUSES_KO, REASONS_KO, SYMPTOMS_KO
from trainwise.toolkit.diagnosis.wording import REASONS, causes_in_words, reason, words


def test_every_symptom_and_cause_has_its_words_in_both_languages():
    assert set(SYMPTOMS_KO) == set(SYMPTOMS) == set(REASONS) == set(REASONS_KO)
    assert set(CAUSES_KO) == set(CAUSES)


@pytest.mark.parametrize("symptom", sorted(SYMPTOMS))
def test_a_finding_says_what_shows_what_to_do_and_why(symptom):
    found = Finding(
        symptom, "warning", "It shows by 0.5.", epoch=2, layer="d", evidence={"drop": 0.5}, causes=("lr_too_high",),
        advice=(Advice("learning_rate", "lower", 3.0), Advice("kernel_initializer", "set", "he_normal")),
    )  # fmt: skip
    english, korean = words(found), words(found, "ko")
    assert "lower learning_rate 3 times" in english
    assert "Why:" in english
    assert REASONS[symptom][1] in english
    assert "학습률 3분의 1로 내리기" in korean
    assert "초기화 he_normal(으)로 바꾸기" in korean
    assert "drop=0.5" in korean
    assert "3번째 에포크" in korean
    assert CAUSES_KO["lr_too_high"] in korean
    why = korean.partition(" 이유: ")[2]
    assert re.search("[가-힣]니다", why)
    assert why.endswith(f"({REASONS[symptom][1]}).")


def test_causes_are_sentences_and_other_languages_are_refused():
    found = Finding("diverging", "error", "It grows.", causes=("lr_too_high",))
    assert causes_in_words(found, "ko") == ["학습률이 너무 높습니다."]
    with pytest.raises(ValueError, match="got 'fr'"):
        words(found, "fr")
    with pytest.raises(ValueError, match="got 'fr'"):
        reason("diverging", "fr")
