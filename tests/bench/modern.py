"""Sound programs of the kinds that tutorials teach today: every warning about one of them is a false alarm.

Each function makes one program from a seed: its model, rows, loss and rate as a tutorial would have them, so small that
a fit takes seconds on one core. `Program.errors` says what the trained model misses on its validation rows, and what
the best constant answer misses by the same measure: a program that does not beat it clearly would not be sound.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from sklearn import datasets
from sklearn.neighbors import KNeighborsClassifier


@dataclass
class Program:
    """A compiled model and what it is fitted on; `errors` gives its error and a constant's, both best low."""

    model: keras.Model
    x: Any
    y: Any
    held: Any
    errors: Callable[[], tuple[float, float]]
    epochs: int
    batch_size: int | None = 32
    rest: dict = field(default_factory=dict)


class Places(layers.Layer):
    """Adds to each step of a sequence what is learnt about its place."""

    def build(self, shape):
        self.learnt = layers.Embedding(shape[1], shape[2])
        self.learnt.build((shape[1],))

    def call(self, inputs):
        return inputs + self.learnt(ops.arange(inputs.shape[1]))


def transformer(seed):
    """Which of two kinds of words a text holds more of, by one block of attention."""
    random = _start(seed)
    words = random.integers(0, 40, (1600, 20))
    feeling = np.concatenate([np.full(10, 1.0), np.full(10, -1.0), np.zeros(20)])
    x, y = words, (feeling[words].sum(axis=1) > 0).astype(int)
    inputs = keras.Input((20,), dtype="int32")
    hidden = Places()(layers.Embedding(40, 16)(inputs))
    hidden = _attention_block(hidden, 2, 16, 0.1)
    hidden = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(hidden))
    hidden = layers.Dense(20, "relu")(hidden)
    model = keras.Model(inputs, layers.Dense(2, "softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x, y, 10)


def vision_transformer(seed):
    """Digits cut into 16 patches."""
    x, y = _digits(_start(seed))
    inputs = keras.Input((8, 8, 1))
    patches = layers.Reshape((16, 32))(layers.Conv2D(32, 2, strides=2)(inputs))
    hidden = Places()(patches)
    for _ in range(2):
        there = layers.LayerNormalization(epsilon=1e-6)(hidden)
        hidden = hidden + layers.MultiHeadAttention(4, 8, dropout=0.1)(there, there)
        there = layers.Dense(64, "gelu")(layers.LayerNormalization(epsilon=1e-6)(hidden))
        hidden = hidden + layers.Dense(32)(layers.Dropout(0.1)(there))
    hidden = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(hidden))
    model = keras.Model(inputs, layers.Dense(10)(layers.Dropout(0.2)(hidden)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(3e-3, weight_decay=1e-4), loss, metrics=["accuracy"])
    return _classes(model, x, y, 15, 64)


def unet(seed):
    """The pixels of a disc and of a box in noise."""
    random = _start(seed)
    y = np.zeros((500, 16, 16), int)
    rows, columns = np.mgrid[:16, :16]
    for mask, (a, b, c, d) in zip(y, random.integers(3, 13, (500, 4)), strict=True):
        mask[(rows - a) ** 2 + (columns - b) ** 2 <= 9] = 1
        mask[c - 2 : c + 2, d - 3 : d + 3] = 2
    x = (np.array([0.0, 0.5, 1.0])[y] + random.normal(0, 0.15, y.shape)).astype("float32")[..., None]
    inputs = keras.Input((16, 16, 1))
    kept, hidden = [], inputs
    for filters in (8, 16):
        hidden = _twice_convolved(hidden, filters)
        kept.append(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    hidden = _twice_convolved(hidden, 32)
    for filters, beside in ((16, kept[1]), (8, kept[0])):
        hidden = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(hidden)
        hidden = _twice_convolved(layers.concatenate([hidden, beside]), filters)
    model = keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x, y, 12, 16)


def autoencoder(seed):
    """Digits through 16 numbers."""
    x, _ = _digits(_start(seed))
    x = x.reshape(-1, 64)
    sizes = ((64, "relu"), (32, "relu"), (16, "relu"), (32, "relu"), (64, "relu"), (64, "sigmoid"))
    model = keras.Sequential([keras.Input((64,)), *(layers.Dense(*size) for size in sizes)])
    model.compile("adam", "binary_crossentropy")
    return _quantities(model, x, x, 40)


@keras.saving.register_keras_serializable("bench")
class Sampling(layers.Layer):
    """Draws from the law whose mean and logarithm of variance it is given, and adds its distance from a normal one."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_variance = inputs
        distance = -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=1)
        # Per pixel, as the loss of the reconstruction is.
        self.add_loss(ops.mean(distance) / 64)
        return mean + ops.exp(log_variance / 2) * keras.random.normal(ops.shape(mean), seed=self.seeds)


def variational_autoencoder(seed):
    """Digits through 4 random numbers, with the loss of their law added by a layer."""
    x, _ = _digits(_start(seed))
    x = x.reshape(-1, 64)
    inputs = keras.Input((64,))
    hidden = layers.Dense(64, "relu")(inputs)
    drawn = Sampling()([layers.Dense(4)(hidden), layers.Dense(4)(hidden)])
    model = keras.Model(inputs, layers.Dense(64, "sigmoid")(layers.Dense(64, "relu")(drawn)))
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    return _quantities(model, x, x, 40)


class Adversaries(keras.Model):
    """A generator and a discriminator that learn from each other in a training step of their own."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seeds = keras.random.SeedGenerator(0)
        self.loss_of_d, self.loss_of_g = keras.metrics.Mean("d_loss"), keras.metrics.Mean("g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_of_answers):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_of_answers = d_optimizer, g_optimizer, loss_of_answers

    @property
    def metrics(self):
        return [self.loss_of_d, self.loss_of_g]

    def train_step(self, real):
        rows = tf.shape(real)[0]
        made = self.generator(keras.random.normal((rows, 4), seed=self.seeds))
        truth = tf.concat([tf.zeros((rows, 1)), tf.ones((rows, 1))], axis=0)
        with tf.GradientTape() as tape:
            loss_of_d = self.loss_of_answers(truth, self.discriminator(tf.concat([made, real], axis=0)))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(loss_of_d, weights), weights, strict=True))
        noise = keras.random.normal((rows, 4), seed=self.seeds)
        with tf.GradientTape() as tape:
            loss_of_g = self.loss_of_answers(tf.ones((rows, 1)), self.discriminator(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(loss_of_g, weights), weights, strict=True))
        self.loss_of_d.update_state(loss_of_d)
        self.loss_of_g.update_state(loss_of_g)
        return {metric.name: metric.result() for metric in self.metrics}


def adversarial(seed):
    """Points on a ring, made from noise."""
    random = _start(seed)
    angles = random.uniform(0, 2 * np.pi, 2000)
    x = (np.stack([np.cos(angles), np.sin(angles)], axis=1) + random.normal(0, 0.1, (2000, 2))).astype("float32")
    generator = keras.Sequential([keras.Input((4,)), *_hidden(32, 32, activation="leaky_relu"), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), *_hidden(32, 32, activation="leaky_relu"), layers.Dense(1)])
    model = Adversaries(generator, discriminator)
    model.compile(
        keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )  # fmt: skip

    def errors():
        made = generator.predict(random.normal(size=(2000, 4)), verbose=0)
        # Sorted projections: how far points must move to become the others, seen from eight sides.
        sides = np.stack([np.cos(np.arange(8) * np.pi / 8), np.sin(np.arange(8) * np.pi / 8)])
        there = np.sort(x @ sides, axis=0)
        return float(np.mean(np.abs(np.sort(made @ sides, axis=0) - there))), float(np.mean(np.abs(there)))

    return Program(model, x, None, None, errors, 40, 64)


