"""Whether the first advice helps, and how much of the way to the known fix `tuning.repair` goes.

`python tests/bench/repairs.py advice`, `repair` or `random` (a random search of equal budget); `--seeds N`.
Programs whose fix is other data are left out: labels or validation rows that are wrong, and fixes that
bring more or other rows.
"""

import argparse
import json
import math
import multiprocessing
import os
import sys
import warnings
from copy import deepcopy
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

_DATA = ("labels_corrupted", "labels_shuffled", "labels_scaled", "val_not_preprocessed", "train_val_leakage",
         "class_imbalance", "nan_in_inputs")  # fmt: skip


def mendable():
    """The faulty programs that a fit or a configuration can mend."""
    import programs

    faulty = [program for program in programs.load() if program["kind"] == "faulty"]
    return [
        program for program in faulty
        if "dataset" not in program["fix_overrides"] and not set(program["fault_labels"]) & set(_DATA)
    ]  # fmt: skip


def trained(program, seed):
    """Last validation loss and the score of a program; NaN and failure count as the worst there is."""
    import programs

    x, y, held_x, held_y = programs.rows(program)
    model = programs.build(program, seed)
    try:
        history = model.fit(
            x, y, validation_data=(held_x, held_y), epochs=program["epochs"], batch_size=program["batch_size"],
            verbose=0, class_weight=program.get("class_weight"),
        ).history  # fmt: skip
    except ValueError:
        return math.inf, -math.inf
    loss = history["val_loss"][-1]
    return (loss if math.isfinite(loss) else math.inf), score(program, model.predict(held_x, verbose=0), history)


def score(program, answers, history):
    """Validation accuracy as Keras counts it, or minus the squared error in the units of the raw targets."""
    import programs

    accuracies = [values[-1] for name, values in history.items() if name.startswith("val_") and "accuracy" in name]
    if accuracies:
        return accuracies[0]
    raw = {**program, "preprocessing": [s for s in program["preprocessing"] if s["op"] != "standardize_y"]}
    _, y, _, held_y = programs.rows(raw)
    answers = np.asarray(answers, "float64").reshape(len(held_y), -1)
    if len(raw["preprocessing"]) < len(program["preprocessing"]):
        answers = answers * y.std(0) + y.mean(0)
    error = float(np.mean((answers - held_y.reshape(len(held_y), -1)) ** 2))
    return -error if math.isfinite(error) else -math.inf


def advised(program, advice):
    """The program with one piece of advice followed; `None` where it cannot be written into a program."""
    made = deepcopy(program)
    name, change, value = advice.parameter, advice.change, advice.value
    factor = float(value) if isinstance(value, int | float) else 1.0
    hidden = [layer for layer in made["layers"] if "activation" in layer][:-1]
    if name in ("learning_rate", "epochs", "batch_size"):
        place = made["optimizer"] if name == "learning_rate" else made
        new = place[name] * factor if change == "raise" else place[name] / factor
        place[name] = factor if change == "set" else new if name == "learning_rate" else max(1, round(new))
    elif name == "clipnorm":
        made["optimizer"]["clipnorm"] = factor
    elif name == "normalization":
        made["preprocessing"].append({"op": "standardize_x"})
    elif name == "targets" and change == "standardize":
        made["preprocessing"].append({"op": "standardize_y"})
    elif name in ("activation", "kernel_initializer") and hidden:
        for layer in hidden:
            layer[name] = value
    elif name in ("output_activation", "loss", "units") and change == "set":
        return _with_head(made)
    elif name == "regularization":
        for layer in made["layers"]:
            if "kernel_regularizer" in layer:
                strength = float(layer["kernel_regularizer"][3:-1]) / factor
                layer["kernel_regularizer"] = f"l2({strength})"
    elif name == "units" and hidden:
        for layer in hidden:
            size = "units" if "units" in layer else "filters"
            layer[size] = max(1, round(layer[size] * (factor if change == "raise" else 1 / factor)))
    elif name == "layers" and change == "add":
        made["layers"][-1:-1] = [{"type": "Dense", "units": 32, "activation": "relu"} for _ in range(2)]
    elif name == "dropout":
        made["layers"][-1:-1] = [{"type": "Dropout", "rate": 0.5}]
    elif name == "dead_units":
        return advised(program, type(advice)("kernel_initializer", "set", "he_normal"))
    else:
        return None
    return made


def _with_head(program):
    import programs

    from trainwise.toolkit.tasks import head

    y = programs.rows(program)[1]
    wanted = head(program["task"], y)
    last = next(layer for layer in reversed(program["layers"]) if layer["type"] == "Dense")
    last.update(units=wanted.units, activation=wanted.activation)
    program["loss"] = wanted.loss
    return program


def advice(job):
    """Whether the first advice that can be followed betters the validation loss."""
    program, seed = job
    warnings.simplefilter("ignore")
    import programs

    import trainwise as tw

    x, y, held_x, held_y = programs.rows(program)
    model = programs.build(program, seed)
    found = tw.check(model, x, y, (held_x, held_y))
    curves = tw.callbacks.CurveWatch(x=x, y=y, validation_data=(held_x, held_y), report=lambda finding: None)
    health = tw.callbacks.GradientWatch(x, y, report=lambda finding: None)
    try:
        model.fit(x, y, validation_data=(held_x, held_y), epochs=program["epochs"], batch_size=program["batch_size"],
                  verbose=0, callbacks=[curves, health])  # fmt: skip
        found = [*found, *curves.findings, *health.findings]
    except ValueError:
        pass
    loud = [finding for finding in tw.rank(found) if finding.level != "info"]
    offers = ((one, made) for f in loud for one in f.advice if (made := advised(program, one)) is not None)
    first, made = next(offers, (None, None))
    if made is None:
        return {"id": program["id"], "seed": seed, "advice": None, "better": False}
    before, after = trained(program, seed), trained(made, seed)
    targets = [[s for s in one["preprocessing"] if s["op"] == "standardize_y"] for one in (made, program)]
    alike = made["loss"] == program["loss"] and targets[0] == targets[1] and after[0] != before[0]
    # Losses that read the logits behind an activation stay as they are when it is mended; the accuracy does not.
    better = after[0] < before[0] if alike else after[1] > before[1]
    return {"id": program["id"], "seed": seed, "advice": first.sentence, "better": bool(better),
            "before": before, "after": after}  # fmt: skip


