"""Temperatures; the oracle is a grid."""

import numpy as np
import pytest
from tiny import classifier, slope, three_classes

import trainwise as tw


def test_a_temperature_is_the_one_that_minimises_the_likelihood():
    x, y = three_classes(300)
    model = classifier()
    model.fit(x, np.random.default_rng(0).permutation(y), epochs=30, verbose=0)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 5)
    found = tw.calibrate(model, x, y)
    logs = np.log(model.predict(x, verbose=0).astype("float64"))

    def nll(temperature):
        scaled = logs / temperature
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(300), y]))

    grid = np.exp(np.linspace(np.log(0.05), np.log(40), 4000))
    assert nll(found.temperature) <= min(map(nll, grid)) + 1e-4
    assert found.nll[1] == pytest.approx(nll(found.temperature), abs=1e-4) and found.nll[1] < found.nll[0]
    np.testing.assert_array_equal(
        found.model.predict(x, verbose=0).argmax(axis=1), model.predict(x, verbose=0).argmax(axis=1)
    )


def test_calibration_refuses_quantities_and_broken_targets():
    x, y = three_classes()
    with pytest.raises(ValueError, match="have no temperature"):
        tw.calibrate(slope(1.0), x[:, :1], y)
    with pytest.raises(ValueError, match="0 to 2, got 0 to 7"):
        tw.calibrate(classifier(), x, np.where(y == 2, 7, y))
    with pytest.raises(ValueError, match="for each of 96 rows"):
        tw.calibrate(classifier(), x, None)
