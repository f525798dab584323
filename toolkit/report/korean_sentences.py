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
        "it fixes {fixes} and breaks {breaks} of {rows} answers, a difference that chance alone makes often "
        "(McNemar p = {p})": (
            "답 {rows}개 가운데 {fixes}개를 바로잡고 {breaks}개를 틀리게 바꾸는데, 우연만으로도 흔한 차이입니다 "
            "(McNemar p = {p})"
        ),
        "it fixes {fixes} and breaks {breaks} of {rows} answers (McNemar p = {p})": (
            "답 {rows}개 가운데 {fixes}개를 바로잡고 {breaks}개를 틀리게 바꿉니다 (McNemar p = {p})"
        ),
        "it fixes {fixes} and breaks {breaks} of {rows} answers": (
            "답 {rows}개 가운데 {fixes}개를 바로잡고 {breaks}개를 틀리게 바꿉니다"
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
        # What `predict` makes of the answers
        "{share} of the test rows lie in the intervals that `predict` writes; {meant} are meant to.": (
            "테스트 행의 {share}가 `predict`가 쓰는 구간에 들며, 목표는 {meant}입니다."
        ),
        "{name} answered from {value} on, as `predict` does: accuracy {accuracy}, {moved}; from 0.5 on: {half}.": (
            "{name}을(를) `predict`처럼 {value}부터 답하면 정확도 {accuracy}, {moved}이고, 0.5부터 답하면 {half}입니다."
        ),
        "balanced accuracy {value}, {rest}": "균형 정확도 {value}, {rest}",
        # Simple models
        "fitted to {some} of {count} training rows": "훈련 행 {count}개 가운데 {some}개로 학습",
        "fitted to the {count} rows that are held": "메모리에 둔 행 {count}개로 학습",
        "value {count} steps before": "{count}단계 앞의 값",
        # How rows were drawn, grouped and left out
        "{some} rows drawn of {count} are held in memory: they tell what the columns are, and give the rows of "
        "validation and test.": (
            "행 {count}개에서 뽑은 {some}개를 메모리에 둡니다. 열의 종류와 검증 행, 테스트 행이 여기에서 나옵니다."
        ),
        "The other {count} stay in the file: `run` learns from them too, all else uses the drawn ones only.": (
            "나머지 {count}개는 파일에 남습니다. `run`은 이들에서도 배우며, 그 밖의 명령은 뽑은 행만 씁니다."
        ),
        "No group is in two splits.": "어떤 그룹도 두 분할에 걸치지 않습니다.",
        "Validation rows are later than training rows, test rows latest.": (
            "검증 행은 훈련 행보다 나중이고, 테스트 행이 가장 나중입니다."
        ),
        "What is answered in validation is later than in training, in the test latest.": (
            "검증에서 답하는 값은 훈련보다 나중이고, 테스트가 가장 나중입니다."
        ),
        "The {part} rows have no row of {classes}.": "{part} 행에 {classes} 클래스의 행이 없습니다.",
        "{count} rows of classes with fewer than {least} are left out: {classes}.": (
            "행이 {least}개보다 적은 클래스의 행 {count}개를 뺐습니다: {classes}."
        ),
        "The classes {classes} have fewer than {least} rows each and are merged as {name}.": (
            "클래스 {classes}은(는) 행이 {least}개보다 적어 {name}(으)로 합쳤습니다."
        ),
        "{count} row has no value in the target {target} and is left out.": (
            "타깃 {target}에 값이 없는 행 {count}개를 뺐습니다."
        ),
        "{count} rows have no value in the target {target} and are left out.": (
            "타깃 {target}에 값이 없는 행 {count}개를 뺐습니다."
        ),
        "{name} is a copy of the target {target}: alone it explains {share} of it.": (
            "{name}은(는) 타깃 {target}의 사본입니다. 이것만으로 타깃의 {share}가 설명됩니다."
        ),
        "{name} tells the target {target}: alone it explains {share} of it.": (
            "{name}이(가) 타깃 {target}을(를) 알려 줍니다. 이것만으로 타깃의 {share}가 설명됩니다."
        ),
        "Where it is not known before the target is, leave it out with `drop` (`--drop {name}` on the command line).": (
            "타깃보다 먼저 알 수 없는 값이면 `drop`(명령줄에서는 `--drop {name}`)으로 빼십시오."
        ),
        "Read as {encoding}.": "{encoding}(으)로 읽었습니다.",
        "Columns are parted by {sign}.": "열은 {sign}로 나뉩니다.",
        "semicolons": "세미콜론",
        "tabs": "탭 문자",
        "bars": "세로줄 기호",
        # Forecasts and sequences
        "The window is {count} steps, by a season of {season}.": "주기 {season}에 따라 창은 {count}단계입니다.",
        "The window is {count} steps.": "창은 {count}단계입니다.",
        "Past values of {names} are looked back at too.": "{names}의 지난 값도 봅니다.",
        "The calendar is looked at too: {parts}.": "달력도 봅니다: {parts}.",
        "Left out, since a forecast looks back at numbers and categories: {names}.": (
            "예측은 지난 수와 범주를 보므로 뺀 열: {names}."
        ),
        "Sequences have {least} to {most} tokens; 0 fills up and counts for nothing.": (
            "시퀀스는 토큰 {least}~{most}개이며, 채움 값 0은 세지 않습니다."
        ),
        "Token ids are counted from 1, since 0 fills up: give the model each id plus 1.": (
            "0이 채움 값이므로 토큰 번호를 1부터 셉니다. 모델에는 번호에 1을 더해 주세요."
        ),
        "The inputs are whole numbers of a wide range: if they number words, say so with `tokens=True` (`--tokens` on "
        "the command line), and they are embedded.": (
            "입력이 범위가 넓은 정수입니다. 단어 번호라면 `tokens=True`(명령줄에서는 `--tokens`)로 알려 주세요. "
            "그러면 임베딩합니다."
        ),
        "of how often each of the {count} commonest words stands in a row": (
            "가장 흔한 단어 {count}개가 행마다 몇 번 나오는지로"
        ),
        "Left out, since steps are of numbers: {names}.": "단계는 수로 이루어지므로 뺀 열: {names}.",
        "Rows were not in the order of {name}, and are put in it.": "행을 {name} 순서로 다시 놓았습니다.",
        "{count} row has no value in the target {target}: the time counts as missing.": (
            "타깃 {target}에 값이 없는 행 {count}개의 시각은 빠진 것으로 칩니다."
        ),
        "{count} rows have no value in the target {target}: the time counts as missing.": (
            "타깃 {target}에 값이 없는 행 {count}개의 시각은 빠진 것으로 칩니다."
        ),
        "{count} gap of other columns filled with the value before.": (
            "다른 열의 빈칸 {count}개를 앞의 값으로 채웠습니다."
        ),
        "{count} gaps of other columns filled with the value before.": (
            "다른 열의 빈칸 {count}개를 앞의 값으로 채웠습니다."
        ),
        "{count} gap filled with the value before in the sequence.": (
            "빈칸 {count}개를 시퀀스 안 앞의 값으로 채웠습니다."
        ),
        "{count} gaps filled with the value before in the sequence.": (
            "빈칸 {count}개를 시퀀스 안 앞의 값으로 채웠습니다."
        ),
        "Times are {low} to {high} apart: each row counts as one step.": (
            "시각의 간격은 {low} ~ {high}이며, 행마다 한 단계로 칩니다."
        ),
        "Weekends have no rows: each row counts as one step.": "주말에는 행이 없으며, 행마다 한 단계로 칩니다.",
        "{missing}: each row counts as one step.": "{missing}. 행마다 한 단계로 칩니다.",
        "{missing}: {count} windows over missing times are left out.": (
            "{missing}. 빠진 시각에 걸친 창 {count}개를 뺐습니다."
        ),
        "{count} times are missing in {name}": "{name}에 시각 {count}개가 빠져 있습니다",
        "{count} time is missing in {name}": "{name}에 시각 {count}개가 빠져 있습니다",
        "Many times are missing": "많은 시각이 빠져 있습니다",
        "{count} of {all} series are shorter than {steps} steps, and left out.": (
            "시계열 {all}개 가운데 {steps}단계보다 짧은 {count}개를 뺐습니다."
        ),
        "{count} test windows that look at what training windows answer are left out.": (
            "훈련 창이 답하는 값을 들여다보는 테스트 창 {count}개를 뺐습니다."
        ),
        "{count} sequences are longer than {steps} steps: their latest are taken.": (
            "시퀀스 {count}개가 {steps}단계보다 길어 가장 나중 것을 씁니다."
        ),
        "{count} sequences have no value in the target {target} and are left out.": (
            "타깃 {target}에 값이 없는 시퀀스 {count}개를 뺐습니다."
        ),
        "Sequences have {lengths}; what is behind their ends counts for nothing.": (
            "시퀀스의 길이는 {lengths}이며, 끝 뒤에 있는 것은 세지 않습니다."
        ),
        "{low} to {high} steps": "{low} ~ {high}단계",
        # Images
        "{name} names images; the target is {target}.": "{name} 열이 이미지를 가리키며, 타깃은 {target}입니다.",
        "{count} rows lack an image or a value in {target} and are left out.": (
            "이미지나 {target} 값이 없는 행 {count}개를 뺐습니다."
        ),
        "Left out beside the images: {names}.": "이미지 말고 뺀 열: {names}.",
        "{count} of {all} images cannot be decoded and are left out: {names}.": (
            "이미지 {all}개 가운데 읽을 수 없는 {count}개를 뺐습니다: {names}."
        ),
        "The folder {names} holds no image, and is no class.": "폴더 {names}에는 이미지가 없어 클래스가 아닙니다.",
        "The folders {names} hold no image, and are no classes.": "폴더 {names}에는 이미지가 없어 클래스가 아닙니다.",
        "{count} image of a kind that is not decoded left out ({names}): make them PNG or JPEG.": (
            "읽지 못하는 종류의 이미지 {count}개를 뺐습니다 ({names}). PNG나 JPEG로 바꾸십시오."
        ),
        "{count} images of a kind that is not decoded left out ({names}): make them PNG or JPEG.": (
            "읽지 못하는 종류의 이미지 {count}개를 뺐습니다 ({names}). PNG나 JPEG로 바꾸십시오."
        ),
        "{count} file that is hidden or no image passed over ({names}).": (
            "숨겨졌거나 이미지가 아닌 파일 {count}개를 지나쳤습니다 ({names})."
        ),
        "{count} files that are hidden or no image passed over ({names}).": (
            "숨겨졌거나 이미지가 아닌 파일 {count}개를 지나쳤습니다 ({names})."
        ),
        "{grey} grey images among {count} are read as colour.": (
            "이미지 {count}개 가운데 회색조 {grey}개를 컬러로 읽습니다."
        ),
        "Images are {low} to {high}: all are made {size} when they are read.": (
            "이미지 크기는 {low} ~ {high}이며, 읽을 때 모두 {size}(으)로 맞춥니다."
        ),
        "The memory suffices for {count} images of {size}: they are shrunk to that.": (
            "메모리에 {size} 이미지 {count}개가 들어가므로 그 크기로 줄입니다."
        ),
        # Columns
        "{column}, left out": "{column}, 뺌",
        "{column}, as was asked": "{column}, 요청대로",
        "{column}, the group of a row": "{column}, 행의 그룹",
        "{column}, few whole numbers, told apart as classes too": "{column}, 적은 가짓수의 정수라 범주로도 봄",
        "{column}, counts the rows: leave it out where it is no measurement": (
            "{column}, 행 번호로 보임: 측정값이 아니면 빼십시오"
        ),
        # Data
        "rows of {shape} numbers": "수 {shape}개의 행",
        "series of at most {steps} steps of {channels}": "최대 {steps}단계, 채널 {channels}개의 시퀀스",
        "series of {steps} steps of {channels}": "{steps}단계, 채널 {channels}개의 시계열",
        "training": "훈련",
        "train": "훈련",
        "validation": "검증",
        "test": "테스트",
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
    whole = _matched(text)
    if whole is not None:
        return whole
    # Notes of one model stand behind one another.
    notes = [_matched(part) for part in text.split("; ")]
    return text if None in notes else "; ".join(map(str, notes))


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
