"""Learning rates, batch growth and momentum, measured. `python tests/bench/rates.py NAME`, or all of them."""

import json
import os
import sys
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import trainwise as tw

L = keras.layers
LOSS = "sparse_categorical_crossentropy"
SETS = ("digits", "iris", "wine", "breast_cancer", "diabetes")


def _data(name, seed=0):
    """Splits as flat float32 arrays, targets of a regression standardised, and what a model needs to know."""
    splits = tw.data.load(name, seed=seed)
    x, held = (part.x.reshape(len(part.x), -1).astype("float32") for part in (splits.train, splits.validation))
    y, held_y = splits.train.y, splits.validation.y
    if name == "diabetes":
        mean, spread = y.mean(), y.std()
        return (x, (y - mean) / spread), (held, (held_y - mean) / spread), 1, "mse"
    return (x, y), (held, held_y), len(np.unique(y)), LOSS


def _builder(x, units, loss):
    normalise = tw.layers.Standardize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        normalise.adapt(x)

    def build():
        hidden = [L.Dense(64, "relu"), L.Dense(64, "relu")]
        last = L.Dense(units, None if loss == "mse" else "softmax")
        model = keras.Sequential([keras.Input((x.shape[1],)), normalise, *hidden, last])
        model.compile("sgd", loss)
        return model

    return build


def range_cost():
    """Seconds of a range test of 32 rates against 32 fits of the same 100 updates, built and compiled each."""
    (x, y), _, units, loss = _data("digits")
    build = _builder(x, units, loss)
    ours, theirs = [], []
    for k in range(3):
        for seconds, work in ((ours, _test), (theirs, _fits)) if k % 2 else ((theirs, _fits), (ours, _test)):
            start = time.perf_counter()
            work(build, x, y)
            seconds.append(time.perf_counter() - start)
    a, b = float(np.median(ours)), float(np.median(theirs))
    return {"range_test": a, "fits": b, "share": a / b}


def _test(build, x, y):
    return tw.tuning.range_test(build(), x, y, rates=32, updates=100)


def _fits(build, x, y):
    take = np.arange(3200) % len(x)
    for rate in np.geomspace(1e-5, 10, 32):
        model = build()
        model.compile(keras.optimizers.SGD(float(rate)), LOSS)
        model.fit(x[take], y[take], verbose=0)


def suggestions():
    """Validation loss after 10 epochs with the suggested rate over that of the best rate of a full sweep.

    Mean over 5 seeds of the starting weights; beside it fastai's rules on a ramp of the same updates.
    """
    return {name: _suggested(name) for name in SETS}


def _suggested(name):
    (x, y), held, units, loss = _data(name)
    build = _builder(x, units, loss)
    sweep = np.geomspace(1e-3, 3, 24).tolist()
    candidates = {}
    keras.utils.set_random_seed(0)
    side_by_side = tw.tuning.range_test(build(), x, y)
    candidates["population"] = side_by_side.suggestion
    keras.utils.set_random_seed(0)
    whole = tw.schedules.updates(10, len(x), 32)
    validated = tw.tuning.range_test(build(), x, y, lowest=1e-3, highest=3, updates=whole, validation_data=held)
    candidates["population of 10 epochs, validated"] = validated.suggestion
    keras.utils.set_random_seed(0)
    ramp = tw.tuning.range_test(build(), x, y, how="ramp")
    candidates |= {f"ramp {method}": ramp.suggest(method) for method in ("valley", "steep", "minimum", "slide")}
    rates = [*sweep, *(rate for rate in candidates.values() if rate)]
    result = tw.fit_population(
        build, x, y, learning_rate=np.repeat(rates, 5).tolist(), seed=list(range(5)) * len(rates),
        epochs=10, validation_data=held, verbose=0,
    )  # fmt: skip
    losses = np.array([history["val_loss"][-1] for history in result.histories]).reshape(-1, 5)
    means, best = losses.mean(axis=1), int(np.nanargmin(losses[: len(sweep)].mean(axis=1)))
    answer = {"best_rate": round(sweep[best], 4), "best_loss": round(float(means[best]), 4)}
    answer["spread_over_seeds"] = round(float(losses[best].std(ddof=1) / means[best]), 2)
    for place, (rule, rate) in enumerate(candidates.items(), start=len(sweep)):
        answer[rule] = {
            "rate": rate and float(f"{rate:.3g}"),
            "loss_over_best": round(float(means[place] / means[best]), 2),
        }
    return answer


