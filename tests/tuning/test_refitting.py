"""After the choice the members learn from training and validation rows together."""

import json

import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.data import Split
from trainwise.tuning import Settings, run
from trainwise.tuning.ensemble_training import Member
from trainwise.tuning.refitting import fitting_epochs, joined


@pytest.mark.parametrize(("best", "expected"), [([0, 1, 2], 2), ([9, 9], 10), ([None, 4], 5), ([None], 1)])
def test_epochs_are_the_mean_of_the_best_ones(best, expected):
    assert fitting_epochs([Member("m", 0, None, {}, one, []) for one in best]) == expected


def test_rows_of_two_splits_are_one():
    first, second = Split(np.zeros((3, 2)), np.zeros(3)), Split(np.ones((2, 2)), np.ones(2))
    both = joined(first, second)
    assert both.x.sum(axis=1).tolist() == [*both.y.tolist()[:3], 2.0, 2.0]


def test_a_run_that_fits_again_exports_a_model_of_all_rows_but_the_test(tmp_path):
    said = []
    result = run("iris", tmp_path, Settings(members=2, epochs=8, refit=True, learning_rate=0.01), say=said.append)
    line = next(line for line in said if line.startswith("refit: "))
    assert line.startswith("refit: 126 training and validation rows together")
    # What the model standardises by are the moments of these rows.
    exported = [layer for layer in result.model._flatten_layers() if layer.name.startswith("standardize")]
    splits = tw.data.load("iris")
    whole = np.concatenate([splits.train.x, splits.validation.x])
    assert any(np.allclose(layer.center_weight, whole.mean(axis=0), rtol=1e-5) for layer in exported)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["evaluation"]["rows"] == 24 and len(report["data"]["test_openings"]) == 1
    assert next(one for one in report["evaluation"]["results"] if one["winner"])["value"] > 0.8
    assert report["settings"]["refit"] is True and not (tmp_path / "trainwise-state").exists()
