import keras
import numpy as np
import pytest

import trainwise as tw


@pytest.fixture(scope="session")
def flowers(tmp_path_factory):
    """A small classifier, 40 rows, and what its export reported."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,), name="flower"), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax", name="species")]
    )
    path = tmp_path_factory.mktemp("models") / "flowers"
    rows = np.random.default_rng(0).normal(size=(40, 4))
    card = {"license": "CC0-1.0", "scores": [{"name": "vote", "accuracy": 0.93}], "task": "multiclass"}
    names = ["setosa", "versicolor", "virginica"]
    return model, rows, tw.export(model, path, rows, classes=names, schema={"task": "x"}, card=card)
