"""Votes judged against their members."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import classifier, slope, three_classes

import trainwise as tw


def test_a_vote_is_judged_against_its_members_with_mended_and_broken_rows():
    x, y = three_classes(300)
    members = [classifier(seed) for seed in range(3)]
    for member in members:
        member.fit(x, y, epochs=5, verbose=0)
    vote = tw.vote(members)
    report = tw.evaluate_vote(vote, x, y)
    answers = np.array([m.predict(x, verbose=0) for m in members])
    right, joined = answers.argmax(-1) == y, answers.mean(axis=0).argmax(-1) == y
    np.testing.assert_array_equal(report.mends, np.flatnonzero(joined & ~right[report.best]))
    np.testing.assert_array_equal(report.breaks, np.flatnonzero(~joined & right[report.best]))
    assert [row["accuracy"] for row in report.rows[1:4]] == pytest.approx(right.mean(axis=1))
    assert report.rows[4]["nll"] == pytest.approx(np.mean([row["nll"] for row in report.rows[1:4]]))
    labels = answers.argmax(-1)
    pairs = [np.mean(labels[i] != labels[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert report.disagreement == pytest.approx(np.mean(pairs))
    assert "best member" in report.sentence and "these very rows" in report.note
    assert all(row["nll_low"] <= row["nll"] <= row["nll_high"] for row in report.rows)
    assert "was given" in tw.evaluate_vote(vote, x, y, best=1).note


def test_a_vote_of_quantities_is_judged_by_r2():
    x = np.linspace(-1, 1, 50)[:, None]
    report = tw.evaluate_vote(tw.vote([slope(1.0), slope(3.0)]), x, 2 * x)
    assert [round(row["r2"], 6) for row in report.rows] == [1.0, 0.75, 0.75, 0.75]
    assert report.mends is None and "The vote is better" in report.sentence


def test_what_is_no_vote_or_answers_nan_is_refused_by_name():
    x, y = three_classes()
    with pytest.raises(ValueError, match="is no vote"):
        tw.evaluate_vote(classifier(), x, y)
    inputs = keras.Input((4,))
    raw = keras.layers.Dense(3)(inputs)
    root = keras.Model(inputs, keras.layers.Softmax()(ops.log(raw)), name="root")
    with pytest.raises(ValueError, match="member_1 outputs NaN or infinite values in"):
        tw.evaluate_vote(tw.vote([classifier(), root]), x, y)
    with pytest.raises(ValueError, match="target for each"):
        tw.evaluate_vote(tw.vote([classifier()]), x, y[:3])