def siamese(seed):
    """Whether two digits are of the same class, by the distance of what one encoder makes of them."""
    random = _start(seed)
    pixels, labels = _digits(random)
    pairs = {}
    for name, places in (("train", np.arange(1300)), ("held", np.arange(1300, 1797))):
        one, other = random.choice(places, 3000), random.choice(places, 3000)
        # Half of the pairs alike: for these, another row of the same class.
        for pair in range(0, 3000, 2):
            other[pair] = random.choice(places[labels[places] == labels[one[pair]]])
        pairs[name] = ([pixels[one], pixels[other]], (labels[one] == labels[other]).astype("float32"))
    encoder = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="tanh"), layers.AveragePooling2D(2),
        layers.Flatten(), layers.Dense(16, "tanh"),
    ])  # fmt: skip
    inputs = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    apart = encoder(inputs[0]) - encoder(inputs[1])
    distance = ops.sqrt(ops.maximum(ops.sum(ops.square(apart), axis=1, keepdims=True), 1e-7))
    model = keras.Model(inputs, distance)

    def contrastive(truth, answers):
        return ops.mean(truth * ops.square(answers) + (1 - truth) * ops.square(ops.maximum(1 - answers, 0)))

    model.compile("adam", contrastive)
    (x, y), (held_x, held_y) = pairs["train"], pairs["held"]

    def errors():
        alike = model.predict(held_x, verbose=0)[:, 0] < 0.5
        return float(np.mean(alike != held_y)), float(min(held_y.mean(), 1 - held_y.mean()))

    return Program(model, x, y, (held_x, held_y), errors, 12)


