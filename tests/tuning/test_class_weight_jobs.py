"""Unequal classes in the whole job."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from trainwise.toolkit.data import Split
from trainwise.toolkit.saving.predicting import predict_table
from trainwise.tuning import Settings, run
from trainwise.tuning.ensemble_training import Batches
from trainwise.tuning.main_job import Job


def _rare(rows=500, noise=0.7):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 2))
    score = x[:, 0] + generator.normal(0, noise, rows)
    kind = np.where(score > np.quantile(score, 0.92), "rare", "common")
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": kind})


def test_a_rare_class_is_said_before_any_training(tmp_path):
    lines = []
    Job(_rare(), tmp_path, Settings(members=1), say=lines.append)
    said = "\n".join(lines)
    assert "classes: 'rare' has 8.0% of the training rows" in said and "--class-weights balanced" in said


def test_weighed_classes_are_found_and_measured_alike(tmp_path):
    lines = []
    settings = Settings(members=1, epochs=3, batch_size=16, learning_rate=0.01, class_weights="balanced")
    report = run(_rare(), tmp_path, settings, say=lines.append).report
    told = "\n".join(lines)
    assert "classes: weighed alike, 'common' x 0.54, 'rare' x 6.25" in told
    # Fewer rows right than a constant has is no fault where rows count unequally.
    assert "not_learning" not in told
    assert report["evaluation"]["metric"] == report["beside"]["metric"] == "balanced accuracy"
    assert report["evaluation"]["of_classes"]["classes"][1]["recall"] > 0.6


def test_a_rare_class_is_answered_from_a_lower_probability_on_and_that_is_measured(tmp_path):
    lines = []
    # Enough of the class on validation rows to show that another threshold is better.
    table = _rare(3000, noise=1.3)
    result = run(table, tmp_path, Settings(members=1, epochs=3, seed=1), say=lines.append)
    told = next(line for line in lines if line.startswith("threshold: 'rare', 8."))
    by_class = result.report["evaluation"]["of_classes"]
    threshold = by_class["decision_threshold"]
    assert float(told.split("decision threshold ")[1].split()[0]) == pytest.approx(threshold, abs=5e-4)
    test = Job(table, tmp_path / "again", Settings(seed=1), say=lines.append).raw.test.open("the oracle")
    ones = result.model.predict(test.x, verbose=0)[:, 0]
    said = result.report["evaluation"]["said"][0]
    for start, answers in ((said, ones > threshold), (said.split("from 0.5 on")[1], ones > 0.5)):
        assert f"F1 {f1_score(test.y, answers, zero_division=0):.4f}" in start
        assert f"balanced accuracy {balanced_accuracy_score(test.y, answers):.4f}" in start
    assert by_class["classes"][1]["f1"] == pytest.approx(f1_score(test.y, ones > threshold))
    mistakes = result.report["answers"]["mistakes"]
    assert mistakes and all((ones[one["row"]] > threshold) == one["answer"] != one["true"] for one in mistakes)
    table.drop(columns="kind").to_csv(tmp_path / "new.csv", index=False)
    answered = predict_table(next((tmp_path / "models").iterdir()), tmp_path / "new.csv")
    ones = np.array([float(row[answered.names.index("probability_rare")]) for row in answered.rows])
    assert [row[0] for row in answered.rows] == np.where(ones > threshold, "rare", "common").tolist()


def test_each_row_of_a_batch_has_the_weight_of_its_class():
    rows = Split(np.zeros((4, 1)), np.array([0, 1, 1, 0]))
    _, y, weights = Batches(rows, 4, 0, class_weights=np.array([0.5, 2.0]))[0]
    assert np.array_equal(weights, np.where(y == 1, 2.0, 0.5))


def test_weights_are_for_classes(tmp_path):
    with pytest.raises(ValueError, match="`class_weights` 'balanced' is for classes, and the task is regression"):
        run("diabetes", tmp_path, Settings(class_weights="balanced"))
    with pytest.raises(ValueError, match="`class_weights` must be 'none' or 'balanced', got 'heavy'"):
        Settings(class_weights="heavy")
