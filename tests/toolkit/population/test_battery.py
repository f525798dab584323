"""Every loss and metric of Keras, with its arguments, masked and weighed or not; the oracle is Keras, member by member.

Each case takes one of the ways to weigh and mask; `TRAINWISE_WHOLE=1 pytest ... -k battery` takes all.
"""

import inspect
import itertools
import os

import keras
import numpy as np
import pytest
from keras import ops

from trainwise.toolkit.population.crowd import Crowd
from trainwise.toolkit.population.member_losses import MemberLoss, MemberMetric
from trainwise.toolkit.runtime.keras_internals import note_mask

MEMBERS, ROWS, STEPS, CLASSES = 2, 6, 4, 5
REDUCTIONS = ["sum", "mean", "mean_with_sample_weight"]

# Arguments of each loss beside its defaults; every reduction is tried for all.
LOSSES = {
    "BinaryCrossentropy": [{"from_logits": True}, {"label_smoothing": 0.2}, {"axis": 1}],
    "BinaryFocalCrossentropy": [
        {"apply_class_balancing": True, "alpha": 0.4}, {"gamma": 1.0}, {"from_logits": True}, {"label_smoothing": 0.2}
    ],
    "CTC": [],
    "CategoricalCrossentropy": [{"from_logits": True}, {"label_smoothing": 0.2}, {"axis": 1}],
    "CategoricalFocalCrossentropy": [{"alpha": 0.4}, {"gamma": 1.0}, {"from_logits": True}, {"label_smoothing": 0.2}],
    "CategoricalGeneralizedCrossEntropy": [{"q": 0.7}],
    "CategoricalHinge": [],
    "Circle": [{"gamma": 2.0, "margin": 0.2}, {"remove_diagonal": False}],
    "CosineSimilarity": [{"axis": 1}],
    "Dice": [{"axis": (1,)}],
    "Hinge": [],
    "Huber": [{"delta": 0.3}],
    "KLDivergence": [],
    "LogCosh": [],
    "MeanAbsoluteError": [],
    "MeanAbsolutePercentageError": [],
    "MeanSquaredError": [],
    "MeanSquaredLogarithmicError": [],
    "Poisson": [],
    "SparseCategoricalCrossentropy": [{"from_logits": True}, {"ignore_class": 1}, {"ignore_class": -1}],
    "SquaredHinge": [],
    "Tversky": [{"alpha": 0.3, "beta": 0.7}, {"axis": (1,)}],
}  # fmt: skip
METRICS = {
    "AUC": [
        {"curve": "PR", "num_thresholds": 20}, {"summation_method": "minoring"}, {"thresholds": [0.2, 0.5]},
        {"multi_label": True, "num_thresholds": 9},
        {"multi_label": True, "num_thresholds": 9, "num_labels": CLASSES, "label_weights": [1.0, 2.0, 0.5, 1.0, 3.0]},
        {"from_logits": True},
    ],
    "Accuracy": [],
    "BinaryAccuracy": [{"threshold": 0.3}],
    "BinaryCrossentropy": [{"from_logits": True}, {"label_smoothing": 0.2}],
    "BinaryIoU": [{"target_class_ids": [0], "threshold": 0.3}],
    "CategoricalAccuracy": [],
    "CategoricalCrossentropy": [{"from_logits": True}, {"label_smoothing": 0.2}, {"axis": 1}],
    "CategoricalHinge": [],
    "ConcordanceCorrelation": [{"axis": 0}],
    "CosineSimilarity": [{"axis": 1}],
    "F1Score": [{"average": "macro"}, {"average": "weighted", "threshold": 0.3}, {"average": "micro"}],
    "FBetaScore": [{"average": "macro", "beta": 2.0}],
    "FalseNegatives": [{"thresholds": [0.2, 0.6]}],
    "FalsePositives": [],
    "Hinge": [],
    "IoU": [
        {"num_classes": CLASSES, "target_class_ids": [0, 2], "sparse_y_pred": False},
        {"num_classes": CLASSES, "target_class_ids": [1], "sparse_y_pred": False, "ignore_class": 1},
    ],
    "KLDivergence": [],
    "LogCoshError": [],
    "MeanAbsoluteError": [],
    "MeanAbsolutePercentageError": [],
    "MeanIoU": [{"num_classes": CLASSES, "sparse_y_pred": False}],
    "MeanSquaredError": [],
    "MeanSquaredLogarithmicError": [],
    "OneHotIoU": [{"num_classes": CLASSES, "target_class_ids": [0, 2]}],
    "OneHotMeanIoU": [{"num_classes": CLASSES}, {"num_classes": CLASSES, "ignore_class": 1}],
    "PearsonCorrelation": [{"axis": 0}],
    "Poisson": [],
    "Precision": [{"thresholds": [0.2, 0.6]}, {"top_k": 2}, {"class_id": 1}],
    "PrecisionAtRecall": [{"recall": 0.5}, {"recall": 0.5, "num_thresholds": 20, "class_id": 1}],
    "R2Score": [{"class_aggregation": "variance_weighted_average"}, {"class_aggregation": None}, {"num_regressors": 2}],
    "Recall": [{"thresholds": 0.3}, {"top_k": 2, "class_id": 1}],
    "RecallAtPrecision": [{"precision": 0.5}],
    "RootMeanSquaredError": [],
    "SensitivityAtSpecificity": [{"specificity": 0.5}],
    "SparseCategoricalAccuracy": [],
    "SparseCategoricalCrossentropy": [{"from_logits": True}, {"ignore_class": 1}],
    "SparseTopKCategoricalAccuracy": [{"k": 2}],
    "SpecificityAtSensitivity": [{"sensitivity": 0.5}],
    "SquaredHinge": [],
    "TopKCategoricalAccuracy": [{"k": 2}],
    "TrueNegatives": [],
    "TruePositives": [],
}  # fmt: skip
# What `compile` cannot use: their `update_state` takes values, and no targets.
OF_VALUES = {"Mean", "Sum", "MeanMetricWrapper", "Metric"}
# Their arguments have no defaults.
NEED_ARGUMENTS = {"IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "PrecisionAtRecall", "RecallAtPrecision",
                  "SensitivityAtSpecificity", "SpecificityAtSensitivity"}  # fmt: skip