def connectionist(seed):
    """Strings of four letters from sequences of 16 frames that are not cut into letters, by CTC."""
    random = _start(seed)
    shapes = random.normal(size=(5, 6))
    y = random.integers(1, 6, (1200, 4))
    # Each letter fills two to four of the frames; between letters lies silence.
    x = np.zeros((1200, 16, 6), "float32")
    for row, letters in zip(x, y, strict=True):
        frame = 0
        for letter in letters:
            length = random.integers(2, 4)
            row[frame : frame + length] = shapes[letter - 1]
            frame += length + 1
    x += random.normal(0, 0.3, x.shape).astype("float32")
    model = keras.Sequential([
        keras.Input((16, 6)), layers.Conv1D(16, 3, padding="same", activation="relu"),
        layers.Bidirectional(layers.GRU(16, return_sequences=True)), layers.Dense(6),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.CTC())

    def errors():
        answers = model.predict(x[1000:], verbose=0).argmax(axis=2)
        right = 0
        for frames, letters in zip(answers, y[1000:], strict=True):
            kept = frames[np.append(True, frames[1:] != frames[:-1]) & (frames > 0)]
            right += np.array_equal(kept, letters)
        return 1 - right / 200, 1 - 1 / 200

    return Program(model, x[:1000], y[:1000], (x[1000:], y[1000:]), errors, 16)


def gru_with_attention(seed):
    """The sum of the two numbers of a sequence that are marked."""
    random = _start(seed)
    x = np.zeros((2000, 12, 2), "float32")
    x[..., 0] = random.uniform(-1, 1, (2000, 12))
    for row in x:
        row[random.choice(12, 2, replace=False), 1] = 1
    y = np.sum(x[..., 0] * x[..., 1], axis=1)
    inputs = keras.Input((12, 2))
    states = layers.GRU(16, return_sequences=True)(inputs)
    shares = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(16, "tanh")(states)))
    context = ops.sum(shares * states, axis=1)
    model = keras.Model(inputs, layers.Dense(1)(layers.Dense(16, "relu")(context)))
    model.compile(keras.optimizers.Adam(5e-3), "mse", metrics=["mae"])
    return _quantities(model, x, y, 16)


def temporal_convolution(seed):
    """The next value of two waves in noise, by dilated causal convolutions."""
    random = _start(seed)
    time = np.arange(2000)
    wave = np.sin(time / 5) + 0.5 * np.sin(time / 11 + 1) + random.normal(0, 0.1, 2000)
    windows = np.lib.stride_tricks.sliding_window_view(((wave - wave.mean()) / wave.std()).astype("float32"), 33)
    x, y = windows[:, :32, None], windows[:, 32]
    inputs = keras.Input((32, 1))
    hidden = layers.Conv1D(16, 1)(inputs)
    for dilation in (1, 2, 4, 8):
        there = layers.Conv1D(16, 3, padding="causal", dilation_rate=dilation, activation="relu")(hidden)
        hidden = hidden + layers.SpatialDropout1D(0.05)(there)
    model = keras.Model(inputs, layers.Dense(1)(hidden[:, -1]))
    model.compile("adam", "mse", metrics=["mae"])
    return _quantities(model, x, y, 20)


