import numpy as np
import pytest

from trainwise.toolkit import tasks


@pytest.mark.parametrize(
    ("y", "task"),
    [
        ([0, 1, 0, 1], "binary"),
        ([True, False, True, False], "binary"),
        (["a", "b", "a", "b"], "binary"),
        ([0, 1, 2, 0, 1, 2], "multiclass"),
        ([3, 5, 7, 3, 5, 7], "multiclass"),
        (list("abcabc"), "multiclass"),
        ([[1, 0], [0, 1], [1, 0]], "multiclass"),
        ([[1, 1], [0, 1], [0, 0]], "multilabel"),
        ([0.5, 1.5, 2.5], "regression"),
        ([151.0, 75.0, 141.0, 206.0], "regression"),
        ([[0.1, 2.0], [3.0, 4.0]], "regression"),
        ([[0], [1], [0], [1]], "binary"),
    ],
)
def test_the_task_is_found_from_the_targets(y, task):
    assert tasks.find_task(y) == task


def test_many_whole_numbers_that_leave_gaps_are_a_quantity(rng):
    assert tasks.find_task(rng.choice(10_000, 300)) == "regression"


def test_a_hundred_classes_without_a_gap_are_classes():
    assert tasks.find_task(np.arange(100).repeat(5)) == "multiclass"


def test_one_class_only_is_refused():
    with pytest.raises(ValueError, match="All 3 targets are 'a'"):
        tasks.find_task(["a", "a", "a"])
    with pytest.raises(ValueError, match="All 2 targets are 'a'"):
        tasks.find_task(np.array(["a", "a"], dtype=object))


@pytest.mark.parametrize("y", [list("abcd"), [4, 7, 9, 12]])
def test_as_many_classes_as_rows_are_refused(y):
    with pytest.raises(ValueError, match="as many classes as rows \\(4\\)"):
        tasks.find_task(y)


def test_no_targets_are_refused():
    with pytest.raises(ValueError, match="empty"):
        tasks.find_task([])


def test_targets_of_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="\\(2, 2, 2\\)"):
        tasks.find_task(np.zeros((2, 2, 2)))


def test_a_matrix_of_words_is_refused():
    with pytest.raises(ValueError, match="dtype <U1"):
        tasks.find_task([["a", "b"], ["c", "d"]])


@pytest.mark.parametrize(
    ("task", "y", "expected"),
    [
        ("regression", [0.5, 1.0], (1, "linear", "mean_squared_error")),
        ("regression", [[0.5, 1.0]], (2, "linear", "mean_squared_error")),
        ("binary", [0, 1], (1, "sigmoid", "binary_crossentropy")),
        ("multiclass", [0, 1, 2], (3, "softmax", "sparse_categorical_crossentropy")),
        ("multiclass", np.eye(4), (4, "softmax", "categorical_crossentropy")),
        ("multilabel", [[1, 1, 0]], (3, "sigmoid", "binary_crossentropy")),
    ],
)
def test_the_head_fits_the_task(task, y, expected):
    head = tasks.head(task, y)
    assert (head.units, head.activation, head.loss) == expected


def test_a_class_missing_from_the_rows_still_gets_a_unit():
    assert tasks.head("multiclass", [0, 1], classes=5).units == 5


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="'ranking'"):
        tasks.head("ranking", [0, 1])
