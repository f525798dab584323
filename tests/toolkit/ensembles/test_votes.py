"""Votes of models; the oracle is numpy on the members' answers."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import voter, wide_rows

import trainwise as tw


def test_geometric_votes_are_the_softmax_of_mean_logits():
    x, members = wide_rows(), [voter(seed=k) for k in range(3)]
    logs = np.mean([np.log(m.predict(x, verbose=0)) for m in members], axis=0)
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tw.vote(members, "geometric").predict(x, verbose=0), expected, atol=1e-6)


def test_all_outputs_are_what_numpy_says():
    x, members, weights = wide_rows(), [voter(seed=k) for k in range(4)], np.array([0.4, 0.3, 0.2, 0.1])
    answers = np.array([m.predict(x, verbose=0) for m in members], dtype="float64")
    found = tw.vote(members, "hard", weights, output="all", uncertainty=True).predict(x, verbose=0)
    votes = np.einsum("k,knc->nc", weights, np.eye(3)[answers.argmax(axis=-1)])
    mean = np.einsum("k,knc->nc", weights, answers)

    def entropy(p):
        return -(p * np.log(p)).sum(axis=-1)

    np.testing.assert_allclose(found["votes"], votes, atol=1e-6)
    np.testing.assert_array_equal(found["label"], found["probabilities"].argmax(axis=1))
    np.testing.assert_allclose(found["entropy"], entropy(mean), atol=1e-5)
    information = entropy(mean) - np.einsum("k,kn->n", weights, entropy(answers))
    np.testing.assert_allclose(found["mutual_information"], information, atol=1e-5)
    pairs = sum(
        weights[i] * weights[j] * (answers[i].argmax(1) != answers[j].argmax(1))
        for i in range(4) for j in range(4) if i != j
    )  # fmt: skip
    np.testing.assert_allclose(found["disagreement"], pairs / (1 - (weights**2).sum()), atol=1e-5)
    assert found["label"].dtype == np.int32


def test_binary_multilabel_and_thresholds():
    x = wide_rows()
    for units in (1, 3):
        members = [voter(units, "sigmoid", seed=k) for k in range(3)]
        answers = np.array([m.predict(x, verbose=0) for m in members])
        limits = 0.5 if units == 1 else [0.3, 0.5, 0.7]
        votes = (answers > np.array(limits)).mean(axis=0)
        found = tw.vote(members, "hard", output="all", threshold=limits).predict(x, verbose=0)
        np.testing.assert_allclose(found["probabilities"], votes, atol=1e-6)
        expected = (votes > 0.5).astype(int)
        np.testing.assert_array_equal(found["label"], expected[:, 0] if units == 1 else expected)


def test_sequences_and_images_are_voted_on_place_by_place():
    x = np.random.default_rng(0).normal(size=(6, 5, 5, 2)).astype("float32")
    members = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        members.append(keras.Sequential([keras.Input((5, 5, 2)), keras.layers.Conv2D(4, 3, padding="same"),
                                         keras.layers.Softmax()]))  # fmt: skip
    answers = np.array([m.predict(x, verbose=0) for m in members])
    found = tw.vote(members, "hard", output="all", uncertainty=True).predict(x, verbose=0)
    votes = np.eye(4)[answers.argmax(-1)].mean(axis=0)
    np.testing.assert_allclose(found["probabilities"], votes, atol=1e-6)
    assert found["label"].shape == found["entropy"].shape == (6, 5, 5)


def test_a_softmax_by_operation_and_a_vote_of_votes_are_known_for_probabilities():
    inputs = keras.Input((4,))
    by_hand = keras.Model(inputs, ops.softmax(keras.layers.Dense(3)(inputs)))
    nested = tw.vote([tw.vote([voter(seed=1), voter(seed=2)]), by_hand], "hard")
    assert nested.predict(wide_rows(5), verbose=0).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_a_vote_of_binary_members_can_be_calibrated_and_vote_again():
    x, y = wide_rows(), np.arange(200) % 2
    vote = tw.vote([voter(1, "sigmoid", seed=k) for k in range(3)])
    calibrated = tw.calibrate(vote, x, y)
    assert calibrated.nll[1] <= calibrated.nll[0]
    np.testing.assert_array_equal(
        tw.vote([vote, calibrated.model], "hard", output="label", ties="soft").predict(x, verbose=0),
        (vote.predict(x, verbose=0)[:, 0] > 0.5).astype(int),
    )


def test_gaussian_members_become_the_moments_of_their_mixture():
    x, members = wide_rows(), []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((4,))
        parts = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1, "softplus")(inputs)]
        members.append(keras.Model(inputs, keras.layers.Concatenate()(parts)))
    answers = np.array([m.predict(x, verbose=0) for m in members])
    mean = answers[..., 0].mean(axis=0)
    variance = (answers[..., 1] + answers[..., 0] ** 2).mean(axis=0) - mean**2
    found = tw.vote(members, task="gaussian").predict(x, verbose=0)
    np.testing.assert_allclose(found, np.stack([mean, variance], axis=1), rtol=1e-4, atol=1e-5)


def test_what_has_no_answer_is_refused():
    quantity = voter(1, None)
    for wrong, told in (
        ({"how": "geometric"}, "got quantities"),
        ({"output": "label"}, "got quantities"),
        ({"uncertainty": True}, "needs `output='all'`"),
        ({"threshold": 1.5}, "one number in"),
        ({"task": "gaussian"}, "a mean and a variance"),
        ({"task": "binary", "from_logits": False}, "does not fit `task='binary'`"),
    ):
        with pytest.raises(ValueError, match=told):
            tw.vote([quantity], **wrong)
    with pytest.raises(ValueError, match="need the same inputs and the same output"):
        tw.vote([voter(5), voter(1, "sigmoid")])


def test_half_precision_members_are_joined_in_float32():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        members = [voter(seed=k) for k in range(3)]
        vote = tw.vote(members)
        layer = tw.layers.SoftVoting()([m.outputs[0] for m in members])
    finally:
        keras.config.set_dtype_policy(before)
    assert vote.output.dtype == layer.dtype == "float32"
    x = wide_rows(20)
    mean = np.mean([ops.convert_to_numpy(ops.cast(m(x), "float32")) for m in members], axis=0)
    np.testing.assert_allclose(ops.convert_to_numpy(vote(x)), mean, atol=1e-6)