def deep_sets(seed):
    """How far the points of a set are spread, whatever their order."""
    random = _start(seed)
    widths = random.uniform(0.2, 1.5, (1500, 1, 1))
    x = (random.normal(size=(1500, 20, 2)) * widths).astype("float32")
    y = x.std(axis=(1, 2))
    inputs = keras.Input((20, 2))
    hidden = layers.Dense(32, "relu")(layers.Dense(32, "relu")(inputs))
    pooled = layers.GlobalAveragePooling1D()(hidden)
    model = keras.Model(inputs, layers.Dense(1)(layers.Dense(32, "relu")(pooled)))
    model.compile("adam", "mse")
    return _quantities(model, x, y, 20)


class GraphConvolution(layers.Layer):
    """The features of a node's neighbours, averaged and mapped."""

    def __init__(self, neighbours, units, activation=None):
        super().__init__()
        self.neighbours, self.dense = neighbours, layers.Dense(units, activation)

    def call(self, features):
        return self.dense(ops.matmul(self.neighbours, features))


class NodeClassifier(keras.Model):
    """Takes the numbers of nodes; the graph and the features of all nodes are its own."""

    def __init__(self, features, neighbours, classes):
        super().__init__()
        self.features = ops.convert_to_tensor(features)
        self.first = GraphConvolution(ops.convert_to_tensor(neighbours), 16, "relu")
        self.drop = layers.Dropout(0.3)
        self.second = GraphConvolution(ops.convert_to_tensor(neighbours), classes)

    def call(self, nodes, training=False):
        answers = self.second(self.drop(self.first(self.features), training=training))
        return ops.take(answers, nodes, axis=0)


def graph_convolution(seed):
    """The group of a node, from weak features and who is linked with whom."""
    random = _start(seed)
    groups = random.integers(0, 4, 600)
    linked = random.uniform(size=(600, 600)) < np.where(groups[:, None] == groups, 0.04, 0.004)
    linked = linked | linked.T | np.eye(600, dtype=bool)
    neighbours = (linked / linked.sum(axis=1, keepdims=True)).astype("float32")
    features = (np.eye(8)[groups] + random.normal(0, 1.0, (600, 8))).astype("float32")
    model = NodeClassifier(features, neighbours, 4)
    model(np.arange(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    return _classes(model, np.arange(600), groups, 25)


def mixture_density(seed):
    """A law of three bells for a number that may be any of three."""
    random = _start(seed)
    y = random.uniform(-1, 1, (1600, 1)).astype("float32")
    x = (y + 0.3 * np.sin(2 * np.pi * y) + random.normal(0, 0.05, y.shape)).astype("float32")
    inputs = keras.Input((1,))
    hidden = layers.Dense(32, "tanh")(layers.Dense(32, "tanh")(inputs))
    model = keras.Model(inputs, layers.concatenate([layers.Dense(3)(hidden) for _ in range(3)]))

    def surprise(truth, answers):
        shares, means, scales = ops.split(answers, 3, axis=1)
        logarithms = -0.5 * ops.square((truth - means) / ops.exp(scales)) - scales - 0.5 * np.log(2 * np.pi)
        return -ops.logsumexp(ops.log_softmax(shares, axis=1) + logarithms, axis=1)

    model.compile(keras.optimizers.Adam(5e-3), surprise)

    def errors():
        mine = ops.mean(surprise(y[1200:], model.predict(x[1200:], verbose=0)))
        # Of one bell for all rows; as a perplexity, since nats may be below zero.
        return float(np.exp(mine)), float(np.exp(0.5 * np.log(2 * np.pi * np.e * y[1200:].var())))

    return Program(model, x[:1200], y[:1200], (x[1200:], y[1200:]), errors, 40)


def multi_task(seed):
    """The class of a digit and how much ink it took."""
    x, y = _digits(_start(seed))
    ink = x.mean(axis=(1, 2, 3))
    targets = {"digit": y, "ink": ((ink - ink.mean()) / ink.std()).astype("float32")}
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Flatten()(layers.Conv2D(16, 3, activation="relu")(inputs))
    hidden = layers.Dense(32, "relu")(hidden)
    outputs = {"digit": layers.Dense(10, "softmax", name="digit")(hidden), "ink": layers.Dense(1, name="ink")(hidden)}
    model = keras.Model(inputs, outputs)
    losses = {"digit": "sparse_categorical_crossentropy", "ink": "mse"}
    model.compile("adam", losses, loss_weights={"digit": 1.0, "ink": 0.5}, metrics={"digit": ["accuracy"]})
    rows = {name: (target[:1347], target[1347:]) for name, target in targets.items()}

    def errors():
        missed = np.mean(model.predict(x[1347:], verbose=0)["digit"].argmax(axis=1) != y[1347:])
        return float(missed), 1 - np.bincount(y[1347:]).max() / 450

    train, held = ({name: parts[part] for name, parts in rows.items()} for part in (0, 1))
    return Program(model, x[:1347], train, (x[1347:], held), errors, 15)


def transfer(seed):
    """A base that has learnt the digits to 4 stays frozen; a new head learns the others."""
    x, y = _digits(_start(seed))
    base = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3), layers.BatchNormalization(), layers.ReLU(),
        layers.Conv2D(32, 3, activation="relu"), layers.Flatten(),
    ])  # fmt: skip
    teacher = keras.Sequential([base, layers.Dense(5, "softmax")])
    teacher.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    teacher.fit(x[y < 5], y[y < 5], epochs=15, verbose=0)
    base.trainable = False
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Dropout(0.2)(base(inputs, training=False))
    model = keras.Model(inputs, layers.Dense(5, "softmax")(layers.Dense(32, "relu")(hidden)))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x[y >= 5], y[y >= 5] - 5, 30)


