"""The one table of directions; the oracle is what Keras' own metric objects say of themselves."""

import inspect
import re

import keras
import pytest
from keras.src import losses as keras_losses
from keras.src import metrics as keras_metrics

from trainwise.toolkit.metrics.directions import DIRECTIONS, direction, higher_is_better

# Metrics that measure nothing by themselves.
WITHOUT = {"mean", "sum", "metric", "mean_metric_wrapper", "loss_function_wrapper"}
NEEDED = {
    "num_classes": 2, "target_class_ids": [0], "precision": 0.5, "recall": 0.5, "specificity": 0.5, "sensitivity": 0.5,
    "fn": keras.losses.mean_squared_error,
}  # fmt: skip


def _metric_names():
    for name, one in keras_metrics.ALL_OBJECTS_DICT.items():
        made = one
        if inspect.isclass(one):
            asked = inspect.signature(one.__init__).parameters
            made = one(**{key: value for key, value in NEEDED.items() if key in asked})
        logged = getattr(made, "name", getattr(made, "__name__", name))
        # A second object of a class has a number.
        yield name, re.sub(r"_\d+$", "", logged), getattr(made, "_direction", None)


METRICS = sorted(_metric_names(), key=lambda row: row[0])
LOSSES = [name for name in sorted(keras_losses.ALL_OBJECTS_DICT) if name not in ("Loss", "LossFunctionWrapper")]


def test_keras_lists_are_as_long_as_they_were_when_this_was_written():
    assert len(METRICS) >= 90 and len(LOSSES) >= 50


@pytest.mark.parametrize(("key", "logged", "said"), METRICS)
def test_every_metric_of_keras_has_the_direction_that_it_says_of_itself(key, logged, said):
    if logged in WITHOUT:
        assert direction(logged) is None
        return
    counts = {"true_positives": "up", "true_negatives": "up", "false_positives": "down", "false_negatives": "down"}
    expected = {"up": "max", "down": "min"}[said or counts.get(logged) or "down"]
    if inspect.isfunction(keras_metrics.ALL_OBJECTS_DICT[key]) and said is None:
        expected = "max" if "accuracy" in logged else "min"
    for name in (key, logged, f"val_{logged}", f"{logged}_1", f"output_{logged}"):
        assert direction(name) == expected, name


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_keras_is_better_low_but_for_the_similarity_which_is_a_metric_too(name):
    similar = name in ("CosineSimilarity", "cosine_similarity")
    assert direction(name) == ("max" if similar else "min")


@pytest.mark.parametrize(
    ("short", "long"),
    [("mae", "mean_absolute_error"), ("mse", "mean_squared_error"), ("mape", "mean_absolute_percentage_error"),
     ("msle", "mean_squared_logarithmic_error"), ("acc", "accuracy"), ("bce", "binary_crossentropy"),
     ("kld", "kl_divergence"), ("rmse", "root_mean_squared_error")],
)  # fmt: skip
def test_the_short_name_means_what_the_long_one_does(short, long):
    assert direction(short) == direction(long) == direction(f"val_{short}") is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("val_perplexity", "min"), ("val_wer", "min"), ("val_hinge", "min"), ("val_poisson", "min"),
     ("val_log_cosh", "min"), ("val_fbeta_lossless", None), ("errors_found", None), ("head_2_loss", "min"),
     ("weighted_accuracy", "max"), ("val_top_5_accuracy", "max"), ("my_number", None)],
)  # fmt: skip
def test_names_count_by_whole_words(name, expected):
    assert direction(name) == expected


def test_what_a_model_says_goes_before_the_table():
    assert direction("val_score", {"score": "min"}) == "min"
    assert direction("val_accuracy", {"accuracy": "min"}) == "min"


def test_a_name_that_tells_nothing_is_refused_with_the_cure():
    with pytest.raises(ValueError, match="'my_number' is better high or low .* `mode=\"max\"`"):
        higher_is_better("my_number")
    assert higher_is_better("my_number", mode="max")
    with pytest.raises(ValueError, match="`mode` must be 'auto' or 'max' or 'min', got 'up'"):
        higher_is_better("loss", mode="up")


def test_no_name_stands_on_both_sides():
    from trainwise.toolkit.metrics import directions

    high, low = set(directions._KERAS_MAX + directions._CUSTOM_MAX), set(directions._KERAS_MIN + directions._CUSTOM_MIN)
    assert not high & low and high | low == set(DIRECTIONS)
