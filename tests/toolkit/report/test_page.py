import copy
import functools
import json
import math
import re
import resource
import signal
from html.parser import HTMLParser

import numpy as np
import pytest

from trainwise.toolkit.diagnosis.findings import Advice, Finding
from trainwise.toolkit.report import charts
from trainwise.toolkit.report import page as report

OVERFITTING = Finding(
    "overfitting",
    "warning",
    "The validation loss grows.",
    epoch=2,
    evidence={"best_val_loss": 0.4321},
    causes=("missing_regularization",),
    advice=(Advice("epochs", "set", 3),),
)
PLATEAU = Finding("plateau", "info", "The loss stays at 0.9.", epoch=2, layer="dense_7")
UNSCALED = Finding("unscaled_inputs", "error", "Inputs reach 16.", evidence={"largest": 16.0})


def member(index, epochs=5, findings=()):
    falling = [2.0 / (epoch + 1) for epoch in range(epochs)]
    return {
        "name": f"member_{index}",
        "seed": 100 + index,
        "parameters": 12345,
        "best_epoch": 3,
        "history": {"loss": falling, "val_loss": falling, "accuracy": falling, "val_accuracy": falling},
        "findings": [finding.as_dict() for finding in findings],
        "chosen_weight": 0.375,
        "validation": {"loss": 0.1357, "accuracy": 0.9753},
    }


def whole():
    vote = {"name": "soft vote", "value": 0.9785, "low": 0.9521, "high": 0.9911, "winner": True}
    best = {"name": "member_1 (best on validation)", "value": 0.9667, "low": 0.9381, "high": 0.9824, "winner": False}
    return {
        "title": "digits",
        "command": "trainwise demo --seed 7",
        "created": "2026-11-23T20:00:00+00:00",
        "seed": 7,
        "settings": {"members": 2, "learning_rate": 0.0015, "architecture": "small CNN"},
        "versions": {"python": "3.11.7", "keras": "3.15.1"},
        "data": {
            "name": "digits",
            "inputs": "images of 8 x 8 x 1",
            "rows": {"train": 1257, "validation": 271, "test": 269},
            "classes": ["zero", "one"],
            "fingerprint": "9f86d081884c7d65" * 4,
            "test_openings": [{"reason": "final evaluation", "time": "2026-11-23T19:59:00"}],
            "notes": ["3 constant columns were kept"],
        },
        "head": {"task": "multiclass", "units": 10, "metrics": ["accuracy"]},
        "checks": [],
        "members": [member(0), member(1)],
        "evaluation": {
            "metric": "accuracy",
            "higher_is_better": True,
            "interval": "95 % Wilson interval",
            "rows": 269,
            "results": [best, vote],
            "sentence": "The soft vote is not better than the best member.",
            "mends": 13,
            "breaks": 11,
        },
        "export": {
            "path": "models/digits/1",
            "max_difference": 1.25e-7,
            "tolerance": 1e-5,
            "rows": 32,
            "signatures": {
                "serving_default": {
                    "inputs": {"image": "float32 (?, 8, 8, 1)"},
                    "outputs": {"probabilities": "float32 (?, 10)"},
                }
            },
            "proof": ["It answered 32 rows twice: equal"],
        },
        "seconds": {"load": 1.25, "train": 20.5},
    }


def sick():
    ill = whole()
    ill["checks"] = [UNSCALED.as_dict()]
    ill["members"][1] = member(1, findings=[OVERFITTING, PLATEAU])
    return ill


def regression():
    found = whole()
    found["data"]["classes"] = None
    found["head"] = {"task": "regression", "metrics": ["mae"]}
    for one in found["members"]:
        one["history"] = {"loss": [300.0, 2.0, 0.5], "val_loss": [280.0, 2.5, math.nan], "mae": [9.0, 1.0, None]}
    found["evaluation"].update(metric="R2", mends=None, breaks=None)
    return found


