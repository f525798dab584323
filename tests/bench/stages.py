"""Overfitting first, then regularising, against a joint search at equal epochs: `python tests/bench/stages.py [SEEDS]`.

250 digits to train and validate on, the others to test; mean test accuracy over the seeds, and for each regulariser by
how much it lowered the validation loss of the data.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.datasets import load_digits

import trainwise as tw

ROWS, EPOCHS, RATES = 250, 30, 8


def _digits(seed):
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    x, y = data.images[..., None].astype("float32") / 16, data.target
    return (x[order[:ROWS]], y[order[:ROWS]]), (x[order[ROWS:]], y[order[ROWS:]])


def _accuracy(model, rows):
    return float(np.mean(model.predict(rows[0], verbose=0).argmax(axis=1) == rows[1]))


def compared(seed):
    """Test accuracy of both ways, the epochs of each, and the rows of the staged one."""
    train, test = _digits(seed)
    staged = tw.tuning.overfit_then_regularize(*train, epochs=EPOCHS, rates=RATES, seed=seed, verbose=0)
    epochs = sum(row["epochs"] for row in staged.rows)
    space = tw.tuning.CNN(
        blocks=(1, 2, 3), filters=(8, 16, 32, 64), dropout=(0.0, 0.25, 0.5), l2=(0.0, 1e-4, 1e-3),
        augmentation=("none", "shift"),
    )  # fmt: skip
    joint = tw.tuning.search(
        space, *train, trials=max(2, round(epochs / (EPOCHS * RATES))), epochs=EPOCHS, population=RATES, stopper=None,
        drop_losers=False, seed=seed, verbose=0,
    )  # fmt: skip
    spent = sum(outcome.member_epochs for outcome in joint.outcomes.values())
    return _accuracy(staged.model, test), _accuracy(joint.best_model, test), epochs, spent, staged.rows


def main(seeds):
    found = []
    for seed in range(seeds):
        staged, joint, epochs, spent, rows = compared(seed)
        found.append((staged, joint))
        effects = {row["step"]: round(row["effect"], 4) for row in rows if row["effect"] is not None}
        kept = [row["step"] for row in rows if row["stage"] == "regularise" and row["kept"]]
        print(f"seed {seed}: staged {staged:.4f} ({epochs} epochs), joint {joint:.4f} ({spent} epochs)", flush=True)
        print(f"  effects {effects}; kept {kept}", flush=True)
    means = np.mean(found, axis=0)
    print(f"mean test accuracy over {seeds} seeds: staged {means[0]:.4f}, joint search {means[1]:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
