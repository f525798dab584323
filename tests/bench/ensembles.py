"""Votes, averages and draws, measured. `python tests/bench/ensembles.py NAME`, or all of them."""

import json
import os
import sys
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import trainwise as tw
from trainwise.toolkit.metrics import scores

L = keras.layers
LOSS = "sparse_categorical_crossentropy"
EPOCHS, BATCH = 40, 32


def speed():
    """Seconds of 8 calls of `predict` over one of the vote of the 8, medians of 7 rounds in both orders."""
    kinds = {
        "mlp": ((64,), [L.Dense(128, "relu"), L.Dense(64, "relu")], 8192, 256),
        "cnn": ((28, 28, 1), [L.Conv2D(16, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(32, 3, activation="relu"),
                              L.MaxPooling2D(), L.Flatten()], 1024, 128),
        "lstm": ((50, 8), [L.LSTM(32)], 1024, 128),
    }  # fmt: skip
    found = {}
    for name, (shape, layers, rows, batch) in kinds.items():
        x = np.random.default_rng(0).normal(size=(rows, *shape)).astype("float32")
        members = []
        for _ in range(8):
            fresh = [layer.from_config(layer.get_config()) for layer in layers]
            members.append(keras.Sequential([keras.Input(shape), *fresh, L.Dense(10, "softmax")]))
        vote = tw.vote(members)
        mean = np.mean([m.predict(x, batch_size=batch, verbose=0) for m in members], axis=0)
        assert np.abs(vote.predict(x, batch_size=batch, verbose=0) - mean).max() < 1e-4
        ours, theirs = [], []
        for round_ in range(7):
            works = [(theirs, members), (ours, [vote])]
            for seconds, models in works if round_ % 2 else works[::-1]:
                start = time.perf_counter()
                for model in models:
                    model.predict(x, batch_size=batch, verbose=0)
                seconds.append(time.perf_counter() - start)
        a, b = float(np.median(ours)), float(np.median(theirs))
        found[name] = {"vote": a, "eight_calls": b, "times_faster": b / a}
    return found


def selection():
    """Seconds of a choice among 100 candidates on 10 000 rows of 10 classes."""
    generator = np.random.default_rng(0)
    predictions = generator.dirichlet(np.ones(10), (100, 10_000)).astype("float32")
    y = generator.integers(0, 10, 10_000)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        tw.select_members(predictions, y)
        seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds))}


def digits(seeds=5):
    """Ten members trained as one population, and what else one fit can give, on the test rows of digits."""
    tables, ratios = [], []
    for seed in range(seeds):
        splits = tw.data.load("digits", seed=seed)
        x, held = (part.x.reshape(len(part.x), -1) / 16 for part in (splits.train, splits.validation))
        y, held_y = splits.train.y, splits.validation.y
        fitted = tw.fit_population(
            _built, x, y, validation_data=(held, held_y), seed=range(10 * seed, 10 * seed + 10), epochs=EPOCHS,
            batch_size=BATCH, verbose=0,
        )  # fmt: skip
        models = list(fitted.models)
        answers = np.array([m.predict(held, verbose=0) for m in models])
        chosen = tw.select_members(answers, held_y, rows=splits.validation)
        best = tw.select_members(answers, held_y, size=1, rows=splits.validation).members[0]
        updates = EPOCHS * -(-len(x) // BATCH)
        ways = {
            "best member": (models[best], 10 * updates),
            "soft vote of 10": (tw.vote(models), 10 * updates),
            "hard vote of 10": (tw.vote(models, "hard"), 10 * updates),
            "greedy vote": (tw.vote(models, weights=chosen.weights), 10 * updates),
            "snapshot vote of 5": (_snapshots(x, y, seed), updates),
            "weight average": (_averaged(x, y, seed), updates),
            "dropout, 32 draws": (tw.mc_dropout(models[0], 32), updates),
        }
        opened = splits.test.open("benchmark")
        test = opened.x.reshape(len(opened), -1) / 16
        single = [_scores(m.predict(test, verbose=0), opened.y) for m in models]
        table = {"mean member": ({k: float(np.mean([s[k] for s in single])) for k in single[0]}, updates)}
        for name, (model, cost) in ways.items():
            table[name] = (_scores(model.predict(test, verbose=0), opened.y), cost)
        tables.append(table)
        ratios.append(table["soft vote of 10"][0]["nll"] / table["mean member"][0]["nll"])
    spread = 2.776 * np.std(ratios, ddof=1) / np.sqrt(seeds)  # Student's t, 4 degrees of freedom
    mean = {
        name: {key: float(np.mean([t[name][0][key] for t in tables])) for key in ("accuracy", "nll", "ece")}
        | {"updates": tables[0][name][1]}
        for name in tables[0]
    }
    return {"nll_of_the_vote_over_the_mean_member": ratios, "mean": float(np.mean(ratios)), "half_width": float(spread),
            "table": mean}  # fmt: skip


def _built(rate=1e-3, dropout=0.2, optimizer="Adam"):
    layers = [keras.Input((64,)), L.Dense(64, "relu"), L.Dropout(dropout), L.Dense(64, "relu"), L.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile(getattr(keras.optimizers, optimizer)(rate), LOSS)
    return model


def _snapshots(x, y, seed):
    keras.utils.set_random_seed(seed)
    model, kept = _built(0.2, optimizer="SGD"), tw.callbacks.SnapshotEnsemble(cycles=5)
    model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, callbacks=[kept], verbose=0)
    return tw.vote(kept.models)


def _averaged(x, y, seed):
    keras.utils.set_random_seed(seed)
    model = _built()
    model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, callbacks=[tw.callbacks.WeightAverage(start=0.5)], verbose=0)
    return model


def _scores(answers, y):
    targets = scores.truth(answers, y)
    rows = scores.row_scores(answers, targets, True)
    return {"accuracy": rows["accuracy"].mean(), "nll": rows["nll"].mean(),
            "ece": scores.calibration_error(answers, targets, True)}  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    works = {work.__name__: work for work in (speed, selection, digits)}
    names = sys.argv[1:] or list(works)
    print(json.dumps({name: works[name]() for name in names}, indent=1))
