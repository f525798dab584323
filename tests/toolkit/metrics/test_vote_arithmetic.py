"""The arithmetic of votes against scikit-learn and numpy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder

from trainwise.toolkit.metrics import vote_arithmetic


class _Told(ClassifierMixin, BaseEstimator):
    """A classifier that answers a table: row i for the input i."""

    def __init__(self, table):
        self.table = table
        self.classes_ = np.arange(table.shape[1])

    def predict_proba(self, x):
        return self.table[x[:, 0].astype(int)]

    def predict(self, x):
        return self.predict_proba(x).argmax(axis=1)


def _scikit(tables, how, weights):
    vote = VotingClassifier([(str(k), _Told(table)) for k, table in enumerate(tables)], voting=how, weights=weights)
    vote.estimators_ = [_Told(table) for table in tables]
    vote.le_ = LabelEncoder().fit(np.arange(tables.shape[2]))
    vote.classes_ = vote.le_.classes_
    return vote


def _tables(seed, members, rows, classes, steps):
    """Probabilities on a grid, so that votes and means tie often."""
    counts = np.random.default_rng(seed).multinomial(steps, np.full(classes, 1 / classes), size=(members, rows))
    return (counts / steps).astype("float32")


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_votes_equal_those_of_scikit_learn_on_tied_data(seed, members, classes, weighted):
    tables = _tables(seed, members, 30, classes, steps=4)
    weights = [1, 2, 4, 3, 5, 2][:members] if weighted else None
    shares = vote_arithmetic.checked_weights(weights, members)
    rows = np.arange(30)[:, None]
    first = vote_arithmetic.hard([ops.array(t) for t in tables], shares, "classes", "first")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(vote_arithmetic.labels(first, "classes")), _scikit(tables, "hard", weights).predict(rows)
    )
    mean = ops.convert_to_numpy(vote_arithmetic.soft([ops.array(t) for t in tables], shares))
    np.testing.assert_allclose(mean, _scikit(tables, "soft", weights).predict_proba(rows), atol=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 7), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_median_is_numpys_or_the_weighted_one_by_its_definition(seed, members, weighted):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(members, 9, 2)).astype("float32")
    weights = generator.integers(1, 4, members) if weighted else np.ones(members, int)
    shares = vote_arithmetic.checked_weights(list(weights), members)
    found = vote_arithmetic.median([ops.array(v) for v in values], shares, "values")
    # A whole-number weight is that many copies.
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.median(np.repeat(values, weights, 0), axis=0), atol=1e-6)


def test_a_tie_of_float_weights_is_a_tie():
    yes, no = ops.array([[0.1, 0.9]]), ops.array([[0.9, 0.1]])
    shares = vote_arithmetic.checked_weights([0.1, 0.2, 0.3], 3)
    both_ways = [([yes, yes, no], 0), ([no, no, yes], 0)]
    for answers, winner in both_ways:
        answer = vote_arithmetic.hard(answers, shares, "classes", "first")
        assert int(ops.argmax(answer, axis=-1)[0]) == winner


def test_members_that_are_sure_and_agree_have_no_uncertainty():
    sure = [ops.array([[1.0, 0.0]])] * 2
    found = vote_arithmetic.uncertainty(sure, [0.5, 0.5], "classes")
    assert [float(found[name][0]) for name in ("entropy", "mutual_information", "disagreement")] == [0, 0, 0]
    alone = vote_arithmetic.uncertainty([ops.array([[0.3, 0.7]])], [1.0], "classes")
    assert float(alone["disagreement"][0]) == 0


def test_a_nan_on_the_way_is_never_hidden():
    answers = [ops.array([[0.2, 0.8]]), ops.array([[np.nan, 0.5]])]
    for joined in (
        vote_arithmetic.soft(answers, [0.5, 0.5]),
        vote_arithmetic.hard(answers, [0.5, 0.5], "classes"),
        vote_arithmetic.median(answers, [0.5, 0.5], "values"),
    ):
        assert np.isnan(ops.convert_to_numpy(joined)).any()
    assert int(vote_arithmetic.labels(vote_arithmetic.hard(answers, [0.5, 0.5], "classes"), "classes")[0]) == -1
