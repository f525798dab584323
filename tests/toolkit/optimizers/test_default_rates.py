"""The rates that are tried where nothing is known."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.optimizers import LARS, MomentumSGD
from trainwise.toolkit.optimizers.default_rates import ladder


@pytest.mark.parametrize(
    ("optimizer", "low", "high"),
    [("adam", 1e-5, 1e-1), (keras.optimizers.RMSprop(), 1e-5, 1e-1), ("sgd", 1e-4, 1.0), (MomentumSGD(), 1e-4, 1.0),
     (LARS(), 1e-4, 1.0), ("adagrad", 1e-4, 1.0), ("ftrl", 1e-4, 1.0), ("adadelta", 1e-3, 10.0)],
)  # fmt: skip
def test_rates_span_four_decades_around_what_is_usual_for_the_optimizer(optimizer, low, high):
    rates = ladder(optimizer, 9)
    np.testing.assert_allclose(rates, low * 10 ** np.linspace(0, 4, 9))
    assert rates[-1] == pytest.approx(high)
    assert ladder(optimizer, 1) == pytest.approx([np.sqrt(low * high)])


def test_a_count_below_one_is_refused():
    with pytest.raises(ValueError, match="`count` must be at least 1, got 0"):
        ladder("sgd", 0)
