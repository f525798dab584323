"""Bad arguments for everything public: what each argument must be, and values of other kinds for it.

The tests draw some of them. All, by hand, with what was not refused in words that name the argument:
`python tests/bad_arguments.py [words of the label]`.
"""

import contextlib
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import trainwise as tw

HUGE = 10**23
# A row a thing, however long: the table is read down, not across.
# fmt: off
# ruff: noqa: E501


def function(*arguments):
    """A function where none is wanted."""
    raise RuntimeError("This must not be called.")


NAN, INF = float("nan"), float("inf")
OTHER = {"set": {1, 2}, "bytes": b"abc", "complex": 1j, "object": object(), "function": function}
TEXTS = {"text": "nonsense", "empty text": ""}
NUMBERS = {"nan": NAN, "infinite": INF, "negative": -1, "huge": HUGE, "half": 0.5}
LISTS = {"empty list": [], "nested list": [[1], [2, [3]]], "object array": np.array([None, "a"], dtype=object)}
COMPLEX = {"complex array": np.ones((4, 2), complex)}
ROWS = {**OTHER, **TEXTS, "number": 3, "nan": NAN, "no rows": np.ones((0, 3)), "empty list": [], **COMPLEX}
# Values that an argument of each kind must refuse.
KINDS = {
    "count": {**OTHER, **TEXTS, **LISTS, **COMPLEX, **NUMBERS, "true": True, "none": None},
    "seed": {**OTHER, **TEXTS, **LISTS, **COMPLEX, **NUMBERS, "true": True},
    "share": {**OTHER, **TEXTS, **LISTS, **COMPLEX, "nan": NAN, "infinite": INF, "negative": -1, "huge": HUGE, "none": None},
    "rate": {**OTHER, **TEXTS, **LISTS, **COMPLEX, "nan": NAN, "infinite": INF, "negative": -1, "none": None},
    "word": {**OTHER, **TEXTS, **LISTS, "number": 3, "nan": NAN},
    "path": {**OTHER, "empty text": "", "zero byte": "a\0b", **LISTS, "number": 3, "nan": NAN},
    "rows": {**ROWS, "none": None},
    "model": {**OTHER, **TEXTS, **LISTS, "number": 3, "none": None, "class": keras.Model},
    "function": {"set": {1}, "bytes": b"abc", "complex": 1j, **TEXTS, **LISTS, "number": 3},
    "list": {**OTHER, **TEXTS, "number": 3, "nan": NAN},
}  # fmt: skip
KINDS["list of texts"] = {**OTHER, **LISTS, "number": 3}
# A name that is no file is another error, as Python's own `open` has it.
KINDS["model or file"] = {name: value for name, value in KINDS["model"].items() if name not in TEXTS}
KINDS["optional path"] = KINDS["path"]
KINDS["optional rows"] = ROWS
KINDS["optional rate"] = {name: value for name, value in KINDS["rate"].items() if name != "none"}
KINDS["optional count"] = {name: value for name, value in KINDS["count"].items() if name != "none"}
KINDS["rates"] = {name: value for name, value in KINDS["optional rate"].items() if name != "function"}

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = (np.arange(12) % 2).astype("float32")[:, None]
NAN_ROWS = np.where(np.arange(12)[:, None] == 5, np.nan, X)


def network():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid", name="end")])
    model.compile("sgd", "binary_crossentropy")
    return model


