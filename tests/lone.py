"""The oracle of the population's tests: ordinary Keras models, each trained by itself."""

import keras
import numpy as np

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
}


def train(build, x, y, seeds, settings, optimizer="sgd", options=None, loss=None, metrics=None, **fit):
    """Trains one model for each seed, with `settings[k]` for the optimizer; answers models and histories."""
    models, histories = [], []
    for seed, own in zip(seeds, settings, strict=True):
        keras.utils.set_random_seed(seed)
        model = build()
        model.compile(OPTIMIZERS[optimizer](**(options or {}), **own), loss=loss, metrics=fresh(metrics))
        histories.append(model.fit(x, y, shuffle=False, verbose=0, **fit).history)
        models.append(model)
    return models, histories


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
