"""Charts, read back from their SVG."""

import math
import re

import numpy as np
import pytest
from reports import member, whole

from trainwise.toolkit.report import charts


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
    assert re.search(rf"fill: var\(--accent, {charts.ACCENT}\)[^>]*>soft vote<", svg)
    assert re.search(rf"fill: var\(--quiet, {charts.QUIET}\)[^>]*>member_1 \(best on validation\)<", svg)


def test_the_chart_of_trials_leaves_out_what_is_not_finite_and_needs_the_best():
    curves = {0: [math.nan, math.inf], 1: [0.5, math.nan, 0.25], 2: [None]}
    assert "of 1 trial, the best, trial 1, reached 0.25 at epoch 3" in charts.trials_chart(curves, 1, "val_loss", False)
    assert charts.trials_chart(curves, 0, "val_loss", False) == ""
    assert charts.trials_chart({}, 0, "val_loss", False) == ""


def test_every_member_stands_beside_the_vote():
    evaluation = whole()["evaluation"]
    evaluation["members"] = [{"name": f"member_{k}", "value": 0.9 + 0.01 * k} for k in range(5)]
    svg = charts.results_chart(evaluation)
    assert "each member alone: 0.9 to 0.94" in svg and ">each member alone<" in svg
    # A stroke a member.
    before = charts.results_chart(whole()["evaluation"])
    assert svg.count("<use ") - before.count("<use ") >= 5
