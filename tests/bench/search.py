"""The search against stock KerasTuner and Optuna, timed in one process.

`mlp`, `cnn`, `rnn`: seconds to a validation accuracy; `equal`: best validation loss in equal time; `stopping`:
rules replayed over the whole curves of curves.json, which `curves` trains anew; `memory`: growth over many trials;
`kills`: kill -9 at random moments.
Optuna takes part where it is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

from trainwise.toolkit.stopping import Extrapolation, FirstEpochs, Median, Percentile, SuccessiveHalving, replay
from trainwise.tuning import MLP, search

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


def rows(kind):
    """One split for all: what is repeated is the search."""
    order = np.random.default_rng(0).permutation(len(X))
    x, y = X[order].reshape(-1, *SHAPE[kind]), Y[order]
    return x[:1437], y[:1437], (x[1437:], y[1437:])


def target_of(kind, count=16):
    """A validation accuracy that half of stock's trials at a good rate (1e-3 to 1e-2) reach."""
    x, y, held = rows(kind)
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


class Enough(BaseException):
    """Ends a rival's search: the target is reached, or the time is up."""


class Watch(keras.callbacks.Callback):
    """Looks at a rival's epochs: ends its search at the target or when the time is up, keeps the lowest loss.

    KerasTuner copies callbacks for each trial, so what is kept stands in a list that the copies share.
    """

    def __init__(self, target=None, seconds=None):
        super().__init__()
        self.target = target
        self.until = None if seconds is None else time.perf_counter() + seconds
        self.losses = []

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["val_loss"])
        reached = self.target is not None and logs["val_accuracy"] >= self.target
        if reached or (self.until is not None and time.perf_counter() > self.until):
            raise Enough

    @property
    def lowest(self):
        return min((loss for loss in self.losses if np.isfinite(loss)), default=float("inf"))


def kerastuner(name, objective, kind, seed, watch):
    """Stock KerasTuner, as its documentation writes it, until `watch` has seen enough."""
    x, y, held = rows(kind)
    arguments = {"objective": objective, "seed": seed + 1, "directory": tempfile.mkdtemp(), "project_name": "s"}
    if name == "Hyperband":
        arguments.update(max_epochs=EPOCHS[kind], hyperband_iterations=20)
    else:
        arguments.update(max_trials=200)
    keras.utils.set_random_seed(seed)
    tuner = getattr(keras_tuner, name)(compiled(kind), **arguments)
    with contextlib.suppress(Enough):
        tuner.search(x, y, epochs=EPOCHS[kind], validation_data=held, verbose=0, callbacks=[watch])


class Suggested:
    """Hyperparameters that an Optuna trial suggests, asked for as KerasTuner asks."""

    def __init__(self, trial):
        self.Int = trial.suggest_int
        self.Choice = trial.suggest_categorical
        self.Float = lambda name, low, high, sampling: trial.suggest_float(name, low, high, log=sampling == "log")


