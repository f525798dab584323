"""The oracle of the population's tests: ordinary Keras models, each trained by itself."""

import contextlib

import keras
import numpy as np
from architectures import CLASSES, LABELS, RATES

import trainwise as tw

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "lion": keras.optimizers.Lion,
    "ftrl": keras.optimizers.Ftrl,
    "lamb": keras.optimizers.Lamb,
    "adafactor": keras.optimizers.Adafactor,
}


def train(build, x, y, seeds, settings, optimizer="sgd", options=None, loss=None, metrics=None, **fit):
    """Trains one model for each seed, with `settings[k]` for the optimizer; answers models and histories."""
    models, histories = [], []
    for seed, own in zip(seeds, settings, strict=True):
        keras.utils.set_random_seed(seed)
        model = build()
        model.compile(OPTIMIZERS[optimizer](**(options or {}), **own), loss=loss, metrics=fresh(metrics))
        trace_once(model, x, y, fit.get("batch_size"))
        histories.append(model.fit(x, y, shuffle=False, verbose=0, **fit).history)
        models.append(model)
    return models, histories


def trace_once(model, x, y, batch_size=None):
    """Makes now what the first batch would have a model make: variables made in a graph have it traced twice."""
    if any(getattr(layer, "stateful", False) for layer in model.layers):
        return
    model.optimizer.build(model.trainable_variables)
    some_x, some_y = keras.tree.map_structure(lambda rows: keras.ops.convert_to_tensor(rows[:batch_size]), (x, y))
    model.compute_metrics(some_x, some_y, model(some_x, training=False))
    model.reset_metrics()


def fresh(metrics):
    """Metrics of one model: classes are called, for metric objects cannot serve two models."""
    return [metric() if isinstance(metric, type) else metric for metric in metrics] if metrics else metrics


def largest_difference(model, other):
    """Largest absolute difference of two models' weights, random states left out."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a.astype("float64") - b).max(initial=0)) for a, b in pairs if a.dtype.kind == "f")


def history_difference(history, other):
    """Largest absolute difference of two histories with the same curves."""
    # Keras numbers the metrics of one kind: precision, precision_1, ...
    history, other = ({name.rstrip("_0123456789"): values for name, values in one.items()} for one in (history, other))
    assert set(history) == set(other)
    return max(float(np.abs(np.subtract(history[name], other[name])).max()) for name in history)


@contextlib.contextmanager
def in_double():
    """Weights, data and metrics in float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def compare(build, x, y=LABELS, optimizer="sgd", options=None, loss=CLASSES, metrics=("accuracy",), **settings):
    """Fits a population and each member alone; returns the result and the largest differences."""
    fit = {"batch_size": 16, "epochs": 2}
    fit |= {
        name: settings.pop(name) for name in list(settings) if name in ("epochs", "validation_data", "class_weight")
    }
    settings = {"learning_rate": RATES, **settings}
    metrics = list(metrics)
    result = tw.fit_population(
        build, x, y, optimizer=OPTIMIZERS[optimizer](**(options or {})), seed=[3, 4], loss=loss,
        metrics=fresh(metrics),         shuffle=False, verbose=0, **fit, **settings,
    )  # fmt: skip
    own = [{name: values[k] for name, values in settings.items()} for k in range(2)]
    models, histories = train(build, x, y, [3, 4], own, optimizer, options, loss, metrics, **fit)
    weights = max(largest_difference(result.models[k], models[k]) for k in range(2))
    curves = max(history_difference(result.histories[k], histories[k]) for k in range(2))
    return result, models, weights, curves
