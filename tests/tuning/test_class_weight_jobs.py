"""Unequal classes in the whole job."""

import numpy as np
import pandas as pd
import pytest

from trainwise.toolkit.data import Split
from trainwise.tuning import Settings, run
from trainwise.tuning.ensemble_training import Batches


def _rare():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, 2))
    score = x[:, 0] + generator.normal(0, 0.7, 500)
    kind = np.where(score > np.quantile(score, 0.92), "rare", "common")
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": kind})


def _said(out, **settings):
    lines = []
    result = run(_rare(), out, Settings(members=1, epochs=4, **settings), say=lines.append)
    return result.report, "\n".join(lines)


def test_weighed_classes_are_found_more_often_and_measured_alike(tmp_path):
    plain, said = _said(tmp_path / "plain")
    assert "classes: 'rare' has 8.0% of the training rows" in said and "--class-weights balanced" in said
    weighed, told = _said(tmp_path / "weighed", class_weights="balanced")
    assert "classes: weighed alike, 'common' x 0.54, 'rare' x 6.25" in told
    # Fewer rows right than a constant has is no fault where rows count unequally.
    assert "not_learning" not in told
    assert weighed["evaluation"]["metric"] == weighed["beside"]["metric"] == "balanced accuracy"
    assert plain["evaluation"]["metric"] == "accuracy"
    recall = [report["evaluation"]["of_classes"]["classes"][1]["recall"] for report in (plain, weighed)]
    assert recall[1] > recall[0] + 0.2


def test_each_row_of_a_batch_has_the_weight_of_its_class():
    rows = Split(np.zeros((4, 1)), np.array([0, 1, 1, 0]))
    _, y, weights = Batches(rows, 4, 0, class_weights=np.array([0.5, 2.0]))[0]
    assert np.array_equal(weights, np.where(y == 1, 2.0, 0.5))


def test_weights_are_for_classes(tmp_path):
    with pytest.raises(ValueError, match="`class_weights` 'balanced' is for classes, and the task is regression"):
        run("diabetes", tmp_path, Settings(class_weights="balanced"))
    with pytest.raises(ValueError, match="`class_weights` must be 'none' or 'balanced', got 'heavy'"):
        Settings(class_weights="heavy")