def optuna_with(pruner, objective, kind, seed, watch):
    """Optuna's default sampler with a pruner, told of each epoch, until `watch` has seen enough."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x, y, held = rows(kind)
    chosen = {
        "Optuna median": optuna.pruners.MedianPruner,
        "Optuna Hyperband": lambda: optuna.pruners.HyperbandPruner(max_resource=EPOCHS[kind]),
    }[pruner]()
    better = max if objective == "val_accuracy" else min

    def run(trial):
        class Report(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                trial.report(logs[objective], epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        keras.backend.clear_session()
        model = compiled(kind)(Suggested(trial))
        history = model.fit(
            x, y, epochs=EPOCHS[kind], validation_data=held, verbose=0, callbacks=[watch, Report()]
        ).history
        return better(history[objective])

    keras.utils.set_random_seed(seed)
    study = optuna.create_study(
        direction="maximize" if better is max else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=chosen,
    )
    with contextlib.suppress(Enough):
        study.optimize(run, n_trials=200)


def rivals():
    found = dict.fromkeys(("RandomSearch", "Hyperband", "BayesianOptimization"), kerastuner)
    if importlib.util.find_spec("optuna"):
        found.update(dict.fromkeys(("Optuna median", "Optuna Hyperband"), optuna_with))
    return found


OURS = {
    "population": [float(rate) for rate in np.geomspace(*RATES, 16)],
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}


def ours(kind, seed, **arguments):
    x, y, held = rows(kind)
    return search(
        uncompiled(kind),
        x,
        y,
        epochs=EPOCHS[kind],
        validation_data=held,
        trials=200,
        seed=seed,
        verbose=0,
        **OURS,
        **arguments,
    )


def seconds_of(run, *arguments, **named):
    start = time.perf_counter()
    run(*arguments, **named)
    return time.perf_counter() - start


def race(kind, seeds, most):
    """Seconds until the target; a rival that needs more than `most` counts with `most`, so its ratio is too low."""
    target = target_of(kind)
    print(f"{kind}: target {target:.4f}", flush=True)
    aim = {"objective": "val_accuracy", "target": target}
    ours(kind, 1000, **aim)  # the first search of a process also warms TensorFlow up
    times = {"ours": []} | {name: [] for name in rivals()}
    for seed in range(seeds):
        times["ours"].append(seconds_of(ours, kind, seed, **aim))
        for name, run in rivals().items():
            taken = seconds_of(run, name, "val_accuracy", kind, seed, Watch(target, most))
            times[name].append(min(taken, most))
        print(seed, {name: round(taken[-1], 1) for name, taken in times.items()}, flush=True)
    for name, taken in times.items():
        capped = sum(one >= most for one in taken)
        print(
            f"{kind} {name}: sum {sum(taken):.1f} s, median {statistics.median(taken):.1f} s, "
            f"ratio {sum(taken) / sum(times['ours']):.1f}, given up {capped} of {seeds}",
            flush=True,
        )


def equal(kind, seeds, seconds):
    """The lowest validation loss that each finds in the same time."""
    ours(kind, 1000, objective="val_loss", time_budget=2)
    losses = {"ours": []} | {name: [] for name in rivals()}
    for seed in range(seeds):
        losses["ours"].append(ours(kind, seed, objective="val_loss", time_budget=seconds).best_score)
        for name, run in rivals().items():
            watch = Watch(seconds=seconds)
            run(name, "val_loss", kind, seed, watch)
            losses[name].append(watch.lowest)
        print(seed, {name: round(found[-1], 4) for name, found in losses.items()}, flush=True)
    mine = np.array(losses["ours"])
    for name, found in losses.items():
        better, worse = int(np.sum(mine < found)), int(np.sum(mine > found))
        print(
            f"{kind}, {seconds} s, {name}: mean {np.mean(found):.4f}, ours lower {better}, higher {worse}", flush=True
        )


CURVES = pathlib.Path(__file__).with_name("curves.json")


def curves(seeds, epochs=30):
    """Trains whole curves and keeps them: trials at one rate each, and trials at the best of 16 rates."""
    kept = {}
    for name, kind, space, count, arguments in (
        ("MLP, one rate", "mlp", compiled("mlp"), 110, {}),
        ("LSTM and GRU, one rate", "rnn", compiled("rnn"), 60, {}),
        ("MLP, best of 16 rates", "mlp", MLP(), 110, {"population": OURS["population"]}),
    ):
        x, y, held = rows(kind)
        result = search(
            space,
            x,
            y,
            objective="val_accuracy",
            epochs=epochs,
            validation_data=held,
            trials=count,
            stopper=None,
            verbose=0,
            **arguments,
        )
        found = [outcome.curve for outcome in result.outcomes.values() if outcome.curve]
        # A trial that diverged was ended by its findings; it stays where it was.
        kept[name] = [[round(value, 4) for value in (curve + [curve[-1]] * epochs)[:epochs]] for curve in found]
        CURVES.write_text(json.dumps(kept).replace("], ", "],\n") + "\n")
        print(f"{name}: {len(found)} curves in {result.seconds:.0f} s", flush=True)


def stopping(seeds):
    """The rules replayed over the curves that `curves` has kept."""
    for name, found in json.loads(CURVES.read_text()).items():
        losses = [[-value for value in curve] for curve in found]
        for rule in (SuccessiveHalving(), Median(), Percentile(), Extrapolation(), FirstEpochs()):
            seen = [replay(losses, rule, np.random.default_rng(seed).permutation(len(losses))) for seed in range(40)]
            saved, worst = np.mean([one.saved for one in seen]), max(one.regret for one in seen)
            print(
                f"{name}, {rule}: saved {saved:.0%}, largest regret {worst:.4f} over 40 orders of {len(losses)} curves",
                flush=True,
            )


def memory(seeds, count=200):
    """Growth of the process over many tiny trials."""
    x, y, held = rows("mlp")

    def build(hp):
        hp.Float("idle", 0, 1)
        return keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax")])

    def now():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20

    for trials in (20, count):
        search(build, x[:64], y[:64], epochs=1, validation_data=held, trials=trials, population=2, verbose=0)
        print(f"after {trials} trials: {now():.0f} MiB", flush=True)


KILLED = """
import sys, numpy as np, trainwise as tw
rng = np.random.default_rng(0)
x = rng.normal(size=(400, 6))
tw.tuning.search(
    tw.tuning.MLP(units=(4, 8, 16), depth=(1, 2)), x, (x[:, 0] * x[:, 1] > 0).astype(int), trials=12, epochs=60,
    population=6, executions_per_trial=2, directory=sys.argv[1], project_name="s", verbose=0,
)
"""


def kills(seeds, count=10):
    """One search killed at `count` random moments and gone on with each time, against one left alone."""
    draw = random.Random(0)
    start_up = 4  # seconds, in which there is nothing to kill yet

    def start(folder):
        return subprocess.Popen([sys.executable, "-c", KILLED, folder], stderr=subprocess.DEVNULL)

    def kept(folder):
        files = sorted(pathlib.Path(folder).rglob("curve.jsonl"))
        log = pathlib.Path(folder, "s", "log.jsonl").read_text().splitlines()
        return {file.relative_to(folder): file.read_bytes() for file in files}, [json.loads(line) for line in log]

    whole, broken = tempfile.mkdtemp(), tempfile.mkdtemp()
    began = time.perf_counter()
    start(whole).wait()
    taken = time.perf_counter() - began
    killed, same = 0, []
    while killed < count:
        process = start(broken)
        time.sleep(draw.uniform(start_up, start_up + taken / 4))
        if process.poll() is not None:
            same.append(kept(whole) == kept(broken))
            broken = tempfile.mkdtemp()
            continue
        process.kill()
        process.wait()
        killed += 1
    start(broken).wait()
    same.append(kept(whole) == kept(broken))
    print(f"{killed} kills in {len(same)} searches of {taken:.0f} s, gone on with: log and curves equal: {same}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["mlp", "cnn", "rnn", "equal", "stopping", "memory", "kills"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=float, default=120, help="seconds after which a rival is given up")
    parser.add_argument("--seconds", type=float, default=20, help="of each search under `equal`")
    parser.add_argument("--kinds", nargs="+", default=["mlp", "cnn", "rnn"], help="spaces under `equal`")
    given = parser.parse_args()
    for one in given.what:
        if one in EPOCHS:
            race(one, given.seeds, given.most)
        elif one == "equal":
            for each in given.kinds:
                equal(each, given.seeds, given.seconds)
        else:
            {"curves": curves, "stopping": stopping, "memory": memory, "kills": kills}[one](given.seeds)
