"""How often faulty programs are found, how often their cause is named, and how often healthy ones are accused.

`python tests/bench/diagnosis.py programs`, `own`, `modern`, `hard` or `hooks`; `--seeds N` changes the number of
seeds, `--processes` how many work side by side. All five seeds of `programs` take about 20 minutes, three of `modern`
about 15.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import time
import warnings
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def jobs_of(kind, seeds):
    """Every program and version with every seed."""
    import own
    import programs

    found = own.PROGRAMS if kind == "own" else programs.load()
    for program in found:
        versions = [("faulty", program), ("fixed", programs.repaired(program))] if program.get("fix_overrides") else []
        for name, version in versions or [(program["kind"], program)]:
            # Harmless in Keras 3: its losses read the logits behind a softmax.
            name = "healthy" if program["kind"] == "benign_in_keras3" else name
            yield from ((name, version, seed) for seed in range(seeds))


def observe(job):
    """Trains one program under everything that looks at it; returns what was said, and when."""
    version, program, seed = job
    warnings.simplefilter("ignore")
    import anchors
    import programs

    import trainwise as tw

    x, y, held_x, held_y = programs.rows(program)
    model = programs.build(program, seed)
    recorder = anchors.Recorder(x, y)
    said, history = _watched_fit(
        model, x, y, (held_x, held_y), [recorder], epochs=program["epochs"], batch_size=program["batch_size"]
    )
    others = {name: rule(recorder) if recorder.epochs else None for name, rule in anchors.RULES.items()}
    ranked = tw.rank(finding for _, _, finding in said)
    loud = [(update, epoch) for update, epoch, finding in said if finding.level != "info"]
    return {
        "id": program["id"], "version": version, "seed": seed, "labels": program["fault_labels"],
        "causes": list(dict.fromkeys(c for f in ranked if f.level != "info" for c in f.causes)),
        "findings": [f"{f.level} {f.symptom}" for f in ranked], "first": min(loud, default=None),
        "stops": _stops(history["loss"]), "epochs": program["epochs"], "others": others,
        "last": {name: values[-1] for name, values in history.items() if values},
    }  # fmt: skip


def _watched_fit(model, x, y, held, callbacks, **arguments):
    """Fits a model under everything that looks at it; gives `(update, epoch, finding)` of all said, and the logs."""
    import keras

    import trainwise as tw

    said = [(0, 0, finding) for finding in tw.check(model, x, y, held)]
    clock = {"epoch": 0}

    def note(finding):
        said.append((int(model.optimizer.iterations), clock["epoch"], finding))

    ticking = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: clock.update(epoch=epoch + 1))
    curves = tw.callbacks.CurveWatch(x=x, y=y, validation_data=held, report=note)
    # Rows without targets are not for it.
    health = tw.callbacks.GradientWatch(*((None, None) if _is_array(x) and y is None else (x, y)), report=note)
    watches = [ticking, curves, health, *callbacks]
    try:
        history = model.fit(x, y, validation_data=held, verbose=0, callbacks=watches, **arguments).history
    except ValueError:
        history = {"loss": [], "crash": []}
    return said, history


def _is_array(x):
    return isinstance(x, np.ndarray)


def modern(job):
    """Trains one sound program of `modern.py`; says what was found, and whether it has learnt."""
    name, seed = job
    # A watch that fails says so as a warning and lets the fit go on: here it must not pass for a silent one.
    warnings.simplefilter("error", RuntimeWarning)
    import modern as programs

    import trainwise as tw

    start = time.perf_counter()
    program = programs.PROGRAMS[name](seed)
    arguments = {"epochs": program.epochs, "batch_size": program.batch_size, **program.rest}
    callbacks = arguments.pop("callbacks", [])
    said, history = _watched_fit(program.model, program.x, program.y, program.held, callbacks, **arguments)
    seconds = time.perf_counter() - start
    error, constant = program.errors()
    ranked = tw.rank(finding for _, _, finding in said)
    return {
        "id": name, "seed": seed, "error": error, "constant": constant, "seconds": seconds,
        "crashed": "crash" in history,
        "loud": [f for f in ranked if f.level != "info"], "quiet": [f for f in ranked if f.level == "info"],
    }  # fmt: skip


def show_modern(results):
    """A line a program as its runs end: its errors beside a constant's, seconds, findings; then the figures."""
    rows = []
    for name, group in itertools.groupby(results, key=lambda row: row["id"]):
        runs = list(group)
        rows += runs
        errors = " ".join(f"{row['error']:.3f}" for row in runs)
        quiet = Counter(finding.symptom for row in runs for finding in row["quiet"])
        print(f"{name:24} error {errors} of {runs[0]['constant']:.3f}, {max(row['seconds'] for row in runs):.0f} s, "
              f"accused {sum(bool(row['loud']) for row in runs)}, info {dict(quiet)}", flush=True)  # fmt: skip
        for row in runs:
            for finding in row["loud"]:
                print(f"    seed {row['seed']}: {finding}")
    unlearnt = sum(not row["error"] < 0.7 * row["constant"] for row in rows)
    figures = {
        "programs": len({row["id"] for row in rows}), "runs": len(rows), "unlearnt": unlearnt,
        "crashed": sum(row["crashed"] for row in rows), "accused": sum(bool(row["loud"]) for row in rows),
    }  # fmt: skip
    print(json.dumps({"modern": figures}, indent=1), flush=True)