def recurrent():
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.SimpleRNN(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def arguments_of(folder):
    """For each public thing: how it is called well, and what each of its arguments must be."""
    c, s, o, t, layers = tw.callbacks, tw.schedules, tw.optimizers, tw.tuning, tw.layers
    model = network()
    votes = {"models": [network(), network()]}
    probabilities = np.full((2, 12, 2), 0.5)
    fit = {"build_model": network, "x": X, "y": Y, "verbose": 0}
    seal = {"epochs": 1, "batch_size": 4, "seed": 0}
    return [
        # toolkit and root
        (tw.fit_population, {**fit, "size": 2}, {
            "build_model": "function", "x": "rows", "y": "rows", "size": "count", "learning_rate": "rates",
            "momentum": "rates", "weight_decay": "rates", "dropout": "rates", "seed": "seed", "batch_size": "optional count",
            "epochs": "count", "validation_split": "share", "steps_per_execution": "optional count", "memory_limit": "optional count",
            "sample_weight": "optional rows", "callbacks": "list", "validation_data": "list", "class_weight": "list",
            "loss_weights": "list", "optimizer": "word", "loss": "word",
        }),
        (tw.Population, {"template": model, "members": 2}, {"template": "model", "members": "count", "dropout": "list"}),
        (tw.check, {"model": model, "x": X, "y": Y}, {"model": "model"}),
        (tw.rank, {"findings": []}, {"findings": "list"}),
        (tw.export, {"model": model, "path": folder / "m"}, {
            "model": "model", "path": "path", "x": "optional rows", "formats": "list", "signatures": "list",
        }),
        (tw.verify, {"path": folder / "nothing"}, {"path": "path"}),
        (tw.load_model, {"path": folder / "nothing.keras"}, {"path": "path"}),
        (tw.vote, votes, {"models": "list", "how": "word", "weights": "list", "ties": "word", "output": "word", "task": "word"}),
        (tw.average_weights, {**votes, "x": X, "y": Y}, {"models": "list", "x": "rows", "y": "rows", "weights": "list", "task": "word"}),
        (tw.greedy_soup, {**votes, "x": X, "y": Y}, {"models": "list", "x": "rows", "y": "rows", "task": "word"}),
        (tw.calibrate, {"model": model, "x": X, "y": Y}, {"model": "model or file", "x": "rows", "y": "rows", "batch_size": "count"}),
        (tw.evaluate_vote, {"vote": tw.vote(votes["models"]), "x": X, "y": Y}, {
            "vote": "model", "x": "rows", "y": "rows", "best": "optional count", "confidence": "share", "batch_size": "count", "seed": "seed",
        }),
        (tw.mc_dropout, {"model": model}, {"model": "model or file", "samples": "count", "seed": "seed", "output": "word"}),
        (tw.select_members, {"predictions": probabilities, "y": Y[:, 0].astype(int)}, {
            "predictions": "rows", "y": "rows", "size": "count", "metric": "word", "seed": "seed",
        }),
        (tw.combine, {**votes, "x": X, "y": np.arange(12) % 2}, {
            "models": "list", "x": "rows", "y": "rows", "task": "word", "batch_size": "count", "seed": "seed",
        }),
        (tw.members.from_saved_model, {"path": folder / "m"}, {"path": "path"}),
        (tw.members.from_sklearn, {"estimator": None}, {"estimator": "model"}),
        (tw.members.from_subclassed, {"model": model, "x": X}, {"model": "model", "x": "list"}),
        (tw.bagging_weights, {"rows": 4, "members": 2}, {"rows": "count", "members": "count", "seed": "seed"}),
        # callbacks
        (c.CurveWatch, {}, {
            "action": "word", "x": "optional rows", "y": "optional rows", "validation_data": "list", "report": "function",
            "language": "word", "log": "optional path", "tensorboard": "optional path", "trial": "count",
        }),
        (c.GradientWatch, {"x": X, "y": Y}, {
            "x": "rows", "y": "rows", "every": "count", "rows": "count", "report": "function", "language": "word",
            "log": "optional path", "tensorboard": "optional path", "keep": "optional path",
        }),
        (c.LearningRateFinder, {"x": X, "y": Y}, {"x": "rows", "y": "rows", "method": "word"}),
        (c.LearningRateMonitor, {}, {"every": "word", "batch_size": "optional count", "beside": "list"}),
        (c.Progress, {}, {"label": "list of texts"}),
        (c.ResumableState, {"callbacks": [keras.callbacks.EarlyStopping()], "path": folder / "s.json"}, {
            "callbacks": "list", "path": "path",
        }),
        (c.Resume, {"directory": folder / "r"}, {"directory": "path", "monitor": "list of texts", "carry": "list", "mode": "word"}),
        (c.SnapshotEnsemble, {}, {"cycles": "count", "learning_rate": "optional rate", "directory": "optional path"}),
        (c.UpdateRatioMonitor, {}, {"every": "count"}),
        (c.WeightAverage, {}, {
            "how": "word", "start": "share", "every": "word", "momentum": "share", "keep": "word", "x": "optional rows", "batch_size": "count",
        }),
        # schedules
        (s.BatchSizeSchedule, {"boundaries": [1], "batch_sizes": [2, 4]}, {"boundaries": "list", "batch_sizes": "list"}),
        (s.CyclicalLearningRate, {"minimum": 0.1, "maximum": 0.2, "step_size": 3}, {
            "minimum": "rate", "maximum": "rate", "step_size": "count", "mode": "word", "gamma": "share",
        }),
        (s.InverseSqrtDecay, {"peak": 0.1, "warmup_steps": 3}, {"peak": "rate", "warmup_steps": "count"}),
        (s.JoinedSchedule, {"schedules": [0.1, 0.2], "boundaries": [3]}, {"schedules": "list", "boundaries": "list"}),
        (s.LinearWarmup, {"target": 0.1, "steps": 3}, {"target": "rate", "steps": "count", "start": "rate"}),
        (s.OneCycle, {"maximum": 0.1, "steps": 10}, {
            "maximum": "rate", "steps": "count", "warmup_share": "share", "initial_divisor": "rate", "final_divisor": "rate",
            "anneal": "word", "momentum": "list",
        }),
        (s.PiecewiseDecay, {"initial_learning_rate": 0.1, "boundaries": [2], "decay_rates": [0.5]}, {
            "initial_learning_rate": "rate", "boundaries": "list", "decay_rates": "list",
        }),
        (s.WarmupStableDecay, {"peak": 0.1, "warmup_steps": 1, "stable_steps": 1, "decay_steps": 1}, {
            "peak": "rate", "warmup_steps": "count", "stable_steps": "count", "decay_steps": "count", "minimum": "rate", "decay": "word",
        }),
        (s.preview, {"schedule": s.LinearWarmup(0.1, 3), "steps": 3}, {"schedule": "word", "steps": "count"}),
        (s.plot, {"schedule": s.LinearWarmup(0.1, 3), "steps": 3}, {"schedule": "word", "steps": "count"}),
        (s.updates, {"epochs": 1, "samples": 10, "batch_size": 2}, {
            "epochs": "count", "samples": "count", "batch_size": "count", "accumulation": "count",
        }),
        # optimizers
        (o.LARS, {}, {
            "learning_rate": "rates", "momentum": "share", "weight_decay": "rate", "trust_coefficient": "rate",
            "epsilon": "rate", "exclude": "list",
        }),
        (o.MomentumSGD, {}, {"learning_rate": "rates", "momentum": "share"}),
        (o.AccumulatedGradients, {"inner_optimizer": "sgd"}, {"inner_optimizer": "model", "steps": "count"}),
        (o.LayerwiseLearningRate, {"inner_optimizer": "sgd"}, {
            "inner_optimizer": "model", "multipliers": "list", "default": "rate",
        }),
        # layers
        (layers.Standardize, {}, {"center": "list", "scale": "list"}),
        (layers.MinMax, {}, {"low": "word", "high": "word", "feature_range": "list", "clip": "word"}),
        (layers.PaddingMask, {}, {"fill": "list"}),
        (layers.SwapNoise, {"rate": 0.1}, {"rate": "share", "seed": "seed"}),
        (layers.TimeMasking, {"longest": 2}, {"longest": "count", "runs": "count", "seed": "seed"}),
        (layers.Robust, {}, {"quantile_range": "list"}),
        (layers.SoftVoting, {}, {"weights": "list"}),
        (layers.HardVoting, {}, {"weights": "list", "ties": "word", "task": "word"}),
        (layers.StackedDense, {"layer": keras.layers.Dense(1), "members": 2}, {"layer": "model", "members": "count"}),
        (layers.DecisionTrees, {"nodes": 1, "trees": 1, "outputs": 1, "depth": 1}, {
            "nodes": "count", "trees": "count", "outputs": "count", "depth": "count",
        }),
        (layers.DropoutSampling, {"layer": keras.layers.Dropout(0.5)}, {"layer": "model"}),
        # tuning
        (t.range_test, {"model": model, "x": X, "y": Y, "rates": 2, "updates": 10}, {
            "model": "model", "x": "rows", "y": "rows", "lowest": "rate", "highest": "rate", "rates": "count",
            "updates": "count", "how": "word", "method": "word", "batch_size": "count", "seed": "seed", "validation_data": "list",
        }),
        (t.compare_momentum, {**fit, "momenta": [0.0], "nesterov": [False], "seeds": 1}, {
            "build_model": "function", "x": "rows", "y": "rows", "momenta": "list", "nesterov": "list", "learning_rate": "rates",
            "equal": "word", "seeds": "count", "target": "word", "epochs": "count", "batch_size": "optional count",
        }),
        (t.compare_rates, {**fit, "learning_rates": [0.1], "seeds": 1}, {
            "build_model": "function", "x": "rows", "y": "rows", "learning_rates": "list", "seeds": "count", "epochs": "count",
        }),
        (t.fit_growing_batches, {"model": model, "x": X, "y": Y, "batch_sizes": s.BatchSizeSchedule([], [4]), "epochs": 1}, {
            "model": "model", "x": "rows", "y": "rows", "batch_sizes": "word", "epochs": "count", "learning_rates": "list", "callbacks": "list",
        }),
        (t.gradient_over_time, {"model": recurrent(), "x": X[:, :, None], "y": Y}, {"model": "model", "x": "rows", "y": "rows", "rows": "count"}),
        (t.ladder, {}, {"optimizer": "word", "count": "count"}),
        (t.overfit_then_regularize, {"x": X, "y": Y, **seal, "seeds": 1, "rates": 2}, {
            "x": "rows", "y": "rows", "epochs": "count", "batch_size": "count", "seeds": "count", "rates": "count", "seed": "seed", "target": "word",
        }),
        (t.repair, {"build_model": network, "x": X, "y": Y, **seal}, {
            "build_model": "function", "x": "rows", "y": "rows", "epochs": "count", "batch_size": "count",
            "most_variants": "count", "seed": "seed",
        }),
        (t.Settings, {}, {
            "members": "count", "epochs": "count", "batch_size": "count", "learning_rate": "rate", "seed": "seed",
        }),
        (t.run, {"source": "iris", "out": folder / "o"}, {"out": "path", "settings": "word"}),
        (tw.data.mixup, {"data": tf.data.Dataset.from_tensors((X, Y))}, {"data": "model", "alpha": "rate", "seed": "seed"}),
        (tw.data.load, {"source": "iris"}, {"seed": "seed", "validation": "share", "test": "share"}),
    ]  # fmt: skip


# Taken as they are, and rightly: a schedule is a function, a rate may be a list with one a member.
FINE = {
    ("fit_population", "learning_rate"): {"function"},
    ("compare_momentum", "learning_rate"): {"function"},
    ("fit_population", "loss"): {"function"},
    ("fit_population", "size"): {"none"},
    ("fit_population", "memory_limit"): {"huge"},
    ("fit_population", "loss_weights"): {"number"},
    ("compare_rates", "learning_rates"): {"number"},
    ("calibrate", "y"): {"none"},
    ("combine", "y"): {"none"},
    ("Settings", "learning_rate"): {"none"},
    ("Settings", "batch_size"): {"none"},
    ("average_weights", "y"): {"none"},
    ("OneCycle", "initial_divisor"): {"half"},
    ("BatchSizeSchedule", "boundaries"): {"empty list"},
    ("MinMax", "low"): {"number"},
    ("MinMax", "high"): {"number"},
    ("compare_momentum", "target"): {"number"},
}


def cases(folder):
    """Each bad value of each argument: a label, the call, the argument and the value."""
    for call, good, kinds in arguments_of(folder):
        for argument, kind in kinds.items():
            for name, value in KINDS[kind].items():
                if name not in FINE.get((call.__name__, argument), ()):
                    yield f"{call.__name__}({argument}={name})", call, {**good, argument: value}, argument


def complaint(call, arguments, argument):
    """What is wrong with how a call deals with a bad argument; `None` where it is refused in words."""
    try:
        call(**arguments)
    except (ValueError, TypeError) as error:
        text = str(error)
        # The words of TensorFlow and Keras' own traces are long, and say nothing of the argument.
        named = f"`{argument}" in text or f"{argument}=" in text
        return None if named and len(text) < 500 else f"unclear: {type(error).__name__}: {text[:160]}"
    except Exception as error:  # whatever else comes out is the finding
        return f"{type(error).__name__}: {str(error)[:160]}"
    return "taken"


def main(words):
    """Tries all whose label holds the words, and prints what was found; the number of findings."""
    warnings.simplefilter("ignore")
    count, found = 0, 0
    # What is taken after all may write where it runs.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for label, call, arguments, argument in cases(Path(folder)):
            if words in label:
                wrong = complaint(call, arguments, argument)
                count, found = count + 1, found + (wrong is not None)
                if wrong is not None:
                    print(f"{label}: {wrong}".replace("\n", " "), flush=True)
    print(f"{found} of {count} bad arguments were not refused in words that name the argument")
    return found


if __name__ == "__main__":
    sys.exit(min(main(" ".join(sys.argv[1:])), 1))
