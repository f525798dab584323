"""NaN traced to its batch, layer and column."""

import numpy as np
import pytest
from tiny import CURVE, ROWS, silent, three_layers

from trainwise.callbacks import GradientWatch


def _watched(model, epochs=3, x=ROWS, y=CURVE, every=5, batch_size=8, **rest):
    watch = GradientWatch(x, y, every=every, report=silent, **rest)
    model.fit(x, y, epochs=epochs, batch_size=batch_size, callbacks=[watch], verbose=0)
    return watch


def test_a_nan_is_traced_to_its_batch_its_layer_and_its_column(tmp_path):
    x = ROWS.copy()
    x[37, 2] = np.nan
    model = three_layers()
    watch = GradientWatch(x, CURVE, every=100, report=silent, keep=tmp_path)
    model.fit(x, CURVE, epochs=1, batch_size=8, shuffle=False, callbacks=[watch], verbose=0)
    found = watch.findings[0]
    assert (found.symptom, found.level, found.step, found.layer) == ("non_finite", "error", 4, "one")
    assert found.causes[0] == "nan_in_inputs"
    assert found.evidence["column"] == 2
    assert "column 2" in found.message
    with np.load(tmp_path / "update-4.npz") as kept:
        np.testing.assert_array_equal(kept["x0"], x[32:40])
        np.testing.assert_array_equal(kept["y0"], CURVE[32:40])
    assert "train_step" not in model.__dict__
    assert [path.name for path in tmp_path.iterdir()] == ["update-4.npz"]


def test_a_nan_that_the_loss_does_not_show_is_found_in_the_weights(tmp_path):
    x = ROWS.copy()
    x[5, 1] = np.nan
    model = three_layers()
    watch = GradientWatch(ROWS, CURVE, every=2, report=silent, keep=tmp_path)
    model.fit(x, CURVE, epochs=1, batch_size=8, shuffle=False, callbacks=[watch], verbose=0)
    assert watch.findings[0].symptom == "non_finite"
    assert "update-0.npz" in watch.findings[0].message


def test_a_fit_without_nan_keeps_no_batch(tmp_path):
    _watched(three_layers(), keep=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(ValueError, match="`keep` must be a path that can be written, got .*file"):
        GradientWatch(keep=blocked)
