"""Starting weights are those of the model built after each seed, whoever else builds at the same time."""

import threading

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.population import starting_weights
from trainwise.toolkit.runtime.randomness import preserved

layers = keras.layers


class Custom(layers.Layer):
    """Names its initializer instead of keeping it."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="he_normal", name="kernel")

    def call(self, inputs):
        return inputs @ self.kernel


def _sequences():
    x = keras.Input((6,), dtype="int32")
    y = layers.Embedding(9, 4)(x)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(y)
    y = layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.TimeDistributed(layers.Dense(4, kernel_initializer="orthogonal"))(y)
    y = layers.Dropout(0.5)(layers.SeparableConv1D(4, 3)(y))
    y = layers.GRU(3)(y)
    return keras.Model(x, layers.Dense(2)(layers.PReLU()(layers.BatchNormalization()(y))))


def _images():
    inner = keras.Sequential([keras.Input((4, 4, 3)), layers.DepthwiseConv2D(2), layers.Flatten(), layers.Dense(5)])
    start = [keras.Input((8, 8, 1)), layers.Conv2D(3, 3, padding="same"), layers.MaxPool2D()]
    return keras.Sequential([*start, inner, layers.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=4))])


def _own():
    return keras.Sequential([keras.Input((2,)), Custom(), layers.Dense(2)])


@pytest.mark.parametrize(("build", "most"), [(_sequences, 2), (_images, 2), (_own, 5)])
def test_members_start_as_the_models_built_after_their_seeds_in_few_builds(build, most):
    built = []

    def counted():
        built.append(1)
        return build()

    seeds = [3, 0, 3, 7, 11, 12]
    with preserved():
        _, starts = starting_weights.members(counted, seeds)
        assert len(built) <= most
        for seed, start in zip(seeds, starts, strict=True):
            keras.utils.set_random_seed(seed)
            for one, other in zip(build().get_weights(), start, strict=True):
                np.testing.assert_array_equal(one, other)


def test_nothing_of_keras_is_changed_while_a_model_is_built():
    original, seen = keras.layers.Layer.add_weight, []

    def build():
        seen.append(keras.layers.Layer.add_weight)
        return _own()

    with preserved():
        starting_weights.members(build, [0, 1, 2])
    assert set(seen) == {original}


def test_two_threads_that_build_different_models_start_each_from_its_own_seeds():
    builders = {"images": _images, "own": _own}
    found, waiting = {}, threading.Barrier(len(builders))

    def run(name):
        waiting.wait()
        with preserved():
            found[name] = starting_weights.members(builders[name], [0, 1, 2])[1]

    threads = [threading.Thread(target=run, args=(name,)) for name in builders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, build in builders.items():
        for seed, start in enumerate(found[name]):
            keras.utils.set_random_seed(seed)
            assert all(np.array_equal(a, b) for a, b in zip(build().get_weights(), start, strict=True))


@pytest.mark.slow
def test_two_populations_in_threads_train_as_each_does_alone(rng):
    x, y = rng.normal(size=(60, 3)).astype("float32"), np.arange(60) % 2

    def build():
        hidden = [layers.Dense(4, "relu"), layers.Dropout(0.1)]
        return keras.Sequential([keras.Input((3,)), *hidden, layers.Dense(2, "softmax")])

    def fit(seed):
        return tw.fit_population(
            build, x, y, learning_rate=[0.01, 0.1], seed=[seed, seed + 1], optimizer="adam",
            loss="sparse_categorical_crossentropy", epochs=3, verbose=0,
        ).histories  # fmt: skip

    alone, together = {seed: fit(seed) for seed in (0, 10)}, {}
    threads = [threading.Thread(target=lambda s=seed: together.update({s: fit(s)})) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
