"""Layers that vote."""

import keras
import numpy as np
import pytest
from tiny import voter, wide_rows

import trainwise as tw


def test_voting_layers_save_reload_and_agree_with_the_vote(tmp_path):
    members, x = [voter(seed=k) for k in range(3)], wide_rows(50)
    for how, layer in (
        ("soft", tw.layers.SoftVoting(weights=[1, 2, 3])),
        ("hard", tw.layers.HardVoting(weights=[1, 2, 3], ties="first")),
    ):
        inputs = keras.Input((4,))
        model = keras.Model(
            inputs, layer([member(inputs) for member in [_renamed(m, k) for k, m in enumerate(members)]])
        )
        answers = np.array([member.predict(x, verbose=0) for member in members])
        counted = answers if how == "soft" else np.eye(3)[answers.argmax(axis=-1)]
        expected = np.average(counted, axis=0, weights=[1, 2, 3])
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
        vote = tw.vote(members, how, [1, 2, 3], ties="first").predict(x, verbose=0)
        np.testing.assert_allclose(vote, expected, atol=1e-6)
        model.save(tmp_path / "layer.keras")
        np.testing.assert_array_equal(
            tw.load_model(tmp_path / "layer.keras").predict(x, verbose=0), model.predict(x, verbose=0)
        )


def _renamed(model, number):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.name = f"copy_{number}"
    return copy


def test_voting_layers_refuse_what_does_not_fit():
    one, other = np.ones((2, 3)), np.ones((2, 4))
    with pytest.raises(ValueError, match="answers of one shape"):
        tw.layers.SoftVoting()([one, other])
    with pytest.raises(ValueError, match="takes a list of answers"):
        tw.layers.HardVoting()(one)
    with pytest.raises(ValueError, match="2 values, one a member"):
        tw.layers.SoftVoting(weights=[1, 2, 3])([one, one])
    with pytest.raises(ValueError, match="not all 0"):
        tw.layers.SoftVoting(weights=[0, 0])
    with pytest.raises(ValueError, match="'loud'"):
        tw.layers.HardVoting(ties="loud")
