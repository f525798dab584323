"""Averages of weights over a fit; the oracle is numpy on weights written down."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import WeightDiary, classifier, three_classes

import trainwise as tw


def test_the_equal_mean_is_that_of_the_epochs_after_the_start():
    (x, y), model, seen = three_classes(), classifier(), WeightDiary()
    averaged = tw.callbacks.WeightAverage(start=0.5)
    model.fit(x, y, epochs=6, callbacks=[seen, averaged], verbose=0)
    for place, variable in enumerate(model.trainable_variables):
        expected = np.mean([weights[place] for weights in seen.epochs[3:]], axis=0)
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, atol=1e-6)
    assert averaged.count == 3


@pytest.mark.parametrize("together", [1, 3])
def test_the_fading_mean_follows_its_formula(together):
    (x, y), model, seen = three_classes(), classifier(), WeightDiary()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", steps_per_execution=together)
    averaged = tw.callbacks.WeightAverage("exponential", start=0, every="step", momentum=0.8, keep="last")
    model.fit(x, y, epochs=2, batch_size=32, callbacks=[seen, averaged], verbose=0)
    expected = seen.steps[0]
    for weights in seen.steps[1:]:
        fade = 0.8**together
        expected = [fade * mean + (1 - fade) * w for mean, w in zip(expected, weights, strict=True)]
    for mean, value in zip(averaged.average, expected, strict=True):
        np.testing.assert_allclose(mean, value, atol=1e-6)


def test_the_average_does_not_stay_behind_after_predict_or_validation():
    (x, y), model = three_classes(), classifier()
    averaged = tw.callbacks.WeightAverage(start=0, keep="last")
    seen = WeightDiary()
    model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[averaged, seen], verbose=0)
    trained = [w.copy() for w in model.get_weights()]
    np.testing.assert_array_equal(trained[0], seen.steps[-1][0])
    inside = model.predict(x, verbose=0, callbacks=[averaged])
    for left, right in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(left, right)
    model.set_weights([a.astype("float32") for a in averaged.average])
    np.testing.assert_allclose(inside, model.predict(x, verbose=0), atol=1e-6)


def test_validation_sees_the_average():
    (x, y), model = three_classes(), classifier()
    averaged, seen = tw.callbacks.WeightAverage(start=0), WeightDiary()
    history = model.fit(x, y, epochs=4, validation_data=(x, y), callbacks=[averaged, seen], verbose=0).history
    ends = seen.steps[2::3]
    for epoch in range(4):
        # The weights of an epoch are part of what its validation measures.
        model.set_weights([np.mean(weights, axis=0) for weights in zip(*ends[: epoch + 1], strict=True)])
        assert history["val_loss"][epoch] == pytest.approx(model.evaluate(x, y, verbose=0)[0], rel=1e-5)


def test_batch_normalisation_is_recalibrated_to_the_statistics_of_the_average():
    (x, y), model = three_classes(), classifier(norm=True)
    with pytest.raises(ValueError, match=r"WeightAverage\(x=x_train\)"):
        model.fit(x, y, callbacks=[tw.callbacks.WeightAverage()], verbose=0)
    model.fit(x, y, epochs=4, callbacks=[tw.callbacks.WeightAverage(x=x, batch_size=96)], verbose=0)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
    norm = model.layers[1]
    np.testing.assert_allclose(ops.convert_to_numpy(norm.moving_mean), hidden.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(norm.moving_variance), hidden.var(axis=0), atol=1e-5)
    assert norm.momentum == 0.99
