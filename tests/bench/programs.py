"""Faulty, repaired and healthy training programs as data: builds the rows and the model of each.

`programs.json` holds those taken from questions and papers; `OWN` below holds ours, from other families,
on which no threshold was chosen.
"""

import json
import re
from pathlib import Path

import keras
import numpy as np
from sklearn import datasets

FILE = Path(__file__).with_name("programs.json")


def load():
    """All programs of the file."""
    return json.loads(FILE.read_text())["programs"]


def groups():
    """Sets of causes that count as the same."""
    return [set(group) for group in json.loads(FILE.read_text())["label_equivalence_groups"]]


def repaired(program):
    """The program with its known fix."""
    return {**program, **program["fix_overrides"], "kind": "fixed"}


def rows(program):
    """Training and validation rows `(x, y, validation_x, validation_y)` after the program's preprocessing."""
    x, y = _dataset(dict(program["dataset"]))
    if program.get("val") == "same_as_train":
        parts = [x, y, x, y]
    elif "n_train" in program:
        first = program["n_train"]
        parts = [x[:first], y[:first], x[first:], y[first:]]
    else:
        order = np.random.default_rng(0).permutation(len(x))
        first = int(0.75 * len(x))
        parts = [x[order[:first]], y[order[:first]], x[order[first:]], y[order[first:]]]
    for step in program["preprocessing"]:
        parts = _preprocess(parts, dict(step))
    x, y, vx, vy = parts
    if program.get("labels") == "onehot":
        classes = int(max(y.max(), vy.max())) + 1
        y, vy = np.eye(classes, dtype="float32")[y.astype(int)], np.eye(classes, dtype="float32")[vy.astype(int)]
    return x.astype("float32"), y, vx.astype("float32"), vy


def build(program, seed):
    """The compiled model."""
    keras.utils.set_random_seed(seed)
    x = rows(program)[0]
    model = keras.Sequential([keras.Input(x.shape[1:]), *(_layer(one) for one in program["layers"])])
    optimizer = dict(program["optimizer"])
    metrics = {"multilabel": ["binary_accuracy"], "regression": [], "autoencoder": []}.get(
        program["task"], ["accuracy"]
    )
    chosen = getattr(keras.optimizers, optimizer.pop("name"))(**optimizer)
    model.compile(chosen, _loss(program["loss"]), metrics=metrics)
    return model


def _loss(name):
    if name.endswith("_from_logits"):
        kind = "".join(part.capitalize() for part in name.removesuffix("_from_logits").split("_"))
        return getattr(keras.losses, kind)(from_logits=True)
    return name


def _layer(settings):
    settings = dict(settings)
    kind = settings.pop("type")
    for name, value in settings.items():
        if name.endswith("initializer"):
            settings[name] = _initializer(value)
        if name.endswith("regularizer"):
            settings[name] = keras.regularizers.L2(float(re.search(r"\((.*)\)", value).group(1)))
    inner = settings.pop("layer", None)
    if inner is not None:
        return getattr(keras.layers, kind)(_layer(inner), **settings)
    return getattr(keras.layers, kind)(**settings)


def _initializer(text):
    name, _, inside = text.partition("(")
    values = [float(v.split("=")[-1]) for v in inside.rstrip(")").split(",") if v]
    if name == "random_normal":
        return keras.initializers.RandomNormal(stddev=values[0] if values else 0.05)
    if name == "random_uniform":
        return keras.initializers.RandomUniform(*(values or (-0.05, 0.05)))
    if name == "constant":
        return keras.initializers.Constant(values[0])
    return keras.initializers.get(name)


def _preprocess(parts, step):
    x, y, vx, vy = parts
    kind = step["op"]
    if kind == "scale_x":
        return [x * step["by"], y, vx * step["by"], vy]
    if kind == "scale_val_x":
        return [x, y, vx * step["by"], vy]
    if kind == "standardize_x":
        mean, std = x.mean(0), x.std(0) + 1e-8
        return [(x - mean) / std, y, (vx - mean) / std, vy]
    if kind == "minmax_x":
        low, span = x.min(0), np.ptp(x, 0) + 1e-8
        return [(x - low) / span, y, (vx - low) / span, vy]
    if kind == "standardize_y":
        return [x, (y - y.mean(0)) / y.std(0), vx, (vy - y.mean(0)) / y.std(0)]
    if kind == "minmax_y":
        low, high, least, span = step["low"], step["high"], y.min(), np.ptp(y)
        return [x, low + (y - least) / span * (high - low), vx, low + (vy - least) / span * (high - low)]
    if kind == "scale_train_labels":
        return [x, y * step["by"], vx, vy]
    if kind == "shuffle_labels":
        random = np.random.default_rng(step["seed"])
        return [x, random.permutation(y), vx, random.permutation(vy)]
    if kind == "imbalance_train":
        random = np.random.default_rng(step["seed"])
        kept = [
            random.permutation(np.flatnonzero(y == label))[: max(2, int(share * np.sum(y == label)))]
            for label, share in enumerate(step["keep"])
        ]
        order = random.permutation(np.concatenate(kept))
        return [x[order], y[order], vx, vy]
    if kind == "val_from_train":
        return [x, y, x[: len(vx)], y[: len(vx)]]
    if kind == "inject_nan_x":
        random = np.random.default_rng(step.get("seed", 0))
        x = x.astype("float32").copy()
        x.reshape(-1)[random.permutation(x.size)[: max(1, int(step["fraction"] * x.size))]] = np.nan
        return [x, y, vx, vy]
    if kind == "y_is_x":
        return [x, x, vx, vx]
    raise ValueError(f"There is no preprocessing {kind!r}.")


