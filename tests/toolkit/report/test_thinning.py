"""Reports of many members and long trainings."""

import json
import re

import numpy as np
import pytest

from trainwise.toolkit.report import page as report
from trainwise.toolkit.report.thinning import MOST_POINTS, thinned


def _member(epochs, best, **further):
    curve = np.linspace(1, 0, epochs) + np.sin(np.arange(epochs))
    return {
        "name": "m",
        "best_epoch": best,
        "history": {"loss": curve.tolist(), "val_loss": (curve + 1).tolist()},
        **further,
    }


def test_a_long_history_keeps_its_first_its_best_and_its_last_epoch_and_says_which_it_shows():
    member = _member(1000, 437)
    short = thinned({"members": [member], "seed": 1})["members"][0]
    assert short["epochs"] == 1000
    shown = short["epochs_shown"]
    assert {0, 437, 999} <= set(shown) and shown == sorted(shown) and len(shown) <= MOST_POINTS
    for name, values in short["history"].items():
        assert values == [member["history"][name][at] for at in shown]


def test_no_peak_of_a_long_history_is_lost():
    member = _member(1000, 437)
    member["history"]["loss"][613], member["history"]["val_loss"][207] = 9.0, -9.0
    member["history"]["loss"][17] = float("nan")
    # A small peak within its own stretch, far below the highest of all.
    member["history"]["val_loss"][700:720] = [0.5] * 20
    member["history"]["val_loss"][711] = 0.6
    short = thinned({"members": [member]})["members"][0]
    assert {613, 207, 711} <= set(short["epochs_shown"])
    for name, values in member["history"].items():
        assert np.nanmax(short["history"][name]) == np.nanmax(values)
        assert np.nanmin(short["history"][name]) == np.nanmin(values)


@pytest.mark.parametrize("epochs", [1, 40, MOST_POINTS])
def test_a_history_that_is_not_long_stays_whole(epochs):
    whole = {"members": [_member(epochs, 0)], "title": "t"}
    assert thinned(whole) == whole
    assert json.loads(report.as_json(whole)) == whole


def test_the_page_of_a_long_training_says_that_its_curves_are_thinned_and_is_small():
    text = report.as_html({"members": [_member(2000, 1500)]})
    kept = int(re.search(r"2,000, of which (\d+) are drawn and kept", text)[1])
    assert 100 < kept <= MOST_POINTS
    assert "over 2000 epochs" in text and "best epoch 1501" in text
    assert len(text) < 90_000
    assert "are drawn and kept" not in report.as_html({"members": [_member(20, 3)]})


def test_a_page_read_back_from_thinned_json_is_the_same():
    whole = {"members": [_member(700, None)]}
    assert report.as_html(json.loads(report.as_json(whole))) == report.as_html(whole)


def test_lists_of_numbers_stand_on_one_line_and_texts_stay():
    values = {"a": [1, -2.5e-07, None], "b": ["[1,  2]", "x"], "c": [[], [3]], "d": "[\n  1\n]"}
    text = report.as_json(values)
    assert json.loads(text) == values
    assert '"a": [1, -2.5e-07, null],' in text


@pytest.mark.parametrize("name", ["a\ud800", "\udcff", "\x00\x1b", "$x_1$", "<b>"])
def test_any_name_is_drawn_as_text(name):
    result = {"name": name, "value": 0.5, "low": 0.4, "high": 0.6, "winner": True}
    member = {"name": name, "history": {name: [1.0, 2.0], "loss": [1.0, 2.0]}}
    search = {"objective": name, "best_trial": name, "curves": {name: [1.0, 2.0]}}
    values = {
        "title": name,
        "evaluation": {"metric": name, "results": [result]},
        "members": [member],
        "head": {"metrics": [name]},
        "search": search,
    }
    assert report.as_html(values).count("<svg") == 3
