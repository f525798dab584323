"""The state of Keras' own callbacks over an interruption; the oracle is a fit without one."""

import keras
import numpy as np
import pytest
from tiny import LINE, ROWS, two_layers

import trainwise as tw


class Interrupt(keras.callbacks.Callback):
    """Ends a fit as a crash does."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def test_a_resumed_fit_counts_on_where_keras_alone_forgets(tmp_path):
    def callbacks(keep):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=3, min_delta=1e9)
        stop = keras.callbacks.EarlyStopping("loss", patience=5, min_delta=1e9, restore_best_weights=True)
        monitor = tw.callbacks.LearningRateMonitor()
        kept = [tw.callbacks.ResumableState([plateau, stop], tmp_path / "state.json")] if keep else []
        return [plateau, stop, monitor, *kept]

    fit = {"verbose": 0, "shuffle": False}
    whole = two_layers().fit(ROWS, LINE, epochs=20, callbacks=callbacks(keep=False), **fit).history
    model = two_layers()
    with pytest.raises(KeyboardInterrupt):
        model.fit(ROWS, LINE, epochs=20, callbacks=[*callbacks(keep=True), Interrupt(2)], **fit)
    assert (tmp_path / "state.json").is_file()
    resumed = model.fit(ROWS, LINE, epochs=20, initial_epoch=2, callbacks=callbacks(keep=True), **fit).history
    assert len(resumed["loss"]) == len(whole["loss"]) - 2
    np.testing.assert_allclose(resumed["learning_rate"], whole["learning_rate"][2:])
    assert not list(tmp_path.iterdir())


def test_a_state_of_other_callbacks_is_refused(tmp_path):
    (tmp_path / "state.json").write_text('[{"kind": "EarlyStopping", "wait": 1}]')
    state = tw.callbacks.ResumableState([keras.callbacks.ReduceLROnPlateau("loss")], tmp_path / "state.json")
    with pytest.raises(ValueError, match=r"holds the state of \['EarlyStopping'\].*remove the file"):
        two_layers().fit(ROWS, LINE, callbacks=[state], verbose=0)
    with pytest.raises(ValueError, match="`callbacks` must hold at least one"):
        tw.callbacks.ResumableState([], tmp_path / "state.json")
