"""The page of a report, read back from its HTML."""

import copy
import functools
import json
import math
import re

import pytest
from reports import (
    MAKERS,
    OVERFITTING,
    PLATEAU,
    Page,
    member,
    numbers,
    page_of,
    regression,
    searched,
    sick,
    svgs,
    whole,
)

from trainwise.toolkit.report import page as report
from trainwise.toolkit.report import sections

_DRAWN = {}


def _once(draw):
    """Draws a chart when its content first comes; that nothing else counts is tested with `drawn_anew`."""

    @functools.wraps(draw)
    def drawn(*content, **names):
        key = repr((draw.__name__, content, names))
        if key not in _DRAWN:
            _DRAWN[key] = draw(*content, **names)
        return _DRAWN[key]

    return drawn


@pytest.fixture
def drawn_anew():
    """Asked for by a test whose charts are all drawn by itself."""


@pytest.fixture(autouse=True)
def _charts_drawn_once(request, monkeypatch):
    if "drawn_anew" not in request.fixturenames:
        for name in ("curves_chart", "results_chart", "trials_chart"):
            monkeypatch.setattr(sections, name, _once(getattr(sections, name)))


@pytest.mark.parametrize("make", MAKERS)
def test_the_page_asks_nothing_of_the_network_and_runs_no_script(make):
    html = page_of(make)
    page = Page(html)
    assert not re.search(r"https?://|@import", html)
    assert not {"script", "link", "img", "iframe", "object", "style:src"} & {tag for tag, _ in page.tags}
    targets = [v for _, attributes in page.tags for k, v in attributes.items() if k in ("href", "src", "xlink:href")]
    assert targets and all(target.startswith("#") for target in targets)
    parts = re.findall(r"url\(([^)]*)\)", html)
    assert parts and all(target.startswith("#") for target in parts)


@pytest.mark.parametrize("make", MAKERS)
def test_no_text_is_smaller_than_12_pixels_at_a_width_of_400(make):
    html = page_of(make)
    style = html[html.index("<style>") : html.index("</style>")]
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: *(\d+(?:\.\d+)?)px", style)]
    assert len(sizes) > 5 and min(sizes) >= 12
    assert not re.search(r"font-size: *[\d.]+(?:%|r?em|pt)", style)
    assert svgs(html)
    for svg in svgs(html):
        width, units = re.search(r'width="([\d.]+)pt".*?viewBox="0 0 ([\d.]+) ', svg).groups()
        natural = float(width) * 96 / 72
        assert natural <= 400 - 2 * (10 + 13 + 1)  # the page's margin, the card's and its border
        texts = re.findall(r"<text ([^>]*)>", svg)
        assert texts
        for text in texts:
            assert float(re.search(r"font-size: ([\d.]+)px", text)[1]) * natural / float(units) >= 12


