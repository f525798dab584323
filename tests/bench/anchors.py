"""Published rules for diagnosing a fit, written anew from their papers and documentation, to compare with.

AUTOTRAINER (Zhang et al., ICSE 2021), DeepLocalize (Wardat et al., ICSE 2021) and the built-in rules of
Amazon SageMaker Debugger, each with its published defaults, on what `Recorder` saw at the end of each
epoch. They are approximations: the originals are bound to other versions of Keras.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf

_ROWS = 64


class Recorder(keras.callbacks.Callback):
    """Notes, at the end of each epoch, gradients, weights and activations on 64 rows, and all batch losses."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = tf.convert_to_tensor(x[:_ROWS]), tf.convert_to_tensor(np.asarray(y)[:_ROWS])
        self.epochs, self.losses = [], []

    def on_train_begin(self, logs=None):
        layers = [layer for layer in self.model.layers if not isinstance(layer, keras.layers.InputLayer)]
        self.inner = keras.Model(self.model.inputs, [layer.output for layer in layers])
        self.kinds = [getattr(getattr(layer, "activation", None), "__name__", "") for layer in layers]
        self.graph = tf.function(self._measure)
        self.before = [np.array(w) for w in self.model.trainable_weights]

    def _measure(self, x, y):
        with tf.GradientTape() as tape:
            found = self.inner([x], training=False)
            answers = found if len(self.kinds) == 1 else found[-1]
            loss = self.model.compute_loss(x=x, y=y, y_pred=answers)
        gradients = tape.gradient(loss, self.model.trainable_weights)
        return gradients, found if isinstance(found, list) else [found]

    def on_epoch_begin(self, epoch, logs=None):
        self.count, self.mean = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1
        loss = self.count * logs["loss"] - (self.count - 1) * self.mean
        self.mean = logs["loss"]
        self.losses.append(float(loss))

    def on_epoch_end(self, epoch, logs=None):
        gradients, activations = self.graph(self.x, self.y)
        weights = [np.array(w) for w in self.model.trainable_weights]
        flat = [np.zeros_like(w) if g is None else np.array(g) for g, w in zip(gradients, weights, strict=True)]
        self.epochs.append({
            "logs": {name: float(value) for name, value in logs.items()},
            "norms": [float(np.linalg.norm(g)) for g in flat],
            "means": [float(np.mean(np.abs(g))) for g in flat],
            "zeros": float(np.mean(np.concatenate([g.ravel() for g in flat]) == 0)),
            "finite": all(np.all(np.isfinite(v)) for v in (*flat, *weights)),
            "moved": [bool(np.array_equal(a, b)) for a, b in zip(weights, self.before, strict=True)],
            "close": [bool(np.allclose(a, b, 1e-5, 1e-8)) for a, b in zip(weights, self.before, strict=True)],
            "ratios": [
                float(np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-9))
                for a, b in zip(weights, self.before, strict=True)
            ],
            "inactive": [
                float(np.mean(np.mean(np.reshape(a, (-1, a.shape[-1])) > 0, axis=0) < 0.01))
                for a, kind in zip(activations, self.kinds, strict=True) if kind == "relu"
            ],
            "answers": float(np.mean(activations[-1])),
        })  # fmt: skip
        self.before = weights


def autotrainer(recorder):
    """AUTOTRAINER: checked every third epoch; `None` where there is no accuracy."""
    seen = recorder.epochs
    if not seen or not any("accuracy" in name for name in seen[0]["logs"]):
        return None
    for end in range(3, len(seen) + 1, 3):
        logs = [one["logs"] for one in seen[:end]]
        name = next(n for n in logs[0] if "accuracy" in n and not n.startswith("val_"))
        train, held = [one[name] for one in logs], [one.get(f"val_{name}", 0.0) for one in logs]
        now = seen[end - 1]
        first, last = now["norms"][0], now["norms"][-2] if len(now["norms"]) > 1 else now["norms"][-1]
        ratio = first / last if last else np.inf if first else 0.0
        turns = [a for a in np.abs(np.diff(train)) if a >= 0.03]
        falls = [b - a for a, b in itertools.pairwise(train)]
        bad_loss = not np.isfinite(logs[-1]["loss"]) or logs[-1]["loss"] >= 1e3 or logs[-1]["loss"] < 0
        gains = max([*falls, *(b - a for a, b in itertools.pairwise(held))], default=1.0)
        slow = end >= 0.3 * len(seen) - 3 and gains < 0.01
        unstable = len([f for f in falls if f < 0 and abs(f) >= 0.03]) >= 0.2 * end and bool(turns)
        poor = max(train) < 0.6 and max(held) < 0.6
        if (ratio < 1e-3 and first < 1e-4) or ratio > 70 or now["zeros"] >= 0.7 or not now["finite"]:
            return True
        if bad_loss or slow or unstable or poor:
            return True
    return False


def deeplocalize(recorder):
    """DeepLocalize: NaN or infinite values, exact zeros in half of them, or nothing that changes over five."""
    seen = recorder.epochs
    losses = np.asarray(recorder.losses)
    if not np.all(np.isfinite(losses)) or not all(one["finite"] for one in seen):
        return True
    if np.any([np.all(losses[i : i + 5] == losses[i]) for i in range(len(losses) - 4)]):
        return True
    for end in range(5, len(seen) + 1):
        window = seen[end - 5 : end]
        accuracies = [[v for n, v in one["logs"].items() if n.endswith("accuracy")][:1] for one in window]
        same = all(a == accuracies[0] for a in accuracies) and bool(accuracies[0])
        frozen = any(all(one["moved"][k] for one in window) for k in range(len(window[0]["moved"])))
        zero = any(sum(one["norms"][k] == 0 for one in window) >= 3 for k in range(len(window[0]["norms"])))
        if same or frozen or zero or len({one["answers"] for one in window}) == 1:
            return True
    return False


def sagemaker(recorder):
    """SageMaker Debugger's built-in rules with their defaults."""
    seen, losses = recorder.epochs, np.asarray(recorder.losses)
    tens = losses[::10]
    not_decreasing = len(tens) > 1 and bool(np.any(np.diff(tens) >= 0))
    for one in seen:
        logs = one["logs"]
        train, held = logs["loss"], logs.get("val_loss", logs["loss"])
        overfit = train > 0 and (held - train) / train > 0.1
        ratio = any(value > 10 or value < 1e-8 for value in one["ratios"])
        if any(mean < 1e-7 for mean in one["means"]) or any(share > 0.5 for share in one["inactive"]):
            return True
        if overfit or ratio or not one["finite"] or not np.isfinite(train) or any(one["close"]):
            return True
    return not_decreasing


RULES = {"AUTOTRAINER": autotrainer, "DeepLocalize": deeplocalize, "SageMaker Debugger": sagemaker}
