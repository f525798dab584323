import numpy as np
import pytest


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, 4))
