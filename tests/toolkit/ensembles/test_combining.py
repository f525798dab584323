"""A trained combiner; the oracles are scikit-learn and closed forms."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import trainwise as tw
from trainwise.toolkit.metrics.scores import row_scores

X = np.random.default_rng(0).normal(size=(400, 3)).astype("float32")


def _member(kernel, activation):
    kernel = np.array(kernel, "float32")
    layers = [keras.Input((3,)), keras.layers.Dense(kernel.shape[1], activation, use_bias=False)]
    model = keras.Sequential(layers)
    model.set_weights([kernel])
    return model


def test_quantities_are_joined_by_least_squares_with_weights_of_at_least_zero():
    members = [_member([[1.0], [0.0], [0.0]], None), _member([[0.0], [1.0], [0.0]], None)]
    y = 2 * X[:, 0] + 0.5 * X[:, 1] + 3
    found = tw.combine(members, X, y)
    wanted = LinearRegression(positive=True).fit(X[:, :2], y)
    kernel, bias = found.model.get_layer("combiner").get_weights()
    np.testing.assert_allclose(kernel.ravel(), wanted.coef_, atol=1e-5)
    np.testing.assert_allclose(bias, [3.0], atol=1e-5)
    assert found.better and found.chosen is found.model and found.metric == "mse"
    assert found.score < 1e-9
    np.testing.assert_allclose(found.plain_score, np.mean((X[:, :2].mean(axis=1) - y) ** 2), rtol=1e-5)
    np.testing.assert_allclose(found.model.predict(X, verbose=0)[:, 0], y, atol=1e-4)


@pytest.mark.parametrize("classes", [3, 2])
def test_classes_are_joined_by_a_logistic_regression_over_log_probabilities(classes):
    generator = np.random.default_rng(1)
    members = [_member(generator.normal(size=(3, classes)), "softmax") for _ in range(2)]
    y = (X @ generator.normal(size=(3, classes)) + generator.gumbel(size=(400, classes))).argmax(axis=1)
    found = tw.combine(members, X, y)
    logs = np.stack([np.log(member.predict(X, verbose=0)) for member in members], axis=-1).reshape(400, -1)
    answers = [LogisticRegression(C=c, max_iter=2000).fit(logs, y).predict_proba(logs) for c in (0.01, 0.1, 1.0)]
    own = found.model.predict(X, verbose=0)
    assert min(np.abs(own - one).max() for one in answers) < 2e-3
    plain = np.mean([member.predict(X, verbose=0) for member in members], axis=0)
    nll = row_scores(plain, np.eye(classes)[y], True)["nll"].mean()
    assert found.plain_score == pytest.approx(nll, rel=1e-5)
    # Members of random weights are far from the truth, and a line through their answers is not.
    assert found.better and "is better than the plain vote: nll" in str(found)


def test_labels_each_have_weights_of_their_own():
    members = [_member([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0]], "sigmoid"), _member([[0.0, 4.0]] * 3, "sigmoid")]
    noise = np.random.default_rng(2).logistic(size=(400, 2))
    y = (np.column_stack([X[:, 0], X.sum(axis=1)]) * 4 + noise > 0).astype(int)
    found = tw.combine(members, X, y)
    kernel, _ = found.model.get_layer("combiner").get_weights()
    # Rows are member after member of the first label, then of the second; each label sees its own alone.
    assert np.all(kernel[2:, 0] == 0) and np.all(kernel[:2, 1] == 0)
    assert kernel[0, 0] > kernel[1, 0] and kernel[3, 1] > kernel[2, 1]


def test_where_the_combiner_gains_nothing_the_plain_vote_is_chosen(tmp_path):
    member = _member([[3.0], [0.0], [0.0]], "sigmoid")
    y = np.random.default_rng(0).random(400) < 1 / (1 + np.exp(-3 * X[:, 0]))
    found = tw.combine([member, member], X, y)
    assert not found.better and found.chosen is found.plain
    assert "is not better, beyond the noise" in str(found)
    found.model.save(tmp_path / "combined.keras")
    again = tw.load_model(tmp_path / "combined.keras").predict(X, verbose=0)
    np.testing.assert_allclose(again, found.model.predict(X, verbose=0), atol=1e-6)


BINARY = _member([[3.0], [0.0], [0.0]], "sigmoid")
TWO_LABELS = _member([[3.0, 1.0], [0.0, 1.0], [0.0, 1.0]], "sigmoid")


@pytest.mark.parametrize(
    ("models", "y", "arguments", "told"),
    [
        ([BINARY], np.zeros(400), {}, "Class 1 has 0 of the rows"),
        ([BINARY], np.zeros(3), {}, "`y` must hold a target for each of 400 rows"),
        ([TWO_LABELS], np.column_stack([np.zeros(400), np.arange(400) % 2]), {}, "Label 0 is the same in all rows"),
        ([_member(np.ones((3, 2)), None)], np.zeros(400), {"task": "gaussian"}, "no mixtures and no sequences"),
        ([BINARY], np.arange(400) % 2, {"batch_size": 0}, "`batch_size`"),
    ],
)
def test_what_cannot_be_combined_is_refused(models, y, arguments, told):
    with pytest.raises(ValueError, match=told):
        tw.combine(models, X, y, **arguments)


def test_sealed_test_rows_are_refused():
    splits = tw.data.load("digits")
    with pytest.raises(TypeError, match="sealed"):
        tw.combine([BINARY], splits.test, None)
