"""Soups of weights."""

import keras
import numpy as np
import pytest
from tiny import classifier, slope, three_classes

import trainwise as tw


def test_a_soup_takes_in_only_what_makes_it_better():
    x, y = np.ones((4, 1)), np.full((4, 1), 2.0)
    soup = tw.greedy_soup([slope(v) for v in (9.0, 1.0, 2.8, 2.3)], x, y)
    # 2.3 first; with 2.8 worse; with 1.0: 1.65, worse; with 9.0: worse; then nothing is joined, and 2.3 stands alone.
    assert soup.members == (3,) and soup.loss == pytest.approx(0.09)
    soup = tw.greedy_soup([slope(v) for v in (1.8, 2.1)], x, y)
    assert soup.members == (1, 0) and float(soup.model.weights[0][0, 0]) == pytest.approx(1.95)


def test_weights_of_unrelated_models_are_not_averaged():
    x, y = three_classes(200)
    models = []
    for seed in (1, 2, 3):
        model = classifier(seed, rate=0.5)
        model.fit(x, y, epochs=60, verbose=0)
        models.append(model)
    alone = [model.evaluate(x, y, verbose=0)[0] for model in models]
    for average in (tw.average_weights, tw.greedy_soup):
        with pytest.raises(ValueError, match=rf"alone have {min(alone):.4f} to {max(alone):.4f}.*different starts"):
            average(models, x, y)


def test_averages_refuse_other_makes_and_missing_rows():
    x, y = three_classes()
    with pytest.raises(ValueError, match="only models of one make"):
        tw.average_weights(
            [classifier(), keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])], x, y
        )
    with pytest.raises(ValueError, match="recalibrate_on"):
        tw.average_weights([classifier(norm=True)], x, y)
    with pytest.raises(ValueError, match="target for each of 96 rows"):
        tw.average_weights([classifier()], x, y[:5])
