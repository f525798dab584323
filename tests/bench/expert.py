"""What an expert would write instead of a population: `jax.vmap` over an optax step, `jax.lax.scan` over the epoch.

`python tests/bench/expert.py steady` or `built`. All sides compute the same: the loss of each member after
one epoch from equal weights and batches must agree within 1e-5. One process, interleaved, medians; milliseconds a step.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import keras
import numpy as np
import optax
from jax import numpy as jnp
from population import LABELS, LOSS, TABLE, mlp

import trainwise as tw

BATCH = 32
ROWS = len(TABLE)
STEPS = -(-ROWS // BATCH)


def rates_of(members):
    """Learning rates of the members, from the lowest to the highest."""
    return np.geomspace(1e-4, 1e-2, members)


def adam_of_keras(first=0.9, second=0.999, epsilon=1e-7):
    """Adam without its rate. optax adds epsilon to the corrected root, Keras to the other, which counts where
    gradients are small; so that both sides compute the same, this does as Keras does.
    """

    def init(weights):
        return optax.ScaleByAdamState(jnp.zeros([], "int32"), *(jax.tree.map(jnp.zeros_like, weights) for _ in "mv"))

    def update(gradients, state, weights=None):
        count = state.count + 1
        mean = optax.tree.update_moment(gradients, state.mu, first, 1)
        square = optax.tree.update_moment_per_elem_norm(gradients, state.nu, second, 2)
        scale = jnp.sqrt(1 - second**count) / (1 - first**count)
        moves = jax.tree.map(lambda m, v: scale * m / (jnp.sqrt(v) + epsilon), mean, square)
        return moves, optax.ScaleByAdamState(count, mean, square)

    return optax.GradientTransformation(init, update)


class Expert:
    """The members' networks, Adam with a rate each, an epoch as one call.

    Args:
        weights: For each member kernels and biases, one after the other.
        rates: Learning rate of each member.
    """

    def __init__(self, weights, rates):
        self.rates = jnp.asarray(rates, "float32")
        self.weights = [jnp.stack([jnp.asarray(own[k]) for own in weights]) for k in range(len(weights[0]))]
        self.adam = adam_of_keras()
        self.state = jax.vmap(self.adam.init)(self.weights)
        self.x, self.y = jnp.asarray(TABLE), jnp.asarray(LABELS.astype("int32"))
        self.epoch = jax.jit(self._epoch)

    @staticmethod
    def _loss(weights, x, y):
        for kernel, bias in zip(weights[0:-2:2], weights[1:-2:2], strict=True):
            x = jax.nn.relu(x @ kernel + bias)
        logits = x @ weights[-2] + weights[-1]
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, (logits.argmax(-1) == y).mean()

    def _step(self, carried, places):
        def one(weights, state, rate):
            (loss, hits), gradients = jax.value_and_grad(self._loss, has_aux=True)(
                weights, self.x[places], self.y[places]
            )
            moves, state = self.adam.update(gradients, state)
            return [w - rate * move for w, move in zip(weights, moves, strict=True)], state, loss, hits

        *carried, loss, hits = jax.vmap(one)(*carried, self.rates)
        return tuple(carried), (loss * len(places), hits * len(places))

    def _epoch(self, weights, state, order):
        full = ROWS // BATCH * BATCH
        carried, seen = jax.lax.scan(self._step, (weights, state), order[:full].reshape(-1, BATCH))
        carried, last = self._step(carried, order[full:])
        sums = jax.tree.map(lambda all_but, rest: all_but.sum(0) + rest, seen, last)
        return *carried, *(total / ROWS for total in sums)

    def fit(self, epochs, seed=0):
        """Trains; returns the losses of the members in each epoch."""
        random, losses = np.random.default_rng(seed), []
        for _ in range(epochs):
            self.weights, self.state, loss, _ = self.epoch(self.weights, self.state, random.permutation(ROWS))
            losses.append(np.asarray(loss))
        return losses


def population_of(members, **way):
    """A population of the same networks."""
    keras.utils.set_random_seed(0)
    made = tw.Population(mlp(), members)
    made.compile(_optimizer(members), LOSS, metrics=["accuracy"], **way)
    weights = []
    for seed in range(members):
        keras.utils.set_random_seed(seed)
        weights.append(mlp().get_weights())
    made.set_members(weights)
    return made, weights


def _optimizer(members):
    from trainwise.toolkit.optimizers.memberwise import memberwise

    return memberwise("adam", members, learning_rate=[float(rate) for rate in rates_of(members)])


def agree(members=4):
    """Largest difference of the members' losses after one epoch of equal batches; at most 1e-5."""
    ours, weights = population_of(members, jit_compile=True)
    theirs = Expert(weights, rates_of(members))
    order = np.random.default_rng(0).permutation(ROWS)
    ours.fit(TABLE[order], LABELS[order], batch_size=BATCH, shuffle=False, verbose=0)
    (losses,) = theirs.fit(1)
    worst = float(np.abs(ours.by_member()["loss"] - losses).max())
    assert worst < 1e-5, worst
    return worst


