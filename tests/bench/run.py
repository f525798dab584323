"""The figures that trainwise shows. `make bench`, or `python tests/bench/run.py NAME` for one of them.

Every figure is measured against something else in the same run; medians of repeats.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def demo():
    """Seconds and peak memory of `trainwise demo`, start to report and by stages, beside importing TensorFlow."""
    seconds, imports, stages = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            command = [str(Path(sys.executable).with_name("trainwise")), "demo", "--out", folder]
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
            stages.append(json.loads(Path(folder, "report.json").read_text())["seconds"])
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
        imports.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    by_stage = {name: np.median([one[name] for one in stages]) for name in stages[0]}
    # The imports of the process itself, the report and the end.
    by_stage["around them"] = np.median(seconds) - sum(by_stage.values())
    return {
        "seconds": np.median(seconds), "stages": by_stage, "import_tensorflow": np.median(imports), "peak_GiB": peak,
    }  # fmt: skip


def digits():
    """Test accuracy of the soft vote on digits over 5 seeds, beside a random forest on the same splits."""
    from sklearn.ensemble import RandomForestClassifier

    votes, members, forests = [], [], []
    for seed in range(5):
        result, splits = _run("digits", seed)
        test = splits.test.open("benchmark")
        scores = [row["value"] for row in result.report["evaluation"]["results"]]
        members.append(scores[0])
        votes.append(scores[1])
        forest = RandomForestClassifier(random_state=seed).fit(_flat(splits.train.x), splits.train.y)
        forests.append(forest.score(_flat(test.x), test.y))
    return {
        "soft_vote": np.mean(votes), "soft_vote_by_seed": votes, "best_member": np.mean(members),
        "random_forest": np.mean(forests),
    }  # fmt: skip


def diabetes():
    """Test R2 on diabetes over 5 seeds, beside ridge regression on the same splits."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    votes, ridges = [], []
    for seed in range(5):
        result, splits = _run("diabetes", seed)
        test = splits.test.open("benchmark")
        votes.append(result.report["evaluation"]["results"][1]["value"])
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))).fit(splits.train.x, splits.train.y)
        ridges.append(ridge.score(test.x, test.y))
    return {"vote": np.mean(votes), "vote_by_seed": votes, "ridge": np.mean(ridges), "ridge_by_seed": ridges}


def hooks():
    """Share of a fit's time that CurveWatch spends in its hooks, on fits of about 1 s and 30 s."""
    return {f"{target}_s": _hook_share(target, repeats) for target, repeats in ((1, 7), (30, 1))}


def pairs(count=21, target=30):
    """Interleaved pairs of fits with and without CurveWatch: the ratio, with its 95 % interval."""
    ratios = []
    fit = _fit_of(target)
    for k in range(count):
        order = (True, False) if k % 2 else (False, True)
        taken = {watched: fit(watched)[0] for watched in order}
        ratios.append(taken[True] / taken[False])
        print(f"pair {k + 1} of {count}: {ratios[-1]:.4f}", file=sys.stderr, flush=True)
    generator = np.random.default_rng(0)
    medians = [np.median(generator.choice(ratios, count)) for _ in range(2000)]
    low, high = np.quantile(medians, [0.025, 0.975])
    return {"ratio": np.median(ratios), "low": low, "high": high, "pairs": count, "seconds": target}


def quick_pairs():
    """The same on fits of about 3 s."""
    return pairs(target=3)


def _run(name, seed):
    from trainwise import data
    from trainwise.tuning import Settings, run

    with tempfile.TemporaryDirectory() as folder:
        result = run(name, folder, Settings(seed=seed), say=lambda line: None)
    return result, data.load(name, seed=seed)


def _flat(x):
    return x.reshape(len(x), -1)


def _hook_share(target, repeats):
    fit = _fit_of(target)
    shares, totals = [], []
    for _ in range(repeats):
        seconds, inside = fit(True)
        shares.append(inside / seconds)
        totals.append(seconds)
    return {"share": np.median(shares), "fit_seconds": np.median(totals)}


def _fit_of(target):
    """A fit of about `target` seconds on digits: (with watch?) -> (seconds, seconds inside its hooks)."""
    import keras

    from trainwise import data
    from trainwise.callbacks import CurveWatch

    splits = data.load("digits")
    x, y = _flat(splits.train.x) / 16, splits.train.y
    validation = (_flat(splits.validation.x) / 16, splits.validation.y)

    class Timed(CurveWatch):
        """Sums the time inside each hook."""

        inside = 0.0

        def __getattribute__(self, name):
            value = super().__getattribute__(name)
            if not name.startswith("on_"):
                return value

            def timed(*arguments, **named):
                start = time.perf_counter()
                value(*arguments, **named)
                type(self).inside += time.perf_counter() - start

            return timed

    def fit(watched, epochs=None):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((64,)), *(keras.layers.Dense(64, "relu") for _ in range(2)), keras.layers.Dense(10, "softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        watch = Timed(x=x, y=y, validation_data=validation, report=lambda finding: None)
        Timed.inside = 0.0
        start = time.perf_counter()
        model.fit(
            x, y, epochs=epochs or budget, validation_data=validation, verbose=0, callbacks=[watch] if watched else []
        )
        return time.perf_counter() - start, Timed.inside

    short, long = fit(False, 2)[0], fit(False, 22)[0]
    epoch = max((long - short) / 20, 1e-3)
    budget = max(1, round((target - short) / epoch))
    return fit


FIGURES = {figure.__name__: figure for figure in (demo, digits, diabetes, hooks, quick_pairs, pairs)}

if __name__ == "__main__":
    for name in sys.argv[1:] or FIGURES:
        print(json.dumps({name: FIGURES[name]()}, default=lambda value: round(float(value), 4)), flush=True)