def _stops(losses):
    """First epoch from which the loss stays within a twentieth of its whole fall from its last value."""
    values = np.asarray(losses)
    if not len(values) or not np.all(np.isfinite(values)):
        return None
    near = np.abs(values - values[-1]) <= 0.05 * max(values.max() - values.min(), 1e-12)
    return int(np.max(np.flatnonzero(~near), initial=-1)) + 2


def score(rows, groups):
    """The figures of the table from what was observed."""

    def same(one, other):
        return one == other or any(one in group and other in group for group in groups)

    def hits(row, count):
        return any(same(cause, label) for cause in row["causes"][:count] for label in row["labels"])

    faulty = [row for row in rows if row["version"] == "faulty"]
    found = [row for row in faulty if row["first"]]
    others = {version: [row for row in rows if row["version"] == version] for version in ("fixed", "healthy")}
    runs = [row for row in found if row["first"][0] > 0]
    figures = {
        "faulty_runs": len(faulty), "detected": len(found) / len(faulty),
        "cause_first": sum(hits(row, 1) for row in faulty) / len(faulty),
        "cause_in_three": sum(hits(row, 3) for row in faulty) / len(faulty),
        "before_training": sum(row["first"][0] == 0 for row in found) / len(faulty),
        "median_update": np.median([row["first"][0] for row in runs]) if runs else 0,
        "median_epoch": np.median([row["first"][1] for row in runs]) if runs else 0,
        "median_share_of_epochs": np.median([row["first"][1] / row["epochs"] for row in found]),
        "loss_stops_at_epoch": np.median([row["stops"] for row in runs if row["stops"]]) if runs else 0,
    }  # fmt: skip
    for version, own in others.items():
        figures[f"{version}_runs"] = len(own)
        figures[f"{version}_accused"] = sum(row["first"] is not None for row in own)
    for name in rows[0]["others"]:
        for version in ("faulty", "fixed", "healthy"):
            known = [row["others"][name] for row in rows if row["version"] == version]
            known = [flag for flag in known if flag is not None]
            figures[f"{name}, {version}"] = f"{sum(known)} of {len(known)}"
    return figures


