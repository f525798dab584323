"""The page in Korean: whole, and true to the English one."""

import ast
import itertools
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
MIXED = re.compile(
    r"row has .* are|rows have .* is|folder \S+ hold |folders \S+ holds|hold no image, and is|holds no image, and are"
)


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
            "The soft vote is not better than the best member: it fixes 2 and breaks 5 of 60 answers.",
            "소프트 투표 결과가 가장 좋은 구성원보다 낫지 않습니다: "
            "답 60개 가운데 2개를 바로잡고 5개를 틀리게 바꿉니다.",
        ),
        (
            "The network is not better than the linear model: -0.0005 R2, 95 % bootstrap interval -0.0019 to "
            "+0.0008. On rows like these the linear model serves as well.",
            "신경망 결과가 선형 모델보다 낫지 않습니다: R2 -0.0005, 95 % 부트스트랩 구간 -0.0019 ~ +0.0008. "
            "이런 행에는 선형 모델(으)로도 충분합니다.",
        ),
        ("'<b>': category, 3 different", "'<b>': 범주, 서로 다른 값 3개"),
        ("'a': number, 9 different, the group of a row, left out", "'a': 수, 서로 다른 값 9개, 행의 그룹, 뺌"),
        (
            "'yes' answered from 0.125 on, as `predict` does: accuracy 0.9000, balanced accuracy 0.8000, F1 0.5000; "
            "from 0.5 on: balanced accuracy 0.7000, F1 0.4000.",
            "'yes'을(를) `predict`처럼 0.125부터 답하면 정확도 0.9000, 균형 정확도 0.8000, F1 0.5000이고, 0.5부터 "
            "답하면 균형 정확도 0.7000, F1 0.4000입니다.",
        ),
        (
            "of 16 x 16 pixels; fitted to 5,000 of 60,000 training rows",
            "16 x 16 픽셀; 훈련 행 60,000개 가운데 5,000개로 학습",
        ),
        (
            "'b' is a copy of the target 'c': alone it explains 99.0% of it. Where it is not known before the target "
            "is, leave it out with `drop` (`--drop 'b'` on the command line).",
            "'b'은(는) 타깃 'c'의 사본입니다. 이것만으로 타깃의 99.0%가 설명됩니다. 타깃보다 먼저 알 수 없는 "
            "값이면 `drop`(명령줄에서는 `--drop 'b'`)으로 빼십시오.",
        ),
        ("A sentence of some other make.", "A sentence of some other make."),
    ],
)
def test_sentences_of_a_run_come_with_their_numbers(english, korean):
    assert in_korean(english) == korean


def _texts(node):
    """Each text that an expression can come to, 7 in the place of what is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return _texts(node.body) + _texts(node.orelse)
        case ast.JoinedStr():
            return list(map("".join, itertools.product(*map(_texts, node.values))))
        case ast.FormattedValue():
            return _texts(node.value) or ["7"]
        case ast.BinOp(op=ast.Add()):
            return list(map("".join, itertools.product(_texts(node.left) or ["7"], _texts(node.right) or ["7"])))
        case ast.List() | ast.Tuple():
            return [text for one in node.elts for text in _texts(one)]
        case ast.Dict():
            return [text for one in node.values for text in _texts(one)]
    return []


def _sentences_of_a_run():
    """What is noted of data and said of answers, wherever that is written."""
    names = {"notes", "said", "told", "held", "pixels", "sentence"}
    for file in (*ROOT.parent.glob("data/*.py"), *ROOT.parents[1].glob("tuning/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="append", value=owner), args=[one]):
                    wanted = getattr(owner, "attr", getattr(owner, "id", "")) in names
                case ast.Assign(targets=[ast.Name(id=name)], value=one) | ast.keyword(arg=name, value=one):
                    wanted = name in names
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as one):
                    wanted = name in names
                case _:
                    continue
            yield from ((file.name, text) for text in _texts(one) if wanted and re.search("[A-Za-z]", text))


# Of other commands, or printed alone.
OFF_THE_PAGE = {
    "comparing.py", "comparing_job.py", "growing.py", "large_rows.py", "range_test_job.py", "refitting.py",
    "model_repairs.py", "repair_job.py", "repairing.py", "stages.py", "table_check.py",
}  # fmt: skip


def test_every_sentence_that_a_run_writes_has_its_korean():
    found = {text for name, text in _sentences_of_a_run() if name not in OFF_THE_PAGE}
    assert len(found) > 50
    # Two halves of a choice do not always go together.
    english = {text for text in found if not HANGUL.search(in_korean(text)) and not MIXED.search(text)}
    assert english == set()


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