def many():
    found = sick()
    found["members"] = [member(index, 30, [OVERFITTING, PLATEAU] * (index % 3)) for index in range(20)]
    return found


def searched(trials=25):
    found = whole()
    found["members"] = [member(0)]
    scores = [0.97 - 0.01 * place for place in range(trials)]
    found["search"] = {
        "objective": "val_accuracy",
        "higher_is_better": True,
        "best_trial": 7,
        "leaderboard": {
            "trial": [7, *(number for number in range(trials) if number != 7)],
            "val_accuracy": [*scores[:-1], math.nan],
            "activation": ["relu", "<b>tanh</b>"] * (trials // 2) + ["gelu"] * (trials % 2),
            "units": [None, *range(1, trials)],
            "spread": [None] * trials,
        },
        "hyperparameters": ["activation", "units"],
        "sentence": "Best: trial 7, val_accuracy 0.97 after epoch 2.",
        "facts": {"training rows": 1078, "learning rates": "1e-05 to 0.1"},
        "curves": {str(number): [0.5, 0.6 + 0.01 * number] for number in range(trials)},
        "epochs_saved": 0.63,
        "rank_correlation": None,
        "one_epoch_then_best_three": {"saved": 0.8, "regret": 0.0125},
        "importance": {"activation": 0.5},
        "device": "CPU (2 cores), precision float32",
        "notes": ["The space is exhausted."],
    }
    return found


MAKERS = [whole, sick, regression, many, searched]


@functools.cache
def page_of(make):
    return report.as_html(make())


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside style elements."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def numbers(values):
    """Every number below a value."""
    if isinstance(values, dict):
        return [number for value in values.values() for number in numbers(value)]
    if isinstance(values, list):
        return [number for value in values for number in numbers(value)]
    return [values] if isinstance(values, int | float) and not isinstance(values, bool) else []


def svgs(html):
    return re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)


@pytest.mark.parametrize("make", MAKERS)
def test_the_page_asks_nothing_of_the_network_and_runs_no_script(make):
    html = page_of(make)
    page = Page(html)
    assert not re.search(r"https?://|@import", html)
    assert not {"script", "link", "img", "iframe", "object", "style:src"} & {tag for tag, _ in page.tags}
    targets = [v for _, attributes in page.tags for k, v in attributes.items() if k in ("href", "src", "xlink:href")]
    assert targets and all(target.startswith("#") for target in targets)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))


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
    for svg in svgs(page_of(make)):
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


def test_marks_of_one_epoch_do_not_overlap():
    svg = charts.curves_chart(
        member(0), None, [{"number": n, "level": "info", "epoch": 2} for n in (1, 2, 3)], "curves"
    )
    places = re.findall(r'<g class="chart-mark">.*?<text [^>]*x="([\d.]+)" y="([\d.]+)"', svg)
    heights = sorted(float(y) for _, y in places)
    assert len({x for x, _ in places}) == 1
    assert np.diff(heights).min() > 13


def test_training_values_stand_half_an_epoch_before_validation_values():
    one = {"name": "member_0", "history": {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0, 1.0]}}
    svg = charts.curves_chart(one, None, [], "curves")
    lines = re.findall(r'<path d="M ([\d.]+) [\d.]+ L ([\d.]+) [\d.]+ L [^"]*" clip-path', svg)
    (training, second), (validation, _) = [(float(a), float(b)) for a, b in lines]
    assert validation - training == pytest.approx((second - training) / 2, rel=1e-4)


@pytest.mark.parametrize(("first", "logarithmic"), [(99.0, False), (101.0, True)])
def test_the_loss_is_logarithmic_beyond_two_decades(first, logarithmic):
    svg = charts.curves_chart({"history": {"loss": [first, 10.0, 1.0]}}, None, [], "curves")
    assert ("log scale" in svg) == logarithmic


