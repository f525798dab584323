"""The page in Korean: whole, and true to the English one."""

import ast
import re
import string
from pathlib import Path

import pytest
from reports import MAKERS, Page, whole

import trainwise.toolkit.report as folder
from trainwise.toolkit.report import page as report
from trainwise.toolkit.report.korean import KOREAN
from trainwise.toolkit.report.korean_sentences import SENTENCES, in_korean
from trainwise.toolkit.report.templating import environment

ROOT = Path(folder.__file__).parent
HANGUL = re.compile("[가-힣]")
# Names of the field that Korean texts leave as they are.
AS_THEY_ARE = {"{name}"}


def _words_of_the_page():
    """Every text that the templates and the sections have translated."""
    for file in (ROOT / "templates").glob("*.html"):
        for _, _, words in environment().extract_translations(file.read_text("utf-8")):
            yield from [words] if isinstance(words, str) else filter(None, words)
    for file in ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and "say" in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
                parts = [part for one in node.args for part in (getattr(one, "body", one), getattr(one, "orelse", one))]
                yield from (one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_every_word_of_the_page_has_its_korean():
    words = set(_words_of_the_page())
    assert len(words) > 150
    assert words - set(KOREAN) - AS_THEY_ARE == set()


@pytest.mark.parametrize("table", [KOREAN, SENTENCES])
def test_what_stands_in_braces_stands_in_both_languages(table):
    for english, korean in table.items():
        assert set(re.findall(r"%\(\w+\)s", english)) == set(re.findall(r"%\(\w+\)s", korean)), english
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, korean)]
        assert names[0] == names[1], english
        assert sorted(re.findall("</?strong>|</?code>", english)) == sorted(re.findall("</?strong>|</?code>", korean))


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        (
            "The soft vote is not better than the best member: it mends 2 and breaks 5 of 60 rows.",
            "소프트 투표 결과가 가장 좋은 구성원보다 낫지 않습니다: 행 60개 가운데 2개를 바로잡고 5개를 틀립니다.",
        ),
        (
            "The network is not better than the linear model: -0.0005 R2, 95 % bootstrap interval -0.0019 to "
            "+0.0008. On rows like these the linear model serves as well.",
            "신경망 결과가 선형 모델보다 낫지 않습니다: R2 -0.0005, 95 % 부트스트랩 구간 -0.0019 ~ +0.0008. "
            "이런 행에는 선형 모델(으)로도 충분합니다.",
        ),
        ("'<b>': category, 3 different", "'<b>': 범주, 서로 다른 값 3개"),
        ("A sentence of some other make.", "A sentence of some other make."),
    ],
)
def test_sentences_of_a_run_come_with_their_numbers(english, korean):
    assert in_korean(english) == korean


@pytest.mark.parametrize("make", MAKERS)
def test_the_page_in_korean_has_the_tags_and_the_numbers_of_the_english_one(make):
    english, korean = (Page(report.as_html(make(), language)) for language in ("en", "ko"))
    assert dict(korean.tags)["html"] == {"lang": "ko"}
    assert [tag for tag, _ in english.tags] == [tag for tag, _ in korean.tags]


def test_hardly_a_text_of_the_page_in_korean_is_english():
    html = report.as_html(whole(), "ko")
    texts = [" ".join(words.split()) for words in Page(re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)).words]
    # Names of the run's own, of files and of versions.
    names = {
        "digits", "zero, one", "member_0", "member_1", "trainwise demo --seed 7", "serving_default", "image",
        "probabilities", "python", "keras", "small CNN", "models/digits/1", "3 constant columns were kept",
        "It answered 32 rows twice: equal", "float32 (?, 8, 8, 1)", "float32 (?, 10)", "9f86d081884c7d65" * 4,
    }  # fmt: skip
    english = [text for text in texts if re.search("[A-Za-z]{3}", text) and not HANGUL.search(text)]
    assert set(english) - names == set()


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="`language` must be 'en' or 'ko', got 'fr'"):
        report.as_html({}, "fr")