def batch_norm(seed):
    """Batches of 8 rows, normalised."""
    x, y = _digits(_start(seed))
    blocks = [[layers.Conv2D(filters, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()]
              for filters in (8, 16)]  # fmt: skip
    model = keras.Sequential([keras.Input((8, 8, 1)), *blocks[0], *blocks[1], layers.Flatten(),
                              layers.Dense(10, "softmax")])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x, y, 10, 8)


def label_smoothing(seed):
    """One-hot classes, made a little less sure."""
    x, y = _digits(_start(seed))
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *_hidden(64, 64), layers.Dense(10, "softmax")])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile("adam", loss, metrics=["accuracy"])
    return _classes(model, x, np.eye(10, dtype="float32")[y], 20)


def mixup(seed):
    """Rows and classes mixed by twos, from a stream."""
    x, y = _digits(_start(seed))
    targets = np.eye(10, dtype="float32")[y]

    def mixed(one, other):
        (x1, y1), (x2, y2) = one, other
        # Of two gamma draws, the share of one is a beta draw.
        parts = tf.random.gamma((2, tf.shape(x1)[0]), 0.2)
        share = parts[0] / (parts[0] + parts[1] + 1e-9)
        wide = tf.reshape(share, (-1, 1, 1, 1))
        return x1 * wide + x2 * (1 - wide), y1 * share[:, None] + y2 * (1 - share[:, None])

    rows = tf.data.Dataset.from_tensor_slices((x[:1347], targets[:1347]))
    streams = [rows.shuffle(1347, seed=seed + k).batch(32) for k in (1, 2)]
    stream = tf.data.Dataset.zip(tuple(streams)).map(mixed)
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(64, "relu"),
        layers.Dense(10, "softmax"),
    ])  # fmt: skip
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    held = (x[1347:], targets[1347:])
    return Program(model, stream, None, held, lambda: _misses(model, *held), 20, None)


def cosine_restarts(seed):
    """A rate that falls along a cosine and starts again, twice as long."""
    x, y = _digits(_start(seed))
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *_hidden(64, 64), layers.Dense(10, "softmax")])
    rate = keras.optimizers.schedules.CosineDecayRestarts(0.05, 43 * 4, t_mul=2.0, m_mul=0.8)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x, y, 28)


def averaged_weights(seed):
    """An optimizer that keeps a moving average of the weights, which validation is done with."""
    x, y = _digits(_start(seed))
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(32, "relu"),
        layers.Dense(10, "softmax"),
    ])  # fmt: skip
    optimizer = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.98)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _classes(model, x, y, 15, callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True)])


def mixed_precision(seed):
    """Half of the digits of a float, with a loss that is scaled up and gradients that are scaled down."""
    x, y = _digits(_start(seed))
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    # The policy is the process's, and other programs follow.
    try:
        inputs = keras.Input((64,))
        answers = layers.Dense(10)(layers.Dense(64, "relu")(layers.Dense(64, "relu")(inputs)))
        model = keras.Model(inputs, layers.Activation("softmax", dtype="float32")(answers))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    finally:
        keras.mixed_precision.set_global_policy(before)
    return _classes(model, x.reshape(-1, 64), y, 20)


