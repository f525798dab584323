"""The search against stock KerasTuner, timed in one process; `stopping` replays rules, `memory` watches growth."""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

from trainwise.toolkit.stopping import Extrapolation, FirstEpochs, Median, Percentile, SuccessiveHalving, replay
from trainwise.tuning import search

DIGITS = load_digits()
X, Y = (DIGITS.data / 16).astype("float32"), DIGITS.target.astype("int32")
RATES = (1e-4, 1.0)
EPOCHS = {"mlp": 10, "cnn": 6, "rnn": 8}
SHAPE = {"mlp": (64,), "cnn": (8, 8, 1), "rnn": (8, 8)}


def uncompiled(kind):
    """The space: architectures alone."""

    def build(hp):
        inputs = features = keras.Input(SHAPE[kind])
        if kind == "mlp":
            for _ in range(hp.Int("depth", 1, 3)):
                features = keras.layers.Dense(
                    hp.Choice("units", [16, 32, 64, 128]), hp.Choice("act", ["relu", "tanh"])
                )(features)
        elif kind == "cnn":
            for _ in range(hp.Int("depth", 1, 2)):
                features = keras.layers.Conv2D(hp.Choice("filters", [8, 16]), 3, padding="same", activation="relu")(
                    features
                )
                features = keras.layers.MaxPooling2D()(features)
            features = keras.layers.Flatten()(features)
        else:
            cell = keras.layers.LSTM if hp.Choice("cell", ["lstm", "gru"]) == "lstm" else keras.layers.GRU
            features = cell(hp.Choice("units", [16, 32, 64]))(features)
        return keras.Model(inputs, keras.layers.Dense(10, "softmax")(features))

    return build


def compiled(kind):
    """The same space with the rate as one more hyperparameter, as a user of KerasTuner writes it."""
    bare = uncompiled(kind)

    def build(hp):
        model = bare(hp)
        rate = hp.Float("rate", *RATES, sampling="log")
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


def rows(kind, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    x, y = X[order].reshape(-1, *SHAPE[kind]), Y[order]
    return x[:1437], y[:1437], (x[1437:], y[1437:])


def target_of(kind, seed=100, count=16):
    """A validation accuracy that half of stock's trials at a good rate (1e-3 to 1e-2) reach."""
    x, y, held = rows(kind, seed)
    scores = []
    for number in range(count):
        oracle = keras_tuner.oracles.RandomSearchOracle(objective="val_accuracy", max_trials=1, seed=number + 1)
        hp = keras_tuner.HyperParameters()
        compiled(kind)(hp)
        oracle.update_space(hp)
        hp.values = oracle.populate_space("0")["values"]
        hp.values["rate"] = float(np.geomspace(1e-3, 1e-2, count)[number])
        keras.utils.set_random_seed(number)
        history = compiled(kind)(hp).fit(x, y, epochs=EPOCHS[kind], validation_data=held, verbose=0)
        scores.append(max(history.history["val_accuracy"]))
    return float(np.median(scores))


class Stop(keras.callbacks.Callback):
    """Ends a stock search as soon as an epoch reaches the target."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_accuracy"] >= self.target:
            raise keras_tuner.errors.FatalError("reached")


def stock(kind, name, seed, target):
    x, y, held = rows(kind, seed)
    arguments = {"objective": "val_accuracy", "seed": seed + 1, "directory": tempfile.mkdtemp(), "project_name": "s"}
    if name == "Hyperband":
        arguments.update(max_epochs=EPOCHS[kind], hyperband_iterations=20)
    else:
        arguments.update(max_trials=200)
    start = time.perf_counter()
    keras.utils.set_random_seed(seed)
    tuner = getattr(keras_tuner, name)(compiled(kind), **arguments)
    with contextlib.suppress(keras_tuner.errors.FatalError):
        tuner.search(x, y, epochs=EPOCHS[kind], validation_data=held, verbose=0, callbacks=[Stop(target)])
    return time.perf_counter() - start


def ours(kind, seed, target):
    x, y, held = rows(kind, seed)
    start = time.perf_counter()
    result = search(
        uncompiled(kind), x, y, objective="val_accuracy", epochs=EPOCHS[kind], validation_data=held, trials=200,
        population=[float(rate) for rate in np.geomspace(*RATES, 16)], optimizer="adam",
        loss="sparse_categorical_crossentropy", metrics=["accuracy"], target=target, seed=seed, verbose=0,
    )  # fmt: skip
    assert result.best_score >= target
    return time.perf_counter() - start


def race(kind, seeds):
    target = target_of(kind)
    print(f"{kind}: target {target:.4f}", flush=True)
    ours(kind, 1000, target)  # the first search of a process also warms TensorFlow up
    times = {name: [] for name in ("ours", "RandomSearch", "Hyperband", "BayesianOptimization")}
    for seed in range(seeds):
        for name, taken in times.items():
            taken.append(ours(kind, seed, target) if name == "ours" else stock(kind, name, seed, target))
        print(seed, {name: round(taken[-1], 1) for name, taken in times.items()}, flush=True)
    mine = sum(times["ours"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{kind} {name}: sum {sum(taken):.1f} s, median {middle:.1f} s, ratio {sum(taken) / mine:.1f}")


def stopping(seeds, count=110, epochs=30):
    """The rules replayed over full curves, trained once and kept."""
    kept = os.path.join(tempfile.gettempdir(), "trainwise-curves.npy")
    if not os.path.exists(kept):
        x, y, held = rows("mlp", 0)
        result = search(
            compiled("mlp"), x, y, objective="val_accuracy", epochs=epochs, validation_data=held, trials=count,
            stopper=None, verbose=0,
        )  # fmt: skip
        np.save(kept, np.array([(o.curve + [o.curve[-1]] * epochs)[:epochs] for o in result.outcomes.values()]))
    curves = (-np.load(kept)).tolist()
    for rule in (SuccessiveHalving(), Median(), Percentile(), Extrapolation(), FirstEpochs()):
        found = [replay(curves, rule, np.random.default_rng(seed).permutation(len(curves))) for seed in range(40)]
        saved, worst = np.mean([one.saved for one in found]), max(one.regret for one in found)
        print(
            f"{rule}: saved {saved:.0%}, largest regret {worst:.4f} over 40 orders of {len(curves)} curves", flush=True
        )


def memory(seeds, count=200):
    """Growth of the process over many tiny trials."""
    x, y, held = rows("mlp", 0)

    def build(hp):
        hp.Float("idle", 0, 1)
        return keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax")])

    def now():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20

    for trials in (20, count):
        search(build, x[:64], y[:64], epochs=1, validation_data=held, trials=trials, population=2, verbose=0)
        print(f"after {trials} trials: {now():.0f} MiB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["mlp", "cnn", "rnn", "stopping", "memory"])
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    for one in given.what:
        {"stopping": stopping, "memory": memory}.get(one, lambda seeds, one=one: race(one, seeds))(given.seeds)
