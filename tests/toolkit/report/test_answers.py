"""What a report tells of answers, inputs and layers, by numbers that are known."""

import base64
import math

import numpy as np
import pytest
from reports import Page, svgs, whole

from trainwise.toolkit.diagnosis.layer_state import LayerHealth, Probe
from trainwise.toolkit.metrics.decision_threshold import Threshold
from trainwise.toolkit.report import page as report
from trainwise.toolkit.report.answers import AnsweredRows, answers_part
from trainwise.toolkit.report.layers import layers_part
from trainwise.toolkit.report.shown_rows import shown_row


def test_the_most_confident_mistakes_come_first_and_right_answers_never():
    values = np.array([[0.9, 0.1], [0.3, 0.7], [0.05, 0.95], [0.6, 0.4]])
    rows = AnsweredRows(values, np.array([0, 0, 0, 1]), np.arange(8.0).reshape(4, 2))
    found = answers_part("multiclass", rows, rows, features=("a", "b"), first=("b",))["mistakes"]
    assert [(one["row"], one["true"], one["answer"], one["confidence"]) for one in found] == [
        (2, 0, 1, 0.95), (1, 0, 1, 0.7), (3, 1, 0, 0.6),
    ]  # fmt: skip
    assert list(found[0]["values"].items()) == [("b", 5.0), ("a", 4.0)]


def test_mistakes_are_those_of_the_threshold_that_is_answered_by():
    rows = AnsweredRows(np.array([0.3, 0.3, 0.1, 0.6]), np.array([0, 1, 1, 1]))
    found = answers_part("binary", rows, rows, threshold=Threshold(1, 0.2))["mistakes"]
    assert [(one["row"], one["true"], one["answer"], one["confidence"]) for one in found] == [
        (2, 1, 0, 0.9),
        (0, 0, 1, 0.3),
    ]
    # Of the first class: answered from 0.65 on, so that 0.6 of it is the second class.
    found = answers_part("binary", AnsweredRows(np.array([0.4]), np.array([0])), rows, threshold=Threshold(0, 0.65))
    assert [(one["answer"], one["confidence"]) for one in found["mistakes"]] == [(1, 0.4)]


def test_rows_that_may_not_be_shown_are_not():
    rows = AnsweredRows(np.array([0.9]), np.array([0]))
    (one,) = answers_part("binary", rows, rows)["mistakes"]
    assert set(one) == {"row", "true", "answer", "confidence"}


def test_the_temperature_is_the_one_that_the_validation_rows_ask_for(rng):
    # Answers twice as sure as the odds that made the labels: temperature 2.
    logits = rng.normal(0, 2, (20_000, 1))
    y = (rng.random(20_000) < 1 / (1 + np.exp(-logits[:, 0]))).astype(int)
    rows = AnsweredRows(1 / (1 + np.exp(-2 * logits[:, 0])), y)
    found = answers_part("binary", rows, rows)["calibration"]
    assert found["temperature"] == pytest.approx(2.0, rel=0.05)
    assert found["ece_at_temperature"] < 0.02 < found["ece"]
    sure = np.maximum(rows.values, 1 - rows.values)
    last = (rows.values > 0.5)[sure > 0.9] == (y == 1)[sure > 0.9]
    assert found["bins"][-1]["right"] == pytest.approx(last.mean())
    assert sum(one["rows"] for one in found["bins"]) == 20_000


def test_validation_rows_that_are_all_right_tell_no_temperature():
    held = AnsweredRows(np.array([0.9, 0.8, 0.1]), np.array([1, 1, 0]))
    test = AnsweredRows(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1, 1, 1, 0]))
    found = whole()
    found["answers"] = answers_part("binary", test, held)
    assert found["answers"]["calibration"]["temperature"] == 1.0
    # NLL of three answers at 0.9 and one at 0.1.
    text = Page(report.as_html(found)).text
    nll = (3 * math.log(1 / 0.9) + math.log(10)) / 4
    assert f"to fit a temperature. On the test rows the calibration error is 0.1500, the NLL {nll:.4f}." in text
    assert "at temperature" not in text


