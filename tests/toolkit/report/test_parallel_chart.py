"""The lines of a search's trials, read back from their SVG."""

import math
import re

import keras_tuner
import numpy as np
import pytest
from reports import Page, searched

from trainwise.toolkit.report import page as report
from trainwise.toolkit.report.answer_charts import settings_chart
from trainwise.toolkit.report.drawing import ACCENT, LEVEL_COLOURS, QUIET, SECOND
from trainwise.toolkit.report.parallel_chart import parallel_chart
from trainwise.tuning.searching.search_page import _is_geometric

DASH = "\N{EN DASH}"


def _lines(svg, axes):
    """The places across of each trial's line, with its style: those of as many points as there are axes."""
    paths = re.findall(r'<path d="(M [^"z]*)" clip-path="[^"]*" style="([^"]*)"', svg)
    points = [(np.array(re.findall(r"[-\d.]+", path), dtype=float).reshape(-1, 2), style) for path, style in paths]
    return [(places, style) for places, style in points if len(places) == axes]


def _shares(svg, axes):
    """The same from 0 to 1, the best trial first."""
    lines = _lines(svg, axes)
    across = np.array([places[:, 0] for places, _ in lines])[::-1]
    ends = across.min(), across.max()
    return (across - ends[0]) / (ends[1] - ends[0])


def test_a_number_stands_where_it_lies_between_least_and_greatest_or_its_logarithm_where_it_was_sampled_so():
    columns = {"units": [1, 100, 10], "rate": [1e-4, 1e-1, 1e-3]}
    svg = parallel_chart(columns, [0.9, 0.5, 0.3], ["completed"] * 3, "val_accuracy", logarithmic=["rate"])
    expected = [[0, 0, 1], [1, 1, 1 / 3], [9 / 99, 1 / 3, 0]]
    np.testing.assert_allclose(_shares(svg, 3), expected, atol=1e-3)
    assert ">rate, log scale<" in svg and ">units<" in svg
    # The ends and the middle of each: 10 ** -2.5 is that of the rates.
    for word in ("1", "50.5", "100", "0.0001", "0.00316", "0.1", "0.3", "0.6", "0.9"):
        assert f">{word}<" in svg, word


def test_words_stand_side_by_side_and_what_was_not_asked_or_has_no_score_at_a_dash():
    columns = {"cell": ["gru", "lstm", None], "units": [8, 16, 8]}
    svg = parallel_chart(columns, [0.1, 0.2, None], ["completed", "completed", "failed: NaN"], "val_loss")
    cell, units, score = _shares(svg, 3).T
    assert cell[2] == score[2] == 0 and 0 < cell[0] < cell[1] < 1
    np.testing.assert_allclose(units, [0, 1, 0], atol=1e-3)
    assert 0 < score[0] < score[1] and svg.count(f">{DASH}<") == 2
    assert "2 trials" not in svg and "3 trials over cell, units to val_loss; completed 2, failed 1; the best" in svg
    assert "trial 1: cell gru, units 8, val_loss 0.1" in svg


def test_the_best_alone_is_bold_and_each_ending_has_a_colour_and_a_dash_of_its_own():
    ways = ["completed", "completed", "stopped: median", "failed: NaN"]
    svg = parallel_chart(
        {"units": [1, 2, 3, 4], "n": [4, 3, 2, 1]}, [4, 3, 2, None], ways, "score", trials=[9, 1, 2, 3]
    )
    styles = [style for _, style in _lines(svg, 3)][::-1]
    assert f"var(--accent, {ACCENT})" in styles[0] and "stroke-width: 2.6" in styles[0]
    for style, colour in zip(styles[1:], (QUIET, SECOND, LEVEL_COLOURS["error"]), strict=True):
        assert colour in style and "stroke-width: 2.6" not in style
    dashes = [re.findall(r"stroke-dasharray: ([^;]*)", style) for style in styles]
    assert dashes[0] == dashes[1] == [] and dashes[2] and dashes[3] and dashes[2] != dashes[3]
    for word in ("trial 9, the best", "completed", "stopped", "failed"):
        assert f">{word}<" in svg
    assert ">unfinished<" not in svg


