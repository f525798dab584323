"""A grammar of fits: models, targets, losses, metrics, weights and forms of data, drawn at random and tiny."""

import keras
import numpy as np
from keras import ops

L = keras.layers
ROWS, STEPS, FEATURES, CLASSES, SIDE = 8, 4, 3, 3, 4


class Subclassed(keras.Model):
    def __init__(self, units, activation):
        super().__init__()
        self.hidden, self.head = L.Dense(4, "relu"), L.Dense(units, activation)

    def call(self, x):
        return self.head(self.hidden(x))


class AddsLoss(L.Layer):
    def __init__(self):
        super().__init__()
        self.code, self.back, self.seed = L.Dense(2), L.Dense(FEATURES), keras.random.SeedGenerator(0)

    def build(self, shape):
        self.code.build(shape)
        self.back.build((None, 2))

    def call(self, x):
        code = self.code(x)
        answer = self.back(code + keras.random.normal(ops.shape(code), seed=self.seed))
        self.add_loss(ops.mean(ops.square(x - answer)))
        return answer


class TwoLosses(keras.Model):
    """A training step of its own, which logs no `loss`."""

    def __init__(self):
        super().__init__()
        self.head, self.a, self.b = L.Dense(1), keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.a, self.b]

    def call(self, x):
        return self.head(x)

    def train_step(self, data):
        self.a.update_state(1.0)
        self.b.update_state(ops.mean(self(data[0] if isinstance(data, tuple) else data)))
        return {"d_loss": self.a.result(), "g_loss": self.b.result()}

    def test_step(self, data):
        return self.train_step(data)


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays, size=4):
        super().__init__()
        self.arrays, self.size = arrays, size

    def __len__(self):
        return ROWS // self.size

    def __getitem__(self, place):
        rows = slice(place * self.size, (place + 1) * self.size)
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)


def own_pinball(y, answers):
    return ops.mean(ops.maximum(0.9 * (y - answers), -0.1 * (y - answers)), axis=-1)


def own_skipping(y, answers):
    """Leaves out targets that are not known."""
    known = ops.logical_not(ops.isnan(y))
    return ops.mean(ops.where(known, ops.square(ops.where(known, y, 0.0) - answers), 0.0), axis=-1)


# Of each form of targets: how they are made, the units and activation of the head, the losses, and the metrics.
_CE = keras.losses.SparseCategoricalCrossentropy
FORMS = {
    "classes": (lambda r, *s: r.integers(0, CLASSES, s), CLASSES, "softmax",
                ["sparse_categorical_crossentropy", lambda: _CE(ignore_class=0)],
                ["accuracy", "sparse_top_k_categorical_accuracy"]),
    "logits": (lambda r, *s: r.integers(0, CLASSES, s), CLASSES, None, [lambda: _CE(from_logits=True)], ["accuracy"]),
    "one_hot": (lambda r, *s: np.eye(CLASSES)[r.integers(0, CLASSES, s)], CLASSES, "softmax",
                ["categorical_crossentropy", lambda: keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
                 "kl_divergence", "categorical_focal_crossentropy"],
                ["accuracy", keras.metrics.F1Score, keras.metrics.AUC, "top_k_categorical_accuracy"]),
    "soft": (lambda r, *s: r.dirichlet(np.ones(CLASSES), s), CLASSES, "softmax", ["categorical_crossentropy"],
             ["mae"]),
    "bits": (lambda r, *s: r.integers(0, 2, (*s, 1)), 1, "sigmoid",
             ["binary_crossentropy", "binary_focal_crossentropy", "mse", "hinge"],
             ["accuracy", keras.metrics.AUC, keras.metrics.Recall]),
    "gray": (lambda r, *s: r.random((*s, 2)), 2, "sigmoid", ["binary_crossentropy"], ["mae"]),
    "amounts": (lambda r, *s: r.normal(size=(*s, 2)), 2, None,
                ["mse", "mae", "huber", "log_cosh", own_pinball, "cosine_similarity"],
                ["mae", keras.metrics.R2Score, "root_mean_squared_error"]),
    "counts": (lambda r, *s: r.poisson(3.0, (*s, 1)), 1, "exponential", ["poisson", "msle", "mape"], ["mae"]),
    "gaps": (lambda r, *s: np.where(r.random((*s, 1)) < 0.3, np.nan, r.normal(size=(*s, 1))), 1, None,
             [own_skipping], []),
}  # fmt: skip
BODIES = (
    "dense", "functional", "unbuilt", "subclassed", "nested", "batch norm", "dropout", "penalised", "dict input",
    "pair", "two outputs", "named outputs", "sequence", "masked", "stateful", "pixels", "adds loss", "own step",
)  # fmt: skip
PLACES = {"sequence": (STEPS,), "stateful": (STEPS,), "masked": (STEPS,), "pixels": (SIDE, SIDE)}


