"""Whether a metric is better high or low: one table for logs, leaderboards, searches and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ..checks import one_of

Direction = Literal["max", "min"]

# Every metric of Keras 3 that has a direction, as the logs name it; the aliases of `compile` stand below.
_KERAS_MAX = (
    "accuracy", "acc", "auc", "binary_accuracy", "binary_io_u", "categorical_accuracy", "concordance_correlation",
    "cosine_similarity", "f1_score", "f_beta_score", "fbeta_score", "io_u", "mean_io_u", "one_hot_io_u",
    "one_hot_mean_io_u", "pearson_correlation", "precision", "precision_at_recall", "r2_score", "recall",
    "recall_at_precision", "sensitivity_at_specificity", "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy", "specificity_at_sensitivity", "top_k_categorical_accuracy",
    "true_negatives", "true_positives",
)  # fmt: skip
_KERAS_MIN = (
    "bce", "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "ce", "circle", "crossentropy", "ctc", "dice",
    "false_negatives", "false_positives", "hinge", "huber", "kl_divergence", "kld", "kullback_leibler", "log_cosh",
    "log_cosh_error", "logcosh", "loss", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle", "poisson", "root_mean_squared_error",
    "sparse_categorical_crossentropy", "squared_hinge", "tversky",
)  # fmt: skip
# What users name their own metrics, by the custom of their fields.
_CUSTOM_MAX = (
    "auprc", "auroc", "average_precision", "balanced_accuracy", "bleu", "cohen_kappa", "correlation",
    "dice_coefficient", "dice_score", "f1", "fbeta", "iou", "jaccard", "kappa", "log_likelihood", "map",
    "matthews_correlation", "mcc", "mean_average_precision", "mean_iou", "mrr", "ndcg", "pr_auc", "psnr", "r2",
    "roc_auc", "rouge", "sensitivity", "specificity", "ssim", "top_k_accuracy", "top_5_accuracy",
)  # fmt: skip
_CUSTOM_MIN = (
    "absolute_error", "bits_per_character", "brier", "brier_score", "calibration_error", "cer", "cross_entropy",
    "deviance", "distance", "divergence", "ece", "error", "error_rate", "fid", "log_loss", "logloss", "mase",
    "negative_log_likelihood", "nll", "perplexity", "rmse", "rmsle", "smape", "squared_error", "wer",
)  # fmt: skip

DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys((*_KERAS_MAX, *_CUSTOM_MAX), "max"),
    **dict.fromkeys((*_KERAS_MIN, *_CUSTOM_MIN), "min"),
}


def direction(metric: str, known: Mapping[str, Direction] | None = None) -> Direction | None:
    """Whether a metric is to be maximised or minimised, by its name in the logs.

    Keras' `val_`, its numbers (`auc_1`) and the names of outputs (`age_mae`) are looked through; names of classes
    (`MeanAbsoluteError`) count as those of their functions. Only whole words count: `lossless` is no loss.

    Args:
        metric: Name as in the logs.
        known: Directions that go before the table, such as those that the metrics of a model tell.

    Returns:
        `"max"`, `"min"`, or `None` where the name tells nothing.

    Example:

    >>> direction("val_mae"), direction("val_auc_1"), direction("age_mae"), direction("my_number")
    ('min', 'max', 'min', None)
    """
    # What the metrics of a model say themselves goes before a guess by name.
    tables = (known or {}, DIRECTIONS)
    name = metric.removeprefix("val_")
    # The whole name first: a name in `known` may itself end in a number.
    for candidate in (name, re.sub(r"_\d+$", "", name)):
        for spelled in (candidate, _snake_case(candidate)):
            # "age_mean_absolute_error" is looked for whole, then without its first word, and so on.
            words = spelled.split("_")
            endings = ("_".join(words[start:]) for start in range(len(words)))
            found = (table[ending] for ending in endings for table in tables if ending in table)
            if (first := next(found, None)) is not None:
                return first
    return None


def higher_is_better(metric: str, mode: str = "auto", known: Mapping[str, Direction] | None = None) -> bool:
    """Whether a larger value of a metric is the better one.

    Args:
        metric: Name as in the logs.
        mode: `"max"`, `"min"`, or `"auto"` to tell by the name, as in Keras' callbacks.
        known: As for `direction`.

    Raises:
        ValueError: The name tells nothing, and `mode` does not say; or `mode` is another word.

    Example:

    >>> higher_is_better("val_accuracy"), higher_is_better("val_loss"), higher_is_better("wealth", mode="max")
    (True, False, True)
    """
    found = direction(metric, known) if one_of("mode", mode, ("auto", "max", "min")) == "auto" else mode
    if found is None:
        raise ValueError(
            f'Whether {metric!r} is better high or low cannot be told by its name; say it with `mode="max"` or '
            '`mode="min"`.'
        )
    return bool(found == "max")


def _snake_case(name: str) -> str:
    """As Keras names a metric after its class: `MeanIoU` becomes `mean_io_u`."""
    apart = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", apart).lower()
