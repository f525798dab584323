"""Where members start, and the random state of the caller."""

import random

import keras
import numpy as np
from architectures import CLASSES, IMAGES, LABELS, SERIES, TABLE, WORDS, L, cnn, masked, mlp, recurrent

import trainwise as tw


def test_the_callers_random_state_is_left_as_it_was():
    import tensorflow as tf

    def draws():
        return random.random(), np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))

    keras.utils.set_random_seed(11)
    expected = [draws(), draws()]
    keras.utils.set_random_seed(11)
    found = [draws()]
    tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, verbose=0)
    assert [*found, draws()] == expected


def test_members_start_as_the_model_built_after_their_seed_would():
    def with_numpy():
        model = mlp()
        model.layers[0].bias.assign(np.random.normal(size=8))
        return model

    for build in (mlp, masked, with_numpy, cnn, recurrent(lambda: L.LSTM(3, return_sequences=True), lambda: L.GRU(2))):
        x = {mlp: TABLE, masked: WORDS, with_numpy: TABLE, cnn: IMAGES}.get(build, SERIES)
        result = tw.fit_population(
            build, x, LABELS, learning_rate=1e-30, seed=[5, 9, 5, 2], loss=CLASSES, epochs=1, batch_size=40,
            run_eagerly=True, verbose=0,
        )  # fmt: skip
        for k, seed in enumerate([5, 9, 5, 2]):
            keras.utils.set_random_seed(seed)
            model = build()
            trained = [w for w in model.weights if w.trainable]
            for own, expected in zip(result.models[k].trainable_weights, trained, strict=True):
                np.testing.assert_allclose(np.asarray(own), np.asarray(expected), rtol=0, atol=1e-25)
