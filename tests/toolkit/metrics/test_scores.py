"""Scores of rows against their formulas."""

import numpy as np
import pytest

from trainwise.toolkit.metrics import scores


def test_the_scores_are_those_of_their_formulas():
    generator = np.random.default_rng(0)
    p, y = generator.dirichlet(np.ones(4), 400), generator.integers(0, 4, 400)
    targets = scores.truth(p, y)
    found = scores.row_scores(p, targets, True)
    np.testing.assert_allclose(found["nll"], -np.log(p[np.arange(400), y]))
    np.testing.assert_allclose(found["brier"], ((p - np.eye(4)[y]) ** 2).sum(axis=1))
    confidence, hit, expected = p.max(axis=1), p.argmax(axis=1) == y, 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert scores.calibration_error(p, targets, True) == pytest.approx(expected)
    low, high = scores.with_intervals({"a": np.arange(100.0)}, None, 0.95, 2000, 0)["a"][1:]
    spread = 1.96 * np.arange(100.0).std() / 10
    assert low == pytest.approx(49.5 - spread, abs=0.6) and high == pytest.approx(49.5 + spread, abs=0.6)
