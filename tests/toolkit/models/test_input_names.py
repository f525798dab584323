"""Names of columns that a signature of a SavedModel can have."""

import keyword
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit.data.columns import Column
from trainwise.toolkit.models.columns_in import model_inputs
from trainwise.toolkit.models.first import first_model
from trainwise.toolkit.models.input_names import input_names
from trainwise.toolkit.models.table_encoder import TableEncoder
from trainwise.toolkit.tasks import head


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=0, max_size=8), unique=True, max_size=12))
def test_names_are_allowed_and_differ_whatever_the_columns_are_called(names):
    found = input_names(names)
    assert len({name.lower() for name in found}) == len(names)
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name) for name in found)
    assert "self" not in found


def test_an_allowed_name_stays_whatever_stands_beside_it():
    assert input_names(["a b", "a_b", "A_b"]) == ["a_b_3", "a_b", "A_b_2"]
    assert input_names(["age"], taken=lambda name: name == "age") == ["age_column"]


@pytest.mark.parametrize(
    "names",
    [
        ["self", "class"],
        ["이름", "나이"],
        ["a", "lookup_0"],
        ["Age", "age"],
        ["mean", "encoder"],
        ["training", "name"],
        ["size (cm)", "size [cm]"],
        ["features", "probabilities"],
        ["", " "],
    ],
)
def test_a_model_of_columns_with_such_names_is_built_and_asked(names):
    x = {name: np.array(["u", "v"] * 5, dtype=object) for name in names}
    encoder = TableEncoder([Column(name, "category") for name in names], x)
    y = np.arange(10) % 2
    model = encoder.before(first_model(encoder.encode(x), y, head("binary", y), layout=encoder.layout)())
    assert model.predict(model_inputs(x), verbose=0).shape == (10, 1)
    assert len(model.inputs) == 2