def repair(job):
    """How much of the way from the faulty program to its fix a repair goes, by the validation score."""
    program, seed = job
    warnings.simplefilter("ignore")
    import programs

    import trainwise as tw

    x, y, held_x, held_y = programs.rows(program)
    fixed = trained(programs.repaired(program), seed)[1]
    found = tw.tuning.repair(
        lambda: programs.build(program, seed), x, y, validation_data=(held_x, held_y), epochs=program["epochs"],
        batch_size=program["batch_size"], seed=seed,
    )  # fmt: skip
    sign = 1 if found.metric == "accuracy" else -1
    values = [sign * row["score"] for row in found.rows]
    best = max(value for value in values if math.isfinite(value))
    budget = sum(row["epochs"] for row in found.rows[1:])
    return {
        "id": program["id"], "seed": seed, "untouched": _or_worst(values[0]), "fixed": fixed, "repaired": best,
        "epochs": budget, "changes": [one.sentence for one in found.changes], "sentence": found.sentence,
    }  # fmt: skip


def _or_worst(value):
    return value if math.isfinite(value) else -math.inf


def closes(row):
    """Whether at least half of the gap is closed; a program that is as good as its fix needs no repair."""
    if row["fixed"] <= row["untouched"]:
        return row["repaired"] >= row["untouched"]
    if not math.isfinite(row["untouched"]):
        # From NaN half of the way is anywhere: ask for nine tenths of the accuracy, twice the error at most.
        return row["repaired"] >= (0.9 * row["fixed"] if row["fixed"] > 0 else 2 * row["fixed"])
    return row["repaired"] >= (row["fixed"] + row["untouched"]) / 2


def random_search(job):
    """The best score of random changes, each trained by itself, until the budget of epochs is used up."""
    program, seed, budget = job
    warnings.simplefilter("ignore")

    draw = np.random.default_rng(seed)
    best, spent = trained(program, seed)[1], 0
    while spent < budget:
        made = deepcopy(program)
        for layer in made["layers"][:-1]:
            if "activation" in layer:
                layer["activation"] = str(draw.choice(["relu", "tanh", "sigmoid", "elu"]))
                layer["kernel_initializer"] = str(draw.choice(["glorot_uniform", "he_normal", "random_normal"]))
            if "units" in layer:
                layer["units"] = max(1, int(layer["units"] * draw.choice([0.5, 1, 2, 4])))
        made["optimizer"] = {"name": str(draw.choice(["SGD", "Adam", "RMSprop"])),
                             "learning_rate": float(10 ** draw.uniform(-5, 0))}  # fmt: skip
        made["batch_size"] = int(draw.choice([program["batch_size"], 32]))
        if draw.random() < 0.5:
            made["preprocessing"].append({"op": "standardize_x"})
        if draw.random() < 0.5:
            made = _with_head(made)
        best = max(best, trained(made, seed)[1])
        spent += made["epochs"]
    return {"id": program["id"], "seed": seed, "random": best}


def _one_thread():
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["advice", "repair", "random"])
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    jobs = [(program, seed) for seed in range(chosen.seeds) for program in mendable()]
    with multiprocessing.get_context("spawn").Pool(2, _one_thread) as pool:
        if "advice" in chosen.what:
            rows = []
            for row in pool.imap(advice, jobs):
                rows.append(row)
                print(
                    row["better"],
                    row["id"],
                    row["seed"],
                    row["advice"],
                    row.get("before"),
                    row.get("after"),
                    flush=True,
                )
            share = np.mean([row["better"] for row in rows])
            print(json.dumps({"advice": {"cases": len(rows), "better": share}}, indent=1), flush=True)
        if "repair" in chosen.what or "random" in chosen.what:
            rows = []
            for row in pool.imap(repair, jobs):
                rows.append(row)
                print(closes(row), json.dumps(row, default=float), flush=True)
            worse = sum(row["repaired"] < row["untouched"] for row in rows)
            figures = {"cases": len(rows), "closes_half": np.mean([closes(row) for row in rows]), "worse": worse}
            print(json.dumps({"repair": figures}, indent=1), flush=True)
        if "random" in chosen.what:
            programs_by_id = {program["id"]: program for program in mendable()}
            # One seed of it: it costs as much as all repairs together.
            rows = [row for row in rows if row["seed"] == 0]
            budgets = [(programs_by_id[row["id"]], row["seed"], row["epochs"]) for row in rows]
            for one, row in zip(pool.imap(random_search, budgets), rows, strict=True):
                row["repaired"] = one["random"]
                print(closes(row), row["id"], row["seed"], row["untouched"], row["fixed"], row["repaired"], flush=True)
            figures = {"cases": len(rows), "closes_half": np.mean([closes(row) for row in rows])}
            print(json.dumps({"random search of equal budget": figures}, indent=1))


if __name__ == "__main__":
    main()
