import pytest
from small_searches import HELD, X, Y

from trainwise.tuning import MLP, search


@pytest.fixture(scope="session")
def found(tmp_path_factory):
    """A small whole search, looked at by many tests."""
    return search(
        MLP(units=(2, 4, 8), normalization="none"),
        X,
        Y,
        objective="val_accuracy",
        trials=10,
        epochs=4,
        population=4,
        validation_data=HELD,
        verbose=0,
        directory=tmp_path_factory.mktemp("found"),
        stopper="median",
    )
