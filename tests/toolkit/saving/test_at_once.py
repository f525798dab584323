"""Two exports into one folder at exactly the same time, and versions that go while they are served."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw
from trainwise.toolkit.saving.numbering import latest_version, version_numbers

L = keras.layers
ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


class PlusWhatIsThere(L.Layer):
    """The sum of what it is given; the second part may be missing."""

    def call(self, first, second=None):
        return first if second is None else first + second

    def compute_output_shape(self, first_shape, second_shape=None):
        return first_shape


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A model with an optional input that has no rows, and one whose outputs would bear one name, exported at once."""
    always, sometimes = keras.Input((3,), name="always"), keras.Input((3,), name="sometimes", optional=True)
    optional = keras.Model({"always": always, "sometimes": sometimes}, 2 * PlusWhatIsThere()(always, sometimes))
    point = keras.Input((3,), name="point")
    clashing = keras.Model(point, {"a_b": point + 1, "a": {"b": point + 2}, "1 (cm)": point + 3})
    folder = tmp_path_factory.mktemp("both")
    start = threading.Barrier(2)

    def exported(model, rows):
        start.wait()
        return tw.export(model, folder, rows)

    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(exported, optional, {"always": ROWS, "sometimes": None}),
            pool.submit(exported, clashing, ROWS),
        ]
        return folder, *(one.result() for one in waiting)


def _answers(report, **columns):
    served = tf.saved_model.load(str(report.path)).signatures["serving_default"]
    return {name: answer.numpy() for name, answer in served(**columns).items()}


def test_each_gets_a_version_of_its_own_and_nothing_else_is_left(both):
    folder, optional, clashing = both
    assert sorted((optional.version, clashing.version)) == [1, 2] == version_numbers(folder)
    assert sorted(entry.name for entry in folder.iterdir()) == ["1", "2"]


def test_an_optional_input_without_rows_is_in_no_signature_and_the_proof_says_so(both):
    _, report, _ = both
    assert list(report.signatures["serving_default"]["inputs"]) == ["always"]
    assert any("optional inputs that had no rows ('sometimes') are in no signature" in one for one in report.proof)
    (answer,) = _answers(report, always=ROWS).values()
    np.testing.assert_allclose(answer, 2 * ROWS, rtol=1e-6)


def test_outputs_whose_places_would_bear_one_name_are_numbered(both):
    answers = _answers(both[2], point=ROWS)
    assert sorted(answers) == ["1 (cm)", "a_b", "a_b_2"]
    for name, more in {"a_b": 2, "a_b_2": 1, "1 (cm)": 3}.items():
        np.testing.assert_allclose(answers[name], ROWS + more, rtol=1e-6)


def test_an_input_that_is_not_optional_needs_rows(tmp_path):
    inputs = [keras.Input((3,), name="first"), keras.Input((3,), name="second")]
    model = keras.Model(inputs, L.Add()(inputs))
    with pytest.raises(ValueError, match="rows for the input 'second', which is not optional, got None"):
        tw.export(model, tmp_path, [ROWS, None])
    optional = keras.Input((3,), name="only", optional=True)
    with pytest.raises(ValueError, match="rows for at least one input, got None for each"):
        tw.export(keras.Model([optional], L.Identity()(optional)), tmp_path, [None])
    assert list(tmp_path.iterdir()) == []


def test_a_version_removed_while_it_is_served_answers_on_and_its_absence_is_told(both, tmp_path):
    folder = shutil.copytree(both[0], tmp_path / "served")
    latest = latest_version(folder)
    loaded = tf.saved_model.load(str(latest))
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    before = serve(**{name: ROWS})
    shutil.rmtree(latest)
    for key, answer in serve(**{name: ROWS}).items():
        np.testing.assert_array_equal(answer, before[key])
    assert latest_version(folder) == folder / "1"
    with pytest.raises(FileNotFoundError, match="There is no SavedModel in .*2"):
        tw.verify(latest)
    # Removed in the middle: what is left of it is not taken for a version, nor an older one for it.
    shutil.copytree(folder / "1/variables", latest / "variables")
    with pytest.raises(FileNotFoundError, match="2, the latest version: it is half written, or being removed"):
        tw.verify(folder)