def test_labels_that_are_wrong_are_told_one_a_row():
    values, y = np.array([[0.9, 0.2], [0.6, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    rows = AnsweredRows(values, y)
    (one,) = answers_part("multilabel", rows, rows)["mistakes"]
    assert (one["row"], one["label"], one["true"], one["answer"], one["confidence"]) == (0, 0, 0, 1, 0.9)


def test_quantities_tell_their_residuals_worst_rows_and_the_cover_of_intervals():
    held = AnsweredRows(np.arange(0.0, 19.0), np.full(19, -1.0))  # 1 to 19 too high
    test = AnsweredRows(np.array([9.0, -4.0, 29.0, 0.0]), np.full(4, -1.0), {"size": np.arange(4.0)})
    found = answers_part("regression", test, held)
    assert found["residuals"]["mean"] == 9.5 and found["residuals"]["median_size"] == 6.5
    assert [(one["row"], one["predicted"], one["true"]) for one in found["worst"]][:2] == [
        (2, 29.0, -1.0),
        (0, 9.0, -1.0),
    ]
    # From the 5th, 2nd and 1st of 19 errors at either end: 15 to 5, 18 to 2 and 19 to 1 below the answer.
    assert [(one["level"], one["width"], one["covered"]) for one in found["coverage"]] == [
        (0.5, 10.0, 0.25), (0.8, 16.0, 0.25), (0.9, 18.0, 0.5),
    ]  # fmt: skip
    assert sum(found["residuals"]["counts"]) == 4


def test_several_outputs_are_told_by_the_one_that_is_most_off():
    rows = AnsweredRows(np.array([[1.0, 5.0], [2.0, 2.0]]), np.array([[1.0, 1.0], [2.0, 2.0]]))
    worst = answers_part("regression", rows, rows)["worst"]
    assert (worst[0]["row"], worst[0]["predicted"], worst[0]["true"]) == (0, 5.0, 1.0)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_drawn_as_they_are(channels):
    from io import BytesIO

    from matplotlib.image import imread

    x = np.zeros((2, 100, 50, channels), dtype="float32")
    x[1, :50] = 255.0
    address = shown_row(x, 1)["image"]
    pixels = imread(BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))
    # Every second pixel of a hundred: at most 64 a side.
    assert pixels.shape[:2] == (50, 25)
    assert np.all(pixels[:25, :, :3] == 1) and np.all(pixels[25:, :, :3] == 0)


def test_grey_images_without_channels_are_drawn_and_series_are_not(rng):
    grey = rng.integers(0, 256, (3, 28, 28)).astype("float32")
    assert shown_row(grey, 1) == shown_row(grey[..., None], 1) != {}
    assert shown_row(rng.normal(size=(3, 28, 28)), 1) == {}


def test_of_wide_rows_the_important_columns_are_shown_and_long_texts_are_cut():
    x = {f"c{k}": np.array([float(k)]) for k in range(20)} | {"note": np.array(["x" * 999], dtype=object)}
    found = shown_row(x, 0, first=["note", "c19", "absent"])
    assert list(found["values"])[:2] == ["note", "c19"] and found["left_out"] == 21 - 8
    assert len(found["values"]["note"]) == 300


def test_layers_are_told_look_by_look_and_gaps_stay_gaps():
    def look(step, epoch, moved):
        layers = (LayerHealth("a", gradient=0.2, weight=2.0, moved=moved), LayerHealth("watched only"))
        return Probe(step=step, epoch=epoch, loss=1.0, penalty=0.0, spread=1.0, layers=layers)

    found = layers_part([look(0, 0, None), look(1, 0, 0.004), look(30, 2, math.inf)])
    assert found == {
        "names": ["a"], "steps": [0, 1, 30], "epochs": [0, 0, 2], "gradient": [[0.1, 0.1, 0.1]],
        "update": [[None, 0.002, None]],
    }  # fmt: skip
    assert layers_part([]) == {}
    assert len(layers_part([look(k, k, 0.1) for k in range(500)])["steps"]) == 40


def test_all_of_it_stands_in_the_page_as_text_with_its_charts():
    found, hostile = whole(), '<img src=x onerror=alert(1)> 한글 "q"'
    found["data"]["classes"] = ["no", hostile]
    rows = AnsweredRows(
        np.array([0.9, 0.2, 0.8, 0.3]), np.array([0, 0, 1, 1]), {hostile: np.array([hostile] * 4, object)}
    )
    found["answers"] = answers_part("binary", rows, rows)
    found["inputs"] = {
        "columns": [
            {"name": hostile, "kind": "category", "missing": 0.25, "used": True, "range": None,
             "most": {"word": hostile, "share": 0.5, "different": 3}},
            {"name": "age", "kind": "number", "missing": 0.0, "used": True, "range": [18.0, 90.0], "most": None},
        ],
        "left_out": 0,
        "importance": [{"name": "age", "loss": 0.125, "spread": 0.01}],
        "could_count": 2,
    }  # fmt: skip
    found["members"][0]["layers"] = {
        "names": [hostile], "steps": [1], "epochs": [0], "gradient": [[0.05]], "update": [[0.001]],
    }  # fmt: skip
    html = report.as_html(found)
    assert "<img src=x" not in html
    text = Page(html).text
    assert f"{hostile} at 90%, and it is no" in text
    assert "1 of 2 columns, drawn by the seed, were shuffled" in text
    assert "18 to 90" in text and "25%" in text and "0.125" in text
    assert len(svgs(html)) == len(svgs(report.as_html(whole()))) + 5


def test_a_quantity_has_its_pictures_and_its_intervals_in_the_page():
    found = whole()
    rows = AnsweredRows(np.linspace(0, 1, 40), np.linspace(0, 1, 40) ** 2, {"size": np.arange(40.0)})
    found["answers"] = answers_part("regression", rows, rows)
    text = Page(report.as_html(found)).text
    assert "Prediction errors" in text and "Largest errors" in text and "95%" in text


def test_settings_that_change_are_drawn_below_the_curves_and_others_are_not():
    found = whole()
    found["members"] = found["members"][:1]
    before = svgs(report.as_html(found))[-1]
    found["members"][0]["history"] |= {"learning_rate": [0.1, 0.1, 0.01, 0.01, 0.001], "momentum": [0.9] * 5}
    after = svgs(report.as_html(found))[-1]
    assert ">rate<" in after and ">rate<" not in before and ">momentum<" not in after


def test_members_side_by_side_share_the_scale_of_their_losses():
    found = whole()
    found["members"][0]["history"] = {"loss": [500.0, 3.0, 0.5], "val_loss": [400.0, 3.0, 0.6]}
    curves = [svg for svg in svgs(report.as_html(found)) if "Curves of" in svg]
    assert [("loss, log scale" in svg) for svg in curves] == [True, True]