def class_weights(seed):
    """One row in 15 is of the second class and counts as much as 15 of the first."""
    x, y = _rare(_start(seed))
    model = keras.Sequential([keras.Input((8,)), *_hidden(32, 32), layers.Dropout(0.2), layers.Dense(1, "sigmoid")])
    metrics = [keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")]
    model.compile("adam", "binary_crossentropy", metrics=metrics)
    share = y[:3000].mean()
    return _rare_class(model, x, y, 20, class_weight={0: 0.5 / (1 - share), 1: 0.5 / share})


def focal_loss(seed):
    """A rare class, and a loss that lets the rows that are clear count less."""
    x, y = _rare(_start(seed))
    model = keras.Sequential([keras.Input((8,)), *_hidden(32, 32), layers.Dense(1, "sigmoid")])
    loss = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.75, gamma=2.0)
    model.compile("adam", loss, metrics=[keras.metrics.AUC(name="auc")])
    return _rare_class(model, x, y, 20)


def quantiles(seed):
    """The tenth, the middle and the ninetieth of a hundred answers, where noise grows with the input."""
    random = _start(seed)
    x = random.uniform(-1, 1, (1600, 1)).astype("float32")
    y = (np.sin(3 * x) + random.normal(size=x.shape) * (0.1 + 0.2 * np.abs(x))).astype("float32")
    shares = np.array([0.1, 0.5, 0.9], "float32")
    model = keras.Sequential([keras.Input((1,)), *_hidden(32, 32), layers.Dense(3)])

    def pinball(truth, answers):
        apart = truth - answers
        return ops.mean(ops.maximum(shares * apart, (shares - 1) * apart), axis=-1)

    model.compile(keras.optimizers.Adam(3e-3), pinball)

    def errors():
        constant = np.broadcast_to(np.quantile(y[:1200], shares).astype("float32"), (400, 3))
        answers = model.predict(x[1200:], verbose=0)
        return tuple(float(ops.mean(pinball(y[1200:], found))) for found in (answers, constant))

    return Program(model, x[:1200], y[:1200], (x[1200:], y[1200:]), errors, 25)


def triplets(seed):
    """Digits of a class near one another: a loss on three rows, whose targets are placeholders."""
    random = _start(seed)
    pixels, labels = _digits(random)

    def drawn(places, count):
        anchors = random.choice(places, count)
        alike = [random.choice(places[labels[places] == labels[anchor]]) for anchor in anchors]
        others = [random.choice(places[labels[places] != labels[anchor]]) for anchor in anchors]
        return [pixels[anchors], pixels[alike], pixels[others]]

    train, held = np.arange(1300), np.arange(1300, 1797)
    encoder = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(32, "relu"),
        layers.Dense(16), layers.UnitNormalization(),
    ])  # fmt: skip
    inputs = [keras.Input((8, 8, 1)) for _ in range(3)]
    anchor, alike, other = map(encoder, inputs)
    near, far = (ops.sum(ops.square(anchor - one), axis=1, keepdims=True) for one in (alike, other))
    model = keras.Model(inputs, layers.concatenate([near, far]))

    def margin(truth, answers):
        return ops.maximum(answers[:, 0] - answers[:, 1] + 0.5, 0.0)

    model.compile("adam", margin)

    def errors():
        codes = encoder.predict(pixels, verbose=0)
        found = KNeighborsClassifier(5).fit(codes[train], labels[train])
        return 1 - found.score(codes[held], labels[held]), 1 - np.bincount(labels[held]).max() / len(held)

    x, held_x = drawn(train, 2500), drawn(held, 600)
    return Program(model, x, np.zeros(2500), (held_x, np.zeros(600)), errors, 12)