def _medians(sides, repeats):
    """Median seconds of each side, one after the other in turns."""
    seconds = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(own)) for name, own in seconds.items()}


def steady(epochs=10, repeats=5):
    """Milliseconds a step once all is compiled, by number of members, and the ratio to `jax.vmap`."""
    table = {"agree": agree()}
    for members in (8, 32, 128):
        by_xla, weights = population_of(members, jit_compile=True)
        plain, _ = population_of(members, jit_compile=False)
        expert = Expert(weights, rates_of(members))
        products = jax.jit(_products)
        arrays = [jnp.ones((members, BATCH, 64)), jnp.ones((members, 64, 64)), jnp.ones((members, 64, 10))]
        sides = {
            "population by XLA": lambda made=by_xla: made.fit(TABLE, LABELS, epochs=epochs, verbose=0),
            "population": lambda made=plain: made.fit(TABLE, LABELS, epochs=epochs, verbose=0),
            "jax.vmap in a scan": lambda made=expert: made.fit(epochs),
            "products alone": lambda made=products, given=arrays: jax.block_until_ready(
                [made(*given) for _ in range(epochs * STEPS)][-1]
            ),
        }
        _medians(sides, 1)
        found = {name: 1e3 * own / epochs / STEPS for name, own in _medians(sides, repeats).items()}
        ours = min(found["population by XLA"], found["population"])
        table[members] = {**found, "over vmap": ours / found["jax.vmap in a scan"],
                          "over products": ours / found["products alone"]}  # fmt: skip
    return table


def _products(x, square, last):
    """The products of one step: forward, and backward twice as many."""
    hidden = x
    for _ in range(2):
        hidden = hidden @ square
    answers = hidden @ last
    back = answers @ last.swapaxes(1, 2)
    kernels = [hidden.swapaxes(1, 2) @ answers]
    for _ in range(2):
        kernels.append(hidden.swapaxes(1, 2) @ back)
        back = back @ square.swapaxes(1, 2)
    return kernels, back


def built(members=32, epochs=10, repeats=3):
    """Seconds of 32 networks and 10 epochs, building and compiling included."""

    def ours():
        tw.fit_population(
            mlp, TABLE, LABELS, learning_rate=[float(rate) for rate in rates_of(members)], optimizer="adam", loss=LOSS,
            metrics=["accuracy"], epochs=epochs, verbose=0,
        )  # fmt: skip

    def theirs():
        random = np.random.default_rng(0)
        shapes = [w.shape for w in mlp().get_weights()]
        weights = [[random.normal(0, 0.1, shape).astype("float32") for shape in shapes] for _ in range(members)]
        Expert(weights, rates_of(members)).fit(epochs)

    found = _medians({"population": ours, "jax": theirs}, repeats)
    return {**found, "ratio": found["population"] / found["jax"]}


FIGURES = (steady, built)

if __name__ == "__main__":
    for figure in FIGURES:
        if figure.__name__ in (sys.argv[1:] or [one.__name__ for one in FIGURES]):
            print(json.dumps({figure.__name__: figure()}, indent=1), flush=True)