def drawn(rng):
    """One fit as a dictionary of choices."""
    body = str(rng.choice(BODIES))
    form = str(rng.choice(list(FORMS)))
    loss = int(rng.integers(len(FORMS[form][3])))
    metric = int(rng.integers(-1, len(FORMS[form][4])))
    weights = str(rng.choice(["none", "rows", "steps", "classes"], p=[0.6, 0.2, 0.1, 0.1]))
    data = str(rng.choice(["arrays", "dataset", "shuffled", "py_dataset", "generator"], p=[0.5, 0.1, 0.15, 0.15, 0.1]))
    watched = str(rng.choice(["rows", "nothing", "stream"], p=[0.6, 0.2, 0.2]))
    return {
        "body": body, "form": form, "loss": loss, "metric": metric, "weights": weights, "data": data,
        "watched": watched, "validated": bool(rng.random() < 0.5), "eagerly": True,
        "epochs": 1 if rng.random() < 0.7 else 3, "action": "warn" if rng.random() < 0.8 else "repair",
        "seed": int(rng.integers(1000)),
    }  # fmt: skip


def rows_of(fit):
    """Inputs, targets and weights of a fit, as arrays or structures of them."""
    rng = np.random.default_rng(fit["seed"])
    body, places = fit["body"], PLACES.get(fit["body"], ())
    x = rng.normal(size=(ROWS, *places, FEATURES)).astype("float32")
    if body == "masked":
        x = rng.integers(0, 5, (ROWS, STEPS))
    y = FORMS[fit["form"]][0](rng, ROWS, *places)
    y = y.astype("float32") if y.dtype == "float64" else y
    if body == "dict input":
        x = {"a": x, "b": x[:, :2]}
    elif body == "pair":
        x = [x, x + 1]
    if body == "two outputs":
        y = [y, rng.normal(size=(ROWS, 1)).astype("float32")]
    elif body == "named outputs":
        y = {"one": y, "other": rng.normal(size=(ROWS, 1)).astype("float32")}
    elif body in ("adds loss", "own step"):
        y = None
    return x, y, _weights(fit, rng, places, y)


def _weights(fit, rng, places, y):
    if fit["weights"] == "rows" and isinstance(y, np.ndarray):
        return {"sample_weight": rng.random(ROWS).astype("float32") + 0.1}
    if fit["weights"] == "steps" and places == (STEPS,) and isinstance(y, np.ndarray):
        return {"sample_weight": rng.random((ROWS, STEPS)).astype("float32") + 0.1}
    plain = fit["form"] in ("classes", "logits", "bits", "one_hot") and not places and isinstance(y, np.ndarray)
    if fit["weights"] == "classes" and plain and fit["data"] == "arrays":
        return {"class_weight": {0: 0.5, 1: 3.0, 2: 1.0}}
    return {}


def built(fit):
    """The compiled model of a fit."""
    body, (_, units, activation, losses, metrics) = fit["body"], FORMS[fit["form"]]
    loss = losses[fit["loss"]]
    loss = loss() if callable(loss) and getattr(loss, "__name__", "") == "<lambda>" else loss
    metric = [] if fit["metric"] < 0 else [metrics[fit["metric"]]]
    metric = [one() if isinstance(one, type) else one for one in metric]
    model, several = _body(body, units, activation)
    if body == "adds loss":
        loss, metric = None, []
    if several:
        metric = []
        loss = {"one": loss, "other": "mse"} if body == "named outputs" else [loss, "mse"]
    # A sequence or an image has no score of Keras for each of its classes.
    if metric and PLACES.get(body) and not isinstance(metric[0], str):
        metric = []
    model.compile("sgd", loss, metrics=metric or None, run_eagerly=fit["eagerly"])
    return model


