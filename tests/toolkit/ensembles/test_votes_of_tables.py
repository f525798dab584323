"""Votes of models that answer given tables; the oracle is numpy and scikit-learn's rule for ties."""

import keras
import numpy as np
import pytest

import trainwise as tw


def _fixed(table, activation="softmax"):
    """A model that outputs the rows of `table`: row i for the input i."""
    table = np.asarray(table, dtype="float32")
    inputs = keras.Input((1,), name="row")
    rows = keras.layers.Embedding(len(table), table.shape[1], weights=[_before(table, activation)])(inputs)
    outputs = keras.layers.Activation(activation, name="answer")(keras.layers.Flatten()(rows))
    return keras.Model(inputs, outputs, name="fixed")


def _before(table, activation):
    if activation == "softmax":
        return np.log(np.clip(table, 1e-30, 1))
    return np.log(np.clip(table, 1e-7, 1 - 1e-7) / (1 - np.clip(table, 1e-7, 1 - 1e-7)))


def _ask(model, rows):
    return model.predict(np.arange(rows)[:, None].astype("float32"), verbose=0)


@pytest.fixture(scope="module")
def tables():
    return np.random.default_rng(1).dirichlet(np.ones(4), (4, 300))


def test_a_soft_vote_is_the_weighted_mean(tables):
    models = [_fixed(table) for table in tables]
    np.testing.assert_allclose(_ask(tw.vote(models), 300), tables.mean(axis=0), atol=1e-6)
    weights = [1, 2, 0, 5]
    expected = np.average(tables, axis=0, weights=weights)
    np.testing.assert_allclose(_ask(tw.vote(models, weights=weights), 300), expected, atol=1e-6)


@pytest.mark.parametrize("weights", [None, [0.1, 0.2, 0.3, 0.0], [3, 1, 1, 1]])
@pytest.mark.parametrize("ties", ["soft", "first"])
def test_a_hard_vote_gives_shares_whose_argmax_is_the_winner(tables, weights, ties):
    models = [_fixed(table) for table in tables]
    shares = np.full(4, 0.25) if weights is None else np.array(weights) / np.sum(weights)
    votes = np.einsum("k,knc->nc", shares, np.eye(4)[tables.argmax(axis=-1)])
    tied = votes >= votes.max(axis=1, keepdims=True) - 1e-9
    soft = np.einsum("k,knc->nc", shares, tables)
    winner = np.where(tied, soft if ties == "soft" else 1.0, -1.0).argmax(axis=1)
    answer = _ask(tw.vote(models, how="hard", weights=weights, ties=ties), 300)
    np.testing.assert_allclose(answer, votes, atol=1e-6)
    np.testing.assert_array_equal(answer.argmax(axis=1), winner)
    assert (tied.sum(axis=1) > 1).sum() > 5


def test_the_first_of_tied_classes_wins_as_in_scikit_learn(tables):
    models = [_fixed(table) for table in tables]
    labels = tables.argmax(axis=-1)
    majority = [np.bincount(column, minlength=4).argmax() for column in labels.T]
    answer = _ask(tw.vote(models, how="hard", ties="first"), 300)
    np.testing.assert_array_equal(answer.argmax(axis=1), majority)


def test_binary_and_multilabel_votes_count_each_label():
    tables = np.random.default_rng(2).random((4, 50, 3))
    models = [_fixed(table, "sigmoid") for table in tables]
    answer = _ask(tw.vote(models, how="hard"), 50)
    votes = (tables > 0.5).mean(axis=0)
    np.testing.assert_allclose(answer, votes, atol=1e-6)
    wins = np.where(votes == 0.5, tables.mean(axis=0) > 0.5, votes > 0.5)
    np.testing.assert_array_equal(answer > 0.5, wins)
    first = _ask(tw.vote(models, how="hard", ties="first"), 50)
    np.testing.assert_array_equal(first > 0.5, votes > 0.5)


def test_a_vote_saves_and_reloads_with_plain_keras(tables, tmp_path):
    vote = tw.vote([_fixed(table) for table in tables], how="hard")
    vote.save(tmp_path / "vote.keras")
    np.testing.assert_array_equal(_ask(keras.models.load_model(tmp_path / "vote.keras"), 300), _ask(vote, 300))


def test_members_stay_as_they_are(tables):
    models = [_fixed(table) for table in tables[:2]]
    for model in models:
        model.compile("adam", "sparse_categorical_crossentropy")
    vote = tw.vote(models)
    vote.compile("sgd", "sparse_categorical_crossentropy")
    vote.fit(np.arange(8.0)[:, None], np.zeros(8), verbose=0)
    assert [model.name for model in models] == ["fixed", "fixed"]
    np.testing.assert_allclose(_ask(models[0], 300), tables[0], atol=1e-6)
    assert models[0].optimizer is not None


def test_one_member_alone_answers_as_itself(tables):
    np.testing.assert_allclose(_ask(tw.vote([_fixed(tables[0])]), 300), tables[0], atol=1e-6)


def test_regression_members_are_averaged_and_have_no_hard_vote():
    def line(slope):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        model.set_weights([np.array([[slope]])])
        return model

    vote = tw.vote([line(1.0), line(3.0)])
    np.testing.assert_allclose(_ask(vote, 3).ravel(), [0, 2, 4])
    with pytest.raises(ValueError, match="got quantities"):
        tw.vote([line(1.0)], how="hard")


def test_what_cannot_vote_is_refused(tables):
    model = _fixed(tables[0])
    with pytest.raises(ValueError, match="got none"):
        tw.vote([])
    with pytest.raises(TypeError, match="got Functional"):
        tw.vote(model)
    with pytest.raises(TypeError, match="got int"):
        tw.vote([model, 3])
    with pytest.raises(TypeError, match="got str"):
        tw.vote("model.keras")
    with pytest.raises(ValueError, match="'loud'"):
        tw.vote([model], how="loud")
    with pytest.raises(ValueError, match="'random'"):
        tw.vote([model], ties="random")
    with pytest.raises(ValueError, match="Member 1 .'fixed'. takes and gives"):
        tw.vote([model, _fixed(tables[0][:, :3])])
    with pytest.raises(ValueError, match="got shape \\(1,\\)"):
        tw.vote([model, model], weights=[1])
    for weights in ([-1, 2], [0, 0], [np.nan, 1]):
        with pytest.raises(ValueError, match="`weights` must"):
            tw.vote([model, model], weights=weights)
    with pytest.raises(ValueError, match="built model"):
        tw.vote([keras.Sequential([keras.layers.Dense(2)])])
