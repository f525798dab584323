"""Sentences that a run has written into its report, in Korean: each known form with its numbers and names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# What stands in braces is taken over; a name that has a form of its own is put into Korean too.
SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "The {name} is not better than the best member.": "{name} 결과가 가장 좋은 구성원보다 낫지 않습니다.",
        "The {name} is better than the best member: {numbers}.": (
            "{name} 결과가 가장 좋은 구성원보다 낫습니다: {numbers}."
        ),
        "The {name} is not better than the best member: {numbers}.": (
            "{name} 결과가 가장 좋은 구성원보다 낫지 않습니다: {numbers}."
        ),
        "The {name} is not shown to be better than the best member: {numbers}.": (
            "{name} 결과가 가장 좋은 구성원보다 낫다고 밝혀지지 않았습니다: {numbers}."
        ),
        "The {name} is better than the {other}: {numbers}.": "{name} 결과가 {other}보다 낫습니다: {numbers}.",
        "The {name} is not better than the {other}: {numbers}.": "{name} 결과가 {other}보다 낫지 않습니다: {numbers}.",
        "The {name} is not shown to be better than the {other}: {numbers}.": (
            "{name} 결과가 {other}보다 낫다고 밝혀지지 않았습니다: {numbers}."
        ),
        "it mends {mends} and breaks {breaks} of {rows} rows, a difference that chance alone makes often "
        "(McNemar p = {p})": (
            "행 {rows}개 가운데 {mends}개를 바로잡고 {breaks}개를 틀리는데, 우연만으로도 흔한 차이입니다 "
            "(McNemar p = {p})"
        ),
        "it mends {mends} and breaks {breaks} of {rows} rows (McNemar p = {p})": (
            "행 {rows}개 가운데 {mends}개를 바로잡고 {breaks}개를 틀립니다 (McNemar p = {p})"
        ),
        "it mends {mends} and breaks {breaks} of {rows} rows": (
            "행 {rows}개 가운데 {mends}개를 바로잡고 {breaks}개를 틀립니다"
        ),
        "{gain} {metric}, 95 % bootstrap interval {low} to {high}": (
            "{metric} {gain}, 95 % 부트스트랩 구간 {low} ~ {high}"
        ),
        "On rows like these the {name} serves as well.": "이런 행에는 {name}(으)로도 충분합니다.",
        "soft vote": "소프트 투표",
        "hard vote": "하드 투표",
        "network": "신경망",
        "accuracy": "정확도",
        "balanced accuracy": "균형 정확도",
        "label accuracy": "레이블 정확도",
        "best of the search": "탐색의 최고 모델",
        "soft vote of the best {count}": "가장 좋은 {count}개의 소프트 투표",
        "{name} (best on validation)": "{name} (검증에서 가장 좋음)",
        "trial {number}, the best": "가장 좋은 시도 {number}",
        "constant": "상수",
        "linear model": "선형 모델",
        "gradient boosting": "그레이디언트 부스팅",
        "last value": "마지막 값",
        "linear forecast": "선형 예측",
        "of {height} x {width} pixels": "{height} x {width} 픽셀",
        # Data
        "images of {shape}": "{shape} 이미지",
        "{count} columns ({words} of words)": "열 {count}개 (글자 열 {words}개)",
        "{count} columns": "열 {count}개",
        "{count} features": "특징 {count}개",
        "final evaluation": "마지막 평가",
        "evaluation of the search's best model": "탐색한 최고 모델의 평가",
        "Constant in the training rows, and so of no use: {columns}.": "훈련 행에서 상수라 쓸모없는 열: {columns}.",
        "'{name}': {kind}, {count} different, {gaps} gaps": "'{name}': {kind}, 서로 다른 값 {count}개, 빈칸 {gaps}개",
        "'{name}': {kind}, {count} different, 1 gap": "'{name}': {kind}, 서로 다른 값 {count}개, 빈칸 1개",
        "'{name}': {kind}, {count} different": "'{name}': {kind}, 서로 다른 값 {count}개",
        "number": "수",
        "category": "범주",
        "boolean": "예/아니오",
        "date": "날짜",
        "text": "글",
        "identifier": "식별자",
        # Export
        "A fresh process that cannot import trainwise, Keras or the code of the model loaded the SavedModel.": (
            "trainwise와 Keras, 모델의 코드를 가져올 수 없는 새 프로세스가 SavedModel을 읽었습니다."
        ),
        "It answered {rows} rows twice, and both times alike.": "행 {rows}개에 두 번 답했고 두 번 다 같았습니다.",
        "In a batch of {rows} and one by one the answers agree with the model's own.": (
            "{rows}개 배치로도 하나씩도 답이 모델 자신의 답과 맞습니다."
        ),
        "The largest difference is {difference}; {tolerance} x max(1, |answer|) is allowed.": (
            "가장 큰 차이는 {difference}이며, {tolerance} x max(1, |답|)까지 허용합니다."
        ),
        # The search
        "Best: trial {number}, {score} after epoch {epoch}.": "최고: 시도 {number}, {epoch}번째 에포크에 {score}.",
        "The space is exhausted: it holds no more than {count} different trials.": (
            "공간을 다 썼습니다. 서로 다른 시도는 {count}개뿐입니다."
        ),
        "The time was up.": "시간이 다 되었습니다.",
        "The target {target} was reached by trial {number}.": "시도 {number}이(가) 목표 {target}에 이르렀습니다.",
        "CPU ({cores} cores), precision {precision}": "CPU (코어 {cores}개), 정밀도 {precision}",
        "GPU x {count}, precision {precision}": "GPU x {count}, 정밀도 {precision}",
        # Side by side
        "The runs have scores of different kinds, which are no comparison.": (
            "학습들의 점수는 종류가 달라 비교가 되지 않습니다."
        ),
        "The runs were tested on different rows ({why}): their scores are no comparison.": (
            "학습들은 서로 다른 행으로 시험되어 ({why}) 점수가 비교되지 않습니다."
        ),
        "other data": "다른 데이터",
        "another seed": "다른 시드",
        "another split": "다른 분할",
    }
)


def in_korean(text: str) -> str:
    """A sentence of a report in Korean; one whose form is not known stays as it is.

    Example:

    >>> in_korean("The target 0.9 was reached by trial 7.")
    '시도 7이(가) 목표 0.9에 이르렀습니다.'
    """
    # One by one first: a form takes over anything in braces, a second sentence too.
    parts = [_matched(part) for part in re.split(r"(?<=\.) (?=[A-Z])", text)]
    if all(part is not None for part in parts):
        return " ".join(map(str, parts))
    return _matched(text) or text


def _matched(text: str) -> str | None:
    for form, korean in _FORMS:
        found = form.fullmatch(text)
        if found:
            return korean.format(**{name: _matched(value) or value for name, value in found.groupdict().items()})
    return None


def _pattern(sentence: str) -> re.Pattern[str]:
    """What a sentence with names in braces looks like with anything in their place."""
    parts = re.split(r"\{(\w+)\}", sentence)
    # Every second part is a name.
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if k % 2 else re.escape(part) for k, part in enumerate(parts)), re.DOTALL
    )


_FORMS = tuple((_pattern(sentence), korean) for sentence, korean in SENTENCES.items())