def autoregressive(seed):
    """The next sign of a text whose signs depend on the two before, at each of its places."""
    random = _start(seed)
    laws = random.dirichlet(np.full(8, 0.15), (8, 8))
    texts = random.integers(0, 8, (1200, 25))
    for place in range(2, 25):
        laws_here = np.cumsum(laws[texts[:, place - 2], texts[:, place - 1]], axis=1)
        texts[:, place] = np.minimum((random.uniform(size=(1200, 1)) > laws_here).sum(axis=1), 7)
    model = keras.Sequential([
        keras.Input((24,), dtype="int32"), layers.Embedding(8, 16), layers.GRU(32, return_sequences=True),
        layers.Dense(8),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    return _classes(model, texts[:, :-1], texts[:, 1:], 20)


def masked_language_model(seed):
    """Words that are hidden, from those on both sides; only they count."""
    random = _start(seed)
    starts, steps = random.integers(0, 12, (2000, 1)), random.integers(1, 4, (2000, 1))
    # Each text counts on by a step of its own; the word 12 stands for what is hidden.
    texts = (starts + steps * np.arange(10)) % 12
    hidden = random.uniform(size=texts.shape) < 0.2
    x = np.where(hidden, 12, texts)
    inputs = keras.Input((10,), dtype="int32")
    states = Places()(layers.Embedding(13, 24)(inputs))
    for _ in range(2):
        states = _attention_block(states, 2, 24, 0.0)
    model = keras.Model(inputs, layers.Dense(12, "softmax")(states))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    counts = hidden.astype("float32")

    def errors():
        there = hidden[1500:]
        missed = model.predict(x[1500:], verbose=0).argmax(axis=2)[there] != texts[1500:][there]
        return float(missed.mean()), 1 - np.bincount(texts[1500:][there]).max() / there.sum()

    held = (x[1500:], texts[1500:], counts[1500:])
    return Program(model, x[:1500], texts[:1500], held, errors, 20, rest={"sample_weight": counts[:1500]})


def tabular(seed):
    """Columns of words with an embedding each, beside columns of numbers."""
    random = _start(seed)
    kinds = {"town": 20, "trade": 6}
    x = {name: random.integers(0, count, 2000) for name, count in kinds.items()}
    x["numbers"] = random.normal(size=(2000, 4)).astype("float32")
    of_town, of_trade = random.normal(size=20), random.normal(size=(6, 4))
    y = of_town[x["town"]] + np.sum(of_trade[x["trade"]] * x["numbers"], axis=1) + random.normal(0, 0.2, 2000)
    y = ((y - y.mean()) / y.std()).astype("float32")
    inputs = {name: keras.Input((), dtype="int32", name=name) for name in kinds}
    inputs["numbers"] = keras.Input((4,), name="numbers")
    parts = [layers.Embedding(count, 4)(inputs[name]) for name, count in kinds.items()]
    hidden = layers.concatenate([*parts, inputs["numbers"]])
    for block in _hidden(64, 32):
        hidden = block(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(3e-3), "mse", metrics=["mae"])
    return _quantities(model, x, y, 25)


def wide_and_deep(seed):
    """A linear part on crossed columns beside a deep part on numbers, added before the sigmoid."""
    random = _start(seed)
    first, second = random.integers(0, 6, 2500), random.integers(0, 6, 2500)
    numbers = random.normal(size=(2500, 6)).astype("float32")
    crossed = np.eye(36, dtype="float32")[first * 6 + second]
    level = 1.5 * crossed @ random.normal(size=36) + 2 * numbers[:, 0] * numbers[:, 1] + numbers[:, 2]
    y = (level + random.logistic(0, 0.5, 2500) > 0).astype("float32")
    inputs = {"wide": keras.Input((36,), name="wide"), "deep": keras.Input((6,), name="deep")}
    deep = inputs["deep"]
    for block in _hidden(32, 16):
        deep = block(deep)
    answers = layers.Activation("sigmoid")(layers.Dense(1)(inputs["wide"]) + layers.Dense(1)(deep))
    model = keras.Model(inputs, answers)
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC()])
    return _classes(model, {"wide": crossed, "deep": numbers}, y, 20)


def residual(seed):
    """Friedman's function by dense blocks that are added to what they were given."""
    x, y = datasets.make_friedman1(1500, 10, noise=1.0, random_state=seed)
    _start(seed)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    inputs = keras.Input((10,))
    hidden = layers.Dense(32)(inputs)
    for _ in range(3):
        there = layers.Dense(32, "relu")(layers.LayerNormalization()(hidden))
        hidden = hidden + layers.Dense(32)(layers.Dropout(0.1)(there))
    model = keras.Model(inputs, layers.Dense(1)(layers.LayerNormalization()(hidden)))
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-3), "mse", metrics=["mae"])
    return _quantities(model, x.astype("float32"), y.astype("float32"), 20)