def batch_growth():
    """Digits, 5 seeds: the rate cut fivefold twice, against the batch grown fivefold twice."""
    (x, y), held, units, loss = _data("digits")
    build, epochs = _builder(x, units, loss), 30
    boundaries, rates = [15, 23], [0.02, 0.004, 0.0008]
    grown, left = tw.schedules.BatchSizeSchedule.from_learning_rates(boundaries, rates, 16, largest=len(x) // 10)
    plain = tw.schedules.BatchSizeSchedule(boundaries, [16, 16, 16])
    scores = {"decay": [], "growth": []}
    for seed in range(5):
        for name, schedule, own in (("decay", plain, rates), ("growth", grown, left)):
            keras.utils.set_random_seed(seed)
            model = build()
            model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss, metrics=["accuracy"])
            tw.tuning.fit_growing_batches(model, x, y, batch_sizes=schedule, epochs=epochs, learning_rates=own)
            scores[name].append(model.evaluate(*held, verbose=0)[1])
    updates = {name: tw.schedules.updates(epochs, len(x), own) for name, own in (("decay", plain), ("growth", grown))}
    return {
        "batch_sizes": grown.batch_sizes, "learning_rates": left,
        "accuracy": {name: np.mean(own) for name, own in scores.items()},
        "gap": np.mean(scores["decay"]) - np.mean(scores["growth"]), "spread": np.std(scores["decay"], ddof=1),
        "updates": updates, "saved": 1 - updates["growth"] / updates["decay"],
    }  # fmt: skip


def autoencoder():
    """Momentum constants on a deep autoencoder of the digits, 3 seeds, each at its best of 5 rates."""
    (x, _), _, _, _ = _data("digits")
    x = x / 16
    build = _autoencoder
    found = tw.tuning.compare_momentum(
        build, x, x, momenta=[0.0, 0.5, 0.9, 0.99], learning_rate=[0.03, 0.1, 0.3, 1.0, 3.0], seeds=3, loss="mse",
        epochs=150, batch_size=64, verbose=0,
    )  # fmt: skip
    print(found, file=sys.stderr)
    return {"rows": [{k: v for k, v in row.items() if k != "losses"} for row in found.rows], "says": found.sentence}


def _autoencoder():
    sizes = [48, 24, 8, 24, 48]
    return keras.Sequential([keras.Input((64,)), *(L.Dense(size, "tanh") for size in sizes), L.Dense(64, "sigmoid")])


class _Ramp(keras.optimizers.schedules.LearningRateSchedule):
    """Momentum that rises slowly, min(1 - 2^(-1 - log2(floor(t / period) + 1)), most), as in Sutskever et al. 2013."""

    def __init__(self, most, period=50):
        self.most, self.period = most, period

    def __call__(self, step):
        place = keras.ops.floor(keras.ops.cast(step, "float32") / self.period) + 1
        return keras.ops.minimum(1 - keras.ops.power(2.0, -1 - keras.ops.log2(place)), self.most)


def autoencoder_ramped():
    """The same with a momentum that rises slowly, 6 000 updates, 2 seeds, each at its best of 4 rates."""
    (x, _), _, _, _ = _data("digits")
    x = x / 16
    answer = {}
    for most, nesterov in ((0.0, False), (0.9, False), (0.9, True), (0.99, False), (0.99, True)):
        means = {}
        for rate in (0.1, 0.3, 1.0, 3.0):
            losses = []
            for seed in range(2):
                keras.utils.set_random_seed(seed)
                model = _autoencoder()
                momentum = _Ramp(most) if most else 0.0
                optimizer = tw.optimizers.MomentumSGD(rate, momentum=momentum, nesterov=nesterov)
                model.compile(optimizer, "mse", steps_per_execution=10)
                losses.append(model.fit(x, x, epochs=300, batch_size=64, verbose=0).history["loss"][-1])
            means[rate] = np.mean(losses)
        best = min(means, key=means.get)
        answer[f"{most}{' Nesterov' if nesterov else ''}"] = {"rate": best, "loss": means[best]}
    return answer


FIGURES = (range_cost, suggestions, batch_growth, autoencoder, autoencoder_ramped)

if __name__ == "__main__":
    for figure in FIGURES:
        if figure.__name__ in (sys.argv[1:] or [one.__name__ for one in FIGURES]):
            print(json.dumps({figure.__name__: figure()}, default=lambda value: round(float(value), 4)), flush=True)
