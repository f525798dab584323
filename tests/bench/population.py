"""Populations against one `model.fit` for each member. `python tests/bench/population.py NAME`, or all of them.

Both sides are timed in one process, in both orders, medians of repeats; the answer is how many times faster.
"""

import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

import trainwise as tw

L = keras.layers
LOSS = "sparse_categorical_crossentropy"
_x, _y = load_digits(return_X_y=True)
TABLE, LABELS = (_x[:1437] / 16).astype("float32"), _y[:1437]
IMAGES = TABLE.reshape(-1, 8, 8, 1)
LARGE = np.kron(IMAGES, np.ones((1, 4, 4, 1), "float32"))[:, 2:30, 2:30]
SERIES = TABLE.reshape(-1, 8, 8)


def mlp():
    return keras.Sequential([keras.Input((64,)), L.Dense(64, "relu"), L.Dense(64, "relu"), L.Dense(10, "softmax")])


def cnn(shape=(8, 8, 1)):
    return keras.Sequential(
        [
            keras.Input(shape), L.Conv2D(16, 3, activation="relu"), L.MaxPooling2D(),
            L.Conv2D(32, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(10, "softmax"),
        ]
    )  # fmt: skip


def large_cnn():
    return cnn((28, 28, 1))


def lstm():
    return keras.Sequential([keras.Input((8, 8)), L.LSTM(32), L.Dense(10, "softmax")])


def gru():
    return keras.Sequential([keras.Input((8, 8)), L.GRU(32), L.Dense(10, "softmax")])


WAYS = ({}, {"steps_per_execution": 8}, {"jit_compile": True}, {"steps_per_execution": 8, "jit_compile": True})


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _rates(members):
    return list(np.geomspace(1e-3, 0.3, members))


def _lone(build, way):
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.SGD(0.05), LOSS, metrics=["accuracy"], **way)
    return model


def _ratio(ours, theirs, repeats):
    """Medians over repeats in both orders: seconds of ours, of theirs, and how many times faster ours is."""
    mine, others = [], []
    for k in range(repeats):
        pair = [(mine, ours), (others, theirs)]
        for seconds, work in pair if k % 2 else reversed(pair):
            seconds.append(_seconds(work))
    a, b = float(np.median(mine)), float(np.median(others))
    return {"population": round(a, 3), "fits": round(b, 3), "times_faster": round(b / a, 2)}


def built(build, x, members, epochs=4, repeats=5, ours=None, theirs=None):
    """Building and compiling included: one `fit_population` against `members` times build and fit."""

    def population():
        tw.fit_population(
            build, x, LABELS, learning_rate=_rates(members), loss=LOSS, metrics=["accuracy"], epochs=epochs, verbose=0,
            **(ours or {}),
        )  # fmt: skip

    def fits():
        for _ in range(members):
            _lone(build, theirs or {}).fit(x, LABELS, epochs=epochs, verbose=0)

    return _ratio(population, fits, repeats)


def steady(build, x, members, epochs=4, repeats=5, best=False):
    """Once everything is traced: epochs of a population against epochs of `members` models."""
    ways = WAYS if best else ({},)
    ours = _fastest({str(w): _steady_population(build, x, members, w) for w in ways}, x)
    theirs = _fastest({str(w): _lone(build, w) for w in ways}, x)

    def fits():
        for _ in range(members):
            theirs[1].fit(x, LABELS, epochs=epochs, verbose=0)

    answer = _ratio(lambda: ours[1].fit(x, LABELS, epochs=epochs, verbose=0), fits, repeats)
    return {**answer, "way": ours[0], "their_way": theirs[0]}


def _steady_population(build, x, members, way):
    result = tw.fit_population(
        build, x[:64], LABELS[:64], learning_rate=_rates(members), loss=LOSS, metrics=["accuracy"], verbose=0, **way
    )
    return result.populations[0]


def _fastest(models, x):
    seconds = {}
    for name, model in models.items():
        model.fit(x, LABELS, verbose=0)
        seconds[name] = min(_seconds(lambda model=model: model.fit(x, LABELS, epochs=2, verbose=0)) for _ in range(2))
    name = min(seconds, key=seconds.get)
    return name, models[name]


def mlp_built():
    """32 MLPs, 4 epochs, building and compiling included."""
    return built(mlp, TABLE, 32, repeats=3)


def mlp_steady():
    """32 MLPs, default settings."""
    return steady(mlp, TABLE, 32)


def mlp_best():
    """32 MLPs, each side with the best of the settings tried."""
    return steady(mlp, TABLE, 32, best=True)


def cnn_small():
    """8 CNNs on 8x8 images, best settings."""
    return steady(cnn, IMAGES, 8, best=True)


def cnn_large():
    """8 CNNs on 28x28 images, best settings."""
    return steady(large_cnn, LARGE, 8, epochs=1, repeats=3, best=True)