def classes_of(module, base):
    found = {name: one for name, one in vars(module).items() if inspect.isclass(one) and issubclass(one, base)}
    return {name: one for name, one in found.items() if one is not base}


def cases(table, arguments):
    return [
        pytest.param(name, own, id=f"{name}-{'-'.join(f'{key}={value}' for key, value in own.items()) or 'plain'}")
        for name, listed in table.items()
        for own in [*([] if name in NEED_ARGUMENTS else [{}]), *listed, *arguments]
    ]


def sparse(name):
    return name.startswith("Sparse") or name == "MeanIoU" or name == "IoU"


def data(name, own, shape):
    """Targets and predictions `(rows, members, ...)` of a kind that fits."""
    rng = np.random.default_rng(7)
    raw = rng.normal(size=(ROWS, MEMBERS, *shape))
    labels = rng.integers(0, CLASSES, (ROWS, *shape[:-1]))
    if name == "CTC":
        return labels % 2 + 1, raw
    predictions = raw if own.get("from_logits") else np.exp(raw) / np.exp(raw).sum(-1, keepdims=True)
    if name == "Accuracy":
        predictions = np.round(predictions)
    if name in ("R2Score", "MeanAbsolutePercentageError"):
        return rng.normal(size=(ROWS, *shape)), raw
    if name == "Circle":
        return labels % 2, predictions / np.linalg.norm(predictions, axis=-1, keepdims=True)
    return (labels if sparse(name) else np.eye(CLASSES)[labels]), predictions


def answer(make, *arguments):
    """What a call gives, or the kind of its error: a lone model would raise it too."""
    try:
        return np.asarray(ops.convert_to_numpy(make(*arguments)), "float64")
    except Exception as error:  # whatever Keras raises is what is compared
        return type(error)


