"""What a metric is."""

import keras
import pytest

from trainwise.toolkit.metrics.kinds import kind_of, metric_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accuracy", "accuracy"), ("val_acc", "accuracy"), ("kind_sparse_categorical_accuracy", "accuracy"),
        ("auc_3", "auc"), ("mae", "absolute_error"), ("amount_mean_absolute_error", "absolute_error"),
        ("top_k_categorical_accuracy", ""), ("sparse_top_k_categorical_accuracy", ""), ("recall", ""),
        ("binary_io_u", ""), ("f1_score", ""), ("r2_score", ""), ("balanced_accuracy", ""), ("inaccuracy", ""),
    ],
)  # fmt: skip
def test_a_name_tells_what_a_metric_is(name, kind):
    assert metric_kind(name) == kind


def test_a_class_tells_what_a_metric_is_whatever_it_is_called():
    metrics = keras.metrics
    assert kind_of(metrics.CategoricalAccuracy(name="hits")) == "accuracy"
    assert kind_of(metrics.AUC(name="accuracy")) == "auc"
    assert kind_of(metrics.AUC(curve="PR")) == kind_of(metrics.Recall(name="accuracy")) == "other"
    # The mean of a function is what it is called.
    assert kind_of(metrics.MeanMetricWrapper(lambda y, p: p, name="accuracy")) == ""