def test_the_winner_alone_is_drawn_as_a_diamond_in_the_accent_colour():
    evaluation = whole()["evaluation"]
    svg = charts.results_chart(evaluation)
    assert re.search(rf"fill: {charts.ACCENT}[^>]*>soft vote<", svg)
    assert re.search(rf"fill: {charts.QUIET}[^>]*>member_1 \(best on validation\)<", svg)


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
    for absent in ("Members against the vote", "Wilson", "The exported model", "tolerance"):
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


def test_json_is_strict_and_takes_numpy_values():
    values = {
        "nan": math.nan,
        "inf": np.float32(-math.inf),
        "small": np.int8(3),
        "half": np.float16(0.5),
        "true": np.bool_(True),
        "array": np.array([[1.0, np.nan]]),
        "scalar": np.array(4),
        "pair": (1, "two"),
        "long": np.longdouble(0.25),
        7: "key",
    }
    expected = {
        "nan": None,
        "inf": None,
        "small": 3,
        "half": 0.5,
        "true": True,
        "array": [[1.0, None]],
        "scalar": 4,
        "pair": [1, "two"],
        "long": 0.25,
        "7": "key",
    }

    def refuse(constant):
        raise AssertionError(constant)

    text = report.as_json(values)
    assert json.loads(text, parse_constant=refuse) == expected
    assert text.startswith('{\n  "nan": null,\n')


def test_a_value_that_is_not_plain_is_refused():
    with pytest.raises(TypeError, match=r"got set\. Turn it into a number or a text"):
        report.as_json({"classes": {1, 2}})


def test_the_page_of_a_report_read_back_is_the_same():
    assert report.as_html(json.loads(report.as_json(regression()))) == report.as_html(regression())


def test_the_same_report_gives_the_same_page_whatever_the_plot_style():
    import matplotlib

    first = report.as_html(sick())
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        styled = report.as_html(sick())
        assert matplotlib.rcParams["font.size"] == 30
    assert styled == first == report.as_html(sick())


def test_the_report_is_left_as_it_came():
    found = sick()
    before = copy.deepcopy(found)
    report.as_html(found)
    report.as_json(found)
    assert found == before


def test_write_makes_the_folder_and_both_files_alone(tmp_path):
    page, data = report.write(sick(), tmp_path / "deep" / "out")
    assert (page.name, data.name) == ("report.html", "report.json")
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json"]
    assert page.read_text("utf-8") == report.as_html(sick())
    assert data.read_text("utf-8") == report.as_json(sick())


def test_a_name_that_is_no_text_can_be_written(tmp_path):
    page, data = report.write({"title": "measured_\udcff"}, tmp_path)
    assert "measured_&#56575;" in page.read_text("utf-8")
    assert json.loads(data.read_text("utf-8")) == {"title": "measured_\udcff"}


def test_a_full_disk_leaves_the_earlier_report_and_nothing_else(tmp_path):
    report.write(whole(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            report.write(sick(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_in_place_of_the_folder_is_refused_and_kept(tmp_path):
    taken = tmp_path / "out"
    taken.write_text("mine")
    with pytest.raises(FileExistsError, match="out"):
        report.write(whole(), taken)
    with pytest.raises(NotADirectoryError, match="out"):
        report.write(whole(), taken / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and taken.read_text() == "mine"


def test_a_folder_in_place_of_the_page_leaves_nothing_temporary(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        report.write(whole(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


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


def test_the_chart_of_trials_leaves_out_what_is_not_finite_and_needs_the_best():
    curves = {0: [math.nan, math.inf], 1: [0.5, math.nan, 0.25], 2: [None]}
    assert "of 1 trial, the best, trial 1, reached 0.25 at epoch 3" in charts.trials_chart(curves, 1, "val_loss", False)
    assert charts.trials_chart(curves, 0, "val_loss", False) == ""
    assert charts.trials_chart({}, 0, "val_loss", False) == ""
