"""Each member followed by itself."""

import keras
from small_searches import HELD_NOISE, QUICK, X, small_space

from trainwise.tuning import search


def test_early_stopping_stops_each_member_by_itself():
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)
    result = search(
        small_space(units=(8,)),
        X,
        HELD_NOISE,
        **{**QUICK, "trials": 1, "epochs": 60, "population": [0.1, 0.3]},
        callbacks=[stop],
        drop_losers=False,
    )
    assert result.best.epochs < 60
    assert "early stopping" in result.best.reason
