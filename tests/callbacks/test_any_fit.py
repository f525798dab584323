"""A watch never ends a fit and never changes one, whatever the fit.

By hand, with as many draws as there is time for:
`FITS=5000 .venv/bin/pytest --rootdir=tests -c tests/pytest.ini tests/callbacks/test_any_fit.py`.
"""

import math
import os
import warnings

import fits
import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.callbacks import CurveWatch, GradientWatch

DRAWS = int(os.environ.get("FITS", "400"))
# As parts, so that workers share them.
PARTS = 8


def _fitted(fit, watched):
    # The names of layers and metrics begin anew.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(fit["seed"])
    model, rows = fits.built(fit), fits.rows_of(fit)
    arguments = fits.data_of(fit, rows)
    watches = _watches(fit, rows, arguments) if watched else []
    validation = rows[:2] if fit["validated"] and rows[1] is not None else None
    # Keras says at times that a stream ran out, or that softmax and logits meet; what we say is an error all the same.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("error", category=RuntimeWarning, message=".*(stopped watching|failed with)")
        history = model.fit(
            **arguments,
            epochs=fit["epochs"],
            verbose=0,
            validation_data=validation,
            validation_batch_size=4 if fit["body"] == "stateful" else fits.ROWS,
            callbacks=watches,
        )
    return model, history.history, watches


def _watches(fit, rows, arguments):
    x, y, _ = rows
    quiet = {"report": lambda finding: None}
    if fit["watched"] == "nothing" or y is None:
        return [CurveWatch(fit["action"], **quiet), GradientWatch(**quiet)]
    if fit["watched"] == "stream" and fit["data"] in ("dataset", "shuffled", "py_dataset"):
        return [CurveWatch(fit["action"], x=arguments["x"], **quiet), GradientWatch(arguments["x"], **quiet)]
    return [CurveWatch(fit["action"], x, y, validation_data=(x, y), **quiet), GradientWatch(x, y, every=2, **quiet)]


def _same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_any_fit_ends_as_it_would_without_watches(part):
    rng, refused = np.random.default_rng(part), 0
    for number in range(DRAWS // PARTS):
        # In a graph, as users run theirs, a fit takes twice the time.
        fit = {**fits.drawn(rng), "eagerly": number % 10 != 0}
        try:
            model, history, watches = _fitted(fit, watched=True)
        except Exception as error:
            # Keras takes no weights of rows for losses of steps, but where there are as many rows as steps.
            if not _ends_in(type(error), fit):
                raise AssertionError(f"{fit}") from error
            refused += 1
            continue
        # A repair changes the fit, as it was asked to.
        if fit["action"] == "warn":
            alone, alone_history, _ = _fitted(fit, watched=False)
            assert _same(model.get_weights(), alone.get_weights()), fit
            assert all(_same(history[name], alone_history[name]) for name in alone_history), fit
        said = [finding for watch in watches for finding in watch.findings]
        assert all(math.isfinite(number) for finding in said for number in finding.evidence.values()), (fit, said)
    assert refused <= DRAWS // PARTS // 10


def _ends_in(kind, fit):
    """Whether a fit ends in an error of this kind without watches too."""
    try:
        _fitted(fit, watched=False)
    except kind:
        return True
    return False


def test_the_history_of_any_fit_can_be_diagnosed():
    rng = np.random.default_rng(99)
    for _ in range(10):
        fit = fits.drawn(rng)
        history = _fitted(fit, watched=False)[1]
        assert all(isinstance(finding, tw.Finding) for finding in tw.diagnose(history)), fit


def test_any_fit_can_be_checked_and_stays_as_it_is():
    rng = np.random.default_rng(7)
    for _ in range(30):
        fit = fits.drawn(rng)
        keras.utils.set_random_seed(fit["seed"])
        model, (x, y, _) = fits.built(fit), fits.rows_of(fit)
        before = model.get_weights() if model.built else None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)
            found = tw.check(model, x, y)
        assert before is None or _same(model.get_weights(), before), fit
        assert all(math.isfinite(number) for finding in found for number in finding.evidence.values()), (fit, found)


def test_an_error_of_a_watch_is_said_and_the_fit_goes_on():
    class Broken(CurveWatch):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("loss")

    from trainwise.callbacks.guard import guarded

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, verbose=0, callbacks=[guarded(Broken)()])
    assert len(history.epoch) == 3
    assert [str(one.message).split(": ")[0] for one in said if one.category is RuntimeWarning] == [
        "Broken stopped watching"
    ]
