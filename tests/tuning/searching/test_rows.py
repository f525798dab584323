"""The rows of a search: arrays, lists, dictionaries, data sets, labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_searches import HELD, QUICK, X, Y, bare_build, small_space

from trainwise.tuning import SearchFailedError, search


def test_inputs_given_as_a_list_or_a_dictionary_are_trained_on_one_by_one():
    wide, narrow = X, X[:, :1] * 0

    def build(hp):
        inputs = [keras.Input((4,), name="wide"), keras.Input((1,), name="narrow")]
        features = keras.layers.Dense(hp.Choice("units", [4, 8]), "relu")(keras.layers.Concatenate()(inputs))
        return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(features))

    arguments = {**QUICK, "population": [0.01, 0.1]}
    listed = search(build, [wide, narrow], Y, **arguments)
    named = search(build, {"wide": wide, "narrow": narrow}, Y, **arguments)
    assert listed.best_score == pytest.approx(named.best_score, abs=1e-6)
    held = listed.plan.rows.validation
    assert listed.best_model.evaluate(*held, verbose=0)[0] == pytest.approx(listed.best_score, abs=1e-5)
    assert listed.refit(epochs=1).predict([wide, narrow], verbose=0).shape == (160, 1)


def test_a_space_learns_its_form_from_a_data_set():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    result = search(small_space(), rows, validation_data=HELD, **QUICK)
    assert result.best_model.output_shape == (None, 1)
    assert result.best_model.evaluate(*HELD, verbose=0)[0] == pytest.approx(result.best_score, abs=1e-5)
    assert result.refit(rows, epochs=1).built


def test_an_endless_data_set_is_trained_on_once_the_space_has_seen_rows():
    endless = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).repeat()
    with pytest.raises(ValueError, match="no end; call `adapt`"):
        search(small_space(), endless, validation_data=HELD, steps_per_epoch=5, **QUICK)
    space = small_space()
    space.adapt(X, Y)
    assert np.isfinite(search(space, endless, validation_data=HELD, steps_per_epoch=5, **QUICK).best_score)


def test_a_class_that_only_validation_rows_hold_has_a_unit_of_its_own():
    y = np.arange(160) % 3
    held = (HELD[0], np.full(40, 3))
    result = search(small_space(), X, y, **QUICK, validation_data=held)
    assert result.best_model.output_shape == (None, 4)


@pytest.mark.parametrize("labels", [Y * 2 - 1, Y + 1])
def test_labels_that_do_not_count_from_zero_are_refused_with_the_cure(labels):
    for space in (small_space(), bare_build):
        with pytest.raises((ValueError, SearchFailedError), match=r"must be 0 and 1, got .*return_inverse=True"):
            search(space, X, labels, **QUICK)