def lstm_built():
    """8 LSTMs over 8 steps, building included."""
    return built(lstm, SERIES, 8, repeats=3)


def gru_built():
    """8 GRUs over 8 steps, building included."""
    return built(gru, SERIES, 8, repeats=3)


def lstm_steady():
    """8 LSTMs over 8 steps, best settings."""
    return steady(lstm, SERIES, 8, best=True)


def gru_steady():
    """8 GRUs over 8 steps, best settings."""
    return steady(gru, SERIES, 8, best=True)


def growth(out="population-growth.png"):
    """Seconds an epoch and a member as the MLP's population grows, plotted; where it stops paying."""
    sizes, seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256], []
    for members in sizes:
        population = _steady_population(mlp, TABLE, members, {})
        population.fit(TABLE, LABELS, verbose=0)
        seconds.append(
            float(np.median([_seconds(lambda p=population: p.fit(TABLE, LABELS, verbose=0)) for _ in range(5)]))
        )
    each = [own / members for own, members in zip(seconds, sizes, strict=True)]
    pays = [own < 0.9 * before for own, before in zip(each[1:], each, strict=False)]
    _plot(sizes, seconds, each, out)
    stops = next((sizes[k] for k, enough in enumerate(pays) if not enough), None)
    return {"members": sizes, "seconds_an_epoch": seconds, "stops_paying_at": stops}


def _plot(sizes, seconds, each, out):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.loglog(sizes, seconds, "o-", base=2, label="an epoch of the population")
    axes.loglog(sizes, each, "o-", base=2, label="an epoch of one member")
    axes.set(xlabel="members", ylabel="seconds")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.legend()
    figure.savefig(out, dpi=120)


def two_processes():
    """32 MLPs, 4 epochs, against two processes that run 16 fits each, their start included and not."""
    folder = os.path.dirname(os.path.abspath(__file__))
    code = (
        f"import sys, time; sys.path.insert(0, {folder!r}); import population as p\n"
        "start = time.perf_counter()\n"
        "for _ in range(16): p._lone(p.mlp, {}).fit(p.TABLE, p.LABELS, epochs=4, verbose=0)\n"
        "print(time.perf_counter() - start)"
    )
    inside, whole = [], []
    for _ in range(3):
        start = time.perf_counter()
        workers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        inside.append(max(float(worker.communicate()[0].split()[-1]) for worker in workers))
        whole.append(time.perf_counter() - start)
    ours = [
        _seconds(
            lambda: tw.fit_population(mlp, TABLE, LABELS, learning_rate=_rates(32), loss=LOSS, epochs=4, verbose=0)
        )
        for _ in range(4)
    ][1:]
    mine = float(np.median(ours))
    return {
        "population": mine, "processes": float(np.median(inside)), "with_their_start": float(np.median(whole)),
        "times_faster": float(np.median(inside)) / mine,
    }  # fmt: skip


def members_of_a_run():
    """5 small CNNs on digits, 15 epochs, watched, kept on disk and validated: as `run` trains them, and one by one."""
    import tempfile
    from pathlib import Path

    from trainwise.callbacks import CurveWatch, GradientWatch, Resume
    from trainwise.toolkit.models.first import first_model
    from trainwise.toolkit.tasks import head
    from trainwise.tuning.ensemble_training import Batches, Plan, train_members

    splits = tw.data.load("digits")
    train, held = splits.train, (splits.validation.x, splits.validation.y)
    build = first_model(train.x, train.y, head("multiclass", train.y))
    plan = Plan(range(5), epochs=15, patience=15, batch_size=32)

    def silent(*finding):
        """Nothing is printed on either side."""

    def side_by_side():
        with tempfile.TemporaryDirectory() as folder:
            train_members(build, splits, plan, Path(folder), silent)

    def one_by_one():
        for seed in plan.seeds:
            keras.utils.set_random_seed(seed)
            model = build()
            with tempfile.TemporaryDirectory() as folder:
                watches = [
                    CurveWatch(x=train.x, y=train.y, validation_data=held, report=silent),
                    GradientWatch(train.x, train.y, report=silent),
                ]
                model.fit(
                    Batches(train, 32, seed), epochs=15, validation_data=held, shuffle=False, verbose=0,
                    callbacks=[*watches, Resume(folder, carry=watches)],
                )  # fmt: skip

    return _ratio(side_by_side, one_by_one, 3)


FIGURES = (
    mlp_built, mlp_steady, mlp_best, cnn_small, cnn_large, lstm_built, gru_built, lstm_steady, gru_steady,
    two_processes, members_of_a_run, growth,
)  # fmt: skip

if __name__ == "__main__":
    for figure in FIGURES:
        if figure.__name__ in (sys.argv[1:] or [one.__name__ for one in FIGURES]):
            print(json.dumps({figure.__name__: figure()}), flush=True)
