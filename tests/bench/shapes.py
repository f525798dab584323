"""Whether the first advice of a run's shape points to a better setting. `python tests/bench/shapes.py`

On five data sets shipped with scikit-learn a small MLP is trained by SGD at 13 rates from 1e-5 to 5.3, each 3 times the
one before, with batches of 4 to 256 rows: 260 runs. Where the advice is a rate or a batch size, the run at the next
such setting must end with a lower training loss. Runs within 10 % of the best of their data set are left out: they need
no advice.
"""

import json
import os
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import trainwise as tw

RATES = [1e-5 * 3**k for k in range(13)]
BATCHES = [4, 16, 64, 256]
SETS = ("digits", "iris", "wine", "breast_cancer", "diabetes")
EPOCHS = 20


def runs(name):
    """The history of each setting of a data set."""
    splits = tw.data.load(name)
    x, y = splits.train.x.reshape(len(splits.train.x), -1), splits.train.y
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - mean) / scale
    y = (y - y.mean()) / y.std() if splits.task == "regression" else y
    loss = "mse" if splits.task == "regression" else "sparse_categorical_crossentropy"
    units = 1 if splits.task == "regression" else int(y.max()) + 1

    def build():
        head = keras.layers.Dense(units, None if units == 1 else "softmax")
        return keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(32, "relu"), head])

    found = {}
    for size in BATCHES:
        result = tw.fit_population(
            build, x, y, learning_rate=RATES, optimizer="sgd", loss=loss, epochs=EPOCHS, batch_size=size, verbose=0
        )
        found |= {(place, size): history for place, history in enumerate(result.histories)}
    return found


def judged(found):
    """For each run that needs advice: its shape, the advice, and whether the setting that it leads to is better."""
    end = {at: history["loss"][-1] for at, history in found.items()}
    end = {at: loss if np.isfinite(loss) else np.inf for at, loss in end.items()}
    best, start = min(end.values()), max(history["loss"][0] for at, history in found.items() if at[0] == 0)
    answers = []
    for (place, size), history in found.items():
        told = tw.shape(history)
        if end[place, size] <= best + 0.1 * (start - best):
            answers.append((told.name, "", None))
            continue
        advice = told.advice[0] if told.advice else None
        to = {
            ("learning_rate", "raise"): (place + 1, size),
            ("learning_rate", "lower"): (place - (2 if advice and advice.value == 10.0 else 1), size),
            ("batch_size", "raise"): (place, size * 4),
        }.get((advice.parameter, advice.change) if advice else None)
        # A run that needs advice and gets none is not helped either.
        better = to in end and (end[to] < end[place, size] or (np.isinf(end[place, size]) and to[0] < place))
        answers.append((told.name, f"{advice.parameter} {advice.change}" if advice else "none", bool(better)))
    return answers


if __name__ == "__main__":
    everything = Counter()
    for name in SETS:
        answers = judged(runs(name))
        asked = [right for _, advice, right in answers if right is not None]
        print(json.dumps({
            "data": name, "runs": len(answers), "asked": len(asked), "right": sum(map(bool, asked)),
            "wrong": dict(Counter(f"{shape}: {advice}" for shape, advice, right in answers if right is False)),
        }), flush=True)  # fmt: skip
        everything.update(right=sum(map(bool, asked)), asked=len(asked))
    print(json.dumps({"right": everything["right"], "asked": everything["asked"]}))