def masked(predictions, mask):
    tensor = ops.convert_to_tensor(predictions)
    if mask is not None:
        note_mask(tensor, ops.convert_to_tensor(mask))
    return tensor


_TURN = itertools.count()


def weights_and_masks(steps):
    """Ways in which rows may be weighed and masked, for members and for one of them."""
    rng = np.random.default_rng(3)
    time = (steps,) if steps else ()
    mask = rng.random((ROWS, *time)) < 0.7
    weights = [None, rng.random(ROWS), rng.random((ROWS, 1))] + ([rng.random((ROWS, steps))] if steps else [])
    ways = [(weight, own) for weight in weights for own in (None, mask)]
    # The cases take turns, so that all ways come up for all kinds of loss.
    return ways if "TRAINWISE_WHOLE" in os.environ else [ways[next(_TURN) % len(ways)]]


def alike(ours, theirs):
    if isinstance(theirs, type):
        return isinstance(ours, type)
    return not isinstance(ours, type) and np.allclose(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)


def shapes(name):
    only_steps, only_rows = ("CTC",), ("Circle", "F1Score", "FBetaScore", "R2Score")
    flat, steps = [(CLASSES,)], [(STEPS, CLASSES)]
    return [*([] if name in only_steps else flat), *([] if name in only_rows else steps)]


@pytest.mark.parametrize(("name", "own"), cases(LOSSES, [{"reduction": one} for one in REDUCTIONS]))
def test_a_loss_of_members_is_that_of_each_alone(name, own, double):
    plain = getattr(keras.losses, name)(**own)
    for shape in shapes(name):
        y, predictions = data(name, own, shape)
        for weight, mask in weights_and_masks(shape[0] if len(shape) > 1 else 0):
            together = None if mask is None else np.repeat(mask[:, None], MEMBERS, axis=1)
            ours = answer(MemberLoss(plain, Crowd(MEMBERS)), y, masked(predictions, together), weight)
            alone = [answer(plain, y, masked(predictions[:, k], mask), weight) for k in range(MEMBERS)]
            theirs = alone[0] if isinstance(alone[0], type) else np.stack(alone)
            assert alike(ours, theirs), (shape, weight is not None and weight.shape, mask is not None, ours, theirs)


@pytest.mark.parametrize(("name", "own"), cases(METRICS, []))
def test_a_metric_of_members_is_that_of_each_alone(name, own, double):
    make = getattr(keras.metrics, name)
    for shape in shapes(name):
        y, predictions = data(name, own, shape)
        for weight, mask in weights_and_masks(shape[0] if len(shape) > 1 else 0):
            together = None if mask is None else np.repeat(mask[:, None], MEMBERS, axis=1)
            ours = answer(_of_members, make(**own), y, predictions, together, weight)
            alone = [answer(_of_one, make(**own), y, predictions[:, k], mask, weight) for k in range(MEMBERS)]
            theirs = alone[0] if isinstance(alone[0], type) else np.stack(alone)
            assert alike(ours, theirs), (shape, weight is not None and weight.shape, mask is not None, ours, theirs)


def _halves(mask, weight):
    """Two batches of unlike size."""
    for cut in (slice(0, 3), slice(3, None)):
        yield cut, None if mask is None else mask[cut], None if weight is None else weight[cut]


def _of_members(metric, y, predictions, mask, weight):
    measure = MemberMetric(metric, Crowd(MEMBERS), True, 0)
    for cut, own_mask, own_weight in _halves(mask, weight):
        measure.update(y[cut], masked(predictions[cut], own_mask), own_weight)
    return measure.tracker.by_member()


def _of_one(metric, y, predictions, mask, weight):
    for cut, own_mask, own_weight in _halves(mask, weight):
        metric.update_state(y[cut], masked(predictions[cut], own_mask), sample_weight=own_weight)
    return metric.result()


def test_no_loss_and_no_metric_of_keras_is_missing_here():
    assert set(LOSSES) == set(classes_of(keras.losses, keras.losses.Loss))
    assert set(METRICS) == set(classes_of(keras.metrics, keras.metrics.Metric)) - OF_VALUES
