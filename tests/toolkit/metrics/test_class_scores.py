"""Scores class by class, by counting."""

import numpy as np
import pytest

from trainwise.toolkit.metrics.class_scores import class_scores, in_words, label_scores


def test_precision_recall_and_confusion_are_what_counting_gives(rng):
    y, values = rng.integers(0, 3, 200), rng.random((200, 3))
    answers = values.argmax(axis=1)
    found = class_scores(values, y)
    for k, row in enumerate(found["classes"]):
        hits = np.sum((answers == k) & (y == k))
        assert row["rows"] == np.sum(y == k)
        assert row["recall"] == pytest.approx(hits / np.sum(y == k))
        assert row["precision"] == pytest.approx(hits / np.sum(answers == k))
        assert found["confusion"][k] == [int(np.sum((y == k) & (answers == j))) for j in range(3)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean([row["recall"] for row in found["classes"]]))


def test_the_area_under_the_roc_is_the_share_of_pairs_in_order(rng):
    y, values = rng.integers(0, 2, 80), rng.random(80).round(1)
    pairs = values[y == 1][:, None] - values[y == 0][None]
    found = class_scores(values, y)
    assert found["roc_auc"] == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    # Average precision: the mean over the positives of the precision among all that score as high.
    precisions = [np.mean(y[values >= score] == 1) for score in values[y == 1]]
    assert found["pr_auc"] == pytest.approx(np.mean(precisions))


def test_a_rare_class_that_is_never_answered_shows():
    y, values = np.array([0] * 97 + [1] * 3), np.full(100, 0.03)
    found = class_scores(values, y)
    assert found["balanced_accuracy"] == 0.5 and found["f1"] == 0 and found["classes"][1]["recall"] == 0
    assert in_words(found) == "balanced accuracy 0.5000, F1 0.0000, ROC AUC 0.5000, PR AUC 0.0300"


def test_a_class_that_does_not_occur_is_left_out_of_means():
    found = class_scores(np.eye(3)[[0, 1, 1]], np.array([0, 1, 1]))
    assert found["balanced_accuracy"] == 1 and found["f1"] == 1 and found["roc_auc"] == 1
    alone = class_scores(np.array([0.2, 0.3]), np.array([0, 0]))
    assert alone["roc_auc"] is None and alone["pr_auc"] is None and "AUC" not in in_words(alone)


def test_labels_are_counted_one_by_one():
    values = np.array([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1], [0.1, 0.6, 0.4], [0.2, 0.3, 0.3]])
    y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    found = label_scores(values, y)
    # Label 0: answered in rows 0 and 1, borne by 0 and 2. Label 1: rows 1 and 2 both. Label 2: never.
    assert found["labels"][0] == {"rows": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert found["labels"][1] == {"rows": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert found["labels"][2] == {"rows": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    # Three hits of four answers and four that are borne; labels that nobody bears count in no mean.
    assert found["micro_f1"] == 0.75 and found["macro_f1"] == 0.75