def _body(body, units, activation):
    head = L.Dense(units, activation)
    flat = keras.Input((FEATURES,))
    if body == "functional":
        return keras.Model(flat, head(L.Dense(4, "tanh")(flat))), False
    if body == "unbuilt":
        return keras.Sequential([L.Dense(4, "relu"), head]), False
    if body == "subclassed":
        return Subclassed(units, activation), False
    if body == "nested":
        return keras.Sequential([flat, keras.Sequential([keras.Input((FEATURES,)), L.Dense(4, "relu")]), head]), False
    if body == "batch norm":
        return keras.Sequential([flat, L.Dense(4), L.BatchNormalization(), L.ReLU(), head]), False
    if body == "dropout":
        return keras.Sequential([flat, L.Dense(4, "relu"), L.Dropout(0.3), head]), False
    if body == "penalised":
        return keras.Sequential(
            [flat, L.Dense(4, "relu", kernel_regularizer="l2", activity_regularizer="l1"), head]
        ), False
    if body == "dict input":
        a, b = keras.Input((FEATURES,), name="a"), keras.Input((2,), name="b")
        return keras.Model({"a": a, "b": b}, head(L.Concatenate()([a, b]))), False
    if body == "pair":
        shared, other = L.Dense(4, "relu"), keras.Input((FEATURES,))
        return keras.Model([flat, other], head(L.Subtract()([shared(flat), shared(other)]))), False
    if body in ("two outputs", "named outputs"):
        hidden = L.Dense(4, "relu")(flat)
        ends = [head(hidden), L.Dense(1)(hidden)]
        return keras.Model(
            flat, ends if body == "two outputs" else dict(zip(("one", "other"), ends, strict=True))
        ), True
    if body == "sequence":
        return keras.Sequential([keras.Input((STEPS, FEATURES)), L.SimpleRNN(4, return_sequences=True), head]), False
    if body == "masked":
        return keras.Sequential([keras.Input((STEPS,)), L.Embedding(5, 4, mask_zero=True),
                                 L.SimpleRNN(4, return_sequences=True), head]), False  # fmt: skip
    if body == "stateful":
        return keras.Sequential([keras.Input(batch_shape=(4, STEPS, FEATURES)),
                                 L.SimpleRNN(4, return_sequences=True, stateful=True), head]), False  # fmt: skip
    if body == "pixels":
        return keras.Sequential([keras.Input((SIDE, SIDE, FEATURES)), L.Conv2D(2, 3, padding="same"), head]), False
    if body == "adds loss":
        return keras.Model(flat, AddsLoss()(flat)), False
    if body == "own step":
        return TwoLosses(), False
    return keras.Sequential([flat, L.Dense(4, "relu"), head]), False


def batch_of(fit):
    """Rows in a batch: two batches in a fit of one epoch, and one in each of several; a state has a size of its own."""
    # Keras lets weights of rows count along the last axis of pixels, which are as many as the rows of a small batch.
    small = fit["epochs"] == 1 or fit["body"] in ("stateful", "pixels")
    return SIDE if small else ROWS


def data_of(fit, rows):
    """The rows in the form in which `fit` gets them, as its arguments."""
    import tensorflow as tf

    (x, y, weights), size = rows, batch_of(fit)
    if fit["data"] == "arrays" or y is None:
        return {"x": x, "y": y, "batch_size": size, **weights}
    y = tuple(y) if isinstance(y, list) else y
    x = tuple(x) if isinstance(x, list) else x
    parts = (x, y, *weights.values())
    if fit["data"] == "py_dataset":
        return {"x": Batches(*parts, size=size)}
    if fit["data"] == "generator":
        batches = Batches(*parts, size=size)
        return {"x": (batches[place % len(batches)] for place in range(100)), "steps_per_epoch": len(batches)}
    dataset = tf.data.Dataset.from_tensor_slices(parts)
    dataset = dataset.shuffle(ROWS, seed=1) if fit["data"] == "shuffled" else dataset
    return {"x": dataset.batch(size)}