def test_of_very_many_trials_two_hundred_are_drawn_the_best_and_the_last_among_them():
    rng = np.random.default_rng(0)
    columns = {"a": rng.random(1000).tolist(), "b": rng.random(1000).tolist()}
    svg = parallel_chart(columns, np.linspace(1, 0, 1000).tolist(), ["completed"] * 1000, "val_accuracy")
    scores = _shares(svg, 3)[:, 2]
    assert len(scores) == 200 and scores[0] == 1 and scores[-1] == 0
    np.testing.assert_allclose(np.diff(scores), -1 / 199, atol=2e-3)
    assert "200 of 1,000 trials over a, b" in svg and len(svg) < 60_000


def test_there_is_no_chart_where_nothing_can_be_compared():
    assert parallel_chart({}, [0.5, 0.25], ["completed"] * 2, "val_loss") == ""
    assert parallel_chart({"units": [8, 8]}, [0.5, 0.25], ["completed"] * 2, "val_loss") == ""
    assert parallel_chart({"units": [8, 16]}, [None, None], ["failed"] * 2, "val_loss") == ""
    assert parallel_chart({"units": [8, 16]}, [math.nan, 1.0], [], "val_loss") == ""
    assert parallel_chart({"units": []}, [], [], "val_loss") == ""


def test_a_loss_over_decades_and_one_score_alone_are_drawn_too():
    svg = parallel_chart({"a": [1, 2, 3], "b": [1, 2, 3]}, [0.01, 1.0, 1e4], [], "val_loss")
    np.testing.assert_allclose(_shares(svg, 3)[:, 2], [0, 1 / 3, 1], atol=1e-3)
    assert ">val_loss, log scale<" in svg
    alone = parallel_chart({"a": [1, 2], "b": ["<b>x</b>", True]}, [0.5, None], ["completed", "failed"], "val_loss")
    assert "&lt;b&gt;x&lt;/b&gt;" in alone and "<b>" not in alone


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_of_a_search_holds_the_lines_beside_the_dots(language):
    html = report.as_html(searched(), language)
    images = [dict(given) for tag, given in Page(html).tags if tag == "svg"]
    told = {"en": "25 trials over activation, units to val_accuracy", "ko": "val_accuracy에 이르는 시도 25개"}[language]
    (one,) = [given["aria-label"] for given in images if told in given["aria-label"]]
    assert "activation relu" in one and "val_accuracy 0.97" in one
    # The first unit of all is absent: its trial is the best.
    assert f"units {DASH}" in one


def test_the_dots_have_numbers_at_their_axes_and_words_that_are_cut_where_they_would_meet():
    columns = {"rate": [1e-5, 1e-1, None], "cell": ["bidirectional", "gru", "recurrent"], "layers": [1, 2, 3]}
    svg = settings_chart(columns, [0.9, 0.5, 0.3], "val_accuracy")
    assert "mathdefault" not in svg and ">1e-05<" in svg and ">0.1<" in svg
    assert ">bidirectio…<" in svg and ">gru<" in svg and ">2<" in svg and ">1.6<" not in svg


@pytest.mark.parametrize(
    ("values", "geometric"),
    [
        ([16, 32, 64], True),
        ([0.1, 1e-3, 0.01], True),
        ([1, 2, 3], False),
        ([0, 1, 10], False),
        ([1, 10], False),
        (["a", "b", "c"], False),
    ],
)
def test_choices_that_grow_by_one_factor_are_on_a_logarithmic_axis(values, geometric):
    hp = keras_tuner.HyperParameters()
    hp.Choice("x", values)
    assert _is_geometric(hp.space[0]) == geometric
    hp.Boolean("y")
    assert not _is_geometric(hp.space[1])