def _dataset(settings):
    name = settings.pop("name")
    if name in ("iris", "wine", "breast_cancer", "diabetes", "digits"):
        return _shipped(name, **settings)
    if name in ("circles", "moons", "friedman1", "blobs", "make_classification", "multilabel"):
        return _sklearn(name, **settings)
    return _MADE[name](**settings)


def _shipped(name, features=None, shape="flat", classes=None):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if classes is not None:
        kept = np.isin(y, classes)
        x, y = x[kept], np.searchsorted(classes, y[kept])
    if features is not None:
        x = x[:, features]
    return (x.reshape(-1, 8, 8, 1) if shape == "image" else x), y


def _sklearn(name, n, seed=0, **settings):
    make = {
        "multilabel": "make_multilabel_classification", "make_classification": "make_classification",
    }.get(name, f"make_{name}")  # fmt: skip
    if "std" in settings:
        settings["cluster_std"] = settings.pop("std")
    return getattr(datasets, make)(n_samples=n, random_state=seed, **settings)


def _digits_centroid():
    x, _ = datasets.load_digits(return_X_y=True)
    grid = np.linspace(-1, 1, 8)
    images = x.reshape(-1, 8, 8)
    mass = images.sum((1, 2))
    return x, np.stack([(images.sum(1) @ grid) / mass, (images.sum(2) @ grid) / mass], 1)


def _xor(repeats):
    return np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (repeats, 1)), np.tile([0, 1, 1, 0], repeats)


def _clusters(n_per_class, seed=0):
    random = np.random.default_rng(seed)
    x = np.concatenate([random.uniform(0.2, 0.4, (n_per_class, 2)), random.uniform(0.5, 0.7, (n_per_class, 2))])
    return x, np.repeat([0, 1], n_per_class)


def _function2d(n, low=-1, high=1, seed=0):
    x = np.random.default_rng(seed).uniform(low, high, (n, 2))
    return x, np.sin(np.pi * x[:, 0]) * np.cos(np.pi * x[:, 1])


def _linear3(n, high=1.0, weights=(1.0, 2.0, 3.0), bias=0.0, seed=0):
    x = np.random.default_rng(seed).uniform(0, high, (n, 3))
    return x, x @ np.asarray(weights) + bias


def _quadratic5(n, seed):
    x = np.arange(n) * 0.1
    return x[:, None], 5 * x**2 + np.random.default_rng(seed).normal(size=n) ** 3


def _sin_arange(n, div):
    x = np.arange(n) / div
    return x[:, None], np.sin(x)


def _line1d(n, low, high, slope, bias, noise, seed):
    random = np.random.default_rng(seed)
    x = random.uniform(low, high, n)
    return x[:, None], slope * x + bias + random.normal(scale=noise, size=n)


def _function1d(n, low, high, seed=0):
    x = np.random.default_rng(seed).uniform(low, high, (n, 1))
    return x, np.sin(x[:, 0])


def _spirals(n, noise, turns, seed):
    random = np.random.default_rng(seed)
    y = np.repeat([0, 1], n // 2)
    t = np.sqrt(random.uniform(size=n)) * turns * 2 * np.pi
    sign = np.where(y == 0, 1, -1)
    x = np.stack([sign * t * np.cos(t), sign * t * np.sin(t)], 1) / (turns * np.pi)
    return x + noise * random.normal(size=(n, 2)), y


def _sine_windows(n, width, seed=0, sequence=True):
    random = np.random.default_rng(seed)
    time = np.arange(width + 1)
    waves = np.sin(random.uniform(0, 2 * np.pi, (n, 1)) + random.uniform(0.2, 0.6, (n, 1)) * time)
    x = waves[:, :-1]
    return (x[..., None] if sequence else x), waves[:, -1]


def _square201():
    x = np.random.default_rng(0).permutation(np.linspace(-10, 10, 201))
    return x[:, None], x**2


def _noise_labels(n, n_features, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, n_features)), random.integers(0, 2, n)


def _bits(bits, seed=0):
    numbers = np.arange(2**bits)
    table = (numbers[:, None] >> np.arange(bits)) & 1
    return table, table[np.random.default_rng(seed).permutation(len(numbers))]


_MADE = {
    "digits_centroid": _digits_centroid, "xor": _xor, "two_uniform_clusters": _clusters, "function2d": _function2d,
    "linear3": _linear3, "quadratic5": _quadratic5, "sin_arange": _sin_arange, "line1d": _line1d,
    "function1d": _function1d, "spirals": _spirals, "sine_windows": _sine_windows, "square201": _square201,
    "noise_labels": _noise_labels, "bit_permutation": _bits,
    "ten_times_x": lambda: (np.arange(1, 11)[:, None], 10 * np.arange(1, 11)),
    "power4": lambda: (np.arange(-100, 100, 0.5)[:, None], np.arange(-100, 100, 0.5) ** 4),
    "parabola100": lambda: (np.arange(100)[:, None], np.arange(100) ** 2 + 3),
    "ones_vs_zeros": lambda n, dim: (
        np.repeat([[1.0], [0.0]], n, 0) * np.ones(dim), np.repeat([1, 0], n)
    ),
}  # fmt: skip
