"""When exported answers count as the model's own: numbers within, words and whole numbers alike."""

import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.saving.formats import compared_format
from trainwise.toolkit.saving.proving import compared, largest_difference


def _answers(array, name="y", prefix="0/s"):
    return {f"{prefix}/{way}/{name}": array for way in ("together", "again", "singly")}


@pytest.mark.parametrize(("scale", "allowed"), [(1.0, 1e-5), (1000.0, 1e-2), (1e-3, 1e-5)])
def test_a_difference_counts_by_the_size_of_the_answer_from_one_on(scale, allowed):
    wanted = np.full((4, 2), scale)
    near, far = _answers(wanted + 0.99 * allowed), _answers(wanted + 1.01 * allowed)
    assert largest_difference({"y": wanted}, near, "0/s", 1e-5) == pytest.approx(0.99e-5, rel=1e-3)
    with pytest.raises(tw.ExportRefusedError, match="differ from the model's by up to"):
        largest_difference({"y": wanted}, far, "0/s", 1e-5)


def test_one_of_the_three_ways_that_differs_is_named():
    answers = _answers(np.ones((4, 1))) | {"0/s/again/y": np.full((4, 1), 1.1)}
    with pytest.raises(tw.ExportRefusedError, match=r"4 rows \(again, y\) differ from the model's by up to 0.1 "):
        largest_difference({"y": np.ones((4, 1))}, answers, "0/s", 1e-5)


@pytest.mark.parametrize(
    ("wanted", "answer", "told"),
    [
        (np.array([["a"], ["b"]]), np.array([["a"], ["c"]]), "'c'.* for .*'b'.* in row 1"),
        (np.array([1, 2, 3]), np.array([1, 2, 4]), "4.* for .*3.* in row 2"),
        (np.array([True]), np.array([False]), "False.* for .*True.* in row 0"),
        (np.ones((2, 3)), np.ones((2, 4)), r"answers shape \(2, 4\), the model \(2, 3\)"),
        (np.full((1, 1), np.nan), np.full((1, 1), np.nan), "The model itself answers no finite number"),
    ],
)
def test_words_whole_numbers_shapes_and_numbers_that_are_none_must_be_alike(wanted, answer, told):
    with pytest.raises(tw.ExportRefusedError, match=told):
        largest_difference({"y": wanted}, _answers(answer), "0/s", 1e-5)


def test_an_output_that_is_not_there_is_named():
    with pytest.raises(tw.ExportRefusedError, match="its signature s lacks the output 'z'"):
        largest_difference({"z": np.ones((1, 1))}, _answers(np.ones((1, 1))), "0/s", 1e-5)


def test_of_two_classes_that_are_equally_likely_either_may_be_named():
    probabilities = np.array([[0.5, 0.5], [0.1, 0.9]])
    expected = {"serving_default": {"p": probabilities}, "classify": {"class": np.array(["a", "b"])}}
    served = _answers(probabilities, "p", "0/serving_default")
    tied = _answers(np.array(["b", "b"]), "class", "0/classify")
    assert compared(expected, [], served | tied, 1e-5) == 0.0
    wrong = _answers(np.array(["a", "a"]), "class", "0/classify")
    with pytest.raises(tw.ExportRefusedError, match="in row 1"):
        compared(expected, [], served | wrong, 1e-5)


def test_a_format_that_answers_otherwise_is_named():
    found = _answers(np.full((2, 1), 1.5), prefix="0/serving_default")
    with pytest.raises(tw.ExportRefusedError, match="The format is 'onnx': leave it out of `formats`"):
        compared_format("onnx", {"y": np.ones((2, 1))}, found, 1e-4)