def hard(seed):
    """Runs that tempt a careless detector, and two that must be found; the level of the loudest finding of each."""
    warnings.simplefilter("ignore")
    import keras
    import programs
    from sklearn.datasets import load_digits

    import trainwise as tw

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(pixels))
    x, y = (pixels[order] / 16).astype("float32"), labels[order]
    random = np.random.default_rng(seed)

    def model(dropout=0.0, rate=1e-3):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dropout(dropout),
                  keras.layers.Dense(10, "softmax")]  # fmt: skip
        made = keras.Sequential(layers)
        made.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return made

    def fit(made, x, y, held, epochs, **rest):
        curves = tw.callbacks.CurveWatch(x=x, y=y, validation_data=held, report=lambda finding: None)
        health = tw.callbacks.GradientWatch(x, y, report=lambda finding: None)
        found = tw.check(made, x, y, held)
        made.fit(
            x, y, epochs=epochs, batch_size=32, validation_data=held, verbose=0, callbacks=[curves, health], **rest
        )
        return [f for f in (*found, *curves.findings, *health.findings) if f.level != "info"]

    held, rows = (x[1347:], y[1347:]), slice(0, 1347)
    cycle = keras.optimizers.schedules.CosineDecayRestarts(1e-2, 84, t_mul=1.0)
    warmup = keras.optimizers.schedules.CosineDecay(1e-5, 600, warmup_target=5e-3, warmup_steps=120)
    quantity = keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    quantity.compile("adam", "mse")
    shuffled = random.permutation(y)
    resumed = model()
    resumed.fit(x[rows], y[rows], epochs=5, batch_size=32, verbose=0)
    long = programs.rows({"dataset": {"name": "iris"}, "preprocessing": [{"op": "standardize_x"}]})
    flowers = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3, "softmax")])
    flowers.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    results = {
        "random_labels": fit(model(), x[rows], shuffled[rows], (x[1347:], shuffled[1347:]), 15),
        "constant_target": fit(quantity, x[rows], np.full(1347, 3.0), (x[1347:], np.full(450, 3.0)), 5),
        "tiny_validation": fit(model(), x[rows], y[rows], (x[1347:1367], y[1347:1367]), 15),
        "one_epoch": fit(model(), x[rows], y[rows], held, 1),
        "a_thousand_epochs": fit(flowers, long[0], long[1], (long[2], long[3]), 1000),
        "cyclic_rate": fit(model(rate=cycle), x[rows], y[rows], held, 12),
        "warmup": fit(model(rate=warmup), x[rows], y[rows], held, 15),
        "heavy_dropout": fit(model(dropout=0.7), x[rows], y[rows], held, 20),
        "resumed": fit(resumed, x[rows], y[rows], held, 15, initial_epoch=5),
    }
    return {name: [f"{f.level} {f.symptom}" for f in found] for name, found in results.items()}


def hooks():
    """Seconds inside the hooks of CurveWatch and GradientWatch over those of the fit, about 30 s; tracing apart."""
    import keras
    from sklearn.datasets import load_digits

    import trainwise as tw

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    shares, traces = [], []
    for _ in range(3):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(64, "relu") for _ in range(3)),
                                  keras.layers.Dense(10, "softmax")])  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        curves = tw.callbacks.CurveWatch(x=x, y=y, validation_data=(x, y), report=lambda finding: None)
        health = tw.callbacks.GradientWatch(x, y, report=lambda finding: None)
        spent = {"all": 0.0, "first": 0.0}
        for watch in (curves, health):
            for name in [n for n in dir(watch) if n.startswith("on_")]:
                builds = watch is health and name == "on_train_batch_begin"
                setattr(watch, name, _timed(getattr(watch, name), spent, builds))
        start = time.perf_counter()
        model.fit(x, y, epochs=150, batch_size=16, validation_data=(x, y), verbose=0, callbacks=[curves, health])
        seconds = time.perf_counter() - start
        traces.append(spent["first"])
        shares.append((spent["all"] - spent["first"]) / seconds)
    return {"share": np.median(shares), "seconds_of_the_fit": seconds, "seconds_of_the_first_look": np.median(traces)}


def _timed(call, spent, builds):
    def timed(*arguments, **named):
        start = time.perf_counter()
        call(*arguments, **named)
        seconds = time.perf_counter() - start
        spent["all"] += seconds
        # The first look builds the graph.
        if builds and not spent["first"]:
            spent["first"] = seconds

    return timed


def _one_thread():
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["programs", "own", "modern", "hard", "hooks"])
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="programs of `modern`, all by default")
    chosen = parser.parse_args()
    for what in chosen.what:
        if what == "hooks":
            print(json.dumps({"hooks": hooks()}, default=float, indent=1), flush=True)
            continue
        with multiprocessing.get_context("spawn").Pool(chosen.processes, _one_thread) as pool:
            if what == "hard":
                seen = pool.map(hard, range(chosen.seeds or 10), chunksize=1)
                table = {row: Counter(bool(one[row]) for one in seen)[True] for row in seen[0]}
                print(json.dumps({"runs": len(seen), "accused": table, "what": seen}, indent=1), flush=True)
                continue
            if what == "modern":
                import modern as sound

                jobs = [(name, seed) for name in chosen.only or sound.PROGRAMS for seed in range(chosen.seeds or 3)]
                show_modern(pool.imap(modern, jobs))
                continue
            rows = pool.map(observe, list(jobs_of(what, chosen.seeds or 5)), chunksize=1)
        import programs

        print(json.dumps({what: score(rows, programs.groups())}, default=float, indent=1))
        for row in rows:
            wrong = row["first"] and row["version"] != "faulty"
            if wrong or (row["version"] == "faulty" and not row["first"]):
                print(row["version"], row["id"], row["seed"], row["findings"])
        print(flush=True)


if __name__ == "__main__":
    main()
