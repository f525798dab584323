"""What a search says."""

import keras
import pytest
from small_searches import HELD, X, Y, bare_build, compiled_build

from trainwise.tuning import search


def test_a_search_says_what_it_is_about_to_do(capsys):
    arguments = {"trials": 2, "epochs": 2, "validation_data": HELD}
    search(bare_build, X, Y, **arguments, population=[0.01, 0.1])
    assert "at most 2 trials, each a population of 2 at learning rates 0.01 to 0.1, 2 epochs" in (
        said := capsys.readouterr().out
    )
    assert "160 rows to train on, 40 to validate on" in said
    search(compiled_build, X, Y, **arguments)
    assert "one model each, as `build` compiled it; `population=16` would" in capsys.readouterr().out


@pytest.mark.parametrize("lasting", [True, False])
def test_an_interrupted_search_says_whether_it_can_be_gone_on_with(lasting, capsys, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    folder = {"directory": tmp_path} if lasting else {}
    with pytest.raises(KeyboardInterrupt):
        search(compiled_build, X, Y, trials=1, epochs=1, callbacks=[Stop()], **folder)
    expected = f"goes on with {tmp_path / 'search'}" if lasting else "no `directory` was given"
    assert expected in capsys.readouterr().out
