"""Token ids in the first model: what fills up counts for nothing, and unknown ids are one."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.models.first import describe, first_model
from trainwise.toolkit.tasks import head

IDS = np.random.default_rng(0).integers(1, 50, (30, 9)).astype("int32")
Y = np.arange(30) % 2


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return first_model(IDS, Y, head("binary", Y))()


def test_the_vectors_are_averaged_without_what_fills_up(model):
    x = IDS[:4].copy()
    x[:, 5:] = 0
    vectors = model.get_layer("embedding").get_weights()[0]
    mean = keras.Model(model.inputs, model.get_layer("average").output).predict(x, verbose=0)
    np.testing.assert_allclose(mean, vectors[x[:, :5]].mean(axis=1), atol=1e-6)


def test_the_order_is_read_up_to_the_end_of_a_row_alone(model):
    x = IDS[:4].copy()
    x[:, 5:] = 0
    weights = model.get_layer("gru").get_weights()
    alone = keras.layers.GRU(64)
    alone.build((None, 5, 32))
    alone.set_weights(weights)
    read = keras.Model(model.inputs, model.get_layer("gru").output).predict(x, verbose=0)
    expected = alone(model.get_layer("embedding").get_weights()[0][x[:, :5]])
    np.testing.assert_allclose(read, keras.ops.convert_to_numpy(expected), atol=1e-5)


def test_ids_that_training_had_not_are_answered_alike(model):
    unknown = IDS[:2].copy()
    unknown[:, 0] = [50, 4_000_000]
    same = np.repeat(unknown[:1], 2, axis=0)
    same[1, 0] = 4_000_000
    answers = model.predict(same, verbose=0)
    assert answers[0] == answers[1] and model.inputs[0].dtype == "int32"


def test_rows_of_very_many_words_are_averaged_alone():
    long = np.tile(IDS, (1, 23))
    made = first_model(long, Y, head("binary", Y))()
    assert "gru" not in [layer.name for layer in made.layers]
    assert describe(long) == ("at most 207 token ids of 49", "embedding, average")
    assert describe(IDS)[1] == "embedding, average and GRU 64"
