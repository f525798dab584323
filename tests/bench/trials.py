"""Advice that was tried out beside the fit, followed in a fit from the start: does the loss come lower?

Random learning rates (1e-5 to 10) and batches (8 to 64) of a small network on digits, wine, breast cancer and
diabetes, of 3,000 updates each, so that a trial pays. `python tests/bench/trials.py [runs]`, 40 by default; each run
is one fit, and one more where a trial had something to say.
"""

import sys
import time

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

import trainwise as tw

UPDATES = 3_000
DATA = {"digits": load_digits, "wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}


def rows_of(name):
    """Standardised inputs, and class numbers or standardised quantities."""
    x, y = DATA[name](return_X_y=True)
    x = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)).astype("float32")
    return x, ((y - y.mean()) / y.std()).astype("float32") if name == "diabetes" else y


def fit(name, rate, batch, watch=None):
    """Trains from the same start; returns the mean loss of the last tenth of the epochs and the seconds."""
    x, y = rows_of(name)
    classes = None if name == "diabetes" else int(y.max()) + 1
    keras.utils.set_random_seed(0)
    end = keras.layers.Dense(1) if classes is None else keras.layers.Dense(classes, "softmax")
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(32, "relu"), end])
    model.compile(keras.optimizers.SGD(rate), "mse" if classes is None else "sparse_categorical_crossentropy")
    epochs = max(10, round(UPDATES / np.ceil(len(x) / batch)))
    began = time.perf_counter()
    history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=[watch] if watch else []).history
    return float(np.mean(history["loss"][-max(1, epochs // 10) :])), time.perf_counter() - began


def main(runs=40):
    generator = np.random.default_rng(0)
    tried = better = worse = disproved = silent = 0
    for run in range(runs):
        name = list(DATA)[run % len(DATA)]
        rate = float(f"{10 ** generator.uniform(-5, 1):.2g}")
        batch = int(2 ** generator.integers(3, 7))
        x, y = rows_of(name)
        said = []
        watch = tw.callbacks.CurveWatch(x=x, y=y, report=said.append)
        loss, _ = fit(name, rate, batch, watch)
        told = [finding for finding in said if "Tried out" in finding.message]
        won = [finding for finding in told if finding.level == "warning"]
        if not told:
            silent += 1
        elif not won:
            disproved += 1
        else:
            advice = won[0].advice[0]
            tried += 1
            set_rate = advice.value if advice.parameter == "learning_rate" else rate
            followed, _ = fit(name, set_rate, batch if advice.parameter == "learning_rate" else 4 * batch)
            better += followed < loss or not np.isfinite(loss)
            worse += followed > loss * 1.02
            print(f"{name:14} rate {rate:<8g} batch {batch:<3} {won[0].symptom:24} {advice.sentence:30} "
                  f"loss {loss:.4g} -> {followed:.4g}", flush=True)  # fmt: skip
    print(f"{runs} runs: nothing tried in {silent}, disproved in {disproved}, a cure won in {tried}")
    print(f"followed from the start it came lower in {better} of {tried}, more than 2 % higher in {worse}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
