"""The check before a fit as a whole."""

import keras
import numpy as np
import pytest
from tiny import one_layer, symptoms_of

import trainwise as tw
from trainwise.toolkit.diagnosis.thresholds import limit

INTS = np.arange(60) % 3


BITS = np.arange(60) % 2


def test_the_model_stays_bit_identical(x):
    model = one_layer()
    model.fit(x, INTS, verbose=0)
    before = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    tw.check(model, x, INTS, (x, INTS), thorough=True)
    after = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_columns_of_words_and_numbers_are_checked():
    inputs = {"city": keras.Input((1,), name="city", dtype="string"), "age": keras.Input((1,), name="age")}
    city = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(inputs["city"])
    out = keras.layers.Dense(1, "sigmoid")(keras.layers.Concatenate()([city, inputs["age"]]))
    model = keras.Model(inputs, out)
    model.compile(loss="binary_crossentropy")
    rows = {"city": np.array(["a", "b"] * 30, dtype=object), "age": np.arange(60.0)}
    assert symptoms_of(tw.check(model, rows, BITS)) == {("unscaled_inputs", "warning")}


def test_bad_arguments_are_refused(x):
    with pytest.raises(TypeError, match="got str"):
        tw.check("model", x, INTS)
    with pytest.raises(ValueError, match="\\[60\\] rows, `y` has 59"):
        tw.check(one_layer(), x, INTS[:59])
    with pytest.raises(ValueError, match="no rows"):
        tw.check(one_layer(), x[:0], INTS[:0])


def test_only_a_part_of_many_rows_is_looked_at_unless_asked():
    most = int(limit("rows_looked_at"))
    x = np.zeros((most + 1, 1))
    # Rows spread evenly from the first to the last leave out one of them, the last but one.
    x[-2] = np.nan
    y = np.arange(most + 1) % 2
    model = one_layer(1, "sigmoid", "binary_crossentropy", features=1)
    assert tw.check(model, x, y) == []
    assert tw.check(model, x, y, thorough=True)[0].symptom == "non_finite_data"


def test_the_row_of_a_nan_is_its_place_among_all_rows():
    most = int(limit("rows_looked_at"))
    x = np.zeros((2 * most, 1))
    x[-1] = np.nan
    found = tw.check(one_layer(1, "sigmoid", "binary_crossentropy", features=1), x, np.arange(2 * most) % 2)
    assert found[0].symptom == "non_finite_data" and found[0].evidence["row"] == 2 * most - 1
