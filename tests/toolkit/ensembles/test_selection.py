import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainwise as tw
from trainwise.toolkit.models.reading import output_activation


def _fixed(table, activation="softmax"):
    """A model that answers the rows of `table`: row i for the input i."""
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
        with pytest.raises(ValueError, match="not all 0"):
            tw.vote([model, model], weights=weights)
    with pytest.raises(ValueError, match="built model"):
        tw.vote([keras.Sequential([keras.layers.Dense(2)])])


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_selection_is_never_worse_than_the_best_candidate(seed):
    generator = np.random.default_rng(seed)
    predictions = generator.dirichlet(np.ones(3), (5, 20))
    y = generator.integers(0, 3, 20)
    nll = -np.log(np.clip(predictions[:, np.arange(20), y], 1e-7, 1)).mean(axis=1)
    chosen = tw.select_members(predictions, y, size=8)
    mean = np.einsum("k,knc->nc", chosen.weights, predictions)
    reached = -np.log(mean[np.arange(20), y]).mean()
    assert reached <= nll.min() + 1e-9
    assert chosen.trajectory[-1] == pytest.approx(reached)
    assert chosen.trajectory[0] == pytest.approx(nll.min())
    assert chosen.weights.sum() == pytest.approx(1)


def test_selection_follows_the_metric():
    y = np.array([0.0, 1.0, 2.0, 3.0])
    off = np.array([y + 1, y - 1, y + 3])
    chosen = tw.select_members(off, y, metric="mse")
    assert sorted(chosen.members) == [0, 1]
    assert chosen.trajectory[-1] == pytest.approx(0)
    sure = np.array([[0.6, 0.4], [0.4, 0.6]])
    flipped = sure[:, ::-1]
    assert tw.select_members([flipped, sure], [0, 1], metric="accuracy").members == (1,)
    assert tw.select_members([flipped, sure], [0, 1], metric="accuracy").trajectory == (1.0,)


def test_selection_refuses_test_rows_and_broken_predictions():
    good = np.full((2, 4, 2), 0.5)
    with pytest.raises(TypeError, match="sealed test split"):
        tw.select_members(good, [0, 1, 0, 1], rows=tw.data.load("iris").test)
    with pytest.raises(ValueError, match="3 rows, `predictions` have 4"):
        tw.select_members(good, [0, 1, 0])
    with pytest.raises(ValueError, match="candidate 1 hold NaN"):
        tw.select_members(np.stack([good[0], good[0] * np.nan]), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        tw.select_members(good, [0, 1, 0, 1], size=0)
    with pytest.raises(ValueError, match="got \\(0,\\)"):
        tw.select_members([], [])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.Dense(2, activation="softmax"), "softmax"),
        (keras.layers.Dense(2), "linear"),
        (keras.layers.ReLU(), "relu"),
        (keras.layers.Softmax(), "softmax"),
        (
            keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid"), keras.layers.Reshape((1,))]),
            "sigmoid",
        ),
        (keras.layers.LayerNormalization(), None),
    ],
)
def test_the_output_activation_is_read_off_the_model(layer, expected):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(layer(inputs)))
    assert output_activation(model) == expected


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_selection_takes_the_steps_of_the_paper(seed):
    generator = np.random.default_rng(seed)
    predictions, y = generator.dirichlet(np.ones(4), (6, 40)), generator.integers(0, 4, 40)
    bag, scores = [], []
    for _ in range(10):
        tried = []
        for k in range(6):
            mean = np.mean([predictions[j] for j in [*bag, k]], axis=0)
            tried.append(-np.mean(np.log(mean[np.arange(40), y])))
        bag.append(int(np.argmin(tried)))
        scores.append(min(tried))
    end = int(np.argmin(scores)) + 1
    chosen = tw.select_members(predictions, y, size=10)
    np.testing.assert_allclose(chosen.weights, np.bincount(bag[:end], minlength=6) / end)
    np.testing.assert_allclose(chosen.trajectory, scores[:end])


def test_one_hot_targets_and_row_weights_mean_what_they_say():
    generator = np.random.default_rng(0)
    predictions, y = generator.dirichlet(np.ones(3), (4, 30)), generator.integers(0, 3, 30)
    plain, hot = tw.select_members(predictions, y), tw.select_members(predictions, np.eye(3)[y])
    assert plain.trajectory == pytest.approx(hot.trajectory)
    weight = generator.integers(0, 3, 30)
    repeated = tw.select_members(np.repeat(predictions, weight, axis=1), np.repeat(y, weight))
    assert tw.select_members(predictions, y, sample_weight=weight).trajectory == pytest.approx(repeated.trajectory)
    with pytest.raises(ValueError, match="30 finite weights"):
        tw.select_members(predictions, y, sample_weight=-np.ones(30))
    with pytest.raises(ValueError, match="classes 0 to 2, got 0 to 5"):
        tw.select_members(predictions, np.where(y == 2, 5, y))