def multi_label(seed):
    """Several of five labels at once."""
    random = _start(seed)
    x = random.normal(size=(2000, 12)).astype("float32")
    y = (np.tanh(x @ random.normal(size=(12, 8))) @ random.normal(size=(8, 5)) > 0.5).astype("float32")
    model = keras.Sequential([keras.Input((12,)), *_hidden(64, 32), layers.Dense(5, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    held = (x[1500:], y[1500:])

    def errors():
        answers = model.predict(held[0], verbose=0) > 0.5
        return float(np.mean(answers != held[1])), float(np.minimum(held[1].mean(0), 1 - held[1].mean(0)).mean())

    return Program(model, x[:1500], y[:1500], held, errors, 20)


PROGRAMS = {
    made.__name__: made
    for made in (
        transformer, vision_transformer, unet, autoencoder, variational_autoencoder, adversarial, siamese,
        connectionist, gru_with_attention, temporal_convolution, deep_sets, graph_convolution, mixture_density,
        multi_task, transfer, batch_norm, label_smoothing, mixup, cosine_restarts, averaged_weights, mixed_precision,
        class_weights, focal_loss, quantiles, triplets, autoregressive, masked_language_model, tabular, wide_and_deep,
        residual, multi_label,
    )
}  # fmt: skip


def _start(seed):
    keras.utils.set_random_seed(seed)
    return np.random.default_rng(seed)


def _digits(random):
    """The digits of scikit-learn, 0 to 1, in an order of its own for each seed."""
    pixels, labels = datasets.load_digits(return_X_y=True)
    order = random.permutation(len(pixels))
    return (pixels[order] / 16).astype("float32").reshape(-1, 8, 8, 1), labels[order]


def _rare(random):
    """Rows of which one in 15 lies around another place."""
    y = (random.uniform(size=4000) < 1 / 15).astype("float32")
    return (random.normal(size=(4000, 8)) + 1.2 * y[:, None] * np.tile([1, -1], 4)).astype("float32"), y


def _hidden(*units, activation="relu"):
    return [layers.Dense(count, activation) for count in units]


def _attention_block(inputs, heads, width, dropout):
    there = layers.Dropout(dropout)(layers.MultiHeadAttention(heads, width // heads)(inputs, inputs))
    hidden = layers.LayerNormalization(epsilon=1e-6)(inputs + there)
    there = layers.Dropout(dropout)(layers.Dense(width)(layers.Dense(2 * width, "relu")(hidden)))
    return layers.LayerNormalization(epsilon=1e-6)(hidden + there)


def _twice_convolved(inputs, filters):
    for _ in range(2):
        inputs = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(inputs)
    return inputs


def _parts(x, y):
    """The first three quarters of the rows, and the others; rows are in no order."""
    first = len(y) * 3 // 4
    train, held = slice(None, first), slice(first, None)
    return _cut(x, train), _cut(y, train), (_cut(x, held), _cut(y, held))


def _cut(rows, part):
    return keras.tree.map_structure(lambda column: column[part], rows)


def _classes(model, x, y, epochs, batch_size=32, **rest):
    x, y, held = _parts(x, y)
    return Program(model, x, y, held, lambda: _misses(model, *held), epochs, batch_size, rest)


def _misses(model, x, y):
    """Share of classes missed, and what is missed by saying the commonest."""
    answers = model.predict(x, verbose=0)
    answers = answers.argmax(axis=-1) if answers.shape[-1] > 1 else answers[..., 0] > 0.5
    truth = y.argmax(axis=1) if y.ndim == 2 and y.dtype == np.float32 else y.astype(int)
    return float(np.mean(answers != truth)), 1 - np.bincount(truth.ravel()).max() / truth.size


def _rare_class(model, x, y, epochs, **rest):
    """As `_classes`, where a class is rare: the mean over classes of the share missed."""
    x, y, held = _parts(x, y)

    def errors():
        answers = model.predict(held[0], verbose=0)[:, 0] > 0.5
        return float(np.mean([np.mean(answers[held[1] == kind] != kind) for kind in (0, 1)])), 0.5

    return Program(model, x, y, held, errors, epochs, 32, rest)


def _quantities(model, x, y, epochs, batch_size=32):
    x, y, held = _parts(x, y)

    def errors():
        answers = model.predict(held[0], verbose=0).reshape(held[1].shape)
        return float(np.mean((answers - held[1]) ** 2)), float(np.mean((held[1] - y.mean(axis=0)) ** 2))

    return Program(model, x, y, held, errors, epochs, batch_size)