@pytest.mark.parametrize("make", MAKERS)
def test_ids_are_unique_and_every_reference_meets_one(make):
    html = page_of(make)
    ids = [attributes["id"] for _, attributes in Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', html)) <= set(ids)


@pytest.mark.parametrize("make", MAKERS)
def test_every_chart_tells_its_content_in_words(make):
    charts = svgs(page_of(make))
    assert charts
    for svg in charts:
        assert re.match(r'<svg role="img" aria-label="[^"]{20,}" ', svg)


@pytest.mark.parametrize("make", [whole, sick])
def test_every_number_of_the_json_stands_in_the_page(make):
    found = json.loads(report.as_json(make()))
    for one in found["members"]:
        del one["history"]  # drawn, not written
        one["best_epoch"] += 1
        for finding in one["findings"]:
            finding["epoch"] += 1
    text = Page(page_of(make)).text
    wanted = {f"{n:,}" if isinstance(n, int) else f"{n:.4g}" for n in numbers(found)}
    assert len(wanted) > 25
    assert {number for number in wanted if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", text)} == set()


def test_every_text_of_the_report_stands_in_the_page():
    text = Page(report.as_html(sick())).text
    for words in (
        "trainwise demo --seed 7",
        "small CNN",
        "The soft vote is not better than the best member.",
        "It answered 32 rows twice: equal",
        "float32 (?, 8, 8, 1)",
        "9f86d081884c7d65" * 4,
        "final evaluation",
        "3 constant columns were kept",
        "zero, one",
        "The validation loss grows.",
        "Nothing regularises the network.",
        "set epochs to 3",
        "layer dense_7",
    ):
        assert words in text


def test_the_verdict_names_the_winner_with_its_interval_before_anything_else():
    header = Page(report.as_html(whole()).split("</header>")[0]).text
    assert "Trained 2 models (small CNN) for a multiclass task on digits with 1,257 training rows." in header
    assert "0.9785 accuracy of the soft vote on 269 test rows 95 % Wilson interval: 0.9521 to 0.9911" in header
    assert report.HEALTHY in header


def test_the_verdict_counts_errors_and_warnings_and_never_says_healthy_beside_them():
    page = report.as_html(sick())
    header = Page(page.split("</header>")[0]).text
    assert "1 error, 1 warning: unscaled inputs (before training); overfitting (member_1, epoch 3)" in header
    assert "ealthy" not in Page(page).text


def test_a_run_with_information_alone_is_healthy():
    found = whole()
    found["members"][0]["findings"] = [PLATEAU.as_dict()]
    text = Page(report.as_html(found)).text
    assert report.HEALTHY in text and "The loss stays at 0.9." in text


def test_findings_are_numbered_alike_on_the_curve_below_it_and_in_the_list():
    html = report.as_html(sick())
    curve = next(svg for svg in svgs(html) if 'aria-label="Curves of member_1' in svg)
    marked = re.findall(r'<g class="chart-mark">.*?<text [^>]*>(\d+)</text>', curve)
    assert sorted(marked) == ["2", "3"]
    assert re.findall(r'<article class="card finding" id="finding-(\d+)">', html) == ["1", "2", "3"]
    text = Page(html).text
    assert "1 Error : unscaled inputs" in text and "2 Warning : overfitting" in text and "3 Info : plateau" in text
    assert "2 overfitting , epoch 3" in text


HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & $x_1$ \x00"


def hostile(value):
    """The report with every text replaced, keys too where they are free."""
    if isinstance(value, dict):
        return {key: hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_no_text_of_the_report_becomes_markup():
    found = hostile(whole())
    found["settings"][HOSTILE] = HOSTILE
    found["data"]["rows"][HOSTILE] = 5
    found["export"]["signatures"] = {HOSTILE: {"inputs": {HOSTILE: HOSTILE}}}
    found["members"][0]["history"][HOSTILE] = found["members"][0]["history"]["val_" + HOSTILE] = [1.0, 2.0]
    found["members"][0]["findings"] = [{"symptom": HOSTILE, "level": HOSTILE, "epoch": 1, "causes": [HOSTILE]}]
    html = report.as_html(found)
    plain = {tag for tag, _ in Page(report.as_html(sick())).tags}
    assert "<script" not in html
    assert {tag for tag, _ in Page(html).tags} <= plain
    assert not any(name.startswith("on") for _, attributes in Page(html).tags for name in attributes)
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("absent", [*whole(), None])
def test_a_report_without_one_part_is_a_page_still(absent):
    found = sick()
    found.pop(absent, None)
    assert "<h1>" in report.as_html(found)
    if absent:
        assert "<h1>" in report.as_html({**found, absent: None})


@pytest.mark.parametrize("path", ["data", "evaluation", "export", "members.0", "evaluation.results.0"])
def test_a_part_without_one_of_its_values_is_a_page_still(path):
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]

    def part(found):
        for key in keys:
            found = found[key]
        return found

    for name in part(whole()):
        found, empty = whole(), whole()
        if keys[0] != "members":
            found["members"] = empty["members"] = []  # their charts take the time
        del part(found)[name]
        part(empty)[name] = None
        assert "<h1>digits</h1>" in report.as_html(found)
        assert "<h1>digits</h1>" in report.as_html(empty)


def test_what_was_not_done_is_not_told():
    found = whole()
    found.update(evaluation=None, export=None)
    text = Page(report.as_html(found)).text
    assert "The test rows were not evaluated." in text
    for absent in ("The vote beside its best member", "Wilson", "The exported model", "tolerance"):
        assert absent not in text


def test_a_difference_over_the_tolerance_is_called_so():
    found = whole()
    found["export"]["max_difference"] = 2e-5
    html = report.as_html(found)
    assert "over the tolerance of 1e-05" in html and 'class="proved"' not in html


def test_a_second_opening_of_the_test_split_is_told():
    found = whole()
    found["data"]["test_openings"] *= 2
    assert "Opened 2 times" in report.as_html(found)
    assert "Opened" not in report.as_html(whole()).replace("Openings", "")


@pytest.mark.parametrize(
    "history",
    [
        {},
        {"loss": []},
        {"loss": [math.nan, None, math.inf]},
        {"loss": [1.0]},
        {"loss": [0.0, 0.0]},
        {"val_loss": [1.0, math.nan, 3.0]},
        {"loss": [1e300, 1e-320, -1e300]},
        {"loss": [1e-320, 1e99]},
        {"accuracy": [0.5, 0.6]},
        {"loss": [1.0, 2.0], "accuracy": [math.nan, math.nan]},
    ],
)
def test_any_history_gives_a_page_without_nan(history):
    found = whole()
    found["members"][0] = {"name": "member_0", "history": history, "findings": [OVERFITTING.as_dict()]}
    html = report.as_html(found)
    assert "overfitting" in html
    assert not re.search(r"\b(?:nan|inf)\b", html, flags=re.IGNORECASE)


def test_the_page_of_a_report_read_back_is_the_same(drawn_anew):
    assert report.as_html(json.loads(report.as_json(regression()))) == report.as_html(regression())


def test_the_same_report_gives_the_same_page_whatever_the_plot_style(drawn_anew):
    import matplotlib

    first = report.as_html(sick())
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        styled = report.as_html(sick())
        assert matplotlib.rcParams["font.size"] == 30
    assert styled == first == report.as_html(sick())


def test_the_report_is_left_as_it_came(drawn_anew):
    found = sick()
    before = copy.deepcopy(found)
    report.as_html(found)
    report.as_json(found)
    assert found == before


def test_a_search_shows_its_best_trials_first_and_says_how_many_more_there_are():
    page = page_of(searched)
    for shown in (
        "25 architectures in a search", "ranked by val_accuracy", "Stopping spared 63 % of the epochs.",
        "would have spared 80 % and missed the best score by 0.0125", "activation relu, units 1", ">architecture<",
        "Share of the spread", "1e-05 to 0.1", "50%", "Best: trial 7, val_accuracy 0.97",
        "The space is exhausted.", "The best 20; 5 more", "&lt;b&gt;tanh", "the best, trial 7, reached 0.67 at epoch 2",
    ):  # fmt: skip
        assert shown in page
    assert "correlation" not in page
    assert ">spread<" not in page  # a column that says nothing


def test_each_class_has_its_scores_and_its_confusion_and_names_are_shown_as_text():
    found = whole()
    names = found["data"]["classes"] = ["<b>cat</b>", "dog & son", "개"]
    rows = [{"rows": 10 + k, "precision": 0.5, "recall": 0.25 * (k + 1), "f1": 0.4 + 0.1 * k} for k in range(3)]
    found["evaluation"]["of_classes"] = {
        "balanced_accuracy": 0.5, "f1": 0.51, "roc_auc": 0.77, "decision_threshold": 0.25, "classes": rows,
        "confusion": [[7, 3, 0], [2, 8, 1], [0, 12, 0]],
    }  # fmt: skip
    html = report.as_html(found)
    part = html[html.index('id="classes"') : html.index("</section>", html.index('id="classes"'))]
    for name in ("&lt;b&gt;cat&lt;/b&gt;", "dog &amp; son", "개"):
        assert part.count(name) == 3
    assert "balanced accuracy 0.500, f1 0.510, roc auc 0.770, decision threshold 0.250" in part
    cells = re.findall(r'<td class="number(?: wrong)?">(.*?)</td>', part)
    assert cells[-9:] == [
        "<strong>7</strong>",
        "3",
        "·",
        "2",
        "<strong>8</strong>",
        "1",
        "·",
        "12",
        "<strong>0</strong>",
    ]
    found["evaluation"]["of_classes"]["classes"] = [{**rows[0], "f1": (k % 30) / 30} for k in range(30)]
    many = report.as_html(found)
    assert "The 20 classes with the lowest F1; 10 more are in report.json." in many
    assert "Rows by true class" not in many and names


def test_labels_have_a_table_of_their_own():
    found = whole()
    row = {"rows": 5, "precision": 0.625, "recall": 0.5, "f1": 0.5556}
    found["evaluation"]["of_labels"] = {"micro_f1": 0.5, "macro_f1": None, "labels": [row] * 25}
    text = Page(report.as_html(found)).text
    assert "Label by label" in text and "label 0 5 0.625 0.5 0.5556" in text and "micro f1 0.500" in text
    assert "The 20 labels with the lowest F1; 5 more are in report.json." in text
    assert "레이블별 결과" in Page(report.as_html(found, "ko")).text


def test_of_many_findings_those_that_members_have_in_common_stand_once():
    found = whole()
    found["members"] = [member(k, findings=[OVERFITTING, PLATEAU]) for k in range(3)]
    html = report.as_html(found)
    assert len(re.findall('<article class="card finding"', html)) == 6
    found["members"] = [member(k, findings=[OVERFITTING, PLATEAU]) for k in range(4)]
    html = report.as_html(found)
    assert re.findall(r'<article class="card finding" id="finding-(\d+)">', html) == ["1", "2"]
    text = Page(html).text
    assert "member_0, epoch 3; member_1, epoch 3; member_2, epoch 3; member_3, epoch 3" in text
    assert "The numbers are those of member_0, epoch 3." in text
    assert html.count('href="#finding-2"') == 4
