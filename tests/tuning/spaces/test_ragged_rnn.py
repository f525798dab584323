"""Recurrent networks over sequences of unequal length and over token ids."""

import keras
import keras_tuner
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.data.sequences import padded

GENERATOR = np.random.default_rng(0)
LENGTHS = GENERATOR.integers(3, 9, 48)
SMALL = {
    "cell": "gru",
    "depth": 1,
    "units": 4,
    "bidirectional": False,
    "normalization": "none",
    "dropout": 0.0,
    "l2": 0.0,
}


def _built(space, x, y):
    space.adapt(x, y)
    keras.utils.set_random_seed(0)
    return space.build(keras_tuner.HyperParameters())


@pytest.mark.parametrize("pooling", ["last", "average"])
def test_what_is_filled_up_changes_no_answer(pooling):
    rows = [GENERATOR.normal(100, 1, (length, 2)) for length in LENGTHS]
    model = _built(tw.tuning.RNN(**SMALL, pooling=pooling), rows, np.arange(48) % 2)
    whole = model.predict(padded(rows), verbose=0)
    alone = keras.Input((None, 2))
    short = keras.Model(alone, _called(model, alone))
    for row in (0, 1, 2):
        np.testing.assert_allclose(short.predict(rows[row][None], verbose=0)[0], whole[row], atol=1e-5)


def _called(model, features):
    for layer in model.layers[1:]:
        features = layer(features)
    return features


def test_token_ids_are_embedded_and_zero_fills_up():
    tokens = GENERATOR.integers(1, 30, (48, 7))
    tokens[:, 5:] = 0
    model = _built(tw.tuning.RNN(**SMALL, embedding=5), tokens, np.arange(48) % 2)
    layer = model.get_layer("embedding")
    assert (layer.input_dim, layer.output_dim) == (tokens.max() + 2, 5)
    answers = model.predict(tokens, verbose=0)
    np.testing.assert_allclose(answers[:, 0], _built_shorter(model, tokens)[:, 0], atol=1e-6)
    # An id that training had not is answered as any other such one.
    tokens[:, 0] = 99
    others = tokens.copy()
    others[:, 0] = 77
    assert np.array_equal(model.predict(tokens, verbose=0), model.predict(others, verbose=0))


def _built_shorter(model, tokens):
    inputs = keras.Input((None,), dtype="int32")
    return keras.Model(inputs, _called(model, inputs)).predict(tokens[:, :5], verbose=0)


def test_a_search_takes_lists_of_token_ids(tmp_path):
    first = np.arange(48) % 2
    rows = [
        np.array([5 + 3 * kind, *GENERATOR.integers(0, 20, length)])
        for kind, length in zip(first, LENGTHS, strict=True)
    ]
    result = tw.tuning.search(
        tw.tuning.RNN(**SMALL, embedding=4, pooling="last"), rows[:32], first[:32],
        validation_data=(rows[32:], first[32:]), trials=1, epochs=1, directory=tmp_path, verbose=0,
    )  # fmt: skip
    assert result.best_model.input_shape == (None, max(map(len, rows)))


@pytest.mark.parametrize(
    ("space", "x", "message"),
    [
        (tw.tuning.RNN, np.full((4, 3), -1), "Token ids are whole numbers from 0, which fills up, got -1"),
        (tw.tuning.RNN, [[1.0], []], "Row 1 is a sequence of length 0"),
        (tw.tuning.RNN, np.ones((4, 3)), "give token ids as whole numbers, or use"),
    ],
)
def test_rows_that_are_no_sequences_are_refused(space, x, message):
    with pytest.raises(ValueError, match=message):
        space().adapt(x, np.arange(len(x)) % 2)


@pytest.mark.parametrize("embedding", [0, 1.5])
def test_an_embedding_needs_a_width(embedding):
    with pytest.raises((TypeError, ValueError), match="`embedding` must be"):
        tw.tuning.RNN(embedding=embedding)
